# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/test_run_tests.py - the runner counts what programs report and misses no failure."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

RUNNER = Path(__file__).with_name("run_tests.py")


class RunTests(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.build = Path(self.scratch.name)
        (self.build / "tests").mkdir()

    def run_program(self, script: str, *options: str) -> tuple[int, str]:
        program = self.build / "tests/test_sample"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        done = subprocess.run([sys.executable, RUNNER, self.build, "sample", *options],
                              capture_output=True, text=True)
        return done.returncode, done.stdout

    def last_line(self, script: str, *options: str) -> str:
        return self.run_program(script, *options)[1].splitlines()[-1]

    def test_passed_cases_are_counted_singly(self):
        self.assertEqual(self.last_line("echo 1..2; echo ok 1 - a; echo ok 2 - b"),
                         "2 passed, 0 failed")

    def test_several_groups_add_up(self):
        script = "echo 1..1; echo ok 1 - a; echo 1..2; echo ok 1 - b; echo ok 2 - c"
        self.assertEqual(self.last_line(script), "3 passed, 0 failed")

    def test_failed_case_is_printed_with_the_command_that_repeats_it(self):
        code, output = self.run_program("echo 1..2; echo SEED=77; echo ok 1 - a; "
                                        "echo not ok 2 - b; exit 1")
        self.assertEqual(code, 1)
        self.assertEqual(output.splitlines()[-1], "1 passed, 1 failed")
        self.assertIn("not ok 2 - b", output)
        self.assertIn(f"repeat: SEED=77 {self.build}/tests/test_sample", output)

    def test_crash_after_the_last_case_is_a_failure(self):
        self.assertEqual(self.last_line("echo 1..1; echo ok 1 - a; kill -SEGV $$"),
                         "1 passed, 1 failed")

    def test_missing_cases_are_a_failure(self):
        self.assertEqual(self.last_line("echo 1..3; echo ok 1 - a"), "1 passed, 1 failed")

    def test_silence_is_a_failure(self):
        self.assertEqual(self.last_line("exit 0"), "0 passed, 1 failed")

    def test_program_that_hangs_is_ended(self):
        self.assertEqual(self.last_line("echo 1..1; echo ok 1 - a; sleep 60", "--timeout", "1"),
                         "1 passed, 1 failed")

    def test_file_left_behind_is_a_failure(self):
        self.assertEqual(self.last_line('echo 1..1; echo ok 1 - a; touch "$TMPDIR/left"'),
                         "1 passed, 1 failed")

    def test_skipped_case_counts_neither_way(self):
        script = "echo 1..2; echo ok 1 - a; echo 'ok 2 - b # SKIP no disk'"
        self.assertEqual(self.last_line(script), "1 passed, 0 failed")

    def run_excused(self, script: str, *excuses: str) -> str:
        path = self.build / "excuses.txt"
        path.write_text("# why\n" + "".join(f"{line}\n" for line in excuses))
        return self.last_line(script, "--excuse", str(path))

    def test_excused_case_may_fail(self):
        script = "echo 1..2; echo ok 1 - a; echo not ok 2 - b; exit 1"
        self.assertEqual(self.run_excused(script, "test_sample b no such call"),
                         "1 passed, 0 failed")

    def test_excused_case_that_passes_is_a_failure(self):
        self.assertEqual(self.run_excused("echo 1..1; echo ok 1 - a", "test_sample a no such call"),
                         "0 passed, 1 failed")

    def test_excused_program_is_not_run(self):
        output = self.run_excused("echo 1..1; touch /nowhere/x", "test_sample * no such call")
        self.assertEqual(output, "0 passed, 0 failed")

    def test_command_runs_the_programs(self):
        self.assertEqual(self.last_line("echo not run", "--under", "echo 1..1 ok 1 -"),
                         "0 passed, 1 failed")
        self.assertEqual(self.last_line("echo 1..1; echo ok 1 - $X", "--under", "env X=a"),
                         "1 passed, 0 failed")

    def test_no_program_at_all_is_a_failure(self):
        done = subprocess.run([sys.executable, RUNNER, self.build, "no_such_word"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)

    def test_tally_counts_a_case_once_and_keeps_its_failure(self):
        tally = self.build / "tally.json"
        for script in ("echo 1..2; echo not ok 1 - a; echo ok 2 - b; exit 1",
                       "echo 1..2; echo ok 1 - a; echo ok 2 - b"):
            self.run_program(script, "--tally", str(tally))
        self.assertEqual(json.loads(tally.read_text()),
                         {"test_sample/a": False, "test_sample/b": True})
        done = subprocess.run([sys.executable, RUNNER, "--report", tally],
                              capture_output=True, text=True)
        self.assertEqual(done.stdout.splitlines()[-1], "1 passed, 1 failed")
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
