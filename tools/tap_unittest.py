#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/tap_unittest.py - runs one unittest file and prints TAP, as the C tests do."""
import importlib.util
import sys
import unittest
from pathlib import Path


class TapResult(unittest.TestResult):
    """Prints a line for each case when it ends; details of a failure come before it."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def report(self, test, ok: bool, suffix: str = "") -> None:
        self.number += 1
        name = test.id().removeprefix(f"{type(test).__module__}.")
        print(f"{'ok' if ok else 'not ok'} {self.number} - {name}{suffix}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.report(test, True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(self.failures[-1][1])
        self.report(test, False)

    def addError(self, test, err):
        super().addError(test, err)
        print(self.errors[-1][1])
        self.report(test, False)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.report(test, True, f" # SKIP {reason}")

    def addSubTest(self, test, subtest, err):
        """A failed subtest fails its case; unittest then reports no success for it."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            print((self.failures + self.errors)[-1][1])
            self.report(subtest, False)


def main() -> int:
    path = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except unittest.SkipTest as reason:  # the whole file
        print(f"ok 1 - {path.stem} # SKIP {reason}\n1..1")
        return 0
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = TapResult()
    suite.run(result)
    print(f"1..{result.number}")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
