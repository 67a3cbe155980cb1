# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/model/test_reader_typed.py - tables of all types and changes of schemas, read by the second
reader.

As ModelTest of test_reader.py: random calls in a process that ends with a close or a SIGKILL, and
every bit compared with what Python kept. SEED=n repeats a run. Rows come by nanots_append_batch; a
library without it is tried with columns of f64. Rows of other types are flushed before a kill as
long as SPEC.md has no ROWS record of them.
"""

from array import array
import ctypes
import os
from pathlib import Path
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import test_reader  # noqa: E402
from test_reader import LIBRARY, Library, SEED, TS_MAKERS, address  # noqa: E402

from reader import Database  # noqa: E402
from reader_segment import NAMED_OF_FLOATS, NAMED_OF_INTS  # noqa: E402

KINDS = (None, "f64", "f32", "i64", "i32", "bool", "utf8")
UNITS = ("ms", "s", "us", "ns")  # of the library; the format numbers them otherwise
UNITS_OF_FORMAT = ("s", "ms", "us", "ns")
LAYOUTS = {"f64": "Q", "f32": "I", "i64": "q", "i32": "i"}
HAS_BATCH = LIBRARY.exists() and hasattr(ctypes.CDLL(str(LIBRARY)), "nanots_append_batch")
NULLABLE = 1


class Column(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("flags", ctypes.c_uint32)]


class TableOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("unit", ctypes.c_int),
                ("duplicates", ctypes.c_int), ("tier", ctypes.c_int)]


class BatchColumn(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("values", ctypes.c_void_p),
                ("validity", ctypes.c_void_p), ("offsets", ctypes.c_void_p)]


class Batch(ctypes.Structure):
    _fields_ = [("row_count", ctypes.c_size_t), ("ts", ctypes.c_void_p),
                ("column_count", ctypes.c_size_t), ("columns", ctypes.POINTER(BatchColumn))]


def column_of(name, kind, flags):
    return Column(name.encode(), KINDS.index(kind), flags)


def bitmap(flags):
    bits = sum(bool(flag) << i for i, flag in enumerate(flags))
    return array("B", bits.to_bytes((len(flags) + 7) // 8, "little"))


def arrays_of(kind, values):
    """(values, validity, offsets) as a batch has them, as arrays or None."""
    validity = bitmap([value is not None for value in values]) if None in values else None
    if kind == "utf8":
        texts, offsets = [(value or "").encode() for value in values], array("i", [0])
        for text in texts:
            offsets.append(offsets[-1] + len(text))
        return array("B", b"".join(texts) or b"\0"), validity, offsets
    if kind == "bool":
        return bitmap(values), validity, None
    return array(LAYOUTS[kind], [value or 0 for value in values]), validity, None


class TypedLibrary(Library):
    def create(self, table, columns, unit, duplicates, tier):
        words = (Column * len(columns))(*[column_of(*column) for column in columns])
        options = TableOptions(ctypes.sizeof(TableOptions), UNITS.index(unit), duplicates, tier)
        self.call("create_table_with", self.db, table.encode(), words,
                  ctypes.c_size_t(len(columns)), ctypes.byref(options))

    def append(self, table, columns, ts, values):
        if not HAS_BATCH:
            self.rows(table, ts, [array("Q", part) for part in values])
            return
        kept = [arrays_of(kind, part) for (_, kind, _), part in zip(columns, values)]
        words = (BatchColumn * len(columns))(*[
            BatchColumn(KINDS.index(kind), *[part and address(part) for part in parts])
            for (_, kind, _), parts in zip(columns, kept)])
        batch = Batch(len(ts), address(ts), len(columns), words)
        self.call("append_batch", self.db, table.encode(), ctypes.byref(batch), None)

    def add_column(self, table, column):
        self.call("add_column", self.db, table.encode(), ctypes.byref(column_of(*column)))

    def rename_column(self, table, at, old, new):
        self.call("rename_column", self.db, table.encode(), old.encode(), new.encode())

    def rename_table(self, table, new):
        self.call("rename_table", self.db, table.encode(), new.encode())

    def drop(self, table):
        self.call("drop_table", self.db, table.encode())


class TypedTable:
    """What the reader must give of a table."""

    def __init__(self, columns, unit, duplicates, tier):
        self.columns, self.unit, self.duplicates = list(columns), unit, duplicates
        self.tier = tier
        self.rows = []

    def expected(self):
        padding = (None,) * len(self.columns)
        rows = [row + padding[:len(self.columns) + 1 - len(row)] for row in self.rows]
        rows.sort(key=lambda row: row[0])
        if self.duplicates == 1:
            rows = list({row[0]: row for row in rows}.values())
        elif self.duplicates == 2:
            rows = list({row[0]: row for row in reversed(rows)}.values())[::-1]
        return rows


class TypedModel:
    def __init__(self):
        self.tables = {}

    def create(self, table, columns, unit, duplicates, tier):
        self.tables[table] = TypedTable(columns, unit, duplicates, tier)

    def append(self, table, columns, ts, values):
        self.tables[table].rows += zip(ts, *values)

    def add_column(self, table, column):
        self.tables[table].columns.append(column)

    def rename_column(self, table, at, old, new):
        columns = self.tables[table].columns
        columns[at] = (new,) + columns[at][1:]

    def rename_table(self, table, new):
        self.tables[new] = self.tables.pop(table)

    def drop(self, table):
        del self.tables[table]

    def cut(self, table, cutoff):
        rows = self.tables[table].rows
        self.tables[table].rows = [row for row in rows if row[0] >= cutoff]

    def pack(self, table, target_rows):
        pass

    def flush(self):
        pass


def texts(rng, count):
    words = ["", "open", "shut", "\u00fcber", "\U0001f600" * 3, "a\0b"]
    words += ["%x" % rng.getrandbits(rng.randrange(1, 300)) for _ in range(50)]
    return rng.choices(words, k=count)


def values_of(rng, kind, count):
    """A list of stored values: all kinds of bits, near ones, runs, or one."""
    if kind == "utf8":
        return texts(rng, count) if rng.random() < 0.8 else [rng.choice(texts(rng, 1))] * count
    if kind == "bool":
        return [rng.random() < 0.1 for _ in range(count)]
    form = rng.randrange(4)
    if kind == "f64" and form:
        return list(rng.choice(test_reader.VALUE_MAKERS)(rng, count))
    if kind == "f32" and form:
        return list(array("I", array("f", [rng.randrange(1000) / 10 for _ in range(count)])
                          .tobytes()))
    if form < 2:
        values = array(LAYOUTS[kind])
        values.frombytes(rng.randbytes(values.itemsize * count))
        return list(values)
    level = rng.randrange(10**6)
    return [level + (rng.randrange(100) if form == 2 else 0) for _ in range(count)]


class TypedOperations:
    """Random calls that can be made; keeps the schemas that they lead to."""

    def __init__(self, rng):
        self.rng, self.columns, self.ts_seen, self.made = rng, {}, {}, 0

    def column(self, nullable=None):
        self.made += 1
        kind = self.rng.choice(KINDS[1:]) if HAS_BATCH else "f64"
        flags = self.rng.randrange(2) if nullable is None else NULLABLE
        if self.rng.random() < 0.3:
            named = NAMED_OF_FLOATS if kind in ("f64", "f32") else NAMED_OF_INTS
            flags |= (1 + (0 if kind == "utf8" else self.rng.choice(named))) << 8
        return "c%d" % self.made, kind, flags

    def take(self, count):
        calls, kinds = [], ("append", "create", "add_column", "rename_column", "rename_table",
                            "drop", "flush", "pack", "cut")
        for kind in self.rng.choices(kinds, (10, 2, 2, 1, 1, 0.7, 2, 2, 1), k=count):
            if not self.columns:
                kind = "create"
            words = getattr(self, kind)(*([] if kind in ("create", "flush") else
                                          [self.rng.choice(list(self.columns))]))
            calls.append((kind, *words))
        return calls

    def create(self):
        self.made += 1
        name = "t%d" % self.made
        self.columns[name] = [self.column() for _ in range(self.rng.randrange(1, 5))]
        self.ts_seen[name] = [0]
        return (name, list(self.columns[name]), self.rng.choice(UNITS),
                self.rng.choice((0, 0, 1, 2)), self.rng.choice((0, 0, 1, 2)))

    def append(self, name):
        rng, columns = self.rng, self.columns[name]
        count = rng.choice((1, 2, 1023, 1024, 1025, rng.randrange(1, 4000), 20000))
        ts = rng.choice(TS_MAKERS)(rng, count)
        if rng.random() < 0.3:
            ts = array("q", rng.choices(self.ts_seen[name], k=count))
        self.ts_seen[name] += ts[:50]
        values = [values_of(rng, kind, count) for _, kind, _ in columns]
        for (_, _, flags), part in zip(columns, values):
            share = rng.choice((0, 0.01, 0.5, 1)) if flags & NULLABLE and HAS_BATCH else 0
            part[:] = [None if rng.random() < share else value for value in part]
        return name, list(columns), ts, values

    def add_column(self, name):
        column = self.column(nullable=True)
        self.columns[name].append(column)
        return name, column

    def rename_column(self, name):
        self.made += 1
        at = self.rng.randrange(len(self.columns[name]))
        old, *rest = self.columns[name][at]
        self.columns[name][at] = ("r%d" % self.made, *rest)
        return name, at, old, "r%d" % self.made

    def rename_table(self, name):
        self.made += 1
        new = "n%d" % self.made
        self.columns[new], self.ts_seen[new] = self.columns.pop(name), self.ts_seen.pop(name)
        return name, new

    def drop(self, name):
        del self.columns[name], self.ts_seen[name]
        return (name,)

    def flush(self):
        return ()

    def pack(self, name):
        return name, self.rng.choice((0, 1000, 5000))

    def cut(self, name):
        return name, self.rng.choice(self.ts_seen[name])


@unittest.skipUnless(LIBRARY.exists(), "%s is not built" % LIBRARY)
class TypedModelTest(unittest.TestCase):
    run_in_child = test_reader.ModelTest.run_in_child
    make_library = TypedLibrary

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def assert_matches(self, path, model, where):
        db = Database(path)
        self.assertEqual(sorted(db.tables), sorted(model.tables), where)
        for name, table in model.tables.items():
            found = db.tables[name]
            columns = [(c.name, KINDS[c.type],
                        c.flags | (0 if c.codec is None else c.codec + 1 << 8))
                       for c in found.columns]
            self.assertEqual((UNITS_OF_FORMAT[found.unit], found.duplicates, found.tier, columns),
                             (table.unit, table.duplicates, table.tier, table.columns),
                             "%s, %s" % (where, name))
            rows, expected = list(found.rows(bits=True)), table.expected()
            self.assertEqual(len(rows), len(expected), "%s, %s" % (where, name))
            for i, pair in enumerate(zip(rows, expected)):
                self.assertEqual(*pair, "%s, %s row %d" % (where, name, i))

    def check_sessions(self, seed, session_count):
        rng = random.Random(seed)
        operations, model = TypedOperations(rng), TypedModel()
        path = Path(self.folder.name) / ("%d.ntt" % seed)
        for session in range(session_count):
            settings = (rng.choice((65536, 1 << 20)), 1 << 20, rng.randrange(3))
            calls, end = operations.take(12), rng.choice(("close", "kill"))
            if end == "kill" and HAS_BATCH:
                calls.append(("flush",))
            self.run_in_child(path, settings, calls, end)
            for name, *words in calls:
                getattr(model, name)(*words)
            where = "seed %d, session %d, %s" % (seed, session, end)
            self.assert_matches(path, model, where)

    def test_reader_typed_random_operations_match_the_model(self):
        print("SEED=%d" % SEED)
        for seed in range(SEED, SEED + 8):
            with self.subTest(seed=seed):
                self.check_sessions(seed, session_count=3)


if __name__ == "__main__":
    unittest.main()
