# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/test_results.py - what queries give, to all who take it; everything is validated."""
import datetime
import subprocess
import sys
import tempfile
import unittest

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.lib
from hypothesis import given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

import nanots
from python_case import FIRST, LAST, TYPES, PythonCase, seed

MIXED = {"f64": [1.5, None, 2.5], "f32": [0.5, None, 2.5], "i64": [1, None, 2**63 - 1],
         "i32": [1, None, -2**31], "bool": [True, None, False], "utf8": ["a", None, "\u00e9"]}
NAMES = ["ts_ms", *(f"c_{kind}" for kind in TYPES)]
ARROW = (pa.float64(), pa.float32(), pa.int64(), pa.int32(), pa.bool_(), pa.string())
TEN_MILLION = 10_000_000


def setUpModule():
    """What hypothesis remembers goes where it is taken away again."""
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    set_hypothesis_home_dir(folder.name)


def checked(data) -> pa.Table:
    table = pa.table(data)
    table.validate(full=True)
    return table


class Mixed(PythonCase):
    """Three rows of all types, the second all null."""

    def setUp(self):
        super().setUp()
        self.typed()
        columns = {f"c_{kind}": values for kind, values in MIXED.items()}
        self.db.append_columns("all", {"ts": [10, 20, 30]} | columns)

    def test_arrow(self):
        for table in (self.db.query("all").to_arrow(), checked(self.db.query("all"))):
            table.validate(full=True)
            self.assertEqual(table.column_names, NAMES)
            self.assertEqual(table.schema.field("ts_ms").type, pa.timestamp("ms", "UTC"))
            self.assertFalse(table.schema.field("ts_ms").nullable)
            self.assertEqual(table["ts_ms"].cast(pa.int64()).to_pylist(), [10, 20, 30])
            for kind, values in MIXED.items():
                self.assertEqual(table[f"c_{kind}"].to_pylist(), values)

    def test_schema_without_rows(self):
        schema = pa.schema(self.db.query("all", columns=["c_f64"]))
        self.assertEqual(schema, pa.schema([pa.field("ts_ms", pa.timestamp("ms", "UTC"), False),
                                            pa.field("c_f64", pa.float64())]))

    def test_requested_schema(self):
        result = self.db.query("all", columns=["c_i64"])
        wanted = pa.schema([("ts_ms", pa.int64()), ("c_i64", pa.int64())])
        reader = pa.RecordBatchReader.from_stream(result, schema=wanted)
        self.assertEqual(reader.read_all()["ts_ms"].to_pylist(), [10, 20, 30])
        self.assertRaises(nanots.TypeMismatchError, result.__arrow_c_stream__, "schema")

    def test_requested_schema_widens(self):
        kinds = {"ts_ms": pa.timestamp("ns", "UTC"), "c_f32": pa.float64(), "c_i32": pa.int64(),
                 "c_utf8": pa.large_string()}
        schema = pa.schema(self.db.query("all"))
        for name, kind in kinds.items():
            place = schema.get_field_index(name)
            schema = schema.set(place, schema.field(place).with_type(kind))
        for _ in range(2):
            result = self.db.query("all")
            table = pa.RecordBatchReader.from_stream(result, schema=schema).read_all()
            table.validate(full=True)
            self.assertEqual(table.schema, schema)
            times = table["ts_ms"].cast(pa.int64()).to_pylist()
            self.assertEqual(times, [10**7, 2 * 10**7, 3 * 10**7])
            for kind in ("f64", "f32", "i64", "i32", "bool", "utf8"):
                self.assertEqual(table[f"c_{kind}"].to_pylist(), MIXED[kind])
            column = table["c_utf8"]
            del table
            self.assertEqual(column.to_pylist(), MIXED["utf8"])
            self.db.flush()
        self.db.append_row_typed("all", 2**62, [None] * 6)
        reader = pa.RecordBatchReader.from_stream(self.db.query("all"), schema=schema)
        self.assertRaisesRegex(OSError, "finer unit", reader.read_all)

    def test_numpy(self):
        arrays = self.db.query("all").to_numpy()
        self.assertEqual(list(arrays), NAMES)
        self.assertEqual(arrays["ts_ms"].dtype, np.dtype("M8[ms]"))
        self.assertEqual(arrays["ts_ms"].astype("i8").tolist(), [10, 20, 30])
        for kind in ("f64", "f32"):
            self.assertEqual(np.isnan(arrays[f"c_{kind}"]).tolist(), [False, True, False])
        for kind in ("i64", "i32", "bool", "utf8"):
            self.assertEqual(arrays[f"c_{kind}"].tolist(), MIXED[kind])

    def test_pandas(self):
        frame = self.db.query("all").to_pandas()
        self.assertEqual([str(dtype) for dtype in frame.dtypes],
                         ["datetime64[ms, UTC]", "float64", "float32", "Int64", "Int32", "boolean",
                          "str"])
        for kind, values in MIXED.items():
            column = frame[f"c_{kind}"].astype(object)
            self.assertEqual(column.where(column.notna(), None).tolist(), values)
        self.assertEqual(frame["ts_ms"][0], pd.Timestamp(10, unit="ms", tz="UTC"))

    def test_polars(self):
        frame = self.db.query("all").to_polars()
        self.assertEqual(frame["ts_ms"].dtype, pl.Datetime("ms", "UTC"))
        for kind, values in MIXED.items():
            self.assertEqual(frame[f"c_{kind}"].to_list(), values)

    def test_duckdb(self):
        result = self.db.query("all")
        query = "select c_i32, c_utf8, c_bool from result order by ts_ms"
        expected = list(zip(MIXED["i32"], MIXED["utf8"], MIXED["bool"]))
        self.assertEqual(duckdb.sql(query).fetchall(), expected)
        self.db.append_row_typed("all", 40, [None] * 6)  # each use is a scan of its own
        self.assertEqual(duckdb.sql(query).fetchall(), expected + [(None, None, None)])

    def test_classic_capsules(self):
        capsules = self.db.query_table_range_arrow_capsules("all", FIRST, LAST)
        batch = pyarrow.lib.RecordBatch._import_from_c_capsule(*capsules)
        batch.validate(full=True)
        self.assertEqual(batch.schema.field("ts_ms").type, pa.int64())
        self.assertEqual(batch.to_pydict(), dict(zip(NAMES, [[10, 20, 30], *MIXED.values()])))

    def test_empty_results(self):
        for result in (self.db.query("all", 11, 12), self.db.query("all", limit=0),
                       self.db.query("all", 2**70), self.db.query("all", end=-2**70)):
            self.assertEqual(len(checked(result)), 0)
            self.assertEqual(len(result.to_arrow()), 0)
            self.assertEqual(list(result), [])
            self.assertEqual({len(v) for v in result.to_numpy().values()}, {0})
            self.assertEqual(result.to_pandas().shape, (0, 7))
            self.assertEqual(result.to_polars().shape, (0, 7))
        batch = pyarrow.lib.RecordBatch._import_from_c_capsule(
            *self.db.query_table_range_arrow_capsules("all", 11, 12))
        batch.validate(full=True)
        self.assertEqual(len(batch), 0)
        self.assertEqual(self.db.query_table_range_typed("all", 11, 12), ([], [[]] * 6))

    def test_columns_limit_reverse(self):
        result = self.db.query("all", columns=["c_utf8", "c_i32"], limit=2, reverse=True)
        table = checked(result)
        self.assertEqual(table.column_names, ["ts_ms", "c_utf8", "c_i32"])
        self.assertEqual(table["c_utf8"].to_pylist(), ["\u00e9", None])
        self.assertEqual(checked(self.db.query("all", columns=[])).column_names, ["ts_ms"])
        self.fails(nanots.NotFoundError, "c_f65", self.db.query("all", columns=["c_f65"]).to_arrow)
        self.fails(nanots.TypeMismatchError, "list of names", self.db.query, "all", columns="c_f64")
        self.fails(nanots.InvalidError, "limit", self.db.query, "all", limit=-1)
        self.fails(nanots.NotFoundError, "none", self.db.query, "none")

    def test_batches_outlive_the_database(self):
        (batch,) = self.db.query("all")
        arrays, record_batch = batch.to_numpy(), batch.to_arrow()
        self.db.close()
        self.assertEqual(arrays["c_i64"].tolist(), MIXED["i64"])
        record_batch.validate(full=True)
        del batch
        self.assertEqual(record_batch["c_utf8"].to_pylist(), MIXED["utf8"])
        self.assertEqual(arrays["ts_ms"].astype("i8").tolist(), [10, 20, 30])


