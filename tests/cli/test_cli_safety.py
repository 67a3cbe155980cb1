#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/cli/test_cli_safety.py - verify, backup and repair on the command line."""
import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from cli_case import CliCase  # noqa: E402

ROWS = 40000


class SafetyCase(CliCase):
    def setUp(self):
        super().setUp()
        self.copy = str(self.folder / "out.ntt")
        random.seed(1)
        self.load("ts_ms,v\n" + "".join(f"{i * 1000},{random.randrange(1000003)}\n"
                                        for i in range(ROWS)))
        self.load("ts_ms,w\n1,2\n3,4\n", table="u")

    def damage(self, *places):
        data = bytearray(Path(self.db).read_bytes())
        for place in places:
            data[place] ^= 0x10
        Path(self.db).write_bytes(data)
        return len(data)

    def size(self):
        return Path(self.db).stat().st_size


class VerifyTest(SafetyCase):
    def test_exit_status_tells_whole_damaged_and_not_readable(self):
        self.assertIn("is whole", self.out("verify", self.db))
        self.damage(self.size() // 2)
        out, error = self.run_tool("verify", self.db, code=1)
        self.assertIn("table 't', column 'v'", out)
        self.assertIn("damaged in 1 place", error)
        self.damage(*(copy + 100 for copy in range(0, 8192, 512)))
        self.assertIn("nanots repair", self.error("verify", self.db, code=2))
        Path(self.db).write_text("hello")
        self.assertIn("not a NanoTS file", self.error("verify", self.db, code=2))

    def test_a_file_cut_short_is_not_readable_and_says_repair(self):
        with open(self.db, "r+b") as file:
            file.truncate(self.size() // 2)
        for command in ("verify", "query", "tables"):
            error = self.error(command, self.db, *(["t"] if command == "query" else []),
                               code=2 if command == "verify" else 1)
            self.assertIn("cut short", error)
            self.assertIn("`nanots repair`", error)


class SkipDamagedTest(SafetyCase):
    def setUp(self):
        super().setUp()
        self.whole = self.out("export", self.db, "t", "-").splitlines()
        self.damage(self.size() // 2)

    def check(self, out, error):
        lines = out.splitlines()
        self.assertIn("1 damaged place: at most 16,384 rows from 1970-01-01", error)
        self.assertIn("the first: table 't', column 'v', row group 1 of segment", error)
        self.assertEqual(lines, self.whole[:1 + 16384] + self.whole[1 + 32768:])

    def test_query_leaves_out_and_says_so(self):
        self.assertIn("table 't', column 'v'", self.error("query", self.db, "t", code=1))
        self.check(*self.run_tool("query", self.db, "t", "--skip-damaged", code=3))

    def test_export_leaves_out_and_says_so(self):
        file = self.folder / "o.csv"
        self.error("export", self.db, "t", file, code=1)
        self.assertFalse(file.exists())
        out, error = self.run_tool("export", self.db, "t", file, "--skip-damaged", code=3)
        self.assertIn("23,616 rows of table 't' written", out)
        self.check(file.read_text(), error)
        self.assertEqual([file.name for file in self.folder.glob("o.csv*")], ["o.csv"])

    def test_nothing_left_out_is_success(self):
        self.assertEqual(self.out("query", self.db, "u", "--skip-damaged"), "ts_ms,w\n1,2\n3,4\n")
        self.assertEqual(self.out("query", self.db, "t", "--skip-damaged", "--limit", "5"),
                         "\n".join(self.whole[:6]) + "\n")


class BackupTest(SafetyCase):
    def test_backup_is_whole_and_equal(self):
        before = Path(self.db).read_bytes()
        shown = self.out("backup", self.db, self.copy)
        self.assertIn("40,002 rows in 2 tables", shown)
        self.assertIn("is whole", self.out("verify", self.copy))
        for table in "tu":
            self.assertEqual(self.out("query", self.copy, table), self.out("query", self.db, table))
        self.assertEqual(Path(self.db).read_bytes(), before)

    def test_incremental_copies_the_difference(self):
        self.out("backup", self.db, self.copy)
        self.assertIn(", 0 bytes of ", self.out("backup", "-i", self.db, self.copy))
        self.load("ts_ms,w\n5,6\n", table="u")
        self.out("backup", "--incremental", self.db, self.copy)
        self.assertEqual(self.out("query", self.copy, "u"), self.out("query", self.db, "u"))

    def test_files_that_are_there_are_kept(self):
        Path(self.copy).write_text("mine")
        for command in ("backup", "repair"):
            self.assertIn("out.ntt", self.error(command, self.db, self.copy))
            self.assertEqual(Path(self.copy).read_text(), "mine")
        self.error("backup", "-i", self.db, self.copy)
        self.error("backup", "-i", "-f", self.db, self.copy, code=2)
        self.out("backup", "--force", self.db, self.copy)
        self.assertIn("is whole", self.out("verify", self.copy))

    def test_a_backup_that_failed_leaves_no_file(self):
        self.damage(self.size() // 2)
        self.assertIn("table 't'", self.error("backup", self.db, self.copy))
        self.assertFalse(Path(self.copy).exists())


class RepairTest(SafetyCase):
    def test_repair_of_a_whole_file_says_so(self):
        self.assertIn("is whole", self.out("repair", self.db, self.copy))
        self.assertEqual(self.out("query", self.copy, "t"), self.out("query", self.db, "t"))

    def test_repair_names_tables_and_losses(self):
        self.damage(self.size() // 2)
        shown = self.out("repair", self.db, self.copy)
        self.assertRegex(shown, r"damage: table 't', column 'v', row group \d")
        self.assertRegex(shown, r"(?m)^t: [\d,]+ rows saved, [\d,]+ rows lost in 1 of 1 segments$")
        self.assertRegex(shown, r"(?m)^u: 2 rows saved$")
        self.assertIn("is whole", self.out("verify", self.copy))
        saved = self.out("query", self.copy, "t").splitlines()
        self.assertIn(len(saved) - 1, (ROWS - 16384, 2 * 16384))  # a row group is lost

    def test_repair_without_superblocks(self):
        whole = self.out("query", self.db, "t")
        self.damage(*(copy + 100 for copy in range(0, 8192, 512)))
        self.assertIn("superblock", self.out("repair", self.db, self.copy))
        self.assertEqual(self.out("query", self.copy, "t"), whole)

    def test_repair_of_other_files_makes_nothing(self):
        self.file("hello, world\n" * 1000, "text")
        self.assertIn("nothing of a NanoTS file", self.error("repair", "text", self.copy))
        self.assertFalse(Path(self.copy).exists())


if __name__ == "__main__":
    unittest.main()
