#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/cover.py BUILD [FOLDER...] - lines and branches of src/ that no test of a cover build ran.

    src/wal       lines  1022 of 1025   99.7 %   branches   610 of 622   98.1 %    12 justified
        src/wal/wal.c:120: wal_grow: branch 1 of 2 not taken: if (count == 0)

A branch is one way out of a condition, as gcov numbers them: `if (a || b)` has four, a's two first.
Asserts have none, since a cover build leaves them out, and the macros of uthash are not counted:
what they expand to is not ours. With names of folders (wal engine), only
these are looked at.

Branches of the folders in JUDGED are all taken, or justified in tests/coverage_exceptions.txt:

    src/wal/wal.c:wal_grow 1 | if (count == 0) | why no test can take it

names the function, the branches, and the text of the line, which may move. A justification of a
branch that was taken, or that is not there, is stale. Exit status 1: a branch without one, a stale
one, or a folder with fewer than 95 % of its branches taken.
"""
import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
EXCEPTIONS = "tests/coverage_exceptions.txt"
FOREIGN = re.compile(r"\bHASH_[A-Z_]+\(")
JUDGED = ("wal", "format", "segment", "engine")
BRANCHES_MIN = 95.0


class Place(NamedTuple):
    path: str
    line: int
    function: str


class Justification(NamedTuple):
    number: int
    path: str
    function: str
    branches: frozenset[int]
    text: str


class Counts:
    """How often each line ran and each branch was taken, over all programs."""

    def __init__(self):
        self.lines = defaultdict(int)
        self.branches = {}

    def add(self, path: str, line: dict) -> None:
        place = Place(path, line["line_number"], line.get("function_name", ""))
        self.lines[path, place.line] += line["count"]
        taken = [branch["count"] for branch in line["branches"] if not branch.get("throw")]
        if taken:
            # A function of a header is compiled into many files: its counts add up.
            known = self.branches.get(place, [])
            if len(known) in (0, len(taken)):
                taken = [a + b for a, b in zip(taken, known or [0] * len(taken))]
                self.branches[place] = taken


def read_counts(build: Path, root: Path) -> Counts:
    counts = Counts()

    def gcov(data: Path) -> str:
        return subprocess.run(["gcov", "--branch-probabilities", "--json-format", "--stdout",
                               str(data)], cwd=build, capture_output=True, text=True,
                              check=True).stdout

    with ThreadPoolExecutor(2) as pool:
        for report in pool.map(gcov, sorted(build.rglob("*.gcda"))):
            for unit in map(json.loads, report.splitlines()):
                for file in unit["files"]:
                    path = (build / file["file"]).resolve()
                    if path.is_relative_to(root / "src"):
                        for line in file["lines"]:
                            counts.add(path.relative_to(root).as_posix(), line)
    return counts


def read_justifications(path: Path) -> list[Justification]:
    result = []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        if line.strip() and not line.startswith("#"):
            match = re.fullmatch(r"(\S+):(\w+)((?: \d+)+) \| (.*) \| (.+)", line)
            if not match:
                sys.exit(f"{path}:{number}: not `FILE:FUNCTION BRANCH... | LINE | REASON`")
            branches = frozenset(map(int, match[3].split()))
            result.append(Justification(number, match[1], match[2], branches, match[4]))
    return result


class Report:
    def __init__(self, counts: Counts, root: Path, justifications: list[Justification]):
        self.counts, self.root, self.texts = counts, root, {}
        self.justifications = defaultdict(set)
        self.unused = {(j, branch) for j in justifications for branch in j.branches}
        for justification in justifications:
            self.justifications[justification[1:3]].add(justification)

    def text_of(self, path: str, line: int) -> str:
        if path not in self.texts:
            self.texts[path] = (self.root / path).read_text().splitlines()
        return self.texts[path][line - 1].strip()

    def excuses(self, place: Place, branch: int) -> bool:
        found = [j for j in self.justifications[place.path, place.function]
                 if branch in j.branches and j.text == self.text_of(place.path, place.line)]
        self.unused -= {(j, branch) for j in found}
        return bool(found)

    def folder(self, name: str) -> Iterator[str]:
        """Lines of text, the sums first; problems are counted in self.problem_count."""
        prefix = f"src/{name}/"
        lines = {at: n for at, n in self.counts.lines.items() if at[0].startswith(prefix)}
        places = {at: n for at, n in self.counts.branches.items()
                  if at.path.startswith(prefix) and not FOREIGN.search(self.text_of(at[0], at[1]))}
        missed = [(at, b) for at, n in sorted(places.items()) for b, c in enumerate(n) if c == 0]
        total = sum(map(len, places.values()))
        open_ends = [(at, b) for at, b in missed if not self.excuses(at, b)]
        percent = 100 * (total - len(missed)) / max(total, 1)
        line_count = sum(1 for n in lines.values() if n)
        yield (f"src/{name:<9} lines {line_count:>5} of {len(lines):<5}"
               f"{100 * line_count / max(len(lines), 1):>6.1f} %   branches"
               f"{total - len(missed):>6} of {total:<5}{percent:>6.1f} %"
               f"{len(missed) - len(open_ends):>6} justified")
        for at, b in open_ends:
            yield (f"    {at.path}:{at.line}: {at.function}: branch {b} of {len(places[at])} not "
                   f"taken: {self.text_of(at.path, at.line)}")
        for path, line in sorted(at for at, n in lines.items() if n == 0):
            yield f"    {path}:{line}: not run"
        if name in JUDGED:
            self.problems += [f"src/{name}: {len(open_ends)} branches neither taken nor justified"
                              ] if open_ends else []
            if percent < BRANCHES_MIN:
                self.problems.append(f"src/{name}: fewer than {BRANCHES_MIN:.0f} % taken")

    def run(self, folders: list[str]) -> list[str]:
        self.problems = []
        for name in folders:
            print("\n".join(self.folder(name)))
        judged = tuple(f"src/{name}/" for name in folders)
        for justification, branch in sorted(self.unused):
            if justification.path.startswith(judged):
                self.problems.append(
                    f"{EXCEPTIONS}:{justification.number}: branch {branch} was taken or is not "
                    f"there: {justification.text}")
        return self.problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("folders", nargs="*")
    options = parser.parse_args()
    counts = read_counts(options.build.resolve(), ROOT)
    if not counts.lines:
        sys.exit(f"{options.build} holds no counts: build the preset cover and run its tests first")
    folders = options.folders or sorted({path.split("/")[1] for path, _ in counts.lines})
    problems = Report(counts, ROOT, read_justifications(ROOT / EXCEPTIONS)).run(folders)
    run = sum(1 for count in counts.lines.values() if count)
    print(f"{run} of {len(counts.lines)} lines run ({100 * run / len(counts.lines):.1f} %)")
    for problem in problems:
        print(f"problem: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
