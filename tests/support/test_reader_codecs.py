# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/support/test_reader_codecs.py - every example of SPEC.md section 7, and what must fail."""

import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from reader_codecs import (Cursor, FormatError, Head, decode_f32, decode_f64,  # noqa: E402
                           decode_i64, decode_strings, decode_validity, read_block, unpack_stream,
                           zstd_library)

DIGITS = "00 77 ee 55 cc 33 aa 11 88 ff 66 dd 44 bb 22 99".split()

I64_EXAMPLES = (
    ("01 58 02", [300] * 3),
    ("01", [0] * 1024),
    ("05 03 14 58 70", [10, 13, 11, 10, 17]),
    ("05 85 0d 02 01 0b 12 7a 0a 2d c4 60 6a 4c b1 03 00",
     [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 1000000, -7]),
    ("06 80 a0 ab fe f9 62 80 d0 0f 02 01 03 b8 0b",
     [1700000000000 + 1000 * i + 3000 * (i >= 4) for i in range(9)]),
    ("07 00 02 00 04", [0, 1, 4, 9, 16, 25, 36, 49, 64]),
    ("05 04 d0 0f" + " ".join(digit * 8 for digit in DIGITS) * 4,
     [1000 + 7 * i % 16 for i in range(1024)]),
    ("04 06 00 10 05 07 06 2f 00 18 e3 ec 01",
     [value for value in (50, 3, 99, 27, 81, 64) for _ in range(8)]),
    ("09 14 19 05 02 00 d8 6f", [10, 60, 35, 85, 85, 85, 60, 35]),
    ("0a 0e 01 01 c8 01 0a", [100, 104, 107, 111, 114]),
    ("0b 02 24 05 03 02 c8 01", [1, 2, 8, 1]),
    ("0c 03 00 02 0c 00 0c", [i**3 for i in range(9)]),
    ("0c 09 3c 01 c8 01 10 02 00 9c", [100, 108, 108, 107, 104, 102]),
    ("0d 03 05 05 03 04 3b 00 01", [5, 9, 2, 5, 9, 2, 5, 9]),
)

# Head and vector.
BINNED_EXAMPLE = ("02 09 00 01 01 06 01 55 67 de 00", "12 c8 01 39 c1 3c 02")

F64_EXAMPLES = (
    ("00 9a 99 99 99 99 99 b9 3f 33 33 33 33 33 33 d3 3f", [0.1, 0.3]),
    ("01 f8 3f", [1.5] * 7),
    ("01 80", [-0.0] * 7),
    ("02 07 cf 1c a0 a1 e0 1b a2 03", [25.5, 25.5, 25.25, 30.0]),
    ("03 05 03 02 88 08", [1.0, 2.0, 3.0, 5.0]),
    ("08 01 05 03 b2 03 d0 42", [21.7, 21.9, 22.0, 21.8, 22.1]),
    ("08 81 01 02 00 00 00 00 00 00 f8 7f 05 03 b2 03 90 42",
     [21.7, 21.9, float("nan"), 21.8, 22.1]),
    ("08 e3 04 05 05 03 04 50 0f 02 01 01 05 03 8c 1d ac 46 d0 13",
     [1.866, 1.867, 1.8639999999999999, 1.865, 1.8659999999999999, 1.862, 1.866,
      1.8679999999999999, 1.865, 1.8639999999999999]),
    ("10 02 0a 01 01 05 03 14 d8 0b", [2.5, 3.3, 4.3, 3.8]),
    ("0e 2e 05 05 ca 83 08 21 80 09", [25.5, 25.5, 25.25, 30.0]),
    ("0e 3f 05 01 01 02", [-0.0, 0.0]),
)

# head, vector, values
OF_CHUNK_EXAMPLES = (
    ("01 09 03 07 08 01 05 02 b2 03 38", "0f 05 02 00 42", [22.0, 21.7, 21.7, 21.9]),
)

