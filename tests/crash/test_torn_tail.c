/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_torn_tail.c - a log torn at any byte yields the calls before the tear, and no error
 * (contract I2, I3).
 *
 *   |H|record|record|record| ... |record|record|000        the log of a writer that died
 *                                   ^ k: from here on zero, or garbage, or one bit flipped
 *
 * The file is made by the kernel, which dies before its close; group records, which no call writes
 * yet, are put behind the log by hand. What must be left is computed from the bytes: the records up
 * to
 * the first one that differs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/db.h"
#include "format/manifest.h"
#include "format/superblock.h"
#include "format/table_def.h"
#include "format/wal_record.h"
#include "support/memvfs.h"
#include "support/oracle.h"
#include "support/seed.h"
#include "util/alloc.h"

#define PATH        "disk.ntt"
#define CALLS       160u
#define CALLS_SHORT 40u /* of a writer that dies in the end */
#define WAL_BYTES   (64u << 10)
#define TAIL_BYTES  4096u
#define RECORDS_MAX 512u

struct torn_record {
    uint64_t off; /* in the file */
    uint32_t size;
    uint8_t kind;
    uint64_t last_seq; /* of the log up to here */
    uint64_t extent_end;
    uint64_t chain; /* checksum of the record before */
};

struct torn {
    struct memvfs disk;
    struct oracle oracle;
    struct oracle_rows rows;
    uint64_t seqs[CALLS];
    uint8_t *bytes; /* of the file as the writer left it */
    uint64_t size;
    struct nts_superblock sb;
    struct torn_record records[RECORDS_MAX];
    uint32_t record_count;
    uint64_t end; /* of the last record, in the file */
    uint64_t chain;
};

static nanots_status torn_open(const struct torn *torn, uint32_t flags, struct nanots_db **db_out,
                               struct nanots_error *error)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = flags,
                                                .sync_mode = NANOTS_SYNC_OFF,
                                                .wal_bytes = WAL_BYTES,
                                                .vfs = &torn->disk.vfs};
    return nanots_open(PATH, &options, db_out, error);
}

/* ---- the file ------------------------------------------------------------------------------ */

static void torn_read_file(struct torn *torn)
{
    struct nanots_file *file = NULL;
    const struct nanots_vfs *vfs = &torn->disk.vfs;
    assert_int_equal(vfs->open(vfs, nts_alloc_libc(), PATH, 0, &file, NULL), NANOTS_OK);
    assert_int_equal(file->ops->size(file, &torn->size, NULL), NANOTS_OK);
    torn->bytes = malloc((size_t)torn->size);
    assert_non_null(torn->bytes);
    assert_int_equal(file->ops->read_at(file, torn->bytes, (size_t)torn->size, 0, NULL), NANOTS_OK);
    file->ops->close(file);
}

/* Puts bytes into the file; a handle that is closed meanwhile knows nothing of it. */
static void torn_write(const struct torn *torn, const uint8_t *bytes, uint64_t size, uint64_t off)
{
    struct nanots_file *file = NULL;
    const struct nanots_vfs *vfs = &torn->disk.vfs;
    assert_int_equal(vfs->open(vfs, nts_alloc_libc(), PATH, 0, &file, NULL), NANOTS_OK);
    assert_int_equal(file->ops->write_at(file, bytes, (size_t)size, off, false, NULL), NANOTS_OK);
    file->ops->close(file);
}

/* The whole file as it was, whatever recovery did to it. */
static void torn_restore(const struct torn *torn)
{
    struct nanots_file *file = NULL;
    const struct nanots_vfs *vfs = &torn->disk.vfs;
    assert_int_equal(vfs->open(vfs, nts_alloc_libc(), PATH, 0, &file, NULL), NANOTS_OK);
    assert_int_equal(file->ops->truncate(file, torn->size, NULL), NANOTS_OK);
    assert_int_equal(file->ops->write_at(file, torn->bytes, (size_t)torn->size, 0, false, NULL),
                     NANOTS_OK);
    file->ops->close(file);
}

/* End of the WAL extent that `off` lies in. */
static uint64_t torn_extent_end(const struct torn *torn, uint64_t off)
{
    for (uint32_t i = 0; i < torn->sb.wal_count; i++) {
        const struct nts_extent *extent = &torn->sb.wal_extents[i];
        if (off >= extent->off && off < extent->off + extent->size)
            return extent->off + extent->size;
    }
    fail_msg("offset %llu is in no log extent", (unsigned long long)off);
    return 0;
}

