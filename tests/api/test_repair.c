/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_repair.c - what nanots_repair brings back of files that are damaged in many ways.
 *
 * The file has tables "a" (3 columns), "b" and "c", of a segment or more each. What a repair saves
 * is compared with the rows that were there, bit for bit; the new file must verify.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "format/manifest.h"
#include "format/segment_layout.h"
#include "format/superblock.h"
#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "util/alloc.h"
#include "util/checksum.h"

#define TABLES     3u
#define PARTS      4u
#define PART_ROWS  20000u
#define PART_STEP  1000
#define GROUP_ROWS NTS_GROUP_ROWS

static const char *const table_names[TABLES] = {"a", "b", "c"};
static const size_t table_columns[TABLES] = {3, 1, 2};

struct plant {
    const struct scratch *scratch;
    char out[192];
    struct db_rows rows[TABLES];
    uint8_t *bytes; /* of the closed file */
    size_t size;
    char message[256]; /* the last that was told */
    unsigned message_count;
};

/* Rows of PARTS more parts, for the database, if there is one, and for what is expected of it. */
static void plant_append_parts(struct plant *plant, struct nanots_db *db, unsigned first)
{
    for (unsigned part = first; part < first + PARTS; part++) {
        for (size_t t = 0; t < TABLES; t++) {
            struct db_rows more =
                db_rows_sine(PART_ROWS, table_columns[t], (int64_t)part * PART_ROWS * PART_STEP);
            if (db != NULL)
                db_append_all(db, table_names[t], &more);
            db_rows_join(&plant->rows[t], &more);
            db_rows_free(&more);
        }
        if (db != NULL)
            db_ok(nanots_flush(db, &db_error));
    }
}

static void plant_read(struct plant *plant)
{
    test_free(plant->bytes);
    plant->bytes = db_file_read(plant->scratch->path, &plant->size);
}

static void plant_begin(struct plant *plant, const struct scratch *scratch)
{
    memset(plant, 0, sizeof *plant);
    plant->scratch = scratch;
    (void)scratch_path(scratch, "out.ntt", plant->out, sizeof plant->out);
    for (size_t t = 0; t < TABLES; t++)
        plant->rows[t] = db_rows_new(table_columns[t]);
}

/* A closed file. */
static void plant_make(struct plant *plant, const struct scratch *scratch)
{
    plant_begin(plant, scratch);
    struct nanots_db *db = db_open(scratch->path);
    for (size_t t = 0; t < TABLES; t++)
        db_create(db, table_names[t], table_columns[t]);
    plant_append_parts(plant, db, 0);
    db_close(db);
    plant_read(plant);
}

static void plant_end(struct plant *plant)
{
    for (size_t t = 0; t < TABLES; t++)
        db_rows_free(&plant->rows[t]);
    test_free(plant->bytes);
}

static void plant_write(const struct plant *plant)
{
    db_file_write(plant->scratch->path, plant->bytes, plant->size);
}

static void plant_hear(void *context, const char *message)
{
    struct plant *plant = context;
    (void)snprintf(plant->message, sizeof plant->message, "%s", message);
    plant->message_count++;
}

static struct nanots_repair_report plant_repair(struct plant *plant, uint32_t flags)
{
    struct nanots_repair_report report = {.struct_size = sizeof report};
    const struct nanots_repair_options options = {
        .struct_size = sizeof options, .flags = flags, .damage = plant_hear, .context = plant};
    plant->message_count = 0;
    (void)unlink(plant->out);
    db_ok(nanots_repair(plant->scratch->path, plant->out, &options, &report, &db_error));
    assert_int_equal(plant->message_count, report.damage);
    return report;
}

/* The repaired file, which is whole. */
static struct nanots_db *plant_open_out(const struct plant *plant)
{
    struct nanots_verify_report verified = {.struct_size = sizeof verified};
    struct nanots_db *db = db_open(plant->out);
    db_ok(nanots_verify(db, NULL, NULL, &verified, &db_error));
    assert_int_equal(verified.damage, 0);
    return db;
}

