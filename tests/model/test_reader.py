# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/model/test_reader.py - files of the library, read by the second reader.

ProgramTest compares reader.py with what `nanots query` prints, row by row. ModelTest goes further:
it drives the library through random operations in a process of its own, which ends with a close or
a SIGKILL, and compares reader.py in every bit with a list of rows that Python kept. SEED=n in the
environment repeats a run. NANOTS_BUILD_DIR names the build, build/ of the repository unless set.
"""

from array import array
import csv
import ctypes
import io
import math
import os
from pathlib import Path
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

from reader import Database, FormatError  # noqa: E402

BUILD = Path(os.environ.get("NANOTS_BUILD_DIR", ROOT / "build"))


def preload_sanitizer():
    """A library with AddressSanitizer loads only behind its runtime: start again with it."""
    cache = BUILD / "CMakeCache.txt"
    is_sanitized = cache.exists() and re.search(r"^NANOTS_SANITIZE:STRING=.*address",
                                                cache.read_text(), re.M)
    if not is_sanitized or "libasan" in os.environ.get("LD_PRELOAD", ""):
        return
    runtime = subprocess.check_output(["cc", "-print-file-name=libasan.so"], text=True).strip()
    # The interpreter leaks; the library's own leaks are looked for by the C tests.
    environment = dict(os.environ, LD_PRELOAD=runtime, ASAN_OPTIONS="detect_leaks=0")
    os.execve(sys.executable, [sys.executable] + sys.orig_argv[1:], environment)


preload_sanitizer()
PROGRAM = BUILD / "bin/nanots"
LIBRARY = BUILD / "lib/libnanots.so"
SEED = int(os.environ.get("SEED", random.randrange(2**32)))
READER = ROOT / "tests/support/reader.py"


def bits(values):
    return array("Q", array("d", values).tobytes())


# --- Data: each maker takes a generator and a count and returns an array -------------------------

def ts_regular(rng, count):
    start, step = rng.randrange(-10**12, 10**13), rng.choice((1, 250, 1000, 60000))
    return array("q", range(start, start + count * step, step))


def ts_jitter(rng, count):
    ts = ts_regular(rng, count)
    return array("q", sorted(t + rng.randrange(-90, 90) for t in ts))


def ts_gaps(rng, count):
    ts = ts_regular(rng, count)
    gap = 0
    for i in range(count):
        gap += rng.randrange(10**8) if rng.random() < 0.01 else 0
        ts[i] += gap
    return ts


def ts_repeated(rng, count):
    return array("q", sorted(rng.randrange(count // 3 + 1) for _ in range(count)))


def ts_unsorted(rng, count):
    ts = list(ts_jitter(rng, count))
    rng.shuffle(ts)
    return array("q", ts)


def ts_wild(rng, count):
    return array("q", (rng.randrange(-2**63, 2**63) for _ in range(count)))


def values_constant(rng, count):
    return bits([rng.choice((0.0, -0.0, 1.5, math.nan, math.inf))]) * count


def values_decimal(rng, count):
    level, out = rng.randrange(10**5), []
    for _ in range(count):
        level += rng.randrange(-20, 21)
        out.append(level / 100)
    return bits(out)


def values_integer(rng, count):
    return bits([float(rng.randrange(10**6)) for _ in range(count)])


def values_counter(rng, count):
    total, out = rng.randrange(2**40), []
    for _ in range(count):
        total += rng.randrange(100) * rng.randrange(2)
        out.append(float(total))
    return bits(out)


def values_smooth(rng, count):
    speed = rng.random() / 50
    return bits([math.sin(i * speed) for i in range(count)])


def values_runs(rng, count):
    out = []
    while len(out) < count:
        out += [rng.random() * 10] * rng.randrange(1, 200)
    return bits(out[:count])


def values_sparse(rng, count):
    return bits([rng.random() if rng.random() < 0.1 else math.nan for _ in range(count)])


def values_any_bits(rng, count):
    return array("Q", rng.randbytes(8 * count))


def values_specials(rng, count):
    specials = list(bits([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, 5e-324, 1e308]))
    specials += [0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000123]
    return array("Q", rng.choices(specials, k=count))


TS_MAKERS = (ts_regular, ts_jitter, ts_gaps, ts_repeated, ts_unsorted, ts_wild)
VALUE_MAKERS = (values_constant, values_decimal, values_integer, values_counter, values_smooth,
                values_runs, values_sparse, values_any_bits, values_specials)


# --- The program ---------------------------------------------------------------------------------

def same_value(found, text):
    """Whether a 64-bit pattern is what the program printed; it prints every NaN as NaN."""
    if text == "":
        return found is None
    value = float(text)
    if math.isnan(value):
        return found & 0x7FFFFFFFFFFFFFFF > 0x7FF0000000000000
    return found == bits([value])[0]


@unittest.skipUnless(PROGRAM.exists(), "%s is not built" % PROGRAM)
class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = Path(self.folder.name) / "test.ntt"
        self.rng = random.Random(SEED)
        print("SEED=%d" % SEED)

    def nanots(self, *words):
        run = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def csv(self, ts, columns):
        path = Path(self.folder.name) / "rows.csv"
        with open(path, "w", encoding="ascii") as file:
            names = ["v%d" % i for i in range(len(columns))]
            print("ts_ms", *names, sep=",", file=file)
            for row in zip(ts, *(array("d", column.tobytes()) for column in columns)):
                print(*row, sep=",", file=file)
        return path

    def assert_same_rows(self, expected_tables):
        """The program and the reader agree on every row; the program gets a copy to write to."""
        copy = self.file.with_name("copy.ntt")
        shutil.copyfile(self.file, copy)
        db = Database(self.file)
        self.assertEqual(sorted(db.tables), sorted(expected_tables))
        for name, table in db.tables.items():
            printed = csv.reader(io.StringIO(self.nanots("query", copy, name, "--format", "csv")))
            self.assertEqual(next(printed), ["ts_ms"] + [column.name for column in table.columns])
            count = 0
            for count, (row, texts) in enumerate(zip(table.rows(bits=True), printed), 1):
                same = row[0] == int(texts[0]) and len(row) == len(texts) and \
                    all(map(same_value, row[1:], texts[1:]))
                self.assertTrue(same, "%s row %d: %s, printed %s" % (name, count, row, texts))
            self.assertEqual((count, next(printed, None)), (table.row_count, None))
        return db

    def test_reader_imported_tables_match_the_program(self):
        """Every kind of timestamp and of value that CSV can carry, appended to and packed."""
        makers = [maker for maker in VALUE_MAKERS if maker is not values_any_bits]
        names = []
        for i, ts_maker in enumerate(TS_MAKERS[:-1]):
            count = self.rng.choice((1, 1024, 5000, 20000))
            columns = [maker(self.rng, count) for maker in self.rng.sample(makers, 3)]
            names.append("t%d" % i)
            self.nanots("import", self.file, names[-1],
                        self.csv(ts_maker(self.rng, count), columns))
            self.assert_same_rows(names)
        self.nanots("append", self.file, "t0", "1700000000000", "1.5", "-0", "NaN")
        self.nanots("append", self.file, "t0", "1600000000000", "1e300", "0.1", "inf")
        self.assert_same_rows(names)
        self.nanots("pack", self.file)
        self.assert_same_rows(names)

    def test_reader_million_rows_match_the_program(self):
        count = 1000000
        ts = ts_gaps(self.rng, count)
        self.nanots("import", self.file, "big", self.csv(ts, [values_decimal(self.rng, count)]))
        self.assertEqual(self.assert_same_rows(["big"]).tables["big"].row_count, count)

    def test_reader_killed_import_matches_the_program(self):
        """The import waits for more lines when it is killed; what it appended is in the log."""
        count = 200000
        path = self.csv(ts_jitter(self.rng, count), [values_decimal(self.rng, count)])
        process = subprocess.Popen([PROGRAM, "import", self.file, "t", "-"],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        process.stdin.write(path.read_bytes())
        process.stdin.flush()
        deadline, seen = time.monotonic() + 20, 0
        while seen == 0 and time.monotonic() < deadline:
            time.sleep(0.1)
            try:
                seen = sum(table.row_count for table in Database(self.file).tables.values())
            except (FileNotFoundError, FormatError):
                pass  # read without a lock, while it is written
        process.kill()
        process.wait()
        process.stdin.close()
        self.assertGreater(seen, 0)
        db = self.assert_same_rows(["t"])
        self.assertGreaterEqual(db.tables["t"].row_count, seen)
        self.assertGreater(len(db.wal_records), 0)

    def test_reader_command_line_prints_rows_and_refuses_damage(self):
        self.nanots("create", self.file, "t", "a", "b")
        self.nanots("append", self.file, "t", "1700000000000", "1.5", "NaN")
        command = [sys.executable, READER, self.file]
        rows = subprocess.run(command + ["t"], capture_output=True, text=True)
        self.assertEqual((rows.returncode, rows.stdout), (0, "ts_ms,a,b\n1700000000000,1.5,nan\n"))
        data = bytearray(self.file.read_bytes())
        for off in (0, 512, 4096, 4608):
            for at in range(off + 8, min(off + 256, len(data))):
                data[at] ^= 0xFF
        self.file.write_bytes(data)
        rows = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(rows.returncode, 1)
        self.assertIn("no valid superblock", rows.stderr)


# --- The library ---------------------------------------------------------------------------------

class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("os_errno", ctypes.c_int),
                ("message", ctypes.c_char * 256)]


class OpenOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("flags", ctypes.c_uint32),
                ("sync_mode", ctypes.c_int), ("sync_interval_ms", ctypes.c_uint32),
                ("sector_size", ctypes.c_uint32), ("wal_bytes", ctypes.c_uint64),
                ("memtable_bytes", ctypes.c_uint64), ("max_record_size", ctypes.c_uint64),
                ("retention_ms", ctypes.c_int64)]


class Column(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int)]


def address(numbers):
    return ctypes.c_void_p(numbers.buffer_info()[0])


SYNC_FULL = 1


class Library:
    """One open file; lives in the process that is killed."""

    def __init__(self, path, wal_bytes, memtable_bytes, sync_mode):
        self.lib, self.error, self.db = ctypes.CDLL(str(LIBRARY)), Error(), ctypes.c_void_p()
        options = OpenOptions(ctypes.sizeof(OpenOptions), wal_bytes=wal_bytes,
                              memtable_bytes=memtable_bytes, sync_mode=sync_mode)
        self.call("open", str(path).encode(), ctypes.byref(options), ctypes.byref(self.db))

    def call(self, name, *words):
        function = getattr(self.lib, "nanots_" + name)
        if function(*words, ctypes.byref(self.error)) != 0:
            raise RuntimeError("%s: %s" % (name, self.error.message.decode()))

    def create(self, table, column_count):
        columns = (Column * column_count)(*[Column(b"v%d" % i, 1) for i in range(column_count)])
        self.call("create_table", self.db, table.encode(), columns, ctypes.c_size_t(column_count))

    def rows(self, table, ts, columns):
        name, pointers = table.encode(), (ctypes.c_void_p * len(columns))(*map(address, columns))
        self.call("append_columns", self.db, name, address(ts), pointers, ctypes.c_size_t(len(ts)),
                  ctypes.c_size_t(len(columns)), None)

    def row(self, table, ts, values):
        self.call("append_row", self.db, table.encode(), ctypes.c_int64(ts), address(values),
                  ctypes.c_size_t(len(values)), None)

    def flush(self):
        self.call("flush", self.db)

    def sync(self):
        self.call("sync", self.db)

    def pack(self, table, target_rows):
        self.call("pack_table", self.db, table.encode(), ctypes.c_uint64(target_rows))

    def cut(self, table, cutoff):
        self.call("compact_retention", self.db, table.encode(), ctypes.c_int64(cutoff), None)

    def close(self):
        self.call("close", self.db)


class Model:
    """The same calls, kept as lists; `order` of the file is a stable sort by time."""

    def __init__(self):
        self.tables = {}

    def create(self, table, column_count):
        self.tables[table] = []

    def rows(self, table, ts, columns):
        self.tables[table] += zip(ts, *columns)

    def row(self, table, ts, values):
        self.tables[table].append((ts, *values))

    def cut(self, table, cutoff):
        self.tables[table] = [row for row in self.tables[table] if row[0] >= cutoff]

    def flush(self):
        pass

    sync = flush

    def pack(self, table, target_rows):
        pass


class Operations:
    """An endless supply of random calls; remembers the tables that it has made."""

    def __init__(self, rng):
        self.rng, self.columns, self.ts_seen = rng, {}, {}

    def take(self, count, rows_max):
        calls = []
        kinds = ("create", "rows", "row", "flush", "sync", "pack", "cut")
        for kind in self.rng.choices(kinds, (1, 8, 6, 1, 1, 0.5, 0.5), k=count):
            if not self.columns or kind == "create" and len(self.columns) < 5:
                name = "table %d" % len(self.columns)
                self.columns[name], self.ts_seen[name] = self.rng.randrange(1, 5), [0]
                calls.append(("create", name, self.columns[name]))
            if kind in ("flush", "sync"):
                calls.append((kind,))
            elif kind != "create":
                calls += getattr(self, kind)(self.rng.choice(list(self.columns)), rows_max)
        return calls

    def rows(self, name, rows_max):
        rng = self.rng
        count = rng.choice((1, 2, 63, 1023, 1024, 1025, rng.randrange(1, rows_max)))
        ts = rng.choice(TS_MAKERS)(rng, count)
        self.ts_seen[name] += ts[:3]
        yield "rows", name, ts, [rng.choice(VALUE_MAKERS)(rng, count)
                                 for _ in range(self.columns[name])]

    def row(self, name, _):
        rng = self.rng
        for _ in range(rng.randrange(1, 100)):
            ts = min(rng.choice(self.ts_seen[name]) + rng.randrange(100), 2**63 - 1)
            yield "row", name, ts, values_any_bits(rng, self.columns[name])

    def pack(self, name, _):
        yield "pack", name, self.rng.choice((0, 1000, 5000))

    def cut(self, name, _):
        yield "cut", name, self.rng.choice(self.ts_seen[name])


@unittest.skipUnless(LIBRARY.exists(), "%s is not built" % LIBRARY)
class ModelTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    make_library = Library

    def run_in_child(self, path, settings, operations, end):
        """Opens the file, does the operations, and ends with close or kill, in a new process."""
        pid = os.fork()
        if pid == 0:
            try:
                library = self.make_library(path, *settings)
                for name, *words in operations:
                    getattr(library, name)(*words)
                if end == "close":
                    library.close()
                else:
                    os.kill(os.getpid(), signal.SIGKILL)
                os._exit(0)
            except Exception as error:  # the parent must hear of it, and pytest must not run on
                os.write(2, ("%s\n" % error).encode())
                os._exit(1)
        status = os.waitpid(pid, 0)[1]
        expected = signal.SIGKILL if end == "kill" else 0
        self.assertEqual(status, expected, "the writer failed")

    def assert_rows_of_model(self, path, model, where):
        db = Database(path)
        self.assertEqual(sorted(db.tables), sorted(model.tables), where)
        for name, rows in model.tables.items():
            found = list(db.tables[name].rows(bits=True))
            expected = sorted(rows, key=lambda row: row[0])
            self.assertEqual(len(found), len(expected), "%s, %s" % (where, name))
            for i, pair in enumerate(zip(found, expected)):
                self.assertEqual(*pair, "%s, %s row %d" % (where, name, i))

    def check_sessions(self, seed, rows_max, session_count):
        """Sessions of one file, each ended at random; the reader sees all rows after each."""
        rng = random.Random(seed)
        operations, model = Operations(rng), Model()
        path = Path(self.folder.name) / ("%d.ntt" % seed)
        for session in range(session_count):
            settings = (rng.choice((65536, 1 << 20)), 1 << 20, rng.randrange(3))
            calls, end = operations.take(20, rows_max), rng.choice(("close", "kill"))
            self.run_in_child(path, settings, calls, end)
            for name, *words in calls:
                getattr(model, name)(*words)
            self.assert_rows_of_model(path, model, "seed %d, session %d, %s" % (seed, session, end))

    def check_calls(self, calls, end):
        model, path = Model(), Path(self.folder.name) / "calls.ntt"
        self.run_in_child(path, (0, 0, 0), calls, end)
        for name, *words in calls:
            getattr(model, name)(*words)
        self.assert_rows_of_model(path, model, end)
        path.unlink()

    def test_reader_kept_log_is_left_out_and_told_by_the_program(self):
        """A writer that syncs every row is killed, and a bit of its log flips."""
        path = Path(self.folder.name) / "kept.ntt"
        rows = [(i, i + 0.125) for i in range(60)]
        self.run_in_child(path, (1 << 16, 1 << 20, SYNC_FULL),
                          [("create", "t", 1)] + [("row", "t", ts, array("d", [value]))
                                                  for ts, value in rows], "kill")
        data = bytearray(path.read_bytes())
        data[data.index(struct.pack("<d", rows[40][1]))] ^= 1
        path.write_bytes(data)
        with self.assertRaisesRegex(FormatError, "damaged after seq 40"):
            Database(path)

        def nanots(*words, code=0):
            run = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True)
            self.assertEqual(run.returncode, code, run.stderr)
            return run.stdout
        nanots("append", path, "t", "1000", "7.5")
        for _ in range(2):
            db = Database(path)
            self.assertEqual(list(db.tables["t"].rows()), rows[:40] + [(1000, 7.5)])
            self.assertEqual([log.last_seq for log in db.kept_logs], [40])
            for off, size in db.kept_logs[0].extents:
                self.assertEqual(path.read_bytes()[off:off + size], data[off:off + size])
            self.assertRegex(nanots("info", path), "1 damaged log, .*breaks behind row 40")
            nanots("pack", path)
        self.assertRegex(nanots("verify", path, code=1), "rows after seq 40.* kept for a repair")

    def test_reader_manifest_across_sectors_matches_the_model(self):
        """Edits of many sizes, so that some end a few bytes before the end of a sector."""
        calls = []
        for i in range(30):
            calls.append(("create", "t" * (i + 1), 1))
            calls.append(("row", "t" * (i + 1), i, bits([1.0])))
            if i % 3 == 0:
                calls.append(("flush",))
        for end in ("close", "kill"):
            with self.subTest(end=end):
                self.check_calls(calls, end)

    def test_reader_batch_above_an_extent_matches_the_model(self):
        """The log's first extents are smaller than one of its records."""
        def rows(count):
            return "rows", "t", array("q", range(count)), [bits([1.0]) * count]
        calls = [("create", "t", 1), rows(1024)]
        calls += [("row", "t", i, bits([2.0])) for i in range(650)]
        self.check_calls(calls + [("flush",), rows(1023), rows(5912)], "kill")

    def test_reader_random_operations_match_the_model(self):
        print("SEED=%d" % SEED)
        for seed in range(SEED, SEED + 8):
            self.check_sessions(seed, rows_max=6000, session_count=4)

    def test_reader_batches_past_the_log_match_the_model(self):
        """Batches of more than 1 MiB go into segments at once, and the log names them."""
        print("SEED=%d" % SEED)
        self.check_sessions(SEED, rows_max=200000, session_count=2)


if __name__ == "__main__":
    unittest.main()
