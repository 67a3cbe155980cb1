#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""bench/python_bench.py - what the Python package costs beside the C interface and bare Python.

    .venv/bin/python bench/python_bench.py [--rows N] [--runs N] [--cpu]    after `make`

Each figure is a ratio of two times of one run, and what is printed is the median over the runs,
with the smallest and the largest: what slows the machine for a while slows both sides. --cpu takes
processor time for all of them, for machines with other work on them; pandas.read_parquet is then
told to use one thread, as ours does. Rates of rows are of processor time always. The C side is
libnanots.so of build/lib, called through ctypes: a call for each batch, none for a row.
"""
import argparse
import ctypes
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import pandas
import pyarrow
import pyarrow.parquet

import nanots

ROOT = Path(__file__).resolve().parents[1]
ALL = (-2**63, 2**63 - 1)


class Query(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("flags", ctypes.c_uint32),
                ("from_", ctypes.c_int64), ("to", ctypes.c_int64), ("columns", ctypes.c_void_p),
                ("column_count", ctypes.c_size_t), ("limit", ctypes.c_uint64)]


class BatchColumn(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("values", ctypes.c_void_p),
                ("validity", ctypes.c_void_p), ("offsets", ctypes.c_void_p)]


class Batch(ctypes.Structure):
    _fields_ = [("row_count", ctypes.c_size_t), ("ts", ctypes.c_void_p),
                ("column_count", ctypes.c_size_t), ("columns", ctypes.POINTER(BatchColumn))]


class CDb:
    """The C interface on one file."""

    library = ctypes.CDLL(str(ROOT / "build/lib/libnanots.so"))

    def __init__(self, path: Path):
        self.handle = ctypes.c_void_p()
        self.call("nanots_open", str(path).encode(), None, ctypes.byref(self.handle))

    def call(self, name: str, *arguments: object) -> None:
        if getattr(self.library, name)(*arguments, None) != 0:
            raise RuntimeError(name)

    def close(self) -> None:
        self.call("nanots_close", self.handle)

    def batches(self, table: str) -> Iterator[Batch]:
        cursor, batch = ctypes.c_void_p(), ctypes.POINTER(Batch)()
        self.call("nanots_query_open", self.handle, table.encode(), None, ctypes.byref(cursor))
        while True:
            self.call("nanots_query_next", cursor, ctypes.byref(batch))
            if not batch:
                break
            yield batch.contents
        self.library.nanots_query_close(cursor)

    def scan(self, table: str) -> None:
        """A cursor that is only run through: each batch takes the memory of the one before."""
        for _ in self.batches(table):
            pass

    def keep(self, table: str, ts: numpy.ndarray, values: numpy.ndarray) -> None:
        """The same, with all rows of one column kept in arrays."""
        at = 0
        for batch in self.batches(table):
            size = 8 * batch.row_count
            ctypes.memmove(ts.ctypes.data + at, batch.ts, size)
            ctypes.memmove(values.ctypes.data + at, batch.columns[0].values, size)
            at += size

    def whole(self, table: str) -> None:
        """nanots_query_range: the rows as arrays, all at once."""
        series = (ctypes.c_void_p * 4)()
        self.call("nanots_query_range", self.handle, table.encode(), ctypes.c_int64(ALL[0]),
                  ctypes.c_int64(ALL[1]), series)
        self.library.nanots_free(ctypes.c_void_p(series[3]))

    def append_columns(self, table: str, ts: numpy.ndarray, columns: list[numpy.ndarray]) -> None:
        pointers = (ctypes.c_void_p * len(columns))(*[c.ctypes.data for c in columns])
        self.call("nanots_append_columns", self.handle, table.encode(),
                  ctypes.c_void_p(ts.ctypes.data), pointers, ctypes.c_size_t(len(ts)),
                  ctypes.c_size_t(len(columns)), None)


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    gc.collect()
    begin = clock()
    result = work()
    taken = clock() - begin
    del result
    return taken


class Bench:
    def __init__(self, folder: Path, rows: int, runs: int, cpu: bool):
        self.folder, self.rows, self.runs, self.cpu = folder, rows, runs, cpu
        self.clock = time.process_time if cpu else time.perf_counter
        generator = numpy.random.default_rng(1)
        self.ts = numpy.arange(rows, dtype="i8") * 10_000 + generator.integers(0, 20, rows)
        self.values = numpy.cumsum(generator.normal(size=rows)).round(2)
        self.others = numpy.cumsum(generator.normal(size=rows)).round(2)

    def report(self, name: str, figures: list[float], unit: str, goal: float | None,
               more: bool) -> None:
        """With a goal, or none: a figure that explains another."""
        median = statistics.median(figures)
        verdict = ""
        if goal is not None:
            is_met = median >= goal if more else median <= goal
            verdict = f"   goal {'>=' if more else '<='} {goal:g}: {'met' if is_met else 'missed'}"
        print(f"{name:<64}{median:>8.2f} {unit:<4} ({min(figures):.2f} .. {max(figures):.2f})"
              + verdict, flush=True)

    def ratio(self, name: str, work: Callable[[], object], base: Callable[[], object],
              goal: float | None, inverse: bool = False) -> None:
        """Time of `work` in times of `base`; the other way round if `inverse`: more is good."""
        work(), base()
        figures = []
        for _ in range(self.runs):
            quotient = seconds(work, self.clock) / seconds(base, self.clock)
            figures.append(1 / quotient if inverse else quotient)
        self.report(name, figures, "x", goal, inverse)

    def rate(self, name: str, append: Callable[[int], object], goal: float) -> None:
        """Rows a second of processor time, flushes included."""
        count = 200_000
        figures = []
        for run in range(self.runs + 1):
            times = range(run * count, (run + 1) * count)
            begin = time.process_time()
            for ts in times:
                append(ts)
            figures.append(count / (time.process_time() - begin) / 1e6)
        self.report(name, figures[1:], "M/s", goal, True)

    def rows_in(self) -> None:
        with nanots.Db(self.folder / "rows.ntt") as db:
            db.create_table("row", ["value"])
            row = [71.5]
            self.rate("append_row, 1 column", lambda ts: db.append_row("row", ts, row), 2)
            append = db.table("row").append
            self.rate("table.append, 1 column", lambda ts: append(ts, 71.5), 4)

    def columns_in(self) -> None:
        path, names = self.folder / "columns.ntt", ["a", "b"]

        def fresh(opened: Callable[[Path], nanots.Db | CDb]) -> nanots.Db | CDb:
            path.unlink(missing_ok=True)
            with nanots.Db(path) as db:
                db.create_table("t", names)
            return opened(path)

        def time_of(opened: Callable[[Path], nanots.Db | CDb],
                    append: Callable[[nanots.Db | CDb], object]) -> float:
            db = fresh(opened)
            taken = seconds(lambda: append(db), self.clock)
            db.close()
            return taken

        columns = {"ts_ms": self.ts, "a": self.values, "b": self.others}
        figures = []
        for _ in range(self.runs + 1):
            python = time_of(nanots.Db, lambda db: db.append_columns("t", columns))
            c = time_of(CDb, lambda db: db.append_columns("t", self.ts, [self.values, self.others]))
            figures.append(python / c)
        self.report("append_columns of NumPy, in times of C", figures[1:], "x", 1.2, False)

    def lists_out(self) -> None:
        with nanots.Db(self.folder / "lists.ntt") as db:
            db.create_table("t", ["a"])
            ts, values = self.ts[:100_000], self.values[:100_000]
            db.append_columns("t", {"ts_ms": ts, "a": values})
            db.flush()
            self.ratio("query_table_range_columns, 100k rows, bare lists",
                       lambda: db.query_table_range_columns("t", *ALL),
                       lambda: (ts.tolist(), values.tolist()), 1.6)

    @staticmethod
    def first_capsules(path: Path) -> None:
        """Into memory that nobody has touched."""
        with nanots.Db(path, read_only=True) as db:
            db.query_table_range_arrow_capsules("one", *ALL)

    def arrow_out(self) -> None:
        path = self.folder / "arrow.ntt"
        with nanots.Db(path) as db:
            db.create_table("one", ["value"])
            db.append_columns("one", {"ts_ms": self.ts, "value": self.values})
            db.create_table("two", ["a", "b"])
            db.append_columns("two", {"ts_ms": self.ts, "a": self.values, "b": self.others})
        with nanots.Db(path, read_only=True) as db:
            c = CDb(path)
            capsules = db.query_table_range_arrow_capsules
            take = pyarrow.lib.RecordBatch._import_from_c_capsule
            self.ratio("Arrow capsules, classic lists in times of them",
                       lambda: take(*capsules("one", *ALL)),
                       lambda: db.query_table_range_columns("one", *ALL), 6, inverse=True)
            self.ratio("Arrow capsules, in times of C's scan (cursor)",
                       lambda: take(*capsules("one", *ALL)), lambda: c.scan("one"), 1.2)
            self.ratio("Arrow capsules, in times of C's scan (arrays)",
                       lambda: take(*capsules("one", *ALL)), lambda: c.whole("one"), 1.2)
            kept = numpy.zeros_like(self.ts), numpy.zeros_like(self.values)
            self.ratio("Arrow capsules, in times of C's scan kept in arrays used before",
                       lambda: take(*capsules("one", *ALL)), lambda: c.keep("one", *kept), 1.2)
            self.ratio("C's scan kept in fresh arrays, in times of the scan",
                       lambda: c.keep("one", numpy.empty_like(self.ts),
                                      numpy.empty_like(self.values)),
                       lambda: c.scan("one"), None)
            self.ratio("Arrow capsules of a file just opened, in times of C's scan",
                       lambda: self.first_capsules(path), lambda: c.scan("one"), None)
            self.ratio("to_arrow, in times of C's scan (cursor)",
                       lambda: db.query("one").to_arrow(), lambda: c.scan("one"), 1.2)
            parquet = self.folder / "two.parquet"
            frame = db.query("two").to_pandas()
            frame.to_parquet(parquet)
            del frame
            self.ratio("to_pandas, 2 columns, in times of pandas.read_parquet",
                       lambda: db.query("two").to_pandas(),
                       lambda: pandas.read_parquet(parquet, use_threads=not self.cpu), 1)
            c.close()

    def importing(self) -> None:
        program = """if True:
            import sys, time
            begin = time.CLOCK()
            import nanots
            print(1000 * (time.CLOCK() - begin))
            assert not {"numpy", "pandas", "pyarrow"} & set(sys.modules)"""
        program = program.replace("CLOCK", "process_time" if self.cpu else "perf_counter")
        figures = [float(subprocess.run([sys.executable, "-c", program], capture_output=True,
                                        text=True, check=True).stdout) for _ in range(self.runs)]
        self.report("import nanots", figures, "ms", 30, False)

    def run(self) -> None:
        self.importing()
        self.rows_in()
        self.lists_out()
        self.columns_in()
        self.arrow_out()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        Bench(Path(folder), options.rows, options.runs, options.cpu).run()


if __name__ == "__main__":
    main()
