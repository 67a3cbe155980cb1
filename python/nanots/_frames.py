# SPDX-License-Identifier: AGPL-3.0-or-later
"""nanots/_frames.py - columns of whatever kind, as the extension takes them.

    mapping, DataFrame, structured array --> [(name, kind, data, hint), ...]   --> _append_frame
    __arrow_c_stream__                   --> a capsule                         --> _append_stream
    __arrow_c_array__                    --> two capsules                      --> append_rows_...

Kinds: "buffer", memory that is read where it lies, "arrow", capsules, and "values", a list that is
converted. Nothing is imported here: who has a frame has imported its library.
"""
from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from . import _core
from ._times import exact

Column: TypeAlias = tuple[str, str, Any, str | None]

TIME_NAMES = ("ts", "ts_ms", "ts_s", "ts_us", "ts_ns", "time", "timestamp")
_WORDS = {bool: "bool", int: "i64", float: "f64", str: "utf8"}
_UNITS = {"ts_s": "s", "ts_us": "us", "ts_ns": "ns"}
_FORMATS = {"s": "tss:UTC", "ms": "tsm:UTC", "us": "tsu:UTC", "ns": "tsn:UTC"}


class Target:
    """The table that columns are meant for; looked at only where that matters."""

    def __init__(self, db: _core.Db, table: str, create: bool):
        self.db, self.table, self.create = db, table, create
        self.unit = ""
        self.types: dict[str, str] = {}

    def load(self) -> None:
        if self.unit:
            return
        self.unit = "ms"
        try:
            _, self.unit, _, _, columns = self.db._schema(self.table)
        except _core.NotFoundError:
            if not self.create:
                raise
            return
        self.types = {name: kind for name, kind, _, _ in columns}

    def word(self, name: str, values: list[Any]) -> str:
        """The type of a column: the table's, or that of the first value of a new one."""
        self.load()
        if name in self.types:
            return self.types[name]
        first = next((value for value in values if value is not None), 0.0)
        return _WORDS.get(type(first), "f64")


def _module_of(value: object) -> str:
    return type(value).__module__.partition(".")[0]


def _datetimes(name: str, values: Any) -> Column:
    """A NumPy array of datetime64: as timestamps in its own unit, or in seconds."""
    numpy = sys.modules["numpy"]
    if numpy.isnat(values).any():
        row = int(numpy.isnat(values).argmax())
        raise _core.InvalidError(f"column \"{name}\", row {row}: NaT is no time")
    unit, count = numpy.datetime_data(values.dtype)
    if unit not in _FORMATS or count != 1:
        unit = unit if unit in _FORMATS else "s"
        values = values.astype(f"M8[{unit}]")
    return name, "buffer", values.view("i8"), _FORMATS[unit]


def _numpy(name: str, values: Any, target: Target) -> Column:
    if hasattr(values, "mask"):  # a masked array
        return _values(name, values.tolist(), target)
    if values.dtype.kind == "M":
        return _datetimes(name, values)
    if values.dtype.kind in "OUST":
        return _values(name, values.tolist(), target)
    return name, "buffer", values, None


def _pandas(name: str, values: Any, target: Target) -> Column:
    """A Series, or an index: what is NumPy's inside goes as that; the rest goes by values."""
    if _module_of(values.dtype) == "numpy":
        return _numpy(name, values.to_numpy(), target)
    if type(values.dtype).__name__ == "DatetimeTZDtype":
        return _datetimes(name, values.to_numpy(f"M8[{values.dtype.unit}]"))
    objects = values.astype(object)
    return _values(name, objects.where(values.notna(), None).tolist(), target)


def _times(name: str, values: list[Any], target: Target) -> Column:
    """A list of times of any kind, in the table's unit."""
    target.load()
    unit = _UNITS.get(name, target.unit)
    return name, "buffer", array("q", [exact(value, unit) for value in values]), _FORMATS[unit]


def _values(name: str, values: list[Any], target: Target) -> Column:
    if name in TIME_NAMES:
        target.load()
        if name not in target.types:
            return _times(name, values, target)
    return name, "values", values, target.word(name, values)


def _arrow(name: str, values: Any) -> Column:
    """One array; what is in chunks is joined first."""
    for join in ("combine_chunks", "rechunk"):
        if hasattr(values, join):
            values = getattr(values, join)()
    if hasattr(values, "__arrow_c_array__"):
        return name, "arrow", values.__arrow_c_array__(), None
    return name, "arrow", _core.one_array(values.__arrow_c_stream__()), None


def _column(name: object, values: Any, target: Target) -> Column:
    if not isinstance(name, str):
        raise _core.TypeMismatchError(
            f"table \"{target.table}\": expected a str as the name of a column, got {name!r}")
    if _module_of(values) == "pandas":
        return _pandas(name, values, target)
    if _module_of(values) == "numpy" and hasattr(values, "dtype"):
        return _numpy(name, values, target)
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        return _arrow(name, values)
    if isinstance(values, (list, tuple, range)):
        return _values(name, list(values), target)
    return name, "buffer", values, None


def _of_pandas(frame: Any, target: Target) -> list[Column]:
    """The columns of a DataFrame, and its index if that is the time."""
    columns = [_column(name, frame[name], target) for name in frame.columns]
    if type(frame.index).__name__ == "DatetimeIndex" and \
            not any(name in TIME_NAMES for name in frame.columns):
        columns.insert(0, _pandas("time", frame.index.to_series(), target))
    return columns


def columns_of(data: Any, target: Target) -> list[Column] | None:
    """The columns of `data`, or None if it is a stream or an array of Arrow's."""
    if _module_of(data) == "pandas" and hasattr(data, "columns"):
        return _of_pandas(data, target)
    if isinstance(data, Mapping):
        return [_column(name, values, target) for name, values in data.items()]
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        return None
    names = getattr(getattr(data, "dtype", None), "names", None)
    if names:
        return [_column(name, data[name], target) for name in names]
    raise _core.TypeMismatchError(
        f"table \"{target.table}\": expected a mapping of columns, a DataFrame or Arrow data, "
        f"got {type(data).__name__}")


def append(db: _core.Db, table: str, data: Any, time: str | None, create: bool,
           group: _core.Group | None = None) -> int:
    """Appends `data`, as part of `group` if there is one; the last row's number."""
    columns = columns_of(data, Target(db, table, create))
    if columns is not None:
        return db._append_frame(table, columns, time, create, group)
    stream: Callable[[], object] | None = getattr(data, "__arrow_c_stream__", None)
    if stream is not None:
        return db._append_stream(table, stream(), time, create, group)
    schema, rows = data.__arrow_c_array__()
    return db._append_arrays(table, schema, rows, time, create, group)
