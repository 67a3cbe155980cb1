/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_manifest.c - the log of edits (format/manifest.h, SPEC.md 4): what is put is found
 * again, over the padding between commits, and damage is named with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "format/manifest.h"
#include "format/segment_layout.h"
#include "support/faultalloc.h"
#include "support/seed.h"
#include "util/checksum.h"

#define MANIFEST_SEED 0xF11Eu

static struct nts_segment_entry entry_of(uint64_t segment_id)
{
    const struct nts_segment_entry entry = {.table_id = 3,
                                            .row_count = 1000,
                                            .segment_id = segment_id,
                                            .off = 64 * segment_id,
                                            .size = 8 * segment_id + 8,
                                            .seq_first = 1000 * segment_id + 1,
                                            .seq_last = 1000 * segment_id + 1000,
                                            .ts_min = INT64_MIN + (int64_t)segment_id,
                                            .ts_max = INT64_MAX - (int64_t)segment_id,
                                            .footer_checksum = ~segment_id,
                                            .flags = NTS_SEGMENT_PACKED};
    return entry;
}

static struct nts_table_def *def_of(uint32_t table_id, size_t name_len)
{
    char name[NTS_NAME_SIZE_MAX + 1] = {0};
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    memset(name, 'n', name_len);
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), table_id, 5, name, &column, 1, NULL);
    assert_non_null(def);
    return def;
}

static struct nts_buf buf_of_test(void)
{
    struct nts_buf buf;
    nts_buf_init(&buf, nts_alloc_libc(), 1u << 20);
    return buf;
}

static struct nts_manifest_reader reader_of(const struct nts_buf *buf, uint64_t file_off)
{
    const struct nts_manifest_reader reader = {
        .bytes = buf->bytes, .size = buf->size, .file_off = file_off, .seed = MANIFEST_SEED};
    return reader;
}

/* Goal: an entry comes back whole, its bytes as in SPEC.md 4.2. */
static void manifest_entry_round_trips(void **state)
{
    const struct nts_segment_entry entry = entry_of(12);
    uint8_t bytes[NTS_SEGMENT_ENTRY_SIZE];
    uint8_t again[NTS_SEGMENT_ENTRY_SIZE];
    struct nts_segment_entry out;
    (void)state;
    memset(bytes, 0xEE, sizeof bytes);
    nts_segment_entry_encode(&entry, bytes);
    assert_int_equal(nts_load_u32(bytes + 4), 1000);
    assert_int_equal(nts_load_u64(bytes + 16), 64 * 12);
    assert_int_equal(nts_load_i64(bytes + 48), entry.ts_min);
    assert_int_equal(nts_load_u64(bytes + 72), NTS_SEGMENT_PACKED);
    assert_true(nts_segment_entry_decode(bytes, &out));
    nts_segment_entry_encode(&out, again);
    assert_memory_equal(again, bytes, sizeof bytes);
    assert_int_equal(out.ts_max, entry.ts_max);
    assert_int_equal(out.footer_checksum, entry.footer_checksum);
}

/* Goal: an entry that cannot be is refused. Method: each field over its limit. */
static void manifest_impossible_entries_are_refused(void **state)
{
    (void)state;
    for (unsigned field = 0; field < 12; field++) {
        struct nts_segment_entry entry = entry_of(12);
        struct nts_segment_entry out;
        uint8_t bytes[NTS_SEGMENT_ENTRY_SIZE];
        entry.row_count = field == 0   ? 0
                          : field == 1 ? NTS_SEGMENT_ROWS_MAX + 1
                                       : NTS_SEGMENT_ROWS_MAX;
        entry.off += field == 2 ? 8 : 0;
        entry.size = field == 3 ? 0 : entry.size + (field == 4);
        entry.off = field == 5 ? NTS_FILE_SIZE_MAX + 64 : entry.off;
        entry.size = field == 6 ? NTS_FILE_SIZE_MAX : entry.size;
        entry.seq_first = field == 7 ? entry.seq_last + 1 : entry.seq_first;
        entry.flags = field == 9 ? NTS_SEGMENT_FLAGS + 1 : NTS_SEGMENT_FLAGS;
        if (field == 8) {
            entry.ts_min = 1;
            entry.ts_max = 0;
        }
        entry.seq_last = field == 10 ? NTS_NUMBER_MAX + 1 : entry.seq_last;
        entry.segment_id = field == 11 ? NTS_NUMBER_MAX : entry.segment_id;
        nts_segment_entry_encode(&entry, bytes);
        assert_false(nts_segment_entry_decode(bytes, &out));
    }
}

