/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_disk_full.c - a disk that is really full: a small tmpfs, and nothing acknowledged is
 * lost.
 *
 *   append until NO_SPACE -> all acknowledged calls are readable, also after reopening
 *     -> retention frees space -> appends go on
 *
 * The tmpfs is mounted in a mount namespace of the test's own, so nobody else sees it and it ends
 * with
 * the process. Where neither root nor a user namespace may mount, the tests are skipped and say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/oracle.h"
#include "support/scratch.h"
#include "support/seed.h"

#define CALLS      20000u
#define WAL_BYTES  (128u << 10)
#define DISK_BYTES (3u << 20)

struct full {
    struct oracle oracle;
    struct oracle_rows rows;
    uint64_t seqs[CALLS];
    struct nanots_db *db;
    uint32_t next; /* call */
};

/* The scratch directory becomes a disk of DISK_BYTES. */
static void full_mount(const struct scratch *scratch)
{
    static bool has_namespace;
    char options[64];

    if (!has_namespace && unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        (void)printf("# SKIPPED: no mount namespace: %s\n", strerror(errno));
        skip();
    }
    has_namespace = true;
    (void)snprintf(options, sizeof options, "size=%u", DISK_BYTES);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", scratch->directory, "tmpfs", 0, options) != 0) {
        (void)printf("# SKIPPED: cannot mount a tmpfs: %s\n", strerror(errno));
        skip();
    }
}

static void full_require(const char *complaint)
{
    if (complaint != NULL)
        fail_msg("%s", complaint);
}

static void full_open(struct full *full, const char *path)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .sync_interval_ms = UINT32_MAX, .wal_bytes = WAL_BYTES};
    struct nanots_error error;
    if (nanots_open(path, &options, &full->db, &error) != NANOTS_OK)
        fail_msg("open: %s %s", nanots_status_name(error.code), error.message);
}

static void full_check(struct full *full)
{
    full_require(oracle_scan(&full->oracle, full->db));
    full_require(oracle_check_acknowledged(&full->oracle));
    full_require(oracle_verify(&full->oracle, full->db));
}

/* Appends until the disk is full, and then some: single rows may still fit where a batch does not.
 * */
static void full_fill(struct full *full)
{
    struct nanots_error error;
    for (unsigned refused = 0; refused < 50; full->next++) {
        assert_in_range(full->next, 0, CALLS - 1);
        const nanots_status status =
            oracle_append(&full->oracle, full->db, full->next, &full->rows, &error);
        if (status == NANOTS_OK)
            continue;
        if (status != NANOTS_NO_SPACE)
            fail_msg("call %u: %s %s", full->next, nanots_status_name(status), error.message);
        refused++;
    }
}

/* Removes most of the rows of every table. */
static void full_retain(struct full *full)
{
    const int64_t cutoff = (int64_t)(full->next * 9 / 10) * ORACLE_TS_STEP;
    struct nanots_error error;
    uint64_t removed = 0;

    for (uint32_t table = 0; table < ORACLE_TABLES; table++)
        full->oracle.cut_maybe[table] = cutoff;
    if (nanots_compact_retention(full->db, NULL, cutoff, &removed, &error) != NANOTS_OK)
        fail_msg("retention: %s %s", nanots_status_name(error.code), error.message);
    assert_true(removed > 1000);
    for (uint32_t table = 0; table < ORACLE_TABLES; table++)
        full->oracle.cut_sure[table] = cutoff;
}

/* The disk is full; the file is used as `reopen_full` says, cut, and filled again. */
static void full_run(struct scratch *scratch, bool reopen_full)
{
    static struct full full;
    struct nanots_error error;

    memset(&full, 0, sizeof full);
    oracle_init(&full.oracle, seed_of_run(), CALLS, WAL_BYTES / 2 + 8, full.seqs);
    oracle_rows_init(&full.rows, &full.oracle);
    full_mount(scratch);
    full_open(&full, scratch->path);
    full_fill(&full);
    const uint32_t first_fill = full.next;
    full_check(&full);
    if (reopen_full) {
        /* The close may find no room to tidy; nothing is lost by that. */
        const nanots_status closed = nanots_close(full.db, &error);
        if (closed != NANOTS_OK)
            assert_int_equal(closed, NANOTS_NO_SPACE);
        full_open(&full, scratch->path);
        full_check(&full);
    }
    full_retain(&full);
    full_check(&full);
    const uint32_t before = full.next;
    full_fill(&full);
    full_check(&full);
    (void)printf("# %u calls filled the disk, %u more after retention\n", first_fill,
                 full.next - before);
    assert_true(full.next - before > first_fill / 4);
    (void)nanots_close(full.db, &error);
    full_open(&full, scratch->path);
    full_check(&full);
    (void)nanots_close(full.db, &error);
    assert_int_equal(umount(scratch->directory), 0);
    oracle_rows_deinit(&full.rows);
    oracle_deinit(&full.oracle);
}

static void disk_full_keeps_what_was_acknowledged_and_retention_frees_space(void **state)
{
    full_run(*state, false);
}

static void disk_full_file_reopens_and_retention_frees_space(void **state)
{
    full_run(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            disk_full_keeps_what_was_acknowledged_and_retention_frees_space, scratch_setup,
            scratch_teardown),
        cmocka_unit_test_setup_teardown(disk_full_file_reopens_and_retention_frees_space,
                                        scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
