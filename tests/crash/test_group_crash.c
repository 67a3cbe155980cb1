/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_group_crash.c - groups over three tables are there whole or not at all (contract I2).
 *
 *   groups, single rows between them, flushes, a group that stays open
 *      | power cut at operation k                | the log torn at byte k         | SIGKILL
 *      v                                         v                                v
 *   reopened: a prefix of the groups, each whole; in full mode all that were committed
 *
 * The size of the log makes some groups segments before their commit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/db.h"
#include "format/wal_record.h"
#include "support/db_helpers.h"
#include "support/faultvfs.h"
#include "support/grouped.h"
#include "support/memvfs.h"
#include "support/scratch.h"
#include "support/seed.h"

#define PATH      "disk.ntt"
#define GROUPS    24u
#define WAL_BYTES (64u << 10)
#define KILLS     12u

static struct nanots_open_options options_of(const struct nanots_vfs *vfs,
                                             nanots_sync_mode sync_mode)
{
    return (struct nanots_open_options){.struct_size = sizeof(struct nanots_open_options),
                                        .sync_mode = sync_mode,
                                        .sync_interval_ms = UINT32_MAX,
                                        .wal_bytes = WAL_BYTES,
                                        .vfs = vfs};
}

static void require(const char *complaint, const char *what, uint64_t at)
{
    if (complaint != NULL)
        fail_msg("%s %llu: %s", what, (unsigned long long)at, complaint);
}

/* Of the last scan: groups 0 to n - 1 are there and no others; at least `least`. */
static void require_prefix(const struct grouped *grouped, uint32_t least, const char *what,
                           uint64_t at)
{
    uint32_t count = 0;
    while (count < GROUPED_MAX && grouped_has(grouped, count))
        count++;
    if (count < least)
        fail_msg("%s %llu: %u groups, and %u were acknowledged", what, (unsigned long long)at,
                 count, least);
    for (uint32_t id = count; id < GROUPED_MAX; id++)
        if (grouped_has(grouped, id))
            fail_msg("%s %llu: group %u is there, %u is not", what, (unsigned long long)at, id,
                     count);
}

/* ---- power cuts --------------------------------------------------------------------------- */

/* Groups until the power goes; returns how many were acknowledged. */
static uint32_t cut_workload(const struct nanots_vfs *vfs, nanots_sync_mode sync_mode)
{
    const struct nanots_open_options options = options_of(vfs, sync_mode);
    struct nanots_db *db = NULL;
    struct nanots_group *open = NULL;
    uint32_t done = 0;

    if (nanots_open(PATH, &options, &db, NULL) != NANOTS_OK)
        return 0;
    nanots_status status = grouped_create(db, NULL);
    if (status == NANOTS_OK)
        status = nanots_batch_begin(db, &open, NULL);
    if (status == NANOTS_OK)
        status = grouped_fill(open, 200 + 8, NULL); /* stays open */
    while (status == NANOTS_OK && done < GROUPS) {
        status = grouped_append(db, done, NULL);
        if (status != NANOTS_OK)
            break;
        done++;
        if (done % 3 == 0)
            status = nanots_append(db, "other", done, 1, NULL, NULL);
        if (done % 10 == 7 && status == NANOTS_OK)
            status = nanots_flush(db, NULL);
    }
    (void)nanots_close(db, NULL);
    return done;
}

static void cut_check(const struct nanots_vfs *vfs, nanots_sync_mode sync_mode, uint32_t least,
                      uint64_t at)
{
    const struct nanots_open_options options = options_of(vfs, sync_mode);
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct grouped grouped;
    struct nanots_error error;
    struct nanots_db *db = NULL;

    if (nanots_open(PATH, &options, &db, &error) != NANOTS_OK)
        fail_msg("cut %llu: %s", (unsigned long long)at, error.message);
    require(grouped_scan(&grouped, db), "cut", at);
    require_prefix(&grouped, least, "cut", at);
    assert_int_equal(nanots_verify(db, NULL, NULL, &report, &error), NANOTS_OK);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
}

static void cut_everywhere(nanots_sync_mode sync_mode, bool no_wal_map)
{
    uint64_t random = seed_of_run();
    uint64_t k = 0;
    for (bool is_cut = true; is_cut; k++) {
        struct memvfs disk;
        struct faultvfs view;
        memvfs_init(&disk);
        faultvfs_init(&view, &disk.vfs);
        view.no_wal_map = no_wal_map;
        memvfs_crash_at(&disk, k);
        const uint32_t done = cut_workload(&view.vfs, sync_mode);
        is_cut = memvfs_crashed(&disk);
        const bool keep_all = k % 4 == 0;
        memvfs_reboot(&disk, keep_all ? MEMVFS_KEEP_ALL : seed_next(&random));
        const bool must_have = sync_mode == NANOTS_SYNC_FULL || keep_all || !is_cut;
        cut_check(&view.vfs, sync_mode, must_have ? done : 0, k);
        faultvfs_deinit(&view);
        memvfs_deinit(&disk);
    }
    assert_true(k > 40);
}