/* Goal: each kind of edit is found with its body, in order. */
static void manifest_edits_come_back_in_order(void **state)
{
    const struct nts_segment_entry entries[] = {entry_of(1), entry_of(2), entry_of(3)};
    const uint64_t removed[] = {2, 1};
    struct nts_buf buf = buf_of_test();
    struct nts_table_def *def = def_of(3, 5);
    struct nts_table_def *def_out = NULL;
    struct nts_edit edit;
    struct nts_segment_entry entry;
    (void)state;
    assert_int_equal(nts_manifest_put_table(&buf, MANIFEST_SEED, def), NANOTS_OK);
    assert_int_equal(nts_manifest_put_segments(&buf, MANIFEST_SEED, entries, 3), NANOTS_OK);
    assert_int_equal(nts_manifest_put_removals(&buf, MANIFEST_SEED, removed, 2), NANOTS_OK);
    assert_int_equal(nts_manifest_put_cut(&buf, MANIFEST_SEED, 3, -77, 3000), NANOTS_OK);
    const size_t size = buf.size;
    assert_int_equal(nts_manifest_put_segments(&buf, MANIFEST_SEED, entries, 0), NANOTS_OK);
    assert_int_equal(nts_manifest_put_removals(&buf, MANIFEST_SEED, removed, 0), NANOTS_OK);
    assert_int_equal(buf.size, size); /* edits of nothing are none */

    struct nts_manifest_reader reader = reader_of(&buf, 8192);
    assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_OK);
    assert_int_equal(edit.kind, NTS_EDIT_TABLE);
    assert_int_equal(
        nts_table_def_decode(nts_alloc_libc(), edit.body, edit.body_size, &def_out, NULL, NULL),
        NANOTS_OK);
    assert_string_equal(def_out->name, "nnnnn");
    assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_OK);
    assert_int_equal(edit.kind, NTS_EDIT_SEGMENTS_ADD);
    assert_int_equal(edit.body_size, 3 * NTS_SEGMENT_ENTRY_SIZE);
    assert_true(nts_segment_entry_decode(edit.body + 2 * NTS_SEGMENT_ENTRY_SIZE, &entry));
    assert_int_equal(entry.segment_id, 3);
    assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_OK);
    assert_int_equal(edit.kind, NTS_EDIT_SEGMENTS_REMOVE);
    assert_int_equal(edit.body_size, 16);
    assert_int_equal(nts_load_u64(edit.body + 8), 1);
    assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_OK);
    assert_int_equal(edit.kind, NTS_EDIT_RETENTION_CUT);
    assert_int_equal(edit.body_size, 24);
    assert_int_equal(nts_load_i64(edit.body + 8), -77);
    assert_int_equal(nts_load_u64(edit.body + 16), 3000);
    for (unsigned again = 0; again < 2; again++) {
        assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_OK);
        assert_null(edit.body);
    }
    nts_free(def);
    nts_free(def_out);
    nts_buf_deinit(&buf);
}

static struct nts_kept_log kept_log_of_test(void)
{
    const struct nts_kept_log log = {.salt = 0x0102030405060708u,
                                     .chain = ~(uint64_t)3,
                                     .head_off = 3 * 65536 + 64,
                                     .flushed_seq = 70,
                                     .last_seq = 75,
                                     .extent_count = 2,
                                     .extents = {{3 * 65536, 65536}, {9 * 65536, 131072}}};
    return log;
}