/* Lists the records, following SPEC.md 5. */
static void torn_walk(struct torn *torn)
{
    uint64_t last_seq = torn->sb.flushed_seq;
    uint64_t at = torn->sb.wal_head_off;
    struct nts_wal_record record;

    torn->record_count = 0;
    torn->chain = torn->sb.wal_chain;
    for (;;) {
        const uint64_t end = torn_extent_end(torn, at);
        if (!nts_wal_record_decode(torn->bytes + at, (size_t)(end - at), torn->sb.wal_salt,
                                   torn->chain, &record))
            break;
        if (record.row_count != 0)
            last_seq = record.first_seq + record.row_count - 1;
        assert_in_range(torn->record_count, 0, RECORDS_MAX - 1);
        torn->records[torn->record_count++] = (struct torn_record){.off = at,
                                                                   .size = record.size,
                                                                   .kind = record.kind,
                                                                   .last_seq = last_seq,
                                                                   .chain = torn->chain,
                                                                   .extent_end = end};
        torn->chain = record.checksum;
        at = record.kind == NTS_WAL_SEAL ? nts_load_u64(record.payload) + NTS_WAL_EXTENT_HEADER_SIZE
                                         : at + record.size;
    }
    torn->end = at;
}

static void torn_dies(struct torn *torn, struct nanots_db *db)
{
    struct nanots_error error;
    memvfs_crash(&torn->disk);
    assert_int_not_equal(nanots_close(db, &error), NANOTS_OK);
    memvfs_reboot(&torn->disk, MEMVFS_KEEP_ALL);
    torn_read_file(torn);
    assert_int_equal(nts_superblock_choose(torn->bytes, (size_t)torn->size, &torn->sb, NULL),
                     NANOTS_OK);
    torn_walk(torn);
}

enum torn_death {
    DIES_IN_THE_END, /* after all calls */
    DIES_IN_FLUSH,   /* the first extent is sealed, and not flushed yet */
    DIES_AFTER_BULK  /* a bulk call and a row are the last */
};

static void torn_init(struct torn *torn, uint64_t seed, uint32_t bulk_of_64)
{
    memset(torn, 0, sizeof *torn);
    memvfs_init(&torn->disk);
    oracle_init(&torn->oracle, seed, CALLS, WAL_BYTES / 2 + 8, torn->seqs);
    oracle_rows_init(&torn->rows, &torn->oracle);
    torn->oracle.bulk_of_64 = bulk_of_64;
}

/* Makes calls of many kinds until the writer dies. */
static void torn_begin(struct torn *torn, uint64_t seed, enum torn_death death)
{
    static const uint32_t bulk_of_64[] = {3, 0, 16};
    struct nanots_db *db = NULL;
    struct nanots_error error;
    const uint32_t calls = death == DIES_IN_THE_END ? CALLS_SHORT : CALLS;
    bool after_bulk = false;

    torn_init(torn, seed, bulk_of_64[death]);
    assert_int_equal(torn_open(torn, 0, &db, &error), NANOTS_OK);
    for (uint32_t id = 0; id < calls; id++) {
        const struct oracle_call call = oracle_call_of(&torn->oracle, id);
        const nanots_status status = oracle_append(&torn->oracle, db, id, &torn->rows, &error);
        if (status != NANOTS_OK && !memvfs_crashed(&torn->disk))
            fail_msg("%s", error.message);
        /* What comes after the log's extents are there is the flush. */
        if (id == 0 && death == DIES_IN_FLUSH)
            memvfs_crash_at(&torn->disk, 0);
        if (memvfs_crashed(&torn->disk))
            break;
        if (death == DIES_AFTER_BULK && after_bulk && call.row_count == 1)
            break;
        after_bulk = call.row_count * 16 > WAL_BYTES / 2;
    }
    assert_int_equal(memvfs_crashed(&torn->disk), death == DIES_IN_FLUSH);
    torn_dies(torn, db);
}

static void torn_end(struct torn *torn)
{
    oracle_rows_deinit(&torn->rows);
    oracle_deinit(&torn->oracle);
    memvfs_deinit(&torn->disk);
    free(torn->bytes);
}

/* ---- what must be left --------------------------------------------------------------------- */

/* Last seq of the records before the first that differs from `bytes`. Of a group: only with its
 * commit. */
