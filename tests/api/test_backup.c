/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_backup.c - copies of a live database: whole, of one moment, and only what changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/catalog.h"
#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"

#define PART_ROWS 30000u

struct site {
    const struct scratch *scratch;
    char out[192];
    struct nanots_db *db;
    struct db_rows rows; /* of table "a", which has 2 columns */
    int64_t next_ts;
    uint64_t progress_done;
    uint64_t progress_total;
    unsigned progress_count;
};

static void site_begin(struct site *site, const struct scratch *scratch)
{
    memset(site, 0, sizeof *site);
    site->scratch = scratch;
    (void)scratch_path(scratch, "backup.ntt", site->out, sizeof site->out);
    site->rows = db_rows_new(2);
    site->db = db_open(scratch->path);
    db_create(site->db, "a", 2);
}

static void site_end(struct site *site)
{
    db_rows_free(&site->rows);
    db_close(site->db);
}

static void site_append(struct site *site, size_t row_count)
{
    struct db_rows more = db_rows_sine(row_count, 2, site->next_ts);
    db_append_all(site->db, "a", &more);
    db_rows_join(&site->rows, &more);
    db_rows_free(&more);
    site->next_ts += (int64_t)row_count * 1000;
}

static void site_hear(void *context, uint64_t done, uint64_t total)
{
    struct site *site = context;
    assert_true(done >= site->progress_done);
    assert_true(done <= total);
    site->progress_done = done;
    site->progress_total = total;
    site->progress_count++;
}

static nanots_status site_try(struct site *site, struct nanots_db *db, uint32_t flags,
                              struct nanots_backup_report *report)
{
    const struct nanots_backup_options options = {
        .struct_size = sizeof options, .flags = flags, .progress = site_hear, .context = site};
    site->progress_done = 0;
    memset(report, 0, sizeof *report);
    report->struct_size = sizeof *report;
    return nanots_backup(db, site->out, &options, report, &db_error);
}

static struct nanots_backup_report site_backup(struct site *site, uint32_t flags)
{
    struct nanots_backup_report report;
    db_ok(site_try(site, site->db, flags, &report));
    assert_int_equal(site->progress_done, site->progress_total);
    return report;
}

/* The backup is whole, closed, and has these rows. */
static void site_expect_backup(const struct site *site, const struct db_rows *rows)
{
    struct nanots_verify_report verified = {.struct_size = sizeof verified};
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    struct nanots_db *db = db_open_read_only(site->out);
    db_ok(nanots_verify(db, NULL, NULL, &verified, &db_error));
    assert_int_equal(verified.damage, 0);
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    assert_int_equal(diagnosis.wal_bytes, 0);
    assert_int_equal(diagnosis.file_bytes, db_file_size(site->out));
    db_expect_table(db, "a", rows);
    db_close(db);
}

/* Goal: a backup has what is in segments, in the log and in bulk batches, and is a file like any
 * other. Method: all three; then append to the backup itself. */
static void backup_has_segments_and_rows_of_the_log(void **state)
{
    const double more[2] = {1, 2};
    struct site site;
    site_begin(&site, *state);
    site_append(&site, PART_ROWS);
    db_ok(nanots_flush(site.db, &db_error));
    site_append(&site, 5 * PART_ROWS); /* bulk */
    site_append(&site, 7);
    const struct nanots_backup_report report = site_backup(&site, 0);
    assert_int_equal(report.rows, site.rows.row_count);
    assert_int_equal(report.last_seq, site.rows.row_count);
    assert_int_equal(report.copied_bytes, report.bytes);
    site_expect_backup(&site, &site.rows);
    struct nanots_db *db = db_open(site.out);
    db_ok(nanots_append_row(db, "a", site.next_ts, more, 2, NULL, &db_error));
    db_rows_add(&site.rows, site.next_ts, more);
    db = db_reopen(db, site.out);
    db_expect_table(db, "a", &site.rows);
    db_close(db);
    site_end(&site);
}

static void backup_of_an_empty_database(void **state)
{
    struct site site;
    site_begin(&site, *state);
    (void)site_backup(&site, 0);
    site_expect_backup(&site, &site.rows);
    site_end(&site);
}

/* Goal: incremental backups copy what the former lacks and drop what is gone. Method: after each
 * kind of change the backup equals the database, and the bytes copied are those of the change. */
