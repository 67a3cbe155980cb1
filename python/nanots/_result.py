# SPDX-License-Identifier: AGPL-3.0-or-later
"""nanots/_result.py - what a query gives: a description that is read when it is asked for.

    Result --each of these is a scan of its own-->  __arrow_c_stream__   chunks, not copied
                                                    iteration            Batch by Batch
                                                    to_numpy, ...        the whole, in one piece

The time is timestamp[unit, UTC] in Arrow, pandas and Polars, and datetime64[unit] in NumPy, which
has no zones. NumPy, pandas, pyarrow and Polars are imported by the methods named after them only.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from . import _core

if TYPE_CHECKING:
    import numpy
    import pandas
    import polars
    import pyarrow

    from . import Db

Request: TypeAlias = tuple[str, int | None, int | None, list[str] | None, int, bool, bool, bool]

_DTYPES = {"g": "f8", "f": "f4", "l": "i8", "i": "i4"}


def _bits(buffer: _core.Buffer, count: int) -> numpy.ndarray[Any, Any]:
    """The first `count` bits of a buffer as booleans."""
    import numpy
    packed = numpy.frombuffer(memoryview(buffer), "u1")
    return numpy.unpackbits(packed, count=count, bitorder="little").view("?")


class _Column:
    """A column of a batch in NumPy's terms: `values`, and `mask`, true where null, or None."""

    def __init__(self, raw: _core.Batch, index: int):
        import numpy
        self.name, self.format, null_count, validity, values, _ = raw.buffers(index)
        count = len(raw)
        self.mask: numpy.ndarray[Any, Any] | None = None
        if null_count and validity is not None:
            self.mask = ~_bits(validity, count)
        if self.format == "u":
            self.values = numpy.empty(count, object)
            self.values[:] = raw.values(index)
        elif values is None or count == 0:
            self.values = numpy.empty(0, self.dtype())
        elif self.format == "b":
            self.values = _bits(values, count)
        else:
            self.values = numpy.frombuffer(memoryview(values), self.dtype(), count)

    def dtype(self) -> str:
        if self.format.startswith("ts"):
            unit = {"s": "s", "m": "ms", "u": "us", "n": "ns"}[self.format[2]]
            return f"M8[{unit}]"
        return _DTYPES.get(self.format, "?")

    def with_nan(self) -> numpy.ndarray[Any, Any]:
        """A float column whose nulls are NaN; a copy only if it has some."""
        if self.mask is None:
            return self.values
        values = self.values.copy()
        values[self.mask] = float("nan")
        return values

    def to_numpy(self) -> numpy.ndarray[Any, Any]:
        import numpy
        if self.format in ("g", "f"):
            return self.with_nan()
        if self.mask is None or self.format == "u":
            return self.values
        return numpy.ma.MaskedArray(self.values, self.mask)

    def to_pandas(self) -> Any:
        import pandas
        if self.format.startswith("ts"):
            unit = self.dtype()[3:-1]
            return pandas.array(self.values, dtype=pandas.DatetimeTZDtype(unit, "UTC"), copy=False)
        if self.format == "u":
            return pandas.array(self.values, dtype="str")
        if self.format in ("g", "f") or self.mask is None:
            return self.with_nan()
        kind = pandas.arrays.BooleanArray if self.format == "b" else pandas.arrays.IntegerArray
        return kind(self.values.copy(), self.mask)


