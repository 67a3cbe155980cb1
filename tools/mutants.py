#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/mutants.py [WORD...] - puts the faults of tests/mutants.txt into the kernel, one at a time.

    copy of the tree --> build --> [ one fault --> build --> its tests ] --> killed | survived

A fault is killed if a test that it names fails, or does not end within --timeout seconds. Only what
the fault's tests need is built, with asserts on, in a copy below build-mutants/. Before the first
fault all named tests pass without any. With words, only faults whose title or file has one of them.

Exit status 1: a fault survived; or is stale, as its text is not there exactly once; or does not
compile; or names a test that is not there.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LIST = "tests/mutants.txt"
COPIED = ("CMakeLists.txt", "CMakePresets.json", "VERSION", "bench", "cli", "cmake", "include",
          "scripts", "src", "tests", "tools")


class Mutant(NamedTuple):
    number: int  # of the line in the list
    title: str
    path: str
    tests: tuple[str, ...]
    edits: tuple[tuple[str, str], ...]


def parse(text: str, name: str = LIST) -> list[Mutant]:
    """The list's mutants; the format is at its top."""
    mutants = []
    for block in re.finditer(r"^== (.*)\n(.*)\n((?:[-+] .*\n|[-+]\n)+)", text, re.M):
        number = text.count("\n", 0, block.start()) + 1
        place = re.fullmatch(r"(\w+/\w+\.[ch]) \| (\w+(?: \w+)*)", block[2])
        edits = re.findall(r"((?:^- .*\n|^-\n)+)((?:^\+ .*\n|^\+\n)*)", block[3], re.M)
        if not place or sum(len(a) + len(b) for a, b in edits) != len(block[3]):
            raise ValueError(f"{name}:{number}: not `FILE | TESTS`, `- TEXT`, `+ TEXT`")
        strip = [tuple("".join(line[2:] + "\n" for line in part.splitlines()) for part in edit)
                 for edit in edits]
        mutants.append(Mutant(number, block[1], f"src/{place[1]}", tuple(place[2].split()),
                              tuple(strip)))
    if len(mutants) != len(re.findall(r"^==", text, re.M)):
        raise ValueError(f"{name}: a block that is not `== TITLE`, `FILE | TESTS`, `- TEXT`")
    return mutants


def apply(mutant: Mutant, source: str) -> str | None:
    """The source with the fault; None if it is stale."""
    for old, new in mutant.edits:
        if source.count(old) != 1:
            # The end of a line may be left out of the text.
            old, new = old.rstrip("\n"), new.rstrip("\n")
        if source.count(old) != 1:
            return None
        source = source.replace(old, new)
    return source


def copy_changed(source: Path, to: Path) -> None:
    """Files that did not change keep their times, so that they are not built again."""
    if source.is_dir():
        to.mkdir(exist_ok=True)
        for gone in {p.name for p in to.iterdir()} - {p.name for p in source.iterdir()}:
            shutil.rmtree(to / gone) if (to / gone).is_dir() else (to / gone).unlink()
        for path in source.iterdir():
            copy_changed(path, to / path.name)
    elif not to.exists() or to.read_bytes() != source.read_bytes():
        shutil.copyfile(source, to)


class Workshop:
    """The copy of the tree that faults are put into."""

    def __init__(self, folder: Path, timeout_s: int):
        self.tree, self.timeout_s = folder / "tree", timeout_s
        self.build = self.tree / "build-debug"
        self.tree.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            copy_changed(ROOT / name, self.tree / name)
        subprocess.run(["cmake", "--preset", "debug"], cwd=self.tree, check=True,
                       stdout=subprocess.DEVNULL)

    def make(self, tests: tuple[str, ...]) -> str:
        """Empty if it was built, or else what was said."""
        done = subprocess.run(["cmake", "--build", str(self.build), "-j2", "--target",
                               *(f"test_{test}" for test in tests)], capture_output=True, text=True)
        return done.stdout + done.stderr if done.returncode else ""

    def first_failure(self, tests: tuple[str, ...]) -> str | None:
        for test in tests:
            if self.fails(self.build / f"tests/test_{test}"):
                return test
        return None

    def fails(self, program: Path) -> bool:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            process = subprocess.Popen([program], env=dict(os.environ, TMPDIR=folder), cwd=folder,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       start_new_session=True)
            try:
                return process.wait(self.timeout_s) != 0
            except subprocess.TimeoutExpired:
                return True
            finally:
                try:
                    os.killpg(process.pid, signal.SIGKILL)  # children that a test left behind
                except ProcessLookupError:
                    pass
                process.wait()

    def try_mutant(self, mutant: Mutant) -> str:
        path = self.tree / mutant.path
        source = path.read_text()
        changed = apply(mutant, source)
        if changed is None:
            return "stale"
        try:
            path.write_text(changed)
            complaint = self.make(mutant.tests)
            if complaint:
                print(complaint[-2000:])
                return "does not compile"
            killer = self.first_failure(mutant.tests)
            return f"killed by {killer}" if killer else "survived"
        finally:
            path.write_text(source)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--timeout", type=int, default=200, metavar="SECONDS")
    parser.add_argument("--check", action="store_true", help="only look for stale ones")
    options = parser.parse_args()
    try:
        mutants = [m for m in parse((ROOT / LIST).read_text()) if not options.words or
                   any(word in m.title or word in m.path for word in options.words)]
    except ValueError as error:
        sys.exit(str(error))
    stale = [m for m in mutants if apply(m, (ROOT / m.path).read_text()) is None]
    for mutant in stale:
        print(f"{LIST}:{mutant.number}: stale: {mutant.path}: {mutant.title}")
    if options.check or stale:
        return 1 if stale else 0

    os.environ.pop("NANOTS_BUILD_DIR", None)
    workshop = Workshop(ROOT / "build-mutants", options.timeout)
    tests = tuple(sorted({test for mutant in mutants for test in mutant.tests}))
    complaint = workshop.make(tests) or workshop.first_failure(tests)
    if complaint:
        sys.exit(f"fails without any fault: {complaint[-2000:]}")
    outcomes = []
    for mutant in mutants:
        begin = time.monotonic()
        outcomes.append(workshop.try_mutant(mutant))
        print(f"{outcomes[-1]:<26}{time.monotonic() - begin:>6.1f} s  {mutant.path}: "
              f"{mutant.title}", flush=True)
    killed = sum(outcome.startswith("killed") for outcome in outcomes)
    print(f"{killed} of {len(outcomes)} killed")
    return 0 if killed == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
