# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/package/test_amalgamation.py - the kernel as one file is the same kernel.

Three objects of one nanots.c: C11 by gcc and by clang with warnings as errors, and what `cc -O3`
makes of it, which is a C of extensions. Each must need nothing but that folder.
"""
import platform
import re
import shutil
import subprocess
import unittest

from package_case import (BUILD, HEADERS, README_OUTPUT, ROOT, VERSION, PackageCase, cached,
                          declared_functions, readme_commands, readme_program)

STRICT = "-std=c11 -O2 -Wall -Wextra -Werror".split()
OBJECTS = {
    "gcc": ["gcc", *STRICT],
    "clang": ["clang", *STRICT, "-fvisibility=hidden"],
    "plain": ["gcc", "-O3", "-DNANOTS_STATIC"],
}


class Amalgamation(PackageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_command(ROOT / "tools/amalgamate.py", cls.folder)
        cls.compilers = {name: subprocess.Popen(
            [*words, "-fPIC", "-c", "nanots.c", "-o", f"{name}.o"], cwd=cls.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for name, words in OBJECTS.items() if shutil.which(words[0])}
        cls.outputs = {name: run.communicate()[0] for name, run in cls.compilers.items()}

    def object_of(self, name: str) -> str:
        if name not in self.compilers:
            self.skipTest(f"{OBJECTS[name][0]} is not installed")
        self.assertEqual(self.compilers[name].returncode, 0, self.outputs[name])
        self.assertEqual(self.outputs[name], "")
        return f"{name}.o"

    def shared_library(self, name: str):
        library = self.folder / f"lib{name}.so"
        self.run_command(OBJECTS[name][0], "-shared", "-Wl,--no-undefined", self.object_of(name),
                         "-lpthread", "-o", library)
        return library

    def check_examples(self, name: str) -> None:
        """What 01_append writes is whole for `nanots verify` and readable for 02_query."""
        database = self.folder / f"{name}.ntt"
        for source in ("01_append", "02_query"):
            self.run_command(OBJECTS[name][0], "-std=c11", "-I.", ROOT / f"examples/{source}.c",
                             self.object_of(name), "-lpthread", "-lm", "-o", f"{source}_{name}")
        self.run_command(self.folder / f"01_append_{name}", database)
        said = self.run_command(BUILD / "bin/nanots", "verify", database)
        self.assertIn("is whole: 120 rows", said)
        self.run_command(OBJECTS[name][0], "-std=c11", "-I.", ROOT / "examples/03_arrow.c",
                         self.object_of(name), "-lpthread", "-lm", "-o", f"03_arrow_{name}")
        said = self.run_command(self.folder / f"03_arrow_{name}", database)
        self.assertIn("60 rows, ", said)
        rows = self.run_command(self.folder / f"02_query_{name}", database).splitlines()
        self.assertEqual(rows, [f"{1714521600000 + 1000 * i} {71.5 + 0.1 * i:.1f}"
                                for i in range(10, 20)])

    def test_gcc_examples_write_whole_files(self):
        self.check_examples("gcc")

    def test_clang_examples_write_whole_files(self):
        self.check_examples("clang")

    def test_readme_command_builds_and_runs(self):
        command, = readme_commands("nanots.c")
        (self.folder / "quick.c").write_text(readme_program())
        self.assertEqual(self.run_command("sh", "-c", command.replace(
            "nanots.c", self.object_of("plain"))), README_OUTPUT)

    def test_gcc_library_exports_what_the_header_declares(self):
        self.assertEqual(self.exported_symbols(self.shared_library("gcc")), declared_functions())

    def test_clang_library_exports_what_the_header_declares(self):
        self.assertEqual(self.exported_symbols(self.shared_library("clang")), declared_functions())

    def test_static_build_exports_nothing(self):
        self.assertEqual(self.exported_symbols(self.shared_library("plain")), set())

    def check_fused(self, name: str) -> None:
        if platform.machine() != "x86_64":
            self.skipTest("looks for instructions of x86-64")
        code = self.run_command("objdump", "-d", self.object_of(name))
        self.assertIn("vmulpd", code)  # the kernels for AVX are there
        functions = re.split(r"^[0-9a-f]+ <(\w+)[^>]*>:$", code, flags=re.M)
        fused = {function for function, body in zip(functions[1::2], functions[2::2])
                 if re.search(r"\bvfn?m(?:add|sub)\w+", body)}
        self.assertEqual(fused, {"%s_decimal_%s_f64" % (simd, way)
                                 for simd in ("avx2", "avx512") for way in ("from", "to")})

    def test_gcc_fuses_only_what_says_so(self):
        self.check_fused("plain")

    def test_clang_fuses_only_what_says_so(self):
        self.check_fused("clang")

    def test_zstd_is_used_where_it_is_asked_for(self):
        undefined = self.run_command("nm", "-u", self.object_of("gcc"))
        self.assertNotIn("ZSTD_", undefined)
        if cached("NANOTS_ZSTD") != "ON":
            self.skipTest("the build is without zstd")
        self.run_command("gcc", *STRICT, "-DNANOTS_ZSTD", "-c", "nanots.c", "-o", "zstd.o")
        self.run_command("gcc", "-std=c11", "-I.", ROOT / "examples/01_append.c", "zstd.o",
                         "-lpthread", "-lzstd", "-lm", "-o", "with_zstd")
        self.assertIn("ZSTD_", self.run_command("nm", "-u", "zstd.o"))

    def test_output_is_the_same_every_time(self):
        self.run_command(ROOT / "tools/amalgamate.py", self.folder / "again")
        for name in ("nanots.c", *HEADERS):
            self.assertEqual((self.folder / "again" / name).read_bytes(),
                             (self.folder / name).read_bytes())

    def test_contents_list_every_source_at_its_line(self):
        lines = (self.folder / "nanots.c").read_text().splitlines()
        self.assertIn(f"NanoTS {VERSION},", lines[1])
        listed = {}
        for line in lines[:lines.index(" */")]:
            entry = re.fullmatch(r" \* +(\d+)  (\S+)", line)
            if entry:
                listed[entry[2]] = int(entry[1])
        sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.c")}
        self.assertLess(sources | {"xxhash.h", "uthash.h"}, set(listed))
        for path, number in listed.items():
            self.assertIn(f" {path} ", lines[number - 1])

    def test_foreign_licences_are_kept(self):
        text = (self.folder / "nanots.c").read_text()
        self.assertIn("Troy D. Hanson", text)
        self.assertIn("Yann Collet", text)
        self.assertEqual(text.count("Redistributions of source code must retain the above"), 2)


if __name__ == "__main__":
    unittest.main()
