# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/test_classic.py - the classic interface, call by call; the standard library only."""
import gc
import math
import os
import random
import struct
import subprocess
import sys
import threading
import unittest

import nanots
from python_case import FIRST, LAST, TYPES, PythonCase, open_file_count


class Opening(PythonCase):
    def test_a_second_writer_is_busy(self):
        error = self.fails(nanots.BusyError, "plant.ntt", nanots.Db, self.path)
        self.assertIsInstance(error, BlockingIOError)
        self.assertEqual(error.code, 4)

    def test_close_releases_file_and_lock_at_once(self):
        before = open_file_count()
        self.db.close()
        self.assertLess(open_file_count(), before)
        nanots.Db(self.path).close()

    def test_releasing_does_too(self):
        other = self.folder / "other.ntt"
        db = nanots.Db(other)
        self.fails(nanots.BusyError, "other.ntt", nanots.Db, other)
        del db
        nanots.Db(other).close()

    def test_close_is_allowed_twice(self):
        self.db.close()
        self.db.close()
        self.assertTrue(self.db.closed)

    def test_with_block_closes(self):
        self.db.close()
        with nanots.Db(self.path) as db:
            db.append("boiler", 1, 2.0)
            self.assertFalse(db.closed)
        self.assertTrue(db.closed)
        self.fails(nanots.MisuseError, "closed", db.__enter__)

    def test_rows_survive_closing(self):
        self.db.append("boiler", 1, 2.0)
        self.db.close()
        with nanots.Db(str(self.path)) as db:
            self.assertEqual(db.query_range("boiler", FIRST, LAST), [(1, 2.0)])

    def test_path_may_be_bytes(self):
        with nanots.Db(os.fsencode(self.folder / "other.ntt")) as db:
            self.assertEqual(db.list_tables(), [])

    def test_read_only_reads_beside_the_writer(self):
        self.db.append("boiler", 1, 2.0)
        with nanots.Db(self.path, read_only=True) as reader:
            self.assertEqual(reader.query_range("boiler", FIRST, LAST), [(1, 2.0)])
            self.fails(nanots.ReadOnlyError, "read-only", reader.append, "boiler", 2, 2.0)
            counter = reader.change_counter()
            self.db.append("boiler", 2, 3.0)
            self.assertGreater(reader.change_counter(), counter)
            self.assertTrue(reader.refresh())
            self.assertEqual(len(reader.query_range("boiler", FIRST, LAST)), 2)
            self.assertFalse(reader.refresh())

    def test_absent_files(self):
        absent = self.folder / "absent.ntt"
        for options in ({"read_only": True}, {"create": False}):
            error = self.fails(nanots.NotFoundError, "absent.ntt", nanots.Db, absent, **options)
            self.assertIsInstance(error, FileNotFoundError)
        self.assertFalse(absent.exists())

    def test_files_of_others(self):
        other = self.folder / "other.txt"
        other.write_bytes(b"no database " * 1000)
        error = self.fails(nanots.NotADatabaseError, "other.txt", nanots.Db, other)
        self.assertIsInstance(error, OSError)

    def test_retention(self):
        self.db.append("boiler", 1, 2.0)
        self.assertEqual(self.db.compact_retention_now(), 0)
        self.assertEqual(self.db.query_range("boiler", FIRST, LAST), [(1, 2.0)])
        self.db.close()
        with nanots.Db(self.path, 3600 * 1000) as db:
            db.append("boiler", 1, 2.0)
            db.append("boiler", 10**15, 2.0)
            self.assertEqual(db.compact_retention_now(), 2)
            self.assertEqual(db.query_range("boiler", FIRST, LAST), [(10**15, 2.0)])
        self.fails(nanots.InvalidError, "retention_ms", nanots.Db, self.path, -1)
        self.fails(nanots.InvalidError, "retention_ms", nanots.Db, self.path, "1 h")

    def test_names_with_a_zero_byte(self):
        for call in (lambda: self.db.rename_table("a\0", "b"),
                     lambda: self.db.rename_column("a", "b", "c\0"),
                     lambda: self.db.pack_table("a\0", 0),
                     lambda: self.db.compact_retention(1, "a\0"),
                     lambda: self.db.append_columns("a\0", {"ts_ms": [1], "value": [1.0]}),
                     lambda: self.db.append_rows_arrow_capsules("a\0", None, None)):
            self.fails(nanots.InvalidError, "zero byte", call)

    def test_max_bytes_keeps_the_newest_rows(self):
        random.seed(11)
        self.db.close()
        with nanots.Db(self.path, max_bytes=1 << 20) as db:
            for start in range(0, 300_000, 1000):
                for ts in range(start, start + 1000):
                    db.append("a", ts, random.random())
                self.assertLessEqual(os.path.getsize(self.path), 1 << 20)
            rows = db.query_range("a", 0, 10**9)
            self.assertEqual([ts for ts, _ in rows], list(range(300_000 - len(rows), 300_000)))
            self.assertGreater(len(rows), 50_000)
            state = db.diagnose()
            self.assertEqual(state["max_bytes"], 1 << 20)
            self.assertEqual(state["limit_rows"], 300_000 - len(rows))
            self.assertEqual(db.compact_retention_now(), 0)
        self.fails(nanots.InvalidError, "max_bytes", nanots.Db, self.path, max_bytes=-1)
        self.fails(nanots.InvalidError, "max_bytes", nanots.Db, self.path, max_bytes=1000)
        self.assertRaises(TypeError, nanots.Db, self.path, None, None, 1 << 20)

    def test_auto_maintenance(self):
        self.db.close()
        options = {"check_interval_ms": 5000, "retention_check_interval_ms": 60000,
                   "wal_target_ratio": 2, "wal_min_bytes": 32 << 20,
                   "target_segment_points": 8192, "max_writes_per_sec": 100000,
                   "write_load_window_ms": 5000, "min_idle_time_ms": 1000,
                   "max_segments_per_pack": 64}
        for given in (None, False, True, {}, options, {"min_idle_ms": 10}):
            with nanots.Db(self.path, auto_maintenance=given) as db:
                threads = len(os.listdir("/proc/self/task"))
                self.assertEqual(threads, 1 if given in (None, False) else 2, given)
                db.append("boiler", 1, 2.0)
        for given, part in (({"interval": 1}, "interval"), ({"wal_min_bytes": -1}, "wal_min_bytes"),
                            ({"check_interval_ms": 2**32}, "check_interval_ms"),
                            ({"wal_min_bytes": "many"}, "wal_min_bytes")):
            self.fails(nanots.InvalidError, part, nanots.Db, self.path, auto_maintenance=given)
        self.fails(nanots.TypeMismatchError, "dict", nanots.Db, self.path, None, 5)

    def test_one_left_open_is_closed_at_exit(self):
        """Also with a thread of upkeep, and in a cycle that nobody collects."""
        program = """if True:
            import gc, sys, nanots
            gc.disable()
            db = nanots.Db(sys.argv[1], auto_maintenance=True)
            db.append("boiler", 1, 2.0)
            cycle = [db]; cycle.append(cycle)
            del db, cycle"""
        path = self.folder / "left.ntt"
        subprocess.run([sys.executable, "-c", program, path], check=True, timeout=60)
        with nanots.Db(path) as db:
            self.assertEqual(db.diagnose()["recovered_rows"], 0)
            self.assertEqual(db.query_range("boiler", FIRST, LAST), [(1, 2.0)])

    def test_version(self):
        self.assertRegex(nanots.__version__, r"^\d+\.\d+\.\d+$")