static void backup_incremental_copies_what_changed(void **state)
{
    struct nanots_backup_report report;
    struct site site;
    uint64_t removed = 0;
    site_begin(&site, *state);
    site_append(&site, 5 * PART_ROWS);
    db_ok(nanots_flush(site.db, &db_error));
    report = site_backup(&site, 0);
    const uint64_t whole = report.bytes;

    report = site_backup(&site, NANOTS_BACKUP_INCREMENTAL);
    assert_int_equal(report.copied_bytes, 0);
    assert_int_equal(report.bytes, whole);
    site_expect_backup(&site, &site.rows);

    for (unsigned round = 0; round < 4; round++) { /* rows of the log, which are flushed later */
        site_append(&site, 10);
        report = site_backup(&site, NANOTS_BACKUP_INCREMENTAL);
        assert_int_equal(report.copied_segments, 1);
        assert_true(report.copied_bytes < 4096);
        site_expect_backup(&site, &site.rows);
    }
    db_ok(nanots_flush(site.db, &db_error));
    report = site_backup(&site, NANOTS_BACKUP_INCREMENTAL);
    assert_int_equal(report.copied_segments, 1);
    site_expect_backup(&site, &site.rows);

    db_ok(nanots_pack_table(site.db, "a", 0, &db_error));
    report = site_backup(&site, NANOTS_BACKUP_INCREMENTAL);
    assert_int_equal(report.copied_bytes, report.bytes);
    site_expect_backup(&site, &site.rows);

    db_ok(nanots_rename_column(site.db, "a", "c1", "d1", &db_error));
    db_ok(nanots_compact_retention(site.db, "a", 100000, &removed, &db_error));
    (void)db_rows_cut(&site.rows, 100000);
    site_append(&site, 3);
    (void)site_backup(&site, NANOTS_BACKUP_INCREMENTAL);
    site_expect_backup(&site, &site.rows);
    db_create(site.db, "b", 1);
    (void)site_backup(&site, NANOTS_BACKUP_INCREMENTAL);
    db_ok(nanots_drop_table(site.db, "b", &db_error));
    report = site_backup(&site, NANOTS_BACKUP_INCREMENTAL);
    assert_int_equal(report.tables, 1);
    site_expect_backup(&site, &site.rows);
    site_end(&site);
}

/* Goal: hundreds of segments may vanish at once. Method: a flush of many tables, which are
 * dropped before the next backup. */
static void backup_incremental_lets_many_segments_go(void **state)
{
    struct site site;
    char name[16];
    site_begin(&site, *state);
    site_append(&site, 100);
    for (unsigned t = 0; t < 300; t++) {
        (void)snprintf(name, sizeof name, "m%u", t);
        db_ok(nanots_append(site.db, name, 1, 1.0, NULL, &db_error));
    }
    db_ok(nanots_flush(site.db, &db_error));
    (void)site_backup(&site, 0);
    for (unsigned t = 0; t < 300; t++) {
        (void)snprintf(name, sizeof name, "m%u", t);
        db_ok(nanots_drop_table(site.db, name, &db_error));
    }
    const struct nanots_backup_report report = site_backup(&site, NANOTS_BACKUP_INCREMENTAL);
    assert_int_equal(report.tables, 1);
    assert_true(report.copied_bytes < 4096);
    site_expect_backup(&site, &site.rows);
    site_end(&site);
}

/* Goal: a backup that is too large to be moved as a whole keeps what it has in place. Method:
 * random values, which do not compress; more of them, and rows of the log, whose segments have ids
 * that the database does not give out. */
static void backup_incremental_of_a_large_file(void **state)
{
    uint64_t seed = seed_of_run();
    struct site site;
    uint64_t copied = 0;
    site_begin(&site, *state);
    for (unsigned round = 0; round < 4; round++) {
        struct db_rows more = db_rows_sine(150000, 2, site.next_ts);
        for (size_t i = 0; i < more.row_count * 2; i++)
            more.values[i] = (double)seed_next(&seed);
        db_append_all(site.db, "a", &more);
        db_rows_join(&site.rows, &more);
        site.next_ts += (int64_t)more.row_count * 1000;
        db_rows_free(&more);
        site_append(&site, 5);
        const struct nanots_backup_report report =
            site_backup(&site, round == 0 ? 0 : NANOTS_BACKUP_INCREMENTAL);
        site_expect_backup(&site, &site.rows);
        assert_true(round == 0 || report.copied_bytes < copied + 4096);
        copied = report.copied_bytes;
        struct nanots_db *db = db_open_read_only(site.out);
        const struct nts_version *version = nts_catalog_find(db, "a")->version;
        assert_true(version->segments[version->count - 1]->entry.segment_id >> 40 != 0);
        db_close(db);
    }
    assert_true(db_file_size(site.out) > 4u << 20);
    site_end(&site);
}

