# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/test_robust.py - misuse, threads, fork, leaks: at worst an exception."""
import ctypes
import faulthandler
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import numpy as np
import pandas as pd
import pyarrow as pa

import nanots
from nanots import _core
from python_case import FIRST, LAST, PythonCase, open_file_count, resident_bytes

faulthandler.enable()


def capsule(name: bytes) -> object:
    """A capsule of that name over 256 zero bytes, which live for ever."""
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    room = (ctypes.c_char * 256)()
    KEPT.append((room, name))
    return new(ctypes.addressof(room), name, None)


KEPT = []


class Capsules(PythonCase):
    def setUp(self):
        super().setUp()
        self.db.create_table("t", ["a"])
        self.batch = pa.record_batch({"ts_ms": [1, 2], "a": [1.0, 2.0]})

    def append(self, *capsules):
        return self.db.append_rows_arrow_capsules("t", *capsules)

    def test_of_the_wrong_kind(self):
        schema, array = self.batch.__arrow_c_array__()
        self.fails(nanots.TypeMismatchError, '"arrow_schema"', self.append, array, schema)
        self.fails(nanots.TypeMismatchError, "int", self.append, 5, 6)
        self.fails(nanots.TypeMismatchError, "other", self.append, capsule(b"other"), array)
        schema, _ = self.batch.__arrow_c_array__()
        self.fails(nanots.TypeMismatchError, '"arrow_array"', self.append, schema, None)
        reader = pa.RecordBatchReader.from_batches(self.batch.schema, [self.batch])
        self.fails(nanots.TypeMismatchError, "arrow_array_stream", self.append,
                   reader.__arrow_c_stream__(), array)
        self.fails(nanots.TypeMismatchError, "NoneType", _core.one_array, None)
        self.assertEqual(self.db.row_count("t"), 0)

    def test_used_twice(self):
        capsules = self.batch.__arrow_c_array__()
        self.assertEqual(self.append(*capsules), 2)
        self.fails(nanots.InvalidError, "used before", self.append, *capsules)
        schema, array = self.batch.__arrow_c_array__()
        pa.RecordBatch._import_from_c_capsule(schema, array)
        self.fails(nanots.InvalidError, "used before", self.append, schema, array)

    def test_released(self):
        self.fails(nanots.InvalidError, "used before", self.append, capsule(b"arrow_schema"),
                   capsule(b"arrow_array"))
        schema, _ = self.batch.__arrow_c_array__()
        self.fails(nanots.InvalidError, "used before", self.append, schema, capsule(b"arrow_array"))
        self.fails(nanots.InvalidError, "used before", _core.one_array,
                   capsule(b"arrow_array_stream"))

    def test_ours_used_twice_and_never(self):
        result = self.db.query("t")
        stream = result.__arrow_c_stream__()
        pa.RecordBatchReader._import_from_c_capsule(stream).read_all()
        self.assertRaises(Exception, pa.RecordBatchReader._import_from_c_capsule, stream)
        for _ in range(100):
            result.__arrow_c_stream__(), result.__arrow_c_schema__()
            self.db.query_table_range_arrow_capsules("t", 0, 1)

    def test_released_elsewhere(self):
        """Children that were moved out, in a thread of its own, after all else is gone."""
        self.append(*self.batch.__arrow_c_array__())
        columns = [self.db.query("t").read().to_arrow()["a"]]
        self.db.close()
        gc.collect()
        self.assertEqual(columns[0].to_pylist(), [1.0, 2.0])
        thread = threading.Thread(target=columns.clear)
        thread.start()
        thread.join()

    def test_a_stream_that_fails(self):
        def batches():
            yield self.batch
            raise ZeroDivisionError("no more of it")
        reader = pa.RecordBatchReader.from_batches(self.batch.schema, batches())
        error = self.fails(nanots.IoError, "no more of it", self.db.append_columns, "t", reader)
        self.assertIn("behind 2 rows, which are in", str(error))
        self.assertEqual(self.db.row_count("t"), 2)

    def test_a_stream_that_closes_the_database(self):
        def batches():
            yield self.batch
            self.db.close()
            yield self.batch
        reader = pa.RecordBatchReader.from_batches(self.batch.schema, batches())
        self.fails(nanots.MisuseError, "closed", self.db.append_columns, "t", reader)

    def test_protocols_that_lie(self):
        class Lying:
            def __init__(self, answer):
                self.answer = answer

            def __arrow_c_stream__(self):
                return self.answer

        class LyingArray:
            def __arrow_c_array__(self):
                return 1, 2

        self.fails(nanots.TypeMismatchError, "capsule", self.db.append_columns, "t", Lying(5))
        self.fails(nanots.TypeMismatchError, "capsule", self.db.append_columns, "t", LyingArray())
        self.fails(nanots.TypeMismatchError, "capsule", self.db.append_columns, "t",
                   {"ts": [1], "a": LyingArray()})
        self.assertRaises(TypeError, self.db._append_frame, "t", [(1,)], None, False,
                          None)
        self.assertRaises((TypeError, SystemError), self.db._append_frame, "t", [5], None, False,
                          None)


