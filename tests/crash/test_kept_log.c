/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_kept_log.c - a damaged log stays in the file, byte for byte (contract I3, kept logs).
 *
 *   |H|row|row|x..|row|row|000     rows 1 to n synced, the writer dies, a bit flips at x
 *              ^ open for writing: rows before x; these extents are never touched again,
 *                a new log begins in fresh ones
 *
 * Row `id` of the one table is (1000 * id, id + 1/8), so that its record is found by the value's
 * bytes. The disk is in memory: what a test has there it can put back, fail and cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "engine/catalog.h"
#include "engine/db.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "support/seed.h"
#include "util/alloc.h"

#define PATH      "disk.ntt"
#define TABLE     "t"
#define TS_STEP   1000
#define WAL_BYTES (64u << 10)
#define ROWS      200u
#define FLUSHED   20u
#define BROKEN    120u /* row of the record that is damaged */
#define KEPT_MAX  NTS_KEPT_LOGS_MAX

/* Bytes that must not change. */
struct kept_bytes {
    uint64_t off;
    uint64_t size;
    uint8_t *bytes;
};

struct kept {
    struct memvfs disk;
    struct faultvfs view;
    struct nanots_db *db;
    uint64_t rows;
    struct kept_bytes kept[KEPT_MAX * NTS_WAL_EXTENTS_MAX];
    uint32_t kept_count;
    struct nanots_diagnosis diagnosis; /* of the last look */
};

static struct nanots_error kept_error;

static void kept_require(nanots_status status)
{
    if (status != NANOTS_OK)
        fail_msg("%s: %s", nanots_status_name(status), kept_error.message);
}

static double kept_value(uint64_t id)
{
    return (double)id + 0.125;
}

/* ---- the disk ------------------------------------------------------------------------------- */

static void kept_begin(struct kept *kept)
{
    memset(kept, 0, sizeof *kept);
    memvfs_init(&kept->disk);
    faultvfs_init(&kept->view, &kept->disk.vfs);
}

static void kept_end(struct kept *kept)
{
    for (uint32_t i = 0; i < kept->kept_count; i++)
        free(kept->kept[i].bytes);
    faultvfs_deinit(&kept->view);
    memvfs_deinit(&kept->disk);
}

/* The whole file; the caller frees it. */
static uint8_t *kept_read_file(struct kept *kept, uint64_t *size_out)
{
    const struct nanots_vfs *vfs = &kept->disk.vfs;
    struct nanots_file *file = NULL;
    assert_int_equal(vfs->open(vfs, nts_alloc_libc(), PATH, 0, &file, NULL), NANOTS_OK);
    assert_int_equal(file->ops->size(file, size_out, NULL), NANOTS_OK);
    uint8_t *bytes = malloc((size_t)*size_out + 1);
    assert_non_null(bytes);
    assert_int_equal(file->ops->read_at(file, bytes, (size_t)*size_out, 0, NULL), NANOTS_OK);
    file->ops->close(file);
    return bytes;
}

static void kept_put(struct kept *kept, const uint8_t *bytes, uint64_t size, uint64_t off,
                     bool durable)
{
    const struct nanots_vfs *vfs = &kept->disk.vfs;
    struct nanots_file *file = NULL;
    assert_int_equal(vfs->open(vfs, nts_alloc_libc(), PATH, NANOTS_VFS_CREATE, &file, NULL),
                     NANOTS_OK);
    assert_int_equal(file->ops->write_at(file, bytes, (size_t)size, off, false, NULL), NANOTS_OK);
    if (durable)
        assert_int_equal(file->ops->sync(file, NULL), NANOTS_OK);
    file->ops->close(file);
}

static void kept_write(struct kept *kept, const uint8_t *bytes, uint64_t size, uint64_t off)
{
    kept_put(kept, bytes, size, off, true);
}