class Bounds(PythonCase):
    def setUp(self):
        super().setUp()
        self.db.create_table("t", ["a"])
        for ts in (1000, 2000, 3000):
            self.db.append_row("t", ts, [0.0])

    def times(self, *arguments, **options):
        return [ts // 1000 for ts in
                self.db.query("t", *arguments, **options).to_numpy()["ts_ms"].astype("i8").tolist()]

    def test_closed(self):
        for closed, found in (("both", [1, 2, 3]), ("left", [1, 2]), ("right", [2, 3]),
                              ("neither", [2])):
            self.assertEqual(self.times(1000, 3000, closed=closed), found)
            self.assertEqual(self.times("1970-01-01T00:00:01", np.datetime64(3, "s"),
                                        closed=closed), found)
        self.fails(nanots.InvalidError, "closed", self.db.query, "t", closed="up")

    def test_times_between_steps(self):
        for closed in ("both", "left", "right", "neither"):
            self.assertEqual(self.times("1970-01-01T00:00:00.9999", "1970-01-01T00:00:02.0001",
                                        closed=closed), [1, 2])
            self.assertEqual(self.times("1970-01-01T00:00:01.0001", closed=closed), [2, 3])

    def test_naive_is_utc_and_zones_count(self):
        naive = datetime.datetime(1970, 1, 1, 0, 0, 2)
        zone = datetime.timezone(datetime.timedelta(hours=1))
        aware = datetime.datetime(1970, 1, 1, 1, 0, 2, tzinfo=zone)
        for start in (naive, aware, pd.Timestamp(naive), pd.Timestamp(aware), 2000,
                      np.int64(2000), "1970-01-01T00:00:02Z", "1970-01-01 01:00:02+01:00"):
            self.assertEqual(self.times(start), [2, 3])
        self.assertEqual(self.times(end=datetime.date(1970, 1, 2)), [1, 2, 3])
        self.fails(nanots.TypeMismatchError, "float", self.db.query, "t", 1.5)