# decoder, bytes, count, why
CORRUPT = (
    (decode_i64, "", 1, "no codec"),
    (decode_i64, "02 00", 1, "xor is for f64"),
    (decode_i64, "03 00 01 00 00 00 00 00 00 00", 1, "integer is for f64"),
    (decode_f64, "05 03 14 58 70", 5, "for is for i64"),
    (decode_i64, "08 00 01", 1, "decimal is for f64"),
    (decode_f64, "09 00 02 01", 1, "scaled is for i64"),
    (decode_i64, "ff", 1, "unknown codec"),
    (decode_i64, "0e 00 01", 1, "ordered is for f64"),
    (decode_f64, "0e 40 01", 1, "64 zeros"),
    (decode_f64, "08 a1 01 00 01 01 01", 2, "differences that are not packed"),
    (decode_f64, "08 c1 01 02 01 01 01 01 01", 2, "packed positions that are negative"),
    (decode_f64, "10 02 0a 3f 01 01", 1, "shift 63"),
    (decode_f64, "0f 01", 1, "ranks without a table"),
    (decode_i64, "0f 01", 1, "ranks is for f64"),
    (decode_i64, "09 00 01 01", 1, "divisor 1"),
    (decode_i64, "09 00 02 09 00 02 01", 1, "scaled inside of scaled"),
    (decode_i64, "0a 02 3f 00 00", 1, "shift 63"),
    (decode_i64, "0b 00 01", 4, "one entry"),
    (decode_i64, "0b 02 e4 05 03 02 c8 01", 4, "code without an entry"),
    (decode_i64, "0b 01 00 04 02 00 00 01", 4, "runs in a dictionary"),
    (decode_i64, "0c 02 00 00 00 00", 5, "differences of order 2"),
    (decode_i64, "0c 29 00" + "00" * 14, 9, "five taps"),
    (decode_i64, "0c 0c 00 00 00 00 00 00 00 00", 9, "order 4 and taps"),
    (decode_i64, "0c 09 40 00 00 00 00 00", 9, "precision 64"),
    (decode_i64, "0c 49 00 00 00 00 00 00", 9, "reserved bits of a predictor"),
    (decode_i64, "0c 09 00 00 00 00 00 00", 2, "no value behind the starts"),
    (decode_i64, "0d 00 01 01 01", 4, "period 0"),
    (decode_i64, "0d 04 01 01 01", 4, "period of all values"),
    (decode_i64, "0d 81 04 01 01 01", 1024, "period 513"),
    (decode_i64, "0d 02 03 01 01", 4, "first values cut off"),
    (decode_i64, "0d 02 01 01 09 00 02 01", 4, "scaled in a period"),
    (decode_i64, "00 01 02 03", 1, "raw cut off"),
    (decode_i64, "00 01 02 03 04 05 06 07 08 09", 1, "raw too long"),
    (decode_i64, "01 01 02 03 04 05 06 07 08 09", 1, "constant too long"),
    (decode_i64, "05 03 14 58", 5, "packed cut off"),
    (decode_i64, "05 03 14 58 70 00", 5, "bytes left over"),
    (decode_i64, "05 41 00" + "00" * 9, 1, "width 65"),
    (decode_i64, "05 c0 00 01 01 00 01" + "00" * 8, 1, "width 64 with patches"),
    (decode_i64, "05 80 00 00 01 00", 1, "high of no bytes"),
    (decode_i64, "05 80 00 09 01 00" + "01" * 9, 1, "high of nine bytes"),
    (decode_i64, "05 80 00 11 01 00 01", 1, "reserved bits of shape"),
    (decode_i64, "05 80 00 01 00", 1, "no patches"),
    (decode_i64, "05 80 00 01 02 00 00 01 01", 1, "too many patches"),
    (decode_i64, "05 80 00 01 02 01 00 01 01", 2, "positions fall"),
    (decode_i64, "05 80 00 01 01 02 01", 2, "position behind the end"),
    (decode_i64, "06 02 00 00", 1, "delta of one value"),
    (decode_i64, "05 00 ff ff ff ff ff ff ff ff ff 02", 1, "varint beyond 64 bits"),
    (decode_i64, "05 00 80 80 80 80 80 80 80 80 80 80 00", 1, "varint of 11 bytes"),
    (decode_i64, "04 01 01", 4, "one run"),
    (decode_i64, "04 03 00 02 00 00 01", 5, "runs above count / 2"),
    (decode_i64, "04 02 00 00 01", 4, "empty run"),
    (decode_i64, "04 02 00 08 01", 4, "empty last run"),
    (decode_i64, "04 02 00 02 04 02 00 02 01", 4, "rle inside of rle"),
    (decode_f64, "04 02 00 02 03 01", 4, "integer inside of rle"),
    (decode_f64, "04 02 00 02 08 00 01", 4, "decimal inside of rle"),
    (decode_f64, "08", 1, "decimal without a control"),
    (decode_f64, "08 12 01", 1, "18 digits"),
    (decode_f64, "08 41 01", 1, "reserved bits of decimal"),
    (decode_f64, "08 80 00 01", 1, "no exceptions"),
    (decode_f64, "08 80 02 00 01" + "00" * 16 + "01", 1, "too many exceptions"),
    (decode_f64, "08 80 01 02" + "00" * 8 + "01", 2, "exception behind the end"),
    (decode_f64, "08 80 02 01 01" + "00" * 16 + "01", 3, "exceptions that do not rise"),
    (decode_f64, "08 80 01 00" + "00" * 7, 1, "exception cut off"),
    (decode_f64, "08 01 01 00 00 00 00 00 00 10", 1, "integer of 2^51"),
    (decode_f64, "08 01 01 01 00 00 00 00 00 10", 1, "integer below -2^51"),
    (decode_f64, "08 01 03 01", 1, "integer inside of decimal"),
    (decode_f64, "08 01 08 01 01", 1, "decimal inside of decimal"),
    (decode_f32, "", 1, "f32 without a codec"),
    (decode_f32, "00 01 02 03", 1, "raw of f32 cut off"),
    (decode_f32, "00 01 02 03 04 05 06 07 08", 1, "raw of f32 with 8 bytes"),
    (decode_f32, "05 03 14 58 70", 5, "for is not for f32"),
    (decode_f32, "01 01 00 00 00 00 00 f0 7f", 1, "NaN that would be infinite"),
    (decode_strings, "", 1, "no form"),
    (decode_strings, "04 01 02 01 02 78", 1, "unknown form"),
    (decode_strings, "00 02 02 01 02 78", 1, "total of other rows"),
    (decode_strings, "00 01 02 01 02", 1, "bytes cut off"),
    (decode_strings, "00 01 02 01 02 78 78", 1, "bytes left over"),
    (decode_strings, "00 01 02 01 01 78", 1, "length of -1"),
    (decode_strings, "00 01 02 01 02 c3", 1, "not UTF-8"),
    (decode_strings, "00 02 03 00 02 02 c3 bc", 2, "no vector of lengths"),
    (decode_strings, "00 02 02 01 02 c3 bc", 2, "a character cut in two"),
    (decode_strings, "01 01 00 02 01 02 01 01 78", 1, "no entries"),
    (decode_strings, "01 01 02 02 01 02 01 01 78", 1, "more entries than rows"),
    (decode_strings, "01 02 02 02 01 02 01 01 78 79", 2, "an entry without rows"),
    (decode_strings, "01 02 01 02 01 02 02 01 02 78", 2, "code of no entry"),
    (decode_strings, "02 00 01 01", 1, "nothing in zstd"),
    (decode_f64, "02 01", 1, "xor without a window"),
    (decode_f64, "02 07 cf 1c a0 a1 e0 1b a2", 4, "xor cut off"),
    (decode_f64, "02 07 cf 1c a0 a1 e0 1b a2 03 00", 4, "xor too long"),
    (decode_f64, "02 ff ff 0f" + "00" * 8, 1, "xor window beyond 64 bits"),
)

