# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/test_columns.py - columns in, of every kind, and what is wrong with some."""
import array
import datetime
import unittest

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import nanots
from python_case import FIRST, LAST, PythonCase

TS = [10, 20, 30]
GOOD = {"f64": [1.5, -0.0, 2.5], "f32": [0.5, 1.5, 2.5], "i64": [1, -2**63, 2**63 - 1],
        "i32": [1, -2**31, 2**31 - 1], "bool": [True, False, True], "utf8": ["a", "", "\u00e9\0"]}
DTYPES = {"f64": "f8", "f32": "f4", "i64": "i8", "i32": "i4", "bool": "?", "utf8": object}
ARROW = {"f64": pa.float64(), "f32": pa.float32(), "i64": pa.int64(), "i32": pa.int32(),
         "bool": pa.bool_(), "utf8": pa.string()}


class Kinds(PythonCase):
    """The same rows by every way in."""

    def check(self, data, columns=GOOD, times=TS):
        self.typed()
        self.assertEqual(self.db.append_columns("all", data), len(times))
        found_times, found = self.db.query_table_range_typed("all", FIRST, LAST)
        self.assertEqual(found_times, times)
        self.assertEqual(found, list(columns.values()))

    def arrays(self):
        return {"ts_ms": np.array(TS)} | {f"c_{k}": np.array(GOOD[k], DTYPES[k]) for k in GOOD}

    def table(self):
        names = ["ts_ms", *(f"c_{kind}" for kind in GOOD)]
        columns = [pa.array(TS), *(pa.array(GOOD[kind], ARROW[kind]) for kind in GOOD)]
        return pa.table(dict(zip(names, columns)))

    def test_numpy_arrays(self):
        self.check(self.arrays())

    def test_numpy_arrays_with_steps(self):
        self.check({name: np.repeat(values, 3)[::3] for name, values in self.arrays().items()})

    def test_numpy_arrays_backwards(self):
        self.check({name: values[::-1].copy()[::-1] for name, values in self.arrays().items()})

    def test_numpy_structured_array(self):
        arrays = {name: v for name, v in self.arrays().items() if v.dtype != object}
        rows = np.empty(3, [(name, values.dtype) for name, values in arrays.items()])
        for name, values in arrays.items():
            rows[name] = values
        self.check(rows, {**GOOD, "utf8": [None] * 3})

    def test_numpy_text(self):
        self.check(self.arrays() | {"c_utf8": np.array(["a", "b", "c"])},
                   GOOD | {"utf8": ["a", "b", "c"]})

    def test_numpy_masked_arrays(self):
        self.check(self.arrays() | {"c_i64": np.ma.MaskedArray([1, 2, 3], [0, 1, 0])},
                   GOOD | {"i64": [1, None, 3]})

    def test_lists(self):
        self.check({"ts": TS} | {f"c_{kind}": values for kind, values in GOOD.items()})

    def test_lists_with_nulls(self):
        nulls = {kind: [values[0], None, values[2]] for kind, values in GOOD.items()}
        self.check({"ts": TS} | {f"c_{kind}": values for kind, values in nulls.items()}, nulls)

    def test_tuples_and_ranges(self):
        self.check({"ts": range(10, 40, 10)} | {f"c_{k}": tuple(v) for k, v in GOOD.items()})

    def test_buffers(self):
        self.check({"ts": array.array("q", TS), "c_f64": memoryview(array.array("d", GOOD["f64"])),
                    "c_i32": array.array("i", GOOD["i32"])},
                   {kind: GOOD[kind] if kind in ("f64", "i32") else [None] * 3 for kind in GOOD})

    def test_pandas_frame(self):
        self.check(pd.DataFrame(self.arrays()))

    def test_pandas_frame_of_extension_types(self):
        frame = pd.DataFrame({"ts_ms": TS, "c_f64": pd.array(GOOD["f64"], "Float64"),
                              "c_f32": pd.array([0.5, None, 2.5], "Float32"),
                              "c_i64": pd.array([1, None, 3], "Int64"),
                              "c_i32": pd.array([1, None, 3], "Int32"),
                              "c_bool": pd.array([True, None, False], "boolean"),
                              "c_utf8": pd.array(["a", None, "b"], "string")})
        self.check(frame, {"f64": GOOD["f64"], "f32": [0.5, None, 2.5], "i64": [1, None, 3],
                           "i32": [1, None, 3], "bool": [True, None, False],
                           "utf8": ["a", None, "b"]})

    def test_pandas_frame_with_a_time_index(self):
        index = pd.to_datetime(TS, unit="ms", utc=True).tz_convert("Europe/Berlin")
        frame = pd.DataFrame(self.arrays(), index=index).drop(columns="ts_ms")
        self.check(frame)

    def test_pandas_categories(self):
        frame = pd.DataFrame(self.arrays())
        frame["c_utf8"] = pd.Categorical(["x", "y", "x"])
        self.check(frame, GOOD | {"utf8": ["x", "y", "x"]})

    def test_a_nan_of_pandas_stays_a_value(self):
        self.db.create_table("sensor", ["temp"])
        self.db.append_columns("sensor", pd.DataFrame({"ts": [1], "temp": [float("nan")]}))
        (column,) = self.db.query_table_range_typed("sensor", 0, 1)[1]
        self.assertNotEqual(column[0], column[0])

    def test_polars_frame(self):
        self.check(pl.DataFrame(self.table()))

    def test_polars_columns(self):
        frame = pl.DataFrame(self.table())
        self.check({name: pl.concat([frame[name][:1], frame[name][1:]], rechunk=False)
                    for name in frame.columns})

    def test_polars_categories(self):
        frame = pl.DataFrame(self.table()).with_columns(pl.Series("c_utf8", ["x", "y", "x"],
                                                                  pl.Categorical))
        self.check(frame, GOOD | {"utf8": ["x", "y", "x"]})

    def test_arrow_table_in_chunks(self):
        table = self.table()
        self.check(pa.concat_tables([table[:1], table[1:1], table[1:]]))

    def test_arrow_columns_in_chunks(self):
        table = self.table()
        chunks = pa.concat_tables([table[:1], table[1:]])
        self.check({name: chunks[name] for name in chunks.column_names})

    def test_arrow_batch_and_slice(self):
        self.check(pa.concat_tables([self.table()] * 3).combine_chunks().to_batches()[0][3:6])

    def test_arrow_dictionaries(self):
        table = self.table()
        place = table.schema.get_field_index("c_utf8")
        self.check(table.set_column(place, "c_utf8", table["c_utf8"].dictionary_encode()))

    def test_arrow_other_strings(self):
        for kind in (pa.large_string(), pa.string_view()):
            with self.subTest(kind):
                table = self.table()
                place = table.schema.get_field_index("c_utf8")
                self.check(table.set_column(place, "c_utf8", table["c_utf8"].cast(kind)))
                self.db.drop_table("all")
                self.setUp()

    def test_a_result_of_another_table(self):
        self.typed("source")
        self.db.append_columns("source", self.table())
        self.check_copy = self.db.query("source")
        self.typed()
        self.db.append_columns("all", self.check_copy)
        self.assertEqual(self.db.query_table_range_typed("all", FIRST, LAST),
                         self.db.query_table_range_typed("source", FIRST, LAST))

    def test_classic_capsules(self):
        self.typed()
        batch = self.table().to_batches()[0]
        self.assertEqual(self.db.append_rows_arrow_capsules("all", *batch.__arrow_c_array__()), 3)
        self.assertEqual(self.db.query_table_range_typed("all", FIRST, LAST)[1],
                         list(GOOD.values()))

    def test_nothing(self):
        self.typed()
        for data in ({name: values[:0] for name, values in self.arrays().items()},
                     {"ts": [], "c_f64": []}, self.table()[:0], pd.DataFrame(self.arrays())[:0]):
            self.db.append_columns("all", data)
        self.assertEqual(self.db.row_count("all"), 0)

    def test_rows_out_of_order(self):
        self.db.create_table("sensor", ["temp"])
        times = np.random.default_rng(1).permutation(100_000)
        self.db.append_columns("sensor", {"ts": times, "temp": times * 0.5})
        self.assertEqual(self.db.query_table_range_columns("sensor", FIRST, LAST),
                         (list(range(100_000)), [[ts * 0.5 for ts in range(100_000)]]))

    def test_tables_that_are_made(self):
        self.db.append_columns("new", {"ts_ns": np.arange(3), "a": np.arange(3.0), "b": ["x"] * 3,
                                       "c": [True, None, False]}, create=True)
        schema = self.db.schema("new")
        self.assertEqual((schema.time, schema.unit), ("ts_ns", "ns"))
        self.assertEqual([column.type for column in schema.columns], ["f64", "utf8", "bool"])
        self.fails(nanots.NotFoundError, "other", self.db.append_columns, "other",
                   {"ts": [1], "a": [1.0]})