class ZeroCopy(PythonCase):
    """One memory: the kernel's decode buffer, NumPy's and pyarrow's."""

    def setUp(self):
        super().setUp()
        self.db.create_table_typed("t", [(k, k) for k in ("f64", "f32", "i64", "i32")])
        rows = np.arange(200_000)
        self.db.append_columns("t", {"ts": rows} | {k: rows.astype(d) for k, d in
                                                    (("f64", "f8"), ("f32", "f4"), ("i64", "i8"),
                                                     ("i32", "i4"))})

    def check(self, batch: nanots.Batch):
        arrays, arrow = batch.to_numpy(), batch.to_arrow()
        for i, (name, values) in enumerate(arrays.items()):
            address = batch._raw.buffers(i)[4].address
            self.assertEqual(values.__array_interface__["data"], (address, True), name)
            self.assertEqual(arrow[name].buffers()[1].address, address)

    def test_batches(self):
        batches = list(self.db.query("t"))
        self.assertEqual(sum(map(len, batches)), 200_000)
        for batch in batches:
            self.check(batch)

    def test_whole(self):
        self.check(self.db.query("t").read())

    def test_pandas(self):
        batch = self.db.query("t").read()
        frame = batch.to_pandas()
        for i, name in enumerate(frame.columns):
            if i > 0:
                values = frame[name].to_numpy()
                self.assertEqual(values.__array_interface__["data"][0],
                                 batch._raw.buffers(i)[4].address)

    def test_memory_is_read_only(self):
        batch = self.db.query("t").read()
        self.assertFalse(batch.to_numpy()["f64"].flags.writeable)
        self.assertTrue(memoryview(batch._raw.buffers(1)[4]).readonly)

    def test_appending_numpy_takes_no_copy(self):
        """10 M rows of one column are 80 MB; what is taken beside them stays far below."""
        program = """if True:
            import resource, sys, numpy as np, nanots
            rows = np.arange(10_000_000)
            values = rows * 0.5
            with nanots.Db(sys.argv[1]) as db:
                db.create_table("t", ["a"])
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                db.append_columns("t", {"ts": rows, "a": values})
                print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"""
        done = subprocess.run([sys.executable, "-c", program, self.folder / "big.ntt"],
                              capture_output=True, text=True, check=True)
        self.assertLess(int(done.stdout), 60_000)


