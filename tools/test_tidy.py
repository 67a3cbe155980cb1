# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/test_tidy.py - each rule of tidy.py on a small clean tree, then on a broken one."""
import tempfile
import unittest
from pathlib import Path

import tidy

SPDX = "/* SPDX-License-Identifier: AGPL-3.0-or-later */\n"
LAYERS = """\
# folder rank may include    duty
base     0    -              checks
codec    1    base           bytes
wal      2    base codec     log
segment  2    base codec     columns
engine   3    *              all
"""


def c_file(path: str, body: str = "") -> str:
    return f"{SPDX}/* {path} - does one thing. */\n{body}"


CLEAN = {
    "src/LAYERS": LAYERS,
    "VERSION": "0.1.0\n",
    "include/nanots.h": c_file("nanots.h", '#define NANOTS_VERSION "0.1.0"\n    X(OK, 0, "ok")\n'),
    "docs/errors.md": "| `NANOTS_OK` | fine |\n",
    "src/codec/delta.h": c_file("codec/delta.h", "int nts_delta_decode(int x);\n"),
    "src/codec/delta.c": c_file("codec/delta.c", '#include "codec/delta.h"\n'),
    "tests/unit/test_delta.c": c_file("tests/unit/test_delta.c", '#include "nanots.h"\n'),
    "tests/fuzz/fuzz_delta.c": c_file("tests/fuzz/fuzz_delta.c", "nts_delta_decode(1);\n"),
    "tests/fuzz/corpus/fuzz_delta/one": "x\n",
}