/* Goal: a kept log comes back whole, its bytes as in SPEC.md 4.3. */
static void manifest_kept_log_round_trips(void **state)
{
    const struct nts_kept_log log = kept_log_of_test();
    struct nts_kept_log out;
    struct nts_buf buf = buf_of_test();
    struct nts_edit edit;
    (void)state;
    assert_int_equal(nts_manifest_put_kept_log(&buf, MANIFEST_SEED, &log), NANOTS_OK);
    struct nts_manifest_reader reader = reader_of(&buf, 8192);
    assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_OK);
    assert_int_equal(edit.kind, 9);
    assert_int_equal(edit.body_size, 48 + 2 * 16);
    assert_int_equal(nts_load_u64(edit.body + 16), 3 * 65536 + 64);
    assert_int_equal(nts_load_u64(edit.body + 24), 70);
    assert_int_equal(nts_load_u64(edit.body + 32), 75);
    assert_int_equal(nts_load_u32(edit.body + 40), 2);
    assert_int_equal(nts_load_u64(edit.body + 48 + 16 + 8), 131072);
    assert_true(nts_kept_log_decode(edit.body, edit.body_size, &out));
    assert_memory_equal(&out, &log, sizeof log);
    assert_int_equal(nts_kept_log_bytes(&out), 3 * 65536);
    nts_buf_deinit(&buf);
}

/* Goal: a kept log that cannot be is refused. Method: each field over its limit. */
static void manifest_impossible_kept_logs_are_refused(void **state)
{
    (void)state;
    for (unsigned field = 0; field < 10; field++) {
        struct nts_kept_log log = kept_log_of_test();
        struct nts_kept_log out;
        struct nts_buf buf = buf_of_test();
        struct nts_edit edit;
        log.extent_count = field == 0 ? 1 : 2;
        log.last_seq = field == 1   ? log.flushed_seq - 1
                       : field == 9 ? NTS_NUMBER_MAX + 1
                                    : log.last_seq;
        log.head_off += field == 2 ? 4 : field == 3 ? 65536 : 0;
        log.extents[0].off += field == 4 ? 4096 : 0;
        log.extents[1].size = field == 5 ? 0 : log.extents[1].size;
        log.extents[1].off = field == 6 ? NTS_FILE_SIZE_MAX : log.extents[1].off;
        assert_int_equal(nts_manifest_put_kept_log(&buf, MANIFEST_SEED, &log), NANOTS_OK);
        struct nts_manifest_reader reader = reader_of(&buf, 8192);
        assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_OK);
        const size_t size = field == 7 ? 40 : field == 8 ? edit.body_size - 16 : edit.body_size;
        assert_false(nts_kept_log_decode(edit.body, size, &out));
        nts_buf_deinit(&buf);
    }
}

/* Goal: every edit of every commit is found, wherever edits end in a sector. Method: random edits
 * of all sizes modulo a sector, random commits padded to sectors, at sectors and at granules of the
 * file. */