/* A fresh disk with the file as it was in `from`, and what must stay of it. */
static void kept_begin_copy(struct kept *kept, const struct kept *from, const uint8_t *file,
                            uint64_t size)
{
    kept_begin(kept);
    kept_write(kept, file, size, 0);
    kept->rows = from->rows;
    for (; kept->kept_count < from->kept_count; kept->kept_count++) {
        kept->kept[kept->kept_count] = from->kept[kept->kept_count];
        uint8_t *bytes = malloc((size_t)from->kept[kept->kept_count].size);
        assert_non_null(bytes);
        memcpy(bytes, from->kept[kept->kept_count].bytes, from->kept[kept->kept_count].size);
        kept->kept[kept->kept_count].bytes = bytes;
    }
}

static bool kept_is_same(struct kept *kept)
{
    uint64_t size = 0;
    uint8_t *file = kept_read_file(kept, &size);
    bool is_same = true;
    for (uint32_t i = 0; i < kept->kept_count; i++) {
        const struct kept_bytes *part = &kept->kept[i];
        is_same = is_same && part->off + part->size <= size &&
                  memcmp(file + part->off, part->bytes, part->size) == 0;
    }
    free(file);
    return is_same;
}

/* ---- the database --------------------------------------------------------------------------- */

static nanots_status kept_try_open(struct kept *kept, uint32_t flags)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = flags,
                                                .sync_mode = NANOTS_SYNC_FULL,
                                                .wal_bytes = WAL_BYTES,
                                                .vfs = &kept->view.vfs};
    memset(&kept_error, 0, sizeof kept_error);
    return nanots_open(PATH, &options, &kept->db, &kept_error);
}

static void kept_look(struct kept *kept)
{
    memset(&kept->diagnosis, 0, sizeof kept->diagnosis);
    kept->diagnosis.struct_size = sizeof kept->diagnosis;
    kept_require(nanots_diagnose(kept->db, &kept->diagnosis, &kept_error));
}

static void kept_open(struct kept *kept, uint32_t flags)
{
    kept_require(kept_try_open(kept, flags));
    kept_look(kept);
}

static void kept_close(struct kept *kept)
{
    kept_require(nanots_close(kept->db, &kept_error));
    kept->db = NULL;
}

static void kept_append(struct kept *kept, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        kept->rows++;
        kept_require(nanots_append(kept->db, TABLE, (int64_t)kept->rows * TS_STEP,
                                   kept_value(kept->rows), NULL, &kept_error));
    }
}

/* Exactly rows `first` to kept->rows are there. */
static void kept_expect_rows(struct kept *kept, uint64_t first)
{
    struct nanots_series series;
    kept_require(nanots_query_range(kept->db, TABLE, INT64_MIN, INT64_MAX, &series, &kept_error));
    assert_int_equal(series.row_count, kept->rows + 1 - first);
    for (size_t i = 0; i < series.row_count; i++) {
        assert_int_equal(series.ts[i], (int64_t)(first + i) * TS_STEP);
        assert_true(series.values[i] == kept_value(first + i));
    }
    nanots_free(series.block);
}

/* What verify has to say. */
struct kept_words {
    unsigned kept;     /* "kept for a repair", with the row `after` in the first of them */
    unsigned not_kept; /* the log is damaged, and not in the file any more */
    char first[256];
};

static void kept_hear(void *context, const char *message)
{
    struct kept_words *words = context;
    if (words->kept + words->not_kept == 0)
        (void)snprintf(words->first, sizeof words->first, "%s", message);
    words->kept += strstr(message, "are kept for a repair") != NULL;
    words->not_kept += strstr(message, "is not kept") != NULL;
}

static struct kept_words kept_verify(struct kept *kept, uint64_t damage)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct kept_words words = {0};
    kept_require(nanots_verify(kept->db, kept_hear, &words, &report, &kept_error));
    assert_int_equal(report.damage, damage);
    return words;
}

