# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/test_types.py - what type checkers see is what there is."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import nanots
from nanots import _core

PYTHON = Path(__file__).resolve().parents[1]
CONFIG = PYTHON / "pyproject.toml"

PROGRAM = """
import datetime
import nanots

with nanots.Db("x.ntt", auto_maintenance={"check_interval_ms": 10}) as db:
    db.create_table_typed("t", [("a", "f64"), ("b", "utf8")])
    seq: int = db.append_row_typed("t", 1, [1.5, None])
    times, columns = db.query_table_range_columns("t", 0, 1)
    first: list[float] = columns[0]
    table: nanots.Table = db.table("t")
    table.append(datetime.datetime.now(), 1.5, "x")
    for batch in db.query("t", "2024-01-01", columns=["a"], closed="left"):
        rows: int = len(batch)
    with db.batch() as batch_of_appends:
        batch_of_appends.append("t", 1, 2.0, None)
"""
WRONG = """
import nanots
db = nanots.Db(5)
db.append("t", "x", 1.0)
db.query("t", closed="up")
"""


class Types(unittest.TestCase):
    def mypy(self, *arguments: object) -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, "-m", *map(str, arguments)]
            return subprocess.run(command, capture_output=True, text=True, cwd=cache,
                                  env=os.environ | {"MYPY_CACHE_DIR": cache})

    def check(self, program: str) -> subprocess.CompletedProcess:
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(program)
            file.flush()
            return self.mypy("mypy", "--strict", "--config-file", CONFIG, file.name)

    def test_package_is_strict(self):
        done = self.mypy("mypy", "--config-file", CONFIG, "-p", "nanots")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_stubs_are_what_there_is(self):
        done = self.mypy("mypy.stubtest", "nanots", "--mypy-config-file", CONFIG, "--concise",
                         "--allowlist", PYTHON / "tests/stubtest_allowlist.txt")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_program_checks(self):
        done = self.check(PROGRAM)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_wrong_program_does_not(self):
        done = self.check(WRONG)
        self.assertEqual(done.stdout.count("error:"), 3, done.stdout)


class Docs(unittest.TestCase):
    def test_all_that_is_public_has_a_docstring(self):
        for name in nanots.__all__:
            self.assertTrue(getattr(nanots, name).__doc__, name)
        for cls in (nanots.Db, nanots.Table, nanots.Group, nanots.Result, nanots.Batch):
            for name in dir(cls):
                if not name.startswith("_"):
                    self.assertTrue(getattr(cls, name).__doc__, f"{cls.__name__}.{name}")

    def test_signatures_of_the_c_part(self):
        for name in dir(_core.Db):
            if not name.startswith("_"):
                method = getattr(_core.Db, name)
                self.assertTrue(name == "closed" or method.__text_signature__, name)


if __name__ == "__main__":
    unittest.main()
