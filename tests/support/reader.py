#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/support/reader.py - a second reader of NanoTS files, written from SPEC.md alone.

It shares no code with the library, so that the two can disagree: a defect of either, or a gap in
the document, shows as a difference in rows. It wants the Python standard library, and
libzstd for strings that are compressed.

    bytes -> Superblock -> manifest edits -> State <- log records      (sections 3, 4, 5)
                                               |
                       Table <- sources: Segment (section 6), LogRows

With verify (the default) everything that the format says twice is compared: checksums, the column
index against the chunks, zone maps and sums against the values bit by bit. Bytes that break a rule
raise FormatError, with one exception: the log may end anywhere, as section 5 says.

    python3 reader.py FILE                   tables
    python3 reader.py FILE TABLE [--bits]    rows as CSV
    python3 reader.py FILE --superblock | --segments | --wal
"""

import argparse
from array import array
from collections import namedtuple
import csv
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from reader_codecs import Cursor, FormatError, UnsupportedError, check  # noqa: E402
from reader_segment import (Entry, GRANULE_SIZE, KEEP_ALL, KEEP_FIRST,  # noqa: E402
                            KEEP_LAST, NULLABLE, Segment, TIME_UNITS, check_names, read_column,
                            read_definition, read_entries)
from reader_types import BOOL, F32, F64, I32, I64, TYPE_NAMES, UTF8, show, text_of  # noqa: E402
from xxh3 import xxh3  # noqa: E402

BLOCK_SIZE, WAL_ALIGN = 4096, 65536
HEADERS_SIZE = 2 * BLOCK_SIZE
WAL_EXTENTS_MAX = 6


# --- Section 3: superblock -----------------------------------------------------------------------

MAGIC = b"\x89NTT\r\n\x1a\n"
SUPERBLOCK_SIZE = 256
SUPERBLOCK = struct.Struct("<8sIIQQQQ16s10QIIQ72sIIQQ")
LAYOUT_TINY = 1

Superblock = namedtuple("Superblock", (
    "magic format_version writer_version generation incompat_flags ro_compat_flags compat_flags "
    "file_id manifest_off manifest_size manifest_capacity file_end flushed_seq wal_salt wal_chain "
    "wal_head_off reserve_off reserve_size next_table_id wal_count next_segment_id wal_extents "
    "layout manifest_chain table_changes checksum"))


def superblock_at(data, off):
    """The copy at off if it is valid, else None."""
    image = data[off:off + SUPERBLOCK_SIZE]
    if len(image) < SUPERBLOCK_SIZE or image[:8] != MAGIC:
        return None
    copy = Superblock(*SUPERBLOCK.unpack(image))
    if copy.checksum != xxh3(image[:248]):
        return None
    extents = list(struct.iter_unpack("<QI", copy.wal_extents))[:copy.wal_count]
    return copy._replace(wal_extents=[(start, blocks * BLOCK_SIZE) for start, blocks in extents])


def choose_superblock(data):
    """The superblock that rules, or None for an empty database."""
    if not any(data[:HEADERS_SIZE]):
        return None
    first = superblock_at(data, 0)
    tiny = first is not None and first.layout & LAYOUT_TINY
    places = (0, 4096, 4608) if tiny else (0, 512, 4096, 4608)
    copies = [(off, superblock_at(data, off)) for off in places]
    copies = [(off, copy) for off, copy in copies if copy is not None]
    if not copies:
        damaged = any(data[off:off + 8] == MAGIC for off in places)
        raise FormatError("no valid superblock" if damaged else "not a NanoTS file")
    off, chosen = max(copies, key=lambda item: item[1].generation)
    check(chosen.generation % 2 == off // BLOCK_SIZE, "superblock of the other slot at %d", off)
    return chosen


def check_superblock(sb, file_size):
    check(sb.format_version == 1, "format version %d", sb.format_version)
    check(sb.incompat_flags == 0, "unknown incompat_flags 0x%x", sb.incompat_flags)
    check(sb.layout & ~LAYOUT_TINY == 0, "unknown layout 0x%x", sb.layout)
    check(sb.wal_count != 1 and sb.wal_count <= WAL_EXTENTS_MAX, "%d WAL extents", sb.wal_count)
    check(sb.file_end <= file_size, "the file is cut off: %d of %d bytes", file_size, sb.file_end)
    check(sb.manifest_size <= sb.manifest_capacity, "manifest exceeds its capacity")
    check(sb.manifest_off % GRANULE_SIZE == 0, "manifest off a granule")
    check(all(start % WAL_ALIGN == 0 for start, _ in sb.wal_extents), "unaligned WAL extent")
    if sb.wal_count:
        start, size = sb.wal_extents[0]
        check(start + 64 <= sb.wal_head_off <= start + size, "WAL head outside of extent 0")


# --- Section 4: manifest -------------------------------------------------------------------------

TABLE, COLUMN, SEGMENTS_ADD, SEGMENTS_REMOVE, TABLE_DROP, RETENTION_CUT, TABLE_RENAME, \
    COLUMN_RENAME, KEPT_LOG = range(1, 10)
KEPT_LOGS_MAX = 4

KeptLog = namedtuple("KeptLog", "wal_salt wal_chain wal_head_off flushed_seq last_seq extents")


def read_kept_log(cursor, file_end):
    """Section 4.3."""
    *fields, count, _ = cursor.take("5QII")
    check(2 <= count <= WAL_EXTENTS_MAX and cursor.rest_count(16) == count, "kept log: %d extents",
          count)
    words = cursor.take("%dQ" % (2 * count))
    log = KeptLog(*fields, list(zip(words[::2], words[1::2])))
    start, size = log.extents[0]
    check(start <= log.wal_head_off <= start + size and log.wal_head_off % 8 == 0,
          "kept log: head outside of extent 0")
    check(all(off % WAL_ALIGN == 0 and off + size <= file_end for off, size in log.extents),
          "kept log: impossible extent")
    check(log.flushed_seq <= log.last_seq, "kept log: last_seq %d", log.last_seq)
    return log


class Table:
    """A table's definition and, once the file is read, its rows."""

    def __init__(self, definition):
        self.id, self.unit, self.duplicates, self.created_seq, self.name, columns, self.tier = \
            definition
        self.columns = list(columns)
        self.entries = {}  # segment_id -> Entry
        self.sources = []  # in order of arrival

    @property
    def row_count(self):
        """Rows that are stored, those included that duplicates hides."""
        return sum(source.row_count for source in self.sources)

    def rows(self, bits=False):
        """Yields (ts, value ...) sorted by (ts, order of arrival), of rows of equal time those that
        the table shows. Values are float, int, bool, str, and None for null; with bits the floats
        are patterns of 64 or, of f32, of 32 bits."""
        all_ts, all_values = [], [[] for _ in self.columns]
        for source in self.sources:
            ts, columns = source.load()
            all_ts += ts
            for i, (column, values) in enumerate(zip(self.columns, all_values)):
                values += show(column.type, columns[i], bits) if i < len(columns) else \
                    [None] * len(ts)
        order = self.order(all_ts)
        if order is not None:
            all_ts = [all_ts[i] for i in order]
            all_values = [[values[i] for i in order] for values in all_values]
        return zip(all_ts, *all_values)

    def order(self, ts):
        """Which rows are given, of ts in order of arrival; None for all as they stand."""
        order = range(len(ts))
        if any(a > b for a, b in zip(ts, ts[1:])):
            order = sorted(order, key=ts.__getitem__)  # stable
        elif self.duplicates == KEEP_ALL:
            return None
        if self.duplicates == KEEP_LAST:
            return list({ts[i]: i for i in order}.values())
        if self.duplicates == KEEP_FIRST:
            return sorted({ts[i]: i for i in reversed(order)}.values(), key=ts.__getitem__)
        return order

    def check_column_count(self, count, what):
        """Of a segment or record: it may lack the last columns, if they can be null."""
        check(count <= len(self.columns), "%s: %d columns", what, count)
        check(all(column.flags & NULLABLE for column in self.columns[count:]),
              "%s: %d columns, but column %s of table %s is not nullable", what, count,
              self.columns[min(count, len(self.columns) - 1)].name, self.name)

    def check_segment(self, segment):
        """The definition in a segment's footer is an earlier state of this one."""
        self.check_column_count(segment.column_count, segment.what)
        kinds = [column[1:] for column in segment.definition.columns]
        check(kinds == [column[1:] for column in self.columns[:len(kinds)]],
              "%s: column types of another table", segment.what)
        check((segment.definition.unit, segment.definition.duplicates) ==
              (self.unit, self.duplicates), "%s: unit or duplicates of another table", segment.what)