/* The writer dies; everything it wrote is there. */
static void kept_die(struct kept *kept)
{
    memvfs_crash(&kept->disk);
    assert_int_not_equal(nanots_close(kept->db, &kept_error), NANOTS_OK);
    kept->db = NULL;
    memvfs_reboot(&kept->disk, MEMVFS_KEEP_ALL);
}

/* Flips a bit in the log's record of row `id`, and takes note of the log if `remember`. */
static void kept_damage(struct kept *kept, uint64_t id, bool remember)
{
    uint64_t size = 0;
    uint8_t *file = kept_read_file(kept, &size);
    struct nts_superblock sb;
    uint8_t *found = NULL;
    uint8_t wanted[8];

    nts_store_u64(wanted, nts_bits_of_double(kept_value(id)));
    assert_int_equal(nts_superblock_choose(file, (size_t)size, &sb, NULL), NANOTS_OK);
    assert_int_not_equal(sb.wal_count, 0);
    for (uint32_t i = 0; i < sb.wal_count && found == NULL; i++)
        found = memmem(file + sb.wal_extents[i].off, (size_t)sb.wal_extents[i].size, wanted, 8);
    assert_non_null(found);
    found[3] ^= 0x10;
    kept_write(kept, found, 8, (uint64_t)(found - file));
    for (uint32_t i = 0; i < sb.wal_count && remember; i++) {
        struct kept_bytes *part = &kept->kept[kept->kept_count++];
        part->off = sb.wal_extents[i].off;
        part->size = sb.wal_extents[i].size;
        part->bytes = malloc((size_t)part->size);
        assert_non_null(part->bytes);
        memcpy(part->bytes, file + part->off, (size_t)part->size);
    }
    free(file);
    kept->rows = id - 1;
}

/* A log of the rows behind FLUSHED up to ROWS, damaged at row BROKEN. */
static void kept_begin_damaged(struct kept *kept)
{
    kept_begin(kept);
    kept_open(kept, 0);
    kept_append(kept, FLUSHED);
    kept_require(nanots_flush(kept->db, &kept_error));
    kept_append(kept, ROWS - FLUSHED);
    kept_die(kept);
    kept_damage(kept, BROKEN, true);
}

static uint64_t kept_bytes_of_all(const struct kept *kept)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < kept->kept_count; i++)
        bytes += kept->kept[i].size;
    return bytes;
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* Goal: the opening reports the damage, and counts what it keeps as neither log nor free. Method:
 * the sum of what is live and what is free is the file. */
static void kept_log_is_reported_and_accounted(void **state)
{
    struct kept kept;
    (void)state;
    kept_begin_damaged(&kept);
    kept_open(&kept, NANOTS_OPEN_READ_ONLY);
    assert_int_equal(kept.diagnosis.wal_damaged, 1);
    assert_int_equal(kept.diagnosis.wal_break_seq, BROKEN - 1);
    assert_int_equal(kept.diagnosis.kept_logs, 0);
    assert_non_null(strstr(kept_verify(&kept, 1).first, "rows after seq 119"));
    kept_close(&kept);

    kept_open(&kept, 0);
    kept_expect_rows(&kept, 1);
    assert_int_equal(kept.diagnosis.wal_damaged, 1);
    assert_int_equal(kept.diagnosis.wal_break_seq, BROKEN - 1);
    assert_int_equal(kept.diagnosis.kept_logs, 1);
    assert_int_equal(kept.diagnosis.kept_log_bytes, kept_bytes_of_all(&kept));
    assert_int_equal(kept.diagnosis.wal_bytes, 0);
    assert_int_equal(kept.diagnosis.segments, 2);
    const struct kept_words words = kept_verify(&kept, 1);
    assert_int_equal(words.kept, 1);
    assert_non_null(strstr(words.first, "rows after seq 119"));

    const struct nts_superblock *sb = &kept.db->sb;
    const struct nts_version *version = nts_catalog_find(kept.db, TABLE)->version;
    uint64_t live =
        NTS_SUPERBLOCK_AREA + sb->manifest_capacity + sb->reserve.size + kept_bytes_of_all(&kept);
    for (size_t i = 0; i < version->count; i++)
        live += nts_round_up(version->segments[i]->entry.size, NTS_BLOCK_SIZE);
    assert_int_equal(sb->manifest_capacity % NTS_BLOCK_SIZE, 0);
    assert_int_equal(kept.diagnosis.free_bytes, kept.db->space.file_end - live);
    kept_close(&kept);
    kept_end(&kept);
}

