/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_wal.c - appending to the log (wal/wal.h): what the ring of extents holds is what a
 * replay of the file finds, mapped or not, over many laps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "wal/wal.h"
#include "wal/wal_replay.h"

#define SIZE    65536u
#define COUNT   3u
#define SALT    0x5A17u
#define ROW_MAX 200u

static uint64_t seed;

struct bench {
    struct faultvfs faults;
    struct nanots_file *file;
    struct nts_wal wal;
    uint64_t next_seq;
    uint64_t head_seq; /* rows before it are not live */
};

static void bench_open_extents(struct bench *bench)
{
    struct nts_wal_extent extents[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct nts_extent place = {SIZE * (i + 1), SIZE};
        assert_int_equal(bench->file->ops->allocate(bench->file, place.off, SIZE, NULL), NANOTS_OK);
        assert_int_equal(nts_wal_extent_open(&bench->wal, place, &extents[i], NULL), NANOTS_OK);
    }
    nts_wal_start(&bench->wal, extents, COUNT, SALT);
}

/* `bench->faults` was initialised by the caller. */
static void bench_open(struct bench *bench, const char *path)
{
    bench->next_seq = 1;
    bench->head_seq = 1;
    assert_int_equal(bench->faults.vfs.open(&bench->faults.vfs, nts_alloc_libc(), path,
                                            NANOTS_VFS_CREATE, &bench->file, NULL),
                     NANOTS_OK);
    nts_wal_init(&bench->wal, nts_alloc_libc(), bench->file);
    assert_int_equal(nts_wal_room(&bench->wal), 0);
    bench_open_extents(bench);
}

static void bench_close(struct bench *bench)
{
    nts_wal_deinit(&bench->wal);
    bench->file->ops->close(bench->file);
    faultvfs_deinit(&bench->faults);
}

/* Appends rows of one column with ts = seq; the caller saw that there is room. */
static nanots_status put_rows(struct bench *bench, uint32_t rows)
{
    struct nts_wal_record record = {.kind = NTS_WAL_ROWS,
                                    .column_count = 1,
                                    .first_seq = bench->next_seq,
                                    .table_id = 1,
                                    .row_count = rows};
    uint8_t *payload = nts_wal_payload(&bench->wal, 16u * rows);
    for (uint32_t i = 0; i < rows; i++) {
        nts_store_u64(payload + 8 * (size_t)i, bench->next_seq + i);
        nts_store_u64(payload + 8 * ((size_t)rows + i), 0x4000000000000000u + i);
    }
    NTS_TRY(nts_wal_append(&bench->wal, &record, 16u * rows,
                           nts_wal_payload_checksum(payload, 16u * rows, bench->wal.salt), NULL));
    bench->next_seq += rows;
    return NANOTS_OK;
}

static bool no_segments(void *context, const struct nts_wal_record *record)
{
    (void)context;
    (void)record;
    fail_msg("no SEGMENT record was written");
    return false;
}

static nanots_status count_rows(void *context, const struct nts_wal_record *record,
                                struct nanots_error *error)
{
    uint64_t *next_seq = context;
    (void)error;
    for (uint32_t i = 0; i < record->row_count; i++)
        assert_int_equal(nts_load_u64(record->payload + 8 * (size_t)i), *next_seq + i);
    *next_seq += record->row_count;
    return NANOTS_OK;
}

/* Replays the log from the file's bytes, as recovery would; returns the seq behind the last row. */
static uint64_t replay_file(const struct bench *bench, struct nanots_file *file)
{
    static uint8_t bytes[COUNT][SIZE];
    struct nts_wal_image images[COUNT];
    const struct nts_wal *wal = &bench->wal;
    struct nts_wal_end end;
    uint64_t next_seq = bench->head_seq;
    for (uint32_t i = 0; i < COUNT; i++) {
        images[i].place = wal->extents[i].place;
        images[i].bytes = bytes[i];
        assert_int_equal(file->ops->read_at(file, bytes[i], SIZE, images[i].place.off, NULL),
                         NANOTS_OK);
    }
    const struct nts_wal_log log = {.images = images,
                                    .image_count = COUNT,
                                    .salt = wal->salt,
                                    .head_off = images[0].place.off + wal->head_used,
                                    .chain = wal->head_chain};
    nts_wal_measure(&log, bench->head_seq - 1, no_segments, NULL, &end);
    assert_false(end.damaged);
    assert_int_equal(nts_wal_replay(&log, end.record_count, count_rows, &next_seq, NULL),
                     NANOTS_OK);
    return next_seq;
}

