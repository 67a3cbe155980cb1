/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_superblock.c - the 256 bytes that name everything else (format/superblock.h, SPEC.md
 * 3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "format/superblock.h"
#include "support/guard.h"
#include "util/checksum.h"

/* Every field set, all of it possible: two WAL extents, a manifest and a reserve in 1 MiB. */
static struct nts_superblock superblock_sample(uint64_t generation)
{
    struct nts_superblock sb = {.format_version = NTS_FORMAT_VERSION,
                                .writer_version = 0x010203,
                                .generation = generation,
                                .ro_compat_flags = 0,
                                .compat_flags = 5,
                                .manifest_off = 8192,
                                .manifest_size = 1000,
                                .manifest_capacity = 8192,
                                .file_end = 1u << 20,
                                .flushed_seq = 123456789,
                                .wal_salt = 0x1122334455667788u,
                                .wal_chain = 0x99AABBCCDDEEFF00u,
                                .wal_head_off = 65536 + 4096,
                                .reserve = {262144, 65536},
                                .next_table_id = 7,
                                .wal_count = 2,
                                .next_segment_id = 99,
                                .wal_extents = {{65536, 65536}, {131072, 131072}}};
    for (uint8_t i = 0; i < sizeof sb.file_id; i++)
        sb.file_id[i] = (uint8_t)(0xF0 + i);
    return sb;
}

static struct nts_superblock superblock_tiny(uint64_t generation)
{
    struct nts_superblock sb = {.format_version = NTS_FORMAT_VERSION,
                                .generation = generation,
                                .manifest_off = 512,
                                .manifest_size = 100,
                                .manifest_capacity = 100,
                                .file_end = 3000,
                                .flushed_seq = 10,
                                .next_table_id = 1,
                                .next_segment_id = 2,
                                .tiny = true};
    return sb;
}

static void put_slot(uint8_t file[NTS_SUPERBLOCK_AREA], const struct nts_superblock *sb)
{
    uint8_t image[NTS_SLOT_IMAGE_SIZE];
    const size_t size = nts_superblock_encode_slot(sb, image);
    memcpy(file + nts_superblock_slot(sb->generation), image, size);
}

static nanots_status decode(const struct nts_superblock *sb, struct nanots_error *error)
{
    uint8_t bytes[NTS_SUPERBLOCK_SIZE];
    struct nts_superblock out;
    nts_superblock_encode(sb, bytes);
    return nts_superblock_decode(bytes, &out, error);
}

/* Changes a field of encoded bytes and makes the checksum right again. */
static void patch_u32(uint8_t bytes[NTS_SUPERBLOCK_SIZE], size_t at, uint32_t value)
{
    nts_store_u32(bytes + at, value);
    nts_store_u64(bytes + 248, nts_checksum(bytes, 248));
}

/* Goal: what is written is read. Method: all fields, and places in the bytes as SPEC.md has
 * them. */
static void superblock_round_trips_every_field(void **state)
{
    const struct nts_superblock sb = superblock_sample(6);
    uint8_t bytes[NTS_SUPERBLOCK_SIZE];
    struct nts_superblock out;
    (void)state;
    nts_superblock_encode(&sb, bytes);
    assert_memory_equal(bytes, "\x89NTT\r\n\x1a\n", 8);
    assert_int_equal(nts_load_u64(bytes + 16), 6);
    assert_int_equal(nts_load_u64(bytes + 88), 1u << 20);
    assert_int_equal(nts_load_u32(bytes + 148), 2);
    assert_int_equal(nts_load_u64(bytes + 172), 131072);
    assert_int_equal(nts_load_u32(bytes + 180), 131072 / 4096);
    assert_int_equal(nts_load_u64(bytes + 248), nts_checksum(bytes, 248));
    assert_int_equal(nts_superblock_decode(bytes, &out, NULL), NANOTS_OK);
    assert_memory_equal(out.file_id, sb.file_id, sizeof sb.file_id);
    assert_int_equal(nts_superblock_file_seed(&out), 0xF7F6F5F4F3F2F1F0u);
    uint8_t again[NTS_SUPERBLOCK_SIZE];
    nts_superblock_encode(&out, again);
    assert_memory_equal(again, bytes, sizeof bytes);
    assert_int_equal(out.wal_extents[1].size, 131072);
    assert_int_equal(out.wal_head_off, sb.wal_head_off);
    assert_int_equal(out.reserve.off, sb.reserve.off);
    assert_int_equal(out.next_segment_id, 99);
    assert_false(out.tiny);
}

/* Goal: no flipped bit of a copy passes. Method: all 2048. */
static void superblock_any_flipped_bit_is_detected(void **state)
{
    const struct nts_superblock sb = superblock_sample(6);
    uint8_t bytes[NTS_SUPERBLOCK_SIZE];
    struct nts_superblock out;
    (void)state;
    nts_superblock_encode(&sb, bytes);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const nanots_status status = nts_superblock_decode(bytes, &out, NULL);
        assert_int_equal(status, bit < 64 ? NANOTS_NOT_A_DATABASE : NANOTS_CORRUPT);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Goal: the newest valid one of four copies wins. Method: every subset of the copies is spoilt. */
static void superblock_choose_takes_the_newest_valid_copy(void **state)
{
    static const size_t places[] = {0, 512, 4096, 4608};
    (void)state;
    for (uint64_t newest = 6; newest < 8; newest++) {
        const struct nts_superblock old = superblock_sample(newest - 1);
        const struct nts_superblock new = superblock_sample(newest);
        for (unsigned spoilt = 0; spoilt < 16; spoilt++) {
            uint8_t file[NTS_SUPERBLOCK_AREA] = {0};
            struct nts_superblock out;
            struct nanots_error error;
            uint64_t wanted = 0;
            put_slot(file, &old);
            put_slot(file, &new);
            for (unsigned copy = 0; copy < 4; copy++) {
                const uint64_t generation = copy / 2 == (newest & 1) ? newest : newest - 1;
                if ((spoilt >> copy & 1) != 0)
                    file[places[copy] + 100] ^= 1;
                else
                    wanted = generation > wanted ? generation : wanted;
            }
            const nanots_status status = nts_superblock_choose(file, sizeof file, &out, &error);
            assert_int_equal(status, wanted == 0 ? NANOTS_CORRUPT : NANOTS_OK);
            assert_int_equal(error.code, status);
            if (wanted != 0)
                assert_int_equal(out.generation, wanted);
            else
                assert_non_null(strstr(error.message, "8192 bytes are damaged"));
        }
    }
}

/* Goal: a slot torn at any sector while it is written leaves the old or the new state. */
static void superblock_torn_slot_leaves_old_or_new(void **state)
{
    const struct nts_superblock old = superblock_sample(4);
    const struct nts_superblock between = superblock_sample(5);
    const struct nts_superblock new = superblock_sample(6);
    uint8_t image[NTS_SLOT_IMAGE_SIZE];
    (void)state;
    assert_int_equal(nts_superblock_encode_slot(&new, image), NTS_SLOT_IMAGE_SIZE);
    for (size_t written = 0; written <= sizeof image; written += 8) {
        uint8_t file[NTS_SUPERBLOCK_AREA] = {0};
        struct nts_superblock out;
        put_slot(file, &old);
        put_slot(file, &between);
        memcpy(file, image, written);
        assert_int_equal(nts_superblock_choose(file, sizeof file, &out, NULL), NANOTS_OK);
        assert_int_equal(out.generation, written >= NTS_SUPERBLOCK_SIZE ? 6 : 5);
    }
}

/* Goal: tiny form is one copy at offset 0, of an even generation, with all of the file in one
 * block; what lies at 512 is no copy then. */
static void superblock_tiny_form_has_its_rules(void **state)
{
    const struct nts_superblock tiny = superblock_tiny(8);
    struct nts_superblock out;
    uint8_t file[NTS_SUPERBLOCK_AREA] = {0};
    uint8_t image[NTS_SLOT_IMAGE_SIZE];
    (void)state;
    assert_int_equal(nts_superblock_encode_slot(&tiny, image), NTS_TINY_START);
    memcpy(file, image, NTS_TINY_START);
    struct nts_superblock decoy = superblock_sample(100);
    nts_superblock_encode(&decoy, file + 512); /* manifest bytes that look like a copy */
    assert_int_equal(nts_superblock_choose(file, 3000, &out, NULL), NANOTS_OK);
    assert_int_equal(out.generation, 8);
    assert_true(out.tiny);

    const struct nts_superblock next = superblock_sample(9); /* the first commit after it */
    put_slot(file, &next);
    assert_int_equal(nts_superblock_choose(file, sizeof file, &out, NULL), NANOTS_OK);
    assert_int_equal(out.generation, 9);
    assert_false(out.tiny);

    memset(file, 0, sizeof file);
    nts_superblock_encode(&tiny, file + 4096); /* tiny form elsewhere is none */
    assert_int_equal(nts_superblock_choose(file, sizeof file, &out, NULL), NANOTS_CORRUPT);

    struct nts_superblock wrong = superblock_tiny(9); /* odd */
    assert_int_equal(decode(&wrong, NULL), NANOTS_CORRUPT);
    wrong = superblock_tiny(8);
    wrong.file_end = 4097;
    assert_int_equal(decode(&wrong, NULL), NANOTS_CORRUPT);
    wrong.file_end = 4096;
    assert_int_equal(decode(&wrong, NULL), NANOTS_OK);
}

/* Goal: nothing, and nothing but zeros, is an empty database; anything else without magic is
 * none. */
static void superblock_zeros_are_generation_0(void **state)
{
    uint8_t file[NTS_SUPERBLOCK_AREA] = {0};
    struct nts_superblock out;
    struct nanots_error error;
    (void)state;
    static const size_t sizes[] = {0, 1, 255, 4096, NTS_SUPERBLOCK_AREA};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(&out, 0xFF, sizeof out);
        assert_int_equal(nts_superblock_choose(file, sizes[i], &out, &error), NANOTS_OK);
        assert_int_equal(out.generation, 0);
        assert_int_equal(out.wal_count, 0);
    }
    file[8191] = 1;
    assert_int_equal(nts_superblock_choose(file, sizeof file, &out, &error), NANOTS_NOT_A_DATABASE);
    memcpy(file, "SQLite format 3", 16);
    assert_int_equal(nts_superblock_choose(file, 100, &out, &error), NANOTS_NOT_A_DATABASE);
    assert_non_null(strstr(error.message, "not a NanoTS file"));
}

/* Goal: a file of a newer library is refused with that library's version. */
static void superblock_newer_format_names_the_writer(void **state)
{
    const struct nts_superblock sb = superblock_sample(6);
    uint8_t bytes[NTS_SUPERBLOCK_SIZE];
    struct nts_superblock out;
    struct nanots_error error;
    (void)state;
    nts_superblock_encode(&sb, bytes);
    patch_u32(bytes, 8, 2);
    assert_int_equal(nts_superblock_decode(bytes, &out, &error), NANOTS_NEWER_FORMAT);
    assert_non_null(strstr(error.message, "version 1.2.3"));
    assert_non_null(strstr(error.message, "format 2"));
    nts_superblock_encode(&sb, bytes);
    patch_u32(bytes, 24 + 4, 1); /* an unknown incompatible feature: bit 32 */
    assert_int_equal(nts_superblock_decode(bytes, &out, &error), NANOTS_NEWER_FORMAT);
    assert_non_null(strstr(error.message, "100000000"));
    nts_superblock_encode(&sb, bytes);
    patch_u32(bytes, 40, 0xFFFFFFFF); /* unknown compatible features are none of our business */
    assert_int_equal(nts_superblock_decode(bytes, &out, &error), NANOTS_OK);
}

/* Goal: it is the winner that decides whether the file is too new. Method: a newer library's
 * feature in the newest slot, then in the one before, as that library leaves it when it drops the
 * feature. */
static void superblock_newer_format_counts_in_the_winner_only(void **state)
{
    (void)state;
    for (uint64_t flagged = 6; flagged <= 7; flagged++) {
        uint8_t file[NTS_SUPERBLOCK_AREA] = {0};
        struct nts_superblock out;
        struct nanots_error error;
        for (uint64_t generation = 6; generation <= 7; generation++) {
            const struct nts_superblock sb = superblock_sample(generation);
            uint8_t *slot = file + nts_superblock_slot(generation);
            put_slot(file, &sb);
            patch_u32(slot, 24, generation == flagged ? 2 : 0);
            patch_u32(slot + 512, 24, generation == flagged ? 2 : 0);
        }
        assert_int_equal(nts_superblock_choose(file, sizeof file, &out, &error),
                         flagged == 7 ? NANOTS_NEWER_FORMAT : NANOTS_OK);
        if (flagged == 6)
            assert_int_equal(out.generation, 7);
    }
}

/* A file that a backup or a repair did not finish is refused, unless a later commit did. */
static void superblock_unfinished_is_refused_if_it_wins(void **state)
{
    (void)state;
    for (uint64_t flagged = 6; flagged <= 7; flagged++) {
        uint8_t file[NTS_SUPERBLOCK_AREA] = {0};
        struct nts_superblock out;
        struct nanots_error error;
        for (uint64_t generation = 6; generation <= 7; generation++) {
            struct nts_superblock sb = superblock_sample(generation);
            sb.incompat_flags = generation == flagged ? NTS_INCOMPAT_UNFINISHED : 0;
            put_slot(file, &sb);
        }
        assert_int_equal(nts_superblock_choose(file, sizeof file, &out, &error),
                         flagged == 7 ? NANOTS_CORRUPT : NANOTS_OK);
        if (flagged == 7)
            assert_non_null(strstr(error.message, "did not end"));
    }
}

/* Goal: an extent may end where the file does, and not a byte behind it; nor may the manifest have
 * more bytes than any may have. */
static void superblock_extents_end_with_the_file(void **state)
{
    const struct nts_superblock good = superblock_sample(6);
    struct nts_superblock sb = good;
    struct nanots_error error;
    (void)state;
    for (uint64_t over = 0; over < 2; over++) {
        const nanots_status wanted = over == 0 ? NANOTS_OK : NANOTS_CORRUPT;
        sb = good;
        sb.manifest_off = sb.file_end - sb.manifest_capacity + over;
        assert_int_equal(decode(&sb, &error), wanted);
        sb = good;
        sb.reserve.off = sb.file_end - sb.reserve.size + over;
        assert_int_equal(decode(&sb, &error), wanted);
        sb = good;
        sb.file_end = sb.reserve.off + sb.reserve.size - over;
        assert_int_equal(decode(&sb, &error), wanted);
    }
    sb = good;
    sb.file_end = sb.manifest_off + NTS_MANIFEST_SIZE_MAX + 4096;
    sb.manifest_capacity = NTS_MANIFEST_SIZE_MAX + 1;
    sb.manifest_size = NTS_MANIFEST_SIZE_MAX;
    assert_int_equal(decode(&sb, &error), NANOTS_OK);
    sb.manifest_size++;
    assert_int_equal(decode(&sb, &error), NANOTS_CORRUPT);
}

/* Sets one field of `sb` to what cannot be. */
static void superblock_spoil(struct nts_superblock *sb, unsigned field)
{
    const uint64_t impossible[] = {0,
                                   8191,
                                   NTS_FILE_SIZE_MAX + 1,
                                   8128,
                                   UINT64_MAX - 100,
                                   2u << 20,
                                   8193,
                                   65535,
                                   131080,
                                   65537,
                                   4096,
                                   1u << 20,
                                   131072 + 4096,
                                   4096,
                                   512u << 20,
                                   4096,
                                   UINT64_MAX,
                                   NTS_NUMBER_MAX + 1,
                                   NTS_NUMBER_MAX + 1,
                                   NTS_NUMBER_MAX + 1};
    uint64_t *const fields[] = {&sb->generation,
                                &sb->file_end,
                                &sb->file_end,
                                &sb->manifest_off,
                                &sb->manifest_off,
                                &sb->manifest_capacity,
                                &sb->manifest_size,
                                &sb->wal_head_off,
                                &sb->wal_head_off,
                                &sb->wal_head_off,
                                &sb->wal_extents[1].off,
                                &sb->wal_extents[1].off,
                                &sb->wal_extents[1].off,
                                &sb->wal_extents[1].size,
                                &sb->wal_extents[0].size,
                                &sb->reserve.off,
                                &sb->reserve.size,
                                &sb->generation,
                                &sb->flushed_seq,
                                &sb->next_segment_id};
    if (field < 2)
        sb->wal_count = field; /* a log of no or one extent, and a head */
    else
        *fields[field - 2] = impossible[field - 2];
}

/* Goal: offsets and sizes that cannot be are refused though the checksum is right. */
static void superblock_impossible_contents_are_refused(void **state)
{
    const struct nts_superblock good = superblock_sample(6);
    uint8_t bytes[NTS_SUPERBLOCK_SIZE];
    struct nts_superblock out;
    struct nanots_error error;
    (void)state;
    assert_int_equal(decode(&good, &error), NANOTS_OK);
    for (unsigned field = 0; field < 22; field++) {
        struct nts_superblock sb = good;
        superblock_spoil(&sb, field);
        assert_int_equal(decode(&sb, &error), NANOTS_CORRUPT);
        assert_non_null(strstr(error.message, "impossible"));
    }
    nts_superblock_encode(&good, bytes);
    patch_u32(bytes, 144, NTS_TABLES_MAX + 1); /* more ids of tables than are given out */
    assert_int_equal(nts_superblock_decode(bytes, &out, NULL), NANOTS_CORRUPT);
    nts_superblock_encode(&good, bytes);
    patch_u32(bytes, 148, 7); /* more WAL extents than there is room for */
    assert_int_equal(nts_superblock_decode(bytes, &out, NULL), NANOTS_CORRUPT);
}

/* Goal: no read leaves the bytes given. Method: every size of file, at a guard page. */
static void superblock_choose_stays_inside_its_bytes(void **state)
{
    struct guard guard = guard_open(NTS_SUPERBLOCK_AREA);
    const struct nts_superblock even = superblock_sample(6);
    const struct nts_superblock odd = superblock_sample(7);
    uint8_t file[NTS_SUPERBLOCK_AREA] = {0};
    (void)state;
    put_slot(file, &even);
    put_slot(file, &odd);
    for (size_t size = 0; size <= sizeof file; size++) {
        struct nts_superblock out;
        uint8_t *bytes = guard_at_end(&guard, size);
        memcpy(bytes, file, size);
        const nanots_status status = nts_superblock_choose(bytes, size, &out, NULL);
        if (size >= 4096 + 256)
            assert_int_equal(out.generation, 7);
        else if (size >= 256)
            assert_int_equal(out.generation, 6);
        else if (size != 0)
            assert_int_not_equal(status, NANOTS_OK);
    }
    guard_close(&guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(superblock_round_trips_every_field),
        cmocka_unit_test(superblock_any_flipped_bit_is_detected),
        cmocka_unit_test(superblock_choose_takes_the_newest_valid_copy),
        cmocka_unit_test(superblock_torn_slot_leaves_old_or_new),
        cmocka_unit_test(superblock_tiny_form_has_its_rules),
        cmocka_unit_test(superblock_zeros_are_generation_0),
        cmocka_unit_test(superblock_newer_format_names_the_writer),
        cmocka_unit_test(superblock_newer_format_counts_in_the_winner_only),
        cmocka_unit_test(superblock_unfinished_is_refused_if_it_wins),
        cmocka_unit_test(superblock_extents_end_with_the_file),
        cmocka_unit_test(superblock_impossible_contents_are_refused),
        cmocka_unit_test(superblock_choose_stays_inside_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
