# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/test_amalgamate.py - how amalgamate.py orders and moves, on trees of a few lines.

What it makes of the whole kernel is compiled and run by tests/package/test_amalgamation.py.
"""
import tempfile
import unittest
from pathlib import Path

import amalgamate

GUARDED = "#ifndef X\n#define X\n{}#endif\n"


class Amalgamate(unittest.TestCase):
    def amalgamate(self, sources: list[str], **files: str) -> str:
        """The text of a tree with these files (/ is __ and . is _dot_ in paths)."""
        with tempfile.TemporaryDirectory() as folder:
            for key, text in (files | {"VERSION": "1.2.3\n"}).items():
                place = Path(folder, key.replace("__", "/").replace("_dot_", "."))
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
            result = amalgamate.Amalgamation(Path(folder), [Path(folder, "system")])
            for source in sources:
                result.add(source)
            return result.text()

    def test_header_comes_once_and_before_its_users(self):
        text = self.amalgamate(["src/a/one.c", "src/a/two.c"],
                               src__a__h_dot_h=GUARDED.format("int nts_shared(void);\n"),
                               src__a__one_dot_c='#include "a/h.h"\nint nts_one;\n',
                               src__a__two_dot_c='#include "a/h.h"\nint nts_two;\n')
        self.assertEqual(text.count("nts_shared"), 1)
        places = [text.index(word) for word in ("nts_shared", "nts_one", "nts_two")]
        self.assertEqual(places, sorted(places))
        self.assertNotIn('"a/h.h"', text)

    def test_system_headers_go_to_the_top_once(self):
        body = "#define _GNU_SOURCE 1\n#include <time.h>\nint nts_x;\n"
        text = self.amalgamate(["src/a/one.c", "src/a/two.c"], src__a__one_dot_c=body,
                               src__a__two_dot_c=body)
        self.assertEqual(text.count("#include <time.h>"), 1)
        self.assertEqual(text.count("#define _GNU_SOURCE"), 1)
        self.assertLess(text.index("#include <time.h>"), text.index("visibility push"))

    def test_system_header_under_a_condition_stays_and_is_visible(self):
        text = self.amalgamate(["src/a/one.c"],
                               src__a__one_dot_c="#ifdef ODD\n#include <odd.h>\n#endif\n")
        self.assertIn("#ifdef ODD\n#pragma GCC visibility pop\n#include <odd.h>\n"
                      "#pragma GCC visibility push(hidden)\n#endif\n", text)

    def test_foreign_header_stays_behind_its_settings(self):
        text = self.amalgamate(["src/a/one.c", "src/a/two.c"],
                               system__uthash_dot_h="/* by T. */\nint add;\n",
                               src__a__one_dot_c="#define SETTING 1\n#include <uthash.h>\n",
                               src__a__two_dot_c="#include <uthash.h>\n")
        self.assertEqual(text.count("/* by T. */"), 1)
        self.assertLess(text.index("#define SETTING 1"), text.index("/* by T. */"))

    def test_what_cannot_be_moved_is_named(self):
        header = {"src__a__h_dot_h": GUARDED.format("")}
        with self.assertRaisesRegex(SystemExit, "src/a/one.c:2: a/h.h .* condition"):
            self.amalgamate(["src/a/one.c"], **header,
                            src__a__one_dot_c='#ifdef ODD\n#include "a/h.h"\n#endif\n')
        with self.assertRaisesRegex(SystemExit, "src/a/one.c:2: a/h.h .* behind WIDTH"):
            self.amalgamate(["src/a/one.c"], **header,
                            src__a__one_dot_c='#define WIDTH 3\n#include "a/h.h"\n')

    def test_missing_foreign_header_is_named(self):
        with self.assertRaisesRegex(SystemExit, "xxhash.h is in none of .*system"):
            self.amalgamate(["src/a/one.c"], src__a__one_dot_c="#include <xxhash.h>\n")

    def test_contents_name_version_and_lines(self):
        lines = self.amalgamate(["src/a/one.c"], src__a__one_dot_c="int nts_x;\n").splitlines()
        self.assertIn("NanoTS 1.2.3,", lines[1])
        entry = next(line for line in lines if line.endswith("  src/a/one.c"))
        self.assertIn(" src/a/one.c ", lines[int(entry.split()[1]) - 1])

    def test_layers_give_the_order(self):
        layers = "# folder rank\ntop 3 * all\nlow 0 - few\nleft 1 low a\nright 1 low b\n"
        self.assertEqual(amalgamate.folders_of(layers), ["low", "left", "right", "top"])


if __name__ == "__main__":
    unittest.main()
