#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/cover.py BUILD - lists the lines of src/ that no test of a cover build ran."""
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    root = Path(__file__).resolve().parents[1]
    lines = defaultdict(lambda: defaultdict(int))
    for data in build.rglob("*.gcda"):
        report = subprocess.run(["gcov", "--json-format", "--stdout", str(data)], cwd=build,
                                capture_output=True, text=True, check=True).stdout
        for unit in map(json.loads, report.splitlines()):
            for file in unit["files"]:
                path = (build / file["file"]).resolve()
                if path.is_relative_to(root / "src"):
                    for line in file["lines"]:
                        lines[path.relative_to(root)][line["line_number"]] += line["count"]
    if not lines:
        sys.exit(f"{build} holds no counts: build the preset cover and run its tests first")
    total = run = 0
    for path, counts in sorted(lines.items()):
        missed = sorted(number for number, count in counts.items() if count == 0)
        total, run = total + len(counts), run + len(counts) - len(missed)
        print(f"{path}: {len(counts) - len(missed)} of {len(counts)}")
        for number in missed:
            print(f"    {path}:{number}: not run")
    print(f"{run} of {total} lines run ({100 * run / total:.1f} %)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
