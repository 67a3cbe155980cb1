# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/cli/cli_case.py - runs the command line tool for the tests beside it.

The program is the one that NANOTS_BIN names, else bin/nanots of the build folder.
"""
import csv
import datetime
import fcntl
import io
import os
import pty
import struct
import subprocess
import tempfile
import termios
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NANOTS_BUILD_DIR", ROOT / "build"))
NANOTS = os.environ.get("NANOTS_BIN", str(BUILD / "bin" / "nanots"))
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def ms_of(*fields, offset_minutes=0):
    """Epoch milliseconds of a calendar time; microseconds are the last field."""
    zone = datetime.timezone(datetime.timedelta(minutes=offset_minutes))
    return (datetime.datetime(*fields, tzinfo=zone) - EPOCH) // datetime.timedelta(milliseconds=1)


def bits_of(value):
    return struct.pack("<d", value)


class CliCase(unittest.TestCase):
    """A folder with a database name in it, and the tool to run there."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.db = str(self.folder / "a.ntt")

    def run_tool(self, *arguments, stdin="", code=0, env=None):
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        environment.update({name: value for name, value in os.environ.items()
                            if name.startswith(("ASAN_", "UBSAN_", "LSAN_"))})
        done = subprocess.run([NANOTS, *map(str, arguments)], input=data, capture_output=True,
                              cwd=self.folder, timeout=60, env=environment | (env or {}))
        result = (done.stdout.decode(), done.stderr.decode())
        self.assertEqual(done.returncode, code, f"{arguments}: {result}")
        return result

    def out(self, *arguments, **options):
        return self.run_tool(*arguments, **options)[0]

    def error(self, *arguments, code=1, **options):
        """Runs what must fail; returns the sentences on standard error."""
        out, error = self.run_tool(*arguments, code=code, **options)
        self.assertTrue(error.startswith("nanots: "), error)
        return error

    def file(self, text, name="in.csv"):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    def load(self, text, *options, table="t", code=0):
        return self.run_tool("import", self.db, table, self.file(text), *options, code=code)

    def records(self, *arguments):
        """CSV output as a dictionary a line."""
        return list(csv.DictReader(io.StringIO(self.out(*arguments, "--format", "csv"))))

    def rows(self, *options, table="t"):
        """Header and rows of nanots query, numbers parsed."""
        lines = list(csv.reader(io.StringIO(self.out("query", self.db, table, *options))))
        return lines[0], [(int(line[0]), *map(float, line[1:])) for line in lines[1:]]

    def times(self, table="t"):
        return [row[0] for row in self.rows(table=table)[1]]

    def on_terminal(self, *arguments, columns=100, env=None):
        """Runs the tool with a terminal as standard output and error; returns what it shows."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        child = subprocess.Popen([NANOTS, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                 stdout=slave, stderr=slave, cwd=self.folder,
                                 env=environment | (env or {}))
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(master)
        self.assertEqual(child.wait(60), 0, shown)
        return shown.decode().replace("\r\n", "\n")
