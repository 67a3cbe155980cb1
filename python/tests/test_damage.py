# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/test_damage.py - a damaged file: CorruptError wherever it is met."""
import unittest

import numpy as np
import pyarrow as pa

import nanots
from python_case import FIRST, LAST, PythonCase

ROWS = 100_000


class Damage(PythonCase):
    def setUp(self):
        """One bit in the midst of a file of one table is wrong."""
        super().setUp()
        self.values = np.random.default_rng(1).normal(size=ROWS)
        self.db.create_table("t", ["a"])
        self.db.append_columns("t", {"ts": np.arange(ROWS), "a": self.values})
        self.db.close()
        content = bytearray(self.path.read_bytes())
        content[len(content) // 2] ^= 1
        self.path.write_bytes(content)
        self.db = nanots.Db(self.path, read_only=True)

    def test_is_corrupt_error_in_every_result(self):
        result = self.db.query("t")
        for read in (lambda: list(result), result.read, result.to_numpy, result.to_arrow,
                     result.to_pandas, result.to_polars,
                     lambda: self.db.query_range("t", FIRST, LAST),
                     lambda: self.db.query_table_range_columns("t", FIRST, LAST),
                     lambda: self.db.query_table_range_typed("t", FIRST, LAST),
                     lambda: self.db.query_table_range_arrow_capsules("t", FIRST, LAST)):
            error = self.fails(nanots.CorruptError, 'table \'t\', column \'a\'', read)
            self.assertEqual(error.code, 8)
            self.assertIsInstance(error, OSError)

    def test_ends_an_iteration_for_good(self):
        batches = iter(self.db.query("t"))
        with self.assertRaises(nanots.CorruptError):
            for _ in batches:
                pass
        self.assertEqual(list(batches), [])

    def test_is_told_to_those_who_read_a_stream(self):
        with self.assertRaisesRegex(OSError, "table 't', column 'a'"):
            pa.table(self.db.query("t"))

    def test_is_left_out_where_that_is_asked_for(self):
        result = self.db.query("t", skip_damaged=True)
        report = result.damage()
        self.assertEqual((report.places, report.table, report.column), (1, "t", "a"))
        self.assertIn("wrong checksum", report.message)
        for rows in (result.to_numpy()["ts_ms"].view("i8"),
                     np.array(result.to_arrow()["ts_ms"].cast(pa.int64())),
                     self.db.table("t").query(skip_damaged=True).read().to_numpy()["ts_ms"]
                     .view("i8")):
            self.assertEqual(len(rows), ROWS - report.rows)
            missing = np.setdiff1d(np.arange(ROWS), rows)
            self.assertEqual((missing[0], missing[-1]), (report.start, report.end))
        self.assertEqual(sum(map(len, result)), ROWS - report.rows)
        self.assertEqual(pa.table(result).num_rows, ROWS - report.rows)
        self.assertEqual(self.db.query("t", columns=[], skip_damaged=True).damage().places, 0)
        self.fails(nanots.CorruptError, "column 'a'", self.db.query("t").damage)


if __name__ == "__main__":
    unittest.main()