/* Goal: whatever goes on in the file, the kept log stays as it is. */
static void kept_log_outlives_everything(void **state)
{
    struct kept kept;
    (void)state;
    kept_begin_damaged(&kept);
    for (unsigned session = 0; session < 4; session++) {
        uint64_t removed = 0;
        kept_open(&kept, 0);
        assert_int_equal(kept.diagnosis.wal_damaged, session == 0);
        assert_int_equal(kept.diagnosis.kept_logs, 1);
        assert_int_equal(kept.diagnosis.kept_log_bytes, kept_bytes_of_all(&kept));
        assert_int_equal(kept.diagnosis.wal_break_seq, BROKEN - 1);
        assert_true(kept_is_same(&kept));
        kept_append(&kept, 3000); /* more than a log holds */
        assert_true(kept_is_same(&kept));
        kept_require(nanots_flush(kept.db, &kept_error));
        assert_true(kept_is_same(&kept));
        kept_require(nanots_pack_table(kept.db, TABLE, 500, &kept_error));
        assert_true(kept_is_same(&kept));
        const uint64_t first = kept.rows - 700;
        kept_require(nanots_compact_retention(kept.db, NULL, (int64_t)first * TS_STEP, &removed,
                                              &kept_error));
        assert_true(removed > 2000);
        assert_true(kept_is_same(&kept));
        kept_append(&kept, 50);
        if (session % 2 == 0)
            kept_close(&kept);
        else
            kept_die(&kept);
        assert_true(kept_is_same(&kept));
        kept_open(&kept, NANOTS_OPEN_READ_ONLY);
        assert_int_equal(kept.diagnosis.kept_logs, 1);
        kept_expect_rows(&kept, first);
        assert_int_equal(kept_verify(&kept, 1).kept, 1);
        kept_close(&kept);
    }
    kept_end(&kept);
}

/* Goal: each further damage keeps its log too, until there are as many as a file may have; then the
 * oldest stay, the file opens all the same, and verify says what is not kept. */
static void kept_logs_have_a_limit(void **state)
{
    struct kept kept;
    (void)state;
    kept_begin(&kept);
    for (uint32_t damage = 1; damage <= KEPT_MAX + 2; damage++) {
        const bool fits = damage <= KEPT_MAX;
        kept_open(&kept, 0);
        kept_append(&kept, 60);
        kept_die(&kept);
        kept_damage(&kept, kept.rows - 20, fits);
        kept_open(&kept, 0);
        assert_int_equal(kept.diagnosis.wal_damaged, 1);
        assert_int_equal(kept.diagnosis.wal_break_seq, kept.rows);
        assert_int_equal(kept.diagnosis.kept_logs, fits ? damage : KEPT_MAX);
        assert_int_equal(kept.diagnosis.kept_log_bytes, kept_bytes_of_all(&kept));
        assert_int_equal(kept.diagnosis.wal_bytes != 0, !fits);
        const struct kept_words words = kept_verify(&kept, fits ? damage : KEPT_MAX + 1);
        assert_int_equal(words.kept, fits ? damage : KEPT_MAX);
        assert_int_equal(words.not_kept, !fits);
        kept_expect_rows(&kept, 1);
        kept_close(&kept);
        assert_true(kept_is_same(&kept));
    }
    kept_open(&kept, 0);
    assert_int_equal(kept.diagnosis.kept_logs, KEPT_MAX);
    assert_int_equal(kept.diagnosis.wal_damaged, 0);
    kept_expect_rows(&kept, 1);
    kept_close(&kept);
    kept_end(&kept);
}