/* Goal: only a former backup of this very database is brought up to date. */
static void backup_incremental_refuses_other_files(void **state)
{
    struct nanots_backup_report report;
    struct site site;
    site_begin(&site, *state);
    site_append(&site, 100);
    db_fails(site_try(&site, site.db, NANOTS_BACKUP_INCREMENTAL, &report), NANOTS_NOT_FOUND,
             "backup.ntt");

    struct nanots_db *other = db_open(site.out);
    db_create(other, "a", 2);
    db_close(other);
    db_fails(site_try(&site, site.db, NANOTS_BACKUP_INCREMENTAL, &report), NANOTS_INVALID,
             "no backup of this database");
    db_fails(site_try(&site, site.db, 0, &report), NANOTS_EXISTS, "backup.ntt");
    (void)site_backup(&site, NANOTS_BACKUP_REPLACE);
    site_expect_backup(&site, &site.rows);

    other = db_open(site.out);
    db_ok(nanots_append(other, "x", 1, 1.0, NULL, &db_error));
    db_close(other);
    db_fails(site_try(&site, site.db, NANOTS_BACKUP_INCREMENTAL, &report), NANOTS_INVALID,
             "written to since");
    db_fails(site_try(&site, site.db, 3, &report), NANOTS_INVALID, "flags");

    other = db_open(site.out); /* kept open: nobody else writes there */
    db_fails(site_try(&site, site.db, NANOTS_BACKUP_REPLACE, &report), NANOTS_BUSY, "");
    db_close(other);
    site_end(&site);
}

/* Goal: a database that went back in time does not spoil the backup of a later state. */
static void backup_incremental_refuses_an_older_database(void **state)
{
    struct nanots_backup_report report;
    struct site site;
    char older[192];
    site_begin(&site, *state);
    site_append(&site, 100);
    site.db = db_reopen(site.db, site.scratch->path);
    db_file_copy(site.scratch->path, scratch_path(site.scratch, "older.ntt", older, sizeof older));
    site_append(&site, 100);
    (void)site_backup(&site, 0);
    struct nanots_db *db = db_open(older);
    db_fails(site_try(&site, db, NANOTS_BACKUP_INCREMENTAL, &report), NANOTS_INVALID, "rows up to");
    db_close(db);
    site_expect_backup(&site, &site.rows);
    site_end(&site);
}

/* Goal: a reader in another process makes a backup too, of the rows in the log as well. */
static void backup_by_a_reader_beside_the_writer(void **state)
{
    struct site site;
    site_begin(&site, *state);
    site_append(&site, PART_ROWS);
    db_ok(nanots_flush(site.db, &db_error));
    site_append(&site, 50);
    (void)fflush(NULL);
    for (uint32_t flags = 0; flags < 2; flags++) {
        const pid_t pid = fork();
        if (pid == 0) {
            const struct nanots_backup_options options = {.struct_size = sizeof options,
                                                          .flags = flags};
            struct nanots_open_options read_only = {.struct_size = sizeof read_only,
                                                    .flags = NANOTS_OPEN_READ_ONLY};
            struct nanots_db *db = NULL;
            if (nanots_open(site.scratch->path, &read_only, &db, NULL) != NANOTS_OK ||
                nanots_backup(db, site.out, &options, NULL, NULL) != NANOTS_OK)
                _exit(1);
            _exit(nanots_close(db, NULL) == NANOTS_OK ? 0 : 1);
        }
        int result = 0;
        assert_int_equal(waitpid(pid, &result, 0), pid);
        assert_int_equal(result, 0);
        site_expect_backup(&site, &site.rows);
        site_append(&site, 50);
        if (flags == 0)
            db_ok(nanots_flush(site.db, &db_error));
        else
            break;
    }
    site_end(&site);
}

/* ---- beside a writer ------------------------------------------------------------------------ */

#define CALL_ROWS 16u /* of each of two tables, in one group */

struct busy {
    struct nanots_db *db;
    atomic_bool stop;
    uint64_t calls;
};