static void manifest_edits_are_found_at_every_place_of_a_sector(void **state)
{
    uint64_t seed = seed_of_run();
    uint64_t ends =
        0; /* bit per place of a sector, in eights, at which an edit was followed by one */
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        const uint64_t file_off = 8192 + (round % 2 == 0 ? 0 : seed_next(&seed) % 64 * 64);
        struct nts_buf buf = buf_of_test();
        struct nts_edit edit;
        const uint32_t table_count = 1 + (uint32_t)(seed_next(&seed) % 40);
        for (uint32_t t = 0; t < table_count; t++) {
            struct nts_table_def *def = def_of(t, 1 + seed_next(&seed) % NTS_NAME_SIZE_MAX);
            ends |= 1ull << (buf.size + file_off) % NTS_SECTOR_SIZE / 8;
            assert_int_equal(nts_manifest_put_table(&buf, MANIFEST_SEED, def), NANOTS_OK);
            nts_free(def);
            const uint64_t sector = round % 3 == 0 ? NTS_BLOCK_SIZE : NTS_SECTOR_SIZE;
            if (seed_next(&seed) % 3 == 0) /* the commit ends */
                assert_int_equal(
                    nts_buf_append_zeros(&buf, (size_t)nts_round_up(buf.size, sector) - buf.size),
                    NANOTS_OK);
        }
        struct nts_manifest_reader reader = reader_of(&buf, file_off);
        for (uint32_t t = 0; t < table_count; t++) {
            struct nanots_error error = {NANOTS_OK, 0, ""};
            if (nts_manifest_next(&reader, &edit, &error) != NANOTS_OK || edit.body == NULL)
                fail_msg("edit %u of %u is lost: %s", t, table_count, error.message);
            assert_int_equal(nts_load_u32(edit.body), t);
        }
        assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_OK);
        assert_null(edit.body);
        nts_buf_deinit(&buf);
    }
    assert_int_equal(ends, UINT64_MAX); /* the last eight bytes of a sector, too */
}

/* Goal: no flipped bit passes, and the message says where. Method: each bit of the second edit. */
static void manifest_any_flipped_bit_is_reported_with_its_place(void **state)
{
    const struct nts_segment_entry entry = entry_of(1);
    struct nts_buf buf = buf_of_test();
    struct nts_edit edit;
    (void)state;
    assert_int_equal(nts_manifest_put_segments(&buf, MANIFEST_SEED, &entry, 1), NANOTS_OK);
    const size_t second = buf.size;
    assert_int_equal(nts_manifest_put_segments(&buf, MANIFEST_SEED, &entry, 1), NANOTS_OK);
    for (size_t bit = 8 * second; bit < 8 * buf.size; bit++) {
        struct nts_manifest_reader reader = reader_of(&buf, 100 * 4096);
        struct nanots_error error;
        char place[32];
        buf.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(nts_manifest_next(&reader, &edit, &error), NANOTS_OK);
        assert_int_equal(nts_manifest_next(&reader, &edit, &error), NANOTS_CORRUPT);
        (void)snprintf(place, sizeof place, "offset %zu", 100 * 4096 + second);
        assert_non_null(strstr(error.message, place));
        assert_null(edit.body);
        buf.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    nts_buf_deinit(&buf);
}

/* Goal: zeros where no writer pads are damage, and are named by their offset. Method: an edit, with
 * zeros before it, between it and the next, and behind it, of each size around the right ones. */
static void manifest_zeros_in_place_of_edits_are_damage(void **state)
{
    const struct nts_segment_entry entry = entry_of(1);
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++)
        for (size_t zeros = 0; zeros <= (size_t)NTS_BLOCK_SIZE + 1024; zeros += 8) {
            struct nts_buf buf = buf_of_test();
            struct nanots_error error = {NANOTS_OK, 0, ""};
            struct nts_edit edit;
            char place[32];
            if (kind != 0)
                assert_int_equal(nts_manifest_put_segments(&buf, MANIFEST_SEED, &entry, 1),
                                 NANOTS_OK);
            const size_t from = buf.size;
            assert_int_equal(nts_buf_append_zeros(&buf, zeros), NANOTS_OK);
            if (kind != 2)
                assert_int_equal(nts_manifest_put_segments(&buf, MANIFEST_SEED, &entry, 1),
                                 NANOTS_OK);
            const bool is_right =
                zeros == 0 ||
                (kind != 0 && (from + zeros == NTS_SECTOR_SIZE || from + zeros == NTS_BLOCK_SIZE));
            struct nts_manifest_reader reader = reader_of(&buf, 8192);
            if (kind != 0)
                assert_int_equal(nts_manifest_next(&reader, &edit, &error), NANOTS_OK);
            assert_int_equal(nts_manifest_next(&reader, &edit, &error),
                             is_right ? NANOTS_OK : NANOTS_CORRUPT);
            (void)snprintf(place, sizeof place, "at offset %zu,", 8192 + from);
            assert_int_equal(strstr(error.message, place) == NULL, is_right);
            nts_buf_deinit(&buf);
        }
}

