# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/support/test_reader_types.py - all column types, against files of reader_image.py."""

import contextlib
import io
import os
import random
import struct
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from reader_image import (CREATE, NAN, ROWS, ReaderCase, TYPES, Wal, bits, column, definition,
                          edit, image_of, name, segment, wal_image)
import reader  # noqa: E402

SEED = int(os.environ.get("SEED", random.randrange(2**32)))
KINDS = TYPES[1:]
ONE, MINUS_ZERO, TENTH = 0x3F800000, 0x80000000, 0x3DCCCCCD  # patterns of f32
QUIET, SIGNALLING, NEGATIVE = 0x7FC00001, 0x7F812345, 0xFFA12345  # NaNs of f32

# For each type values of all sorts.
VALUES = {
    "f64": [0.0, -0.0, 1.5, NAN, -1e300, float("inf")],
    "f32": [0, MINUS_ZERO, ONE, QUIET, SIGNALLING, NEGATIVE, TENTH, 1, 0x7F7FFFFF, 0xFF800000],
    "i64": [0, -1, 2**63 - 1, -2**63, 1700000000000],
    "i32": [0, -1, 2**31 - 1, -2**31],
    "bool": [0, 1],
    "utf8": ["", "a", "ab\0c", "\u00fcber", "a longer one than eight", "\U0001f600"],
}


def specs_of(*kinds, nullable=True):
    return [("c%d" % i, kind, nullable) for i, kind in enumerate(kinds)]


def typed_image(specs, ts, *columns, tail=b"", table_fields=None, later=(), **segment_fields):
    """A file of one table with one segment; `later` are columns that only the table has."""
    fields = table_fields or {}
    data, entry = segment(definition(columns=specs, **fields), ts, columns, specs=specs,
                          **segment_fields)
    table = definition(columns=[*specs, *later], **fields)
    return image_of(edit(1, table) + edit(3, entry) + tail, {12288: data}, flushed_seq=len(ts))


def stored(kind, value):
    """A value of the builders as rows(bits=True) gives it."""
    return bits(value) if kind == "f64" and value is not None else value


