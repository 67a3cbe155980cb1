# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/arrow/arrow_case.py - the library and pyarrow in one process, through the C interfaces.

    class Something(ArrowCase):
        def test_x(self):
            self.db.append("plant", batch, create=True)           a RecordBatch, or a reader
            table = self.db.query("plant")                        a pyarrow.Table, fully validated

Nothing lies between the two but the structs of nanots_arrow.h. pyarrow is one of requirements.txt:
where the running Python lacks it, that of .venv takes over. In a build with AddressSanitizer its
runtime is loaded first.
"""
import ctypes
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NANOTS_BUILD_DIR", ROOT / "build"))
LIBRARY = BUILD / "lib/libnanots.so"


def sanitizer_runtime() -> str:
    """What must be loaded before the library, or nothing."""
    needed = subprocess.run(["readelf", "-d", LIBRARY], capture_output=True, text=True).stdout
    if "libasan" not in needed:
        return ""
    return subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True,
                          text=True).stdout.strip()


def take_over() -> None:
    """Goes on as a Python that has what the tests need."""
    if os.environ.get("NANOTS_ARROW_PYTHON"):
        return
    venv = ROOT / ".venv/bin/python"
    environment = dict(os.environ, NANOTS_ARROW_PYTHON="1")
    runtime = sanitizer_runtime()
    if runtime:
        # What Python itself keeps until its end is not ours to report.
        environment.update(LD_PRELOAD=runtime, ASAN_OPTIONS="detect_leaks=0")
    program = str(venv) if venv.exists() else sys.executable
    os.execve(program, [program, *sys.orig_argv[1:]], environment)


take_over()
try:
    import pyarrow as pa
except ImportError:
    raise unittest.SkipTest("pyarrow is not installed (scripts/setup.sh does it)")


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("os_errno", ctypes.c_int),
                ("message", ctypes.c_char * 256)]


class ArrowOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("time_as_int64", ctypes.c_int)]


class AppendOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("flags", ctypes.c_uint32),
                ("time_column", ctypes.c_char_p), ("duplicates", ctypes.c_int)]


class Query(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("flags", ctypes.c_uint32),
                ("from_", ctypes.c_int64), ("to", ctypes.c_int64),
                ("columns", ctypes.POINTER(ctypes.c_char_p)), ("column_count", ctypes.c_size_t),
                ("limit", ctypes.c_uint64)]


class Column(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("flags", ctypes.c_uint32)]


class TableOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("unit", ctypes.c_int),
                ("duplicates", ctypes.c_int)]


TYPES = {"f64": 1, "f32": 2, "i64": 3, "i32": 4, "bool": 5, "utf8": 6}
UNITS = {"ms": 0, "s": 1, "us": 2, "ns": 3}
STREAM_SIZE, SCHEMA_SIZE, ARRAY_SIZE = 5 * 8, 9 * 8, 10 * 8  # five pointers, and so on
RELEASE_OFFSET = {SCHEMA_SIZE: 7 * 8, ARRAY_SIZE: 8 * 8, STREAM_SIZE: 3 * 8}


class NanotsError(Exception):
    """A call that failed; `code` is the number of its status."""

    def __init__(self, error: Error):
        super().__init__(error.message.decode("utf-8", "replace"))
        self.code = error.code


class CStruct:
    """Room for one of the structs, zeroed."""

    def __init__(self, size: int):
        self.size = size
        self.room = (ctypes.c_uint64 * (size // 8))()
        self.address = ctypes.addressof(self.room)

    def is_released(self) -> bool:
        return self.room[RELEASE_OFFSET[self.size] // 8] == 0


class Db:
    """A database by its C calls."""

    library = ctypes.CDLL(str(LIBRARY))

    def __init__(self, path: Path):
        self.handle = ctypes.c_void_p()
        self.call("nanots_open", str(path).encode(), None, ctypes.byref(self.handle))

    def call(self, name: str, *arguments) -> None:
        error = Error()
        function = getattr(self.library, name)
        function.restype = ctypes.c_int
        if function(*arguments, ctypes.byref(error)) != 0:
            raise NanotsError(error)

    def close(self) -> None:
        if self.handle:
            handle, self.handle = self.handle, ctypes.c_void_p()
            self.call("nanots_close", handle)

    def create(self, table: str, columns: list[tuple], unit: str = "ms", duplicates: int = 0):
        rows = (Column * len(columns))()
        for row, (name, kind, nullable) in zip(rows, columns):
            row.name, row.type, row.flags = name.encode(), TYPES[kind], int(nullable)
        options = TableOptions(ctypes.sizeof(TableOptions), UNITS[unit], duplicates)
        self.call("nanots_create_table_with", self.handle, table.encode(), rows,
                  ctypes.c_size_t(len(columns)), ctypes.byref(options))

    def flush(self) -> None:
        self.call("nanots_flush", self.handle)

    def append(self, table: str, data, create: bool = False, time_column: str | None = None) -> int:
        """A RecordBatch by the array call, a RecordBatchReader by the stream call."""
        options = AppendOptions(ctypes.sizeof(AppendOptions), int(create),
                                time_column.encode() if time_column else None, 0)
        seq = ctypes.c_uint64()
        last = ctypes.byref(options), ctypes.byref(seq)
        if isinstance(data, pa.RecordBatchReader):
            stream = CStruct(STREAM_SIZE)
            data._export_to_c(stream.address)
            self.taken = [stream]
            self.call("nanots_append_arrow_stream", self.handle, table.encode(),
                      ctypes.c_void_p(stream.address), *last)
        else:
            schema, array = CStruct(SCHEMA_SIZE), CStruct(ARRAY_SIZE)
            data._export_to_c(array.address, schema.address)
            self.taken = [schema, array]
            self.call("nanots_append_arrow", self.handle, table.encode(),
                      ctypes.c_void_p(schema.address), ctypes.c_void_p(array.address), *last)
        return seq.value

    def reader(self, table: str, query: Query | None = None, int64: bool = False):
        options = ArrowOptions(ctypes.sizeof(ArrowOptions), int(int64))
        stream = CStruct(STREAM_SIZE)
        self.call("nanots_query_arrow_stream", self.handle, table.encode(),
                  ctypes.byref(query) if query else None, ctypes.byref(options),
                  ctypes.c_void_p(stream.address))
        return pa.RecordBatchReader._import_from_c(stream.address)

    def query(self, table: str, query: Query | None = None, int64: bool = False) -> pa.Table:
        """All rows by the stream call, checked."""
        with self.reader(table, query, int64) as reader:
            result = reader.read_all()
        result.validate(full=True)
        return result

    def query_whole(self, table: str, query: Query | None = None) -> pa.RecordBatch:
        """All rows by the call that hands out one array, checked."""
        schema, array = CStruct(SCHEMA_SIZE), CStruct(ARRAY_SIZE)
        self.call("nanots_query_arrow", self.handle, table.encode(),
                  ctypes.byref(query) if query else None, None, ctypes.c_void_p(schema.address),
                  ctypes.c_void_p(array.address))
        batch = pa.RecordBatch._import_from_c(array.address, schema.address)
        batch.validate(full=True)
        return batch

    def schema(self, table: str, int64: bool = False) -> pa.Schema:
        options = ArrowOptions(ctypes.sizeof(ArrowOptions), int(int64))
        schema = CStruct(SCHEMA_SIZE)
        self.call("nanots_table_arrow_schema", self.handle, table.encode(), ctypes.byref(options),
                  ctypes.c_void_p(schema.address))
        return pa.Schema._import_from_c(schema.address)


class ArrowCase(unittest.TestCase):
    """A database of its own for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "plant.ntt"
        self.db = Db(self.path)
        self.addCleanup(lambda: self.db.close())

    def fails(self, code: int, part: str, call, *arguments, **options) -> None:
        """The call fails with `code` and a sentence that has `part` in it; all structs that it was
        given are released."""
        with self.assertRaises(NanotsError) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.code, code, str(caught.exception))
        self.assertIn(part, str(caught.exception))
        self.assertTrue(all(struct.is_released() for struct in self.db.taken))