static void plant_expect_all(const struct plant *plant)
{
    struct nanots_db *db = plant_open_out(plant);
    for (size_t t = 0; t < TABLES; t++)
        db_expect_table(db, table_names[t], &plant->rows[t]);
    db_close(db);
}

/* ---- whole files ---------------------------------------------------------------------------- */

/* Goal: a repair of a sound file is a copy. Method: all rows, nothing lost, a writable result. */
static void repair_of_a_sound_file_keeps_all(void **state)
{
    struct plant plant;
    plant_make(&plant, *state);
    const struct nanots_repair_report report = plant_repair(&plant, 0);
    assert_int_equal(report.damage, 0);
    assert_int_equal(report.rows, TABLES * PARTS * PART_ROWS);
    assert_int_equal(report.rows_lost, 0);
    assert_int_equal(report.segments_hurt, 0);
    assert_int_equal(report.tables, TABLES);
    plant_expect_all(&plant);
    struct nanots_db *db = db_open(plant.out);
    const double more[1] = {4.5};
    db_ok(nanots_append_row(db, "b", INT64_MAX, more, 1, NULL, &db_error));
    db_rows_add(&plant.rows[1], INT64_MAX, more);
    db = db_reopen(db, plant.out);
    db_expect_table(db, "b", &plant.rows[1]);
    db_close(db);
    plant_end(&plant);
}

static void repair_writes_over_nothing_unless_told(void **state)
{
    struct plant plant;
    plant_make(&plant, *state);
    const struct nanots_repair_options replace = {.struct_size = sizeof replace,
                                                  .flags = NANOTS_REPAIR_REPLACE};
    const char *path = plant.scratch->path;
    db_fails(nanots_repair(path, path, NULL, NULL, &db_error), NANOTS_EXISTS, "plant.ntt");
    db_fails(nanots_repair(path, path, &replace, NULL, &db_error), NANOTS_INVALID, "itself");
    char other[200]; /* another name of the same file */
    (void)snprintf(other, sizeof other, "%s/./plant.ntt", plant.scratch->directory);
    db_fails(nanots_repair(path, other, &replace, NULL, &db_error), NANOTS_BUSY, "plant.ntt");
    db_file_write(plant.out, (const uint8_t *)"mine", 4);
    db_fails(nanots_repair(path, plant.out, NULL, NULL, &db_error), NANOTS_EXISTS, "out.ntt");
    assert_int_equal(db_file_size(plant.out), 4);
    db_ok(nanots_repair(path, plant.out, &replace, NULL, &db_error));
    plant_expect_all(&plant);
    size_t size = 0;
    uint8_t *now = db_file_read(path, &size);
    assert_int_equal(size, plant.size);
    assert_memory_equal(now, plant.bytes, size);
    test_free(now);
    plant_end(&plant);
}

static void repair_of_what_is_no_database_says_so(void **state)
{
    static const size_t sizes[] = {0, 1, 512, 8192, 100000};
    static uint8_t bytes[100000];
    struct plant plant;
    plant_begin(&plant, *state);
    for (unsigned kind = 0; kind < 2; kind++) {
        memset(bytes, kind == 0 ? 0 : 'x', sizeof bytes);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            db_file_write(plant.scratch->path, bytes, sizes[i]);
            db_fails(nanots_repair(plant.scratch->path, plant.out, NULL, NULL, &db_error),
                     NANOTS_NOT_A_DATABASE, "nothing of a NanoTS file");
            assert_int_not_equal(access(plant.out, F_OK), 0);
        }
    }
    (void)unlink(plant.scratch->path);
    db_fails(nanots_repair(plant.scratch->path, plant.out, NULL, NULL, &db_error), NANOTS_NOT_FOUND,
             "plant.ntt");
    db_fails(nanots_repair(NULL, plant.out, NULL, NULL, &db_error), NANOTS_INVALID, "in_path");
    db_fails(nanots_repair(plant.out, NULL, NULL, NULL, &db_error), NANOTS_INVALID, "out_path");
    plant_end(&plant);
}

/* ---- lost superblock and manifest ----------------------------------------------------------- */