/* Goal: a full disk fails the append after the damage, and neither the opening nor the evidence. */
static void kept_log_needs_no_room(void **state)
{
    struct kept kept;
    (void)state;
    kept_begin_damaged(&kept);
    faultvfs_fail(&kept.view, FAULTVFS_ALLOCATE, 0, ENOSPC, true);
    kept_open(&kept, 0);
    assert_int_equal(kept.diagnosis.kept_logs, 1);
    kept_expect_rows(&kept, 1);
    assert_int_equal(nanots_append(kept.db, TABLE, 1, 0.0, NULL, &kept_error), NANOTS_NO_SPACE);
    assert_true(kept_is_same(&kept));
    faultvfs_heal(&kept.view);
    kept_append(&kept, 10);
    kept_close(&kept);
    assert_true(kept_is_same(&kept));
    kept_end(&kept);
}

/* The file is what it has to be, after whatever befell the opening. */
static void kept_expect_recovered(struct kept *kept, bool may_be_lost)
{
    kept_open(kept, 0);
    kept_expect_rows(kept, 1);
    if (!may_be_lost || kept->diagnosis.kept_logs != 0) {
        assert_int_equal(kept->diagnosis.kept_logs, 1);
        assert_int_equal(kept->diagnosis.wal_break_seq, BROKEN - 1);
        assert_int_equal(kept_verify(kept, 1).kept, 1);
        assert_true(kept_is_same(kept));
    }
    kept_append(kept, 5);
    kept_close(kept);
    assert_true(may_be_lost || kept_is_same(kept));
    kept_open(kept, 0);
    kept_expect_rows(kept, 1);
    kept_close(kept);
}

/* Goal: a log that finds no room for its name gives way to the opening, which says so. Method:
 * one write of the opening finds the disk full, each in turn. */
static void kept_log_gives_way_to_the_opening(void **state)
{
    struct kept first;
    uint64_t size = 0;
    unsigned given_up = 0;
    bool has_failed = true;
    (void)state;
    kept_begin_damaged(&first);
    uint8_t *file = kept_read_file(&first, &size);
    for (uint64_t k = 0; has_failed; k++) {
        struct kept kept;
        kept_begin_copy(&kept, &first, file, size);
        faultvfs_fail(&kept.view, FAULTVFS_WRITE, k, ENOSPC, false);
        const nanots_status status = kept_try_open(&kept, 0);
        has_failed = kept.view.failed;
        faultvfs_heal(&kept.view);
        if (status == NANOTS_OK) {
            assert_int_equal(kept_error.code, NANOTS_OK);
            kept_look(&kept);
            assert_int_equal(kept.diagnosis.kept_logs, !has_failed);
            assert_int_equal(kept.diagnosis.wal_bytes != 0, has_failed);
            assert_int_equal(kept.diagnosis.wal_break_seq, BROKEN - 1);
            assert_int_equal(kept_verify(&kept, 1).not_kept, has_failed);
            kept_expect_rows(&kept, 1);
            kept_append(&kept, 5);
            kept_close(&kept);
            given_up += has_failed;
        }
        kept_end(&kept);
    }
    assert_int_equal(given_up, 2); /* the segment and the edits; a superblock in doubt is poison */
    free(file);
    kept_end(&first);
}

/* Goal: what the commit names it also has. Method: the log is in the page cache only, as a writer
 * in another mode leaves it; the power goes after the opening, and nothing survives but what is
 * known to be durable. */