/* Groups of CALL_ROWS rows for each of two tables; now and then a flush or a pack. */
static void *busy_write(void *argument)
{
    struct busy *busy = argument;
    while (!atomic_load(&busy->stop)) {
        struct nanots_group *group = NULL;
        db_ok(nanots_batch_begin(busy->db, &group, &db_error));
        for (unsigned t = 0; t < 2; t++)
            for (unsigned i = 0; i < CALL_ROWS; i++) {
                const double value = (double)busy->calls;
                db_ok(nanots_group_append(group, t == 0 ? "x" : "y",
                                          (int64_t)(busy->calls * CALL_ROWS + i), &value, 1,
                                          &db_error));
            }
        db_ok(nanots_batch_commit(group, NULL, &db_error));
        busy->calls++;
        if (busy->calls % 97 == 0)
            db_ok(nanots_flush(busy->db, &db_error));
        if (busy->calls % 991 == 0)
            db_ok(nanots_pack_table(busy->db, "x", 0, &db_error));
    }
    return NULL;
}

/* Goal: a backup beside a busy writer is a prefix of whole groups, the same of both tables, and
 * never goes back. Method: full and incremental backups while another thread appends, flushes and
 * packs. */
static void backup_beside_a_writer_is_of_one_moment(void **state)
{
    struct site site;
    struct busy busy = {.db = NULL};
    pthread_t thread;
    size_t before = 0;
    site_begin(&site, *state);
    busy.db = site.db;
    db_create(site.db, "x", 1);
    db_create(site.db, "y", 1);
    assert_int_equal(pthread_create(&thread, NULL, busy_write, &busy), 0);
    for (unsigned round = 0; round < 30; round++) {
        (void)site_backup(&site, round == 0        ? 0
                                 : round % 10 == 0 ? NANOTS_BACKUP_REPLACE
                                                   : NANOTS_BACKUP_INCREMENTAL);
        struct nanots_verify_report verified = {.struct_size = sizeof verified};
        struct nanots_db *db = db_open_read_only(site.out);
        db_ok(nanots_verify(db, NULL, NULL, &verified, &db_error));
        assert_int_equal(verified.damage, 0);
        struct db_rows x = db_rows_read(db, "x", NULL);
        struct db_rows y = db_rows_read(db, "y", NULL);
        db_expect_rows(&x, &y);
        assert_int_equal(x.row_count % CALL_ROWS, 0);
        for (size_t i = 0; i < x.row_count; i++) {
            assert_int_equal(x.ts[i], i);
            assert_true(x.values[i] == (double)(i / CALL_ROWS));
        }
        assert_true(x.row_count >= before);
        before = x.row_count;
        db_rows_free(&x);
        db_rows_free(&y);
        db_close(db);
    }
    atomic_store(&busy.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(before != 0);
    site_end(&site);
}

/* Goal: damage is not copied: the backup fails, and the former stays. */
static void backup_of_damage_fails_and_keeps_the_former(void **state)
{
    struct nanots_backup_report report;
    struct site site;
    size_t size = 0;
    site_begin(&site, *state);
    site_append(&site, PART_ROWS);
    db_close(site.db);
    uint8_t *bytes = db_file_read(site.scratch->path, &size);
    site.db = db_open(site.scratch->path);
    (void)site_backup(&site, 0);
    struct db_rows former = db_rows_new(2);
    db_rows_join(&former, &site.rows);
    db_close(site.db);
    bytes[size / 2] ^= 1;
    db_file_write(site.scratch->path, bytes, size);
    test_free(bytes);
    site.db = db_open(site.scratch->path);
    db_ok(site_try(&site, site.db, NANOTS_BACKUP_INCREMENTAL, &report)); /* has it already */
    assert_int_equal(report.copied_bytes, 0);
    site_expect_backup(&site, &former);
    (void)unlink(site.out);
    db_fails(site_try(&site, site.db, 0, &report), NANOTS_CORRUPT, "table 'a'");
    struct nanots_db *db = NULL;
    db_fails(nanots_open(site.out, NULL, &db, &db_error), NANOTS_CORRUPT, "did not end");
    db_rows_free(&former);
    site_end(&site);
}

int main(void)
{
#define BACKUP_TEST(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        BACKUP_TEST(backup_has_segments_and_rows_of_the_log),
        BACKUP_TEST(backup_of_an_empty_database),
        BACKUP_TEST(backup_incremental_copies_what_changed),
        BACKUP_TEST(backup_incremental_lets_many_segments_go),
        BACKUP_TEST(backup_incremental_of_a_large_file),
        BACKUP_TEST(backup_incremental_refuses_other_files),
        BACKUP_TEST(backup_incremental_refuses_an_older_database),
        BACKUP_TEST(backup_by_a_reader_beside_the_writer),
        BACKUP_TEST(backup_beside_a_writer_is_of_one_moment),
        BACKUP_TEST(backup_of_damage_fails_and_keeps_the_former),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