class Absurd(PythonCase):
    def test_sizes(self):
        self.db.create_table("t", ["a"])
        self.db.append_row("t", 1, [1.0])
        self.assertEqual(len(self.db.query("t", limit=2**70).to_numpy()["a"]), 1)
        self.assertFalse(self.db.maintain(2**70, 2**70)["more_due"])
        for call in (lambda: self.db.pack_table("t", 2**63), lambda: self.db.maintain(-1),
                     lambda: self.db.append_row("t", 1, range(10**12)),
                     lambda: self.db.append_row("t", 1, [1.0] * 100_000),
                     lambda: self.db.create_table("u", ["c"] * 5000),
                     lambda: self.db.create_table("u" * 300, ["c"]),
                     lambda: nanots.Db("x" * 10_000)):
            self.assertRaises((nanots.Error, OverflowError, MemoryError), call)
        self.assertEqual(self.db.list_tables(), ["t"])

    def test_options_names_and_what_people_see(self):
        self.db.create_table("t", ["a"])
        self.assertEqual(repr(self.db), f"<nanots.Db {self.path.__fspath__()!r}>")
        self.assertEqual(repr(self.db.batch()), f"<nanots.Group of {self.db!r}>")
        for interval in (-1, 2**32, 2**70, 1.5, "x"):
            self.fails(nanots.InvalidError, "sync_interval_ms: expected", nanots.Db, self.path,
                       sync_interval_ms=interval)
        for limit in (-1, 1.5, "x"):
            self.fails(nanots.InvalidError, "limit: expected", self.db.query, "t", limit=limit)
        self.fails(nanots.TypeMismatchError, "(name, type)", self.db.create_table_typed, "u", [5])
        for name in ("a\0b", "\ud800"):
            for call in (self.db.query_range, self.db.query_table_range_columns,
                         self.db.query_table_range_typed,
                         self.db.query_table_range_arrow_capsules):
                self.assertRaises(nanots.InvalidError, call, name, 0, 1)
        self.db.close()
        self.assertTrue(repr(self.db).endswith(", closed>"))

    def test_values_that_run_code(self):
        self.db.create_table("t", ["a", "b"])
        table, db, row = self.db.table("t"), self.db, []

        class Clearing:
            def __float__(self):
                row.clear()
                return 1.0

        class Closing:
            def __float__(self):
                db.close()
                return 1.0

        row[:] = [Clearing(), 2.0]
        self.assertEqual(self.db.append_row("t", 1, row), 1)
        row[:] = [Clearing(), 2.0]
        self.assertEqual(table.append(1, row), 2)
        self.fails(nanots.MisuseError, "closed", table.append, 1, [Closing(), 2.0])

    def test_types_are_not_to_be_made(self):
        for kind in (_core.Table, _core.Group, _core.Batch, _core.Batches, _core.Buffer):
            self.assertRaises(TypeError, kind)
            self.assertRaises(TypeError, setattr, kind, "x", 1)
        self.db.create_table("t", ["a"])
        self.assertRaises(nanots.TypeMismatchError, self.db._table, "t", int)
        self.assertRaises(IndexError, self.db.query("t").read()._raw.buffers, 2)
        self.assertRaises(IndexError, self.db.query("t").read()._raw.values, -1)