# bytes, 32-bit patterns
F32_EXAMPLES = (
    ("08 01 05 03 b2 03 d0 42", [0x41AD999A, 0x41AF3333, 0x41B00000, 0x41AE6666, 0x41B0CCCD]),
    ("03 05 03 02 88 08", [0x3F800000, 0x40000000, 0x40400000, 0x40A00000]),
    ("01 f8 3f", [0x3FC00000] * 3),
    ("01 00 00 a0 68 24 f4 ff", [0xFFA12345] * 2),
    ("00 db 0f 49 40 54 f8 2d 40", [0x40490FDB, 0x402DF854]),
    ("01 ff ff ff ff ff ff ef ff", [0xFF800000]),  # -DBL_MAX
    ("01 00 00 00 10 00 00 f0 3f", [0x3F800000]),  # ties to even
    ("01 00 00 00 30 00 00 f0 3f", [0x3F800002]),
    ("01 00 00 00 00 00 00 a0 36", [0x00000001]),  # the smallest
    ("01 00 00 00 00 00 00 90 b6", [0x80000000]),  # half of it
)

STRINGS_EXAMPLES = (
    ("00 04 04 05 02 00 22 6f 6e c3 bc", ["on", "", "\u00fc"]),
    ("01 18 02 02 01 08 04 05 01 00 14 6f 70 65 6e 73 68 75 74",
     ["open", "open", "shut", "open", "shut", "open"]),
)
STRINGS_ZSTD = "02 08 02 01 10 28 b5 2f fd 20 08 41 00 00 61 62 61 62 61 62 61 62"

