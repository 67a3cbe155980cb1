# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/support/reader_codecs.py - decodes vectors, by SPEC.md section 7; see reader.py.

    vector:  codec | body                              1 to 1024 values; the count is known outside
    block:   control | base | patches | packed bits    where the integer codecs keep their numbers

Inside, a value is a Python integer that stands for its residue modulo 2^64; it is brought into
range at the end. Every input gives values or FormatError.
"""

from array import array
import ctypes.util
from itertools import accumulate
import struct

M64 = 2**64 - 1
VECTOR_ROWS = 1024
RAW, CONSTANT, XOR, INTEGER, RLE, FOR, DELTA, DELTA2, DECIMAL = range(9)
SCALED, LINE, DICTIONARY, PREDICT, SEASONAL, ORDERED, RANKS, MULTIPLE = range(9, 17)
BINNED = 18
SIMPLE_CODECS = (RAW, CONSTANT, FOR, DELTA, DELTA2)
I64_CODECS = SIMPLE_CODECS + (RLE, SCALED, LINE, DICTIONARY, PREDICT, SEASONAL, BINNED)
F64_CODECS = (RAW, CONSTANT, XOR, INTEGER, RLE, DECIMAL, ORDERED, RANKS, MULTIPLE)



class FormatError(Exception):
    """The file breaks a rule of SPEC.md."""


def check(condition, message, *details):
    """The one way to find a file wrong."""
    if not condition:
        raise FormatError(message % details)


class Cursor:
    """Reads forward through data[at:end] and refuses to leave it.

    `head` is that of the chunk to which the data belongs (read_head), None if it has none.
    """

    def __init__(self, data, at, end, what, head=None):
        check(0 <= at <= end <= len(data), "%s: [%d, %d) is outside of the data", what, at, end)
        self.data, self.at, self.end, self.what, self.head = data, at, end, what, head

    def bytes(self, size):
        check(size <= self.end - self.at, "%s: cut off", self.what)
        self.at += size
        return self.data[self.at - size:self.at]

    def take(self, layout):
        layout = struct.Struct("<" + layout)
        return layout.unpack(self.bytes(layout.size))

    def rest(self):
        return self.bytes(self.end - self.at)

    def rest_count(self, item_size):
        return (self.end - self.at) // item_size

    def name(self):
        size, = self.take("B")
        check(size > 0, "%s: empty name", self.what)
        name = bytes(self.bytes(size))
        check(min(name) >= 0x20 and 0x7F not in name, "%s: control character", self.what)
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("%s: %s" % (self.what, error)) from None

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte, = self.bytes(1)
            value |= (byte & 127) << shift
            if byte < 128:
                check(value <= M64, "%s: varint beyond 64 bits", self.what)
                return value
        raise FormatError("%s: varint of more than 10 bytes" % self.what)

    def svarint(self):
        return unzigzag(self.varint())


def unzigzag(number):
    return number >> 1 ^ -(number & 1)


def signed(values):
    """Residues modulo 2^64 as i64."""
    return list(struct.unpack("<%dq" % len(values),
                              struct.pack("<%dQ" % len(values), *[v & M64 for v in values])))


# --- 7.1, 7.2: packed numbers and blocks ---------------------------------------------------------

def unpack_stream(data, count, width):
    """Numbers of `width` bits, lowest bit first; eight of them take `width` whole bytes."""
    if width == 0:
        return [0] * count
    mask, shifts, numbers = (1 << width) - 1, range(0, 8 * width, width), []
    for at in range(0, len(data), width):
        eight = int.from_bytes(data[at:at + width], "little")
        numbers += [eight >> shift & mask for shift in shifts]
    return numbers[:count]


def read_packed(cursor, count, width):
    if count < VECTOR_ROWS:
        return unpack_stream(cursor.bytes((count * width + 7) // 8), count, width)
    numbers, words = [0] * count, cursor.take("%dQ" % (16 * width))
    for lane in range(16):
        stream = struct.pack("<%dQ" % width, *words[lane::16])
        numbers[lane::16] = unpack_stream(stream, count // 16, width)
    return numbers


def read_block(cursor, count):
    control, = cursor.take("B")
    width, patched = control & 127, control >> 7
    check(width <= 64 - patched, "%s: width %d", cursor.what, width)
    base = cursor.svarint()
    if not patched:
        return [base + number for number in read_packed(cursor, count, width)]
    place = "B" if count <= 256 else "H"
    shape, patch_count = cursor.take("B" + place)
    high_size = shape & 15
    check(1 <= high_size <= 8 and not shape & 0x70, "%s: shape 0x%02x", cursor.what, shape)
    check(1 <= patch_count <= count, "%s: %d patches", cursor.what, patch_count)
    places = cursor.take("%d%s" % (patch_count, place))
    check(places[-1] < count and all(a < b for a, b in zip(places, places[1:])),
          "%s: patch positions", cursor.what)
    highs = [int.from_bytes(cursor.bytes(high_size), "little") for _ in places]
    numbers = read_packed(cursor, count, width)
    for at, high in zip(places, highs):
        numbers[at] = numbers[at] + (high << width) & M64
    if shape & 128:
        numbers = [unzigzag(number) for number in numbers]
    return [base + number for number in numbers]


# --- 7.3 to 7.8: codecs --------------------------------------------------------------------------

def decode_constant(cursor, count, is_f64):
    size = cursor.end - cursor.at
    check(size <= 8, "%s: constant of %d bytes", cursor.what, size)
    value = int.from_bytes(cursor.rest(), "little")
    return [value << 64 - 8 * size if is_f64 else unzigzag(value)] * count


def read_numbers(cursor, count, start_count):
    """The numbers of a block behind `start_count` values that are given otherwise."""
    check(count > start_count, "%s: %d values", cursor.what, count)
    if count == VECTOR_ROWS:
        return read_block(cursor, count)[start_count:]
    return read_block(cursor, count - start_count)


def sum_up(starts, differences):
    for start in reversed(starts):
        differences = list(accumulate(differences, initial=start))
    return differences


def decode_differences(cursor, count, order):
    starts = [cursor.svarint() for _ in range(order)]
    return sum_up(starts, read_numbers(cursor, count, order))


def decode_rle(cursor, count, is_f64):
    run_count = cursor.varint()
    check(2 <= run_count <= count // 2, "%s: %d runs", cursor.what, run_count)
    lengths = [length & M64 for length in read_block(cursor, run_count - 1)]
    lengths.append(count - sum(lengths))
    check(min(lengths) >= 1, "%s: length of a run", cursor.what)
    runs = decode(cursor.rest(), run_count, is_f64,
                  (RAW, CONSTANT, XOR) if is_f64 else SIMPLE_CODECS)
    return [value for value, length in zip(runs, lengths) for _ in range(length)]


def decode_xor(cursor, count):
    data, at, before, size, values = bytes(cursor.rest()), 0, 0, 0, []
    trailing = 0
    for _ in range(count):
        # At most 2 + 12 + 64 bits belong to a value; 11 bytes hold them wherever they begin.
        bits = int.from_bytes(data[at >> 3:(at >> 3) + 11], "little") >> (at & 7)
        if not bits & 1:
            at += 1
        else:
            if bits & 2:
                size = (bits >> 8 & 63) + 1
                trailing = 64 - (bits >> 2 & 63) - size
                check(trailing >= 0, "%s: xor window", cursor.what)
                bits >>= 14
                at += 14 + size
            else:
                check(size > 0, "%s: no xor window yet", cursor.what)
                bits >>= 2
                at += 2 + size
            before ^= (bits & (1 << size) - 1) << trailing
        values.append(before)
    check((at + 7) // 8 == len(data), "%s: xor takes %d bits of %d bytes", cursor.what, at,
          len(data))
    return values


def decode_integer(cursor, count):
    integers = signed(decode(cursor.rest(), count, False, head=cursor.head))
    return array("Q", array("d", [float(value) for value in integers]).tobytes())


def read_exceptions(cursor, control, count):
    """Positions and values that bits 5 to 7 of a control byte announce."""
    packed, flagged = control & 64, control & 128
    check((flagged or not packed) and (packed or not control & 32),
          "%s: control 0x%02x", cursor.what, control)
    if not flagged:
        return (), ()
    place = "B" if count <= 256 else "H"
    exception_count, = cursor.take(place)
    check(1 <= exception_count <= count, "%s: %d exceptions", cursor.what, exception_count)
    if packed:
        places = decode_i64(cursor.bytes(cursor.varint()), exception_count)
        values = [v & M64 for v in decode_i64(cursor.bytes(cursor.varint()), exception_count)]
    else:
        places = cursor.take("%d%s" % (exception_count, place))
        values = cursor.take("%dQ" % exception_count)
    check(places[0] >= 0 and places[-1] < count and all(a < b for a, b in zip(places, places[1:])),
          "%s: exception positions", cursor.what)
    return places, values


def decode_decimal(cursor, count, numbers_of=lambda integers: integers):
    control, = cursor.take("B")
    digits = control & 31
    check(digits <= 17, "%s: %d digits", cursor.what, digits)
    places, exceptions = read_exceptions(cursor, control, count)
    integers = numbers_of(signed(decode(cursor.rest(), count, False, head=cursor.head)))
    check(-2**51 <= min(integers) and max(integers) < 2**51, "%s: integers", cursor.what)
    # Python divides integers as the specification wants it: exactly, then rounded once.
    values = array("Q", array("d", [value / 10**digits for value in integers]).tobytes())
    for at, bits in zip(places, exceptions):
        values[at] = (values[at] if control & 32 else 0) + bits & M64
    return values


# --- 7.13 to 7.17: codecs of integers ------------------------------------------------------------

def decode_scaled(cursor, count):
    origin, divisor = cursor.svarint(), cursor.varint()
    check(divisor >= 2, "%s: divisor %d", cursor.what, divisor)
    allowed = tuple(codec for codec in I64_CODECS if codec not in (SCALED, BINNED))
    quotients = decode(cursor.rest(), count, False, allowed, cursor.head)
    return [origin + divisor * quotient for quotient in quotients]


def decode_line(cursor, count):
    slope, (shift,) = cursor.svarint(), cursor.take("B")
    check(shift <= 62, "%s: shift %d", cursor.what, shift)
    products = signed([slope * i for i in range(count)])
    return [number + (product >> shift)
            for number, product in zip(read_block(cursor, count), products)]


def decode_dictionary(cursor, count):
    last, = cursor.take("B")
    check(last >= 1, "%s: one entry", cursor.what)
    codes = read_packed(cursor, count, last.bit_length())
    check(max(codes) <= last, "%s: code %d of %d", cursor.what, max(codes), last)
    entries = decode(cursor.rest(), last + 1, False, SIMPLE_CODECS)
    return [entries[code] for code in codes]


class Predictor:
    """What foretells values from those before: control, precision and taps of 7.16."""

    def __init__(self, cursor):
        control, = cursor.take("B")
        self.order, tap_count = control & 7, control >> 3
        check(tap_count <= 4 and (not tap_count or self.order <= 3),
              "%s: predictor 0x%02x", cursor.what, control)
        self.start_count, self.taps = self.order, []
        if tap_count:
            precision, = cursor.take("B")
            check(precision <= 63, "%s: precision %d", cursor.what, precision)
            self.taps = signed([cursor.svarint() << precision for _ in range(tap_count)])
            self.start_count = max(self.order, tap_count + 1)

    def values(self, starts, errors):
        if not self.taps:
            return sum_up(starts, errors)
        y = sum_up([0] + starts[1:], [])
        shape = ((), (1,), (2, -1), (3, -3, 1))[self.order]
        for error in errors:
            value = error + sum(factor * y[-1 - k] for k, factor in enumerate(shape))
            for j, tap in enumerate(self.taps):
                reach, = signed([8 * y[-2 - j]])
                value += tap * reach >> 64
            y.append(value & M64)
        return [starts[0] + value for value in y]


def decode_predict(cursor, count):
    predictor = Predictor(cursor)
    check(predictor.taps or predictor.order >= 3, "%s: predictor of low order", cursor.what)
    starts = [cursor.svarint() for _ in range(predictor.start_count)]
    return predictor.values(starts, read_numbers(cursor, count, predictor.start_count))


def decode_seasonal(cursor, count):
    period, size = cursor.varint(), cursor.varint()
    check(1 <= period <= 512 and period < count, "%s: period %d", cursor.what, period)
    values = list(decode(cursor.bytes(size), period, False, SIMPLE_CODECS))
    for difference in decode(cursor.rest(), count - period, False, SIMPLE_CODECS):
        values.append(values[-period] + difference)
    return values


# --- 7.18: doubles through integers --------------------------------------------------------------

def decode_ordered(cursor, count):
    zeros, = cursor.take("B")
    check(zeros <= 63, "%s: %d zeros", cursor.what, zeros)
    integers = signed(decode(cursor.rest(), count, False, head=cursor.head))
    return [(n << zeros) % 2**63 if n >= 0 else 2**63 + (-n - 1 << zeros) % 2**63
            for n in integers]


def decode_ranks(cursor, count):
    table = cursor.head and cursor.head.ranks
    check(table, "%s: no table for ranks", cursor.what)
    ranks = signed(decode(cursor.rest(), count, False, head=cursor.head))
    check(0 <= min(ranks) and max(ranks) < len(table), "%s: ranks", cursor.what)
    return [table[rank] for rank in ranks]


def decode_multiple(cursor, count):
    phase, step, (shift,) = cursor.svarint(), cursor.svarint(), cursor.take("B")
    check(shift <= 62, "%s: shift %d", cursor.what, shift)
    return decode_decimal(cursor, count, lambda places: [
        product >> shift for product in signed([phase + step * place for place in places])])


F64_DECODERS = {INTEGER: decode_integer, DECIMAL: decode_decimal, ORDERED: decode_ordered,
                RANKS: decode_ranks, MULTIPLE: decode_multiple}


# --- 7.20: binned --------------------------------------------------------------------------------

class Bits:
    """Fields of a string of bytes, lowest bit first. Zeros follow its end."""

    def __init__(self, data):
        self.bits, self.at = int.from_bytes(data, "little"), 0

    def take(self, width):
        self.at += width
        return self.bits >> self.at - width & (1 << width) - 1

    def unary(self, most):
        number = 0
        while self.take(1):
            number += 1
            check(number <= most, "bits: unary number beyond %d", most)
        return number

    def below_top(self, length):
        return length if length <= 1 else 1 << length - 1 | self.take(length - 1)


def table_of(frequencies, log):
    """(base, bit count, bin) of each entry."""
    bins, at = [None] * (1 << log), 0
    for number, frequency in enumerate(frequencies):
        for _ in range(frequency):
            bins[at] = number
            at = (at + 5 * (1 << log) // 8 + 3) % (1 << log)
    following, table = list(frequencies), []
    for number in bins:
        x, following[number] = following[number], following[number] + 1
        bit_count = log + 1 - x.bit_length()
        table.append(((x << bit_count) - (1 << log), bit_count, number))
    return table


class Binned:
    """A model of a chunk."""

    def __init__(self, cursor):
        self.origin, self.divisor = cursor.svarint(), cursor.varint()
        check(self.divisor >= 1, "%s: divisor 0", cursor.what)
        self.predictor, self.least = Predictor(cursor), cursor.svarint()
        data = cursor.rest()
        bits = Bits(data)
        bin_count, self.log = bits.take(8) + 1, bits.take(4)
        check(bin_count <= 255 and (self.log == 0) == (bin_count == 1) and
              (self.log == 0 or 5 <= self.log <= 11), "%s: bins", cursor.what)
        frequencies, self.lowers, self.widths, before = [], [], [], 0
        for number in range(bin_count):
            if self.log:
                frequencies.append(bits.below_top(bits.take(4)) + 1)
            lower = 0
            if number:
                length = before + unzigzag(bits.unary(128))
                check(0 <= length <= 64, "%s: distance of bins", cursor.what)
                lower = self.lowers[-1] + bits.below_top(length)
            self.lowers.append(lower)
            before += unzigzag(bits.unary(128))
            check(0 <= before <= 64, "%s: width of a bin", cursor.what)
            self.widths.append(before)
        check((bits.at + 7) // 8 == len(data), "%s: bytes of bins", cursor.what)
        if self.log:
            check(sum(frequencies) == 1 << self.log, "%s: frequencies", cursor.what)
            self.table = table_of(frequencies, self.log)

    def choices(self, cursor, count):
        """The bin of each error."""
        if not self.log:
            return [0] * count
        bits = Bits(cursor.data[cursor.at:cursor.end])
        states, lanes = [bits.take(self.log) for _ in range(4)], ([], [], [], [])
        for _ in range((count + 3) // 4):
            for j, lane in enumerate(lanes):
                base, bit_count, number = self.table[states[j]]
                lane.append(number)
                states[j] = base + bits.take(bit_count)
        check(not any(states), "%s: states at the end", cursor.what)
        cursor.bytes((bits.at + 7) // 8)
        return sum(lanes, [])[:count]

    def decode(self, cursor, count):
        start_count = self.predictor.start_count
        check(count > start_count, "%s: %d values", cursor.what, count)
        least = self.least + (cursor.svarint() if self.predictor.taps else 0)
        starts = [cursor.svarint() for _ in range(start_count)]
        choices = self.choices(cursor, count - start_count)
        data = cursor.rest()
        bits = Bits(data)
        errors = [least + self.lowers[number] + bits.take(self.widths[number])
                  for number in choices]
        check((bits.at + 7) // 8 == len(data), "%s: bytes of offsets", cursor.what)
        return [self.origin + self.divisor * value
                for value in self.predictor.values(starts, errors)]


def decode_binned(cursor, count):
    model = cursor.head and cursor.head.binned
    check(model, "%s: no model in the head", cursor.what)
    return model.decode(cursor, count)


I64_DECODERS = {SCALED: decode_scaled, LINE: decode_line, DICTIONARY: decode_dictionary,
                BINNED: decode_binned,
                PREDICT: decode_predict, SEASONAL: decode_seasonal}


def decode(data, count, is_f64, allowed=None, head=None):
    """The values of a vector, as residues modulo 2^64."""
    cursor = Cursor(data, 0, len(data), "vector", head)
    codec, = cursor.take("B")
    check(codec in (allowed or (F64_CODECS if is_f64 else I64_CODECS)), "vector: codec %d", codec)
    if codec == RAW:
        values = cursor.take("%dQ" % count)
    elif codec == CONSTANT:
        values = decode_constant(cursor, count, is_f64)
    elif codec == XOR:
        values = decode_xor(cursor, count)
    elif codec == RLE:
        values = decode_rle(cursor, count, is_f64)
    elif codec in F64_DECODERS:
        values = F64_DECODERS[codec](cursor, count)
    elif codec in I64_DECODERS:
        values = I64_DECODERS[codec](cursor, count)
    else:
        values = decode_differences(cursor, count, codec - FOR)
    check(cursor.at == cursor.end, "vector: bytes behind the last value")
    return values


def decode_i64(data, count, head=None):
    """A list of int."""
    return signed(decode(data, count, False, head=head))


def decode_f64(data, count, head=None):
    """An array of 64-bit patterns."""
    return array("Q", decode(data, count, True, head=head))


# --- 7.9: rows with and without a value ----------------------------------------------------------

def decode_validity(cursor, count, null_count):
    """One bool a row, True where it has a value. Leaves the cursor behind the last byte used."""
    check(0 < null_count < count, "%s: %d of %d rows", cursor.what, null_count, count)
    form, = cursor.take("B")
    if form == 0:
        bits = int.from_bytes(cursor.bytes((count + 7) // 8), "little")
        check(bits >> count == 0, "%s: bits behind the last row", cursor.what)
        rows = [bool(bits >> i & 1) for i in range(count)]
        check(rows.count(False) == null_count, "%s: other number of nulls", cursor.what)
        return rows
    check(form <= 2, "%s: form %d", cursor.what, form)
    value, rows, left = form == 2, [], {False: null_count, True: count - null_count}
    while left[False] and left[True]:
        run = cursor.varint()
        check(1 <= run <= left[value], "%s: run of %d rows", cursor.what, run)
        left[value] -= run
        rows += [value] * run
        value = not value
    return rows + [False] * left[False] + [True] * left[True]


# --- 7.10: f32 -----------------------------------------------------------------------------------

def f32_of_f64(bits):
    """The 32-bit pattern of a 64-bit pattern, rounded to nearest even."""
    value, = struct.unpack("<d", struct.pack("<Q", bits))
    sign = bits >> 63 << 31
    if value != value:
        check(bits & 2**29 - 1 == 0, "vector: bits of a NaN that f32 has not")
        return sign | 0x7F800000 | bits >> 29 & 0x7FFFFF
    try:
        return int.from_bytes(struct.pack("<f", value), "little")
    except OverflowError:
        return sign | 0x7F800000


def decode_f32(data, count, head=None):
    """An array of 32-bit patterns."""
    if data[:1] == b"\0":
        cursor = Cursor(data, 1, len(data), "vector")
        values = cursor.take("%dI" % count)
        check(cursor.at == cursor.end, "vector: bytes behind the last value")
        return array("I", values)
    return array("I", map(f32_of_f64, decode_f64(data, count, head)))


# --- 7.11: strings -------------------------------------------------------------------------------

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class UnsupportedError(Exception):
    """The file may be right, but needs what is not here."""


def zstd_library():
    """The system's libzstd, or None. The standard library has zstd from Python 3.14 on only."""
    path = ctypes.util.find_library("zstd")
    if path is None:
        return None
    library = ctypes.CDLL(path)
    for name in ("ZSTD_decompress", "ZSTD_findFrameCompressedSize"):
        getattr(library, name).restype = ctypes.c_size_t
    return library


