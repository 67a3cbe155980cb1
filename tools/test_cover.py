# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/test_cover.py - branches are added up over programs, justified, and found stale."""
import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cover  # noqa: E402

SOURCE = "int f(int a)\n{\n    if (a)\n        return 1;\n    HASH_ADD(a);\n    return 0;\n}\n"


def line(number, count, *branches):
    return {"line_number": number, "count": count, "function_name": "f",
            "branches": [{"count": taken, "throw": False} for taken in branches]}


class Cover(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        (self.root / "src/wal").mkdir(parents=True)
        (self.root / "src/wal/x.c").write_text(SOURCE)

    def report(self, lines, justifications=""):
        path = self.root / "exceptions.txt"
        path.write_text(justifications)
        counts = cover.Counts()
        for entry in lines:
            counts.add("src/wal/x.c", entry)
        report = cover.Report(counts, self.root, cover.read_justifications(path))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            problems = report.run(["wal"])
        return out.getvalue(), problems

    def test_programs_add_up(self):
        out, problems = self.report([line(3, 1, 1, 0), line(3, 1, 0, 1), line(4, 1)])
        self.assertIn("lines     2 of 2", out)
        self.assertIn("branches     2 of 2", out)
        self.assertEqual(problems, [])

    def test_branch_that_is_not_taken_is_named(self):
        out, problems = self.report([line(3, 2, 2, 0)])
        self.assertIn("src/wal/x.c:3: f: branch 1 of 2 not taken: if (a)", out)
        self.assertEqual(len(problems), 2)  # no justification, and under 95 %

    def test_justified_branch_is_no_problem_of_its_own(self):
        out, problems = self.report([line(3, 2, 2, 0)], "src/wal/x.c:f 1 | if (a) | a is 1\n")
        self.assertNotIn("not taken", out)
        self.assertIn("1 justified", out)
        self.assertEqual(problems, ["src/wal: fewer than 95 % taken"])

    def test_justification_of_a_branch_that_was_taken_is_stale(self):
        problems = self.report([line(3, 2, 1, 1)], "# why\nsrc/wal/x.c:f 1 | if (a) | a is 1\n")[1]
        self.assertEqual(len(problems), 1)
        self.assertIn(":2: branch 1 was taken or is not there: if (a)", problems[0])

    def test_macros_of_uthash_do_not_count(self):
        self.assertIn("branches     2 of 2", self.report([line(3, 2, 1, 1), line(5, 1, 0, 0)])[0])

    def test_lines_that_did_not_run_are_listed(self):
        self.assertIn("src/wal/x.c:6: not run", self.report([line(3, 1, 1, 1), line(6, 0)])[0])


if __name__ == "__main__":
    unittest.main()