class Series(PythonCase):
    def test_append_numbers_the_rows(self):
        self.assertEqual(self.db.append("boiler", 1, 2.0), 1)
        self.assertEqual(self.db.append(series="boiler", ts_ms=3, value=4), 2)
        self.assertEqual(self.db.query_range("boiler", 1, 3), [(1, 2.0), (3, 4.0)])

    def test_both_ends_are_inclusive(self):
        for ts in (10, 20, 30):
            self.db.append("boiler", ts, float(ts))
        times = [ts for ts, _ in self.db.query_range("boiler", start=10, end=20)]
        self.assertEqual(times, [10, 20])
        self.assertEqual(self.db.query_range("boiler", 21, 29), [])
        self.assertEqual(self.db.query_range("boiler", 30, 10), [])

    def test_any_int64_is_a_time(self):
        times = [-2**63, FIRST, -1, 0, LAST, 2**63 - 1]
        for ts in reversed(times):
            self.db.append("boiler", ts, 1.0)
        found = self.db.query_range("boiler", -2**63, 2**63 - 1)
        self.assertEqual([ts for ts, _ in found], times)
        for ts in (-2**63 - 1, 2**63, 10**30):
            self.fails(nanots.InvalidError, "int64", self.db.append, "boiler", ts, 1.0)
            self.fails(nanots.InvalidError, "int64", self.db.query_range, "boiler", ts, 1)

    def test_values_come_back_bit_for_bit(self):
        values = [0.0, -0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, math.nan]
        for ts, value in enumerate(values):
            self.db.append("boiler", ts, value)
        found = [value for _, value in self.db.query_range("boiler", FIRST, LAST)]
        self.assertEqual(struct.pack("7d", *found), struct.pack("7d", *values))

    def test_wrong_arguments(self):
        append = self.db.append
        self.fails(nanots.TypeMismatchError, "expected str, got int", append, 1, 1, 1.0)
        self.fails(nanots.TypeMismatchError, "expected int, got str", append, "s", "1", 1.0)
        self.fails(nanots.TypeMismatchError, "expected int, got float", append, "s", 1.5, 1.0)
        self.fails(nanots.TypeMismatchError, "expected int, got bool", append, "s", True, 1.0)
        self.fails(nanots.TypeMismatchError, "expected f64, got str", append, "s", 1, "1")
        self.fails(nanots.TypeMismatchError, "expected f64, got NoneType", append, "s", 1, None)
        self.fails(nanots.InvalidError, "zero byte", append, "a\0b", 1, 1.0)
        self.fails(nanots.InvalidError, "Unicode", append, "\ud800", 1, 1.0)
        for wrong in ((), ("s", 1), ("s", 1, 1.0, 1)):
            self.assertRaises(TypeError, append, *wrong)
        self.assertRaises(TypeError, append, "s", 1, number=1.0)
        self.assertRaises(TypeError, append, "s", 1, series="s")
        self.fails(nanots.NotFoundError, "nothing", self.db.query_range, "nothing", 0, 1)