/* Goal: after every step the file replays to exactly the live rows. Method: random appends over
 * many laps of the ring, seals when an extent is full, heads that advance to random positions; with
 * mapped extents and with a write for each record. */
static void wal_file_replays_to_the_live_rows(void **state)
{
    const struct scratch *scratch = *state;
    for (unsigned mapped = 0; mapped < 2; mapped++) {
        struct bench bench;
        struct nts_wal_position mark;
        uint64_t mark_seq = 1;
        uint64_t seals = 0;
        faultvfs_init(&bench.faults, nts_vfs_posix());
        bench.faults.no_wal_map = mapped == 0;
        bench_open(&bench, scratch->path);
        mark = bench.wal.end;
        for (unsigned step = 0; step < 1200; step++) {
            const uint32_t rows = 1 + (uint32_t)(seed_next(&seed) % ROW_MAX);
            if (nts_wal_room(&bench.wal) < NTS_WAL_RECORD_HEADER_SIZE + 16u * rows) {
                if (!nts_wal_can_seal(&bench.wal)) { /* as after the commit of a flush */
                    nts_wal_advance_head(&bench.wal, &mark, mark_seq - 1);
                    bench.head_seq = mark_seq;
                    mark = bench.wal.end;
                    mark_seq = bench.next_seq;
                }
                if (!nts_wal_can_seal(&bench.wal))
                    continue;
                assert_int_equal(nts_wal_seal(&bench.wal, bench.next_seq, NULL), NANOTS_OK);
                seals++;
            }
            if (nts_wal_room(&bench.wal) >= NTS_WAL_RECORD_HEADER_SIZE + 16u * rows)
                assert_int_equal(put_rows(&bench, rows), NANOTS_OK);
            if (seed_next(&seed) % 40 == 0) {
                mark = bench.wal.end;
                mark_seq = bench.next_seq;
            }
            if (step % 16 == 0)
                assert_int_equal(replay_file(&bench, bench.file), bench.next_seq);
        }
        assert_true(seals > 2 * COUNT); /* the ring went round */
        assert_int_equal(replay_file(&bench, bench.file), bench.next_seq);
        bench_close(&bench);
        (void)remove(scratch->path);
    }
}

/* Goal: a sync makes what it captured durable, no more is promised, and a power cut leaves at least
 * that. Method: a disk in memory that keeps nothing but what was synced. */
static void wal_sync_survives_a_power_cut(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        struct memvfs disk;
        struct bench bench;
        struct nts_wal_range range;
        uint64_t synced_next = 1;
        memvfs_init(&disk);
        faultvfs_init(&bench.faults, &disk.vfs);
        bench.faults.no_wal_map = round % 2 == 0;
        bench_open(&bench, "plant.ntt");
        assert_int_equal(bench.file->ops->sync(bench.file, NULL), NANOTS_OK);
        for (unsigned step = 0; step < 60; step++) {
            if (nts_wal_room(&bench.wal) < NTS_WAL_RECORD_HEADER_SIZE + 16u * ROW_MAX &&
                nts_wal_can_seal(&bench.wal))
                assert_int_equal(nts_wal_seal(&bench.wal, bench.next_seq, NULL), NANOTS_OK);
            if (nts_wal_room(&bench.wal) < NTS_WAL_RECORD_HEADER_SIZE + 16u * ROW_MAX)
                break;
            assert_int_equal(put_rows(&bench, 1 + (uint32_t)(seed_next(&seed) % ROW_MAX)),
                             NANOTS_OK);
            if (seed_next(&seed) % 6 != 0)
                continue;
            nts_wal_capture(&bench.wal, bench.next_seq - 1, &range);
            const uint64_t captured = bench.next_seq;
            if (nts_wal_room(&bench.wal) >= NTS_WAL_RECORD_HEADER_SIZE + 16u)
                assert_int_equal(put_rows(&bench, 1), NANOTS_OK); /* meanwhile */
            assert_int_equal(nts_wal_sync(bench.file, &range, NULL), NANOTS_OK);
            nts_wal_note_synced(&bench.wal, &range);
            assert_int_equal(bench.wal.synced_seq, captured - 1);
            synced_next = captured;
        }
        struct nts_wal kept = bench.wal; /* the places and the salt outlive the process */
        nts_wal_deinit(&bench.wal);
        bench.file->ops->close(bench.file);
        const uint64_t last = bench.next_seq;
        memvfs_reboot(&disk, round / 2);
        assert_int_equal(
            disk.vfs.open(&disk.vfs, nts_alloc_libc(), "plant.ntt", 0, &bench.file, NULL),
            NANOTS_OK);
        bench.wal = kept;
        assert_in_range(replay_file(&bench, bench.file), synced_next, last);
        bench.file->ops->close(bench.file);
        faultvfs_deinit(&bench.faults);
        memvfs_deinit(&disk);
    }
}

