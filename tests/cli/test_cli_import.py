#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/cli/test_cli_import.py - nanots import: times, numbers, CSV dialects, bad lines.

Times are checked against Python's datetime, numbers against its float, bit for bit.
"""
import csv
import datetime
import io
import json
import math
import os
import random
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from cli_case import CliCase, bits_of, ms_of  # noqa: E402


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
            self.assertIn(f"in.csv:3: '{text}' in column 'time' is no time", error)

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
            table_factor = max(factor, 1000) * 1714521600
            self.assertEqual(self.times(unit), [table_factor])
            self.out("import", self.db, unit + "ms", "in.csv", "--table-unit", "ms")
            self.assertEqual(self.times(unit + "ms"), [1714521600000])

    def test_epoch_unit_of_the_name_needs_no_guess(self):
        for name, expected in (("ts_s", 5000), ("time_s", 5000000), ("ts_ms", 5000),
                               ("time_us", 5000), ("epoch_ms", 5000)):
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

    def test_table_is_as_fine_as_its_times(self):
        for number, (text, unit, table_unit, ts) in enumerate((
                ("2024-05-01T00:00:00.0005", None, "us", ms_of(2024, 5, 1) * 1000 + 500),
                ("2024-05-01T00:00:00.000000005", None, "ns", ms_of(2024, 5, 1) * 10**6 + 5),
                ("1714521600000500", "us", "us", 1714521600000500),
                ("1714521600000.5", "ms", "us", 1714521600000500),
                ("1714521600.0001", "s", "us", 1714521600000100),
                ("1714521600.25", "s", "ms", 1714521600250))):
            with self.subTest(text=text):
                options = ("--unit", unit) if unit else ()
                self.load(f"time,v\n{text},1\n", *options, table=f"t{number}")
                self.assertEqual(self.rows(table=f"t{number}"), (["ts_" + table_unit, "v"],
                                                                [(ts, 1)]))
        error = self.load("time,v\n2024-05-01T00:00:00.0000000005,1\n", code=1)[1]
        self.assertIn("finer than the nanoseconds of the table", error)
        error = self.load("time,v\n2024-05-01T00:00:00.5,1\n", table="t5")[1]
        error = self.load("time,v\n2024-05-01T00:00:00.0005,1\n", table="t5", code=1)[1]
        self.assertIn("finer than the milliseconds of the table", error)

    def test_time_finer_than_a_millisecond_is_refused(self):
        for text, unit in (("2024-05-01T00:00:00.0005", None), ("1714521600000500", "us"),
                           ("1714521600000.5", "ms"), ("1714521600.0001", "s")):
            options = ("--unit", unit) if unit else ()
            error = self.load(f"time,v\n{text},1\n", "--table-unit", "ms", *options, code=1)[1]
            self.assertIn("finer than the milliseconds of the table; --floor", error)

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
        self.assertIn("no column 'momnt'; did you mean 'moment'?", error)

    def test_missing_time_is_a_bad_line(self):
        error = self.load("time,v\n2024-05-01,1\n,2\n", code=1)[1]
        self.assertIn("in.csv:3: the time in column 'time' is missing", error)


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

    def test_missing_words_become_null(self):
        words = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", "\\N", '""']
        text = "ts_ms,v,w\n" + "".join(f"{i},{word},1\n" for i, word in enumerate(words))
        self.load(text)
        expected = ["NaN" if word.lower() == "nan" else "" for word in words]
        self.assertEqual([row["v"] for row in self.records("query", self.db, "t")], expected)
        self.out("create", self.db, "old", "v", "w")
        self.load(text, table="old")
        self.assertEqual({row["v"] for row in self.records("query", self.db, "old")}, {"NaN"})

    def test_what_is_no_number_is_refused(self):
        for text in ("1,5", "0x10", "1 2", "--1", "1e", "12abc", "nan(7)"):
            error = self.load(f'ts_ms,v\n1,1\n2,1\n3,"{text}"\n', "--types", "v:f64", code=1)[1]
            self.assertIn(f"in.csv:4: '{text}' in column 'v' is not a number (f64)", error)

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

    def test_skip_text_leaves_it_out_and_says_so(self):
        out, error = self.load("time,name,v,w\n2024-05-01,NW,1,x\n", "--skip-text")
        self.assertIn("left out as text: columns 'name', 'w'", error)
        self.assertEqual(self.rows(), (["ts_ms", "v"], [(ms_of(2024, 5, 1), 1)]))

    def test_columns_picks_and_orders(self):
        self.load("time,a,b,c\n2024-05-01,1,x,3\n", "--columns", "c,a")
        self.assertEqual(self.rows(), (["ts_ms", "c", "a"], [(ms_of(2024, 5, 1), 3, 1)]))

    def test_columns_unknown_names_the_nearest(self):
        error = self.load("time,price\n2024-05-01,1\n", "--columns", "prise", code=1)[1]
        self.assertIn("no column 'prise'; did you mean 'price'?", error)

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
        self.assertIn("no column 'prices' (the nearest is 'price')", error)
        self.assertEqual(len(self.rows()[1]), 1)

    def test_file_lacks_a_column_of_the_table(self):
        self.load("ts_ms,a,b\n1,10,20\n")
        error = self.load("ts_ms,a\n2,10\n", code=1)[1]
        self.assertIn("column 'b' of table 't' is not among those imported", error)

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
    TYPES = ("--types", "a:f64")
    BAD = ("time,a,b\n2024-05-01,1,2\n2024-05-02,x,3\n2024-05-03,4\nsoon,5,6\n"
           "2024-05-05,7,8\n")

    def test_stop_keeps_the_rows_before(self):
        out, error = self.load(self.BAD, *self.TYPES, code=1)
        self.assertIn("in.csv:3: 'x' in column 'a' is not a number (f64)", error)
        self.assertIn("the rows before it are kept", error)
        self.assertIn("1 row from in.csv", out)
        self.assertEqual(self.rows()[1], [(ms_of(2024, 5, 1), 1, 2)])

    def test_failure_before_the_first_row_leaves_no_new_file(self):
        good = "time,a\n2024-05-01,1\n"
        for text, table, sentence in ((good, "nanots_x", "reserved"), (good, "", "empty"),
                                      ("time,ts\n2024-05-01,1\n", "t", "'ts' is reserved"),
                                      ("time,a,a\n2024-05-01,1,2\n", "t", "given twice"),
                                      ("time,a\n1,x\n" + "".join(f"{i},{i}\n" for i in range(20)),
                                       "t", "no row is imported"),
                                      ("time,a\n2024-05-01\n", "t", "no row is imported"),
                                      ("time,a\nsoon,1\n", "t", "")):
            with self.subTest(text=text, table=table):
                self.assertIn(sentence, self.load(text, table=table, code=1)[1])
                self.assertEqual([path.name for path in self.folder.iterdir()], ["in.csv"])
        self.run_tool("create", self.db, "nanots_x", "a", code=1)
        self.run_tool("create", self.db, "t", "ts", code=1)
        self.run_tool("collect", self.db, "--table-prefix", "nanots_", "-n", "1", code=1)
        self.assertFalse(Path(self.db).exists())

    def test_failure_leaves_a_file_that_was_there(self):
        for first in (Path(self.db).touch, lambda: self.load("time,a\n2024-05-01,1\n")):
            first()
            self.load("time,a\n2024-05-01\n", table="other", code=1)
            self.load("time,a\n2024-05-01,1\n", table="nanots_x", code=1)
            self.assertTrue(Path(self.db).exists())
        self.assertEqual(len(self.rows()[1]), 1)

    def test_skip_tells_each_and_goes_on(self):
        out, error = self.load(self.BAD, *self.TYPES, "--on-error", "skip")
        self.assertIn("in.csv:3: 'x' in column 'a'", error)
        self.assertIn("in.csv:4: 2 fields, but the header has 3", error)
        self.assertIn("in.csv:5: 'soon' in column 'time' is no time", error)
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
        error = self.load(text, "--columns", "v", "--types", "v:i32", code=1)[1]
        self.assertIn("in.csv:4: 'oops' in column 'v'", error)

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
        error = self.run_tool("import", self.db, "t", self.file(text), code=1,
                              env={"NANOTS_MAX_RECORD_SIZE": "65536"})[1]
        self.assertIn("in.csv:3: a quote opened here is not closed within 196608 bytes", error)

    def test_large_texts_come_back_as_they_were_exported(self):
        texts = ['"two"\nlines\n' * 300000, "x" * 5000000, "", "\n" * 2000000, "end"]
        rows = [[str(i + 1), text] for i, text in enumerate(texts)]
        text = io.StringIO(newline="")
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        self.load("ts_ms,s\n" + text.getvalue(), "--types", "s:utf8")
        exported = self.out("export", self.db, "t", "-")
        csv.field_size_limit(10**8)
        self.assertEqual(list(csv.reader(io.StringIO(exported, newline=""))),
                         [["ts_ms", "s"], *rows])
        self.load(exported, "--types", "s:utf8", table="u")
        self.assertEqual(self.out("export", self.db, "u", "-"), exported)

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
        self.assertIn("in.csv:4323: 'oops' in column 'v' is not an integer", error)
        self.assertEqual(len(self.rows()[1]), 4321)

    def test_option_of_another_word_is_refused(self):
        self.load(self.BAD, "--on-error", "ignore", code=2)

if __name__ == "__main__":
    unittest.main()