class Tables(PythonCase):
    def test_create_append_and_query_columns(self):
        self.db.create_table("sensor", ["temp", "humidity"])
        self.assertEqual(self.db.append_row("sensor", 1, [25.0, 60]), 1)
        self.assertEqual(self.db.append_row("sensor", ts_ms=2, values=(25.5, 61.0)), 2)
        self.db.flush()
        self.assertEqual(self.db.query_table_range_columns("sensor", FIRST, LAST),
                         ([1, 2], [[25.0, 25.5], [60.0, 61.0]]))
        self.assertEqual(self.db.query_table_range_columns("sensor", 3, 4), ([], [[], []]))
        self.assertEqual(self.db.table_schema("sensor"), [("temp", "f64"), ("humidity", "f64")])

    def test_create_twice(self):
        self.db.create_table("sensor", ["temp"])
        self.fails(nanots.ExistsError, "sensor", self.db.create_table, "sensor", ["temp"])

    def test_create_with_wrong_columns(self):
        create = self.db.create_table_typed
        self.fails(nanots.InvalidError, "f16", create, "t", [("a", "f16")])
        self.fails(nanots.TypeMismatchError, "(name, type)", create, "t", ["ab"])
        self.fails(nanots.TypeMismatchError, "got int", create, "t", [(1, "f64")])
        self.fails(nanots.TypeMismatchError, "list of names", self.db.create_table, "t", "abc")
        self.assertRaises(nanots.InvalidError, create, "t", [("a", "f64"), ("a", "f64")])
        self.assertRaises(nanots.InvalidError, create, "", [("a", "f64")])
        self.assertEqual(self.db.list_tables(), [])

    def test_tier_and_codecs(self):
        self.db.create_table("plain", ["a"])
        self.assertEqual(self.db.schema("plain").tier, "auto")
        self.db.create_table("sensor", ["temp", "load"], tier="hot", codecs={"load": "xor"})
        self.assertEqual(self.db.schema("sensor").tier, "hot")
        self.assertEqual(self.db.table_schema("sensor"), [("temp", "f64"), ("load", "f64", "xor")])
        self.db.create_table_typed(
            "event", [("a", "f64", "raw"), ("b", "i64", False, "delta"), ("c", "utf8"),
                      nanots.Column("d", "i32", False)], tier="packed", codecs={"c": "raw"})
        self.assertEqual(self.db.schema("event").columns, [
            ("a", "f64", True, "raw"), ("b", "i64", False, "delta"), ("c", "utf8", True, "raw"),
            ("d", "i32", False, None)])
        self.db.create_table_typed("again", self.db.schema("event").columns)
        self.assertEqual(self.db.schema("again").columns, self.db.schema("event").columns)
        self.db.add_column("event", "e", "bool", "rle")
        self.assertEqual(self.db.table_schema("event")[4], ("e", "bool", "rle"))
        for i in range(2000):
            self.db.append_row_typed("event", i, [float(i), i, f"text {i % 3}", i, i % 5 == 0])
        self.db.flush()
        stats = self.db.stats("event")
        columns = {column["name"]: column for column in stats["columns"]}
        self.assertEqual(stats["packed_segments"], stats["segments"])
        self.assertEqual(list(columns["a"]["codecs"]), ["raw"])
        self.assertEqual(columns["a"]["codecs"]["raw"]["raw_bytes"], 16000)
        self.assertEqual(list(columns["c"]["tiers"]["packed"]["codecs"]), ["plain"])
        self.assertEqual(columns["c"]["tiers"]["hot"]["vectors"], 0)

    def test_tier_and_codecs_that_are_none(self):
        create = self.db.create_table
        self.fails(nanots.InvalidError, "expected auto, hot or packed", create, "t", ["a"],
                   tier="warm")
        self.fails(nanots.InvalidError, "unknown codec", create, "t", ["a"], codecs={"a": "zip"})
        self.fails(nanots.InvalidError, "codec delta is not for f64", create, "t", ["a"],
                   codecs={"a": "delta"})
        self.fails(nanots.InvalidError, "codecs of no column: b", create, "t", ["a"],
                   codecs={"b": "raw"})
        self.assertEqual(self.db.list_tables(), [])

    def test_typed_rows_and_nulls(self):
        self.typed()
        row = [1.5, 0.5, 2**63 - 1, -2**31, True, "caf\u00e9 \U0001f600"]
        self.db.append_row_typed("all", 5, row)
        self.db.append_row_typed("all", 6, [None] * 6)
        for _ in range(2):
            times, columns = self.db.query_table_range_typed("all", FIRST, LAST)
            self.assertEqual(times, [5, 6])
            self.assertEqual(columns, [[value, None] for value in row])
            self.assertEqual([type(column[0]) for column in columns],
                             [float, float, int, int, bool, str])
            self.db.flush()

    def test_type_names_of_the_classic_system(self):
        names = ("float", "double", "int", "integer", "boolean", "str", "string")
        self.db.create_table_typed("t", [(name, name) for name in names])
        self.assertEqual([kind for _, kind in self.db.table_schema("t")],
                         ["f64", "f64", "i64", "i64", "bool", "utf8", "utf8"])

    def test_wrong_values_name_table_column_place_and_types(self):
        self.typed()
        good = [1.5, 0.5, 3, 4, True, "x"]
        for place, kind, value, given in ((0, "f64", "x", "str"), (1, "f32", b"x", "bytes"),
                                          (2, "i64", 1.5, "float"), (3, "i32", True, "bool"),
                                          (4, "bool", 1, "int"), (5, "utf8", 1, "int")):
            row = good[:place] + [value] + good[place + 1:]
            with self.assertRaises(nanots.TypeMismatchError) as caught:
                self.db.append_row_typed("all", 1, row)
            for part in ('"all"', f'"c_{kind}"', f"value {place + 1}", f"expected {kind}",
                         f"got {given}"):
                self.assertIn(part, str(caught.exception))
            self.assertIsInstance(caught.exception, TypeError)
            self.assertIsInstance(caught.exception, ValueError)
        for place, value in ((0, 10**400), (1, 1e300), (2, 2**63), (3, 2**31), (5, "\udcff")):
            row = good[:place] + [value] + good[place + 1:]
            self.fails(nanots.InvalidError, f"value {place + 1}", self.db.append_row_typed, "all",
                       1, row)
        self.fails(nanots.InvalidError, "6 columns, got 2", self.db.append_row_typed, "all", 1,
                   [1, 2])
        self.assertEqual(self.db.row_count("all"), 0)

    def test_wrong_rows_of_floats(self):
        self.db.create_table("sensor", ["a", "b"])
        row = self.db.append_row
        self.fails(nanots.InvalidError, "2 columns", row, "sensor", 1, [1.0])
        self.fails(nanots.TypeMismatchError, "value 2 of 2: expected f64, got str", row, "sensor",
                   1, [1.0, "2"])
        self.fails(nanots.TypeMismatchError, "list of values", row, "sensor", 1, 1.0)
        self.fails(nanots.TypeMismatchError, "list of values", row, "sensor", 1, "ab")
        self.fails(nanots.NotFoundError, "sensors", row, "sensors", 1, [1.0, 2.0])
        self.typed()
        self.fails(nanots.TypeMismatchError, "query_table_range_typed",
                   self.db.query_table_range_columns, "all", 0, 1)

    def test_rows_of_many_columns(self):
        names = [f"c{i}" for i in range(1024)]
        self.db.create_table("wide", names)
        self.db.append_row("wide", 1, list(range(1024)))
        self.db.append_row_typed("wide", 2, list(range(1024)))
        _, columns = self.db.query_table_range_columns("wide", 1, 2)
        self.assertEqual(columns, [[float(i)] * 2 for i in range(1024)])

    def test_schema_changes(self):
        self.db.create_table("sensor", ["temp"])
        self.db.append_row("sensor", 1, [20.0])
        self.db.add_column("sensor", "note", "utf8")
        self.db.add_column("sensor", "humidity")
        self.db.append_row_typed("sensor", 2, [21.0, "dry", 40.0])
        self.assertEqual(self.db.query_table_range_typed("sensor", FIRST, LAST),
                         ([1, 2], [[20.0, 21.0], [None, "dry"], [None, 40.0]]))
        self.db.rename_table("sensor", "probe")
        self.db.rename_column("probe", "note", "remark")
        self.assertEqual(self.db.table_schema("probe"),
                         [("temp", "f64"), ("remark", "utf8"), ("humidity", "f64")])
        self.assertEqual(self.db.list_tables(), ["probe"])
        self.db.drop_table("probe")
        self.assertEqual(self.db.list_tables(), [])
        self.fails(nanots.NotFoundError, "probe", self.db.drop_table, "probe")

    def test_a_null_among_floats_is_nan(self):
        self.db.create_table("sensor", ["temp"])
        self.db.append_row("sensor", 1, [20.0])
        self.db.add_column("sensor", "humidity", "f64")
        _, (temp, humidity) = self.db.query_table_range_columns("sensor", FIRST, LAST)
        self.assertEqual(temp, [20.0])
        self.assertTrue(math.isnan(humidity[0]))

    def test_time_range(self):
        self.db.create_table("sensor", ["temp"])
        self.assertIsNone(self.db.table_time_range("sensor"))
        for ts in (5, -3, 9):
            self.db.append_row("sensor", ts, [1.0])
        self.assertEqual(self.db.table_time_range("sensor"), (-3, 9))
        self.fails(nanots.NotFoundError, "nothing", self.db.table_time_range, "nothing")


