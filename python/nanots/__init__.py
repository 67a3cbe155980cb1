# SPDX-License-Identifier: AGPL-3.0-or-later
"""nanots - an embeddable storage kernel for time series.

    import nanots

    with nanots.Db("plant.ntt") as db:
        db.append("boiler", 1714521600000, 71.5)
        print(db.query_range("boiler", 0, 2**62))

Times are integers of the table's unit, milliseconds unless it was made otherwise. Where a query or
a Table takes a time it may also be a datetime, a numpy.datetime64, a pandas.Timestamp or ISO text;
without a zone it is UTC. All methods may be called from any thread.

Errors are below nanots.Error, and below ValueError, KeyError, OSError, ... where one would expect
that. Any call on a closed database raises MisuseError.
"""
from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, NoReturn

from . import _core, _frames
from ._core import (
    BusyError,
    CorruptError,
    Error,
    ExistsError,
    InvalidError,
    IoError,
    MisuseError,
    NewerFormatError,
    NoMemoryError,
    NoSpaceError,
    NotADatabaseError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PoisonedError,
    ReadOnlyError,
    TooBigError,
    TypeMismatchError,
)
from ._result import Batch, DamageReport, Result
from ._times import INT64_MAX, Closed, Time, bounds

__all__ = [
    "Batch", "BusyError", "Column", "CorruptError", "DamageReport", "Db", "Error",
    "ExistsError", "Group", "InvalidError", "IoError", "MisuseError", "NewerFormatError",
    "NoMemoryError", "NoSpaceError", "NotADatabaseError", "NotFoundError", "NotSupportedError",
    "PermissionDeniedError", "PoisonedError", "ReadOnlyError", "RepairReport", "Result",
    "Schema", "Table", "TooBigError", "TypeMismatchError", "VerifyReport", "__version__",
    "repair", "verify",
]

__version__: str = _core.version


class Column(NamedTuple):
    """A column of a table."""

    name: str
    type: str
    nullable: bool
    codec: str | None = None  # that it names, of those that nanots.h lists


class Schema(NamedTuple):
    """What a table is made of."""

    time: str
    unit: str
    duplicates: str
    columns: list[Column]
    tier: str


# name, type, nullable, codec
_Column = tuple[str, str, bool, str | None]


def _with_codecs(table: str, columns: list[_Column],
                 codecs: Mapping[str, str] | None) -> list[_Column]:
    wanted = dict(codecs or {})
    found = [(name, kind, nullable, wanted.pop(name, codec))
             for name, kind, nullable, codec in columns]
    if wanted:
        raise InvalidError(f"table \"{table}\": codecs of no column: {', '.join(map(str, wanted))}")
    return found


class VerifyReport(NamedTuple):
    """What was checked, and the sentences of the first 1000 damaged places."""

    tables: int
    segments: int
    rows: int
    bytes: int
    damage: int
    messages: list[str]


class RepairReport(NamedTuple):
    """What was saved of a file and what was lost, as far as is known."""

    tables: int
    rows: int
    rows_lost: int
    values_nulled: int
    segments: int
    segments_hurt: int
    log_rows: int
    superblock_lost: bool
    manifest_lost: bool
    damage: int
    messages: list[str]


class Table(_core.Table):
    """A table, looked up once: the fast way to append rows. It keeps its database open."""

    __slots__ = ("_db",)

    _db: Db

    def __repr__(self) -> str:
        return f"<nanots.Table {self.name!r}>"

    @property
    def schema(self) -> Schema:
        """Its time, unit and columns as they are now."""
        return self._db.schema(self.name)

    def append_columns(self, data: Any, *, time: str | None = None) -> int:
        """See Db.append_columns."""
        return self._db.append_columns(self.name, data, time=time)

    def query(self, start: Time | None = None, end: Time | None = None, *,
              columns: Iterable[str] | None = None, limit: int | None = None,
              reverse: bool = False, closed: Closed = "both",
              skip_damaged: bool = False) -> Result:
        """See Db.query."""
        return self._db.query(self.name, start, end, columns=columns, limit=limit,
                              reverse=reverse, closed=closed, skip_damaged=skip_damaged)


class Group(_core.Group):
    """Appends to any tables that take effect together, or not at all; see Db.batch.

    Nobody sees a row of it before its commit. It belongs to one thread at a time.
    """

    __slots__ = ("_db",)

    _db: Db

    def __repr__(self) -> str:
        return f"<nanots.Group of {self._db!r}>"

    def append_columns(self, table: str | Table, data: Any, *, time: str | None = None) -> None:
        """Adds many rows, given by columns, to `table`, a name or a Table; see Db.append_columns.

        If it fails the batch is as it was before, but for the arrays of a stream that were read.
        """
        name = table.name if isinstance(table, Table) else table
        _frames.append(self._db, name, data, time, False, self)