/* Goal: a failed write appends nothing; the same record may be tried again. Method: an unmapped
 * log, a write that fails with half of its bytes there. */
static void wal_failed_write_appends_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct bench bench;
    faultvfs_init(&bench.faults, nts_vfs_posix());
    bench.faults.no_wal_map = true;
    bench.faults.short_writes = true;
    bench_open(&bench, scratch->path);
    assert_int_equal(put_rows(&bench, 3), NANOTS_OK);
    const struct nts_wal_position end = bench.wal.end;
    faultvfs_fail(&bench.faults, FAULTVFS_WRITE, 0, ENOSPC, false);
    assert_int_equal(put_rows(&bench, 50), NANOTS_NO_SPACE);
    assert_memory_equal(&bench.wal.end, &end, sizeof end);
    assert_int_equal(replay_file(&bench, bench.file), 4);
    assert_int_equal(put_rows(&bench, 2), NANOTS_OK);
    assert_int_equal(replay_file(&bench, bench.file), 6);
    bench_close(&bench);
}

/* Goal: room is what one record may take, so that a SEAL always fits behind it. */
static void wal_room_leaves_place_for_a_seal(void **state)
{
    const struct scratch *scratch = *state;
    struct bench bench;
    faultvfs_init(&bench.faults, nts_vfs_posix());
    bench_open(&bench, scratch->path);
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint64_t room = nts_wal_room(&bench.wal);
        assert_int_equal(room, SIZE - NTS_WAL_EXTENT_HEADER_SIZE - NTS_WAL_SEAL_SIZE);
        assert_int_equal(put_rows(&bench, (uint32_t)(room - NTS_WAL_RECORD_HEADER_SIZE) / 16),
                         NANOTS_OK);
        assert_true(nts_wal_room(&bench.wal) < 16);
        if (i + 1 < COUNT)
            assert_int_equal(nts_wal_seal(&bench.wal, bench.next_seq, NULL), NANOTS_OK);
    }
    assert_false(nts_wal_can_seal(&bench.wal));
    assert_int_equal(replay_file(&bench, bench.file), bench.next_seq);
    bench_close(&bench);
}

/* Goal: extents leave and join the ring only while they are free; a restart forgets what was
 * live. */