class Inside(PythonCase):
    def fill(self, count: int = 10_000) -> None:
        self.db.create_table("sensor", ["temp"])
        for ts in range(count):
            self.db.append_row("sensor", 1000 * ts, [20 + ts % 100 / 10])
        self.db.flush()

    def test_stats(self):
        self.fill()
        self.db.pack_table("sensor", 4000)
        stats = self.db.stats("sensor")
        self.assertEqual(stats["rows"], 10_000)
        self.assertEqual(stats["segments"], 3)
        self.assertEqual(stats["raw_total_bytes"], 160_000)
        self.assertLess(stats["on_disk_bytes"], 40_000)
        for name in ("total", "ts_blob", "value_blob"):
            self.assertGreater(stats[f"compression_ratio_{name}_x"], 4)
        self.fails(nanots.InvalidError, ">= 0", self.db.pack_table, "sensor", -1)

    def test_diagnose(self):
        self.assertEqual(self.db.diagnose()["pending_rows"], 0)
        self.db.append("boiler", 1, 1.0)
        found = self.db.diagnose()
        self.assertEqual(found["pending_rows"], 1)
        self.assertGreater(found["wal_bytes"], 0)
        self.assertGreaterEqual(found["wal_ratio"], 0)

    def test_verify(self):
        self.fill()
        report = self.db.verify()
        self.assertEqual((report.tables, report.rows, report.damage, report.messages),
                         (1, 10_000, 0, []))
        self.db.close()
        self.assertEqual(nanots.verify(self.path).rows, 10_000)

    def test_verify_names_damage(self):
        self.db.create_table("sensor", ["temp"])
        for ts in range(20_000):
            self.db.append_row("sensor", ts, [math.sin(ts)])
        self.db.close()
        content = bytearray(self.path.read_bytes())
        content[len(content) // 2] ^= 0x55
        self.path.write_bytes(content)
        report = nanots.verify(self.path)
        self.assertEqual(report.damage, 1)
        self.assertIn("sensor", report.messages[0])
        with nanots.Db(self.path, read_only=True) as db:
            error = self.fails(nanots.CorruptError, "sensor", db.query_range, "sensor", FIRST, LAST)
            self.assertIsInstance(error, OSError)

    def test_maintain(self):
        self.fill(10)
        self.assertIn("merges", self.db.maintain(max_ms=1000))

    def test_compact_retention(self):
        self.fill(100)
        self.assertEqual(self.db.compact_retention(50_000, "sensor"), 50)
        self.assertEqual(self.db.table_time_range("sensor"), (50_000, 99_000))

    def test_sql_comes_later(self):
        for name in ("execute_sql", "query_sql_arrow_stream_capsule", "query_sql_to_pandas",
                     "query_sql_to_polars", "query_sql_async"):
            error = self.fails(nanots.NotSupportedError, "later release", getattr(self.db, name),
                               "select 1")
            self.assertIsInstance(error, NotImplementedError)


class Closed(PythonCase):
    def test_every_call_says_closed(self):
        self.db.create_table("sensor", ["temp"])
        self.db.close()
        calls = {
            "append": ("sensor", 1, 1.0), "append_row": ("sensor", 1, [1.0]),
            "append_row_typed": ("sensor", 1, [1.0]), "create_table": ("t", ["a"]),
            "create_table_typed": ("t", [("a", "f64")]), "flush": (), "sync": (),
            "pack_table": ("sensor", 0), "compact_retention_now": (), "list_tables": (),
            "table_schema": ("sensor",), "drop_table": ("sensor",),
            "add_column": ("sensor", "a"), "rename_table": ("sensor", "b"),
            "rename_column": ("sensor", "temp", "b"), "query_range": ("sensor", 0, 1),
            "query_table_range_columns": ("sensor", 0, 1), "refresh": (), "change_counter": (),
            "query_table_range_typed": ("sensor", 0, 1), "stats": ("sensor",), "diagnose": (),
            "query_table_range_arrow_capsules": ("sensor", 0, 1), "verify": (), "maintain": (),
            "append_rows_arrow_capsules": ("sensor", None, None), "row_count": ("sensor",),
            "table_time_range": ("sensor",), "table": ("sensor",), "query": ("sensor",),
            "append_columns": ("sensor", {"ts": [], "temp": []}), "batch": (),
            "compact_retention": (0,),
        }
        for name, arguments in calls.items():
            error = self.fails(nanots.MisuseError, "closed", getattr(self.db, name), *arguments)
            self.assertIsInstance(error, ValueError)

    def test_closing_beside_busy_threads(self):
        """Threads that append and read while it is closed get an answer or MisuseError."""
        self.db.create_table("sensor", ["temp"])
        table = self.db.table("sensor")
        begun, trouble = threading.Barrier(5), []

        def work(call):
            begun.wait()
            try:
                while True:
                    call()
            except nanots.MisuseError:
                pass
            except BaseException as error:  # noqa: B036
                trouble.append(error)

        calls = [lambda: table.append(1, 1.0), lambda: self.db.append_row("sensor", 2, [1.0]),
                 lambda: self.db.query_table_range_columns("sensor", 0, 1), self.db.flush]
        threads = [threading.Thread(target=work, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        begun.wait()
        self.db.append_row("sensor", 3, [1.0])
        self.db.close()
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive())
        self.assertEqual(trouble, [])

    def test_new_without_init(self):
        db = nanots.Db.__new__(nanots.Db)
        self.fails(nanots.MisuseError, "closed", db.flush)
        db.close()
        self.fails(nanots.MisuseError, "before", self.db.__init__, self.path)
        del db
        gc.collect()


class Errors(unittest.TestCase):
    def test_each_code_has_its_class(self):
        found = {name: getattr(nanots, name) for name in nanots.__all__ if name.endswith("Error")}
        codes = sorted(cls.code for name, cls in found.items() if name != "Error")
        self.assertEqual(codes, list(range(1, 18)))
        for name, cls in found.items():
            self.assertTrue(issubclass(cls, nanots.Error), name)
            self.assertEqual(str(cls("a sentence")), "a sentence")
            self.assertEqual(cls("x").os_errno, 0)
            self.assertTrue(cls.__doc__)



if __name__ == "__main__":
    unittest.main()