static void plant_lose_superblocks(struct plant *plant)
{
    for (size_t copy = 0; copy < NTS_SUPERBLOCK_AREA; copy += NTS_SECTOR_SIZE)
        plant->bytes[copy + 100] ^= 0x10;
    plant_write(plant);
}

static struct nts_superblock plant_superblock(const struct plant *plant)
{
    struct nts_superblock sb;
    assert_int_equal(nts_superblock_choose(plant->bytes, plant->size, &sb, NULL), NANOTS_OK);
    return sb;
}

static void repair_without_superblocks_finds_all_segments(void **state)
{
    struct plant plant;
    plant_make(&plant, *state);
    plant_lose_superblocks(&plant);
    struct nanots_repair_report report = plant_repair(&plant, 0);
    assert_int_equal(report.superblock_lost, 1);
    assert_int_equal(report.rows_lost, 0);
    plant_expect_all(&plant);
    memset(plant.bytes, 0, NTS_SUPERBLOCK_AREA);
    plant_write(&plant);
    report = plant_repair(&plant, 0);
    assert_int_equal(report.superblock_lost, 1);
    plant_expect_all(&plant);
    plant_end(&plant);
}

static void repair_without_manifest_finds_all_segments(void **state)
{
    struct plant plant;
    plant_make(&plant, *state);
    const struct nts_superblock sb = plant_superblock(&plant);
    plant.bytes[sb.manifest_off + sb.manifest_size / 2] ^= 1;
    plant_write(&plant);
    const struct nanots_repair_report report = plant_repair(&plant, 0);
    assert_int_equal(report.superblock_lost, 0);
    assert_int_equal(report.manifest_lost, 1);
    assert_int_equal(report.damage, 1);
    assert_non_null(strstr(plant.message, "manifest"));
    plant_expect_all(&plant);
    plant_end(&plant);
}

/* Goal: segments that a pack replaced, and that still lie in the file, give no row twice.
 * Method: pack while a reader holds the space, let the process die before the file is tidied, lose
 * the manifest. */
static void repair_without_manifest_gives_no_row_twice(void **state)
{
    struct plant plant;
    plant_make(&plant, *state);
    const size_t size_before = plant.size;
    struct nanots_db *reader = db_open_read_only(plant.scratch->path);
    const pid_t pid = fork();
    if (pid == 0) {
        struct nanots_db *db = db_open(plant.scratch->path);
        plant_append_parts(&plant, db, PARTS);
        if (nanots_pack_table(db, "a", 0, NULL) != NANOTS_OK ||
            nanots_pack_table(db, "c", 0, NULL) != NANOTS_OK)
            _exit(1);
        _exit(0);
    }
    int result = 0;
    assert_int_equal(waitpid(pid, &result, 0), pid);
    assert_int_equal(result, 0);
    plant_append_parts(&plant, NULL, PARTS);
    db_close(reader);
    plant_read(&plant);
    assert_true(plant.size > size_before);
    const struct nts_superblock sb = plant_superblock(&plant);
    plant.bytes[sb.manifest_off + 3] ^= 1;
    plant_write(&plant);
    struct nanots_repair_report report = plant_repair(&plant, 0);
    assert_int_equal(report.manifest_lost, 1);
    plant_expect_all(&plant);
    plant_lose_superblocks(&plant);
    report = plant_repair(&plant, 0);
    assert_int_equal(report.superblock_lost, 1);
    plant_expect_all(&plant);
    plant_end(&plant);
}

/* Every segment gets one id, and right checksums. How many there are. */
static unsigned plant_give_one_id(struct plant *plant)
{
    struct nts_segment_header header;
    unsigned count = 0;
    for (size_t at = NTS_SUPERBLOCK_AREA; at + NTS_SEGMENT_HEADER_SIZE <= plant->size;
         at += NTS_GRANULE_SIZE) {
        uint8_t *segment = plant->bytes + at;
        if (memcmp(segment, "NTSSEG1\n", 8) != 0)
            continue;
        assert_true(nts_segment_header_decode(segment, &header));
        header.segment_id = 1;
        header.footer_checksum =
            nts_footer_checksum(segment + header.footer_off,
                                (size_t)(header.size - header.footer_off), header.segment_id);
        nts_segment_header_encode(&header, segment);
        count++;
    }
    return count;
}

