# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/support/reader_image.py - makes files byte by byte for the tests of the second reader.

By SPEC.md, as the reader, but the other way round and without its code: a slip in one of the two
shows. A column is a name, of f64, or a tuple (name, type, nullable) as COLUMN makes it. Values are
float for f64, a pattern of 32 bits for f32, int for i64, i32 and bool, str for utf8, and None.
"""

import math
import os
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from reader import Database, FormatError  # noqa: E402
from xxh3 import xxh3  # noqa: E402

FILE_ID = bytes(range(100, 116))
FILE_SEED = struct.unpack("<Q", FILE_ID[:8])[0]
SALT = 0x1122334455667788
CHAIN = 0x99AABBCCDDEEFF00
ROWS, SEGMENT, CREATE, GROUP_BEGIN, GROUP_COMMIT, SEAL = range(1, 7)
NAN = math.nan
TYPES = (None, "f64", "f32", "i64", "i32", "bool", "utf8")


# --- Builders, section by section ----------------------------------------------------------------

def superblock(generation=2, manifest=(8192, 0, 0), file_end=8192, flushed_seq=0, wal_head=0,
               wal_extents=(), layout=0, incompat=0, version=1):
    image = struct.pack("<8sIIQQQQ16s", b"\x89NTT\r\n\x1a\n", version, 0x000100, generation,
                        incompat, 0, 0, FILE_ID)
    image += struct.pack("<10Q", *manifest, file_end, flushed_seq, SALT, CHAIN, wal_head, 0, 0)
    image += struct.pack("<IIQ", 9, len(wal_extents), 99)
    image += b"".join(struct.pack("<QI", off, size // 4096) for off, size in wal_extents)
    image = image.ljust(232, b"\0") + struct.pack("<QQ", layout, 0)
    return image + struct.pack("<Q", xxh3(image))


def place(parts, size=0):
    """The file that has each of parts, a dict of offset -> bytes, in its place."""
    image = bytearray(max([size] + [off + len(part) for off, part in parts.items()]))
    for off, part in parts.items():
        image[off:off + len(part)] = part
    return bytes(image)


def slot(copy):
    return copy.ljust(512, b"\0") + copy.ljust(512, b"\0")


def name(text):
    return bytes([len(text.encode())]) + text.encode()


def parts_of(column):
    """(name, type, nullable or all flags) of what stands for a column."""
    return (column, "f64", False) if isinstance(column, str) else column


def column(spec):
    text, kind, nullable = parts_of(spec)
    return bytes([TYPES.index(kind), int(nullable)]) + name(text)


def definition(table_id=1, text="power", columns=("a",), created_seq=0, unit=1, duplicates=0):
    return struct.pack("<IBBHQ", table_id, unit, duplicates, len(columns), created_seq) + \
        name(text) + b"".join(map(column, columns))


def edit(kind, body):
    body += bytes(-len(body) % 8)
    image = struct.pack("<IB3x", 16 + len(body), kind) + body
    return struct.pack("<Q", xxh3(image, FILE_SEED)) + image


# --- Segments ------------------------------------------------------------------------------------

def array(values):
    """An array of a column index: i64 or patterns of f64, not compressed."""
    vector = b"\0" + struct.pack("<%dQ" % len(values), *[value % 2**64 for value in values])
    return struct.pack("<H", len(vector)) + vector


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def widened(pattern):
    """f32 to f64, field by field; no f32 is subnormal as f64."""
    exponent, fraction = pattern >> 23 & 255, pattern & 0x7FFFFF
    if 0 < exponent < 255:
        return pattern >> 31 << 63 | exponent + 896 << 52 | fraction << 29
    if exponent == 255:
        return pattern >> 31 << 63 | 2047 << 52 | fraction << 29
    return pattern >> 31 << 63 | bits(math.ldexp(fraction, -149))


def number(kind, value):
    """What a zone map has in the place of a value."""
    if kind == "f64":
        return bits(value)
    if kind == "f32":
        return widened(value)
    if kind == "utf8":
        head = (value.encode() + bytes(8))[:8]
        return struct.unpack(">q", bytes([head[0] ^ 128]) + head[1:])[0]
    return value


def float_of(pattern):
    return struct.unpack("<d", struct.pack("<Q", pattern))[0]


def total_order(pattern):
    return float_of(pattern), -(pattern >> 63)


def vector_sum(values):
    lanes = [0.0] * 8
    for i, value in enumerate(values):
        if not math.isnan(value):
            lanes[i % 8] += value
    while len(lanes) > 1:
        lanes = [a + b for a, b in zip(lanes[::2], lanes[1::2])]
    return lanes[0]


def strings(values):
    texts = [value.encode() for value in values]
    lengths = b"\0" + struct.pack("<%dq" % len(texts), *map(len, texts))
    return b"\0" + varint(sum(map(len, texts))) + varint(len(lengths)) + lengths + b"".join(texts)


def varint(value):
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def encoded(kind, part, may_derive=True):
    """The bytes of a vector with its nulls: a bitmap, and raw values or none."""
    values = [value for value in part if value is not None]
    data = b""
    if 0 < len(values) < len(part):
        rows = sum((value is not None) << i for i, value in enumerate(part))
        data = b"\0" + rows.to_bytes((len(part) + 7) // 8, "little")
    if not values or may_derive and kind != "utf8" and is_derived(kind, values):
        return data
    if kind == "utf8":
        return data + strings(values)
    layout = {"f64": "d", "f32": "I"}.get(kind, "q")
    return data + b"\0" + struct.pack("<%d%s" % (len(values), layout), *values)


def is_derived(kind, values):
    if kind == "ts":
        return len({b - a for a, b in zip(values, values[1:])}) <= 1
    return len({number(kind, value) for value in values}) == 1


def group_sum(kind, parts):
    if kind not in ("f64", "f32"):
        return sum(map(sum, parts))
    total = 0.0
    for part in parts:
        total += vector_sum(map(float_of, part))
    return bits(NAN if math.isnan(total) else total)


def index_arrays(kind, nullable, offs, sizes, parts):
    """The arrays of a column index up to the checksums, by name and in order."""
    counts = [part.count(None) for part in parts]
    parts = [[number(kind, value) for value in part if value is not None] for part in parts]
    groups = [parts[at:at + 16] for at in range(0, len(parts), 16)]
    is_float = kind in ("f64", "f32")
    key = total_order if is_float else int
    ranked = [[v for v in part if not (is_float and math.isnan(float_of(v)))] or part[:1] or [0]
              for part in parts]
    arrays = {"chunk_off": offs, "vector_size": sizes, "min": [min(p, key=key) for p in ranked],
              "max": [max(p, key=key) for p in ranked]}
    if nullable:
        arrays["null_count"] = counts
    if is_float:
        arrays["nan_count"] = [sum(math.isnan(float_of(v)) for v in part) for part in parts]
    if kind not in ("ts", "utf8"):
        flat = [[value for part in group for value in part] or [0] for group in groups]
        arrays["sum"] = [group_sum(kind, group) for group in groups]
        arrays["first"] = [values[0] for values in flat]
        arrays["last"] = [values[-1] for values in flat]
    return arrays


def segment(table, ts, columns, segment_id=1, seq_first=1, off=12288, specs=None, may_derive=True,
            change=lambda column, arrays: None):
    """(bytes of the segment, its entry). specs are the columns, of f64 if not given; change is
    given each column's number (0: ts) and its arrays, before they are encoded."""
    specs = [parts_of(spec) for spec in specs or ["c"] * len(columns)]
    kinds = [("ts", False)] + [spec[1:] for spec in specs]
    vectors = [[values[i:i + 1024] for i in range(0, len(ts), 1024)] for values in [ts, *columns]]
    body, offs, checks = b"", [[] for _ in kinds], [[] for _ in kinds]
    sizes = [[] for _ in kinds]
    for group in range(0, len(vectors[0]), 16):
        for i, parts in enumerate(vectors):
            chunk = b""
            for part in parts[group:group + 16]:
                data = encoded(kinds[i][0], part, may_derive)
                sizes[i].append(len(data))
                chunk += data
            offs[i].append(80 + len(body))
            if chunk:
                checks[i].append(xxh3(chunk, group // 16 * len(kinds) + i))
            body += chunk
    body += bytes(-len(body) % 8)
    seqs = struct.pack("<QQ", seq_first, seq_first + len(ts) - 1)
    bounds = struct.pack("<qq", ts[0], ts[-1])
    footer = bounds + FILE_ID[:8] + struct.pack("<II", len(table), len(columns)) + table
    for i, (kind, nullable) in enumerate(kinds):
        arrays = index_arrays(kind, nullable, offs[i], sizes[i], vectors[i])
        change(i, arrays)
        index = b"".join(map(array, arrays.values()))
        index += struct.pack("<%dQ" % len(checks[i]), *checks[i])
        footer += struct.pack("<I", len(index)) + index
    footer += bytes(-len(footer) % 8)
    table_id, = struct.unpack_from("<I", table)
    footer_checksum = xxh3(footer, segment_id)
    size = 80 + len(body) + len(footer)
    header = struct.pack("<8sQQQQII", b"NTSSEG1\n", segment_id, size, 80 + len(body),
                         footer_checksum, table_id, len(ts)) + seqs + bytes(8)
    header += struct.pack("<Q", xxh3(header))
    entry = struct.pack("<IIQQQ", table_id, len(ts), segment_id, off, size) + seqs + \
        bounds + struct.pack("<QQ", footer_checksum, 0)
    return header + body + footer, entry


# --- Log and file --------------------------------------------------------------------------------

class Wal:
    """A log that is written record by record; parts is what place() wants."""

    def __init__(self, off=65536, size=65536, next_seq=1):
        self.size, self.next_seq, self.chain = size, next_seq, CHAIN
        self.parts = {off: bytearray(size), off + size: bytearray(size)}
        self.go_to(off)

    def go_to(self, off):
        self.off, self.at = off, 64

    def record(self, kind, payload=b"", table_id=0, row_count=0, column_count=0, synced_seq=0):
        payload += bytes(-len(payload) % 8)
        lag = (self.next_seq - synced_seq - 1).bit_length()
        image = struct.pack("<IBBHQII", 32 + len(payload), kind, lag, column_count, self.next_seq,
                            table_id, row_count)
        self.chain = xxh3(image, xxh3(payload, SALT) ^ self.chain)
        image = struct.pack("<Q", self.chain) + image + payload
        self.parts[self.off][self.at:self.at + len(image)] = image
        self.at += len(image)
        self.next_seq += row_count
        return self.at - len(image)

    def rows(self, ts, *columns, table_id=1, synced_seq=0):
        payload = struct.pack("<%dq" % len(ts), *ts)
        payload += b"".join(struct.pack("<%dd" % len(ts), *values) for values in columns)
        return self.record(ROWS, payload, table_id, len(ts), len(columns), synced_seq)


class ReaderCase(unittest.TestCase):
    def open(self, image):
        with tempfile.NamedTemporaryFile(suffix=".nts") as file:
            file.write(image)
            file.flush()
            return Database(file.name)

    def rows(self, image, table="power"):
        return list(self.open(image).tables[table].rows())

    def fails(self, image, pattern=""):
        with self.assertRaisesRegex(FormatError, pattern):
            db = self.open(image)
            db.verify_rows()


def image_of(manifest, parts=None, **fields):
    """A file with slot A, one manifest at 8192 and whatever parts has."""
    parts = dict(parts or {})
    end = max([8192 + len(manifest)] + [off + len(part) for off, part in parts.items()])
    sb = superblock(manifest=(8192, len(manifest), len(manifest)), file_end=end, **fields)
    return place({0: slot(sb), 8192: manifest, **parts})


def wal_image(wal, manifest=None, flushed_seq=0):
    extents = [(off, wal.size) for off in wal.parts]
    return image_of(edit(1, definition()) if manifest is None else manifest, wal.parts,
                    flushed_seq=flushed_seq, wal_head=extents[0][0] + 64, wal_extents=extents)