class Times(PythonCase):
    """Every kind of time, in every unit."""

    STEP = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}

    def test_columns_of_times(self):
        when = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.timezone.utc)
        for unit, step in self.STEP.items():
            self.db.create_table("t" + unit, ["a"], unit=unit)
            kinds = [np.array(["2024-05-01T12"], "M8[s]"), np.array(["2024-05-01T12"], "M8[ns]"),
                     np.array(["2024-05-01T12"], "M8[h]"), [when], ["2024-05-01T14:00+02:00"],
                     [pd.Timestamp(when)], pd.Series([when]),
                     pd.Series([when.replace(tzinfo=None)]),
                     pa.array([when]), pl.Series([when]), [int(when.timestamp()) * step]]
            for times in kinds:
                self.db.append_columns("t" + unit, {"time": times, "a": [1.0]})
            found, _ = self.db.query_table_range_columns("t" + unit, FIRST, 2**63 - 1)
            self.assertEqual(found, [int(when.timestamp()) * step] * len(kinds))

    def test_what_is_no_time(self):
        self.db.create_table("t", ["a"], unit="s")
        append = lambda times: self.db.append_columns("t", {"time": times, "a": [1.0]})  # noqa
        self.fails(nanots.InvalidError, "NaT", append, np.array(["NaT"], "M8[ms]"))
        self.fails(nanots.InvalidError, "NaT", append, [pd.NaT])
        self.fails(nanots.InvalidError, "whole", append, ["2024-05-01T12:00:00.5"])
        self.fails(nanots.Error, "row 0", append, np.array([1500], "M8[ms]"))
        self.fails(nanots.InvalidError, "ISO 8601", append, ["yesterday"])
        self.fails(nanots.TypeMismatchError, "float", append, [1.5])
        self.fails(nanots.TypeMismatchError, "bool", append, [True])
        self.fails(nanots.InvalidError, "int64", append, [2**63])
        self.assertRaises(nanots.Error, append, np.array([1.0]))
        self.assertEqual(self.db.row_count("t"), 0)

    def test_handles_take_times_too(self):
        self.db.create_table("t", ["a"], unit="ns")
        table = self.db.table("t")
        table.append("2024-05-01T12:00:00.123456789Z", 1.0)
        table.append(pd.Timestamp("2024-05-01T12:00:00.123456789"), 1.0)
        table.append(np.datetime64("2024-05-01T12:00:00.123456789"), 1.0)
        table.append(np.int64(1714564800123456789), 1.0)
        self.assertEqual(self.db.query_table_range_columns("t", FIRST, 2**63 - 1)[0],
                         [1714564800123456789] * 4)
        self.fails(nanots.TypeMismatchError, "NoneType", table.append, None, 1.0)
        self.assertEqual((table.name, table.unit), ("t", "ns"))
        self.assertRaises(TypeError, table.append)
        self.fails(nanots.InvalidError, "1 column", table.append, 1, 1.0, 2.0)