/* What a crash leaves behind was never committed, and its id is given out again. */
static void repair_without_manifest_parts_segments_of_one_id(void **state)
{
    struct plant plant;
    plant_make(&plant, *state);
    const struct nts_superblock sb = plant_superblock(&plant);
    const unsigned count = plant_give_one_id(&plant);
    plant.bytes[sb.manifest_off + 3] ^= 1;
    plant_write(&plant);
    const struct nanots_repair_report report = plant_repair(&plant, 0);
    assert_true(count >= TABLES);
    assert_int_equal(report.damage, 1 + count - 1);
    assert_non_null(strstr(plant.message, "another one has its id"));
    assert_int_equal(report.rows_lost, 0);
    plant_expect_all(&plant);
    plant_end(&plant);
}

static void repair_of_a_tiny_file_without_superblock(void **state)
{
    const double value[1] = {1.5};
    struct plant plant;
    plant_begin(&plant, *state);
    struct nanots_db *db = db_open(plant.scratch->path);
    db_create(db, "b", 1);
    db_ok(nanots_append_row(db, "b", 5, value, 1, NULL, &db_error));
    db_rows_add(&plant.rows[1], 5, value);
    db_close(db);
    plant_read(&plant);
    assert_true(plant_superblock(&plant).tiny);
    plant.bytes[20] ^= 1;
    plant_write(&plant);
    (void)plant_repair(&plant, 0);
    db = plant_open_out(&plant);
    db_expect_table(db, "b", &plant.rows[1]);
    db_close(db);
    plant_end(&plant);
}

/* ---- a file cut short ----------------------------------------------------------------------- */

/* Rows that were saved are among those that were, in order. Returns how many are not saved. */
static size_t rows_missing(const struct db_rows *rows, const struct db_rows *wanted)
{
    size_t at = 0;
    for (size_t i = 0; i < rows->row_count; i++, at++) {
        while (at < wanted->row_count && wanted->ts[at] != rows->ts[i])
            at++;
        assert_true(at < wanted->row_count);
        assert_memory_equal(rows->values + i * rows->column_count,
                            wanted->values + at * rows->column_count, rows->column_count * 8);
    }
    return wanted->row_count - rows->row_count;
}

static size_t plant_missing(const struct plant *plant)
{
    struct nanots_db *db = plant_open_out(plant);
    size_t missing = 0;
    for (size_t t = 0; t < TABLES; t++) {
        bool is_there = false;
        struct nanots_table_list list;
        db_ok(nanots_list_tables(db, &list, &db_error));
        for (size_t i = 0; i < list.count; i++)
            is_there |= strcmp(list.names[i], table_names[t]) == 0;
        nanots_free(list.block);
        if (!is_there) {
            missing += plant->rows[t].row_count;
            continue;
        }
        struct db_rows rows = db_rows_read(db, table_names[t], NULL);
        missing += rows_missing(&rows, &plant->rows[t]);
        db_rows_free(&rows);
    }
    db_close(db);
    return missing;
}

/* Goal: of a file cut anywhere, each segment before the cut is saved. Method: cuts at many places;
 * fewer rows are missing the later the cut is. */
static void repair_of_a_file_cut_short_saves_what_is_before(void **state)
{
    struct plant plant;
    size_t before = TABLES * PARTS * PART_ROWS;
    plant_make(&plant, *state);
    for (size_t cut = plant.size / 9; cut < plant.size; cut += plant.size / 9 + 13) {
        db_file_write(plant.scratch->path, plant.bytes, cut);
        const struct nanots_repair_report report = plant_repair(&plant, 0);
        const size_t missing = plant_missing(&plant);
        assert_true(report.damage != 0);
        assert_true(missing <= before);
        assert_int_equal(report.rows + missing, TABLES * PARTS * PART_ROWS);
        assert_true(report.rows_lost <= missing);
        before = missing;
    }
    assert_true(before < TABLES * PARTS * PART_ROWS / 2);
    plant_end(&plant);
}

