# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/package/package_case.py - what the tests of the package share: a folder, commands, symbols.

NANOTS_BUILD_DIR names the build, build/ of the repository unless set. Programs are compiled with
the compiler and the sanitizers of that build.
"""
import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NANOTS_BUILD_DIR", ROOT / "build"))
VERSION = (ROOT / "VERSION").read_text().strip()
HEADERS = ("nanots.h", "nanots_arrow.h")
WARNINGS = "-std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror".split()


def cached(name: str, missing: str = "") -> str:
    """The value of a variable of the build."""
    found = re.search(rf"^{name}:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.M)
    return found[1] if found and found[1] else missing


def build_flags() -> list[str]:
    """What a program needs that is linked with the libraries of this build."""
    sanitizers = cached("NANOTS_SANITIZE")
    flags = [f"-fsanitize={sanitizers}"] if sanitizers else []
    if cached("NANOTS_FUZZ") == "ON":
        flags.append("-fsanitize=fuzzer-no-link")
    return flags + (["--coverage"] if cached("NANOTS_COVER") == "ON" else [])


def declared_functions() -> set[str]:
    text = "".join((ROOT / "include" / name).read_text() for name in HEADERS)
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return set(re.findall(r"\bNANOTS_API\b[^;(]*?\b(nanots_\w+)\s*\(", code))


def readme_program() -> str:
    return re.search(r"```c\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]


def readme_commands(word: str) -> list[str]:
    """The compiler's command lines of the README that have `word` in them."""
    lines = (ROOT / "README.md").read_text().splitlines()
    return [line.strip() for line in lines if line.startswith("    cc ") and word in line]


README_OUTPUT = "1714521600000 71.5\n1714521601000 71.6\n"


class PackageCase(unittest.TestCase):
    """A folder that lives as long as the class."""

    environment = {}

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)

    @classmethod
    def run_command(cls, *command, code: int = 0, **environment) -> str:
        """Standard output of what must end with `code`; both outputs of what must fail."""
        done = subprocess.run([str(word) for word in command], cwd=cls.folder,
                              env=os.environ | cls.environment | environment,
                              capture_output=True, text=True)
        if done.returncode != code:
            raise AssertionError(f"{shlex.join(map(str, command))}: exit code {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done.stdout + (done.stderr if code else "")

    @classmethod
    def exported_symbols(cls, library: Path) -> set[str]:
        listing = cls.run_command("nm", "-D", "--defined-only", library)
        return {line.split()[-1].split("@")[0] for line in listing.splitlines()}

    @classmethod
    def dynamic_names(cls, path: Path, tag: str) -> list[str]:
        """Values of one tag (NEEDED, SONAME) of a program or a shared library."""
        listing = cls.run_command("readelf", "-d", path)
        return re.findall(rf"\({tag}\).*\[(.*)\]", listing)


class InstalledCase(PackageCase):
    """The build is installed below DESTDIR, then moved: no file of it may know its first place."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_command("cmake", "--install", BUILD, "--prefix", "/opt/first",
                        DESTDIR=str(cls.folder / "stage"))
        cls.prefix = cls.folder / "moved/here"
        cls.prefix.parent.mkdir()
        (cls.folder / "stage/opt/first").rename(cls.prefix)
        cls.library_folder = next(cls.prefix.rglob("libnanots.so")).parent
        cls.environment = {"LD_LIBRARY_PATH": str(cls.library_folder),
                           "PKG_CONFIG_PATH": str(cls.library_folder / "pkgconfig")}