class Batches(PythonCase):
    def setUp(self):
        super().setUp()
        self.db.create_table("t", ["a"])
        self.db.create_table_typed("u", [("a", "utf8")])

    def counts(self):
        return self.db.row_count("t"), self.db.row_count("u")

    def test_all_or_nothing(self):
        with self.db.batch() as batch:
            batch.append("t", 1, 1.0)
            batch.append("u", "2024-01-01", [None])
            self.assertEqual(self.counts(), (0, 0))
        self.assertEqual(self.counts(), (1, 1))
        with self.assertRaises(ZeroDivisionError), self.db.batch() as batch:
            batch.append("t", 1, 1.0)
            raise ZeroDivisionError
        self.assertEqual(self.counts(), (1, 1))

    def test_columns_of_every_kind(self):
        numbers = {"ts": np.arange(3), "a": np.arange(3.0)}
        texts = pa.record_batch({"ts": [1, 2], "a": ["x", None]})
        big = np.arange(300_000)
        with self.db.batch() as batch:
            self.assertIsNone(batch.append_columns("t", numbers))
            batch.append_columns(self.db.table("t"), {"ts": ["2024-01-01"], "a": [1.5]})
            batch.append_columns("u", texts)
            batch.append_columns("u", pa.table(texts))
            batch.append_columns("t", pd.DataFrame(numbers), time="ts")
            batch.append_columns("t", {"ts": big, "a": big / 7})
            batch.append(self.db.table("u"), 5, "y")
            self.assertEqual(self.counts(), (0, 0))
        self.assertEqual(self.counts(), (300_007, 5))
        times, (values,) = self.db.query_table_range_typed("u", FIRST, LAST)
        self.assertEqual((times, values), ([1, 1, 2, 2, 5], ["x", "x", None, None, "y"]))
        with self.assertRaises(ZeroDivisionError), self.db.batch() as batch:
            batch.append_columns("t", {"ts": big, "a": big / 7})
            raise ZeroDivisionError
        self.assertEqual(self.counts(), (300_007, 5))

    def test_wrong_columns_leave_the_others(self):
        other = nanots.Db(self.folder / "other.ntt")
        with self.db.batch() as batch:
            batch.append_columns("t", {"ts": [1], "a": [1.0]})
            self.fails(nanots.TypeMismatchError, 'column "a"', batch.append_columns, "t",
                       {"ts": [1], "a": ["x"]})
            self.fails(nanots.NotFoundError, "v", batch.append_columns, "v", {"ts": [1], "a": [1]})
            self.fails(nanots.TypeMismatchError, "mapping", batch.append_columns, "t", 5)
            self.fails(nanots.TypeMismatchError, "name of a table", batch.append, 5, 1, 1.0)
            self.fails(nanots.TypeMismatchError, "batch", self.db._append_frame, "t", [], None,
                       False, other)
        self.assertEqual(self.counts(), (1, 0))
        other.close()
        self.fails(nanots.MisuseError, "ended", batch.append_columns, "t", {"ts": [1], "a": [1.0]})

    def test_a_stream_that_ends_the_batch(self):
        rows = pa.record_batch({"ts": [1, 2], "a": [1.0, 2.0]})
        for end, part in ((lambda batch: batch.commit(), "ended"),
                          (lambda batch: self.db.close(), "closed")):
            batch = self.db.batch()

            def batches():
                yield rows
                end(batch)
                yield rows

            reader = pa.RecordBatchReader.from_batches(rows.schema, batches())
            self.fails(nanots.MisuseError, part, batch.append_columns, "t", reader)

    def test_a_wrong_row_leaves_the_others(self):
        with self.db.batch() as batch:
            batch.append("t", 1, 1.0)
            self.fails(nanots.TypeMismatchError, "expected utf8", batch.append, "u", 1, 5)
            self.fails(nanots.NotFoundError, "v", batch.append, "v", 1, 5)
            self.fails(nanots.InvalidError, "1 columns, got 2", batch.append, "t", 1, 5, 6)
            self.assertRaises(TypeError, batch.append, "t")
        self.assertEqual(self.counts(), (1, 0))

    def test_by_hand(self):
        batch = self.db.batch()
        batch.append("t", 1, 1.0)
        self.assertEqual(batch.commit(), 1)
        for call in (batch.commit, batch.rollback, lambda: batch.append("t", 1, 1.0)):
            self.fails(nanots.MisuseError, "ended", call)
        batch = self.db.batch()
        batch.append("t", 1, 1.0)
        batch.rollback()
        del batch
        with self.db.batch() as batch:
            batch.rollback()
        self.assertEqual(self.counts(), (1, 0))

    def test_closed_inside(self):
        with self.assertRaises(nanots.MisuseError):
            with self.db.batch() as batch:
                batch.append("t", 1, 1.0)
                self.db.close()
        with nanots.Db(self.path) as db:
            self.assertEqual(db.row_count("t"), 0)