def log_payload(ts, *columns):
    """Section 5.1, of (kind, nullable, values)."""
    layouts = {"f64": "d", "f32": "I", "i64": "q", "i32": "i"}

    def padded(part):
        return part + bytes(-len(part) % 8)

    def bitmap(bools):
        return padded(sum(bool(x) << i for i, x in enumerate(bools)).to_bytes(
            (len(bools) + 7) // 8, "little"))

    payload = struct.pack("<%dq" % len(ts), *ts)
    for kind, nullable, values in columns:
        if nullable:
            payload += bitmap([value is not None for value in values])
        if kind == "bool":
            payload += bitmap(values)
        elif kind == "utf8":
            texts = [(value or "").encode() for value in values]
            payload += padded(struct.pack("<%dI" % len(texts), *map(len, texts)))
            payload += padded(b"".join(texts))
        else:
            payload += padded(struct.pack("<%d%s" % (len(values), layouts[kind]),
                                          *(0 if value is None else value
                                            for value in values)))
    return payload


class TypesCase(ReaderCase):
    def found(self, image):
        return list(self.open(image).tables["power"].rows(bits=True))

    def assert_read_back(self, specs, ts, *columns, **fields):
        expected = [[stored(spec[1], value) for value in values]
                    for spec, values in zip(specs, columns)]
        self.assertEqual(self.found(typed_image(specs, ts, *columns, **fields)),
                         list(zip(ts, *expected)))


class ValuesTest(TypesCase):
    def test_types_values_are_read_back_in_every_bit(self):
        for kind in KINDS:
            values = VALUES[kind] * 2
            ts = [i * i for i in range(len(values))]
            for nullable in (False, True):
                with self.subTest(kind=kind, nullable=nullable):
                    self.assert_read_back(specs_of(kind, nullable=nullable), ts, values)

    def test_types_nulls_none_some_all_in_vectors_of_three_row_groups(self):
        print("SEED=%d" % SEED)
        rng, count = random.Random(SEED), 2 * 16384 + 1500
        ts = sorted(rng.randrange(10**6) for _ in range(count))
        for kind in KINDS:
            values = rng.choices(VALUES[kind], k=count)
            values[:3 * 1024] = [None] * 3072
            values[5000:7000] = rng.choices((None, VALUES[kind][0]), k=2000)
            values[16384:32768] = [None] * 16384
            with self.subTest(kind=kind):
                self.assert_read_back(specs_of(kind), ts, values)

    def test_types_derived_vectors_have_the_bits_of_the_zone_map(self):
        ts = [10 * i * i for i in range(6)]
        for kind in KINDS:
            for value in VALUES[kind]:
                for values in ([value] * 6, [None, value, value, None, None, value]):
                    for may_derive in (False, True):
                        with self.subTest(kind=kind, values=values, may_derive=may_derive):
                            self.assert_read_back(specs_of(kind), ts, values, may_derive=may_derive)

    def test_types_shown_are_float_int_bool_str_and_none(self):
        columns = [[1.5, None], [TENTH, None], [2**63 - 1, None], [-7, None], [1, None],
                   ["", None]]
        first, second = self.rows(typed_image(specs_of(*KINDS), [1, 5], *columns))
        self.assertEqual(first, (1, 1.5, struct.unpack("<f", struct.pack("<I", TENTH))[0],
                                 2**63 - 1, -7, True, ""))
        self.assertEqual([type(value) for value in first], [int, float, float, int, int, bool, str])
        self.assertEqual(second, (5,) + (None,) * 6)

    def test_types_columns_that_the_segment_lacks_are_null(self):
        later = [("d%d" % i, kind, True) for i, kind in enumerate(KINDS)]
        image = typed_image(specs_of("i32"), [1, 5], [3, None], later=later)
        self.assertEqual(self.found(image), [(1, 3) + (None,) * 6, (5,) + (None,) * 7])
        image = typed_image(specs_of("i32"), [1, 5], [3, None], later=[("d", "i64", False)])
        self.fails(image, "column d of table power is not nullable")

    def test_types_segment_of_columns_of_other_types_is_refused(self):
        data, entry = segment(definition(columns=specs_of("i64")), [1], [[7]],
                              specs=specs_of("i64"))
        for specs in (specs_of("i32"), specs_of("i64", nullable=False), specs_of("f64")):
            manifest = edit(1, definition(columns=specs)) + edit(3, entry)
            with self.subTest(specs=specs):
                self.fails(image_of(manifest, {12288: data}, flushed_seq=1), "of another table")


class DamageTest(TypesCase):
    """What the checksums do not show, since the builder made them of the wrong bytes."""

    def test_types_value_that_its_type_cannot_hold_is_refused(self):
        for kind, wrong in (("bool", 2), ("bool", -1), ("i32", 2**31), ("i32", -2**31 - 1)):
            for values in ([0, wrong, 0], [wrong] * 3, [None, wrong, None]):
                for may_derive in (False, True):
                    image = typed_image(specs_of(kind), [1, 5, 6], values, may_derive=may_derive)
                    with self.subTest(kind=kind, values=values, may_derive=may_derive):
                        self.fails(image, "value that %s cannot hold" % kind)

    def test_types_derived_f32_that_is_none_is_refused(self):
        for number in (bits(0.1), bits(1e300), 0x7FF8000000000001):
            def change(i, arrays, number=number):
                if i == 1:
                    arrays.update(min=[number], max=[number])
            self.fails(typed_image(specs_of("f32"), [1, 5, 6], [ONE] * 3, change=change),
                       "f32 cannot hold|NaN that f32 has not")

    def test_types_derived_utf8_is_refused(self):
        def change(i, arrays):
            if i == 1:
                arrays["null_count"] = [0]
        self.fails(typed_image(specs_of("utf8"), [1, 5], [None, None], change=change),
                   "derived vector of utf8")

    def test_types_index_that_differs_from_the_values_is_refused(self):
        """Every element of every array of the index that tells of values, one off."""
        ts = [7 * i * i for i in range(2000)]
        for kind in KINDS:
            values = [None if i % 3 == 0 else VALUES[kind][i % 2] for i in range(2000)]
            names = ["min", "max", "null_count"]
            names += ["nan_count"] if kind in ("f64", "f32") else []
            names += ["sum", "first", "last"] if kind != "utf8" else []
            seen = []
            for array in names:
                def change(i, arrays, array=array):
                    if i == 1:
                        seen[:] = list(arrays)[2:]
                        arrays[array][-1] += 1
                with self.subTest(kind=kind, array=array):
                    self.fails(typed_image(specs_of(kind), ts, values, change=change))
            self.assertEqual(seen, names)

    def test_types_null_count_beyond_the_rows_is_refused(self):
        for wrong in (-1, 4, 2**40):
            def change(i, arrays, wrong=wrong):
                if i == 1:
                    arrays["null_count"] = [wrong]
            self.fails(typed_image(specs_of("i64"), [1, 5, 6], [1, 2, 3], change=change),
                       "nulls of 3 rows")

    def test_types_vector_of_nulls_with_bytes_is_refused(self):
        def change(i, arrays):
            if i == 1:
                arrays["null_count"] = [3]
        self.fails(typed_image(specs_of("i64"), [1, 5, 6], [1, 2, 9], change=change),
                   "a vector of nulls has 25 bytes")

    def test_types_segment_with_any_byte_changed_is_refused(self):
        specs = specs_of(*KINDS)
        columns = [[VALUES[kind][0], None, VALUES[kind][1]] for kind in KINDS]
        image = typed_image(specs, [1, 5, 6], *columns)
        for at in range(12288, len(image)):
            with self.subTest(at=at):
                self.fails(image[:at] + bytes([image[at] ^ 1]) + image[at + 1:])


class ZoneMapTest(TypesCase):
    def index(self, specs, ts, *columns):
        """(the first column's index, checked against the values)"""
        table = self.open(typed_image(specs, ts, *columns)).tables["power"]
        list(table.rows())
        return table.sources[0].indexes[1]

    def test_types_sum_of_integers_is_modulo_2_64(self):
        for values, total in (([2**63 - 1, 1], -2**63), ([-2**63, -1], 2**63 - 1),
                              ([2**63 - 1] * 4, -4), ([5, None], 5)):
            index = self.index(specs_of("i64"), list(range(len(values))), values)
            self.assertEqual(list(index.sum), [total])
        index = self.index(specs_of("bool"), [1, 2, 4], [1, None, 1])
        self.assertEqual(list(index.sum), [2])

    def test_types_strings_sort_by_their_first_eight_bytes(self):
        values = ["b", "a\u00fc", "\U0010ffff", "", "a", "aaaaaaaab", "aaaaaaaaa"]
        index = self.index(specs_of("utf8"), list(range(7)), values)
        self.assertEqual((list(index.min), list(index.max)),
                         ([-2**63], [0x748FBFBF00000000]))
        index = self.index(specs_of("utf8"), [1, 2], ["aaaaaaaab", "aaaaaaaaa"])
        self.assertEqual(index.min, index.max)
        self.assertEqual(struct.pack(">q", index.min[0]), b"\xe1aaaaaaa")

    def test_types_nan_of_f32_keeps_its_payload_in_the_zone_map(self):
        index = self.index(specs_of("f32"), [1, 2, 4], [NEGATIVE, None, SIGNALLING])
        self.assertEqual((index.min[0], index.max[0]), (0xFFF42468A0000000,) * 2)
        self.assertEqual(index.last[0], 0x7FF02468A0000000)
        self.assertEqual((index.nan_count[0], index.null_count[0]), (2, 1))

    def test_types_zeros_of_f32_are_ordered(self):
        index = self.index(specs_of("f32"), [1, 2, 4], [0, MINUS_ZERO, QUIET])
        self.assertEqual((index.min[0], index.max[0]), (1 << 63, 0))

    def test_types_vector_of_nulls_has_zeros(self):
        for kind in KINDS:
            index = self.index(specs_of(kind), [1, 2, 4], [None] * 3)
            self.assertEqual((index.min[0], index.max[0], index.null_count[0]), (0, 0, 3))


class DuplicatesTest(TypesCase):
    def found_with(self, duplicates):
        fields = {"duplicates": duplicates}
        table = definition(columns=("a",), **fields)
        late, late_entry = segment(table, [1, 5, 5], [[10.0, 50.0, 51.0]], 1, 11, 12288)
        early, early_entry = segment(table, [1, 1, 5], [[1.0, 2.0, 5.0]], 2, 1, 16384)
        wal = Wal(next_seq=14)
        wal.rows([5, 0, 9, 9], [52.0, 0.0, 90.0, 91.0])
        extents = [(off, wal.size) for off in wal.parts]
        return self.rows(image_of(edit(1, table) + edit(3, late_entry + early_entry),
                                  {12288: late, 16384: early, **wal.parts}, flushed_seq=13,
                                  wal_head=65600, wal_extents=extents))

    def test_types_duplicates_all_last_first(self):
        self.assertEqual(self.found_with(0), [
            (0, 0.0), (1, 1.0), (1, 2.0), (1, 10.0), (5, 5.0), (5, 50.0), (5, 51.0), (5, 52.0),
            (9, 90.0), (9, 91.0)])
        self.assertEqual(self.found_with(1), [(0, 0.0), (1, 10.0), (5, 52.0), (9, 91.0)])
        self.assertEqual(self.found_with(2), [(0, 0.0), (1, 1.0), (5, 5.0), (9, 90.0)])

    def test_types_duplicates_of_rows_in_order(self):
        for duplicates, left in ((0, [1.0, 2.0, 3.0]), (1, [2.0, 3.0]), (2, [1.0, 3.0])):
            image = typed_image(["a"], [4, 4, 5], [1.0, 2.0, 3.0],
                                table_fields={"duplicates": duplicates})
            self.assertEqual([row[1] for row in self.rows(image)], left)


class DefinitionTest(TypesCase):
    def test_types_definition_with_unknown_values_is_refused(self):
        good = definition(columns=specs_of("utf8"))
        for at, value, pattern in ((4, 4, "time unit"), (5, 3, "duplicates 3"),
                                   (22, 0, "column type 0"), (22, 7, "column type 7"),
                                   (23, 0x81, "flags 0x81")):
            with self.subTest(at=at, value=value):
                self.fails(image_of(edit(1, good[:at] + bytes([value]) + good[at + 1:])), pattern)
        self.assertEqual(list(self.open(image_of(edit(1, good))).tables), ["power"])

    def test_types_edits_of_schemas_keep_the_rules(self):
        base = edit(1, definition()) + edit(1, definition(2, "heat"))
        word = struct.pack("<II", 1, 0)
        for wrong, pattern in (
                (edit(2, word + bytes(8) + column("b")), "added column b is not nullable"),
                (edit(2, word + bytes(8) + column(("a", "i64", True))), "name a is .* there twice"),
                (edit(2, word + bytes(8) + column(("ts", "i64", True))), "name ts is reserved"),
                (edit(7, word + name("heat")), "two tables are named heat"),
                (edit(7, word + name("nanots_x")), "reserved name"),
                (edit(8, word + name("ts_ns")), "name ts_ns is reserved"),
                (edit(8, struct.pack("<II", 1, 1) + name("b")), "no column 1"),
                (edit(5, struct.pack("<IIQ", 3, 0, 0)), "unknown table 3"),
                (edit(1, definition(9, "far")), "table 9 is not below next_table_id")):
            with self.subTest(pattern=pattern):
                self.fails(image_of(base + wrong), pattern)

    def test_types_dropped_table_leaves_its_name_and_no_rows(self):
        drop = edit(5, struct.pack("<IIQ", 1, 0, 2))
        image = typed_image(["a"], [1, 2], [1.0, 2.0], tail=drop)
        self.assertEqual(self.open(image).tables, {})
        early = edit(5, struct.pack("<IIQ", 1, 0, 1))
        self.fails(typed_image(["a"], [1, 2], [1.0, 2.0], tail=early), "rows above seq 1")
        again = drop + edit(1, definition(3, columns=specs_of("bool")))
        image = typed_image(["a"], [1, 2], [1.0, 2.0], tail=again)
        self.assertEqual(self.rows(image), [])
        wal = Wal()
        wal.rows([1], [1.0])
        wal.rows([2], [2.0], table_id=2)
        manifest = edit(1, definition()) + edit(1, definition(2, "heat")) + drop
        self.assertEqual(self.rows(wal_image(wal, manifest), "heat"), [(2, 2.0)])

    def test_types_column_added_and_renamed_is_null_in_older_rows(self):
        tail = edit(2, struct.pack("<IIQ", 1, 0, 2) + column(("b", "utf8", True))) + \
            edit(8, struct.pack("<II", 1, 1) + name("note")) + \
            edit(8, struct.pack("<II", 1, 0) + name("b"))
        db = self.open(typed_image(["a"], [1, 2], [1.0, 2.0], tail=tail))
        self.assertEqual([c.name for c in db.tables["power"].columns], ["b", "note"])
        self.assertEqual(list(db.tables["power"].rows()), [(1, 1.0, None), (2, 2.0, None)])

    def test_types_create_in_the_log_makes_a_table_of_any_types(self):
        wal = Wal()
        wal.record(CREATE, definition(9, "new", specs_of(*KINDS), unit=3, duplicates=1))
        table = self.open(wal_image(wal)).tables["new"]
        self.assertEqual([c.type for c in table.columns], [1, 2, 3, 4, 5, 6])
        self.assertEqual((table.unit, table.duplicates), (3, 1))

    def test_types_rows_of_the_log_are_read_back_in_every_bit(self):
        for kind in KINDS:
            for nullable in (False, True):
                for count in (1, 2, 9, 65):
                    values = (VALUES[kind] * 65)[:count]
                    if nullable:
                        values[::3] = [None] * len(values[::3])
                    wal = Wal()
                    wal.record(ROWS, log_payload(range(count), (kind, nullable, values)), 1, count,
                               1)
                    image = wal_image(wal, edit(1, definition(
                        columns=[("a", kind, nullable), ("later", "utf8", True)])))
                    with self.subTest(kind=kind, nullable=nullable, count=count):
                        self.assertEqual(self.found(image),
                                         [(i, stored(kind, value), None)
                                          for i, value in enumerate(values)])

    def test_types_rows_of_the_log_that_break_a_rule_are_refused(self):
        right = log_payload([7], ("bool", True, [1]), ("utf8", True, ["\u00fc"]))
        table = edit(1, definition(columns=[("a", "bool", True), ("b", "utf8", True)]))
        for at, byte, pattern in ((8, 3, "bits behind"), (9, 1, "padding"), (8, 0, "a null with"),
                                  (16, 3, "bits behind"), (24, 0, "column b: a null with"),
                                  (32, 1, "padding"), (32, 9, "cut off"), (40, 65, "decode"),
                                  (42, 1, "padding")):
            payload = bytearray(right)
            payload[at] = byte
            wal = Wal()
            wal.record(ROWS, bytes(payload), 1, 1, 2)
            with self.subTest(at=at, byte=byte):
                self.fails(wal_image(wal, table), pattern)
        wal = Wal()
        wal.record(ROWS, right + bytes(8), 1, 1, 2)
        self.fails(wal_image(wal, table), "bytes behind the rows")


class CommandLineTest(TypesCase):
    def printed(self, image, *words):
        with tempfile.NamedTemporaryFile(suffix=".nts") as file:
            file.write(image)
            file.flush()
            out = io.StringIO()
            with contextlib.redirect_stdout(out), \
                    unittest.mock.patch("sys.argv", ["reader.py", file.name, *words]):
                reader.main()
            return out.getvalue().splitlines()

    def test_types_print_as_csv_with_null_apart_from_an_empty_string(self):
        columns = [[1.5, NAN, None], [TENTH, 0x7F800000, None], [2**63 - 1, -1, None],
                   [-5, 0, None], [1, 0, None], ["", 'a,"b"', None]]
        specs = specs_of(*KINDS[:-1]) + [("no,te", "utf8", True)]
        image = typed_image(specs, [1, 5, 6], *columns, table_fields={"unit": 2, "duplicates": 1})
        head = 'ts_us,c0,c1,c2,c3,c4,"no,te"'
        self.assertEqual(self.printed(image, "power"), [
            head, '1,1.5,0.1,9223372036854775807,-5,true,""',
            '5,nan,inf,-1,0,false,"a,""b"""', "6,,,,,,"])
        self.assertEqual(self.printed(image, "power", "--bits")[1],
                         '1,3ff8000000000000,3dcccccd,9223372036854775807,-5,true,""')
        self.assertEqual(self.printed(image)[1], 'power,3,1,0,us,last,"c0:f64? c1:f32? c2:i64? '
                         'c3:i32? c4:bool? no,te:utf8?"')


if __name__ == "__main__":
    unittest.main()
