# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/arrow/test_arrow_nanoarrow.py - a second reader and maker of the structs: nanoarrow."""
import ctypes
import unittest

from arrow_case import AppendOptions, ArrowCase, ArrowOptions

import nanoarrow as na
from nanoarrow.c_array_stream import CArrayStream

COLUMNS = {"f64": (na.float64(), [1.5, None, -0.0]), "f32": (na.float32(), [0.5, 2.5, None]),
           "i64": (na.int64(), [None, -2**63, 2**63 - 1]), "i32": (na.int32(), [1, -2**31, None]),
           "bool": (na.bool_(), [True, None, False]), "utf8": (na.string(), ["", None, "\u00fc"])}


class Nanoarrow(ArrowCase):
    def append_columns(self, table: str) -> None:
        """A struct array that nanoarrow has made and releases."""
        times = na.c_array([10, 20, 30], na.int64())
        arrays = [times] + [na.c_array(values, kind) for kind, values in COLUMNS.values()]
        schema = na.struct({"ts_ms": na.int64(nullable=False)} |
                           {name: kind for name, (kind, _) in COLUMNS.items()})
        whole = na.c_array_from_buffers(schema, 3, [None], children=arrays,
                                        validation_level="none")
        self.db.call("nanots_append_arrow", self.db.handle, table.encode(),
                     ctypes.c_void_p(whole.schema._addr()), ctypes.c_void_p(whole._addr()),
                     ctypes.byref(self.create), None)
        self.assertFalse(whole.is_valid())

    def setUp(self):
        super().setUp()
        self.create = AppendOptions(ctypes.sizeof(AppendOptions), 1)

    def stream_of(self, table: str) -> CArrayStream:
        options = ArrowOptions(ctypes.sizeof(ArrowOptions), 1)
        stream = CArrayStream.allocate()
        self.db.call("nanots_query_arrow_stream", self.db.handle, table.encode(), None,
                     ctypes.byref(options), ctypes.c_void_p(stream._addr()))
        return stream

    def test_all_types_in_and_out(self):
        self.append_columns("t")
        stream = na.ArrayStream(self.stream_of("t"))
        rows = stream.read_all()
        self.assertEqual([str(f.name) for f in stream.schema.fields], ["ts_ms", *COLUMNS])
        wanted = [dict({"ts_ms": 10 * (i + 1)}, **{n: v[i] for n, (_, v) in COLUMNS.items()})
                  for i in range(3)]
        self.assertEqual(rows.to_pylist(), wanted)

    def test_a_stream_goes_from_table_to_table(self):
        self.append_columns("t")
        stream = self.stream_of("t")
        self.db.call("nanots_append_arrow_stream", self.db.handle, b"copy",
                     ctypes.c_void_p(stream._addr()), ctypes.byref(self.create), None)
        self.assertFalse(stream.is_valid())
        self.assertTrue(self.db.query("copy").equals(self.db.query("t")))


if __name__ == "__main__":
    unittest.main()