static void power_cut_in_full_mode_keeps_committed_groups(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_FULL, false);
    cut_everywhere(NANOTS_SYNC_FULL, true);
}

static void power_cut_in_normal_mode_keeps_a_prefix_of_groups(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_NORMAL, false);
    cut_everywhere(NANOTS_SYNC_NORMAL, true);
}

/* ---- a torn log --------------------------------------------------------------------------- */

/* Goal: a log that ends, or is spoilt, at any byte of a group has none of it, and all before. */
static void log_torn_inside_a_group_has_none_of_it(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct grouped grouped;
    size_t size = 0;

    db_ok(grouped_create(db, &db_error));
    db_ok(grouped_append(db, 0, &db_error));
    const uint64_t from = db->wal.extents[0].place.off + db->wal.end.used;
    db_ok(grouped_append(db, 1, &db_error));
    const uint64_t to = db->wal.extents[0].place.off + db->wal.end.used;
    uint8_t *bytes = db_file_read(scratch->path, &size);
    db_close(db);
    assert_in_range(to, from + 8 * NTS_WAL_RECORD_HEADER_SIZE - 96, size);
    uint8_t *torn = test_malloc(size);
    for (uint64_t at = from; at < to; at++)
        for (int flips = 0; flips < 2; flips++) {
            memcpy(torn, bytes, size);
            if (flips)
                torn[at] ^= (uint8_t)(1u << at % 8);
            else
                memset(torn + at, 0, (size_t)(to - at));
            /* Its last bytes are zero anyway. */
            const bool is_whole = memcmp(torn, bytes, size) == 0;
            assert_true(!is_whole || to - at < 8);
            db_file_write(scratch->path, torn, size);
            /* Who only reads sees the same; recovery by a writer waits for the disk. */
            db = at % 16 == 0 ? db_open(scratch->path) : db_open_read_only(scratch->path);
            require(grouped_scan(&grouped, db), "byte", at - from);
            assert_true(grouped_has(&grouped, 0));
            assert_int_equal(grouped_has(&grouped, 1), is_whole);
            db_close(db);
        }
    test_free(torn);
    test_free(bytes);
}

/* ---- SIGKILL ------------------------------------------------------------------------------ */

/* Never returns. */
static void kill_child(const char *path, bool no_wal_map, uint32_t first, _Atomic uint32_t *done)
{
    struct faultvfs vfs;
    struct nanots_db *db = NULL;
    faultvfs_init(&vfs, nts_vfs_posix());
    vfs.no_wal_map = no_wal_map;
    const struct nanots_open_options options = options_of(&vfs.vfs, NANOTS_SYNC_NORMAL);
    if (nanots_open(path, &options, &db, NULL) != NANOTS_OK ||
        grouped_create(db, NULL) != NANOTS_OK)
        _exit(3);
    for (uint32_t id = first; id < GROUPED_MAX; id++) {
        if (grouped_append(db, id, NULL) != NANOTS_OK)
            _exit(4);
        atomic_store(done, id + 1);
    }
    for (;;)
        (void)pause();
}

static void killed_writer_leaves_whole_groups(void **state)
{
    const struct scratch *scratch = *state;
    uint64_t random = seed_of_run();
    _Atomic uint32_t *done =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(done, MAP_FAILED);
    for (uint32_t k = 0; k < KILLS; k++) {
        const uint32_t first = *done;
        int status = 0;
        (void)fflush(NULL);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            kill_child(scratch->path, k % 3 == 2, first, done);
        while (atomic_load(done) == first && first < GROUPED_MAX - 8)
            (void)usleep(100);
        (void)usleep((unsigned)(seed_next(&random) % 8000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        struct nanots_db *db = NULL;
        struct grouped grouped;
        assert_int_equal(nanots_open(scratch->path, NULL, &db, NULL), NANOTS_OK);
        require(grouped_scan(&grouped, db), "kill", k);
        require_prefix(&grouped, atomic_load(done), "kill", k);
        assert_int_equal(nanots_close(db, NULL), NANOTS_OK);
        while (*done < GROUPED_MAX && grouped_has(&grouped, *done))
            ++*done; /* the one whose commit was cut before it returned */
        if (*done == GROUPED_MAX)
            break;
    }
    assert_true(*done > KILLS);
    assert_int_equal(munmap(done, 4096), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cut_in_full_mode_keeps_committed_groups),
        cmocka_unit_test(power_cut_in_normal_mode_keeps_a_prefix_of_groups),
        cmocka_unit_test_setup_teardown(log_torn_inside_a_group_has_none_of_it, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(killed_writer_leaves_whole_groups, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
