# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/package/test_install.py - an installed copy is enough, with pkg-config's flags only.

Goal: whatever a newcomer copies from the documents compiles, runs and says what it should.
Method: install the build, move it, compile examples and README against it, shared and static.
"""
import re
import unittest
from pathlib import Path

from package_case import (README_OUTPUT, ROOT, VERSION, WARNINGS, InstalledCase, build_flags,
                          cached, declared_functions, readme_commands, readme_program)

MAJOR_MINOR = VERSION.rsplit(".", 1)[0]


class Install(InstalledCase):
    def pkg_config(self, *options: str) -> list[str]:
        return self.run_command("pkg-config", *options, "nanots").split()

    def compile(self, source: Path, *more: str) -> Path:
        program = self.folder / source.stem
        self.run_command(cached("CMAKE_C_COMPILER", "cc"), *WARNINGS, *build_flags(), source, "-o",
                         program, *(more or self.pkg_config("--cflags", "--libs")), "-lm")
        return program

    def readme_source(self, name: str) -> Path:
        source = self.folder / name
        source.write_text(readme_program())
        return source

    def test_examples_append_then_query(self):
        database = self.folder / "examples.ntt"  # the README's program makes a plant.ntt here
        append = self.compile(ROOT / "examples/01_append.c")
        query = self.compile(ROOT / "examples/02_query.c")
        self.assertEqual(self.run_command(append, database),
                         f"60 rows into each of two tables of {database}\n")
        expected = [f"{1714521600000 + 1000 * i} {71.5 + 0.1 * i:.1f}" for i in range(10, 20)]
        self.assertEqual(self.run_command(query, database).splitlines(), expected)

    def test_example_arrow_reads_and_copies_a_table(self):
        database = self.folder / "arrow.ntt"
        self.run_command(self.compile(ROOT / "examples/01_append.c"), database)
        lines = self.run_command(self.compile(ROOT / "examples/03_arrow.c"), database).splitlines()
        self.assertEqual(lines[0], "ts_ms: tsm:UTC")
        self.assertRegex(lines[-1], r"^60 rows, \d+\.\d\d on average$")
        said = self.run_command(self.prefix / "bin/nanots", "verify", database)
        self.assertIn("is whole: 180 rows", said)

    def test_example_memory_leaves_no_block(self):
        lines = self.run_command(self.compile(ROOT / "examples/04_memory.c")).splitlines()
        self.assertRegex(lines[0], r"^1000 rows in a file of \d+ bytes in memory$")
        self.assertEqual(lines[1:], ["0 blocks left"])

    def test_every_example_compiles(self):
        for source in sorted((ROOT / "examples").glob("*.c")):
            self.assertEqual(self.dynamic_names(self.compile(source), "NEEDED").count(
                f"libnanots.so.{MAJOR_MINOR}"), 1, source.name)

    def test_readme_quick_start_prints_its_rows(self):
        (self.folder / "plant.ntt").unlink(missing_ok=True)
        program = self.compile(self.readme_source("quick.c"))
        self.assertEqual(self.run_command(program), README_OUTPUT)

    @unittest.skipIf(build_flags(), "the README knows no sanitizers")
    def test_readme_commands_build_and_run(self):
        commands = readme_commands("pkg-config")
        self.assertEqual(len(commands), 2)
        self.readme_source("quick.c")
        for command in commands:
            (self.folder / "plant.ntt").unlink(missing_ok=True)
            self.assertEqual(self.run_command("sh", "-c", command), README_OUTPUT, command)

    def test_readme_quick_start_is_cpp_too(self):
        (self.folder / "plant.ntt").unlink(missing_ok=True)
        program = self.folder / "quick_cpp"
        self.run_command(cached("CMAKE_CXX_COMPILER", "c++"), "-std=c++11", "-Wall", "-Wextra",
                         "-Wpedantic", "-Werror", *build_flags(), self.readme_source("quick.cpp"),
                         "-o", program, *self.pkg_config("--cflags", "--libs"))
        self.assertEqual(self.run_command(program), README_OUTPUT)

    def test_static_program_needs_no_shared_library(self):
        (self.folder / "plant.ntt").unlink(missing_ok=True)
        flags = self.pkg_config("--static", "--cflags", "--libs")
        self.assertIn("-pthread", flags)
        self.assertNotIn("-pthread", self.pkg_config("--libs"))
        self.assertEqual("-lzstd" in flags, cached("NANOTS_ZSTD") == "ON")
        # A sanitizer's runtime is shared: then the kernel alone is static.
        if build_flags():
            flags = ["-l:libnanots.a" if flag == "-lnanots" else flag for flag in flags]
        else:
            flags.append("-static")
        program = self.compile(self.readme_source("quick_static.c"), *flags)
        needed = self.dynamic_names(program, "NEEDED")
        self.assertFalse([name for name in needed if "nanots" in name], needed)
        self.assertEqual(self.run_command(program), README_OUTPUT)

    def test_flags_name_the_moved_prefix(self):
        flags = self.pkg_config("--cflags", "--libs")
        folders = {Path(flag[2:]).resolve() for flag in flags if flag[:2] in ("-I", "-L")}
        self.assertEqual(folders, {self.prefix / "include", self.library_folder})
        self.assertEqual(self.pkg_config("--modversion"), [VERSION])

    def test_no_text_of_the_package_knows_the_first_prefix(self):
        texts = [path for path in self.prefix.rglob("*") if path.suffix in (".pc", ".cmake", ".h")]
        self.assertGreaterEqual(len(texts), 6)
        for path in texts:
            self.assertNotIn("/opt/first", path.read_text(), path.name)

    def test_library_names_follow_the_version(self):
        library = self.library_folder / "libnanots.so"
        self.assertEqual(self.dynamic_names(library, "SONAME"), [f"libnanots.so.{MAJOR_MINOR}"])
        self.assertEqual(library.resolve().name, f"libnanots.so.{VERSION}")
        self.assertTrue((self.library_folder / f"libnanots.so.{MAJOR_MINOR}").exists())

    @unittest.skipIf(cached("NANOTS_COVER") == "ON", "gcov exports names of its own")
    def test_shared_library_exports_what_the_header_declares(self):
        exported = self.exported_symbols(self.library_folder / "libnanots.so")
        self.assertGreater(len(exported), 20)
        self.assertEqual(exported, declared_functions())

    def test_static_library_keeps_to_its_prefixes(self):
        listing = self.run_command("nm", "--defined-only", "--extern-only",
                                   self.library_folder / "libnanots.a")
        names = set(re.findall(r"^[0-9a-f]+ \w (\S+)$", listing, re.M))
        self.assertLess(declared_functions(), names)
        # A sanitizer adds names for its own ends.
        foreign = [name for name in names if not re.match(r"nts_|nanots_|__", name)]
        self.assertEqual(foreign, [])

    def test_installed_tool_says_the_version(self):
        self.assertEqual(self.run_command(self.prefix / "bin/nanots", "--version"),
                         f"nanots {VERSION}\n")


if __name__ == "__main__":
    unittest.main()
