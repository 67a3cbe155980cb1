#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/run_tests.py - runs the test programs of a build and counts single cases.

    tools/run_tests.py build                     all of them, two at a time
    tools/run_tests.py build wal recovery        only programs with one of these words in the name
    tools/run_tests.py build --tools --tally F   those of tools/ and python/ too; added to F
    tools/run_tests.py --command scripts/build.sh asan --tally F     a command as one case
    tools/run_tests.py build --under "valgrind -q" wal      C programs only, each under a command
    tools/run_tests.py --report F                the sum over all runs that were added to F

Every program prints TAP: the cmocka tests and fuzz replays of BUILD/tests, and each test_*.py below
tests/, with --tools those of tools/ and python/tests/ too; fuzz targets linked with libFuzzer run
as tools/fuzz.sh says. With --excuse FILE, cases may fail that are lines `PROGRAM CASE REASON` of
FILE, but may not pass; a program whose CASE is `*` is not run. Each has a time limit and a folder
of its own (TMPDIR names it too) that it must leave empty. In a tally a case that ran in many builds
counts once, and passed if it passed in all. The output of a failed program is printed whole, with
the command that repeats it.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CASE = re.compile(r"^(not )?ok \d+(?: - | )?(.*)$", re.M)
PLAN = re.compile(r"^1\.\.(\d+)", re.M)
SEED = re.compile(r"\bSEED=(\w+)")
TAP_UNITTEST = [sys.executable, str(ROOT / "tools/tap_unittest.py")]
VENV_PYTHON = str(ROOT / ".venv/bin/python")  # has the package of python/ and what its tests need


def find_programs(build: Path, with_tools: bool, emulator: list[str]) -> dict[str, list[str]]:
    """Name -> command."""
    programs = {}
    for path in sorted((build / "tests").glob("*")):
        if re.match(r"(test|fuzz)_\w+$", path.name) and os.access(path, os.X_OK):
            programs[path.name] = [*emulator, str(path)]
    if emulator:
        return programs
    for path in sorted((build / "fuzz").glob("fuzz_*")):
        if os.access(path, os.X_OK):
            programs[f"{path.name}_smoke"] = [str(ROOT / "tools/fuzz.sh"), str(path)]
    python_files = list((ROOT / "tests").rglob("test_*.py"))
    if with_tools:
        programs["tidy"] = [str(ROOT / "tools/tidy.py"), "--tap", "--tools"]
        python_files += (ROOT / "tools").glob("test_*.py")
    for path in sorted(python_files):
        programs[path.name] = [*TAP_UNITTEST, str(path)]
    for path in sorted((ROOT / "python/tests").glob("test_*.py")) if with_tools else []:
        programs[f"python_{path.name}"] = [VENV_PYTHON, TAP_UNITTEST[1], str(path)]
    return programs


class Run:
    """One program run to its end: its cases, and what is wrong with the program as a whole."""

    def __init__(self, name: str, command: list[str], build: Path, timeout_s: int,
                 excused: dict[str, str]):
        self.name, self.command, self.build = name, command, build
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as folder:
            environment = dict(os.environ, TMPDIR=folder, CMOCKA_MESSAGE_OUTPUT="TAP",
                               NANOTS_BUILD_DIR=str(build), PYTHONDONTWRITEBYTECODE="1")
            trouble = self.execute(folder, environment, timeout_s)
            left = sorted(os.listdir(folder))
        self.seconds = time.monotonic() - begin
        self.cases = {}
        for failed, case in CASE.findall(self.output):
            if "# SKIP" not in case:
                self.cases[case] = self.cases.get(case, True) and not failed
        self.skipped = len(re.findall(r"^(?:not )?ok .*# SKIP", self.output, re.M))
        for case in excused:
            self.skipped += 1
            if self.cases.pop(case, True):
                trouble.append(f"excused, but did not fail: {case}")
        planned = sum(map(int, PLAN.findall(self.output)))
        reported = len(CASE.findall(self.output))
        if left:
            trouble.append(f"left files behind: {' '.join(left[:5])}")
        if planned != reported or planned == 0:
            trouble.append(f"reported {reported} of {planned} cases")
        if trouble:
            self.cases[f"({'; '.join(trouble)})"] = False
        self.ok = all(self.cases.values())

    def execute(self, folder: str, environment: dict[str, str], timeout_s: int) -> list[str]:
        with tempfile.TemporaryFile("w+b") as sink:
            process = subprocess.Popen(self.command, cwd=folder, env=environment, stdout=sink,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                       start_new_session=True)
            try:
                code, trouble = process.wait(timeout_s), []
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                code, trouble = process.wait(), [f"took more than {timeout_s} s"]
            sink.seek(0)
            self.output = sink.read().decode("utf-8", "replace")
        has_failed_case = re.search(r"^not ok", self.output, re.M)
        if code != 0 and not trouble and not has_failed_case:
            trouble.append(f"exit code {code}")
        return trouble

    def repeat_command(self) -> str:
        seed = SEED.search(self.output)
        words = [f"NANOTS_BUILD_DIR={self.build}"] if self.name.endswith(".py") else []
        words += [seed[0]] if seed else []
        return " ".join(words + [os.path.relpath(w, ROOT) if w.startswith(str(ROOT)) else w
                                 for w in self.command])


