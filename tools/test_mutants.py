# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/test_mutants.py - the list of faults is read as it is written; what is stale is seen."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import mutants  # noqa: E402

TEXT = """# comment
== one is two
wal/x.c | wal power_cut
-     a = 1;
+     a = 2;
-     b();

== a part of a line
wal/x.c | wal
- a = 1
+ a = 3
"""
SOURCE = "{\n    a = 1;\n    b();\n    c();\n}\n"


class Mutants(unittest.TestCase):
    def test_list_is_read(self):
        first, second = mutants.parse(TEXT)
        self.assertEqual(first.title, "one is two")
        self.assertEqual(first.path, "src/wal/x.c")
        self.assertEqual(first.tests, ("wal", "power_cut"))
        self.assertEqual(second.edits, (("a = 1\n", "a = 3\n"),))

    def test_text_is_replaced_or_removed(self):
        first, second = mutants.parse(TEXT)
        self.assertEqual(mutants.apply(first, SOURCE), "{\n    a = 2;\n    c();\n}\n")
        self.assertEqual(mutants.apply(second, SOURCE), SOURCE.replace("1", "3"))

    def test_text_that_is_gone_or_there_twice_is_stale(self):
        second = mutants.parse(TEXT)[1]
        self.assertIsNone(mutants.apply(second, SOURCE.replace("a = 1", "a = 7")))
        self.assertIsNone(mutants.apply(second, SOURCE * 2))

    def test_block_of_another_form_is_refused(self):
        for text in ("== title\nwal/x.c\n- a\n", "== title\nwal/x.c | wal\n+ a\n",
                     "== title\nwal/x.c | wal\n", TEXT + "== more\n"):
            with self.assertRaises(ValueError):
                mutants.parse(text)

    def test_own_list_is_read(self):
        self.assertGreater(len(mutants.parse((mutants.ROOT / mutants.LIST).read_text())), 50)


if __name__ == "__main__":
    unittest.main()