static uint64_t torn_last_seq(const struct torn *torn, const uint8_t *bytes)
{
    uint64_t last_seq = torn->sb.flushed_seq;
    bool in_group = false;
    for (uint32_t r = 0; r < torn->record_count; r++) {
        const struct torn_record *record = &torn->records[r];
        if (memcmp(bytes + record->off, torn->bytes + record->off, record->size) != 0)
            break;
        if (record->kind == NTS_WAL_GROUP_BEGIN)
            in_group = true;
        if (record->kind == NTS_WAL_GROUP_COMMIT)
            in_group = false;
        if (!in_group)
            last_seq = record->last_seq;
    }
    return last_seq;
}

/* Opens; exactly the rows up to `last_seq` are there, in whole calls. */
static void torn_check(struct torn *torn, uint32_t flags, uint64_t last_seq, uint64_t k)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    struct nanots_db *db = NULL;
    struct nanots_error error;

    if (torn_open(torn, flags, &db, &error) != NANOTS_OK)
        fail_msg("torn at %llu: %s", (unsigned long long)k, error.message);
    assert_int_equal(nanots_diagnose(db, &diagnosis, &error), NANOTS_OK);
    if (diagnosis.last_seq != last_seq)
        fail_msg("torn at %llu: rows up to %llu are there; expected %llu", (unsigned long long)k,
                 (unsigned long long)diagnosis.last_seq, (unsigned long long)last_seq);
    const char *complaint = oracle_scan(&torn->oracle, db);
    for (uint32_t id = 0; id < CALLS && complaint == NULL; id++)
        if (oracle_has(&torn->oracle, id) != (torn->seqs[id] != 0 && torn->seqs[id] <= last_seq))
            complaint = "a call is there that should not be, or the other way round";
    if (complaint != NULL)
        fail_msg("torn at %llu: %s", (unsigned long long)k, complaint);
    assert_int_equal(torn->oracle.row_count, last_seq);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
}

/* First byte of the tail: never before the log's last extent. */
static uint64_t torn_tail_start(const struct torn *torn)
{
    const uint64_t extent = torn_extent_end(torn, torn->end) - WAL_BYTES;
    const uint64_t first = extent + NTS_WAL_EXTENT_HEADER_SIZE;
    return torn->end - first > TAIL_BYTES ? torn->end - TAIL_BYTES : first;
}

/* Tears at every byte from the log's end down: a reader looks each time, and a writer recovers,
 * closes
 * and opens again at some. */
static void torn_at_every_byte(bool with_garbage)
{
    static struct torn torn;
    const uint64_t seed = seed_of_run();
    uint64_t random = seed;

    torn_begin(&torn, seed, DIES_IN_THE_END);
    const uint64_t start = torn_tail_start(&torn);
    uint8_t *now = malloc((size_t)torn.size);
    assert_non_null(now);
    memcpy(now, torn.bytes, (size_t)torn.size);
    for (uint64_t k = torn.end; k-- > start;) {
        now[k] = with_garbage ? (uint8_t)(torn.bytes[k] ^ (1 + seed_next(&random) % 255)) : 0;
        const uint64_t last_seq = torn_last_seq(&torn, now);
        torn_write(&torn, now + k, 1, k);
        torn_check(&torn, NANOTS_OPEN_READ_ONLY, last_seq, k);
        if (seed_next(&random) % 64 != 0)
            continue;
        torn_check(&torn, 0, last_seq, k);
        torn_check(&torn, 0, last_seq, k);
        torn_restore(&torn);
        torn_write(&torn, now + k, torn.end - k, k);
    }
    (void)printf("# %llu bytes torn, %u records in the log\n",
                 (unsigned long long)(torn.end - start), torn.record_count);
    free(now);
    torn_end(&torn);
}

static void torn_tail_of_zeros_yields_the_calls_before(void **state)
{
    (void)state;
    torn_at_every_byte(false);
}

static void torn_tail_of_garbage_yields_the_calls_before(void **state)
{
    (void)state;
    torn_at_every_byte(true);
}

/* ---- one bit, every kind of record --------------------------------------------------------- */

/* Puts a record behind the log by hand, in the image that will be restored. */
static void torn_put(struct torn *torn, struct nts_wal_record *record, const uint8_t *payload,
                     uint32_t payload_size)
{
    uint8_t *bytes = torn->bytes + torn->end;
    record->size = NTS_WAL_RECORD_HEADER_SIZE + payload_size;
    record->prev_checksum = torn->chain;
    assert_true(torn->end + record->size <= torn_extent_end(torn, torn->end));
    if (payload_size != 0)
        memcpy(bytes + NTS_WAL_RECORD_HEADER_SIZE, payload, payload_size);
    nts_wal_record_encode(record,
                          nts_wal_payload_checksum(bytes + NTS_WAL_RECORD_HEADER_SIZE, payload_size,
                                                   torn->sb.wal_salt),
                          bytes);
    torn_walk(torn);
}