/* Goal: a header that is damaged costs nothing while the manifest knows the segment. Method: wipe
 * out every header that there is. */
static void repair_needs_no_header(void **state)
{
    struct plant plant;
    unsigned count = 0;
    plant_make(&plant, *state);
    for (size_t at = NTS_SUPERBLOCK_AREA; at + 80 <= plant.size; at += NTS_GRANULE_SIZE) {
        if (memcmp(plant.bytes + at, "NTSSEG1\n", 8) != 0)
            continue;
        memset(plant.bytes + at, count % 2 == 0 ? 0 : 0xa5, 80);
        count++;
    }
    assert_true(count >= TABLES);
    plant_write(&plant);
    const struct nanots_repair_report report = plant_repair(&plant, 0);
    assert_int_equal(report.segments_hurt, count);
    assert_int_equal(report.rows_lost, 0);
    assert_non_null(strstr(plant.message, "its header is damaged; all"));
    plant_expect_all(&plant);
    plant_end(&plant);
}

/* Goal: where null is asked for, a lost column that may be null costs its values alone. Method: a
 * table of one such column and one that may not be null; a byte of each chunk in turn. */
static void repair_puts_null_for_a_value_if_asked_to(void **state)
{
    static const struct nanots_column columns[] = {{"a", NANOTS_TYPE_I64, 0},
                                                   {"n", NANOTS_TYPE_I64, NANOTS_COLUMN_NULLABLE}};
    uint64_t seed = seed_of_run();
    struct plant plant;
    plant_begin(&plant, *state);
    struct nanots_db *db = db_open(plant.scratch->path);
    db_ok(nanots_create_table(db, "t", columns, 2, &db_error));
    for (int64_t row = 0; row < 3000; row++) {
        struct nanots_value values[2] = {{.type = NANOTS_TYPE_I64}, {.type = NANOTS_TYPE_I64}};
        values[0].as.i64 = (int64_t)seed_next(&seed);
        values[1].as.i64 = (int64_t)seed_next(&seed);
        db_ok(nanots_append_row_typed(db, "t", row * row, values, 2, NULL, &db_error));
    }
    db_close(db);
    plant_read(&plant);
    unsigned nulled = 0;
    unsigned lost = 0;
    for (size_t at = NTS_SUPERBLOCK_AREA + 2000; at + 1000 < plant.size; at += plant.size / 12) {
        plant.bytes[at] ^= 4;
        plant_write(&plant);
        struct nanots_repair_report report = plant_repair(&plant, 0);
        assert_int_equal(report.rows, 0);
        assert_int_equal(report.rows_lost, 3000);
        report = plant_repair(&plant, NANOTS_REPAIR_NULL_LOST);
        nulled += report.values_nulled == 3000 && report.rows == 3000;
        lost += report.values_nulled == 0 && report.rows == 0;
        if (report.rows != 0) {
            struct nanots_table_stats stats = {.struct_size = sizeof stats};
            const struct nanots_batch *batch = NULL;
            struct nanots_cursor *cursor = NULL;
            db = plant_open_out(&plant);
            db_ok(nanots_stats(db, "t", &stats, &db_error));
            assert_int_equal(stats.rows, 3000);
            db_ok(nanots_query_open(db, "t", NULL, &cursor, &db_error));
            db_ok(nanots_query_next(cursor, &batch, &db_error));
            for (size_t row = 0; row < batch->row_count; row++)
                assert_int_equal(batch->columns[1].validity[row / 8] >> (row % 8) & 1, 0);
            nanots_query_close(cursor);
            db_close(db);
        }
        plant.bytes[at] ^= 4;
    }
    assert_true(nulled != 0);
    assert_true(lost != 0);
    plant_end(&plant);
}

/* Goal: a time range that is not that of the rows, under right checksums, is found, and the rows
 * are saved. Method: both ends of the one segment of a small file, in its footer and in the
 * manifest. */