class State:
    """What the manifest's edits, and then the log's records, add up to."""

    def __init__(self, sb):
        self.tables = {}  # id -> Table
        self.kept_logs = []
        self.sb = sb

    def table(self, table_id):
        check(table_id in self.tables, "unknown table %d", table_id)
        return self.tables[table_id]

    def check_name_is_free(self, name):
        check(all(table.name != name for table in self.tables.values()),
              "two tables are named %s", name)

    def create(self, definition):
        check(definition.id not in self.tables, "table %d made twice", definition.id)
        self.check_name_is_free(definition.name)
        self.tables[definition.id] = Table(definition)

    def add_segments(self, entries):
        for entry in entries:
            table = self.table(entry.table_id)
            check(all(entry.segment_id not in other.entries for other in self.tables.values()),
                  "segment %d added twice", entry.segment_id)
            table.entries[entry.segment_id] = entry

    def check_committed(self, entries):
        sb = self.sb
        for entry in entries:
            check(entry.segment_id < sb.next_segment_id, "segment id %d above next_segment_id",
                  entry.segment_id)
            check(entry.seq_last <= sb.flushed_seq, "segment %d above flushed_seq",
                  entry.segment_id)

    def apply(self, kind, cursor):
        """Applies one edit of the manifest."""
        if kind == TABLE:
            definition = read_definition(cursor)
            check(definition.id < self.sb.next_table_id, "table %d is not below next_table_id",
                  definition.id)
            self.create(definition)
        elif kind == SEGMENTS_ADD:
            entries = read_entries(cursor)
            self.check_committed(entries)
            self.add_segments(entries)
        elif kind == SEGMENTS_REMOVE:
            for segment_id in cursor.take("%dQ" % cursor.rest_count(8)):
                for table in self.tables.values():
                    table.entries.pop(segment_id, None)
        elif kind == KEPT_LOG:
            check(len(self.kept_logs) < KEPT_LOGS_MAX, "more than %d kept logs", KEPT_LOGS_MAX)
            self.kept_logs.append(read_kept_log(cursor, self.sb.file_end))
        else:
            table_id, column = cursor.take("II")
            self.apply_to_table(kind, self.table(table_id), column, cursor)

    def apply_to_table(self, kind, table, column, cursor):
        if kind == COLUMN:
            cursor.take("Q")
            added = read_column(cursor)
            check(added.flags & NULLABLE, "%s: added column %s is not nullable", cursor.what,
                  added.name)
            table.columns.append(added)
        elif kind == TABLE_DROP:
            seq, = cursor.take("Q")
            check(all(entry.seq_last <= seq for entry in table.entries.values()),
                  "table %s dropped with rows above seq %d", table.name, seq)
            del self.tables[table.id]
        elif kind == RETENTION_CUT:
            cutoff, seq = cursor.take("qQ")
            table.entries = {key: entry for key, entry in table.entries.items()
                             if entry.seq_last > seq or entry.ts_max >= cutoff}
        elif kind == TABLE_RENAME:
            name = cursor.name()
            self.check_name_is_free(name)
            table.name = name
        else:
            check(column < len(table.columns), "table %s has no column %d", table.name, column)
            table.columns[column] = table.columns[column]._replace(name=cursor.name())
        check_names(table.name, table.columns, cursor.what)


