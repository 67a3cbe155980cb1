# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/python_case.py - what the tests of the package share: a database, counts, seeds.

They test the package that is installed, never the files of this tree.
"""
import os
import random
import tempfile
import unittest
from pathlib import Path

import nanots

TYPES = ("f64", "f32", "i64", "i32", "bool", "utf8")
FIRST, LAST = -2**62, 10**18  # what classic scripts write for "all"


def seed() -> int:
    """A seed for random tests, printed; SEED=... repeats a run."""
    value = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={value}")
    return value


def resident_bytes() -> int:
    """Memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_file_count() -> int:
    return len(os.listdir("/proc/self/fd"))


class PythonCase(unittest.TestCase):
    """A database of its own for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "plant.ntt"
        self.db = nanots.Db(self.path)
        self.addCleanup(lambda: self.db.close())

    def fails(self, error, part: str, call, *arguments, **options):
        """The call raises `error` with `part` in its sentence."""
        with self.assertRaises(error) as caught:
            call(*arguments, **options)
        self.assertIn(part, str(caught.exception))
        return caught.exception

    def typed(self, table: str = "all") -> None:
        """A table of one column of each type."""
        self.db.create_table_typed(table, [(f"c_{kind}", kind) for kind in TYPES])
