# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/support/test_reader_image.py - the second reader against files of reader_image.py.

Neither the library nor the program is needed. Types other than f64: test_reader_types.py.
"""

import math
import os
import struct
import sys
import unittest
import unittest.mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from reader_image import (CHAIN, CREATE, GROUP_BEGIN, GROUP_COMMIT, NAN, ReaderCase,  # noqa: E402
                          SALT, SEAL, SEGMENT, Wal, column, definition, edit, image_of, name, place,
                          segment, slot, superblock, wal_image)


B_NULL, C_NULL = ("b", "f64", True), ("c", "f64", True)


class SuperblockTest(ReaderCase):
    def test_superblock_of_an_empty_or_zero_file_is_none(self):
        for image in (b"", bytes(100), bytes(8192), bytes(8192) + b"x"):
            db = self.open(image)
            self.assertIsNone(db.superblock)
            self.assertEqual(db.tables, {})

    def test_superblock_of_other_bytes_is_refused(self):
        self.fails(b"SQLite format 3\0" * 1000, "not a NanoTS file")
        self.fails(superblock()[:-1] + b"\xff", "no valid superblock")

    def test_superblock_with_the_greatest_generation_wins(self):
        old, new = superblock(generation=6), superblock(generation=7)
        self.assertEqual(self.open(place({0: slot(old), 4096: slot(new)}, 8192))
                         .superblock.generation, 7)
        self.assertEqual(self.open(place({0: slot(superblock(8)), 4096: slot(new)}, 8192))
                         .superblock.generation, 8)

    def test_superblock_torn_first_copy_leaves_the_second(self):
        copy = superblock(generation=7)
        image = place({0: slot(superblock(6)), 4096: bytes(256), 4608: copy}, 8192)
        self.assertEqual(self.open(image).superblock.generation, 7)

    def test_superblock_in_the_slot_of_the_other_parity_is_refused(self):
        self.fails(place({0: slot(superblock(generation=7))}, 8192), "other slot")

    def test_superblock_with_unknown_flag_or_version_is_refused(self):
        self.fails(place({0: slot(superblock(incompat=4))}, 8192), "incompat_flags")
        self.fails(place({0: slot(superblock(version=2))}, 8192), "version")

    def test_superblock_beyond_the_end_of_the_file_is_refused(self):
        self.fails(place({0: slot(superblock(file_end=8200))}, 8192), "cut off")

    def test_tiny_form_is_read_and_512_is_not_a_copy(self):
        manifest = edit(1, definition())
        data, entry = segment(definition(), [1, 2, 4], [[0.5, 0.25, 1.0]], off=1024)
        manifest += edit(3, entry)
        end = 1024 + len(data)
        sb = superblock(2, (512, len(manifest), len(manifest)), end, flushed_seq=3, layout=1)
        image = place({0: sb, 512: manifest, 1024: data})
        self.assertEqual(self.rows(image), [(1, 0.5), (2, 0.25), (4, 1.0)])
        # A copy of a greater generation that happens to be stored at 512 is data, not a slot.
        tiny = superblock(4, (512, 0, 0), file_end=768, layout=1)
        impostor = place({0: tiny, 512: superblock(6)})
        self.assertEqual(self.open(impostor).superblock.generation, 4)


class ManifestTest(ReaderCase):
    def columns(self, manifest, table="power"):
        table = self.open(image_of(manifest)).tables[table]
        return [column.name for column in table.columns]

    def test_manifest_edits_of_tables_apply_in_order(self):
        base = edit(1, definition(columns=("a", "b")))
        self.assertEqual(self.columns(base), ["a", "b"])
        added = base + edit(2, struct.pack("<IIQ", 1, 0, 5) + column(C_NULL))
        self.assertEqual(self.columns(added), ["a", "b", "c"])
        renamed = added + edit(7, struct.pack("<II", 1, 0) + name("heat")) + \
            edit(8, struct.pack("<II", 1, 2) + name("\u00b0C"))
        self.assertEqual(self.columns(renamed, "heat"), ["a", "b", "\u00b0C"])
        dropped = renamed + edit(5, struct.pack("<IIQ", 1, 0, 7))
        self.assertEqual(self.open(image_of(dropped)).tables, {})

    def test_manifest_definition_that_no_table_can_have_is_refused(self):
        for text, columns in (("power", ("a", "b", "a")), ("power", ("ts_ms",)),
                              ("power", ("a", "ts")), ("nanots_x", ("a",)), ("po\nwer", ("a",)),
                              ("power", ("a\x7f",)), ("", ("a",)), ("power", ("",))):
            with self.subTest(text=text, columns=columns):
                manifest = edit(1, definition(text=text, columns=columns))
                self.fails(image_of(manifest), "name|control")
        self.assertEqual(self.columns(edit(1, definition(columns=("a", "A", "ts_")))),
                         ["a", "A", "ts_"])

    def test_manifest_definition_names_tier_and_codecs(self):
        def table(duplicates=0, kind="f64", flags=0):
            return image_of(edit(1, definition(columns=(("a", kind, flags),),
                                               duplicates=duplicates)))
        power = self.open(table(0x21, "i64", 7 << 1 | 1)).tables["power"]
        self.assertEqual((power.duplicates, power.tier), (1, 2))
        self.assertEqual((power.columns[0].flags, power.columns[0].codec), (1, 6))
        self.assertIsNone(self.open(table()).tables["power"].columns[0].codec)
        self.assertEqual(self.open(table(0, "utf8", 2)).tables["power"].columns[0].codec, 0)
        self.fails(table(0x30), "tier 3")
        self.fails(table(0x03), "duplicates 3")
        for kind, codec in (("f64", 6), ("i64", 8), ("utf8", 11), ("f32", 1), ("bool", 126)):
            self.fails(table(0, kind, codec + 1 << 1), "column flags")

    def test_manifest_kept_log_is_listed_and_its_space_is_taken(self):
        def body(extents, last_seq=7, head=65600, count=None):
            return struct.pack("<5QII", SALT, CHAIN, head, 5, last_seq,
                               len(extents) if count is None else count, 0) + \
                b"".join(struct.pack("<QQ", *extent) for extent in extents)
        table = edit(1, definition())
        extents = [(65536, 65536), (131072, 65536)]
        parts = {off: bytes(size) for off, size in extents}
        db = self.open(image_of(table + edit(9, body(extents)), parts))
        self.assertEqual([tuple(log) for log in db.kept_logs],
                         [(SALT, CHAIN, 65600, 5, 7, extents)])
        self.fails(image_of(table + edit(9, body(extents)), {**parts, 131072: b""}), "extent")
        self.fails(image_of(table + edit(9, body(extents)) * 2, parts), "overlap")
        self.fails(image_of(table + edit(9, body(extents)) * 5, parts), "more than 4")
        for wrong in (body(extents[:1]), body(extents, count=3), body(extents, last_seq=4),
                      body(extents, head=131080), body(extents, head=65601),
                      body([(65540, 65536), extents[1]])):
            self.fails(image_of(table + edit(9, wrong), parts), "kept log")

    def test_manifest_segments_are_removed_and_cut(self):
        first, first_entry = segment(definition(), [1, 2], [[1.0, 2.0]], 1, 1, 12288)
        second, second_entry = segment(definition(), [3, 4], [[3.0, 4.0]], 2, 3, 16384)
        base = edit(1, definition()) + edit(3, first_entry + second_entry)
        parts = {12288: first, 16384: second}
        def left(*edits):
            return self.rows(image_of(base + b"".join(edits), parts, flushed_seq=4))
        self.assertEqual(len(left()), 4)
        self.assertEqual(left(edit(4, struct.pack("<2Q", 1, 7))), [(3, 3.0), (4, 4.0)])
        for cutoff, seq, count in ((2, 9, 4), (3, 9, 2), (3, 1, 4), (5, 4, 0), (5, 3, 2)):
            with self.subTest(cutoff=cutoff, seq=seq):
                self.assertEqual(len(left(edit(6, struct.pack("<IIqQ", 1, 0, cutoff, seq)))), count)

    def test_manifest_zeros_up_to_a_sector_are_skipped(self):
        first, second = edit(1, definition(1, "x")), edit(1, definition(2, "y"))
        for sector in (8, 512, 4096):
            with self.subTest(sector=sector):
                manifest = first + bytes(-len(first) % sector)
                manifest += second + bytes(-len(second) % sector)
                self.assertEqual(list(self.open(image_of(manifest)).tables), ["x", "y"])

    def test_manifest_zeros_in_place_of_an_edit_are_refused(self):
        first, second = edit(1, definition(1, "x")), edit(1, definition(2, "y"))
        for gap in (8, 512 - len(first) + 8, 1024 - len(first), 8192 - len(first)):
            with self.subTest(gap=gap):
                self.fails(image_of(bytes(gap) + first), "zeros at 8192")
                self.fails(image_of(first + bytes(gap)), "zeros")
                self.fails(image_of(first + bytes(gap) + second), "zeros")
        self.fails(image_of(bytes(512)), "zeros at 8192")

    def test_manifest_damage_is_refused(self):
        good = edit(1, definition())
        for at in range(len(good)):
            with self.subTest(at=at):
                self.fails(image_of(good[:at] + bytes([good[at] ^ 16]) + good[at + 1:]))
        self.fails(image_of(good[:-8]), "size")
        self.fails(image_of(good + edit(10, b"")), "kind 10")
        self.fails(image_of(good + b"\1" * 8), "cut short")
        self.fails(image_of(good + good), "made twice")


class WalTest(ReaderCase):
    def test_wal_rows_are_merged_by_time_then_arrival(self):
        wal = Wal()
        wal.rows([5, 3, 4], [1.0, 2.0, 3.0])
        wal.rows([3, 6], [4.0, 5.0])
        self.assertEqual(self.rows(wal_image(wal)),
                         [(3, 2.0), (3, 4.0), (4, 3.0), (5, 1.0), (6, 5.0)])

    def test_wal_missing_columns_are_null(self):
        wal = Wal()
        wal.rows([5], [1.0])
        manifest = edit(1, definition(columns=("a", B_NULL)))
        self.assertEqual(self.rows(wal_image(wal, manifest)), [(5, 1.0, None)])
        manifest = edit(1, definition(columns=("a", "b")))
        self.fails(wal_image(wal, manifest), "column b of table power is not nullable")

    def test_wal_rows_that_are_flushed_are_skipped(self):
        wal = Wal()
        wal.rows([1, 2], [1.0, 2.0])
        wal.rows([3], [3.0])
        self.assertEqual(self.rows(wal_image(wal, flushed_seq=2)), [(3, 3.0)])

    def test_wal_ends_at_the_first_record_that_is_not_valid(self):
        for damage in range(4):
            wal = Wal()
            wal.rows([1], [1.0])
            end = wal.at
            wal.rows([2], [2.0])
            wal.rows([3], [3.0])
            if damage == 0:
                wal.parts[65536][end] ^= 1          # checksum
            elif damage == 1:
                wal.parts[65536][end + 40] ^= 1     # payload
            elif damage == 2:
                wal.parts[65536][end:] = bytes(len(wal.parts[65536]) - end)
            else:
                wal.parts[65536][end + 8] = 0xF0    # size
            with self.subTest(damage=damage):
                self.assertEqual(self.rows(wal_image(wal)), [(1, 1.0)])

    def test_wal_record_out_of_the_chain_ends_the_log(self):
        wal = Wal()
        wal.rows([1], [1.0])
        wal.chain ^= 1
        wal.rows([2], [2.0])
        self.assertEqual(self.rows(wal_image(wal)), [(1, 1.0)])

    def test_wal_broken_before_rows_known_to_be_durable_is_damage(self):
        for synced_seq in (1, 2):
            wal = Wal()
            wal.rows([1], [1.0])
            end = wal.at
            wal.rows([2], [2.0])
            wal.rows([3], [3.0], synced_seq=synced_seq)
            wal.parts[65536][end + 40] ^= 1
            with self.subTest(synced_seq=synced_seq):
                if synced_seq == 1:
                    self.assertEqual(self.rows(wal_image(wal)), [(1, 1.0)])
                else:
                    self.fails(wal_image(wal), "damaged after seq 1")

    def test_wal_group_counts_whole_or_not_at_all(self):
        wal = Wal()
        wal.rows([1], [1.0])
        wal.record(GROUP_BEGIN)
        wal.rows([2], [2.0])
        wal.rows([3], [3.0])
        self.assertEqual(self.rows(wal_image(wal)), [(1, 1.0)])
        wal.record(GROUP_COMMIT, struct.pack("<Q", 2))
        self.assertEqual(self.rows(wal_image(wal)), [(1, 1.0), (2, 2.0), (3, 3.0)])

    def test_wal_groups_that_contradict_themselves_are_damage(self):
        for kinds, count in (((GROUP_COMMIT,), 1), ((GROUP_BEGIN, GROUP_COMMIT), 2),
                             ((GROUP_BEGIN, GROUP_BEGIN), 0)):
            wal = Wal()
            for kind in kinds[:-1]:
                wal.record(kind)
            wal.rows([1], [1.0])
            wal.record(kinds[-1], struct.pack("<Q", count) if kinds[-1] == GROUP_COMMIT else b"")
            with self.subTest(kinds=kinds):
                self.fails(wal_image(wal), "group")

    def test_wal_goes_on_in_the_extent_that_a_seal_names(self):
        wal = Wal()
        wal.rows([1], [1.0])
        wal.record(SEAL, struct.pack("<Q", 131072))
        wal.go_to(131072)
        wal.rows([2], [2.0])
        self.assertEqual(self.rows(wal_image(wal)), [(1, 1.0), (2, 2.0)])
        wal.record(SEAL, struct.pack("<Q", 65536))
        self.fails(wal_image(wal), "wrong extent")

    def test_wal_create_makes_a_table_unless_its_id_was_given_out(self):
        wal = Wal()
        wal.record(CREATE, definition(1))
        wal.record(CREATE, definition(2, "dropped"))
        wal.record(CREATE, definition(9, "new"))
        wal.rows([7], [0.5], table_id=9)
        self.assertEqual(self.rows(wal_image(wal), "new"), [(7, 0.5)])
        self.assertNotIn("dropped", self.open(wal_image(wal)).tables)

    def test_wal_create_of_a_table_that_is_there_is_damage(self):
        for table_id, text, message in ((9, "other", "made twice"), (10, "new", "named new"),
                                        (10, "power", "named power")):
            wal = Wal()
            wal.record(CREATE, definition(9, "new"))
            wal.record(CREATE, definition(table_id, text))
            with self.subTest(table_id=table_id, text=text):
                self.fails(wal_image(wal), message)

    def test_wal_rows_of_a_dropped_table_are_skipped_of_an_unknown_one_refused(self):
        for table_id in (4, 9):
            wal = Wal()
            wal.rows([1], [1.0], table_id=table_id)
            wal.rows([2], [2.0])
            with self.subTest(table_id=table_id):
                if table_id == 4:
                    self.assertEqual(self.rows(wal_image(wal)), [(2, 2.0)])
                else:
                    self.fails(wal_image(wal), "unknown table")

    def test_wal_segment_counts_only_if_it_is_whole(self):
        data, entry = segment(definition(), [2, 3], [[2.0, 3.0]], segment_id=100, seq_first=2)
        wal = Wal()
        wal.rows([1], [1.0])
        wal.record(SEGMENT, entry, 1, 2)
        wal.rows([4], [4.0])
        image = bytearray(wal_image(wal))
        image[12288:12288 + len(data)] = data
        self.assertEqual(self.rows(bytes(image)), [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)])
        image[12288 + 80] ^= 1
        self.assertEqual(self.rows(bytes(image)), [(1, 1.0)])

    def test_wal_segment_of_a_dropped_table_may_be_overwritten(self):
        data, entry = segment(definition(4), [2, 3], [[2.0, 3.0]], segment_id=98, seq_first=2)
        other, other_entry = segment(definition(), [9], [[9.0]], segment_id=97, seq_first=4)
        wal = Wal()
        wal.rows([1], [1.0])
        wal.record(SEGMENT, entry, 4, 2)
        wal.record(SEGMENT, other_entry, 1, 1)
        wal.rows([10], [10.0])
        image = bytearray(wal_image(wal))
        image[12288:12288 + len(data)] = data
        image[12288:12288 + len(other)] = other
        self.assertNotEqual(image[12288:12288 + len(data)], data)
        self.assertEqual(self.rows(bytes(image)), [(1, 1.0), (9, 9.0), (10, 10.0)])
        wal = Wal()  # as a record of the table that is there, it ends the log
        wal.rows([1], [1.0])
        wal.record(SEGMENT, segment(definition(), [2, 3], [[2.0, 3.0]], segment_id=98,
                                    seq_first=2)[1], 1, 2)
        wal.rows([10], [10.0])
        image[65536:] = wal_image(wal)[65536:]
        self.assertEqual(self.rows(bytes(image)), [(1, 1.0)])


class SegmentTest(ReaderCase):
    def image(self, ts, *columns, change=lambda data: data):
        table = definition(columns=["c%d" % i for i in range(len(columns))])
        data, entry = segment(table, ts, columns)
        return image_of(edit(1, table) + edit(3, entry), {12288: change(data)}, flushed_seq=len(ts))

    def assert_read_back(self, ts, *columns):
        found = list(self.open(self.image(ts, *columns)).tables["power"].rows(bits=True))
        patterns = [struct.unpack("<%dQ" % len(ts), struct.pack("<%dd" % len(ts), *values))
                    for values in columns]
        self.assertEqual(found, list(zip(ts, *patterns)))

    def test_segment_of_one_row_is_read_back(self):
        self.assert_read_back([-2**63], [-0.0], [NAN], [math.inf])

    def test_segment_of_three_row_groups_is_read_back(self):
        count = 2 * 16384 + 1500
        ts = [1000 * i + (i > 20000) * i % 7 for i in range(count)]
        ts.sort()
        self.assert_read_back(ts, [math.sin(i) for i in range(count)], [2.5] * count,
                              [NAN if i % 3 else float(i // 5000) for i in range(count)])

    def test_segment_derived_vectors_are_computed(self):
        self.assert_read_back(list(range(-5000, 5000, 4)), [-0.0] * 2500)
        self.assert_read_back([-2**63, 2**63 - 1], [1.0, 1.0])

    def test_segment_zone_map_orders_zeros_and_ignores_nan(self):
        self.assert_read_back([1, 2, 4, 5], [0.0, -0.0, NAN, 0.0], [-0.0, NAN, -1.0, -0.0])
        self.assert_read_back([1, 2, 4], [math.inf, -math.inf, 1.0], [NAN, -NAN, NAN])

    def test_segment_sum_that_is_nan_has_one_form(self):
        image = self.image([1, 2, 4], [math.inf, -math.inf, 1.0])
        self.assertEqual(len(self.rows(image)), 3)
        other = struct.unpack("<d", struct.pack("<Q", 0xFFF8000000000000))[0]
        with unittest.mock.patch("reader_image.NAN", other):
            image = self.image([1, 2, 4], [math.inf, -math.inf, 1.0])
        self.fails(image, "sum of row group 0")

    def test_segment_later_columns_are_null(self):
        table, wide = definition(columns=("a",)), definition(columns=("a", B_NULL))
        data, entry = segment(table, [1, 2], [[1.0, 2.0]])
        image = image_of(edit(1, wide) + edit(3, entry), {12288: data}, flushed_seq=2)
        self.assertEqual(self.rows(image), [(1, 1.0, None), (2, 2.0, None)])

    def test_segment_with_any_byte_changed_is_refused(self):
        ts, values = [1, 2, 4, 5, 9], [1.0, 2.0, NAN, -0.0, 2.0]
        size = len(segment(definition(columns=("c0",)), ts, [values])[0])
        for at in range(size):
            def flip(data, at=at):
                return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
            with self.subTest(at=at):
                self.fails(self.image(ts, values, change=flip))

    def test_segments_merge_equal_times_in_order_of_arrival(self):
        late, late_entry = segment(definition(), [1, 5], [[10.0, 50.0]], 1, 11, 12288)
        early, early_entry = segment(definition(), [1, 5], [[1.0, 5.0]], 2, 1, 16384)
        manifest = edit(1, definition()) + edit(3, late_entry + early_entry)
        self.assertEqual(self.rows(image_of(manifest, {12288: late, 16384: early},
                                            flushed_seq=12)),
                         [(1, 1.0), (1, 10.0), (5, 5.0), (5, 50.0)])

    def test_segments_that_overlap_are_refused(self):
        first, first_entry = segment(definition(), [1, 2], [[1.0, 2.0]], 1, 1, 12288)
        second, second_entry = segment(definition(), [3, 4], [[3.0, 4.0]], 2, 2, 16384)
        manifest = edit(1, definition()) + edit(3, first_entry + second_entry)
        self.fails(image_of(manifest, {12288: first, 16384: second}, flushed_seq=4),
                   "seq intervals overlap")
        second, second_entry = segment(definition(), [3, 4], [[3.0, 4.0]], 2, 3, 12288)
        manifest = edit(1, definition()) + edit(3, first_entry + second_entry)
        self.fails(image_of(manifest, {12288: second}, flushed_seq=4), "segment 1")
        extents = [(65536, 4096), (65536, 4096)]
        self.fails(image_of(edit(1, definition()), {65536: bytes(8192)}, wal_head=65600,
                            wal_extents=extents), "WAL and WAL overlap")


if __name__ == "__main__":
    unittest.main()