class Wrong(PythonCase):
    def setUp(self):
        super().setUp()
        self.typed()

    def append(self, **columns):
        return self.db.append_columns("all", {"ts": np.arange(2)} | columns)

    def tearDown(self):
        self.assertEqual(self.db.row_count("all"), 0)

    def test_types(self):
        for name, values in (("c_f64", np.arange(2)), ("c_i64", np.arange(2.0)),
                             ("c_i32", np.arange(2)), ("c_bool", np.arange(2, dtype="u1")),
                             ("c_utf8", np.arange(2)), ("c_i64", np.arange(2, dtype="u8")),
                             ("c_f32", np.arange(2.0)), ("c_f64", pa.array([1, 2]))):
            error = self.fails(nanots.TypeMismatchError, name, self.append, **{name: values})
            self.assertIn("all", str(error))
        for values in (np.arange(2, dtype="f2"), np.arange(2, dtype="c16"),
                       np.arange(2, dtype=">f8"), np.arange(2, dtype="m8[s]")):
            self.fails(nanots.TypeMismatchError, "c_f64", self.append, c_f64=values)

    def test_lists(self):
        error = self.fails(nanots.TypeMismatchError, "row 1", self.append, c_i64=[1, "x"])
        for part in ('"all"', '"c_i64"', "expected i64", "got str"):
            self.assertIn(part, str(error))
        self.fails(nanots.InvalidError, "row 1", self.append, c_i32=[1, 2**31])

    def test_shapes(self):
        self.fails(nanots.InvalidError, "has 3 rows", self.append, c_f64=np.arange(3.0))
        self.fails(nanots.InvalidError, "one dimension", self.append, c_f64=np.ones((2, 2)))
        self.fails(nanots.InvalidError, "one dimension", self.append, c_f64=np.float64(1))

    def test_columns(self):
        self.fails(nanots.NotFoundError, "c_f65", self.append, c_f65=np.arange(2.0))
        self.fails(nanots.TypeMismatchError, "column", self.db.append_columns, "all", {1: [1]})
        self.fails(nanots.Error, "", self.db.append_columns, "all", {"c_f64": [1.0]})
        self.fails(nanots.Error, "", self.db.append_columns, "all", {})
        self.db.create_table("strict", ["a", "b"])
        self.fails(nanots.InvalidError, "b", self.db.append_columns, "strict",
                   {"ts": [1], "a": [1.0]})
        self.fails(nanots.InvalidError, "row 0", self.db.append_columns, "strict",
                   {"ts": [1], "a": [1.0], "b": [None]})

    def test_what_is_no_data(self):
        for data in (None, 5, "text", [1, 2], object(), np.arange(3.0)):
            self.fails(nanots.TypeMismatchError, type(data).__name__, self.db.append_columns,
                       "all", data)


if __name__ == "__main__":
    unittest.main()