def skip_manifest_padding(data, begin, at, end):
    """Where the next edit begins, or the end: zeros reach up to a sector of 512 or of 4096."""
    used, size = at - begin, 0
    while end - at - size >= 8 and data[at + size:at + size + 8] == bytes(8):
        size += 8
    check(size == 0 or used > 0 and size in (-used % 512, -used % BLOCK_SIZE),
          "manifest: zeros at %d", at)
    return at + size


def read_manifest(data, sb, state):
    seed, = struct.unpack("<Q", sb.file_id[:8])
    at, end = sb.manifest_off, sb.manifest_off + sb.manifest_size
    check(end <= len(data), "manifest outside of the file")
    chain = 0
    while at < end:
        at = skip_manifest_padding(data, sb.manifest_off, at, end)
        if end - at < 8:
            break
        check(end - at >= 16, "manifest edit at %d: cut short", at)
        checksum, size, kind = struct.unpack_from("<QIB", data, at)
        what = "manifest edit at %d" % at
        check(size >= 16 and size % 8 == 0 and size <= end - at, "%s: size %d", what, size)
        check(checksum == (xxh3(data[at + 8:at + size], seed) or 1), "%s: checksum", what)
        check(TABLE <= kind <= KEPT_LOG, "%s: kind %d", what, kind)
        state.apply(kind, Cursor(data, at + 16, at + size, what))
        chain = xxh3(data[at:at + 8], chain) & 0xFFFFFFFF or 1
        at += size
    check(sb.manifest_chain in (0, chain), "manifest: edits are missing")
    for table in state.tables.values():
        for entry in table.entries.values():
            check(entry.off + entry.size <= sb.file_end, "segment %d is beyond file_end",
                  entry.segment_id)