static void kept_log_is_durable_with_its_name(void **state)
{
    struct kept kept;
    (void)state;
    kept_begin_damaged(&kept);
    for (uint32_t i = 0; i < kept.kept_count; i++) {
        const struct kept_bytes *part = &kept.kept[i];
        uint8_t *zeros = calloc(1, (size_t)part->size);
        assert_non_null(zeros);
        kept_write(&kept, zeros, part->size, part->off);
        free(zeros);
    }
    for (uint32_t i = 0; i < kept.kept_count; i++)
        kept_put(&kept, kept.kept[i].bytes, kept.kept[i].size, kept.kept[i].off, false);
    kept_open(&kept, 0);
    assert_int_equal(kept.diagnosis.kept_logs, 1);
    memvfs_crash(&kept.disk);
    assert_int_not_equal(nanots_close(kept.db, &kept_error), NANOTS_OK);
    memvfs_reboot(&kept.disk, MEMVFS_KEEP_NONE);
    assert_true(kept_is_same(&kept));
    kept_expect_recovered(&kept, false);
    kept_end(&kept);
}

/* Goal: an opening that fails at any call leaves the log to the next one. Method: each call fails
 * once, or all from it on; a disk that is full in the middle may cost the log, never the opening
 * after it. */
static void kept_log_survives_failures_of_the_opening(void **state)
{
    static const int errnos[] = {EIO, ENOSPC};
    struct kept first;
    uint64_t size = 0;
    uint64_t failures = 0;
    uint64_t opened = 0;
    (void)state;
    kept_begin_damaged(&first);
    uint8_t *file = kept_read_file(&first, &size);
    for (unsigned e = 0; e < 4; e++) {
        bool has_failed = true;
        for (uint64_t k = 0; has_failed; k++) {
            struct kept kept;
            kept_begin_copy(&kept, &first, file, size);
            faultvfs_fail(&kept.view, FAULTVFS_ALL & ~(unsigned)FAULTVFS_OPEN, k, errnos[e / 2],
                          e % 2 != 0);
            const nanots_status status = kept_try_open(&kept, 0);
            has_failed = kept.view.failed;
            failures += has_failed;
            faultvfs_heal(&kept.view);
            if (status == NANOTS_OK) {
                opened += has_failed;
                kept_expect_rows(&kept, 1);
                kept_close(&kept);
            }
            kept_expect_recovered(&kept, errnos[e / 2] == ENOSPC);
            kept_end(&kept);
        }
    }
    (void)printf("# %llu failures, %llu openings that went on\n", (unsigned long long)failures,
                 (unsigned long long)opened);
    assert_true(failures > 40);
    assert_true(opened > 0);
    free(file);
    kept_end(&first);
}

/* Goal: the power may go at any operation of the opening and of the close behind it: the log is
 * kept, by this opening or by the next. */
static void kept_log_survives_power_cuts(void **state)
{
    uint64_t random = seed_of_run();
    struct kept first;
    uint64_t size = 0;
    uint64_t cuts = 0;
    bool is_cut = true;
    (void)state;
    kept_begin_damaged(&first);
    uint8_t *file = kept_read_file(&first, &size);
    for (uint64_t k = 0; is_cut; k++)
        for (unsigned reboot = 0; reboot < 4; reboot++) {
            struct kept kept;
            kept_begin_copy(&kept, &first, file, size);
            memvfs_crash_at(&kept.disk, k);
            if (kept_try_open(&kept, 0) == NANOTS_OK)
                (void)nanots_close(kept.db, &kept_error);
            is_cut = memvfs_crashed(&kept.disk);
            cuts += is_cut;
            memvfs_reboot(&kept.disk, reboot < 2 ? reboot : seed_next(&random));
            kept_expect_recovered(&kept, false);
            kept_end(&kept);
        }
    (void)printf("# %llu cuts\n", (unsigned long long)cuts);
    assert_true(cuts > 20);
    free(file);
    kept_end(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_log_is_reported_and_accounted),
        cmocka_unit_test(kept_log_outlives_everything),
        cmocka_unit_test(kept_logs_have_a_limit),
        cmocka_unit_test(kept_log_needs_no_room),
        cmocka_unit_test(kept_log_gives_way_to_the_opening),
        cmocka_unit_test(kept_log_is_durable_with_its_name),
        cmocka_unit_test(kept_log_survives_failures_of_the_opening),
        cmocka_unit_test(kept_log_survives_power_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
