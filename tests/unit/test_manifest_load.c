/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_manifest_load.c - a manifest's edits applied to an empty catalog
 * (engine/manifest_load.h, SPEC.md 4), in a file that holds nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine/catalog.h"
#include "engine/manifest_load.h"
#include "format/manifest.h"
#include "format/table_change.h"
#include "support/bare_db.h"
#include "support/scratch.h"

#define SEED_OF_FILE 4711u
#define FLUSHED_SEQ  1000u
#define FILE_END     (1u << 20)

struct bench {
    struct bare_db bare;
    struct nts_buf edits;
    struct nanots_error error;
};

static void bench_open(struct bench *bench, const char *path)
{
    struct nanots_db *db = &bench->bare.db;
    const struct nanots_vfs *vfs = nts_vfs_posix();
    bare_db_open(&bench->bare);
    nts_buf_init(&bench->edits, nts_alloc_libc(), 1u << 20);
    assert_int_equal(vfs->open(vfs, nts_alloc_libc(), path, NANOTS_VFS_CREATE, &db->file, NULL),
                     NANOTS_OK);
    db->file_seed = SEED_OF_FILE;
    db->sb.manifest_off = NTS_SUPERBLOCK_AREA;
    db->sb.next_table_id = 10;
    db->sb.next_segment_id = 100;
    db->sb.flushed_seq = FLUSHED_SEQ;
    db->sb.file_end = FILE_END;
}

static void bench_close(struct bench *bench)
{
    bench->bare.db.file->ops->close(bench->bare.db.file);
    nts_buf_deinit(&bench->edits);
    bare_db_close(&bench->bare);
}

static void put_table(struct bench *bench, uint32_t table_id, const char *name)
{
    struct nts_table_def *def = bare_db_def(&bench->bare, table_id, name);
    assert_int_equal(nts_manifest_put_table(&bench->edits, SEED_OF_FILE, def), NANOTS_OK);
    nts_free(def);
}

static struct nts_segment_entry entry_of(uint32_t table_id, uint64_t segment_id)
{
    return (struct nts_segment_entry){.table_id = table_id,
                                      .row_count = 10,
                                      .segment_id = segment_id,
                                      .off = 65536 + 4096 * segment_id,
                                      .size = 800,
                                      .seq_first = 10 * segment_id,
                                      .seq_last = 10 * segment_id + 9,
                                      .ts_min = (int64_t)segment_id * 100,
                                      .ts_max = (int64_t)segment_id * 100 + 50};
}

static void put_segment(struct bench *bench, const struct nts_segment_entry *entry)
{
    assert_int_equal(nts_manifest_put_segments(&bench->edits, SEED_OF_FILE, entry, 1), NANOTS_OK);
}

static nanots_status load(struct bench *bench)
{
    struct nanots_db *db = &bench->bare.db;
    db->sb.manifest_size = bench->edits.size;
    assert_int_equal(db->file->ops->write_at(db->file, bench->edits.bytes, bench->edits.size,
                                             db->sb.manifest_off, false, NULL),
                     NANOTS_OK);
    nts_error_clear(&bench->error);
    return nts_manifest_load(db, &bench->error);
}