/* Goal: an edit of an unknown kind, of an impossible size or of another file is damage. */
static void manifest_foreign_edits_are_damage(void **state)
{
    static const uint32_t sizes[] = {1, 8, 15, 20, 96 + 8, UINT32_MAX};
    const struct nts_segment_entry entry = entry_of(1);
    struct nts_buf buf = buf_of_test();
    struct nts_edit edit;
    struct nts_manifest_reader reader;
    (void)state;
    assert_int_equal(nts_manifest_put_segments(&buf, MANIFEST_SEED, &entry, 1), NANOTS_OK);
    assert_int_equal(buf.size, 96);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        nts_store_u32(buf.bytes + 8, sizes[i]);
        reader = reader_of(&buf, 8192);
        assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_CORRUPT);
    }
    nts_store_u32(buf.bytes + 8, 96);
    for (unsigned kind = 0; kind <= NTS_EDIT_KIND_END; kind += NTS_EDIT_KIND_END) {
        buf.bytes[12] = (uint8_t)kind;
        nts_store_u64(buf.bytes, nts_checksum_seeded(buf.bytes + 8, 88, MANIFEST_SEED));
        reader = reader_of(&buf, 8192);
        assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_CORRUPT);
    }
    buf.bytes[12] = NTS_EDIT_SEGMENTS_ADD;
    nts_store_u64(buf.bytes, nts_checksum_seeded(buf.bytes + 8, 88, MANIFEST_SEED + 1));
    reader = reader_of(&buf, 8192);
    assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_CORRUPT);
    nts_buf_deinit(&buf);
}

/* Goal: edits that do not fit are refused and leave the buffer as it was: memory or the maximum. */
static void manifest_put_without_room_changes_nothing(void **state)
{
    const struct nts_segment_entry entry = entry_of(1);
    const uint64_t id = 1;
    struct nts_table_def *def = def_of(1, 40);
    struct faultalloc memory;
    struct nts_buf buf;
    (void)state;
    faultalloc_init(&memory);
    nts_buf_init(&buf, &memory.alloc, 1u << 20);
    faultalloc_fail(&memory, 0, true);
    assert_int_equal(nts_manifest_put_table(&buf, 1, def), NANOTS_NO_MEMORY);
    assert_int_equal(nts_manifest_put_segments(&buf, 1, &entry, 1), NANOTS_NO_MEMORY);
    assert_int_equal(nts_manifest_put_removals(&buf, 1, &id, 1), NANOTS_NO_MEMORY);
    assert_int_equal(nts_manifest_put_cut(&buf, 1, 1, 1, 1), NANOTS_NO_MEMORY);
    assert_int_equal(buf.size, 0);
    nts_buf_deinit(&buf);
    faultalloc_deinit(&memory);
    nts_buf_init(&buf, nts_alloc_libc(), 50);
    assert_int_equal(nts_manifest_put_cut(&buf, 1, 1, 1, 1), NANOTS_OK);
    assert_int_not_equal(nts_manifest_put_segments(&buf, 1, &entry, 1), NANOTS_OK);
    assert_int_equal(buf.size, 40);
    nts_buf_deinit(&buf);
    nts_free(def);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifest_entry_round_trips),
        cmocka_unit_test(manifest_impossible_entries_are_refused),
        cmocka_unit_test(manifest_edits_come_back_in_order),
        cmocka_unit_test(manifest_kept_log_round_trips),
        cmocka_unit_test(manifest_impossible_kept_logs_are_refused),
        cmocka_unit_test(manifest_edits_are_found_at_every_place_of_a_sector),
        cmocka_unit_test(manifest_any_flipped_bit_is_reported_with_its_place),
        cmocka_unit_test(manifest_zeros_in_place_of_edits_are_damage),
        cmocka_unit_test(manifest_foreign_edits_are_damage),
        cmocka_unit_test(manifest_put_without_room_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