class Tidy(unittest.TestCase):
    def problems(self, rule, **changes: str | None) -> list[str]:
        """What `rule` says after `changes` of the clean tree (/ is __ and . is _dot_ in paths)."""
        files = dict(CLEAN)
        for key, text in changes.items():
            files[key.replace("__", "/").replace("_dot_", ".")] = text
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files.items():
                if text is not None:
                    place = Path(folder, path)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_text(text)
            return [f"{p.path}:{p.line}: {p.text}" for p in rule(tidy.Tree(Path(folder)))]

    def test_clean_tree_passes_every_rule(self):
        for rule in tidy.RULES:
            self.assertEqual(self.problems(rule), [], rule.__name__)

    def test_upward_include_fails(self):
        body = c_file("codec/up.c", '#include "wal/wal.h"\n')
        self.assertEqual(self.problems(tidy.check_layers, src__codec__up_dot_c=body),
                         ["src/codec/up.c:3: codec may not include wal"])

    def test_sideways_include_fails(self):
        body = c_file("wal/side.c", '#include "segment/segment.h"\n')
        self.assertEqual(self.problems(tidy.check_layers, src__wal__side_dot_c=body),
                         ["src/wal/side.c:3: wal may not include segment"])

    def test_star_grants_all_below(self):
        body = c_file("engine/db.c", '#include "wal/wal.h"\n#include "codec/delta.h"\n')
        self.assertEqual(self.problems(tidy.check_layers, src__engine__db_dot_c=body), [])

    def test_internal_header_is_refused_elsewhere(self):
        body = c_file("wal/peek.c", '#include "codec/codec_internal.h"\n')
        self.assertEqual(self.problems(tidy.check_layers, src__wal__peek_dot_c=body),
                         ["src/wal/peek.c:3: codec/codec_internal.h is internal to codec"])

    def test_upward_grant_in_layers_fails(self):
        layers = LAYERS.replace("base     0    -   ", "base     0    wal ")
        self.assertEqual(self.problems(tidy.check_layers, src__LAYERS=layers),
                         ["src/LAYERS:1: base may not be granted wal: not below it"])

    def test_unknown_folder_fails(self):
        self.assertEqual(self.problems(tidy.check_layers, src__misc__a_dot_c=c_file("misc/a.c")),
                         ["src/misc/a.c:1: folder misc is not in src/LAYERS"])

    def test_client_sees_public_header_and_its_own_only(self):
        body = c_file("cli/main.c", '#include "nanots.h"\n#include "cli.h"\n'
                                    '#include "codec/delta.h"\n')
        self.assertEqual(self.problems(tidy.check_clients, cli__main_dot_c=body,
                                       cli__cli_dot_h=c_file("cli/cli.h")),
                         ['cli/main.c:5: "codec/delta.h" is not public'])

    def test_insider_sees_its_internal_headers_only(self):
        body = c_file("codecs/chunks.c", '#include "codec/chunk.h"\n#include "codec/delta.h"\n')
        self.assertEqual(self.problems(tidy.check_clients, bench__codecs__chunks_dot_c=body),
                         ['bench/codecs/chunks.c:4: "codec/delta.h" is not public'])

    def test_long_file_fails(self):
        body = c_file("codec/delta.c", "int x;\n" * 800)
        self.assertEqual(len(self.problems(tidy.check_budgets, src__codec__delta_dot_c=body)), 1)

    def test_long_header_fails(self):
        body = c_file("codec/delta.h", "int x;\n" * 300)
        self.assertEqual(len(self.problems(tidy.check_budgets, src__codec__delta_dot_h=body)), 1)

    def long_function(self, lines: int) -> str:
        return c_file("codec/delta.c", "int nts_long(void)\n{\n" + "    work();\n" * lines + "}\n")

    def test_function_at_the_limit_passes_and_one_more_fails(self):
        fits, over = self.long_function(66), self.long_function(67)
        self.assertEqual(self.problems(tidy.check_budgets, src__codec__delta_dot_c=fits), [])
        self.assertEqual(self.problems(tidy.check_budgets, src__codec__delta_dot_c=over),
                         ["src/codec/delta.c:3: function src/codec/delta.c:nts_long: "
                          "70 lines, at most 69"])

    def test_exception_holds_and_may_only_shrink(self):
        def with_limit(limit):
            return self.problems(
                tidy.check_budgets, src__codec__delta_dot_c=self.long_function(97),
                tools__tidy_exceptions_dot_txt=f"function src/codec/delta.c:nts_long {limit}\n")
        self.assertEqual(with_limit(100), [])
        self.assertIn("grew from 99 to 100", with_limit(99)[0])
        self.assertIn("lower it to 100", with_limit(101)[0])

    def test_banned_call_fails_and_mention_of_it_does_not(self):
        body = c_file("codec/delta.c", '/* strcpy(a, b) */\nconst char *s = "sprintf(x)";\n'
                                       "strcpy(a, b);\n")
        self.assertEqual(self.problems(tidy.check_banned, src__codec__delta_dot_c=body),
                         ["src/codec/delta.c:5: strcpy is banned"])

    def test_malloc_outside_its_home_fails(self):
        body = c_file("codec/delta.c", "x = malloc(1);\nallocator->free(x);\n")
        found = self.problems(tidy.check_banned, src__codec__delta_dot_c=body)
        self.assertEqual(found, ["src/codec/delta.c:3: malloc does not belong here: "
                                 "use util/alloc.h"])
        home = c_file("util/alloc.c", "x = malloc(1);\n")
        self.assertEqual(self.problems(tidy.check_banned, src__util__alloc_dot_c=home), [])

    def test_typedef_of_struct_fails(self):
        body = c_file("codec/delta.h", "typedef struct a a;\n")
        self.assertEqual(len(self.problems(tidy.check_banned, src__codec__delta_dot_h=body)), 1)

    def test_bad_text_fails(self):
        for bad, what in [("\tint x;\n", "tab"), ("int x; \n", "trailing blank"),
                          ("int x;", "final newline"), ("int x;\n\n", "final newline"),
                          ("/* caf\u00e9 */\n", "ASCII"), (f"int {'x' * 97};\n", "columns")]:
            found = self.problems(tidy.check_text,
                                  src__codec__delta_dot_c=c_file("codec/delta.c", bad))
            self.assertEqual(len(found), 1, what)
            self.assertIn(what, found[0])

    def test_open_end_needs_an_issue(self):
        mark = "TO" + "DO"
        bad = c_file("codec/delta.c", f"/* {mark}: later */\n/* {mark}(#12): later */\n")
        self.assertEqual(self.problems(tidy.check_todo, src__codec__delta_dot_c=bad),
                         ["src/codec/delta.c:3: names no issue"])

    def test_equal_file_names_fail(self):
        self.assertEqual(self.problems(tidy.check_names, cli__delta_dot_c=c_file("cli/delta.c")),
                         ["src/codec/delta.c:1: same file name as cli/delta.c"])

    def test_equal_names_of_two_files_fail(self):
        for body, name in [("static int delta_add(void)\n{\n}\n", "delta_add"),
                           ("#define WIDTH 3\n", "WIDTH"), ("#  define WIDTH(x) (x)\n", "WIDTH"),
                           ("struct step {\n    int x;\n};\n", "struct step"),
                           ("enum {\n    STEP_ONE,\n    STEP_TWO = 2,\n};\n", "STEP_ONE"),
                           ("enum {\n    STEP_ONE,\n    STEP_TWO = 2,\n};\n", "STEP_TWO"),
                           ("typedef int (*step_fn)(int);\ntypedef int step;\n", "step"),
                           ("static const int steps[] = {1, 2};\n", "steps"),
                           ("static unsigned step_count;\n", "step_count")]:
            found = self.problems(tidy.check_unique,
                                  src__codec__a_dot_c=c_file("codec/a.c", body),
                                  src__codec__b_dot_c=c_file("codec/b.c", body))
            self.assertIn(f"{name} is defined in src/codec/a.c too",
                          [problem.split(": ", 1)[1] for problem in found])

    def test_equal_names_that_cannot_clash_pass(self):
        body = c_file("codec/x.c", "#define _GNU_SOURCE 1\nstruct shared;\n"
                                   "int nts_shared(struct shared *s);\n"
                                   "struct nts_fit *nts_fit(void);\n/* struct odd { } */\n")
        self.assertEqual(self.problems(tidy.check_unique, src__codec__a_dot_c=body,
                                       src__codec__b_dot_c=body), [])

    def test_shared_function_needs_the_prefix(self):
        body = c_file("codec/delta.c", "int delta_add(int a,\n              int b)\n{\n}\n")
        self.assertEqual(self.problems(tidy.check_names, src__codec__delta_dot_c=body),
                         ["src/codec/delta.c:3: delta_add lacks the prefix nts_"])

    def test_apostrophe_in_the_comment_above_hides_nothing(self):
        body = c_file("codec/delta.c", "/* The log's end. */\nstatic int delta_end(void)\n{\n}\n")
        self.assertEqual(self.problems(tidy.check_names, src__codec__delta_dot_c=body), [])

    def test_head_needs_spdx_and_path(self):
        self.assertEqual(self.problems(tidy.check_heads, src__codec__delta_dot_c="int x;\n"),
                         ["src/codec/delta.c:1: no SPDX line"])
        self.assertEqual(self.problems(tidy.check_heads,
                                       src__codec__delta_dot_c=c_file("codec/gamma.c")),
                         ["src/codec/delta.c:2: should begin `/* src/codec/delta.c - ...`"])

    def test_source_without_test_fails_unless_excused(self):
        new = {"src__codec__new_dot_c": c_file("codec/new.c")}
        self.assertEqual(self.problems(tidy.check_tested, **new),
                         ["src/codec/new.c:1: no tests/unit/test_new.c"])
        excuse = {"tools__tidy_exceptions_dot_txt": "untested src/codec/new.c one table\n"}
        self.assertEqual(self.problems(tidy.check_tested, **new, **excuse), [])
        stale = self.problems(tidy.check_tested, **excuse)
        self.assertIn("no such file", stale[0])

    def test_unexplained_and_unknown_codes_fail(self):
        self.assertEqual(self.problems(tidy.check_errors, docs__errors_dot_md="nothing\n"),
                         ["docs/errors.md:1: NANOTS_OK is not explained"])
        both = "| `NANOTS_OK` | x |\n| `NANOTS_ODD` | x |\n"
        self.assertEqual(self.problems(tidy.check_errors, docs__errors_dot_md=both),
                         ["docs/errors.md:1: NANOTS_ODD is no status code"])

    def test_decoder_without_fuzz_target_fails(self):
        body = c_file("codec/delta.h", "int nts_delta_decode(int x);\nint nts_rle_decode(int x);\n")
        self.assertEqual(self.problems(tidy.check_fuzzed, src__codec__delta_dot_h=body),
                         ["src/codec/delta.h:4: nts_rle_decode is called by no fuzz target"])

    def test_fuzz_target_without_corpus_fails(self):
        body = c_file("tests/fuzz/fuzz_rle.c")
        self.assertEqual(self.problems(tidy.check_fuzzed, tests__fuzz__fuzz_rle_dot_c=body),
                         ["tests/fuzz/fuzz_rle.c:1: target or corpus/fuzz_rle/ is missing"])

    def test_unused_header_and_unbuilt_source_fail(self):
        self.assertEqual(self.problems(tidy.check_dead,
                                       src__codec__old_dot_h=c_file("codec/old.h"),
                                       tests__unit__helper_dot_c=c_file("tests/unit/helper.c")),
                         ["src/codec/old.h:1: included nowhere",
                          "tests/unit/helper.c:1: not part of the build"])

    def test_version_mismatch_fails(self):
        self.assertEqual(len(self.problems(tidy.check_version, VERSION="0.2.0\n")), 1)

    def test_dead_link_fails_and_web_link_does_not(self):
        text = "[a](gone.md) [b](https://example.org/x.md) [c](VERSION)\n"
        self.assertEqual(self.problems(tidy.check_links, README_dot_md=text),
                         ["README.md:1: dead link gone.md"])


if __name__ == "__main__":
    unittest.main()