def decompress(frame, size):
    """The content of one zstd frame, which must have `size` bytes."""
    library = zstd_library()
    if library is None:
        raise UnsupportedError("strings: libzstd is not installed")
    length = library.ZSTD_findFrameCompressedSize(frame, ctypes.c_size_t(len(frame)))
    check(length == len(frame) and frame[:4] == ZSTD_MAGIC, "strings: not one frame of zstd")
    content = ctypes.create_string_buffer(size)
    found = library.ZSTD_decompress(content, ctypes.c_size_t(size), frame,
                                    ctypes.c_size_t(len(frame)))
    check(found == size, "strings: zstd holds other than %d bytes", size)
    return content.raw


def split_entries(data, lengths):
    entries, at = [], 0
    for length in lengths:
        try:
            entries.append(data[at:at + length].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise FormatError("strings: %s" % error) from None
        at += length
    return entries


def decode_strings(data, count):
    """A list of str."""
    cursor = Cursor(data, 0, len(data), "strings")
    form, = cursor.take("B")
    check(form < 4, "strings: form %d", form)
    total = cursor.varint()
    entry_count = cursor.varint() if form & 1 else count
    check(1 <= entry_count <= count, "strings: %d entries", entry_count)
    lengths = decode_i64(cursor.bytes(cursor.varint()), entry_count)
    check(min(lengths) >= 0, "strings: length of an entry")
    codes = range(count)
    if form & 1:
        codes = decode_i64(cursor.bytes(cursor.varint()), count)
        check(list(dict.fromkeys(codes)) == list(range(entry_count)), "strings: order of codes")
    check(sum(lengths[code] for code in codes) == total < 2**31, "strings: total %d", total)
    content = bytes(cursor.rest())
    limit = (len(content) << 15 if form & 2 else len(content)) * (count if form & 1 else 1)
    check(total <= limit, "strings: total %d", total)
    if form & 2:
        check(sum(lengths) > 0, "strings: nothing in zstd")
        content = decompress(content, sum(lengths))
    check(len(content) == sum(lengths), "strings: %d bytes", len(content))
    entries = split_entries(content, lengths)
    return [entries[code] for code in codes]


# --- 7.12: heads ---------------------------------------------------------------------------------

def read_ranks(cursor):
    """The table of codec RANKS."""
    count, entries = cursor.varint(), []
    check(1 <= count <= 8192, "%s: %d entries", cursor.what, count)
    while len(entries) < count:
        entries += decode_f64(cursor.bytes(cursor.varint()),
                              min(VECTOR_ROWS, count - len(entries)))
    return entries


class Head:
    """What the vectors of a chunk share."""

    # (bit, attribute, reader of a cursor over the part), lowest bit first
    PARTS = ((1, "ranks", read_ranks), (2, "binned", Binned))

    def __init__(self, data):
        cursor = Cursor(data, 0, len(data), "head")
        flags, = cursor.take("B")
        check(flags != 0, "head: nothing in it")
        for bit, attribute, read in self.PARTS:
            if flags & bit:
                size = cursor.varint()
                part = Cursor(data, cursor.at, cursor.at + size, "head: " + attribute)
                cursor.bytes(size)
                setattr(self, attribute, read(part))
                check(part.at == part.end, "%s: bytes behind its end", part.what)
            else:
                setattr(self, attribute, None)
            flags &= ~bit
        check(flags == 0 and cursor.at == cursor.end, "head: flags or size")
