#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/cli/test_cli.py - the command line tool as a user meets it: its output, errors, exit codes.

Runs the program that NANOTS_BIN names, else bin/nanots of the build folder. Times are checked
against Python's datetime, numbers against its float, JSON against its json module.
"""
import csv
import datetime
import fcntl
import io
import json
import math
import os
import pty
import random
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NANOTS_BUILD_DIR", ROOT / "build"))
NANOTS = os.environ.get("NANOTS_BIN", str(BUILD / "bin" / "nanots"))
COMMANDS = ("import append create collect query export plot tables info stats verify pack "
            "retain").split()
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def ms_of(*fields, offset_minutes=0):
    """Epoch milliseconds of a calendar time; microseconds are the last field."""
    zone = datetime.timezone(datetime.timedelta(minutes=offset_minutes))
    return (datetime.datetime(*fields, tzinfo=zone) - EPOCH) // datetime.timedelta(milliseconds=1)


def bits_of(value):
    return struct.pack("<d", value)


class CliCase(unittest.TestCase):
    """A folder with a database name in it, and the tool to run there."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.db = str(self.folder / "a.ntt")

    def run_tool(self, *arguments, stdin="", code=0, env=None):
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        environment.update({name: value for name, value in os.environ.items()
                            if name.startswith(("ASAN_", "UBSAN_", "LSAN_"))})
        done = subprocess.run([NANOTS, *map(str, arguments)], input=data, capture_output=True,
                              cwd=self.folder, timeout=60, env=environment | (env or {}))
        result = (done.stdout.decode(), done.stderr.decode())
        self.assertEqual(done.returncode, code, f"{arguments}: {result}")
        return result

    def out(self, *arguments, **options):
        return self.run_tool(*arguments, **options)[0]

    def error(self, *arguments, code=1, **options):
        """Runs what must fail; returns the sentences on standard error."""
        out, error = self.run_tool(*arguments, code=code, **options)
        self.assertTrue(error.startswith("nanots: "), error)
        return error

    def file(self, text, name="in.csv"):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    def load(self, text, *options, table="t", code=0):
        return self.run_tool("import", self.db, table, self.file(text), *options, code=code)

    def rows(self, *options, table="t"):
        """Header and rows of nanots query, numbers parsed."""
        lines = list(csv.reader(io.StringIO(self.out("query", self.db, table, *options))))
        return lines[0], [(int(line[0]), *map(float, line[1:])) for line in lines[1:]]

    def times(self, table="t"):
        return [row[0] for row in self.rows(table=table)[1]]

    def on_terminal(self, *arguments, columns=100, env=None):
        """Runs the tool with a terminal as standard output and error; returns what it shows."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        child = subprocess.Popen([NANOTS, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                 stdout=slave, stderr=slave, cwd=self.folder,
                                 env=environment | (env or {}))
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(master)
        self.assertEqual(child.wait(60), 0, shown)
        return shown.decode().replace("\r\n", "\n")


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
        self.assertIn('no command "qurey"; did you mean query?', self.error("qurey", code=2))

    def test_unknown_option_names_the_nearest(self):
        error = self.error("query", self.db, "t", "--formt", "csv", code=2)
        self.assertIn("query has no option --formt; did you mean --format?", error)
        self.assertIn('Try "nanots query --help"', error)

    def test_missing_operand_shows_the_usage(self):
        self.assertIn("too few arguments: nanots query DB TABLE",
                      self.error("query", self.db, code=2))

    def test_surplus_operand_is_named(self):
        self.assertIn('from "x" on', self.error("info", self.db, "x", code=2))

    def test_option_without_its_value_is_refused(self):
        self.assertIn("--limit needs a value", self.error("query", self.db, "t", "--limit", code=2))


class ImportTimeTest(CliCase):
    def check_times(self, cases, *options):
        """Imports quoted texts in one file and compares the stored times; cases are in order."""
        text = "when,v\n" + "".join(f'"{written}",1\n' for written, _ in cases)
        self.load(text, "--time", "when", *options)
        self.assertEqual(self.times(), [expected for _, expected in cases])

    def test_iso_times_are_read(self):
        four_centuries_ms = 146097 * 86400000
        self.check_times([
            ("-0001-01-01", ms_of(1999, 1, 1) - 5 * four_centuries_ms),
            ("1969-12-31T23:59:59.999Z", -1),
            ("1970-01-01", 0),
            ("1999-12-31 24:00:00", ms_of(2000, 1, 1)),
            ("2000-02-29", ms_of(2000, 2, 29)),
            ("2024-05-01T02:00+05:30", ms_of(2024, 5, 1, 2, offset_minutes=330)),
            ("2024-05", ms_of(2024, 5, 1)),
            ("2024-05-01T12:00", ms_of(2024, 5, 1, 12)),
            ("2024-05-01 12:00:01", ms_of(2024, 5, 1, 12, 0, 1)),
            ("2024-05-01T12:00:01.250000Z", ms_of(2024, 5, 1, 12, 0, 1, 250000)),
            ("2024-05-01T12:00:01,5", ms_of(2024, 5, 1, 12, 0, 1, 500000)),
            ("2024-05-01T12:00:02-0800", ms_of(2024, 5, 1, 12, 0, 2, offset_minutes=-480)),
            ("20240502T120030Z", ms_of(2024, 5, 2, 12, 0, 30)),
            ("2024-05-03 12:00 +01", ms_of(2024, 5, 3, 12, offset_minutes=60)),
            ("2024-05-04 12:00:00 UTC", ms_of(2024, 5, 4, 12)),
            ("+12024-05-04T00:00:00Z", ms_of(2024, 5, 4) + 25 * four_centuries_ms),
        ])

    def test_other_times_are_read(self):
        self.check_times([
            ("Jan 1 2000", ms_of(2000, 1, 1)),
            ("February 3, 2000", ms_of(2000, 2, 3)),
            ("3 Mar 2000 04:05", ms_of(2000, 3, 3, 4, 5)),
            ("4-Apr-2000", ms_of(2000, 4, 4)),
            ("5/6/2000", ms_of(2000, 5, 6)),
            ("6/7/2000 12:30 AM", ms_of(2000, 6, 7, 0, 30)),
            ("6/7/2000 12:30 PM", ms_of(2000, 6, 7, 12, 30)),
            ("6/7/2000 1:30:15 pm", ms_of(2000, 6, 7, 13, 30, 15)),
            ("Sat, 01 Jul 2000 10:00:00 GMT", ms_of(2000, 7, 1, 10)),
            ("2010/01/01 00:00", ms_of(2010, 1, 1)),
            ("2010/1/2", ms_of(2010, 1, 2)),
        ])

    def test_wrong_times_are_refused(self):
        for text in ("2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-05-01T25:00",
                     "2024-05-01T12:60", "2024-05-01T12", "13:00 PM 2024-05-01", "5/1/24",
                     "2024-05-01T12:00+25:00", "2024-05-01x", "tomorrow", "2024-05-01 13:00 PM",
                     "2024-05-01T24:00:01", "32 May 2024", "May 2024 1", "20240501"):
            error = self.load(f'time,v\n"2024-01-01",1\n"{text}",2\n', "--time", "time", code=1)[1]
            self.assertIn(f'in.csv:3: "{text}" in column "time" is no time', error)

    def test_every_day_of_four_centuries_agrees_with_datetime(self):
        days = [datetime.date(1700, 1, 1) + datetime.timedelta(days=i) for i in range(0, 146100, 7)]
        self.load("date,v\n" + "".join(f"{day},0\n" for day in days))
        self.assertEqual(self.times(), [ms_of(day.year, day.month, day.day) for day in days])
        shown = [json.loads(line)["time"] for line in
                 self.out("query", self.db, "t", "--format", "jsonl", "--iso").splitlines()]
        self.assertEqual(shown, [f"{day}T00:00:00Z" for day in days])

    def test_epoch_units_are_guessed_by_size(self):
        for factor, unit in ((1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds"),
                             (10**9, "nanoseconds")):
            out, error = self.load(f"time,v\n{1714521600 * factor},1\n", table=unit)
            self.assertIn(f"read as epoch {unit}", error)
            self.assertEqual(self.times(unit), [1714521600000])

    def test_epoch_unit_of_the_name_needs_no_guess(self):
        for name, expected in (("ts_s", 5000000), ("ts_ms", 5000), ("time_us", 5),
                               ("epoch_ms", 5000)):
            out, error = self.load(f"{name},v\n5000,1\n", table=name)
            self.assertEqual((error, self.times(name)), ("", [expected]))

    def test_epoch_unit_option_wins(self):
        self.load("time,v\n-5,1\n1714521600,2\n", "--unit", "s")
        self.assertEqual(self.times(), [-5000, 1714521600000])

    def test_epoch_fractions_are_exact(self):
        self.load("time,v\n1714521600.001,1\n1714521600.25,2\n", "--unit", "s")
        self.assertEqual(self.times(), [1714521600001, 1714521600250])

    def test_int64_ends_of_time_are_read_and_printed(self):
        self.load(f"ts_ms,v\n{-2**63},1\n{2**63 - 1},2\n")
        self.assertEqual(self.times(), [-2**63, 2**63 - 1])
        self.load(self.out("query", self.db, "t", "--iso"), table="back")
        self.assertEqual(self.times("back"), [-2**63, 2**63 - 1])

    def test_time_beyond_int64_is_refused(self):
        error = self.load(f"ts_ms,v\n{2**63},1\n", code=1)[1]
        self.assertIn("is beyond the range of time", error)

    def test_time_finer_than_a_millisecond_is_refused(self):
        for text, unit in (("2024-05-01T00:00:00.0005", None), ("1714521600000500", "us"),
                           ("1714521600000.5", "ms"), ("1714521600.0001", "s")):
            options = ("--unit", unit) if unit else ()
            error = self.load(f"time,v\n{text},1\n", *options, code=1)[1]
            self.assertIn("finer than a millisecond; --floor", error)

    def test_floor_rounds_towards_the_past(self):
        self.load("time,v\n-1,1\n1999,2\n", "--unit", "us", "--floor")
        self.assertEqual(self.times(), [-1, 1])
        self.load("time,v\n2024-05-01T00:00:00.0009Z,1\n", "--floor", table="iso")
        self.assertEqual(self.times("iso"), [ms_of(2024, 5, 1)])

    def test_time_column_is_found_by_name(self):
        for name in ("time", "Timestamp", "DATE", "datetime", "ts", "Date/Time"):
            self.load(f"a,{name},b\n1,2024-05-01,2\n", table=name.replace("/", ""))
            header, rows = self.rows(table=name.replace("/", ""))
            self.assertEqual((header, rows), (["ts_ms", "a", "b"], [(ms_of(2024, 5, 1), 1, 2)]))

    def test_time_column_is_found_by_contents(self):
        self.load("a,when,b\n1,2024-05-01,2\n3,2024-05-02,4\n")
        self.assertEqual(self.rows()[0], ["ts_ms", "a", "b"])

    def test_number_column_is_no_time_by_contents(self):
        self.assertIn("no column of in.csv looks like a time",
                      self.load("a,b\n1714521600,2\n", code=1)[1])

    def test_year_column_holds_years(self):
        self.load("year,v\n1880,1\n2024,2\n")
        self.assertEqual(self.times(), [ms_of(1880, 1, 1), ms_of(2024, 1, 1)])

    def test_year_month_day_hour_columns_make_the_time(self):
        out, error = self.load("n,year,month,day,hour,v\n1,2010,1,1,0,5\n2,2010,1,1,23,6\n")
        self.assertIn("made of its columns year to hour", error)
        self.assertEqual(self.rows(), (["ts_ms", "n", "v"], [(ms_of(2010, 1, 1), 1, 5),
                                                             (ms_of(2010, 1, 1, 23), 2, 6)]))

    def test_time_of_two_columns_is_joined(self):
        self.load("d,c,v\n2024-05-01,13:30,1\n", "--time", "d,c")
        self.assertEqual(self.rows(), (["ts_ms", "v"], [(ms_of(2024, 5, 1, 13, 30), 1)]))

    def test_time_format_reads_what_it_says(self):
        self.load("when,v\n01.05.2024 13:30,1\n", "--time", "when", "--time-format",
                  "%d.%m.%Y %H:%M")
        self.assertEqual(self.times(), [ms_of(2024, 5, 1, 13, 30)])
        error = self.load("when,v\n31.02.2024,1\n", "--time", "when", "--time-format", "%d.%m.%Y",
                          code=1)[1]
        self.assertIn("does not match the time format", error)

    def test_start_and_step_count_the_times(self):
        self.load("a,b\n1,2\n3,4\n5,6\n", "--start", "2017-01-01", "--step", "10m")
        first = ms_of(2017, 1, 1)
        self.assertEqual(self.rows()[1], [(first, 1, 2), (first + 600000, 3, 4),
                                          (first + 1200000, 5, 6)])

    def test_start_without_step_is_refused(self):
        self.load("a\n1\n", "--start", "2017-01-01", code=2)

    def test_unknown_time_column_names_the_nearest(self):
        error = self.load("moment,v\n2024-05-01,1\n", "--time", "momnt", code=1)[1]
        self.assertIn('no column "momnt"; did you mean "moment"?', error)

    def test_missing_time_is_a_bad_line(self):
        error = self.load("time,v\n2024-05-01,1\n,2\n", code=1)[1]
        self.assertIn('in.csv:3: the time in column "time" is missing', error)


class ImportValueTest(CliCase):
    def test_numbers_come_back_bit_for_bit(self):
        seed = int(os.environ.get("SEED", "20240501"))
        print(f"SEED={seed}")
        source = random.Random(seed)
        values = [0.0, -0.0, 0.1, -0.3, 1e300, 5e-324, 2.0**53 + 2, 1 / 3, math.inf, -math.inf,
                  1.7976931348623157e308, 2.2250738585072014e-308, 123456789.123456789, 1e15, 1e22]
        values += [round(source.uniform(-1000, 1000), source.randrange(10)) for _ in range(2000)]
        values += [source.uniform(-1, 1) * 10.0 ** source.randrange(-300, 300) for _ in range(2000)]
        while len(values) < 8000:
            value = struct.unpack("<d", source.randbytes(8))[0]
            if value == value:
                values.append(value)
        self.load("ts_ms,v\n" + "".join(f"{i},{value!r}\n" for i, value in enumerate(values)))
        back = [row[1] for row in self.rows()[1]]
        self.assertEqual(list(map(bits_of, back)), list(map(bits_of, values)))

    def test_printed_numbers_are_shortest(self):
        values = ["0.1", "-0.3", "1e+300", "1436.51001", "5e-324", "0.30000000000000004",
                  "9007199254740993", "-0", "1", "1e+22", "123456.7", "0.001"]
        self.load("ts_ms,v\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
        printed = [line.split(",")[1] for line in self.out("query", self.db, "t").split()[1:]]
        values[6] = "9007199254740992"
        self.assertEqual(printed, values)

    def test_missing_words_become_nan(self):
        words = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", "\\N", '""']
        self.load("ts_ms,v,w\n" + "".join(f"{i},{word},1\n" for i, word in enumerate(words)))
        rows = self.rows()[1]
        self.assertEqual(len(rows), len(words))
        self.assertTrue(all(math.isnan(row[1]) for row in rows))

    def test_what_is_no_number_is_refused(self):
        for text in ("1,5", "0x10", "1 2", "--1", "1e", "12abc", "nan(7)"):
            error = self.load(f'ts_ms,v\n1,1\n2,1\n3,"{text}"\n', code=1)[1]
            self.assertIn(f'in.csv:4: "{text}" in column "v" is no number', error)

    def test_quotes_crlf_bom_and_blank_lines(self):
        self.load(b'\xef\xbb\xbf"time","a, b",c\r\n\r\n2024-05-01, "1" ,2\r\n\n"2024-05-02",3,"4"')
        self.assertEqual(self.rows(), (["ts_ms", "a, b", "c"], [(ms_of(2024, 5, 1), 1, 2),
                                                                (ms_of(2024, 5, 2), 3, 4)]))

    def test_delimiter_is_found_or_given(self):
        for delimiter, option in (("\t", ()), (";", ()), ("|", ()), (":", ("-d", ":")),
                                  ("\t", ("-d", "tab"))):
            table = f"t{ord(delimiter)}{len(option)}"
            self.load(f"ts_ms{delimiter}v{delimiter}w\n7{delimiter}1{delimiter}2\n", *option,
                      table=table)
            self.assertEqual(self.rows(table=table), (["ts_ms", "v", "w"], [(7, 1, 2)]))

    def test_text_column_is_refused_by_name_and_line(self):
        error = self.load("time,name,v\n2024-05-01,,1\n2024-05-02,NW,2\n", code=1)[1]
        self.assertIn('in.csv:3: column "name" is text, not numbers: "NW"', error)
        self.assertFalse(Path(self.db).exists())

    def test_skip_text_leaves_it_out_and_says_so(self):
        out, error = self.load("time,name,v,w\n2024-05-01,NW,1,x\n", "--skip-text")
        self.assertIn('left out as text: columns "name", "w"', error)
        self.assertEqual(self.rows(), (["ts_ms", "v"], [(ms_of(2024, 5, 1), 1)]))

    def test_columns_picks_and_orders(self):
        self.load("time,a,b,c\n2024-05-01,1,x,3\n", "--columns", "c,a")
        self.assertEqual(self.rows(), (["ts_ms", "c", "a"], [(ms_of(2024, 5, 1), 3, 1)]))

    def test_columns_unknown_names_the_nearest(self):
        error = self.load("time,price\n2024-05-01,1\n", "--columns", "prise", code=1)[1]
        self.assertIn('no column "prise"; did you mean "price"?', error)

    def test_no_header_names_columns_by_number(self):
        self.load("2024-05-01,1,2\n2024-05-02,3,4\n", "--no-header")
        self.assertEqual(self.rows()[0], ["ts_ms", "c1", "c2"])
        self.assertEqual(len(self.rows()[1]), 2)

    def test_column_without_a_name_gets_one(self):
        self.load("time,,v\n2024-05-01,1,2\n")
        self.assertEqual(self.rows()[0], ["ts_ms", "c1", "v"])

    def test_rows_out_of_order_come_sorted_and_equal_times_in_order(self):
        self.load("ts_ms,v\n5,1\n3,2\n5,3\n-1,4\n5,5\n")
        self.assertEqual(self.rows()[1], [(-1, 4), (3, 2), (5, 1), (5, 3), (5, 5)])

    def test_many_rows_cross_batches(self):
        count = 50001
        text = "ts_ms,v,w\n" + "".join(f"{i * 1000},{i * 0.5},{-i}\n" for i in range(count))
        self.assertIn("50,001 rows from in.csv", self.load(text)[0])
        rows = self.rows()[1]
        self.assertEqual(rows, [(i * 1000, i * 0.5, -i) for i in range(count)])

    def test_standard_input_is_read(self):
        out = self.out("import", self.db, "t", "-", stdin="ts_ms,v\n1,2\n")
        self.assertIn("1 row from standard input", out)
        self.assertEqual(self.rows()[1], [(1, 2)])

    def test_existing_table_is_matched_by_name(self):
        self.load("ts_ms,a,b\n1,10,20\n")
        self.load("b,a,ts_ms\n21,11,2\n")
        self.assertEqual(self.rows()[1], [(1, 10, 20), (2, 11, 21)])

    def test_existing_table_lacks_a_column(self):
        self.load("ts_ms,price,size\n1,10,20\n")
        error = self.load("ts_ms,prices,size\n2,10,20\n", code=1)[1]
        self.assertIn('no column "prices" (the nearest is "price")', error)
        self.assertEqual(len(self.rows()[1]), 1)

    def test_file_lacks_a_column_of_the_table(self):
        self.load("ts_ms,a,b\n1,10,20\n")
        error = self.load("ts_ms,a\n2,10\n", code=1)[1]
        self.assertIn('column "b" of table "t" is not among those imported', error)

    def test_header_alone_makes_an_empty_table(self):
        self.assertIn("0 rows", self.load("time,a,b\n")[0])
        self.assertEqual(self.rows(), (["ts_ms", "a", "b"], []))

    def test_empty_file_is_refused(self):
        self.assertIn("in.csv is empty", self.load("", code=1)[1])
        self.assertFalse(Path(self.db).exists())

    def test_directory_and_absent_file_are_named(self):
        self.assertIn("is a directory", self.error("import", self.db, "t", self.folder))
        self.assertIn("cannot open no.csv: No such file",
                      self.error("import", self.db, "t", "no.csv"))


class ImportBadLineTest(CliCase):
    BAD = ("time,a,b\n2024-05-01,1,2\n2024-05-02,x,3\n2024-05-03,4\nsoon,5,6\n"
           "2024-05-05,7,8\n")

    def test_stop_keeps_the_rows_before(self):
        out, error = self.load(self.BAD, code=1)
        self.assertIn('in.csv:3: "x" in column "a" is no number', error)
        self.assertIn("the rows before it are kept", error)
        self.assertIn("1 row from in.csv", out)
        self.assertEqual(self.rows()[1], [(ms_of(2024, 5, 1), 1, 2)])

    def test_skip_tells_each_and_goes_on(self):
        out, error = self.load(self.BAD, "--on-error", "skip")
        self.assertIn('in.csv:3: "x" in column "a"', error)
        self.assertIn("in.csv:4: 2 fields, but the header has 3", error)
        self.assertIn('in.csv:5: "soon" in column "time" is no time', error)
        self.assertIn("3 bad lines were left out", error)
        self.assertEqual(self.rows()[1], [(ms_of(2024, 5, 1), 1, 2), (ms_of(2024, 5, 5), 7, 8)])

    def test_skip_of_very_many_is_counted(self):
        text = "ts_ms,v\n" + "".join(f"{i},1\n{i},1,1\n" for i in range(100))
        error = self.load(text, "--on-error", "skip")[1]
        self.assertEqual(error.count("but the header has"), 20)
        self.assertIn("80 bad lines more", error)
        self.assertEqual(len(self.rows()[1]), 100)

    def test_line_numbers_count_lines_inside_quotes(self):
        text = 'time,name,v\n2024-05-01,"two\nlines",1\n2024-05-02,x,oops\n'
        error = self.load(text, "--columns", "v", code=1)[1]
        self.assertIn('in.csv:4: "oops" in column "v"', error)

    def test_unclosed_quote_names_the_line_of_its_record(self):
        error = self.load('ts_ms,v\n1,1\n2,"2\n3,3\n', code=1)[1]
        self.assertIn("in.csv:3: a quote opened here is never closed", error)
        self.assertEqual(self.rows()[1], [(1, 1)])

    def test_stray_quote_is_one_bad_line(self):
        error = self.load('ts_ms,v\n1,1\n2,2"x\n3,3\n', "--on-error", "skip")[1]
        self.assertIn("in.csv:3: a quote stands inside a field", error)
        self.assertEqual(self.rows()[1], [(1, 1), (3, 3)])

    def test_endless_quote_does_not_eat_the_memory(self):
        text = 'ts_ms,v\n1,1\n2,"2\n' + "3,3\n" * 400000
        error = self.load(text, code=1)[1]
        self.assertIn("in.csv:3: a quote opened here is not closed within 1 MiB", error)

    def test_carriage_return_inside_a_line_is_refused(self):
        error = self.load("ts_ms,v\n1,1\n2,2\r3,3\n", code=1)[1]
        self.assertIn("in.csv:3: a carriage return stands inside the line", error)

    def test_utf16_is_told(self):
        error = self.load("ts_ms,v\n1,1\n".encode("utf-16"), code=1)[1]
        self.assertIn("UTF-16", error)

    def test_bad_line_behind_the_sample_is_told_too(self):
        lines = [f"{i},{i}\n" for i in range(5000)]
        lines[4321] = "4321,oops\n"
        error = self.load("ts_ms,v\n" + "".join(lines), code=1)[1]
        self.assertIn('in.csv:4323: "oops" in column "v" is no number', error)
        self.assertEqual(len(self.rows()[1]), 4321)

    def test_option_of_another_word_is_refused(self):
        self.load(self.BAD, "--on-error", "ignore", code=2)


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
        for command in ("tables", "info", "verify"):
            self.error(command, "none.ntt")
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
        self.assertIn('2 rows of table "t" written to o.csv',
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
        self.assertRegex(shown, r"(?m)^t +100 +2024-01-01 +2024-04-09 .* v$")
        listed = json.loads(self.out("tables", self.db, "--format", "json"))
        self.assertEqual([(row["table"], row["rows"], row["first_ts_ms"]) for row in listed],
                         [("t", 100, ms_of(2024, 1, 1))])
        self.assertEqual(self.out("tables", self.db, "--format", "csv").splitlines()[0],
                         "table,rows,first_ts_ms,last_ts_ms,disk_bytes,columns")

    def test_tables_of_an_empty_table(self):
        self.out("create", self.db, "t", "a")
        listed = json.loads(self.out("tables", self.db, "--format", "json"))
        self.assertEqual((listed[0]["rows"], listed[0]["first_ts_ms"]), (0, None))

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
        self.assertEqual((row["table"], row["rows"], row["raw_bytes"]), ("t", 100, 1600))
        shown = self.out("stats", self.db, "t")
        self.assertIn("t: 100 rows of 1 column in 1 segment", shown)
        for word in ("times", "values", "index", "whole", "codec", "vectors"):
            self.assertIn(word, shown)
        self.error("stats", self.db, "none")

    def test_verify_of_a_whole_file(self):
        self.load_days()
        self.assertIn("is whole: 100 rows in 1 segment of 1 table", self.out("verify", self.db))

    def test_verify_names_damage_and_exits_1(self):
        text = "ts_ms,v\n" + "".join(f"{i * 1000},{(i * 2654435761) % 1000003}\n"
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
        self.assertIn('31 rows before 2024-02-01 removed from table "t"',
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
        self.assertEqual(len(self.times()), 100)

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
        self.assertIn('table "cpu" is there already and has other columns',
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
        rows = self.canvas("--column", "wave")[1]
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
