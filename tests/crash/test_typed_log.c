/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_typed_log.c - a log of rows of all types, torn at any byte, and forged.
 *
 *   |H|CREATE|ROWS|ROWS| ... |ROWS|000        the log of a writer that was killed
 *                        ^ from here on zero or garbage: the rows before are there, and no error
 *                  ^ other bytes under a right checksum: rows of that, or a sentence, and no crash
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/superblock.h"
#include "format/wal_record.h"
#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/typed_rows.h"

#define ROWS        60u
#define RECORDS_MAX 64u

struct typed_log {
    const char *path;
    struct typed_rows rows;
    uint8_t *bytes; /* the file as the writer left it */
    size_t size;
    struct nts_superblock sb;
    struct {
        size_t off;
        size_t end;
        uint64_t chain; /* of the record before */
        uint64_t last_seq;
    } records[RECORDS_MAX];
    size_t record_count;
};

static uint64_t seed;

/* Appends all rows, in rows and batches of up to seven, and is killed. */
static void log_write(const struct typed_log *log)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct nanots_db *db = db_open(log->path);
        db_ok(nanots_create_table(db, "plant", typed_columns, TYPED_COLUMNS, &db_error));
        for (size_t row = 0, count = 0; row < ROWS; row += count) {
            count = 1 + seed_next(&seed) % 7;
            count = count < ROWS - row ? count : ROWS - row;
            struct typed_batch *batch = typed_batch_new(&log->rows, row, count);
            if (count == 1)
                db_ok(nanots_append_row_typed(db, "plant", log->rows.ts[row],
                                              typed_rows_at(&log->rows, row, 0), TYPED_COLUMNS,
                                              NULL, &db_error));
            else
                db_ok(nanots_append_batch(db, "plant", &batch->batch, NULL, &db_error));
            typed_batch_free(batch);
        }
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void log_open(struct typed_log *log, const char *path)
{
    struct nts_wal_record record;
    memset(log, 0, sizeof *log);
    log->path = path;
    log->rows = typed_rows_random(typed_columns, TYPED_COLUMNS, ROWS, &seed);
    log_write(log);
    log->bytes = db_file_read(path, &log->size);
    assert_int_equal(nts_superblock_choose(log->bytes, log->size, &log->sb, NULL), NANOTS_OK);
    const struct nts_extent extent = log->sb.wal_extents[0];
    uint64_t chain = log->sb.wal_chain;
    for (size_t at = (size_t)log->sb.wal_head_off;
         nts_wal_record_decode(log->bytes + at, (size_t)(extent.off + extent.size - at),
                               log->sb.wal_salt, chain, &record);
         at += record.size) {
        assert_in_range(log->record_count, 0, RECORDS_MAX - 1);
        log->records[log->record_count].off = at;
        log->records[log->record_count].end = at + record.size;
        log->records[log->record_count].chain = chain;
        log->records[log->record_count].last_seq = record.first_seq + record.row_count - 1;
        log->record_count++;
        chain = record.checksum;
    }
    assert_in_range(log->record_count, ROWS / 7, RECORDS_MAX);
    assert_int_equal(log->records[log->record_count - 1].last_seq, ROWS);
}

static void log_close(struct typed_log *log)
{
    typed_rows_free(&log->rows);
    test_free(log->bytes);
}

