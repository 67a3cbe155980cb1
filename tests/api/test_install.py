# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/api/test_install.py - an installed copy is enough: examples and README build against it.

Goal: whatever a newcomer copies from the documents compiles, runs and says what it should.
Method: install the build into an empty folder, compile with pkg-config's flags only, run.
"""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NANOTS_BUILD_DIR", ROOT / "build"))
WARNINGS = "-std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror".split()


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = Path(cls.scratch.name)
        cls.prefix = cls.folder / "prefix"
        cls.run_command("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.library_folder = next(cls.prefix.rglob("libnanots.so")).parent
        sanitizers = re.search(r"^NANOTS_SANITIZE:STRING=(.+)$",
                               (BUILD / "CMakeCache.txt").read_text(), re.M)
        cls.sanitizer_flags = [f"-fsanitize={sanitizers[1]}"] if sanitizers else []

    @classmethod
    def run_command(cls, *command) -> str:
        environment = dict(os.environ)
        if hasattr(cls, "library_folder"):
            environment["LD_LIBRARY_PATH"] = str(cls.library_folder)
            environment["PKG_CONFIG_PATH"] = str(cls.library_folder / "pkgconfig")
        done = subprocess.run([str(word) for word in command], cwd=cls.folder, env=environment,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{command}: exit code {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done.stdout

    def compile(self, source: Path) -> Path:
        # pkg-config leaves out -I and -L of system folders; the prefix is none, so it names them.
        flags = self.run_command("pkg-config", f"--define-variable=prefix={self.prefix}",
                                 "--cflags", "--libs", "nanots").split()
        program = self.folder / source.stem
        self.run_command("cc", *WARNINGS, *self.sanitizer_flags, source, "-o", program,
                         *flags, "-lm")
        return program

    def test_examples_append_then_query(self):
        database = self.folder / "examples.ntt"  # the README's program makes a plant.ntt here
        append = self.compile(ROOT / "examples/01_append.c")
        query = self.compile(ROOT / "examples/02_query.c")
        self.assertEqual(self.run_command(append, database),
                         f"60 rows into each of two tables of {database}\n")
        expected = [f"{1714521600000 + 1000 * i} {71.5 + 0.1 * i:.1f}" for i in range(10, 20)]
        self.assertEqual(self.run_command(query, database).splitlines(), expected)

    def test_readme_quick_start_prints_its_rows(self):
        block = re.search(r"```c\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
        source = self.folder / "quick.c"
        source.write_text(block)
        self.assertEqual(self.run_command(self.compile(source)),
                         "1714521600000 71.5\n1714521601000 71.6\n")

    def test_installed_tool_says_the_version(self):
        version = (ROOT / "VERSION").read_text().strip()
        self.assertEqual(self.run_command(self.prefix / "bin/nanots", "--version"),
                         f"nanots {version}\n")


if __name__ == "__main__":
    unittest.main()