/* The last record of rows. */
static struct nts_wal_record torn_last_rows(const struct torn *torn)
{
    struct nts_wal_record rows = {.kind = 0};
    for (uint32_t r = torn->record_count; r-- > 0;) {
        const struct torn_record *record = &torn->records[r];
        if (record->kind != NTS_WAL_ROWS)
            continue;
        assert_true(nts_wal_record_decode(torn->bytes + record->off, record->size,
                                          torn->sb.wal_salt, record->chain, &rows));
        break;
    }
    assert_int_equal(rows.kind, NTS_WAL_ROWS);
    return rows;
}

/* A pad, and a group around a row, with seqs that follow on. */
static void torn_put_group(struct torn *torn)
{
    const uint64_t next_seq = torn->records[torn->record_count - 1].last_seq + 1;
    uint8_t count[8];
    uint8_t payload[(ORACLE_COLUMNS + 1) * 8] = {0};
    struct nts_wal_record pad = {.kind = NTS_WAL_PAD, .first_seq = next_seq};
    struct nts_wal_record begin = {.kind = NTS_WAL_GROUP_BEGIN, .first_seq = next_seq};
    struct nts_wal_record commit = {.kind = NTS_WAL_GROUP_COMMIT, .first_seq = next_seq + 1};
    struct nts_wal_record rows = torn_last_rows(torn);

    rows.first_seq = next_seq;
    rows.row_count = 1;
    nts_store_u64(count, 1);
    torn_put(torn, &pad, payload, 40);
    torn_put(torn, &begin, NULL, 0);
    torn_put(torn, &rows, payload, (rows.column_count + 1u) * 8);
    torn_put(torn, &commit, count, sizeof count);
}

/* Only the number of rows: the group's row is a copy of one that is there. */
static void torn_check_count(const struct torn *torn, uint64_t last_seq, uint64_t at)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    struct nanots_db *db = NULL;
    struct nanots_error error;
    if (torn_open(torn, 0, &db, &error) != NANOTS_OK)
        fail_msg("bit flipped at %llu: %s", (unsigned long long)at, error.message);
    assert_int_equal(nanots_diagnose(db, &diagnosis, &error), NANOTS_OK);
    if (diagnosis.last_seq != last_seq)
        fail_msg("bit flipped at %llu: rows up to %llu are there; expected %llu",
                 (unsigned long long)at, (unsigned long long)diagnosis.last_seq,
                 (unsigned long long)last_seq);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
}

/* Flips one bit of each eighth byte of the record, one at a time. */
static void torn_flip_record(struct torn *torn, const struct torn_record *record, uint64_t *random)
{
    uint8_t *copy = malloc((size_t)torn->size);
    assert_non_null(copy);
    memcpy(copy, torn->bytes, (size_t)torn->size);
    for (uint32_t i = 0; i < record->size && i < 400; i += 1 + (uint32_t)(seed_next(random) % 16)) {
        const uint64_t at = record->off + i;
        copy[at] ^= (uint8_t)(1u << (seed_next(random) % 8));
        torn_restore(torn);
        torn_write(torn, copy + at, 1, at);
        torn_check_count(torn, torn_last_seq(torn, copy), at);
        copy[at] = torn->bytes[at];
    }
    free(copy);
}

/* The bytes that a SEGMENT record names belong to it. */
static void torn_flip_segment(struct torn *torn, uint32_t r, uint64_t *random)
{
    const struct torn_record *record = &torn->records[r];
    const uint64_t last_seq = r == 0 ? torn->sb.flushed_seq : torn->records[r - 1].last_seq;
    struct nts_segment_entry entry;
    assert_true(
        nts_segment_entry_decode(torn->bytes + record->off + NTS_WAL_RECORD_HEADER_SIZE, &entry));
    for (unsigned i = 0; i < 40; i++) {
        const uint64_t at = entry.off + (i == 0 ? 0 : seed_next(random) % entry.size);
        const uint8_t flipped = (uint8_t)(torn->bytes[at] ^ 1u << (seed_next(random) % 8));
        torn_restore(torn);
        torn_write(torn, &flipped, 1, at);
        torn_check_count(torn, last_seq, at);
    }
}