VALIDITY_EXAMPLES = (
    ("00 6b 01", "110101101"),
    ("01 0c", "0" * 12 + "1" * 8),
    ("02 0a 05", "1" * 10 + "0" * 5 + "1" * 15),
)

# bytes, count, nulls, why
VALIDITY_CORRUPT = (
    ("", 9, 3, "no form"),
    ("03 6b 01", 9, 3, "unknown form"),
    ("00 6b", 9, 3, "bitmap cut off"),
    ("00 6b 01", 9, 4, "other number of nulls"),
    ("00 6b 03", 9, 3, "padding"),
    ("00 ff 01", 9, 0, "no nulls"),
    ("00 00 00", 9, 9, "all null"),
    ("01 0d", 20, 12, "run too long"),
    ("01 00 04 0c", 20, 12, "empty run"),
    ("01 0b 04", 20, 12, "runs cut off"),
)


def pack_stream(numbers, width):
    bits = sum(number << i * width for i, number in enumerate(numbers))
    return bits.to_bytes((len(numbers) * width + 7) // 8, "little")


class CodecsTest(unittest.TestCase):
    def test_decode_i64_examples_of_the_spec_match(self):
        for data, values in I64_EXAMPLES:
            with self.subTest(data=data[:40]):
                self.assertEqual(decode_i64(bytes.fromhex(data), len(values)), values)

    def test_decode_f64_examples_of_the_spec_match_in_every_bit(self):
        for data, values in F64_EXAMPLES:
            with self.subTest(data=data):
                bits = decode_f64(bytes.fromhex(data), len(values)).tobytes()
                self.assertEqual(bits, struct.pack("=%dd" % len(values), *values))

    def test_chunks_of_the_spec_match_in_every_bit(self):
        for head, data, values in OF_CHUNK_EXAMPLES:
            with self.subTest(head=head):
                head = Head(bytes.fromhex(head))
                bits = decode_f64(bytes.fromhex(data), len(values), head).tobytes()
                self.assertEqual(bits, struct.pack("=%dd" % len(values), *values))

    def test_tables_that_cannot_be_are_refused(self):
        for text in ("01 01 00", "01 02 81 40", "01 0a 03 07 08 01 05 02 b2 03 38 00",
                     "01 08 03 06 08 01 05 02 b2 03"):
            with self.subTest(head=text), self.assertRaises(FormatError):
                Head(bytes.fromhex(text))

    def test_decode_binned_example_of_the_spec_matches(self):
        head, data = (bytes.fromhex(text) for text in BINNED_EXAMPLE)
        self.assertEqual(decode_i64(data, 8, Head(head)), [100, 103, 106, 110, 113, 116, 121, 124])
        for spoilt in (head[:-1], head + b"\0", b"\1" + head[1:], b"\6" + head[1:],
                       head[:7] + b"\x56" + head[8:]):
            with self.subTest(head=spoilt), self.assertRaises(FormatError):
                Head(spoilt)
        for spoilt in (data[:-1], data + b"\0", data[:3] + b"\x38" + data[4:], data[:2]):
            with self.subTest(data=spoilt), self.assertRaises(FormatError):
                decode_i64(spoilt, 8, Head(head))
        with self.assertRaises(FormatError):
            decode_i64(data, 8)

    def test_read_block_example_of_the_spec_matches(self):
        data = bytes.fromhex("82 00 01 01 05 fa 47 62 6c")
        cursor = Cursor(data, 0, len(data), "block")
        self.assertEqual(read_block(cursor, 12), [3, 1, 0, 1, 2, 1000, 2, 1, 0, 3, 2, 1])
        self.assertEqual(cursor.at, len(data))

    def test_read_block_zigzag_turns_every_number(self):
        data = bytes.fromhex("82 09 81 01 05 fa 47 62 6c")
        numbers = read_block(Cursor(data, 0, len(data), "block"), 12)
        self.assertEqual(numbers, [u - 5 for u in (-2, -1, 0, -1, 1, 500, 1, -1, 0, -2, 1, -1)])

    def test_decode_bytes_against_the_rules_fail(self):
        for decode, data, count, why in CORRUPT:
            with self.subTest(why), self.assertRaises(FormatError):
                decode(bytes.fromhex(data), count)

    def test_decode_f32_examples_of_the_spec_match_in_every_bit(self):
        for data, bits in F32_EXAMPLES:
            with self.subTest(data=data):
                self.assertEqual(list(decode_f32(bytes.fromhex(data), len(bits))), bits)

    def test_decode_strings_examples_of_the_spec_match(self):
        for data, strings in STRINGS_EXAMPLES:
            with self.subTest(data=data):
                self.assertEqual(decode_strings(bytes.fromhex(data), len(strings)), strings)

    @unittest.skipUnless(zstd_library(), "libzstd is not installed")
    def test_decode_strings_zstd_example_of_the_spec_matches(self):
        self.assertEqual(decode_strings(bytes.fromhex(STRINGS_ZSTD), 1), ["abababab"])
        for data in (STRINGS_ZSTD + " 00", STRINGS_ZSTD[:-3], STRINGS_ZSTD.replace("2f", "2e")):
            with self.subTest(data=data), self.assertRaises(FormatError):
                decode_strings(bytes.fromhex(data), 1)

    def test_decode_validity_examples_of_the_spec_match(self):
        for data, rows in VALIDITY_EXAMPLES:
            data = bytes.fromhex(data)
            cursor = Cursor(data + b"\x81", 0, len(data) + 1, "rows")
            with self.subTest(rows=rows):
                self.assertEqual(decode_validity(cursor, len(rows), rows.count("0")),
                                 [row == "1" for row in rows])
                self.assertEqual(cursor.at, len(data))

    def test_decode_validity_bytes_against_the_rules_fail(self):
        for data, count, null_count, why in VALIDITY_CORRUPT:
            data = bytes.fromhex(data)
            with self.subTest(why), self.assertRaises(FormatError):
                decode_validity(Cursor(data, 0, len(data), "rows"), count, null_count)

    def test_unpack_stream_every_width_and_odd_count_returns_what_was_packed(self):
        for width in range(65):
            for count in (1, 7, 8, 9, 63, 100):
                numbers = [i * 0x9E3779B97F4A7C15 % 2**width for i in range(count)]
                with self.subTest(width=width, count=count):
                    self.assertEqual(unpack_stream(pack_stream(numbers, width), count, width),
                                     numbers)

    def test_decode_i64_differences_that_wrap_come_back_into_range(self):
        data = b"\x06\x00\x00" + b"\xff" * 9 + b"\x01"  # first 0, base -2^63
        self.assertEqual(decode_i64(data, 3), [0, -2**63, 0])


if __name__ == "__main__":
    unittest.main()
