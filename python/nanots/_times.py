# SPDX-License-Identifier: AGPL-3.0-or-later
"""nanots/_times.py - times of people and libraries as integers of a table, exactly.

    int                      steps of the table's unit since 1970, as they are
    datetime, pandas.Timestamp, numpy.datetime64, date, ISO 8601 text

A time without a zone is UTC. Everything goes through integers: no float, no rounding that is not
asked for. NumPy and pandas are not imported: who has such a time has imported them.
"""
from __future__ import annotations

import sys
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Literal, TypeAlias, Union

from . import _core

if TYPE_CHECKING:
    import numpy

Time: TypeAlias = Union[int, str, date, datetime, "numpy.datetime64", "numpy.integer"]
Closed: TypeAlias = Literal["both", "left", "right", "neither"]

NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _type_error(value: object) -> _core.TypeMismatchError:
    return _core.TypeMismatchError(
        "time: expected int, datetime, numpy.datetime64, pandas.Timestamp or ISO 8601 text, "
        f"got {type(value).__name__}")


def _from_datetime(value: datetime) -> int:
    """A Timestamp is a datetime that has nanoseconds too."""
    if value != value:
        raise _core.InvalidError("time: NaT is no time")
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    nanosecond: int = getattr(value, "nanosecond", 0)
    delta = value - _EPOCH
    seconds = delta.days * 86400 + delta.seconds
    return seconds * 10**9 + delta.microseconds * 1000 + nanosecond


def _from_text(text: str) -> int:
    """datetime reads all of ISO 8601 but digits behind the microseconds."""
    import re

    more = 0
    found = re.fullmatch(r"(.*[.,]\d{6})(\d{1,3})(\D.*)?", text.strip())
    if found:
        text = found[1] + (found[3] or "")
        more = int(found[2].ljust(3, "0"))
    try:
        return _from_datetime(datetime.fromisoformat(text.strip())) + more
    except ValueError:
        raise _core.InvalidError(f"time: {text!r} is no ISO 8601 time") from None


def _from_datetime64(value: numpy.datetime64) -> int:
    numpy = sys.modules["numpy"]
    if numpy.isnat(value):
        raise _core.InvalidError("time: NaT is no time")
    unit, count = numpy.datetime_data(value.dtype)
    if unit in NANOSECONDS:
        return int(value.astype("int64")) * int(count) * NANOSECONDS[unit]
    if unit in ("ps", "fs", "as"):
        raise _core.InvalidError(f"time: {value} has digits behind the nanoseconds")
    return int(value.astype("datetime64[s]").astype("int64")) * 10**9


def _nanoseconds(value: object) -> int:
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, date):
        return _from_datetime(datetime(value.year, value.month, value.day))
    if type(value).__name__ == "datetime64" and "numpy" in sys.modules:
        return _from_datetime64(value)  # type: ignore[arg-type]
    raise _type_error(value)


def _as_int(value: object) -> int | None:
    """The number that `value` is, if it is one."""
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        return None
    return int(value.__index__())  # type: ignore[attr-defined]


def exact(value: object, unit: str) -> int:
    """`value` in `unit`; InvalidError if it lies between two steps."""
    number = _as_int(value)
    if number is None:
        number, rest = divmod(_nanoseconds(value), NANOSECONDS[unit])
        if rest:
            raise _core.InvalidError(f"time: {value} is no whole number of {unit}")
    if not INT64_MIN <= number <= INT64_MAX:
        raise _core.InvalidError(f"time: {value} is outside the range of int64")
    return number


def _split(value: object, unit: str) -> tuple[int, bool]:
    """The step of `unit` at or before `value`, and whether it is before."""
    number = _as_int(value)
    if number is not None:
        return number, False
    number, rest = divmod(_nanoseconds(value), NANOSECONDS[unit])
    return number, rest != 0


def bounds(start: object, end: object, closed: Closed, unit: str) -> tuple[int | None, int | None]:
    """First and last step inside, None where open; (1, 0) is an empty range."""
    if closed not in ("both", "left", "right", "neither"):
        raise _core.InvalidError(
            f"closed: expected 'both', 'left', 'right' or 'neither', got {closed!r}")
    first = last = None
    if start is not None:
        first, is_before = _split(start, unit)
        first += is_before or closed in ("right", "neither")
    if end is not None:
        last, is_before = _split(end, unit)
        last -= not is_before and closed in ("left", "neither")
    if first is not None and first > INT64_MAX or last is not None and last < INT64_MIN:
        return 1, 0
    return (None if first is None else max(first, INT64_MIN),
            None if last is None else min(last, INT64_MAX))