static void log_put(const struct typed_log *log, const uint8_t *bytes, size_t size, size_t off)
{
    FILE *file = fopen(log->path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)off, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* ---- torn --------------------------------------------------------------------------------- */

/* Tears at every byte from the end down to the first row; now and then a writer recovers too. */
static void log_tear(const char *path, bool with_garbage)
{
    struct typed_log log;
    log_open(&log, path);
    const size_t end = log.records[log.record_count - 1].end;
    uint8_t *now = test_malloc(log.size);
    memcpy(now, log.bytes, log.size);
    for (size_t k = end, r = log.record_count; k-- > log.records[1].off;) {
        now[k] = with_garbage ? (uint8_t)(log.bytes[k] ^ (1 + seed_next(&seed) % 255)) : 0;
        log_put(&log, now + k, 1, k);
        while (r != 0 && memcmp(now + log.records[r - 1].off, log.bytes + log.records[r - 1].off,
                                log.records[r - 1].end - log.records[r - 1].off) != 0)
            r--;
        struct nanots_db *db = db_open_read_only(path);
        typed_expect_rows(db, "plant", &log.rows, (size_t)log.records[r - 1].last_seq);
        db_close(db);
        if (seed_next(&seed) % 256 != 0)
            continue;
        db = db_open(path);
        typed_expect_rows(db, "plant", &log.rows, (size_t)log.records[r - 1].last_seq);
        db = db_reopen(db, path);
        typed_expect_rows(db, "plant", &log.rows, (size_t)log.records[r - 1].last_seq);
        db_close(db);
        db_file_write(path, now, log.size);
    }
    test_free(now);
    log_close(&log);
}

static void typed_log_torn_to_zeros_yields_the_rows_before(void **state)
{
    log_tear(((const struct scratch *)*state)->path, false);
}

static void typed_log_torn_to_garbage_yields_the_rows_before(void **state)
{
    log_tear(((const struct scratch *)*state)->path, true);
}

/* ---- forged ------------------------------------------------------------------------------- */

/* Makes header and checksum of record `r` right for a payload of `size` bytes. */
static void log_forge(const struct typed_log *log, size_t r, size_t size)
{
    struct nts_wal_record record;
    uint8_t *bytes = log->bytes + log->records[r].off;
    assert_true(nts_wal_record_peek(bytes, log->size - log->records[r].off, &record));
    record.size = (uint32_t)(NTS_WAL_RECORD_HEADER_SIZE + size);
    record.prev_checksum = log->records[r].chain;
    nts_wal_record_encode(
        &record,
        nts_wal_payload_checksum(bytes + NTS_WAL_RECORD_HEADER_SIZE, size, log->sb.wal_salt),
        bytes);
    log_put(log, bytes, record.size, log->records[r].off);
}

/* Opens the file with the forged record; says whether it could be opened. */
static bool log_is_taken(const struct typed_log *log, uint64_t first_seq)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = NANOTS_OPEN_READ_ONLY};
    struct nanots_db *db = NULL;
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    char place[64];
    const nanots_status status = nanots_open(log->path, &options, &db, &db_error);
    if (status == NANOTS_CORRUPT) {
        (void)snprintf(place, sizeof place, "of the rows from %llu on",
                       (unsigned long long)first_seq);
        assert_non_null(strstr(db_error.message, "log: table 'plant', column '"));
        assert_non_null(strstr(db_error.message, " at byte "));
        assert_non_null(strstr(db_error.message, place));
        return false;
    }
    assert_int_equal(status, NANOTS_OK);
    db_ok(nanots_query_open(db, "plant", NULL, &cursor, &db_error));
    do
        db_ok(nanots_query_next(cursor, &batch, &db_error));
    while (batch != NULL);
    nanots_query_close(cursor);
    db_close(db);
    return true;
}

/* Goal: any payload under a right checksum is rows or CORRUPT with table, column, offset and seq.
 * Method: each byte of the last record in turn is another, then each size is. */
static void typed_log_forged_is_rows_or_a_sentence(void **state)
{
    const struct scratch *scratch = *state;
    struct typed_log log;
    size_t taken = 0;
    size_t refused = 0;
    log_open(&log, scratch->path);
    const size_t r = log.record_count - 1;
    const size_t payload = log.records[r].off + NTS_WAL_RECORD_HEADER_SIZE;
    const size_t size = log.records[r].end - payload;
    const uint64_t first_seq = log.records[r - 1].last_seq + 1;
    for (size_t i = 0; i < size; i++) {
        const uint8_t kept = log.bytes[payload + i];
        log.bytes[payload + i] = (uint8_t)(kept ^ (1 + seed_next(&seed) % 255));
        log_forge(&log, r, size);
        if (log_is_taken(&log, first_seq))
            taken++;
        else
            refused++;
        log.bytes[payload + i] = kept;
    }
    assert_true(taken >= 8);   /* a timestamp may be anything */
    assert_true(refused >= 8); /* the padding may not */
    for (size_t less = 8; less <= size; less += 8) {
        log_forge(&log, r, size - less);
        assert_false(log_is_taken(&log, first_seq));
    }
    log_forge(&log, r, size + 8); /* zeros behind */
    assert_false(log_is_taken(&log, first_seq));
    log_forge(&log, r, size);
    assert_true(log_is_taken(&log, first_seq));
    log_close(&log);
}

static int log_setup(void **state)
{
    seed = seed_of_run();
    return scratch_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(typed_log_torn_to_zeros_yields_the_rows_before, log_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(typed_log_torn_to_garbage_yields_the_rows_before, log_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(typed_log_forged_is_rows_or_a_sentence, log_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