# --- Section 5: write-ahead log ------------------------------------------------------------------

KINDS = ROWS, SEGMENT, CREATE, GROUP_BEGIN, GROUP_COMMIT, SEAL, PAD = range(1, 8)
KIND_NAMES = (None, "ROWS", "SEGMENT", "CREATE", "GROUP_BEGIN", "GROUP_COMMIT", "SEAL", "PAD")
RECORD = struct.Struct("<QIBBHQII")
WAL_HEADER_SIZE = 64

Record = namedtuple("Record", "checksum size kind lag column_count first_seq table_id row_count "
                              "off")


LOG_LAYOUTS = {F64: "Q", F32: "I", I64: "q", I32: "i"}


def read_part(cursor, size):
    """Section 5.1: `size` bytes that are padded with zeros to a multiple of 8."""
    part = cursor.bytes(size)
    check(not any(cursor.bytes(-size % 8)), "%s: padding that is not zero", cursor.what)
    return part


def read_bits(cursor, row_count):
    part = read_part(cursor, (row_count + 7) // 8)
    check(row_count % 8 == 0 or part[-1] >> row_count % 8 == 0, "%s: bits behind the last row",
          cursor.what)
    return [part[i >> 3] >> (i & 7) & 1 for i in range(row_count)]


def read_log_strings(cursor, row_count):
    sizes = struct.unpack("<%dI" % row_count, read_part(cursor, 4 * row_count))
    text, at, values = bytes(read_part(cursor, sum(sizes))), 0, []
    for size in sizes:
        try:
            values.append(text[at:at + size].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise FormatError("%s: %s" % (cursor.what, error)) from None
        at += size
    return values


def read_log_column(cursor, column, row_count):
    """The stored values of a column in a ROWS record, None for null."""
    present = read_bits(cursor, row_count) if column.flags & NULLABLE else None
    if column.type == BOOL:
        values = read_bits(cursor, row_count)
    elif column.type == UTF8:
        values = read_log_strings(cursor, row_count)
    else:
        layout = struct.Struct("<%d%s" % (row_count, LOG_LAYOUTS[column.type]))
        values = array(LOG_LAYOUTS[column.type], layout.unpack(read_part(cursor, layout.size)))
    if present is None or all(present):
        return values
    check(all(is_present or not value for is_present, value in zip(present, values)),
          "%s: column %s: a null with a value", cursor.what, column.name)
    return [value if is_present else None for is_present, value in zip(present, values)]


class LogRows:
    """The rows of one ROWS record, a source for Table."""

    def __init__(self, cursor, record, columns):
        self.row_count = record.row_count
        self.order = (record.first_seq, 0)
        self.ts = list(cursor.take("%dq" % record.row_count))
        self.values = [read_log_column(cursor, column, record.row_count) for column in columns]
        check(cursor.rest_count(1) == 0, "%s: bytes behind the rows", cursor.what)

    def load(self):
        return self.ts, self.values


class Log:
    """Replays the log into a State; records holds every valid record, applied those that count."""

    def __init__(self, data, sb, state, verify):
        self.data, self.sb, self.state, self.verify = data, sb, state, verify
        self.records, self.applied = [], set()
        self.last_seq = sb.flushed_seq
        if sb.wal_count:
            self.replay()

    def header_at(self, at, end):
        """The header at `at` if it is one that can be, else None."""
        if at + RECORD.size > end:
            return None
        record = Record(*RECORD.unpack_from(self.data, at), off=at)
        possible = (RECORD.size <= record.size <= end - at and record.size % 8 == 0 and
                    record.kind in KINDS and record.lag < 64 and record.first_seq > 0)
        return record if possible else None

    def record_at(self, at, end, prev):
        """The record at `at` if it is valid and follows the one with checksum prev, else None."""
        record = self.header_at(at, end)
        if record is None:
            return None
        seed = xxh3(self.data[at + RECORD.size:at + record.size], self.sb.wal_salt) ^ prev
        valid = record.checksum == xxh3(self.data[at + 8:at + RECORD.size], seed)
        return record if valid else None

    def replay(self):
        sizes = dict(self.sb.wal_extents)
        start = self.sb.wal_extents[0][0]
        end = start + sizes.pop(start)
        at, chain, group = self.sb.wal_head_off, self.sb.wal_chain, None
        while True:
            record = self.record_at(at, min(end, len(self.data)), chain)
            if record is None:
                break
            self.check_record(record)
            at, chain = at + record.size, record.checksum
            if record.kind == SEAL:
                start, = self.payload(record).take("Q")
                check(start in sizes, "the log goes on in a wrong extent, %d", start)
                at, end = start + WAL_HEADER_SIZE, start + sizes.pop(start)
            elif record.kind == PAD:
                check(record.row_count == 0, "log record at %d: padding with rows", record.off)
            elif record.kind == GROUP_BEGIN:
                check(group is None, "group inside of a group")
                group = []
            elif record.kind == GROUP_COMMIT:
                check(group is not None and len(group) == self.payload(record).take("Q")[0],
                      "group of a wrong size")
                if not self.apply(group):
                    break
                group = None
            elif group is not None:
                group.append(record)
            elif not self.apply([record]):
                break
        if self.verify:
            self.check_tail([(at, end)] + [(s + WAL_HEADER_SIZE, s + n) for s, n in sizes.items()])

    def check_record(self, record):
        if self.records:
            previous = self.records[-1]
            check(record.first_seq == previous.first_seq + previous.row_count,
                  "log record at %d: seq %d", record.off, record.first_seq)
        self.records.append(record)

    def payload(self, record):
        return Cursor(self.data, record.off + RECORD.size, record.off + record.size,
                      "log record at %d" % record.off)

    def apply(self, group):
        """Applies records that belong together; False if one names a segment that is not whole."""
        for record in group:
            dropped = record.table_id not in self.state.tables and \
                record.table_id < self.sb.next_table_id
            if record.kind == SEGMENT and record.first_seq > self.sb.flushed_seq and not dropped:
                seq = record.first_seq
                try:
                    for entry in read_entries(self.payload(record)):
                        check((entry.seq_first, entry.seq_last) == (seq, seq + entry.row_count - 1),
                              "log record at %d: seqs", record.off)
                        Segment(self.data, entry, self.sb.file_id).check_chunks()
                        seq += entry.row_count
                except FormatError:
                    return False
        for record in group:
            self.apply_record(record)
        return True

    def apply_record(self, record):
        tables, cursor = self.state.tables, self.payload(record)
        if record.kind == CREATE:
            definition = read_definition(cursor)
            if definition.id >= self.sb.next_table_id:
                self.state.create(definition)
                self.applied.add(record)
            return
        last_seq = record.first_seq + record.row_count - 1
        if last_seq <= self.sb.flushed_seq:
            return
        check(record.first_seq == self.last_seq + 1, "rows before seq %d are missing",
              record.first_seq)
        self.last_seq = last_seq
        if record.table_id not in tables:
            check(record.table_id < self.sb.next_table_id, "rows of unknown table %d",
                  record.table_id)
            return
        self.applied.add(record)
        table = tables[record.table_id]
        if record.kind == SEGMENT:
            entries = read_entries(cursor)
            check(sum(entry.row_count for entry in entries) == record.row_count and
                  all(entry.table_id == record.table_id for entry in entries),
                  "log record at %d: entries", record.off)
            self.state.add_segments(entries)
        else:
            table.check_column_count(record.column_count, "log record at %d" % record.off)
            table.sources.append(LogRows(cursor, record, table.columns[:record.column_count]))

    def check_tail(self, ranges):
        """Section 9: a later record which knows that rows were durable proves them damaged."""
        for at, end in ranges:
            end = min(end, len(self.data))
            words = array("I", bytes(self.data[at:at + (end - at) // 8 * 8]))
            if sys.byteorder == "big":
                words.byteswap()
            for i, size in enumerate(words[2::2]):
                if RECORD.size <= size <= end - at - 8 * i:
                    before = self.header_at(at + 8 * i, end)
                    record = before and self.record_at(before.off + size, end, before.checksum)
                    check(record is None or record.first_seq - 2 ** record.lag <= self.last_seq,
                          "the log is damaged after seq %d", self.last_seq)


# --- Database ------------------------------------------------------------------------------------

class Database:
    """A file, read whole. tables is a dict by name; superblock is None for an empty database.
    kept_logs are those of section 4.3, oldest first."""

    def __init__(self, path, verify=True):
        with open(path, "rb") as file:
            data = memoryview(file.read())
        self.tables, self.wal_records, self.wal_applied, self.verify = {}, [], set(), verify
        self.kept_logs = []
        self.superblock = sb = choose_superblock(data)
        if sb is None:
            return
        check_superblock(sb, len(data))
        state = State(sb)
        read_manifest(data, sb, state)
        self.kept_logs = state.kept_logs
        log = Log(data, sb, state, verify)
        self.wal_records, self.wal_applied = log.records, log.applied
        for table in state.tables.values():
            table.sources += [Segment(data, entry, sb.file_id, verify)
                              for entry in table.entries.values()]
            for source in table.sources:
                if isinstance(source, Segment):
                    table.check_segment(source)
            table.sources.sort(key=lambda source: source.order)
            self.tables[table.name] = table
        if verify:
            self.check_ids()
            self.check_extents()
            self.check_intervals()

    def entries(self):
        return [entry for table in self.tables.values() for entry in table.entries.values()]

    def check_ids(self):
        ids = [entry.segment_id for entry in self.entries()]
        check(len(ids) == len(set(ids)), "segment id used twice")

    def check_extents(self):
        """What is live lies behind the superblock and does not overlap."""
        sb = self.superblock
        extents = [(0, 512 if sb.layout & LAYOUT_TINY else HEADERS_SIZE, "superblock"),
                   (sb.manifest_off, sb.manifest_capacity, "manifest"),
                   (sb.reserve_off, sb.reserve_size, "reserve")]
        extents += [(start, size, "WAL") for start, size in sb.wal_extents]
        extents += [(start, size, "kept log") for log in self.kept_logs
                    for start, size in log.extents]
        extents += [(e.off, e.size, "segment %d" % e.segment_id) for e in self.entries()]
        extents = sorted(extent for extent in extents if extent[1])
        for (start, size, what), (after, _, neighbour) in zip(extents, extents[1:]):
            check(start + size <= after, "%s and %s overlap", what, neighbour)

    def check_intervals(self):
        for table in self.tables.values():
            spans = sorted({(e.seq_first, e.seq_last) for e in table.entries.values()})
            check(all(a[1] < b[0] for a, b in zip(spans, spans[1:])),
                  "table %s: seq intervals overlap", table.name)
            check(not spans or spans[0][0] > table.created_seq, "table %s: rows before it was made",
                  table.name)

    def verify_rows(self):
        for table in self.tables.values():
            for source in table.sources:
                source.load()


# --- Command line --------------------------------------------------------------------------------

DUPLICATES_NAMES = ("all", "last", "first")


def print_tables(db, out):
    """A column that can be null has a question mark behind its type."""
    out.writerow(("table", "rows", "segments", "log_records", "unit", "duplicates", "columns"))
    for table in db.tables.values():
        columns = ["%s:%s%s" % (column.name, TYPE_NAMES[column.type],
                                "?" if column.flags & NULLABLE else "") for column in table.columns]
        out.writerow((table.name, table.row_count, len(table.entries),
                      len(table.sources) - len(table.entries), TIME_UNITS[table.unit],
                      DUPLICATES_NAMES[table.duplicates], " ".join(columns)))


def print_rows(table, bits, out):
    """Not by the module csv, which cannot tell a null from an empty string."""
    names = ["ts_" + TIME_UNITS[table.unit]] + [column.name for column in table.columns]
    print(",".join(text_of(UTF8, name, bits) for name in names), file=out)
    kinds = [column.type for column in table.columns]
    for ts, *values in table.rows(bits):
        texts = [text_of(kind, value, bits) for kind, value in zip(kinds, values)]
        print(",".join([str(ts)] + texts), file=out)


def print_superblock(db, out):
    for name, value in zip(Superblock._fields, db.superblock or ()):
        out.writerow((name, value.hex() if isinstance(value, bytes) else value))


def print_segments(db, out):
    out.writerow(Entry._fields + ("chunk_bytes", "footer_bytes"))
    for table in db.tables.values():
        for source in table.sources:
            if isinstance(source, Segment):
                out.writerow(source.entry + (sum(size for _, _, size, _ in source.chunks()),
                                             source.entry.size - source.footer_off))


def print_wal(db, out):
    out.writerow(("off", "size", "kind", "table_id", "first_seq", "row_count", "lag",
                  "applied"))
    for r in db.wal_records:
        out.writerow((r.off, r.size, KIND_NAMES[r.kind], r.table_id, r.first_seq, r.row_count,
                      r.lag, int(r in db.wal_applied)))


def main():
    parser = argparse.ArgumentParser(description="Reads a NanoTS file by SPEC.md alone.")
    parser.add_argument("file")
    parser.add_argument("table", nargs="?")
    parser.add_argument("--bits", action="store_true", help="floats as patterns in hex")
    parser.add_argument("--no-verify", action="store_true", help="skip what costs time to check")
    parser.add_argument("--superblock", action="store_true")
    parser.add_argument("--segments", action="store_true")
    parser.add_argument("--wal", action="store_true")
    args = parser.parse_args()
    out = csv.writer(sys.stdout, lineterminator="\n")
    try:
        db = Database(args.file, verify=not args.no_verify)
        for wanted, dump in ((args.superblock, print_superblock), (args.segments, print_segments),
                             (args.wal, print_wal)):
            if wanted:
                dump(db, out)
        if args.table is not None:
            if args.table not in db.tables:
                sys.exit("reader.py: no table %s" % args.table)
            print_rows(db.tables[args.table], args.bits, sys.stdout)
        elif not (args.superblock or args.segments or args.wal):
            if not args.no_verify:
                db.verify_rows()
            print_tables(db, out)
    except (FormatError, UnsupportedError) as error:
        sys.exit("reader.py: %s: %s" % (args.file, error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