class Threads(PythonCase):
    def run_all(self, *calls):
        trouble = []

        def work(call):
            try:
                call()
            except BaseException as error:  # noqa: B036
                trouble.append(error)

        threads = [threading.Thread(target=work, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            self.assertFalse(thread.is_alive())
        self.assertEqual(trouble, [])

    def test_many_write_and_read(self):
        self.db.create_table("t", ["writer"])
        table = self.db.table("t")

        def write(writer):
            for ts in range(2000):
                table.append(ts, float(writer))

        def read():
            for _ in range(30):
                times = self.db.query("t").to_numpy()["ts_ms"].view("i8")
                self.assertTrue((np.diff(times) >= 0).all())
                self.db.query_table_range_columns("t", FIRST, LAST)

        self.run_all(*(lambda w=w: write(w) for w in range(4)), read, read, self.db.flush)
        writers = self.db.query("t").to_numpy()["writer"]
        self.assertEqual(np.bincount(writers.astype(int)).tolist(), [2000] * 4)

    def test_the_gil_is_free_meanwhile(self):
        """Another thread goes on while a long call of the library runs."""
        rows = np.arange(3_000_000)
        self.db.create_table("t", ["a"])
        counts, done = [0], threading.Event()

        def count():
            while not done.is_set():
                counts[0] += 1
                time.sleep(0)

        def long_call():
            before = counts[0]
            self.db.append_columns("t", {"ts": rows, "a": np.sin(rows)})
            self.db.pack_table("t", 0)
            moved.append(counts[0] - before)
            done.set()

        moved = []
        self.run_all(count, long_call)
        self.assertGreater(moved[0], 10)

    def test_one_iterator_in_two_threads(self):
        self.db.create_table("t", ["a"])
        self.db.append_columns("t", {"ts": np.arange(400_000), "a": np.ones(400_000)})
        batches, rows = self.db._query_batches("t", None, None, None, 0, False, False, False), []

        def drain():
            while True:
                try:
                    rows.append(len(next(batches)))
                except StopIteration:
                    return
                except nanots.MisuseError:
                    time.sleep(0)

        self.run_all(drain, drain, drain)
        self.assertEqual(sum(rows), 400_000)

    def test_closing_ends_what_is_read(self):
        self.db.create_table("t", ["a"])
        self.db.append_columns("t", {"ts": np.arange(400_000), "a": np.ones(400_000)})
        batches = iter(self.db.query("t"))
        reader = pa.RecordBatchReader.from_stream(self.db.query("t"))
        first, second = next(batches), reader.read_next_batch()
        self.db.close()
        self.fails(nanots.MisuseError, "closed", next, batches)
        self.assertRaisesRegex(pa.ArrowInvalid, "closed", reader.read_next_batch)
        self.assertEqual(len(first), len(second))
        nanots.Db(self.path).close()


class Fork(PythonCase):
    def in_child(self, work) -> None:
        """`work` in a child of fork(); what it asserts is asserted."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.alarm(60)
                work()
                code = 0
            finally:
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_the_child_is_refused_and_may_open_anew(self):
        self.db.create_table("t", ["a"])
        self.db.append_row("t", 1, [1.0])
        table = self.db.table("t")
        batches = self.db._query_batches("t", None, None, None, 0, False, False, False)
        group = self.db.batch()
        group.append("t", 2, 1.0)

        def work():
            for call in (self.db.flush, lambda: table.append(1, 1.0), lambda: next(batches),
                         lambda: self.db.query_range("t", 0, 1), group.commit):
                self.assertRaises(nanots.Error, call)
            with nanots.Db(self.path, read_only=True) as db:
                self.assertEqual(db.row_count("t"), 1)
            self.db.close()

        self.in_child(work)
        self.assertEqual(self.db.append_row("t", 2, [1.0]), 2)
        self.assertEqual(len(next(batches)), 1)
        self.assertEqual(group.commit(), 3)

    def test_the_child_may_end_as_it_likes(self):
        """With a thread of upkeep in the parent, by the interpreter's own end."""
        program = """if True:
            import os, sys, nanots
            db = nanots.Db(sys.argv[1], auto_maintenance=True)
            db.append("boiler", 1, 1.0)
            child = os.fork()
            if child:
                assert os.waitpid(child, 0)[1] == 0
                assert db.append("boiler", 2, 1.0) == 2"""
        path = self.folder / "forked.ntt"
        subprocess.run([sys.executable, "-c", program, path], check=True, timeout=60)
        self.assertEqual(nanots.verify(path).rows, 2)


class Leaks(PythonCase):
    def stays(self, work, rounds: int = 1000) -> None:
        """Memory and open files after many rounds are what they were after some."""
        for _ in range(rounds // 5):
            work()
        gc.collect()
        memory, files = resident_bytes(), open_file_count()
        for _ in range(rounds):
            work()
        gc.collect()
        self.assertLess(resident_bytes() - memory, rounds * 1000 + (1 << 20))
        self.assertEqual(open_file_count(), files)

    def setUp(self):
        super().setUp()
        self.typed("t")
        self.rows = pa.table({"ts": pa.array(range(1000)), "c_f64": pa.array([0.5] * 1000),
                              "c_utf8": pa.array(["some text"] * 1000)})
        self.db.append_columns("t", self.rows)

    def test_results(self):
        def work():
            result = self.db.query("t")
            result.__arrow_c_stream__()
            result.__arrow_c_schema__()
            pa.table(result)
            next(iter(result)).to_numpy()
            self.db.query_table_range_typed("t", FIRST, LAST)
            self.db.query_table_range_arrow_capsules("t", FIRST, LAST)
        self.stays(work)

    def test_what_is_refused(self):
        wrong = {"ts": [1, 2], "c_utf8": ["x" * 1000, 5]}
        batch = self.rows.to_batches()[0]

        def work():
            for call in (lambda: self.db.append_columns("t", wrong),
                         lambda: self.db.append_columns("none", self.rows),
                         lambda: self.db.append_rows_arrow_capsules("none",
                                                                    *batch.__arrow_c_array__()),
                         lambda: self.db.append_row_typed("t", 1, ["x"] * 6),
                         lambda: self.db.append_row("t", 1, ["x" * 1000]),
                         lambda: nanots.Db(self.path),
                         lambda: self.db.query("t", columns=["no"]).to_numpy()):
                self.assertRaises(nanots.Error, call)
        self.stays(work)

    def test_handles(self):
        path = self.folder / "other.ntt"

        def work():
            with nanots.Db(path) as db:
                db.append("s", 1, 1.0)
                db.table("s").append(2, 1.0)
                with db.batch() as batch:
                    batch.append("s", 3, 1.0)
                db.batch().append("s", 4, 1.0)
                db.stats("s"), db.diagnose(), db.verify(), db.list_tables(), db.schema("s")
                db.drop_table("s")
        self.stays(work, 300)

    def test_columns(self):
        self.db.create_table("u", ["a"])
        arrays = {"ts": np.arange(100), "a": np.arange(200.0)[::2]}
        lists = {"ts": list(range(100)), "a": [0.5] * 100}
        before = [sys.getrefcount(value) for value in arrays.values()]
        for _ in range(1000):
            self.db.append_columns("u", arrays)
            self.db.append_columns("u", lists)
        self.assertEqual([sys.getrefcount(value) for value in arrays.values()], before)


class Copies(PythonCase):
    def test_backup_and_repair(self):
        self.db.append("s", 1, 1.0)
        copy = self.folder / "copy.ntt"
        self.assertEqual(self.db.backup(copy)["rows"], 1)
        self.fails(nanots.ExistsError, "copy.ntt", self.db.backup, copy)
        self.db.append("s", 2, 1.0)
        self.assertEqual(self.db.backup(copy, incremental=True)["rows"], 2)
        self.assertEqual(self.db.backup(str(copy), replace=True)["rows"], 2)
        self.db.close()
        self.fails(nanots.MisuseError, "closed", self.db.backup, copy)
        content = copy.read_bytes()
        copy.write_bytes(content[:len(content) // 2])
        report = nanots.repair(self.path, self.folder / "saved.ntt")
        self.assertEqual((report.rows, report.damage, report.messages), (2, 0, []))
        self.fails(nanots.ExistsError, "saved.ntt", nanots.repair, self.path,
                   self.folder / "saved.ntt")
        self.fails(nanots.NotFoundError, "absent", nanots.repair, self.folder / "absent", copy,
                   replace=True)
        self.assertRaises(TypeError, nanots.repair, 5, copy)
        self.assertRaises(TypeError, nanots.repair, copy, 5)


if __name__ == "__main__":
    unittest.main()
