# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/test_readme.py - what python/README.md shows runs, and prints what it says."""
import contextlib
import io
import os
import re
import tempfile
import unittest
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
PRINT = re.compile(r"^ *print\(.*\)  +# (.*)$|^ *print\(.*# (.*)$", re.M)


class Readme(unittest.TestCase):
    def test_every_piece(self):
        pieces = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
        self.assertGreater(len(pieces), 5)
        names, here = {}, os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                for piece in pieces:
                    said = [a or b for a, b in PRINT.findall(piece)]
                    self.assertEqual(len(said), piece.count("print("), piece)
                    printed = io.StringIO()
                    with contextlib.redirect_stdout(printed):
                        exec(compile(piece, str(README), "exec"), names)
                    self.assertEqual(printed.getvalue().splitlines(), said, piece)
            finally:
                os.chdir(here)


if __name__ == "__main__":
    unittest.main()