def read_excuses(path: Path | None) -> dict[str, dict[str, str]]:
    """Program -> case -> reason."""
    excuses = defaultdict(dict)
    for line in path.read_text().splitlines() if path else []:
        if line.strip() and not line.startswith("#"):
            program, case, reason = line.split(None, 2)
            excuses[program][case] = reason
    return excuses


def add_to_tally(path: Path, cases: dict[str, bool]) -> None:
    tally = json.loads(path.read_text()) if path.exists() else {}
    for case, ok in cases.items():
        tally[case] = tally.get(case, True) and ok
    path.write_text(json.dumps(tally, indent=0, sort_keys=True))


def report(path: Path) -> int:
    tally = json.loads(path.read_text())
    failed = [case for case, ok in tally.items() if not ok]
    for case in failed:
        print(f"failed: {case}")
    print(f"{len(tally) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def run_command(command: list[str], tally_path: Path | None) -> int:
    """Runs `command` as one case named after it; its output is printed if it fails."""
    name = " ".join(command)
    begin = time.monotonic()
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    ok = process.returncode == 0
    seconds = time.monotonic() - begin
    print(f"{'ok    ' if ok else 'FAILED'} {name:<45}{seconds:>6.1f} s", flush=True)
    if not ok:
        print(f"{process.stdout.rstrip()}\nrepeat: {name}\n", flush=True)
    if tally_path:
        add_to_tally(tally_path, {name: ok})
    return process.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--command", action="store_true")
    parser.add_argument("--excuse", type=Path, metavar="FILE")
    parser.add_argument("--under", default="", metavar="COMMAND")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=int, default=300, metavar="SECONDS")
    parser.add_argument("--tools", action="store_true")
    parser.add_argument("--tally", type=Path, metavar="F")
    parser.add_argument("--report", type=Path, metavar="F")
    options = parser.parse_args()
    if options.report:
        return report(options.report)
    if not options.build:
        parser.error("name a build folder")
    excuses = read_excuses(options.excuse)
    if options.command:
        return run_command([options.build, *options.words], options.tally)

    begin = time.monotonic()
    build = Path(options.build).resolve()
    programs = {name: command for name, command in
                find_programs(build, options.tools, options.under.split()).items()
                if not options.words or any(word in name for word in options.words)}
    for name in [name for name in programs if "*" in excuses[name]]:
        del programs[name]
        print(f"excused {name}: {excuses[name]['*']}")

    def run(item: tuple[str, list[str]]) -> Run:
        result = Run(*item, build, options.timeout, excuses[item[0]])
        good = sum(result.cases.values())
        text = f"{'ok    ' if result.ok else 'FAILED'} {result.name:<32}"
        text += f"{good:>5} of {len(result.cases):<5}{result.seconds:>6.1f} s"
        text += f"  {result.skipped} skipped" if result.skipped else ""
        if not result.ok:
            text += f"\n{result.output.rstrip()}\nrepeat: {result.repeat_command()}\n"
        print(text, flush=True)
        return result

    with ThreadPoolExecutor(options.jobs) as pool:
        runs = list(pool.map(run, programs.items()))
    passed = sum(sum(r.cases.values()) for r in runs)
    failed = sum(len(r.cases) for r in runs) - passed
    seconds = time.monotonic() - begin
    if options.tally:
        add_to_tally(options.tally, {f"{run.name}/{case}": ok
                                     for run in runs for case, ok in run.cases.items()})
        print(f"{options.build}: {len(runs)} programs, {passed + failed} cases, {seconds:.0f} s")
    else:
        print(f"{passed} passed, {failed} failed")
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