static void repair_and_verify_find_a_wrong_time_range(void **state)
{
    for (unsigned end = 0; end < 2; end++) {
        struct nanots_verify_report verified = {.struct_size = sizeof verified};
        struct plant plant;
        plant_begin(&plant, *state);
        (void)unlink(plant.scratch->path);
        struct nanots_db *db = db_open(plant.scratch->path);
        db_create(db, "b", 1);
        plant.rows[1].row_count = 0;
        struct db_rows rows = db_rows_sine(10, 1, 1000);
        db_append_all(db, "b", &rows);
        db_rows_join(&plant.rows[1], &rows);
        db_rows_free(&rows);
        db_close(db);
        plant_read(&plant);
        struct nts_superblock sb = plant_superblock(&plant);
        uint8_t *edit = plant.bytes + sb.manifest_off;
        while (edit[12] != NTS_EDIT_SEGMENTS_ADD)
            edit += nts_load_u32(edit + 8);
        uint8_t *entry = edit + NTS_EDIT_HEADER_SIZE;
        uint8_t *segment = plant.bytes + nts_load_u64(entry + 16);
        uint8_t *footer = segment + nts_load_u64(segment + 24);
        const int64_t wrong = end == 0 ? 999 : 100000;
        nts_store_i64(footer + 8 * end, wrong);
        nts_store_i64(entry + 48 + 8 * end, wrong);
        const size_t size = (size_t)(nts_load_u64(segment + 16) - nts_load_u64(segment + 24));
        const uint64_t checksum = nts_checksum_seeded(footer, size, nts_load_u64(segment + 8));
        nts_store_u64(segment + 32, checksum);
        nts_store_u64(segment + 72, nts_checksum(segment, 72));
        nts_store_u64(entry + 64, checksum);
        nts_store_u64(edit, nts_checksum_seeded(edit + 8, nts_load_u32(edit + 8) - 8,
                                                nts_superblock_file_seed(&sb)));
        sb.manifest_chain =
            nts_manifest_chain(0, plant.bytes + sb.manifest_off, (size_t)sb.manifest_size);
        nts_superblock_encode(&sb, plant.bytes);
        plant_write(&plant);
        db = db_open_read_only(plant.scratch->path);
        db_ok(nanots_verify(db, plant_hear, &plant, &verified, &db_error));
        assert_int_equal(verified.damage, 1);
        assert_non_null(strstr(plant.message, "zone map contradicts"));
        db_close(db);
        const struct nanots_repair_report report = plant_repair(&plant, 0);
        assert_int_equal(report.segments_hurt, 1);
        assert_int_equal(report.rows, 10);
        db = plant_open_out(&plant);
        db_expect_table(db, "b", &plant.rows[1]);
        db_close(db);
        plant_end(&plant);
    }
}

/* ---- damage in segments --------------------------------------------------------------------- */

/* What a damage must cost, of the sound file and the places that differ from it. */
struct toll {
    const struct plant *plant; /* damaged */
    const uint8_t *sound;
    size_t rows;        /* that no repair can save */
    size_t rows_unseen; /* of these, that nothing tells of any more */
    size_t segments;    /* that are not whole */
};

static bool toll_is_hurt(const struct toll *toll, size_t off, size_t size)
{
    return memcmp(toll->sound + off, toll->plant->bytes + off, size) != 0;
}

