# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/support/reader_types.py - column types: values, zone maps and sums, by SPEC.md.

    encoded vector -> stored values -> shown values        what Segment.load and Table.rows give
                           |
                        numbers -> zone map, sum, first, last

Stored values are 64-bit patterns of f64, 32-bit patterns of f32, int of i64, i32 and bool, and str
of utf8. The number of a value is what a column index has in its place: for f64 and f32 a pattern
of 64 bits, else an i64. See reader.py.
"""

from array import array
from functools import reduce
from operator import add
import struct

from reader_codecs import M64, check, decode_f32, decode_f64, decode_i64, decode_strings, f32_of_f64

TYPE_NAMES = (None, "f64", "f32", "i64", "i32", "bool", "utf8")
F64, F32, I64, I32, BOOL, UTF8 = range(1, 7)
TS = 0  # no type of the format; the timestamps of a segment are read as i64
FLOATS = (F64, F32)
INTEGER_RANGES = {TS: (-2**63, 2**63 - 1), I64: (-2**63, 2**63 - 1), I32: (-2**31, 2**31 - 1),
                  BOOL: (0, 1)}
SUM_NAN = 0x7FF8000000000000
F32_INF, F64_INF = 0x7F800000, 0x7FF0000000000000


def floats(patterns):
    return array("d", patterns.tobytes())


def patterns(values):
    return array("Q", array("d", values).tobytes())


def widen(bits):
    """The 64-bit pattern of a 32-bit one; a NaN keeps sign and payload."""
    if bits & 0x7FFFFFFF > F32_INF:
        return bits >> 31 << 63 | F64_INF | (bits & 0x7FFFFF) << 29
    return patterns(struct.unpack("<f", struct.pack("<I", bits)))[0]


def check_integers(kind, values):
    low, high = INTEGER_RANGES[kind]
    check(low <= min(values) and max(values) <= high, "a value that %s cannot hold",
          TYPE_NAMES[kind])


def decode_values(kind, data, count, head=None):
    """The stored values of an encoded vector; `head` is that of its chunk."""
    if kind == F64:
        return decode_f64(data, count, head)
    if kind == F32:
        return decode_f32(data, count, head)
    if kind == UTF8:
        return decode_strings(data, count)
    values = decode_i64(data, count, head)
    check_integers(kind, values)
    return values


def derived_value(kind, number):
    """The stored value that a derived vector repeats; its number is given."""
    check(kind != UTF8, "derived vector of utf8")
    if kind == F32:
        value = f32_of_f64(number)
        check(widen(value) == number, "derived value that f32 cannot hold")
        return value
    if kind != F64:
        check_integers(kind, [number])
    return number


def string_number(text):
    """The first 8 bytes, as an i64 that sorts as they do."""
    return int.from_bytes(text.encode()[:8].ljust(8, b"\0"), "big") - 2**63


def numbers(kind, values):
    if kind == F32:
        return array("Q", map(widen, values))
    return list(map(string_number, values)) if kind == UTF8 else values


def float_zone_map(bits):
    """(min, max, NaN count, sum) of patterns of f64; min, max as patterns."""
    values = floats(bits)
    total = sum(values)
    nan_count = 0 if total == total else sum(value != value for value in values)
    if nan_count == len(values):
        return bits[0], bits[0], nan_count, 0.0
    lanes = [values[j::8] for j in range(8)]
    if nan_count:
        lanes = [[value for value in lane if value == value] for lane in lanes]
        values = [value for value in values if value == value]
    low, high = patterns([min(values), max(values)])
    if low << 1 & M64 == 0:
        low = 1 << 63 if 1 << 63 in bits else 0
    if high << 1 & M64 == 0:
        high = 0 if 0 in bits else 1 << 63
    l0, l1, l2, l3, l4, l5, l6, l7 = [reduce(add, lane, 0.0) for lane in lanes]
    return low, high, nan_count, ((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7))


def zone_map(kind, part):
    """(min, max, NaN count, sum) of the numbers of a vector, its nulls left out."""
    if kind in FLOATS:
        return float_zone_map(part) if part else (0, 0, 0, 0.0)
    if not part:
        return 0, 0, None, 0
    return min(part), max(part), None, None if kind == UTF8 else sum(part)


def sum_number(kind, sums):
    """The sum of a row group as its index has it, from those of its vectors."""
    if kind in FLOATS:
        total = reduce(add, sums, 0.0)
        return patterns([total])[0] if total == total else SUM_NAN
    return (sum(sums) + 2**63) % 2**64 - 2**63


def show(kind, values, bits):
    """Stored values, None among them, as rows() gives them."""
    if kind == BOOL:
        return [None if value is None else bool(value) for value in values]
    if kind not in FLOATS or bits:
        return values
    if isinstance(values, array):
        return array("d" if kind == F64 else "f", values.tobytes())
    out = iter(show(kind, array("Q" if kind == F64 else "I",
                                [value for value in values if value is not None]), bits))
    return [None if value is None else next(out) for value in values]


def shortest_f32(value):
    """The float of fewest digits that is `value` as f32."""
    narrow = struct.Struct("<f")
    for digits in range(1, 9):
        short = float("%.*g" % (digits, value))
        if abs(short) < 3.5e38 and fits(narrow, short, value):
            return short
    return value


def fits(narrow, short, value):
    try:
        return narrow.pack(short) == narrow.pack(value)
    except OverflowError:
        return False


def text_of(kind, value, bits):
    """A value as CSV has it. Null is an empty field, an empty string an empty one in quotes."""
    if value is None:
        return ""
    if kind == UTF8:
        quoted = value == "" or any(mark in value for mark in "\",\r\n")
        return '"%s"' % value.replace('"', '""') if quoted else value
    if kind == BOOL:
        return "true" if value else "false"
    if kind in FLOATS and bits:
        return "%0*x" % (16 if kind == F64 else 8, value)
    return repr(shortest_f32(value) if kind == F32 else value)