static void wal_ring_gives_and_takes_free_extents(void **state)
{
    const struct scratch *scratch = *state;
    struct nts_wal_extent taken[NTS_WAL_EXTENTS_MAX];
    struct bench bench;
    faultvfs_init(&bench.faults, nts_vfs_posix());
    bench_open(&bench, scratch->path);
    assert_int_equal(put_rows(&bench, 4), NANOTS_OK);
    assert_int_equal(nts_wal_live_bytes(&bench.wal), NTS_WAL_RECORD_HEADER_SIZE + 64);
    assert_int_equal(nts_wal_take_free(&bench.wal, SIZE, taken), 0);
    assert_int_equal(nts_wal_take_free(&bench.wal, 2 * SIZE, taken), 2);
    assert_int_equal(bench.wal.extent_count, 1);
    assert_false(nts_wal_can_seal(&bench.wal));
    nts_wal_give_free(&bench.wal, taken, 2);
    assert_true(nts_wal_can_seal(&bench.wal));
    assert_int_equal(replay_file(&bench, bench.file), 5);

    bench.head_seq = bench.next_seq;
    nts_wal_restart(&bench.wal, SALT + 1);
    assert_int_equal(nts_wal_live_bytes(&bench.wal), 0);
    assert_int_equal(replay_file(&bench, bench.file), 5); /* nothing live: the head, no rows */
    assert_int_equal(put_rows(&bench, 2), NANOTS_OK);
    assert_int_equal(replay_file(&bench, bench.file), 7);
    assert_int_equal(nts_wal_stop(&bench.wal, taken), COUNT);
    assert_int_equal(nts_wal_room(&bench.wal), 0);
    for (uint32_t i = 0; i < COUNT; i++)
        nts_wal_extent_close(&bench.wal, &taken[i]);
    bench_close(&bench);
}

static int seed_setup(void **state)
{
    (void)state;
    seed = seed_of_run();
    return 0;
}

/* Goal: with sectors of 4 KiB no byte of one that a sync wrote is written again, the SEAL has room
 * behind any pad, and replay finds every record. Method: random records and syncs, until the log is
 * full; each sync notes how far it came. */
static void wal_on_sectors_never_writes_to_a_synced_one(void **state)
{
    const struct scratch *scratch = *state;
    seed = seed_of_run();
    for (unsigned round = 0; round < 12; round++) {
        struct bench bench;
        uint64_t records = 0;
        uint64_t pads = 0;
        uint64_t synced_serial = 0;
        uint64_t synced_used = 0;
        faultvfs_init(&bench.faults, nts_vfs_posix());
        bench.faults.no_wal_map = round % 2 == 0;
        bench_open(&bench, scratch->path);
        bench.wal.sector_size = NTS_BLOCK_SIZE;
        for (;;) {
            const uint32_t rows = 1 + (uint32_t)(seed_next(&seed) % ROW_MAX);
            if (nts_wal_room(&bench.wal) < NTS_WAL_RECORD_HEADER_SIZE + 16u * rows) {
                if (!nts_wal_can_seal(&bench.wal))
                    break;
                assert_int_equal(nts_wal_seal(&bench.wal, bench.next_seq, NULL), NANOTS_OK);
                records++;
                continue;
            }
            if (bench.wal.end.serial == synced_serial)
                assert_true(bench.wal.end.used >= synced_used);
            assert_int_equal(put_rows(&bench, rows), NANOTS_OK);
            records++;
            if (seed_next(&seed) % 3 != 0)
                continue;
            struct nts_wal_range range;
            const uint64_t before = bench.wal.end.used;
            nts_wal_capture(&bench.wal, bench.next_seq - 1, &range);
            pads += bench.wal.end.used != before;
            assert_int_equal(bench.wal.end.used % NTS_BLOCK_SIZE, 0);
            if (synced_used != 0) /* the write goes on where the last one ended */
                assert_int_equal(range.pieces[0].from, synced_used);
            assert_int_equal(nts_wal_sync(bench.file, &range, NULL), NANOTS_OK);
            nts_wal_note_synced(&bench.wal, &range);
            synced_serial = bench.wal.end.serial;
            synced_used = bench.wal.end.used;
        }
        assert_true(pads > 5);
        assert_int_equal(nts_load_u64(bench.wal.extents[0].image), 0);
        assert_int_equal(replay_file(&bench, bench.file), bench.next_seq);
        assert_true(records > pads);
        bench_close(&bench);
        (void)remove(scratch->path); /* its salt is that of the next round */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(wal_file_replays_to_the_live_rows),
        cmocka_unit_test(wal_sync_survives_a_power_cut),
        WITH_SCRATCH(wal_failed_write_appends_nothing),
        WITH_SCRATCH(wal_room_leaves_place_for_a_seal),
        WITH_SCRATCH(wal_ring_gives_and_takes_free_extents),
        WITH_SCRATCH(wal_on_sectors_never_writes_to_a_synced_one),
    };
    return cmocka_run_group_tests(tests, seed_setup, NULL);
}