/* Which row groups of a segment have a chunk that is hurt, from the indexes of the sound footer. */
static size_t toll_group_rows(const struct toll *toll, size_t at, uint32_t row_count,
                              const struct nts_footer *footer, uint64_t footer_off)
{
    static const struct nts_index_kind value = {NANOTS_TYPE_F64, false, false};
    static struct nts_index_work work;
    bool is_lost[PARTS * PART_ROWS / GROUP_ROWS + 1] = {false};
    size_t lost = 0;
    for (uint32_t c = 0; c <= footer->column_count; c++) {
        const struct nts_index_kind kind = c == 0 ? nts_index_kind_of_time() : value;
        struct nts_column_index *index = nts_column_index_new(nts_alloc_libc(), row_count, kind);
        const uint8_t *bytes = NULL;
        size_t size = 0;
        assert_non_null(index);
        assert_true(nts_footer_find_index(footer, c, &bytes, &size));
        assert_int_equal(nts_column_index_decode(&work, index, bytes, size, footer_off), NANOTS_OK);
        for (uint32_t g = 0; g < index->group_count; g++)
            is_lost[g] |= toll_is_hurt(toll, at + index->chunk_off[g], index->chunk_size[g]);
        nts_free(index);
    }
    for (uint32_t row = 0; row < row_count; row += GROUP_ROWS)
        if (is_lost[row / GROUP_ROWS])
            lost += row_count - row < GROUP_ROWS ? row_count - row : GROUP_ROWS;
    return lost;
}

/* A footer takes the whole segment with it, and so does the header if the manifest is lost. */
static void toll_add_segment(struct toll *toll, size_t at, bool manifest_is_hurt)
{
    struct nts_segment_header header;
    struct nts_footer footer;
    assert_true(nts_segment_header_decode(toll->sound + at, &header));
    const size_t footer_at = at + (size_t)header.footer_off;
    const size_t footer_size = (size_t)(header.size - header.footer_off);
    assert_true(nts_footer_decode(toll->sound + footer_at, footer_size, &footer));
    assert_true(header.row_count <= PARTS * PART_ROWS);
    toll->segments += toll_is_hurt(toll, at, (size_t)header.size);
    if (manifest_is_hurt && toll_is_hurt(toll, at, NTS_SEGMENT_HEADER_SIZE)) {
        toll->rows += header.row_count;
        toll->rows_unseen += header.row_count;
    } else if (toll_is_hurt(toll, footer_at, footer_size)) {
        toll->rows += header.row_count;
    } else {
        toll->rows += toll_group_rows(toll, at, header.row_count, &footer, header.footer_off);
    }
}

static struct toll plant_toll(const struct plant *plant, const uint8_t *sound)
{
    struct toll toll = {.plant = plant, .sound = sound};
    const struct nts_superblock sb = plant_superblock(plant);
    const bool manifest_is_hurt =
        toll_is_hurt(&toll, (size_t)sb.manifest_off, (size_t)sb.manifest_size);
    for (size_t at = NTS_SUPERBLOCK_AREA; at + NTS_SEGMENT_HEADER_SIZE <= plant->size;
         at += NTS_GRANULE_SIZE)
        if (memcmp(sound + at, "NTSSEG1\n", 8) == 0)
            toll_add_segment(&toll, at, manifest_is_hurt);
    return toll;
}

/* Repairs the plant, which is damaged, and compares what is lost with what must be. */
static size_t plant_expect_toll(struct plant *plant, const uint8_t *sound)
{
    const struct toll toll = plant_toll(plant, sound);
    plant_write(plant);
    const struct nanots_repair_report report = plant_repair(plant, 0);
    const size_t missing = plant_missing(plant);
    assert_int_equal(missing, toll.rows);
    assert_int_equal(report.rows_lost, toll.rows - toll.rows_unseen);
    assert_int_equal(report.rows, TABLES * PARTS * PART_ROWS - toll.rows);
    if (report.manifest_lost == 0)
        assert_int_equal(report.segments_hurt, toll.segments);
    assert_true(missing == 0 || report.damage != 0);
    return missing;
}

/* Goal: of a damaged segment all row groups but the damaged ones are saved, and no value is wrong;
 * other tables keep every row. Method: flips and zeroed sectors all over the data; the indexes tell
 * which rows were there. */