static void expect_segments(struct bench *bench, uint32_t table_id, const uint64_t *ids,
                            size_t count)
{
    const struct nanots_table *table = nts_catalog_by_id(&bench->bare.db, table_id);
    assert_non_null(table);
    assert_true(table->in_manifest);
    assert_int_equal(table->version->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(table->version->segments[i]->entry.segment_id, ids[i]);
}

/* Goal: what lives when all edits are applied becomes versions in order of seq, whatever order the
 * additions came in; a removal of what is not there does nothing, an id may come again. */
static void manifest_load_keeps_the_living(void **state)
{
    const struct scratch *scratch = *state;
    static const uint64_t first[] = {3, 5, 8};
    static const uint64_t second[] = {6};
    static const uint64_t removed[] = {4, 77, 5};
    static const uint64_t adds[] = {8, 4, 3, 5};
    struct bench bench;
    struct nts_segment_entry entry;
    bench_open(&bench, scratch->path);
    put_table(&bench, 2, "boiler");
    put_table(&bench, 7, "turbine");
    put_table(&bench, 9, "empty");
    for (size_t i = 0; i < sizeof adds / sizeof adds[0]; i++) {
        entry = entry_of(2, adds[i]);
        put_segment(&bench, &entry);
    }
    entry = entry_of(7, 6);
    put_segment(&bench, &entry);
    assert_int_equal(nts_manifest_put_removals(&bench.edits, SEED_OF_FILE, removed, 3), NANOTS_OK);
    entry = entry_of(2, 5);
    put_segment(&bench, &entry);
    assert_int_equal(load(&bench), NANOTS_OK);
    expect_segments(&bench, 2, first, 3);
    expect_segments(&bench, 7, second, 1);
    expect_segments(&bench, 9, NULL, 0);
    bench_close(&bench);
}

/* Goal: a retention cut removes the segments of its table that are older as a whole and were there,
 * and no other. */
static void manifest_load_applies_a_cut(void **state)
{
    const struct scratch *scratch = *state;
    static const uint64_t left[] = {2, 3};
    static const uint64_t spared[] = {5};
    struct bench bench;
    struct nts_segment_entry entry;
    bench_open(&bench, scratch->path);
    put_table(&bench, 1, "boiler");
    put_table(&bench, 2, "turbine");
    for (uint64_t id = 1; id <= 3; id++) {
        entry = entry_of(1, id);
        put_segment(&bench, &entry);
    }
    entry = entry_of(2, 5);
    entry.ts_min = entry.ts_max = 0;
    put_segment(&bench, &entry);
    /* ts_max of 1 and 2 are 150 and 250: the cutoff is exclusive. */
    assert_int_equal(nts_manifest_put_cut(&bench.edits, SEED_OF_FILE, 1, 250, FLUSHED_SEQ),
                     NANOTS_OK);
    assert_int_equal(nts_manifest_put_cut(&bench.edits, SEED_OF_FILE, 1, 400, 28), NANOTS_OK);
    assert_int_equal(load(&bench), NANOTS_OK);
    expect_segments(&bench, 1, left, 2);
    expect_segments(&bench, 2, spared, 1);
    bench_close(&bench);
}

/* Goal: each of SPEC.md 4's impossibilities is damage. Method: a good manifest, and one thing more
 * or other. */
static void manifest_load_refuses_the_impossible(void **state)
{
    static const char *const wanted[] = {NULL,
                                         "table 'third' with impossible id 10",
                                         "table 'third' with impossible id 1",
                                         "table 'boiler' with impossible id 3",
                                         "of unknown table 4",
                                         "segment 100 ",
                                         "segment 2 ",
                                         "segment 2 ",
                                         "segment 2 ",
                                         "segment 1"};
    const struct scratch *scratch = *state;
    for (unsigned i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct bench bench;
        struct nts_segment_entry entry = entry_of(1, 1);
        bench_open(&bench, scratch->path);
        put_table(&bench, 1, "boiler");
        put_segment(&bench, &entry);
        if (i >= 1 && i <= 3)
            put_table(&bench, i == 1 ? 10 : i == 2 ? 1 : 3, i == 3 ? "boiler" : "third");
        entry = entry_of(i == 4 ? 4 : 1, i == 5 ? 100 : i == 9 ? 1 : 2);
        if (i == 5)
            entry.seq_first = entry.seq_last = 500;
        if (i == 6)
            entry.seq_last = FLUSHED_SEQ + 1;
        if (i == 7)
            entry.off = FILE_END - 768;
        if (i == 8)
            entry.off = 448; /* in the superblock */
        put_segment(&bench, &entry);
        assert_int_equal(load(&bench), wanted[i] == NULL ? NANOTS_OK : NANOTS_CORRUPT);
        if (wanted[i] != NULL)
            assert_non_null(strstr(bench.error.message, wanted[i]));
        bench_close(&bench);
    }
}

static void put_change(struct bench *bench, enum nts_edit_kind kind, uint32_t table_id,
                       uint32_t column, const char *name)
{
    struct nts_table_change change = {.kind = kind, .table_id = table_id, .column = column};
    (void)snprintf(change.name, sizeof change.name, "%s", name);
    assert_int_equal(nts_table_change_put(&bench->edits, SEED_OF_FILE, &change), NANOTS_OK);
}

static void put_kept_logs(struct bench *bench, uint32_t count, uint64_t off)
{
    const struct nts_kept_log log = {
        .head_off = off,
        .last_seq = 1,
        .extent_count = 2,
        .extents = {{off, NTS_WAL_EXTENT_SIZE_MIN},
                    {off + NTS_WAL_EXTENT_SIZE_MIN, NTS_WAL_EXTENT_SIZE_MIN}}};
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(nts_manifest_put_kept_log(&bench->edits, SEED_OF_FILE, &log), NANOTS_OK);
}

/* One more edit that is impossible; its number counts from 0. */
static void put_impossible(struct bench *bench, unsigned number)
{
    static const uint8_t body[64];
    static const struct {
        enum nts_edit_kind kind;
        size_t size;
    } shapes[] = {{NTS_EDIT_SEGMENTS_ADD, 40},
                  {NTS_EDIT_RETENTION_CUT, 16},
                  {NTS_EDIT_KEPT_LOG, 8},
                  {NTS_EDIT_TABLE_DROP, 8},
                  {NTS_EDIT_TABLE_RENAME, 8}};
    if (number < 5)
        assert_int_equal(nts_manifest_put(&bench->edits, SEED_OF_FILE, shapes[number].kind, body,
                                          shapes[number].size),
                         NANOTS_OK);
    else if (number == 5)
        put_kept_logs(bench, NTS_KEPT_LOGS_MAX + 1, 2 * NTS_WAL_EXTENT_SIZE_MIN);
    else if (number == 6)
        put_kept_logs(bench, 1, FILE_END - NTS_WAL_EXTENT_SIZE_MIN);
    else if (number == 7)
        put_change(bench, NTS_EDIT_TABLE_DROP, 7, 0, "");
    else if (number == 8)
        put_change(bench, NTS_EDIT_TABLE_RENAME, 1, 0, "boiler");
    else
        put_change(bench, NTS_EDIT_COLUMN_RENAME, 1, 2, "third");
}

/* Goal: an edit whose checksum is right and whose contents cannot be is damage, by name. */
static void manifest_load_refuses_impossible_edits(void **state)
{
    static const char *const wanted[] = {
        "segment list of 40 bytes",      "retention cut of 16 bytes",
        "kept log 1 is impossible",      "impossible edit of kind",
        "impossible edit of kind",       "kept log 5 is impossible",
        "lies behind the file's end",    "change of unknown table 7",
        "two tables are named 'boiler'", "has no column 2"};
    const struct scratch *scratch = *state;
    for (unsigned i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct bench bench;
        bench_open(&bench, scratch->path);
        put_table(&bench, 1, "boiler");
        put_impossible(&bench, i);
        assert_int_equal(load(&bench), NANOTS_CORRUPT);
        if (strstr(bench.error.message, wanted[i]) == NULL)
            fail_msg("%s: %s wanted", bench.error.message, wanted[i]);
        bench_close(&bench);
    }
}

/* Goal: as many damaged logs as a writer keeps are taken over. */
static void manifest_load_takes_kept_logs(void **state)
{
    const struct scratch *scratch = *state;
    struct bench bench;
    bench_open(&bench, scratch->path);
    put_kept_logs(&bench, NTS_KEPT_LOGS_MAX, 2 * NTS_WAL_EXTENT_SIZE_MIN);
    assert_int_equal(load(&bench), NANOTS_OK);
    assert_int_equal(bench.bare.db.kept_log_count, NTS_KEPT_LOGS_MAX);
    bench_close(&bench);
}

/* Goal: memory that runs out is a status, and what was made goes with the catalog. */
static void manifest_load_without_memory_is_a_status(void **state)
{
    const struct scratch *scratch = *state;
    nanots_status status = NANOTS_NO_MEMORY;
    uint64_t k = 0;
    for (; status != NANOTS_OK; k++) {
        struct bench bench;
        bench_open(&bench, scratch->path);
        put_table(&bench, 1, "boiler");
        for (uint64_t id = 1; id <= 70; id++) {
            const struct nts_segment_entry entry = entry_of(1, id);
            put_segment(&bench, &entry);
        }
        faultalloc_fail(&bench.bare.memory, k, false);
        status = load(&bench);
        assert_int_equal(status, bench.bare.memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
        faultalloc_heal(&bench.bare.memory);
        bench_close(&bench);
    }
    assert_true(k > 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(manifest_load_keeps_the_living),
        WITH_SCRATCH(manifest_load_applies_a_cut),
        WITH_SCRATCH(manifest_load_refuses_the_impossible),
        WITH_SCRATCH(manifest_load_refuses_impossible_edits),
        WITH_SCRATCH(manifest_load_takes_kept_logs),
        WITH_SCRATCH(manifest_load_without_memory_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