/* Flips bits in records of every kind that a log of this death has; returns the kinds. */
static unsigned torn_flip_all(uint64_t seed, enum torn_death death)
{
    static struct torn torn;
    uint64_t random = seed;
    unsigned kinds = 0;

    torn_begin(&torn, seed, death);
    torn_put_group(&torn);
    torn_restore(&torn);
    torn_check_count(&torn, torn.records[torn.record_count - 1].last_seq, 0);
    for (uint32_t r = 0; r < torn.record_count; r++) {
        if (torn.records[r].kind == NTS_WAL_ROWS && seed_next(&random) % 4 != 0)
            continue;
        torn_flip_record(&torn, &torn.records[r], &random);
        if (torn.records[r].kind == NTS_WAL_SEGMENT)
            torn_flip_segment(&torn, r, &random);
        kinds |= 1u << torn.records[r].kind;
    }
    torn_end(&torn);
    return kinds;
}

static void torn_bit_in_any_kind_of_record_ends_the_log(void **state)
{
    const uint64_t seed = seed_of_run();
    const unsigned all = (1u << NTS_WAL_KIND_END) - (1u << NTS_WAL_ROWS);
    unsigned kinds = 0;

    (void)state;
    for (unsigned i = 0; i < 10 && kinds != all; i++) {
        kinds |= torn_flip_all(seed + i, DIES_IN_FLUSH);
        kinds |= torn_flip_all(seed + i, DIES_AFTER_BULK);
    }
    assert_int_equal(kinds, all);
}

/* ---- tables in the log --------------------------------------------------------------------- */

static void torn_put_create(struct torn *torn, uint32_t table_id, const char *name)
{
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    struct nts_wal_record create = {.kind = NTS_WAL_CREATE,
                                    .table_id = table_id,
                                    .column_count = 1,
                                    .first_seq =
                                        torn->records[torn->record_count - 1].last_seq + 1};
    uint8_t payload[64] = {0};
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), table_id, 0, name, &column, 1, NULL);
    assert_non_null(def);
    const size_t size = nts_table_def_encoded_size(def);
    assert_in_range(size, 1, sizeof payload);
    nts_table_def_encode(def, payload);
    nts_free(def);
    torn_put(torn, &create, payload, (uint32_t)nts_round_up(size, 8));
}

/* A log with room behind it, in which the superblock knows of a table already: of the first seed
 * that gives one. */
static void torn_begin_behind_a_table(struct torn *torn, uint64_t seed)
{
    for (uint64_t i = 0; i < 100; i++) {
        torn_begin(torn, seed + i, DIES_IN_THE_END);
        if (torn->sb.next_table_id != 0 && torn->record_count != 0 &&
            torn_extent_end(torn, torn->end) - torn->end >= 1024)
            return;
        torn_end(torn);
    }
    fail_msg("no log of 100 begins behind a table");
}

/* A CREATE of an id that was given out before the superblock is old news; of any other it makes a
 * table, and a second one of that id or name proves damage. Method: such records behind a log. */
static void torn_create_of_a_table_that_is_there_is_damage(void **state)
{
    static struct torn torn;
    struct nanots_schema schema;
    struct nanots_db *db = NULL;
    struct nanots_error error;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        torn_begin_behind_a_table(&torn, seed_of_run());
        const uint64_t last_seq = torn.records[torn.record_count - 1].last_seq;
        const uint32_t next_id = torn.sb.next_table_id + 1000; /* that no call took */
        torn_put_create(&torn, torn.sb.next_table_id - 1, "old");
        torn_put_create(&torn, next_id, "new");
        torn_restore(&torn);
        if (i == 0) {
            torn_check_count(&torn, last_seq, 0);
            assert_int_equal(torn_open(&torn, NANOTS_OPEN_READ_ONLY, &db, &error), NANOTS_OK);
            assert_int_equal(nanots_table_schema(db, "old", &schema, &error), NANOTS_NOT_FOUND);
            assert_int_equal(nanots_table_schema(db, "new", &schema, &error), NANOTS_OK);
            nanots_free(schema.block);
            assert_int_equal(nanots_close(db, &error), NANOTS_OK);
        } else {
            torn_put_create(&torn, next_id + (i == 2), i == 1 ? "other" : "new");
            torn_restore(&torn);
            assert_int_equal(torn_open(&torn, 0, &db, &error), NANOTS_CORRUPT);
            assert_non_null(strstr(error.message, i == 1 ? "log: table 'other'" : "table 'new'"));
            assert_non_null(strstr(error.message, "created twice"));
        }
        torn_end(&torn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torn_tail_of_zeros_yields_the_calls_before),
        cmocka_unit_test(torn_tail_of_garbage_yields_the_calls_before),
        cmocka_unit_test(torn_bit_in_any_kind_of_record_ends_the_log),
        cmocka_unit_test(torn_create_of_a_table_that_is_there_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