static void repair_of_flips_and_zeroed_sectors_loses_row_groups(void **state)
{
    uint64_t seed = seed_of_run();
    struct plant plant;
    size_t most = 0;
    plant_make(&plant, *state);
    uint8_t *sound = db_file_read(plant.scratch->path, &plant.size);
    for (unsigned round = 0; round < 24; round++) {
        const size_t at =
            (NTS_SUPERBLOCK_AREA + seed_next(&seed) % (plant.size - 3 * NTS_BLOCK_SIZE)) /
            NTS_SECTOR_SIZE * NTS_SECTOR_SIZE;
        if (round % 2 == 0)
            plant.bytes[at + seed_next(&seed) % NTS_SECTOR_SIZE] ^= (uint8_t)(1u << round % 8);
        else
            memset(plant.bytes + at, 0, NTS_SECTOR_SIZE);
        const size_t missing = plant_expect_toll(&plant, sound);
        memcpy(plant.bytes + at, sound + at, NTS_SECTOR_SIZE);
        most = missing > most ? missing : most;
    }
    assert_true(most != 0);
    test_free(sound);
    plant_end(&plant);
}

/* Goal: the same where structures meet: manifest and first header, a footer and the header behind
 * it, the file's end. Method: the sector of each is zeroed, in a file where they are neighbours. */
static void repair_of_zeroed_sectors_where_structures_meet(void **state)
{
    struct plant plant;
    size_t places = 0;
    plant_make(&plant, *state);
    uint8_t *sound = db_file_read(plant.scratch->path, &plant.size);
    for (size_t at = NTS_SUPERBLOCK_AREA; at < plant.size; at += NTS_GRANULE_SIZE) {
        if (memcmp(sound + at, "NTSSEG1\n", 8) != 0 && at + NTS_GRANULE_SIZE < plant.size)
            continue;
        const size_t sector = at / NTS_SECTOR_SIZE * NTS_SECTOR_SIZE;
        const size_t left = plant.size - sector;
        const size_t size = left < NTS_SECTOR_SIZE ? left : NTS_SECTOR_SIZE;
        memset(plant.bytes + sector, 0, size);
        (void)plant_expect_toll(&plant, sound);
        memcpy(plant.bytes + sector, sound + sector, size);
        places++;
    }
    assert_true(places > TABLES);
    test_free(sound);
    plant_end(&plant);
}

/* Goal: a manifest of which nothing is left but zeros is lost, not empty: no table vanishes.
 * Method: the extent of the manifest alone is zeroed; opening says it, repair saves every row. */
static void repair_takes_no_zeroed_manifest_for_an_empty_one(void **state)
{
    struct nanots_db *db = NULL;
    struct plant plant;
    plant_make(&plant, *state);
    const struct nts_superblock sb = plant_superblock(&plant);
    memset(plant.bytes + sb.manifest_off, 0, (size_t)sb.manifest_size);
    plant_write(&plant);
    db_fails(nanots_open(plant.scratch->path, NULL, &db, &db_error), NANOTS_CORRUPT, "zero bytes");
    const struct nanots_repair_report report = plant_repair(&plant, 0);
    assert_int_equal(report.manifest_lost, 1);
    assert_int_equal(report.rows_lost, 0);
    plant_expect_all(&plant);
    plant_end(&plant);
}

int main(void)
{
#define REPAIR_TEST(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        REPAIR_TEST(repair_of_a_sound_file_keeps_all),
        REPAIR_TEST(repair_writes_over_nothing_unless_told),
        REPAIR_TEST(repair_of_what_is_no_database_says_so),
        REPAIR_TEST(repair_without_superblocks_finds_all_segments),
        REPAIR_TEST(repair_without_manifest_finds_all_segments),
        REPAIR_TEST(repair_without_manifest_gives_no_row_twice),
        REPAIR_TEST(repair_without_manifest_parts_segments_of_one_id),
        REPAIR_TEST(repair_of_a_tiny_file_without_superblock),
        REPAIR_TEST(repair_of_a_file_cut_short_saves_what_is_before),
        REPAIR_TEST(repair_needs_no_header),
        REPAIR_TEST(repair_puts_null_for_a_value_if_asked_to),
        REPAIR_TEST(repair_and_verify_find_a_wrong_time_range),
        REPAIR_TEST(repair_of_flips_and_zeroed_sectors_loses_row_groups),
        REPAIR_TEST(repair_of_zeroed_sectors_where_structures_meet),
        REPAIR_TEST(repair_takes_no_zeroed_manifest_for_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