class Batch:
    """Some rows in memory, read-only; it may outlive the database.

    Arrow libraries take it as it is, without a copy: ``pyarrow.record_batch(batch)``.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: _core.Batch):
        self._raw = raw

    def __len__(self) -> int:
        return len(self._raw)

    def __repr__(self) -> str:
        return f"<nanots.Batch of {len(self)} rows: {', '.join(self.column_names)}>"

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, that of the time first."""
        return [self._raw.buffers(i)[0] for i in range(self._raw.column_count)]

    def __arrow_c_schema__(self) -> object:
        return self._raw.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        return self._raw.__arrow_c_array__(requested_schema)

    def _columns(self) -> list[_Column]:
        return [_Column(self._raw, i) for i in range(self._raw.column_count)]

    def to_numpy(self) -> dict[str, numpy.ndarray[Any, Any]]:
        """Columns by name: the memory of the batch itself, read-only, where types allow.

        Copied are booleans and text (objects), and floats with nulls, which become NaN. Other
        columns with nulls are masked arrays.
        """
        return {column.name: column.to_numpy() for column in self._columns()}

    def to_arrow(self) -> pyarrow.RecordBatch:
        """The same memory as a pyarrow.RecordBatch."""
        import pyarrow
        return pyarrow.record_batch(self)

    def to_pandas(self) -> pandas.DataFrame:
        """A DataFrame; the time is a column. Nulls are NaN, or pandas.NA in integers and bools."""
        import pandas
        columns = {column.name: column.to_pandas() for column in self._columns()}
        return pandas.DataFrame(columns, copy=False)

    def to_polars(self) -> polars.DataFrame:
        """A polars.DataFrame."""
        import polars
        return polars.DataFrame(self)


class DamageReport(NamedTuple):
    """What was left out of a query with skip_damaged, and the first place that it met.

    All the rows left out, `rows` at most, have times from `start` to `end`, in the table's unit.
    `column` is None where a segment cannot be read at all; `message` is the sentence with which
    the query fails otherwise. Without any damage `places` is 0 and the rest means nothing.
    """

    places: int
    rows: int
    start: int
    end: int
    table: str | None
    column: str | None
    segment: int
    row_group: int
    offset: int
    message: str


class Result:
    """Rows of a table, not read yet: each use reads them anew, as they are then.

    Whatever knows Arrow's protocol takes it as it is: ``pyarrow.table(result)``,
    ``polars.DataFrame(result)``, ``duckdb.sql("select * from result")``.
    It keeps its database open.
    """

    __slots__ = ("_db", "_request")

    def __init__(self, db: Db, request: Request):
        self._db = db
        self._request = request

    def __repr__(self) -> str:
        table, start, end = self._request[:3]
        return f"<nanots.Result of {table!r} from {start} to {end}>"

    def __arrow_c_schema__(self) -> object:
        """The columns as an Arrow schema, in a capsule."""
        return self._db._table_capsule(*self._request)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A fresh scan as an Arrow stream, in a capsule.

        Of a requested schema is honoured what is exact: time as int64 or in a finer unit, wider
        integers and floats, large strings. Other wishes are left to the consumer, as the protocol
        has it.
        """
        return self._db._query_stream(self._request, requested_schema)

    def __iter__(self) -> Iterator[Batch]:
        """Batches of at most 65,536 rows; memory is bounded by one of them."""
        for raw in self._db._query_batches(*self._request):
            yield Batch(raw)

    def read(self) -> Batch:
        """All rows in one piece."""
        return Batch(self._db._query_whole(*self._request))

    def damage(self) -> DamageReport:
        """Reads all of it once, and tells what skip_damaged leaves out."""
        return DamageReport(*self._db._query_damage(*self._request))

    def to_numpy(self) -> dict[str, numpy.ndarray[Any, Any]]:
        """Columns by name, each one array; see Batch.to_numpy."""
        return self.read().to_numpy()

    def to_arrow(self) -> pyarrow.Table:
        """A pyarrow.Table, in one piece; in many if its text is more than 2 GiB."""
        import pyarrow
        try:
            return pyarrow.Table.from_batches([self.read().to_arrow()])
        except _core.TooBigError:
            return pyarrow.Table.from_batches([batch.to_arrow() for batch in self])

    def to_pandas(self) -> pandas.DataFrame:
        """A DataFrame; see Batch.to_pandas."""
        return self.read().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """A polars.DataFrame, in one piece; in many if its text is more than 2 GiB."""
        import polars
        try:
            return self.read().to_polars()
        except _core.TooBigError:
            return polars.concat([batch.to_polars() for batch in self])
