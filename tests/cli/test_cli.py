#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/cli/test_cli.py - the command line tool as a user meets it: output, errors, exit codes.

nanots import has a file of its own beside this one.
"""
import datetime
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from cli_case import NANOTS, ROOT, CliCase, ms_of  # noqa: E402

COMMANDS = ("import append create collect query export tail plot tables schema info stats verify "
            "backup repair pack retain add-column rename drop").split()


class HelpTest(CliCase):
    def test_help_lists_every_command(self):
        shown = self.out("--help")
        for command in COMMANDS:
            self.assertRegex(shown, rf"(?m)^  {command} +[A-Z]")
        self.assertEqual(shown, self.out("help"))

    def test_help_of_each_command_shows_its_usage(self):
        for command in COMMANDS:
            shown = self.out(command, "--help")
            self.assertTrue(shown.startswith(f"Usage: nanots {command} "), shown)
            self.assertIn("-h, --help", shown)
            self.assertEqual(shown, self.out("help", command))
            self.assertLessEqual(max(map(len, shown.splitlines())), 100)

    def test_man_page_names_every_command_and_option(self):
        page = (ROOT / "cli" / "nanots.1").read_text().replace("\\-", "-")
        for command in COMMANDS:
            self.assertIn(f".SS {command}", page)
            section = page.split(f".SS {command}\n")[1].split(".SS ")[0]
            for line in self.out(command, "--help").splitlines():
                for word in line.split():
                    if line.startswith("  ") and word.startswith("--") and word != "--help":
                        self.assertIn(word.strip(",."), section + page.split(".SH TIMES")[1])

    def test_version_is_that_of_the_file(self):
        version = (ROOT / "VERSION").read_text().split()[0]
        self.assertEqual(self.out("--version"), f"nanots {version}\n")

    def test_no_command_shows_help_and_exits_2(self):
        out, error = self.run_tool(code=2)
        self.assertEqual(out, "")
        self.assertIn("Usage: nanots COMMAND", error)

    def test_unknown_command_names_the_nearest(self):
        self.assertIn("no command 'qurey'; did you mean query?", self.error("qurey", code=2))

    def test_unknown_option_names_the_nearest(self):
        error = self.error("query", self.db, "t", "--formt", "csv", code=2)
        self.assertIn("query has no option --formt; did you mean --format?", error)
        self.assertIn("Try 'nanots query --help'", error)

    def test_missing_operand_shows_the_usage(self):
        self.assertIn("too few arguments: nanots query DB TABLE",
                      self.error("query", self.db, code=2))

    def test_surplus_operand_is_named(self):
        self.assertIn("from 'x' on", self.error("info", self.db, "x", code=2))

    def test_option_without_its_value_is_refused(self):
        self.assertIn("--limit needs a value", self.error("query", self.db, "t", "--limit", code=2))


class QueryTest(CliCase):
    def setUp(self):
        super().setUp()
        self.hours = [ms_of(2024, 5, 1) + i * 3600000 for i in range(96)]
        self.load("ts_ms,a,b\n" + "".join(f"{ts},{i},{i / 10}\n"
                                          for i, ts in enumerate(self.hours)))

    def values(self, *options):
        return [row[1] for row in self.rows(*options)[1]]

    def test_both_ends_are_included(self):
        self.assertEqual(self.values("--from", "2024-05-01T02:00", "--to", "2024-05-01T05:00"),
                         [2, 3, 4, 5])

    def test_day_as_end_counts_whole(self):
        self.assertEqual(self.values("--from", "2024-05-02", "--to", "2024-05-02"),
                         list(range(24, 48)))

    def test_month_as_end_counts_whole(self):
        self.assertEqual(len(self.values("--from", "2024-05", "--to", "2024-05")), 96)
        self.assertEqual(self.values("--to", "2024-04"), [])

    def test_epoch_ends_in_s_and_ms(self):
        seconds = self.hours[1] // 1000
        self.assertEqual(self.values("--to", seconds), [0, 1])
        self.assertEqual(self.values("--to", seconds * 1000), [0, 1])
        self.assertEqual(self.values("--to", seconds, "--unit", "ms"), [])

    def test_from_after_to_gives_no_rows(self):
        self.assertEqual(self.values("--from", "2024-05-03", "--to", "2024-05-02"), [])

    def test_relative_times_count_from_now(self):
        now = int(time.time() * 1000)
        self.load(f"ts_ms,v\n{now - 7200000},1\n{now - 60000},2\n{now + 3600000},3\n",
                  table="n")
        self.assertEqual([row[1] for row in self.rows("--from", "-1h", "--to", "now",
                                                      table="n")[1]], [2])
        self.assertEqual([row[1] for row in self.rows("--from", "now-1d", "--to", "+2h",
                                                      table="n")[1]], [1, 2, 3])

    def test_limit_and_reverse(self):
        self.assertEqual(self.values("--limit", "3"), [0, 1, 2])
        self.assertEqual(self.values("--limit", "3", "--reverse"), [95, 94, 93])
        self.assertEqual(self.values("--reverse"), list(range(95, -1, -1)))

    def test_columns_come_in_the_order_wanted(self):
        header, rows = self.rows("--columns", "b,a", "-n", "2")
        self.assertEqual((header, rows[1]), (["ts_ms", "b", "a"], (self.hours[1], 0.1, 1)))

    def test_pipe_gets_every_row_as_csv(self):
        lines = self.out("query", self.db, "t").splitlines()
        self.assertEqual(lines[0], "ts_ms,a,b")
        self.assertEqual(len(lines), 97)

    def test_json_is_an_array_of_objects(self):
        self.load("ts_ms,a,\"q\"\"\\\"\n1,1.5,NaN\n2,inf,-0\n", table="j")
        parsed = json.loads(self.out("query", self.db, "j", "--format", "json"))
        self.assertEqual(parsed, [{"ts_ms": 1, "a": 1.5, 'q"\\': None},
                                  {"ts_ms": 2, "a": None, 'q"\\': 0}])

    def test_json_of_no_rows_is_an_empty_array(self):
        self.assertEqual(json.loads(self.out("query", self.db, "t", "--format", "json", "--to",
                                             "2000-01-01")), [])

    def test_jsonl_is_an_object_a_line(self):
        lines = self.out("query", self.db, "t", "--format", "jsonl", "--iso").splitlines()
        self.assertEqual(len(lines), 96)
        self.assertEqual(json.loads(lines[1]), {"time": "2024-05-01T01:00:00Z", "a": 1, "b": 0.1})

    def test_table_shows_first_and_last_rows(self):
        lines = self.out("query", self.db, "t", "--format", "table").splitlines()
        self.assertEqual(len(lines), 1 + 20 + 1 + 20 + 1)
        self.assertRegex(lines[1], r"^2024-05-01T00:00:00Z +0 +0\.0$")
        self.assertRegex(lines[21], r"^\.\.\. ")
        self.assertRegex(lines[41], r"^2024-05-04T23:00:00Z +95 +9\.5$")
        self.assertIn("96 rows, the first and last 20 shown", lines[42])

    def test_table_shows_all_when_asked(self):
        lines = self.out("query", self.db, "t", "--format", "table", "--all").splitlines()
        self.assertEqual((len(lines), lines[-1]), (98, "96 rows"))
        lines = self.out("query", self.db, "t", "--format", "table", "-n", "50").splitlines()
        self.assertEqual((len(lines), lines[-1]), (52, "50 rows"))

    def test_table_of_forty_rows_is_whole(self):
        text = self.out("query", self.db, "t", "--format", "table", "--to", self.hours[39])
        self.assertEqual((len(text.splitlines()), "..." in text), (42, False))

    def test_terminal_gets_the_aligned_table_in_colour(self):
        shown = self.on_terminal("query", self.db, "t")
        self.assertIn("\033[1m", shown)
        self.assertIn("96 rows, the first and last 20 shown", shown)

    def test_no_color_is_respected(self):
        shown = self.on_terminal("query", self.db, "t", env={"NO_COLOR": "1"})
        self.assertNotIn("\033", shown)

    def test_narrow_terminal_leaves_columns_out_and_says_so(self):
        names = [f"a_rather_long_name_{i}" for i in range(8)]
        self.load("ts_ms," + ",".join(names) + "\n1" + ",1" * 8 + "\n", table="wide")
        shown = self.on_terminal("query", self.db, "wide", columns=80, env={"NO_COLOR": "1"})
        self.assertIn("of 8 columns fit", shown)
        self.assertLessEqual(len(shown.splitlines()[0]), 80)
        self.assertIn(names[7], self.out("query", self.db, "wide", "--format", "table"))

    def test_closed_pipe_is_quiet(self):
        text = "ts_ms,v\n" + "".join(f"{i},{i}.5\n" for i in range(100000))
        self.load(text, table="big")
        command = f"'{NANOTS}' query '{self.db}' big; echo $? >&2"
        child = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        self.assertEqual(child.stdout.readline(), b"ts_ms,v\n")
        child.stdout.close()
        self.assertEqual(child.stderr.read(), b"0\n")
        child.stderr.close()
        child.wait(60)

    def test_full_disk_is_an_error(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([NANOTS, "query", self.db, "t"], stdout=full,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot write to standard output: No space left", done.stderr)

    def test_unknown_table_names_the_nearest(self):
        self.load("ts_ms,v\n1,1\n", table="boiler")
        error = self.error("query", self.db, "boilr")
        self.assertIn("boilr", error)
        self.assertIn("boiler", error)

    def test_unknown_column_prints_nothing(self):
        out, error = self.run_tool("query", self.db, "t", "-c", "aa", code=1)
        self.assertEqual(out, "")
        self.assertIn("aa", error)

    def test_wrong_option_values_are_usage_errors(self):
        for options in (("--from", "yesterdy"), ("--limit", "x"), ("--limit", "0"),
                        ("--limit", "-3"), ("--format", "xml"), ("--unit", "h"),
                        ("--to", "2024-02-30"), ("--columns", ""), ("--from", "-1y")):
            self.error("query", self.db, "t", *options, code=2)

    def test_absent_file_is_not_made(self):
        for command in ("query", "plot", "stats"):
            error = self.error(command, "none.ntt", "t")
            self.assertIn("none.ntt", error)
        for command in ("tables", "info"):
            self.error(command, "none.ntt")
        self.error("verify", "none.ntt", code=2)
        self.error("backup", "none.ntt", "out.ntt")
        self.error("repair", "none.ntt", "out.ntt")
        self.assertFalse((self.folder / "out.ntt").exists())
        self.error("append", "none.ntt", "t", "now", "1")
        self.error("pack", "none.ntt")
        self.error("retain", "none.ntt", "--keep", "1d")
        self.assertFalse((self.folder / "none.ntt").exists())

    def test_other_files_are_no_databases(self):
        self.file("hello, world\n" * 1000, "text")
        self.assertIn("text", self.error("query", "text", "t"))
        self.error("query", self.folder, "t")

    def test_readers_leave_the_file_as_it_is(self):
        before = Path(self.db).read_bytes()
        for command in (("query", "t"), ("export", "t", "o.csv"), ("plot", "t"), ("tables",),
                        ("info",), ("stats",), ("stats", "t"), ("verify",)):
            self.out(command[0], self.db, *command[1:])
        self.assertEqual(Path(self.db).read_bytes(), before)


class ExportTest(CliCase):
    TEXT = "ts_ms,a,\"b, c\"\n-1,0.1,NaN\n5,-inf,2\n"

    def test_export_and_import_are_inverse(self):
        self.load(self.TEXT)
        self.assertIn("2 rows of table 't' written to o.csv",
                      self.out("export", self.db, "t", "o.csv"))
        self.assertEqual((self.folder / "o.csv").read_text(), self.TEXT)
        self.out("import", self.db, "u", "o.csv")
        self.assertEqual(self.out("export", self.db, "u", "-"), self.TEXT)

    def test_export_takes_a_range_and_columns(self):
        self.load(self.TEXT)
        self.assertEqual(self.out("export", self.db, "t", "-", "--from", "0", "-c", "a"),
                         "ts_ms,a\n5,-inf\n")

    def test_failed_export_leaves_the_old_file(self):
        self.load(self.TEXT)
        self.file("precious", "o.csv")
        self.error("export", self.db, "none", "o.csv")
        self.assertEqual((self.folder / "o.csv").read_text(), "precious")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         ["a.ntt", "in.csv", "o.csv"])

    def test_export_over_its_own_database_is_refused(self):
        self.load(self.TEXT)
        before = Path(self.db).read_bytes()
        self.assertIn("is the file that holds the table",
                      self.error("export", self.db, "t", self.db))
        self.assertEqual(Path(self.db).read_bytes(), before)

    def test_export_into_no_folder_is_told(self):
        self.load(self.TEXT)
        self.assertIn("No such file", self.error("export", self.db, "t", "no/o.csv"))


class UpkeepTest(CliCase):
    def load_days(self, table="t", count=100):
        self.load("date,v\n" + "".join(f"{datetime.date(2024, 1, 1) + datetime.timedelta(i)},{i}\n"
                                       for i in range(count)), table=table)

    def test_create_and_append(self):
        self.out("create", self.db, "t", "a", "b")
        self.out("append", self.db, "t", "2024-05-01T12:00", "-1.5", "NaN")
        self.out("append", self.db, "t", "-5", "1e300", "-inf")
        self.out("append", self.db, "t", "--unit", "s", "7", "1", "2", code=2)
        self.out("append", "--unit", "s", self.db, "t", "7", "1", "2")
        rows = self.rows()[1]
        self.assertEqual(rows[:2], [(-5, 1e300, -math.inf), (7000, 1, 2)])
        self.assertEqual(rows[2][:2], (ms_of(2024, 5, 1, 12), -1.5))

    def test_create_refuses_what_is_there(self):
        self.out("create", self.db, "t", "a")
        self.assertIn("t", self.error("create", self.db, "t", "a"))

    def test_create_refuses_bad_names(self):
        for columns in (("ts",), ("a", "a"), ("",)):
            self.error("create", self.db, "t", *columns)

    def test_append_of_a_wrong_count_or_number(self):
        self.out("create", self.db, "t", "a", "b")
        self.error("append", self.db, "t", "now", "1")
        self.error("append", self.db, "t", "now", "1", "x", code=2)
        self.error("append", self.db, "none", "now", "1", "2")
        self.assertEqual(self.rows()[1], [])

    def test_tables_lists_rows_and_times(self):
        self.load_days()
        shown = self.out("tables", self.db)
        self.assertRegex(shown, r"(?m)^t +100 +2024-01-01 +2024-04-09 .* v:i64$")
        listed = json.loads(self.out("tables", self.db, "--format", "json"))
        self.assertEqual([(row["table"], row["rows"], row["first_ts"]) for row in listed],
                         [("t", 100, ms_of(2024, 1, 1))])
        self.assertEqual(self.out("tables", self.db, "--format", "csv").splitlines()[0],
                         "table,rows,first_ts,last_ts,unit,disk_bytes,columns")

    def test_tables_of_an_empty_table(self):
        self.out("create", self.db, "t", "a")
        listed = json.loads(self.out("tables", self.db, "--format", "json"))
        self.assertEqual((listed[0]["rows"], listed[0]["first_ts"]), (0, None))

    def test_many_tables_are_all_there_again(self):
        for number in range(40):
            self.load(f"ts_ms,{'c' * (number % 7 + 1)}\n{number},1\n", table=f"t{number}")
        for number in range(40):
            self.assertEqual(self.times(f"t{number}"), [number])
        listed = json.loads(self.out("tables", self.db, "--format", "json"))
        self.assertEqual(sorted(row["table"] for row in listed),
                         sorted(f"t{number}" for number in range(40)))

    def test_info_describes_the_file(self):
        self.load_days()
        shown = self.out("info", self.db)
        self.assertIn(f"file         {self.db}", shown)
        self.assertIn("appended     100 rows", shown)
        self.assertIn("the file was closed cleanly", shown)
        self.assertRegex(shown, r"(?m)^t +100 ")

    def test_stats_of_all_and_of_one(self):
        self.load_days()
        row = json.loads(self.out("stats", self.db, "--format", "json"))[0]
        self.assertEqual((row["table"], row["rows"], row["raw_total_bytes"]), ("t", 100, 1600))
        shown = self.out("stats", self.db, "t")
        self.assertIn("t: 100 rows of 1 column in 1 segment", shown)
        for word in ("times", "values", "index", "whole", "codec", "vectors"):
            self.assertIn(word, shown)
        self.error("stats", self.db, "none")

    def test_stats_json_has_the_numbers_of_the_structs(self):
        self.load("ts_ms,a,b\n" + "".join(f"{i * 1000 + i % 7},{i % 50},{i * 0.37 % 91}\n"
                                          for i in range(20000)))
        self.load("ts_ms,v\n1,2\n", table='a "quoted\\ name')
        text = self.out("stats", self.db, "--json")
        tables = {table["table"]: table for table in json.loads(text)}
        self.assertEqual(list(tables), ['a "quoted\\ name', "t"])
        self.assertEqual(text, self.out("stats", self.db, "--format", "json"))
        table = tables["t"]
        self.assertEqual(table, json.loads(self.out("stats", self.db, "t", "--json")))
        self.assertEqual(table, json.loads(
            self.out("stats", self.db, "--format", "jsonl").splitlines()[1]))
        shown = {row["table"]: row for row in self.records("stats", self.db)}["t"]
        for key, column in (("rows", "rows"), ("segments", "segments"),
                            ("raw_total_bytes", "raw_bytes"), ("on_disk_bytes", "disk_bytes")):
            self.assertEqual(table[key], int(shown[column]), key)
        self.assertEqual(f"{table['compression_ratio_total_x']:.2f}", shown["ratio"])
        parts = {row["part"]: row for row in self.records("stats", self.db, "t")}
        for key, part in (("ts_blob_bytes", "times"), ("value_blob_bytes", "values"),
                          ("index_bytes", "index"), ("on_disk_bytes", "whole")):
            self.assertEqual(table[key], int(parts[part]["disk_bytes"]), key)
        self.assertEqual(table["packed_segments"], 0)
        self.assertEqual(table["compression_ratio_ts_blob_x"], 160000 / table["ts_blob_bytes"])
        self.assertEqual(table["compression_ratio_value_blob_x"],
                         320000 / table["value_blob_bytes"])
        self.assertEqual([column["name"] for column in table["columns"]], ["ts_ms", "a", "b"])
        self.assertEqual(table["columns"][0]["on_disk_bytes"], table["ts_blob_bytes"])
        for column in table["columns"]:
            self.assertEqual(column["vectors"], 20)
            for key, whole in (("vectors", "vectors"), ("raw_bytes", "raw_bytes")):
                self.assertEqual(sum(won[key] for won in column["codecs"].values()), column[whole])
            self.assertLessEqual(sum(won["bytes"] for won in column["codecs"].values()),
                                 column["on_disk_bytes"])  # chunks may have heads
            self.assertEqual(column["tiers"]["hot"]["codecs"], column["codecs"])
            self.assertEqual(column["tiers"]["packed"]["vectors"], 0)
        for name, won in table["codecs"].items():
            self.assertEqual(won["vectors"], sum(column["codecs"].get(name, {}).get("vectors", 0)
                                                 for column in table["columns"]))

    def test_stats_json_of_no_tables_is_an_empty_array(self):
        Path(self.db).touch()
        self.assertEqual(json.loads(self.out("stats", self.db, "--json")), [])
        self.error("stats", self.db, "--json", "--format", "csv", code=2)
        self.error("stats", self.db, "none", "--json")

    def test_info_json_says_what_info_says(self):
        self.load_days()
        info = json.loads(self.out("info", self.db, "--json"))
        self.assertEqual(info["file_bytes"], Path(self.db).stat().st_size)
        self.assertEqual((info["last_seq"], info["tables"], info["segments"]), (100, 1, 1))
        self.assertEqual((info["wal_bytes"], info["wal_ratio"], info["pending_rows"]), (0, 0, 0))
        self.assertEqual((info["poisoned"], info["wal_damaged"]), (False, False))
        for key in ("written_bytes", "appended_bytes", "write_amplification"):
            self.assertNotIn(key, info)  # of a handle that writes
        self.assertEqual(info["oldest_pin"], info["generation"])
        self.assertEqual(info["data_bytes"],
                         json.loads(self.out("stats", self.db, "t", "--json"))["on_disk_bytes"])
        self.assertIn(f"generation   {info['generation']}\n", self.out("info", self.db))

    def test_verify_of_a_whole_file(self):
        self.load_days()
        self.assertIn("is whole: 100 rows in 1 segment of 1 table", self.out("verify", self.db))

    def test_verify_names_damage_and_exits_1(self):
        random.seed(1)
        text = "ts_ms,v\n" + "".join(f"{i * 1000},{random.randrange(1000003)}\n"
                                     for i in range(40000))
        self.load(text)
        data = bytearray(Path(self.db).read_bytes())
        self.assertGreater(len(data), 50000)
        data[len(data) // 2] ^= 0x10
        Path(self.db).write_bytes(data)
        out, error = self.run_tool("verify", self.db, code=1)
        self.assertIn("damage", out + error)

    def test_pack_keeps_the_rows(self):
        for part in range(3):
            self.load("ts_ms,v\n" + "".join(f"{i},{i}\n" for i in range(part, 300, 3)))
        self.load_days(table="other")
        self.assertRegex(self.out("pack", self.db, "t"), r"t: 300 rows, \d+ -> 1 segments, ")
        self.assertEqual(self.rows()[1], [(i, i) for i in range(300)])
        shown = self.out("pack", self.db)
        self.assertIn("other: 100 rows", shown)
        self.assertIn("a.ntt: ", shown)
        self.assertEqual(len(self.times("other")), 100)
        self.error("pack", self.db, "none")
        self.error("pack", self.db, "t", "--target-rows", "x", code=2)

    def test_retain_removes_what_is_older(self):
        self.load_days()
        self.load_days(table="other")
        self.assertIn("31 rows before 2024-02-01 removed from table 't'",
                      self.out("retain", self.db, "t", "--before", "2024-02-01"))
        self.assertEqual(self.times()[0], ms_of(2024, 2, 1))
        self.assertEqual(len(self.times("other")), 100)
        self.assertIn("169 rows", self.out("retain", self.db, "--keep", "7d"))
        self.assertEqual(self.times("other"), [])

    def test_retain_needs_exactly_one_limit(self):
        self.load_days()
        self.error("retain", self.db, code=2)
        self.error("retain", self.db, "--keep", "7d", "--before", "now", code=2)
        self.error("retain", self.db, "--keep", "seven days", code=2)
        self.error("retain", self.db, "--max-size", "much", code=2)
        self.error("retain", self.db, "--max-size", "1GiB", "--keep", "seven days", code=2)
        self.error("retain", self.db, "t", "--max-size", "1GiB", code=2)
        self.assertIn("max_bytes", self.error("retain", self.db, "--max-size", "64k"))
        self.assertEqual(len(self.times()), 100)

    def test_retain_by_size_takes_the_oldest_of_all_tables(self):
        random.seed(7)
        for table, begin in (("old", 0), ("new", 1000000)):
            self.load("ts_ms,v\n" + "".join(f"{begin + i},{random.random()!r}\n"
                                            for i in range(100000)), table=table)
        self.assertGreater(os.path.getsize(self.db), 1200000)
        self.assertIn("rows removed to fit 1MiB", self.out("retain", self.db, "--max-size", "1MiB"))
        self.assertLessEqual(os.path.getsize(self.db), 1 << 20)
        self.assertLess(len(self.times("old")), 100000)
        self.assertEqual(len(self.times("new")), 100000)
        self.assertIn("0 rows removed", self.out("retain", self.db, "-m", "1MiB"))
        shown = self.out("retain", self.db, "--before", "1970-01-01T00:16:40", "-m", "2MB")
        self.assertEqual(self.times("old"), [])
        self.assertIn("0 rows removed to fit 2MB", shown)

    def test_durations_add_up(self):
        now = int(time.time() * 1000)
        self.load(f"ts_ms,v\n{now - 5500000},1\n{now - 5300000},2\n")
        self.out("retain", self.db, "--keep", "1h30m")
        self.assertEqual([row[1] for row in self.rows()[1]], [2])


class CollectTest(CliCase):
    TABLES = ["cpu", "disk", "load", "memory", "network"]

    def names(self):
        return sorted(row["table"] for row in
                      json.loads(self.out("tables", self.db, "--format", "json")))

    def test_collect_records_every_group(self):
        begin = int(time.time() * 1000)
        self.assertEqual(self.out("collect", self.db, "--interval", "50ms", "--count", "3"),
                         "3 samples of 5 tables\n")
        self.assertEqual(self.names(), self.TABLES)
        for table in self.TABLES:
            stamps = self.times(table)
            self.assertEqual(len(stamps), 3)
            self.assertLessEqual(begin, stamps[0])
            self.assertLess(stamps[0], stamps[2])
        header, rows = self.rows(table="memory")
        total = float((Path("/proc/meminfo").read_text().split())[1]) * 1024
        self.assertEqual((header[1], rows[0][1]), ("total", total))
        header, rows = self.rows(table="cpu")
        self.assertTrue(all(math.isnan(row[1]) or abs(sum(row[1:]) - 100) < 1 for row in rows))

    def test_collect_goes_on_in_the_same_tables(self):
        for _ in range(2):
            self.out("collect", self.db, "-i", "20ms", "-n", "1", "--table-prefix", "host1.")
        self.assertEqual(self.names(), [f"host1.{table}" for table in self.TABLES])
        self.assertEqual(len(self.times("host1.load")), 2)

    def test_collect_ends_after_its_seconds(self):
        self.assertIn("2 samples", self.out("collect", self.db, "-i", "500ms", "--seconds", "1"))

    def test_collect_refuses_a_table_of_others(self):
        self.out("create", self.db, "cpu", "x")
        self.assertIn("table 'cpu' is there already and has other columns",
                      self.error("collect", self.db, "-n", "1"))

    def test_collect_ends_cleanly_when_interrupted(self):
        child = subprocess.Popen([NANOTS, "collect", self.db, "--interval", "20ms"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            time.sleep(0.5)
            error = self.error("append", self.db, "load", "now", "1", "2", "3", "4", "5")
            self.assertIn("open for writing", error)
            self.assertGreater(len(self.times("load")), 0)
            child.send_signal(signal.SIGINT)
            out, error = child.communicate(timeout=60)
        finally:
            child.kill()
        self.assertEqual((child.returncode, error), (0, b""))
        self.assertRegex(out.decode(), r"^\d+ samples of 5 tables\n$")
        self.assertEqual(len(self.times("load")), int(out.split()[0]))
        self.assertIn("closed cleanly", self.out("info", self.db))


class TailTest(CliCase):
    def follow(self, *options):
        """A tail of table t, once it runs, and the lines that it prints."""
        child = subprocess.Popen([NANOTS, "tail", self.db, "t", "-f", "-i", "20ms", *options],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.stderr.close)
        return child

    def lines(self, child, count):
        return [child.stdout.readline().rstrip("\n") for _ in range(count)]

    def end(self, child, number=signal.SIGINT):
        child.send_signal(number)
        out, error = child.communicate(timeout=60)
        self.assertEqual((child.returncode, error), (0, ""))
        return out

    def test_tail_shows_the_last_rows(self):
        self.load("ts_ms,a,b\n" + "".join(f"{i},{i},{-i}\n" for i in range(1, 31)))
        self.assertEqual(self.out("tail", self.db, "t", "-n", "2"),
                         "ts_ms,a,b\n29,29,-29\n30,30,-30\n")
        self.assertEqual(len(self.out("tail", self.db, "t").splitlines()), 11)
        self.assertEqual(self.out("tail", self.db, "t", "-n", "0"), "ts_ms,a,b\n")
        self.assertEqual(len(self.out("tail", self.db, "t", "-n", "99").splitlines()), 31)
        self.assertEqual(self.out("tail", self.db, "t", "-n", "1", "-c", "b", "--format", "jsonl"),
                         '{"ts_ms": 30, "b": -30}\n')
        rows = json.loads(self.out("tail", self.db, "t", "-n", "3", "--format", "json", "--iso"))
        self.assertEqual([row["a"] for row in rows], [28, 29, 30])
        shown = self.out("tail", self.db, "t", "-n", "2", "--format", "table").splitlines()
        self.assertEqual(shown[0].split(), ["time", "a", "b"])

    def test_tail_follows_rows_of_any_time_each_once(self):
        self.load("ts_ms,a\n10,1\n20,2\n")
        child = self.follow("-n", "1")
        self.assertEqual(self.lines(child, 2), ["ts_ms,a", "20,2"])
        for ts, value in ((30, 3), (15, 4), (30, 5), (20, 6), (5, 7), (40, 8)):
            self.out("append", self.db, "t", ts, value)
            self.assertEqual(self.lines(child, 1), [f"{ts},{value}"])
            self.out("pack", self.db)
        self.out("retain", self.db, "--before", "1970-01-01T00:00:00.025")
        self.out("append", self.db, "t", 1, 9)
        self.assertEqual(self.lines(child, 1), ["1,9"])
        self.load("ts_ms,a\n" + "".join(f"{50 + i},{i}\n" for i in range(5000)))
        self.assertEqual(self.lines(child, 5000), [f"{50 + i},{i}" for i in range(5000)])
        self.assertEqual(self.end(child), "")

    def test_tail_follows_rows_that_replace_others(self):
        self.out("create", self.db, "t", "a:i64", "s:utf8?", "x:f64", "--duplicates", "last")
        for ts in (10, 20, 30):
            self.out("append", self.db, "t", ts, ts, "old", "NaN")
        self.out("create", self.db, "other", "a:i64")
        child = self.follow("-n", "1")
        self.assertEqual(self.lines(child, 2), ["ts_ms,a,s,x", "30,30,old,NaN"])
        for row in ("20,21,old,NaN", "30,30,new,NaN", "10,10,null,NaN", "40,1,new,0.5",
                    "40,1,new,-0.5", "30,30,old,0"):
            self.out("append", self.db, "other", 1, 1)
            self.out("append", self.db, "t", *row.split(","))
            self.assertEqual(self.lines(child, 1), [row.replace("null", "")])
        self.out("append", self.db, "t", 20, 21, "old", "NaN")  # the same as there is: not told
        self.load("ts_ms,a,s,x\n35,1,,1\n50,1,,1\n", "--types", "a:i64,s:utf8,x:f64")
        self.assertEqual(self.lines(child, 2), ["35,1,,1", "50,1,,1"])
        self.assertEqual(self.end(child), "")
        child = self.follow("-n", "1", "-c", "a")
        self.assertEqual(self.lines(child, 2), ["ts_ms,a", "50,1"])
        self.out("append", self.db, "t", 10, 10, "unseen", 0)
        self.out("append", self.db, "t", 10, 11, "unseen", 0)
        self.assertEqual(self.lines(child, 1), ["10,11"])
        self.assertEqual(self.end(child), "")

    def test_tail_follows_the_first_rows_of_their_times(self):
        self.out("create", self.db, "t", "a:i64", "--duplicates", "first")
        self.out("append", self.db, "t", 20, 1)
        child = self.follow("-n", "1")
        self.assertEqual(self.lines(child, 2), ["ts_ms,a", "20,1"])
        self.out("append", self.db, "t", 20, 2)
        self.out("append", self.db, "t", 10, 3)
        self.assertEqual(self.lines(child, 1), ["10,3"])
        self.assertEqual(self.end(child), "")

    def test_tail_follows_in_each_format(self):
        self.load("ts_ms,a\n10,1\n", "--types", "a:f64")
        child = self.follow("--format", "json")
        self.assertEqual(self.lines(child, 1), ['{"ts_ms": 10, "a": 1}'])
        self.out("append", self.db, "t", 11, 2)
        self.assertEqual(self.lines(child, 1), ['{"ts_ms": 11, "a": 2}'])
        self.end(child, signal.SIGTERM)
        child = self.follow("--format", "table", "-n", "0")
        self.assertEqual(self.lines(child, 1)[0].split(), ["time", "a"])
        self.out("append", self.db, "t", 12, 2.5)
        self.assertEqual(self.lines(child, 1)[0].split(), ["1970-01-01T00:00:00.012Z", "2.5"])
        self.end(child)

    def test_tail_ends_quietly_when_nobody_reads(self):
        self.load("ts_ms,a\n10,1\n")
        child = self.follow()
        self.assertEqual(self.lines(child, 2), ["ts_ms,a", "10,1"])
        child.stdout.close()
        self.assertEqual(child.wait(timeout=60), 0)
        self.assertEqual(child.stderr.read(), "")

    def test_tail_of_a_file_that_goes_is_an_error(self):
        self.load("ts_ms,a\n10,1\n")
        child = self.follow()
        self.lines(child, 2)
        Path(self.db).unlink()
        self.assertEqual(child.wait(timeout=60), 1)
        self.assertIn("was deleted", child.stderr.read())
        self.assertIn("a.ntt", self.error("tail", self.db, "t"))

    def test_tail_refuses_a_wrong_command_line(self):
        self.load("ts_ms,a\n10,1\n")
        self.assertIn("no table 'x'", self.error("tail", self.db, "x"))
        self.assertIn("no column 'z'", self.error("tail", self.db, "t", "-c", "z"))
        self.error("tail", self.db, "t", "-n", "-1", code=2)
        self.error("tail", self.db, "t", "-i", "0s", code=2)
        self.error("tail", self.db, "t", "-n", "99999999999", code=2)


class PlotTest(CliCase):
    def setUp(self):
        super().setUp()
        self.load("ts_ms,up,wave\n" + "".join(
            f"{ms_of(2024, 1, 1) + i * 86400000},{i},{math.sin(i / 20):.6f}\n"
            for i in range(366)))

    def canvas(self, *options, **more):
        """Characters of the plot between the value axis and the edge, row by row."""
        shown = self.out("plot", self.db, "t", "-w", "60", "-H", "10", *options, **more)
        rows = [line for line in shown.splitlines() if "\u2502" in line or "\u2524" in line]
        return shown, [line.replace("\u2524", "\u2502").split("\u2502")[1] for line in rows]

    def test_rising_line_rises(self):
        shown, rows = self.canvas()
        self.assertTrue(shown.startswith("t.up  366 rows  min 0  mean 182.5  max 365\n"), shown)
        self.assertEqual(len(rows), 10)
        begins = [len(row) - len(row.lstrip()) for row in rows if row.strip()]
        self.assertEqual(begins, sorted(begins, reverse=True))
        self.assertGreater(begins[0] - begins[-1], 40)

    def test_every_column_of_dots_is_drawn(self):
        rows = self.canvas("--columns", "wave")[1]
        for column in range(60):
            self.assertTrue(any(len(row) > column and row[column] != " " for row in rows))

    def test_gap_of_missing_values_stays_open(self):
        self.load("ts_ms,v\n0,1\n100,1\n450,NaN\n900,1\n1000,1\n", table="g")
        shown = self.out("plot", self.db, "g", "-w", "50", "-H", "5", "--ascii")
        self.assertRegex(shown, r"[+|][.':]{4,6} {30,}[.':]{4,6}\n")

    def test_time_axis_is_labelled(self):
        shown = self.out("plot", self.db, "t", "-w", "60")
        self.assertIn("2024-03", shown)
        self.assertIn("2024-01-01 to 2024-12-31", shown)
        self.assertRegex(self.out("plot", self.db, "t", "--to", "2024-01-10"), "Jan 2 .*Jan 4 ")

    def test_ascii_where_the_locale_is_not_utf8(self):
        for options, env in ((("--ascii",), {}), ((), {"LC_ALL": "C"})):
            shown = self.out("plot", self.db, "t", *options, env=env)
            self.assertTrue(shown.isascii())
            self.assertIn(".", shown)

    def test_several_columns_are_drawn_below_each_other(self):
        shown = self.out("plot", self.db, "t", "-c", "wave,up", "-H", "5")
        self.assertLess(shown.index("t.wave"), shown.index("t.up"))

    def test_one_row_and_constants_have_a_plot(self):
        for name, text in (("one", "5,3\n"), ("flat", "5,3\n9,3\n"), ("zero", "5,0\n9,0\n"),
                           ("huge", "5,1e308\n9,-1e308\n"), ("tiny", "5,5e-324\n9,0\n"),
                           ("ends", f"{-2**63},1\n{2**63 - 1},2\n")):
            self.load("ts_ms,v\n" + text, table=name)
            self.assertIn(f"{name}.v", self.out("plot", self.db, name, "-H", "5"))

    def test_nothing_to_plot_is_told(self):
        self.load("ts_ms,v\n1,NaN\n", table="n")
        self.assertIn("holds no numbers", self.error("plot", self.db, "n"))
        self.assertIn("no rows in this range",
                      self.error("plot", self.db, "t", "--to", "2000-01-01"))
        self.error("plot", self.db, "t", "-c", "none")
        self.error("plot", self.db, "t", "-w", "5", code=2)
        self.error("plot", self.db, "t", "-H", "999", code=2)

    def test_terminal_gets_colour_and_its_width(self):
        shown = self.on_terminal("plot", self.db, "t", columns=70)
        self.assertIn("\033[36m", shown)
        plain = self.on_terminal("plot", self.db, "t", columns=70, env={"NO_COLOR": "1"})
        self.assertNotIn("\033", plain)
        self.assertLessEqual(max(map(len, plain.splitlines())), 70)


if __name__ == "__main__":
    unittest.main()