class Db(_core.Db):
    """An open file of many tables.

    path              made if there is no such file, unless `create` is false or `read_only` true
    retention_ms      age that compact_retention_now and the upkeep cut at; None: keep all
    auto_maintenance  a thread that syncs, flushes, merges and cuts: None or False: none; True, or
                      a dict of check_interval_ms, retention_check_interval_ms, wal_target_ratio,
                      wal_min_bytes, target_segment_points, max_writes_per_sec,
                      write_load_window_ms, min_idle_time_ms, max_segments_per_pack
    sync              "normal": rows survive the death of the process at once, and power loss after
                      sync_interval_ms (0: one second); "full": power loss at once; "off"
    max_bytes         size that the file is kept within: before it grows over that, the segments
                      whose last row is oldest go, of whatever tables; None: any size

    The file and its lock are released by close(), at the end of a with block, or with the last of
    the Db and the tables, batches and results that came from it.

    BusyError: open for writing elsewhere. NotFoundError, NotADatabaseError, NewerFormatError,
    CorruptError, PermissionDeniedError, IoError.
    """

    __slots__ = ("__weakref__", "_path")

    _path: str | bytes

    def __init__(self, path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
                 retention_ms: int | None = None,
                 auto_maintenance: bool | dict[str, Any] | None = None, *,
                 read_only: bool = False, create: bool = True,
                 sync: Literal["normal", "full", "off"] = "normal",
                 sync_interval_ms: int = 0,
                 max_bytes: int | None = None) -> None:
        super().__init__(path, retention_ms, auto_maintenance, read_only=read_only, create=create,
                         sync=sync, sync_interval_ms=sync_interval_ms, max_bytes=max_bytes)
        self._path = os.fspath(path)
        _open.add(self)

    def __repr__(self) -> str:
        return f"<nanots.Db {getattr(self, '_path', None)!r}{', closed' if self.closed else ''}>"

    # ---- tables ---------------------------------------------------------------------------------

    def create_table(self, table: str, columns: Iterable[str], *, unit: str = "ms",
                     duplicates: str = "all", tier: str = "auto",
                     codecs: Mapping[str, str] | None = None) -> None:
        """Makes `table` with f64 columns of these names.

        unit        of its times, "s", "ms", "us" or "ns"
        duplicates  which rows of equal time a query gives, "all", "last" or "first"
        tier        "hot": stored for speed; "packed": for size; "auto": first so, then so
        codecs      {column: codec}, such as "raw", for who knows better than the choice by size;
                    values that a codec cannot hold are stored as without

        ExistsError; InvalidError for names that cannot be.
        """
        if isinstance(columns, str):
            raise TypeMismatchError(f"table \"{table}\": expected a list of names, got a str")
        rows: list[_Column] = [(name, "f64", False, None) for name in columns]
        self._create_table(table, _with_codecs(table, rows, codecs), unit, duplicates, tier)

    def create_table_typed(self, table: str,
                           columns: Iterable[tuple[str, str] | tuple[str, str, str] | Column], *,
                           unit: str = "ms", duplicates: str = "all", tier: str = "auto",
                           codecs: Mapping[str, str] | None = None) -> None:
        """Makes `table` with columns (name, type): f64, f32, i64, i32, bool or utf8.

        A codec may follow: (name, type, codec). They may be null; a Column says otherwise, as does
        a third element that is false. Otherwise as create_table.
        """
        rows: list[_Column] = []
        for column in columns:
            if not isinstance(column, (tuple, list)) or len(column) not in (2, 3, 4):
                raise TypeMismatchError(
                    f"table \"{table}\": expected (name, type) for a column, got {column!r}")
            rest = list(column[2:])
            nullable = bool(rest.pop(0)) if rest and not isinstance(rest[0], str) else True
            rows.append((column[0], column[1], nullable, rest[0] if rest else None))  # type: ignore
        self._create_table(table, _with_codecs(table, rows, codecs), unit, duplicates, tier)

    def table_schema(self, table: str) -> list[tuple[str, str] | tuple[str, str, str]]:
        """[(name, type), ...] of the value columns, as create_table_typed takes them: those that
        name a codec with it."""
        return [(name, kind) if codec is None else (name, kind, codec)
                for name, kind, _, codec in self._schema(table)[4]]

    def schema(self, table: str) -> Schema:
        """All there is to know about the columns of `table`."""
        time, unit, duplicates, tier, columns = self._schema(table)
        return Schema(time, unit, duplicates, [Column(*column) for column in columns], tier)

    def table(self, table: str) -> Table:
        """A handle for fast appends. NotFoundError names the nearest table."""
        handle = self._table(table, Table)
        handle._db = self
        return handle

    # ---- append ---------------------------------------------------------------------------------

    def append_columns(self, table: str, data: Any, *, time: str | None = None,
                       create: bool = False) -> int:
        """Appends many rows, given by columns, and returns the last one's number.

        data    a mapping of names to NumPy arrays, other buffers, pandas, Polars or Arrow columns,
                or lists; a pandas or Polars DataFrame; whatever has __arrow_c_stream__ or
                __arrow_c_array__
        time    name of the time column; else the first of ts, ts_ms, ts_s, ts_us, ts_ns, time and
                timestamp, or a DatetimeIndex. Integers count in the unit of the name or the table.
        create  make the table if it is absent

        Memory of the right type is not copied. Each column takes its own type and what that holds
        exactly: TypeMismatchError otherwise. One call is one atomic unit; of a stream, each array.
        """
        return _frames.append(self, table, data, time, create)

    def batch(self) -> Group:
        """A group of appends that take effect together at the end of a with block.

        If the block ends in an exception none of them does.
        """
        group = self._batch(Group)
        group._db = self
        return group

    # ---- query ----------------------------------------------------------------------------------

    def query(self, table: str, start: Time | None = None, end: Time | None = None, *,
              columns: Iterable[str] | None = None, limit: int | None = None,
              reverse: bool = False, closed: Closed = "both",
              skip_damaged: bool = False) -> Result:
        """Rows of `table` from `start` to `end`, read when the result is used.

        columns  names of the value columns wanted, in this order; None: all; []: only the time
        limit    at most so many rows
        reverse  newest first
        closed   which ends belong to the range: "both", "left", "right" or "neither"
        skip_damaged  leave out what cannot be read, instead of raising CorruptError; damage() of
                 the result tells what that is
        """
        time, unit, _, _, _ = self._schema(table)
        first, last = bounds(start, end, closed, unit)
        if limit is not None and (not hasattr(type(limit), "__index__") or limit < 0):
            raise InvalidError(f"limit: expected None or an int >= 0, got {limit!r}")
        if limit == 0:
            first, last = 1, 0
        if isinstance(columns, str):
            raise TypeMismatchError("columns: expected a list of names, got a str")
        names = None if columns is None else [name for name in columns if name != time]
        rows = min(limit or 0, INT64_MAX)
        return Result(self, (table, first, last, names, rows, reverse, False, skip_damaged))

    # ---- looking inside -------------------------------------------------------------------------

    def stats(self, table: str) -> dict[str, Any]:
        """Rows, segments, sizes in bytes and compression ratios of `table` and its columns; which
        codec stores how many vectors and bytes, by column and tier."""
        import json
        found: dict[str, Any] = json.loads(self._stats_json(table))
        return found

    def diagnose(self) -> dict[str, Any]:
        """State of the file: sizes of log and data in bytes, rows not flushed, recovery, ..."""
        import json
        found: dict[str, Any] = json.loads(self._diagnose_json())
        return found

    def verify(self) -> VerifyReport:
        """Reads and checks everything; damage is reported, not raised."""
        return VerifyReport(*self._verify())

    def maintain(self, max_ms: int = 0, max_rewrite_bytes: int = 0) -> dict[str, int | bool]:
        """Does the upkeep that is due, within a budget (0: no limit), and says what it did."""
        if max_ms < 0 or max_rewrite_bytes < 0:
            raise InvalidError("maintain: a budget is an int >= 0")
        return self._maintain(min(max_ms, INT64_MAX), min(max_rewrite_bytes, INT64_MAX))

    # ---- SQL ------------------------------------------------------------------------------------

    def execute_sql(self, sql: str) -> NoReturn:
        """Comes with a later release: NotSupportedError."""
        _no_sql()

    def query_sql_arrow_stream_capsule(self, sql: str) -> NoReturn:
        """Comes with a later release: NotSupportedError."""
        _no_sql()

    def query_sql_to_pandas(self, sql: str) -> NoReturn:
        """Comes with a later release: NotSupportedError."""
        _no_sql()

    def query_sql_to_polars(self, sql: str) -> NoReturn:
        """Comes with a later release: NotSupportedError."""
        _no_sql()

    def query_sql_async(self, sql: str) -> NoReturn:
        """Comes with a later release: NotSupportedError."""
        _no_sql()


def verify(path: str | os.PathLike[str]) -> VerifyReport:
    """Opens the file at `path` for reading and checks all of it."""
    with Db(path, read_only=True) as db:
        return db.verify()


def repair(source: str | os.PathLike[str], target: str | os.PathLike[str], *,
           replace: bool = False, null_lost: bool = False) -> RepairReport:
    """Writes all that can be read of the file `source`, which stays, to the new file `target`.

    replace    write over a file that is there
    null_lost  keep rows of which only values that may be null are lost
    NotADatabaseError if nothing of a NanoTS file was found; ExistsError; IoError.
    """
    return RepairReport(*_core.repair(source, target, replace, null_lost))


def _no_sql() -> NoReturn:
    raise NotSupportedError("SQL comes with a later release of nanots")


# What is still open when Python ends is closed in order, while threads can still end.
_open: weakref.WeakSet[Db] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for db in list(_open):
        try:
            db.close()
        except Error:
            pass  # every row whose append returned is in the file all the same
