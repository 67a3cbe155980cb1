#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/cli/test_cli_types.py - columns of all types, units of time and schema changes.

What a value is comes from Python: struct for floats of 32 bits, csv and json for what is printed.
"""
import csv
import io
import json
import math
import os
import random
import struct
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from cli_case import NANOTS, CliCase, ms_of  # noqa: E402

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY = ms_of(2024, 5, 1) // 1000


class TypesCase(CliCase):
    def schema(self, table="t"):
        """(unit, duplicates), and a type such as i64? for each column."""
        rows = json.loads(self.out("schema", self.db, table, "--format", "json"))
        return ((rows[0]["unit"], rows[0]["duplicates"]),
                {row["column"]: row["type"] + "?" * row["nullable"] for row in rows[1:]})

    def table(self, columns, *options, table="t"):
        self.out("create", self.db, table, *columns, *options)

    def objects(self, *options, table="t"):
        return json.loads(self.out("query", self.db, table, "--format", "json", *options))


class CreateTest(TypesCase):
    def test_every_type_and_null(self):
        types = "f64 f32 i64 i32 bool utf8".split()
        self.table([f"{name}:{name}" for name in types] + [f"{name}n:{name}?" for name in types] +
                   ["plain", "plainn?"])
        expected = {name: name for name in types} | {name + "n": name + "?" for name in types}
        self.assertEqual(self.schema(), (("ms", "all"),
                                         expected | {"plain": "f64", "plainn": "f64?"}))

    def test_tier_and_codecs(self):
        self.table(["a:f64=raw", "b:i64?=delta2", "c:a:utf8=raw", "d"], "--tier", "packed")
        rows = json.loads(self.out("schema", self.db, "t", "--format", "json"))
        self.assertEqual([row["codec"] for row in rows], [None, "raw", "delta2", "raw", None])
        self.assertEqual([row["tier"] for row in rows], ["packed"] + 4 * [None])
        self.assertEqual(self.schema()[1], {"a": "f64", "b": "i64?", "c:a": "utf8", "d": "f64"})
        self.assertRegex(self.out("schema", self.db, "t"), r"(?m)^t +b +i64 +yes +delta2")
        listed = json.loads(self.out("tables", self.db, "--format", "json"))[0]
        self.assertEqual(listed["columns"], "a:f64=raw, b:i64?=delta2, c:a:utf8=raw, d")
        self.out("add-column", self.db, "t", "e:bool=rle")
        self.assertEqual(self.schema()[1]["e"], "bool?")
        for i in range(3):
            self.out("append", self.db, "t", f"2024-05-0{i + 1}", i, i * i, "word", 0.5, "true")
        shown = self.out("stats", self.db, "t")
        self.assertRegex(shown, r"(?m)^a +packed +raw +1 +24 bytes +25 bytes +0 bytes +0.96")
        self.table(["a"], table="plain")
        rows = json.loads(self.out("schema", self.db, "plain", "--format", "json"))
        self.assertEqual((rows[0]["tier"], rows[1]["codec"]), ("auto", None))

    def test_tier_and_codecs_that_are_none(self):
        for arguments, text in ((("a:f64=nothing",), "there is no codec 'nothing'"),
                                (("a:f64=delta",), "codec delta is not for f64"),
                                (("a=raw:f64=",), "there is no codec ''"),
                                (("a", "--tier", "warm"), "--tier is auto, hot or packed")):
            code = 1 if "not for" in text else 2
            self.assertIn(text, self.error("create", self.db, "t", *arguments, code=code))
        self.table(["a=raw"])
        self.assertEqual(self.schema()[1], {"a=raw": "f64"})

    def test_units_and_duplicates(self):
        for unit in UNITS:
            for duplicates in ("all", "last", "first"):
                name = unit + duplicates
                self.table(["a"], "--unit", unit, "--duplicates", duplicates, table=name)
                self.assertEqual(self.schema(name)[0], (unit, duplicates))
                for value in (1, 2):
                    self.out("append", self.db, name, "2024-05-01", value)
                kept = {"all": [1, 2], "last": [2], "first": [1]}[duplicates]
                self.assertEqual(self.rows(table=name),
                                 (["ts_" + unit, "a"], [(DAY * UNITS[unit], v) for v in kept]))

    def test_wrong_words_name_what_was_expected(self):
        for arguments, sentence in ((("a:f99",), "f64, f32, i64, i32, bool or utf8"),
                                    (("a:",), "has no type ''"),
                                    (("a", "--unit", "min"), "s, ms, us or ns"),
                                    (("a", "--duplicates", "none"), "all, last or first")):
            self.assertIn(sentence, self.error("create", self.db, "t", *arguments, code=2))
        self.assertFalse(Path(self.db).exists())


class AppendTest(TypesCase):
    COLUMNS = ("f64:f64?", "f32:f32?", "i64:i64?", "i32:i32?", "bool:bool?", "utf8:utf8?")

    def test_values_and_nulls(self):
        self.table(self.COLUMNS)
        self.out("append", self.db, "t", 1, "0.1", "0.1", -2**63, 2**31 - 1, "true",
                 'a,"b"\n\u00e9')
        self.out("append", self.db, "t", 2, *["null"] * 6)
        self.out("append", self.db, "t", 3, "NaN", "-inf", 2**63 - 1, -2**31, "false", "")
        self.assertEqual(self.out("query", self.db, "t").split("\n", 1)[1],
                         f'1,0.1,0.1,{-2**63},{2**31 - 1},true,"a,""b""\n\u00e9"\n2,,,,,,\n'
                         f'3,NaN,-inf,{2**63 - 1},{-2**31},false,""\n')
        first, second, third = self.objects()
        self.assertEqual(first["utf8"], 'a,"b"\n\u00e9')
        self.assertEqual((first["i64"], first["bool"]), (-2**63, True))
        self.assertEqual(set(second.values()), {2, None})
        self.assertEqual((third["f64"], third["i64"], third["utf8"]), (None, 2**63 - 1, ""))

    def test_wrong_values_name_column_and_type(self):
        self.table(self.COLUMNS)
        good = ["1", "1", "1", "1", "true", "x"]
        for index, text, sentence in ((0, "x", "a number (f64)"), (1, "1e300", "range (f32)"),
                                      (2, "1.5", "64 bits (i64)"), (2, 2**63, "64 bits (i64)"),
                                      (3, 2**31, "32 bits (i32)"), (4, "yes", "true or false")):
            values = good[:index] + [text] + good[index + 1:]
            error = self.error("append", self.db, "t", 1, *values, code=2)
            self.assertIn(sentence, error)
            self.assertIn(f"column '{self.COLUMNS[index].split(':')[0]}' of table 't'", error)
        self.assertEqual(self.objects(), [])

    def test_null_where_none_may_be(self):
        self.table(["a:i64", "b:f64"])
        self.assertIn("an integer", self.error("append", self.db, "t", 1, "null", 1, code=2))
        self.out("append", self.db, "t", 1, 1, "null")
        self.assertEqual(self.out("query", self.db, "t"), "ts_ms,a,b\n1,1,NaN\n")


class InferTest(TypesCase):
    def check(self, cells, expected, *options):
        text = "ts_ms,v,w\n" + "".join(f"{i},{cell},1\n" for i, cell in enumerate(cells))
        table = f"t{len(list(self.folder.iterdir()))}_{random.randrange(10**9)}"
        self.load(text, *options, table=table)
        self.assertEqual(self.schema(table)[1]["v"], expected, cells)
        return [row["v"] for row in self.records("query", self.db, table)]

    def test_types_of_contents(self):
        for cells, expected in ((["1", "-2", "+3", str(2**63 - 1)], "i64"),
                                (["1", "", "3"], "i64?"),
                                (["1", "2.5"], "f64"), (["1", "NaN"], "f64"), (["1", "-0"], "f64"),
                                (["true", "false", "TRUE"], "bool"), (["true", "NA"], "bool?"),
                                (["true", "1"], "utf8"), (["yes", "no"], "utf8"),
                                (["007", "123"], "utf8"), ([str(2**63)], "utf8"),
                                (["0", "0.5", "00.5"], "f64"), (["a", ""], "utf8?"),
                                (["a", '""'], "utf8"), (["", ""], "f64?"), (['""', '""'], "utf8"),
                                (["1", "x"], "utf8"), (["NA", "x"], "utf8?")):
            self.check(cells, expected)

    def test_digits_of_names_stay(self):
        self.assertEqual(self.check(["007", "12"], "utf8"), ["007", "12"])
        self.assertEqual(self.check([str(2**64), "1"], "utf8"), [str(2**64), "1"])

    def test_words_for_nothing_stay_in_text(self):
        self.assertEqual(self.check(["NA", "x", "", '""'], "utf8?"), ["NA", "x", "", ""])

    def test_whole_file_decides(self):
        cells = [str(i) for i in range(5000)]
        self.check(cells[:-1] + ["0.5"], "f64")
        self.check(cells[:-1] + [""], "i64?")
        self.check(["oops"] * 300 + cells, "i64", "--on-error", "skip")

    def test_standard_input_is_sampled(self):
        text = "ts_ms,v\n" + "".join(f"{i},{i}\n" for i in range(2000))
        self.out("import", self.db, "t", "-", stdin=text + "2000,\n")
        self.assertEqual(self.schema()[1], {"v": "i64?"})
        error = self.error("import", self.db, "u", "-", stdin=text + "2000,0.5\n")
        self.assertIn("standard input:2002: '0.5' in column 'v' is not an integer of 64 bits (i64)",
                      error)
        self.assertEqual(len(self.objects(table="u")), 2000)

    def test_types_option(self):
        self.load("ts_ms,a,b,c\n1,1,2,3\n", "--types", "a:f32,c:utf8?")
        self.assertEqual(self.schema()[1], {"a": "f32", "b": "i64", "c": "utf8?"})
        self.load("ts_ms,a,b,c\n1,1,2,3\n", "--types", "a:i32", code=1)
        self.load("ts_ms,a\n1,1\n", "--types", "z:i32", table="u", code=1)
        self.load("ts_ms,a\n1,1\n", "--types", "a:no", table="u", code=2)
        self.load("ts_ms,a\n1,1\n", "--types", "a", table="u", code=2)

    def test_null_option(self):
        self.load("ts_ms,a,b\n1,-,-\n2,5,x\n", "--null", "-")
        self.assertEqual(self.schema()[1], {"a": "i64?", "b": "utf8?"})
        self.assertEqual(self.objects(), [{"ts_ms": 1, "a": None, "b": None},
                                          {"ts_ms": 2, "a": 5, "b": "x"}])

    def test_existing_table_gives_the_types(self):
        self.table(["a:utf8", "b:f32?", "c:bool"])
        self.load("ts_ms,c,a\n1,true,007\n2,False,\n")
        self.assertEqual(self.out("query", self.db, "t"),
                         'ts_ms,a,b,c\n1,007,,true\n2,"",,false\n')
        for text, sentence in (("yes,x", "'yes' in column 'c' is not true or false (bool)"),
                               (",x", "'' in column 'c' is not true or false (bool), and the "
                                      "column may not be null")):
            self.assertIn(sentence, self.load(f"ts_ms,c,a\n1,{text}\n", code=1)[1])

    def test_text_that_is_no_utf8_is_a_bad_line(self):
        for number, text in enumerate((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
                                       b"\xe2\x82")):
            error = self.bad_bytes(f"t{number}", text)
            self.assertIn(b"in.csv:3: ", error)
            self.assertIn(b"in column 'v' is not text (utf8)", error)

    def bad_bytes(self, table, text):
        name = self.file(b"ts_ms,v\n1,good\n2,x" + text + b"\n")
        done = subprocess.run([NANOTS, "import", self.db, table, name], cwd=self.folder,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        return done.stderr


class RoundTripTest(TypesCase):
    ALPHABET = ["a", "b", " ", "\t", ",", '"', "\n", "\r\n", "'", "\\", "\u00e9", "\U0001f600", "0",
                "NA", "null", "\x00", "\x1b", ";"]

    def random_value(self, source, kind):
        if kind == "bool":
            return source.choice([True, False])
        if kind in ("i64", "i32"):
            bits = 63 if kind == "i64" else 31
            return source.choice([source.randrange(-2**bits, 2**bits), source.randrange(-9, 9),
                                  -2**bits, 2**bits - 1])
        if kind == "utf8":
            return "".join(source.choices(self.ALPHABET, k=source.randrange(6)))
        form = "<d" if kind == "f64" else "<f"
        while True:
            value = source.choice([
                struct.unpack(form, source.randbytes(struct.calcsize(form)))[0],
                source.randrange(-1000, 1000) / 10, 0.0, -0.0, math.inf, -math.inf, 1e-45])
            if not math.isnan(value):
                return struct.unpack(form, struct.pack(form, value))[0]

    def written(self, kind, value):
        if value is None:
            return ""
        if kind == "utf8":
            return '"' + value.replace('"', '""') + '"'
        if kind == "bool":
            return str(value).lower()
        return repr(value)

    def check_table(self, source, number):
        unit = source.choice(list(UNITS))
        kinds = [source.choice("f64 f32 i64 i32 bool utf8".split())
                 for _ in range(source.randrange(1, 7))]
        nullable = [source.random() < 0.5 for _ in kinds]
        columns = [f"c{i}:{kind}{'?' * null}"
                   for i, (kind, null) in enumerate(zip(kinds, nullable))]
        names = [f"{form}{number}" for form in ("a", "b", "c")]
        for name in names:
            self.table(columns, "--unit", unit, table=name)
        ts = sorted(source.randrange(-2**62, 2**62) for _ in range(source.randrange(1, 60)))
        rows = [[None if null and source.random() < 0.3 else self.random_value(source, kind)
                 for kind, null in zip(kinds, nullable)] for _ in ts]
        text = f"ts_{unit}," + ",".join(f"c{i}" for i in range(len(kinds))) + "\n"
        for time, row in zip(ts, rows):
            text += ",".join([str(time), *map(self.written, kinds, row)]) + "\n"
        self.load(text, table=names[0])
        exported = self.out("export", self.db, names[0], "-")
        self.load(exported, table=names[1])
        self.assertEqual(self.out("export", self.db, names[1], "-"), exported)
        self.load(self.out("export", self.db, names[0], "-", "--iso"), table=names[2])
        self.assertEqual(self.out("export", self.db, names[2], "-"), exported)
        back = list(csv.reader(io.StringIO(exported.replace("\0", "\ue000"), newline="")))[1:]
        self.assertEqual([int(line[0]) for line in back], ts)
        listed = self.objects(table=names[0])
        for line, row, shown in zip(back, rows, listed):
            for i, (cell, value, kind) in enumerate(zip(line[1:], row, kinds)):
                self.check_cell(kind, cell.replace("\ue000", "\0"), value)
                if not (isinstance(value, float) and math.isinf(value)):
                    self.check_json(kind, shown[f"c{i}"], value)

    def check_cell(self, kind, cell, value):
        if value is None:
            self.assertEqual(cell, "")
        elif kind in ("f64", "f32"):
            form = "<d" if kind == "f64" else "<f"
            self.assertEqual(struct.pack(form, float(cell)), struct.pack(form, value), cell)
            if kind == "f32" and math.isfinite(value):
                self.assertLessEqual(sum(c.isdigit() for c in cell.lower().split("e")[0].lstrip(
                    "-0.").rstrip("0")), 9, cell)
        else:
            self.assertEqual(cell, str(value).lower() if kind == "bool" else str(value))

    def check_json(self, kind, shown, value):
        if value is None or kind in ("bool", "utf8", "i64", "i32", "f64"):
            self.assertEqual(shown, value)
        else:
            self.assertEqual(struct.unpack("<f", struct.pack("<f", shown))[0], value)

    def test_random_tables_come_back(self):
        seed = int(os.environ.get("SEED", random.randrange(2**32)))
        print(f"SEED={seed}")
        source = random.Random(seed)
        for number in range(25):
            with self.subTest(seed=seed, number=number):
                self.check_table(source, number)

    def test_floats_of_32_bits_are_shortest(self):
        self.table(["v:f32"])
        values = ["0.1", "16777216", "3.4028235e+38", "1e-45", "-0.3", "1e+10", "8388608.5"]
        self.load("ts_ms,v\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
        printed = [row["v"] for row in self.records("query", self.db, "t")]
        self.assertEqual([struct.pack("<f", float(text)) for text in printed],
                         [struct.pack("<f", float(text)) for text in values])
        self.assertEqual(printed[0], "0.1")
        self.assertEqual(printed[1], "16777216")


class TimeTest(TypesCase):
    def test_ranges_and_ends_in_each_unit(self):
        for unit, factor in UNITS.items():
            self.table(["v:i64"], "--unit", unit, table=unit)
            text = f"ts_{unit},v\n" + "".join(f"{(DAY + i * 3600) * factor},{i}\n"
                                             for i in range(72))
            self.load(text, table=unit)
            for options, expected in ((("--from", "2024-05-02", "--to", "2024-05-02"), (24, 48)),
                                      (("--to", "2024-05-01T05:00"), (0, 6)),
                                      (("--from", DAY + 70 * 3600), (70, 72)),
                                      (("--from", "2024-05"), (0, 72)),
                                      (("--from", "-10d"), (72, 72)),
                                      (("--from", 86400 * 19844, "--unit", "s", "--limit", "1"),
                                       (0, 1))):
                rows = self.records("query", self.db, unit, *options)
                self.assertEqual([int(row["v"]) for row in rows], list(range(*expected)), options)
            shown = self.objects("--iso", "--limit", "2", table=unit)[1]["time"]
            self.assertEqual(shown, "2024-05-01T01:00:00Z")
            self.out("retain", self.db, unit, "--before", "2024-05-03")
            self.assertEqual(len(self.objects(table=unit)), 24)
        self.out("retain", self.db, "--keep", "1d")
        self.assertEqual([self.objects(table=unit) for unit in UNITS], [[]] * 4)

    def test_iso_has_the_digits_that_are_needed(self):
        self.table(["v:i32"], "--unit", "ns")
        for ts, shown in ((0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.000000001Z"),
                          (-1000, "1969-12-31T23:59:59.999999Z"),
                          (10**6, "1970-01-01T00:00:00.001Z"),
                          (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
                          (-2**63, "1677-09-21T00:12:43.145224192Z")):
            self.out("append", "-u", "ns", self.db, "t", ts, 1)
            found = self.out("query", self.db, "t", "--iso", "--unit", "ns", f"--from={ts}",
                             f"--to={ts}").splitlines()
            self.assertEqual(found, ["time,v", f"{shown},1"])
            self.out("append", self.db, "t", shown, 2)
        self.assertEqual(len(self.objects()), 12)

    def test_seconds_reach_the_ends_of_int64(self):
        self.table(["v:i32"], "--unit", "s")
        self.load(f"ts_s,v\n{-2**63},1\n0,2\n{2**63 - 1},3\n")
        self.table(["v:i32"], "--unit", "s", table="u")
        self.load(self.out("export", self.db, "t", "-", "--iso"), table="u")
        self.assertEqual(self.times("u"), [-2**63, 0, 2**63 - 1])

    def test_time_finer_than_the_table_is_refused(self):
        self.table(["v"], "--unit", "s")
        error = self.error("append", self.db, "t", "2024-05-01T00:00:00.5", 1, code=2)
        self.assertIn("finer than the seconds of the table", error)

    def test_counted_times_are_of_the_table(self):
        self.load("v\n1\n2\n", "--start", "2024-05-01", "--step", "250us", "--table-unit", "us")
        self.assertEqual(self.times(), [DAY * 10**6, DAY * 10**6 + 250])
        self.load("v\n1\n2\n", "--start", "2024-05-01", "--step", "250us", table="u", code=2)

    def test_tail_and_plot_know_the_unit(self):
        self.table(["b:bool", "v:i64?", "s:utf8"], "--unit", "us")
        for i in range(4):
            self.out("append", self.db, "t", f"2024-05-01T0{i}:00:00.000001", "true",
                     "null" if i == 1 else i, f"x{i}")
        shown = self.out("tail", self.db, "t", "-n", "3", "--format", "table")
        self.assertIn("2024-05-01T03:00:00.000001Z", shown)
        self.assertIn("NULL", shown)
        self.assertEqual(len(self.out("tail", self.db, "t", "-n", "2").splitlines()), 3)
        for column, label in (("b", "t.b"), ("v", "min 0  mean 1.66667  max 3")):
            self.assertIn(label, self.out("plot", self.db, "t", "-c", column, "-H", "5"))
        self.assertIn("column 's' of table 't' is text",
                      self.error("plot", self.db, "t", "-c", "v,s"))
        self.table(["s:utf8"], table="u")
        self.assertIn("no column of numbers", self.error("plot", self.db, "u"))


class TableFormTest(TypesCase):
    def test_text_and_nulls_are_visible(self):
        self.table(["s:utf8?", "n:i32?", "f:f32?"])
        self.out("append", self.db, "t", 1, "two\nlines\x1b", 5, "0.25")
        self.out("append", self.db, "t", 2, "null", "null", "null")
        self.out("append", self.db, "t", 3, "x" * 100, -1, 1)
        shown = self.out("query", self.db, "t", "--format", "table").splitlines()
        self.assertIn("two\\nlines^[ ", shown[1])
        self.assertRegex(shown[2], r"NULL +NULL +NULL$")
        self.assertIn("x" * 64 + "... ", shown[3])
        self.assertNotIn("x" * 65, shown[3])


class SchemaTest(TypesCase):
    def test_add_column(self):
        self.load("ts_ms,a\n1,5\n")
        self.out("add-column", self.db, "t", "note:utf8")
        self.out("append", self.db, "t", 2, 6, "hot")
        self.assertEqual(self.objects(), [{"ts_ms": 1, "a": 5, "note": None},
                                          {"ts_ms": 2, "a": 6, "note": "hot"}])
        self.assertEqual(self.schema()[1], {"a": "i64", "note": "utf8?"})
        self.error("add-column", self.db, "t", "a")
        self.error("add-column", self.db, "none", "b")
        self.error("add-column", self.db, "t", "b:no", code=2)

    def test_rename(self):
        self.load("ts_ms,a,b\n1,5,6\n")
        self.out("rename", self.db, "t", "boiler.one")
        self.out("rename", self.db, "boiler.one.a", "inlet")
        self.assertEqual(self.out("query", self.db, "boiler.one"), "ts_ms,inlet,b\n1,5,6\n")
        self.assertIn("boiler.one", self.error("rename", self.db, "boiler.one.none", "x"))
        self.error("rename", self.db, "none", "x")
        self.error("rename", self.db, "boiler.one.inlet", "b")
        self.error("rename", self.db, "boiler.one.inlet", "ts")

    def test_drop_wants_a_word_of_consent(self):
        self.load("ts_ms,a\n1,5\n")
        self.assertIn("--yes", self.error("drop", self.db, "t", code=2))
        self.assertEqual(len(self.objects()), 1)
        self.assertEqual(self.out("drop", self.db, "t", "--yes"),
                         "table 't' dropped, with 1 row\n")
        self.assertEqual(json.loads(self.out("tables", self.db, "--format", "json")), [])
        self.error("drop", self.db, "t", "--yes")

    def test_tables_and_stats_show_types(self):
        self.table(["a", "b:i32?", "s:utf8"], "--unit", "ns")
        self.out("append", self.db, "t", "now", 1, 2, "x")
        listed = json.loads(self.out("tables", self.db, "--format", "json"))[0]
        self.assertEqual((listed["columns"], listed["unit"]), ("a, b:i32?, s:utf8", "ns"))
        shown = self.out("stats", self.db, "t")
        self.assertRegex(shown, r"(?m)^ts_ns +time ns ")
        self.assertRegex(shown, r"(?m)^b +i32\? ")
        self.assertRegex(self.out("schema", self.db), r"(?m)^t +s +utf8 +no")


if __name__ == "__main__":
    unittest.main()