class Large(PythonCase):
    def test_ten_million_rows(self):
        """In by NumPy, out by all ways, whole and in order."""
        ts = np.arange(TEN_MILLION) * 1000
        values = np.sin(np.arange(TEN_MILLION) * 0.001).round(3)
        self.db.create_table("t", ["a"])
        self.db.append_columns("t", {"ts": ts, "a": values})
        count = 0
        for batch in self.db.query("t"):
            arrays = batch.to_numpy()
            rows = slice(count, count + len(batch))
            self.assertTrue((arrays["ts_ms"].view("i8") == ts[rows]).all())
            self.assertTrue((arrays["a"] == values[rows]).all())
            count += len(batch)
        self.assertEqual(count, TEN_MILLION)
        batch = pyarrow.lib.RecordBatch._import_from_c_capsule(
            *self.db.query_table_range_arrow_capsules("t", FIRST, LAST))
        batch.validate(full=True)
        self.assertTrue((batch["a"].to_numpy() == values).all())
        frame = self.db.query("t").to_pandas()
        self.assertTrue((frame["a"].to_numpy() == values).all())
        result = self.db.query("t")
        self.assertEqual(duckdb.sql("select count(*), min(a), max(a) from result").fetchall(),
                         [(TEN_MILLION, values.min(), values.max())])
        self.assertTrue((result.to_polars()["a"].to_numpy() == values).all())


def columns(kind: str, count: int):
    """Lists of `count` values of a type, or None."""
    values = {"f64": st.floats(), "f32": st.floats(width=32),
              "i64": st.integers(-2**63, 2**63 - 1), "i32": st.integers(-2**31, 2**31 - 1),
              "bool": st.booleans(), "utf8": st.text(st.characters(exclude_categories=["Cs"]))}
    return st.lists(st.none() | values[kind], min_size=count, max_size=count)


@st.composite
def tables(draw):
    count = draw(st.integers(0, 30))
    times = draw(st.lists(st.integers(-2**63, 2**63 - 1), min_size=count, max_size=count))
    return times, [draw(columns(kind, count)) for kind in TYPES]


class RoundTrips(unittest.TestCase):
    def same(self, one, other):
        """Equal with types; NaN is NaN, and zeros have their sign."""
        self.assertEqual(repr(one), repr(other))

    def test_any_columns(self):
        """In by lists, by Arrow and by rows; sorted by time and arrival, bit for bit, back."""
        @hypothesis_seed(seed())
        @settings(max_examples=60, deadline=None, database=None)
        @given(tables())
        def check(made):
            times, values = made
            order = sorted(range(len(times)), key=times.__getitem__)
            expected = ([times[i] for i in order],
                        [[column[i] for i in order] for column in values])
            for way in ("lists", "arrow", "rows"):
                self.same(self.through(way, times, values), expected)

        check()

    def through(self, way, times, values):
        names = [f"c_{kind}" for kind in TYPES]
        with tempfile.TemporaryDirectory() as folder, nanots.Db(f"{folder}/t.ntt") as db:
            db.create_table_typed("t", list(zip(names, TYPES)))
            if way == "lists":
                db.append_columns("t", {"ts": times} | dict(zip(names, values)))
            elif way == "arrow":
                arrays = [pa.array(v, kind) for v, kind in zip(values, ARROW)]
                db.append_columns("t", pa.table([pa.array(times, pa.int64()), *arrays],
                                                ["ts", *names]))
                db.flush()
            else:
                for i, ts in enumerate(times):
                    db.append_row_typed("t", ts, [column[i] for column in values])
            table = checked(db.query("t"))
            found = db.query_table_range_typed("t", -2**63, 2**63 - 1)
            self.same([column.to_pylist() for column in table.columns[1:]], found[1])
            return found


if __name__ == "__main__":
    unittest.main()
