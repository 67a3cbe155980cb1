# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/support/reader_segment.py - segments and what describes them, by SPEC.md 4.1, 4.2, 6.

    0        80                                              footer_off               size
    | header | row group 0: ts, column 0, ... | row group 1 ... | footer: column indexes |

Shares no code with the library; see reader.py.
"""

from array import array
from collections import namedtuple
import struct

from reader_codecs import (DECIMAL, DELTA, DELTA2, DICTIONARY, FOR, INTEGER, LINE, MULTIPLE,
                           ORDERED, PREDICT, RAW, RLE, SEASONAL, XOR, Cursor, Head, VECTOR_ROWS,
                           check, decode_f64, decode_i64, decode_validity)
from reader_types import (F64, FLOATS, F32, TS, TYPE_NAMES, UTF8, decode_values, derived_value,
                          numbers, sum_number, zone_map)
from xxh3 import xxh3

GRANULE_SIZE = 64
GROUP_VECTORS = 16
SEGMENT_ROWS_MAX = 1048576
COLUMNS_MAX = 1024
TIME_UNITS = ("s", "ms", "us", "ns")
TIME_NAMES = {"ts"} | {"ts_" + unit for unit in TIME_UNITS}
NULLABLE = 1
DUPLICATES = KEEP_ALL, KEEP_LAST, KEEP_FIRST = range(3)
TIERS = TIER_AUTO, TIER_HOT, TIER_PACKED = range(3)
# What a column may name, by type.
NAMED_OF_FLOATS, NAMED_OF_INTS = (RAW, XOR, INTEGER, DECIMAL, ORDERED, MULTIPLE), \
    (RAW, RLE, FOR, DELTA, DELTA2, LINE, DICTIONARY, PREDICT, SEASONAL)
ARRAYS = {F64: "Q", F32: "I"}


# --- Sections 4.1 and 4.2: table definition, segment entry ---------------------------------------

Column = namedtuple("Column", "name type flags codec")  # codec: that it names, or None
Definition = namedtuple("Definition", "id unit duplicates created_seq name columns tier")
Entry = namedtuple("Entry", "table_id row_count segment_id off size seq_first seq_last "
                            "ts_min ts_max footer_checksum flags")


def read_column(cursor):
    kind, flags = cursor.take("BB")
    check(0 < kind < len(TYPE_NAMES), "%s: column type %d", cursor.what, kind)
    codec = (flags >> 1) - 1 if flags >> 1 else None
    named = NAMED_OF_FLOATS if kind in FLOATS else (RAW,) if kind == UTF8 else NAMED_OF_INTS
    check(codec is None or codec in named, "%s: column flags 0x%x", cursor.what, flags)
    return Column(cursor.name(), kind, flags & NULLABLE, codec)


def check_names(name, columns, what):
    """The rules for names; raised by a definition, and by edits that add or rename."""
    check(not name.startswith("nanots_"), "%s: reserved name %s", what, name)
    check(1 <= len(columns) <= COLUMNS_MAX, "%s: %d columns", what, len(columns))
    taken = set(TIME_NAMES)
    for column in columns:
        check(column.name not in taken, "%s: table %s: column name %s is reserved or there twice",
              what, name, column.name)
        taken.add(column.name)


def read_definition(cursor):
    table_id, unit, duplicates, column_count, created_seq = cursor.take("IBBHQ")
    check(unit < len(TIME_UNITS), "%s: time unit %d", cursor.what, unit)
    duplicates, tier = duplicates & 15, duplicates >> 4
    check(duplicates in DUPLICATES, "%s: duplicates %d", cursor.what, duplicates)
    check(tier in TIERS, "%s: tier %d", cursor.what, tier)
    name = cursor.name()
    columns = [read_column(cursor) for _ in range(column_count)]
    check_names(name, columns, cursor.what)
    return Definition(table_id, unit, duplicates, created_seq, name, columns, tier)


def read_entries(cursor):
    entries = [Entry(*cursor.take("IIQQQQQqqQQ")) for _ in range(cursor.rest_count(80))]
    for entry in entries:
        check(1 <= entry.row_count <= SEGMENT_ROWS_MAX, "%s: %d rows", cursor.what, entry.row_count)
        check(entry.off % GRANULE_SIZE == 0 and entry.size % 8 == 0,
              "segment %d is not aligned", entry.segment_id)
        check(entry.seq_first <= entry.seq_last and entry.ts_min <= entry.ts_max,
              "segment %d has an empty interval", entry.segment_id)
        check(entry.flags <= PACKED | HEADS, "segment %d: flags %#x", entry.segment_id, entry.flags)
    return entries


# --- Section 6: segments -------------------------------------------------------------------------

SEGMENT_MAGIC = b"NTSSEG1\n"
SEGMENT_HEADER = struct.Struct("<8sQQQQIIQQQQ")
PACKED, HEADS = 1, 2

Index = namedtuple("Index", "kind nullable chunk_off head_size vector_size min max null_count "
                            "nan_count sum first last checksum")


class Segment:
    """One segment; the constructor checks all but its chunks."""

    def __init__(self, data, entry, file_id, verify=True):
        self.entry, self.verify, self.what = entry, verify, "segment %d" % entry.segment_id
        check(entry.off + entry.size <= len(data), "%s: outside of the file", self.what)
        self.data = data[entry.off:entry.off + entry.size]
        self.row_count, self.order = entry.row_count, (entry.seq_first, entry.segment_id)
        self.vector_count = -(-self.row_count // VECTOR_ROWS)
        self.group_count = -(-self.vector_count // GROUP_VECTORS)
        self.footer_off = self.read_header()
        self.read_footer(file_id)

    def check(self, condition, message, *details):
        check(condition, "%s: " + message, self.what, *details)

    def read_header(self):
        entry = self.entry
        self.check(entry.size >= SEGMENT_HEADER.size, "too small")
        magic, segment_id, size, footer_off, footer_checksum, table_id, row_count, \
            seq_first, seq_last, flags, checksum = SEGMENT_HEADER.unpack_from(self.data)
        self.check(magic == SEGMENT_MAGIC and flags <= PACKED | HEADS, "no header")
        self.check(checksum == xxh3(self.data[:72]), "header checksum")
        self.check((table_id, row_count, segment_id, size, seq_first, seq_last, footer_checksum,
                    flags) ==
                   (entry.table_id, entry.row_count, entry.segment_id, entry.size,
                    entry.seq_first, entry.seq_last, entry.footer_checksum, entry.flags),
                   "header and entry differ")
        self.check(SEGMENT_HEADER.size <= footer_off <= size, "footer at %d", footer_off)
        self.check(footer_checksum == xxh3(self.data[footer_off:], segment_id), "footer checksum")
        return footer_off

    def read_footer(self, file_id):
        entry = self.entry
        cursor = Cursor(self.data, self.footer_off, len(self.data), self.what)
        self.check(cursor.take("qq") == (entry.ts_min, entry.ts_max), "footer and entry differ")
        self.check(cursor.bytes(8) == file_id[:8], "belongs to another file")
        definition_size, self.column_count = cursor.take("II")
        definition = Cursor(self.data, cursor.at, cursor.at + definition_size, self.what)
        self.definition = read_definition(definition)
        cursor.bytes(definition_size)
        self.check(self.definition.id == entry.table_id, "definition of another table")
        self.check(self.column_count <= len(self.definition.columns), "too many columns")
        self.indexes = [self.read_index(cursor, i) for i in range(self.column_count + 1)]
        self.check(not any(self.data[cursor.at:]) and cursor.rest_count(8) == 0, "footer padding")
        if self.verify:
            self.check_layout()

    def read_index(self, cursor, column):
        size, = cursor.take("I")
        part = Cursor(self.data, cursor.at, cursor.at + size, self.what + ": column index")
        cursor.bytes(size)

        def vector(decode, count):
            return decode(part.bytes(part.take("H")[0]), count)

        groups, vectors = self.group_count, self.vector_count
        _, kind, flags, _ = self.definition.columns[column - 1] if column else ("ts", TS, 0, None)
        number, nullable = decode_f64 if kind in FLOATS else decode_i64, bool(flags & NULLABLE)
        chunk_off = vector(decode_i64, groups)
        head_size = vector(decode_i64, groups) if self.entry.flags & HEADS else [0] * groups
        vector_size = vector(decode_i64, vectors)
        low, high = vector(number, vectors), vector(number, vectors)
        null_count = vector(decode_i64, vectors) if nullable else [0] * vectors
        nan_count = vector(decode_i64, vectors) if kind in FLOATS else [None] * vectors
        totals = [None] * 3
        if kind not in (TS, UTF8):
            totals = [vector(number, groups) for _ in range(3)]
        self.check(min(vector_size) >= 0 and min(chunk_off) >= 0 and min(head_size) >= 0,
                   "negative place")
        checksums = iter(part.take("%dQ" % part.rest_count(8)))
        checksum = [next(checksums, None)
                    if head or any(vector_size[i * GROUP_VECTORS:(i + 1) * GROUP_VECTORS]) else 0
                    for i, head in enumerate(head_size)]
        self.check(None not in checksum and next(checksums, None) is None and part.at == part.end,
                   "column index size")
        return Index(kind, nullable, chunk_off, head_size, vector_size, low, high, null_count,
                     nan_count, *totals, checksum)

    def chunks(self):
        """Yields (number, place, size, checksum) of every chunk, in order."""
        for group in range(self.group_count):
            for column, index in enumerate(self.indexes):
                at = group * GROUP_VECTORS
                yield (group * (self.column_count + 1) + column, index.chunk_off[group],
                       index.head_size[group] + sum(index.vector_size[at:at + GROUP_VECTORS]),
                       index.checksum[group])

    def check_layout(self):
        at = SEGMENT_HEADER.size
        for number, off, size, _ in self.chunks():
            self.check(size == 0 or off == at, "chunk %d at %d, not at %d", number, off, at)
            at += size
        self.check(at <= self.footer_off, "chunks run into the footer")
        self.check(not any(self.data[at:self.footer_off]), "padding behind the chunks")

    def check_chunks(self):
        for number, off, size, checksum in self.chunks():
            self.check(off + size <= self.footer_off, "chunk %d runs into the footer", number)
            self.check(size == 0 or checksum == xxh3(self.data[off:off + size], number),
                       "checksum of chunk %d", number)

    def load(self):
        """Decodes everything: (list of ts, for each column its stored values, None where null)."""
        if self.verify:
            self.check_chunks()
        index, ts = self.indexes[0], []
        for vector, (part, _) in enumerate(self.vectors(index)):
            ts += part
            self.check((part[0], part[-1]) == (index.min[vector], index.max[vector]), "ts zone map")
        self.check((ts[0], ts[-1]) == (self.entry.ts_min, self.entry.ts_max), "ts bounds")
        self.check(not self.verify or all(a <= b for a, b in zip(ts, ts[1:])), "unsorted")
        return ts, [self.load_column(index) for index in self.indexes[1:]]

    def load_column(self, index):
        values = [] if index.nullable or index.kind not in ARRAYS else array(ARRAYS[index.kind])
        groups = [[] for _ in range(self.group_count)]
        for vector, (part, validity) in enumerate(self.vectors(index)):
            groups[vector // GROUP_VECTORS].append(part)
            if validity is None:
                values.extend(part)
            else:
                present = iter(part)
                values += [next(present) if valid else None for valid in validity]
        if self.verify:
            self.check_zone_maps(index, groups)
        return values

    def vectors(self, index):
        """Yields (values that are not null, validity or None) of each vector of a column."""
        for group, place in enumerate(index.chunk_off):
            first, head_end = group * GROUP_VECTORS, place + index.head_size[group]
            self.check(head_end <= self.footer_off, "head runs into the footer")
            head = Head(self.data[place:head_end]) if head_end != place else None
            place = head_end
            for i, size in enumerate(index.vector_size[first:first + GROUP_VECTORS], first):
                self.check(place + size <= self.footer_off, "vector runs into the footer")
                yield self.vector(index, i, self.data[place:place + size], head)
                place += size

    def vector(self, index, i, data, head):
        count = min(VECTOR_ROWS, self.row_count - i * VECTOR_ROWS)
        nulls, validity = index.null_count[i], None
        self.check(0 <= nulls <= count, "%d nulls of %d rows", nulls, count)
        if nulls == count:
            self.check(len(data) == 0, "a vector of nulls has %d bytes", len(data))
            return [], [False] * count
        if nulls:
            cursor = Cursor(data, 0, len(data), self.what + ": validity")
            validity = decode_validity(cursor, count, nulls)
            data = cursor.rest()
        if len(data):
            return decode_values(index.kind, data, count - nulls, head), validity
        low, high = index.min[i], index.max[i]
        if index.kind == TS:
            step, odd = divmod(high - low, max(count - 1, 1))
            self.check(odd == 0 and step >= 0, "derived ts do not divide")
            return [low + k * step for k in range(count)], None
        self.check(low == high, "derived vector of different values")
        value = derived_value(index.kind, low)
        if index.kind in ARRAYS:
            return array(ARRAYS[index.kind], [value]) * (count - nulls), validity
        return [value] * (count - nulls), validity

    def check_zone_maps(self, index, groups):
        """Compares the index with the values; each group is a list of vectors."""
        vector = 0
        for group, parts in enumerate(groups):
            parts, sums = [numbers(index.kind, part) for part in parts], []
            for part in parts:
                *found, vector_sum = zone_map(index.kind, part)
                sums.append(vector_sum)
                stored = [index.min[vector], index.max[vector], index.nan_count[vector]]
                self.check(found == stored, "zone map of vector %d is %s, not %s", vector, stored,
                           found)
                vector += 1
            if index.sum is None:
                continue
            self.check(sum_number(index.kind, sums) == index.sum[group], "sum of row group %d",
                       group)
            parts = [part for part in parts if len(part)]
            ends = (parts[0][0], parts[-1][-1]) if parts else (0, 0)
            self.check((index.first[group], index.last[group]) == ends,
                       "first or last of row group %d", group)
