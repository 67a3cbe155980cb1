/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_kill.c - what was acknowledged survives kill -9 (contract I1, I2, I3).
 *
 *   child:   open -> 4 threads append; some flush, pack or close -+ acknowledged seqs
 *   parent:  --- a random time ---> SIGKILL                        v
 *            reopen -> all acknowledged calls are there, each call whole or absent <- shared page
 *
 * KILLS=<n> in the environment: how often a child is killed (40). Every file lives through several
 * kills; on every other one only a reader looks before the next writer recovers, and some kills
 * come
 * early enough to hit that recovery.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/db.h"
#include "support/faultvfs.h"
#include "support/oracle.h"
#include "support/scratch.h"
#include "support/seed.h"

#define KILLS_DEFAULT 40u
#define KILLS_OF_FILE 5u
#define THREADS       4u
#define CALLS_MAX     120000u
#define BULK_BYTES    (1100u << 10)
#define KILL_AFTER_US 160000u

/* What survives a killed child. */
struct kill_page {
    _Atomic uint32_t next[THREADS]; /* first call that the thread has not begun */
    _Atomic uint32_t opened;        /* times the file was opened */
    char failure[300];
    volatile uint64_t seqs[CALLS_MAX];
};

struct kill_lap {
    struct kill_page *page;
    struct oracle *oracle;
    const char *path;
    uint64_t seed;
    bool no_wal_map;
    bool reopens;
    nanots_sync_mode sync_mode;
};

struct kill_thread {
    const struct kill_lap *lap;
    struct nanots_db *db;
    uint32_t index;
    uint32_t calls; /* until the threads stop and the file is closed; 0: for ever */
};

static struct kill_page *kill_page_new(void)
{
    void *page = mmap(NULL, sizeof(struct kill_page), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    return page;
}

static void kill_child_fails(struct kill_page *page, const char *what,
                             const struct nanots_error *error)
{
    (void)snprintf(page->failure, sizeof page->failure, "%.40s: %s %.200s", what,
                   nanots_status_name(error->code), error->message);
    _exit(3);
}

/* Appends calls of its own ids, thread + THREADS * n; now and then it does some upkeep. */
static void *kill_thread_run(void *argument)
{
    const struct kill_thread *thread = argument;
    const struct kill_lap *lap = thread->lap;
    _Atomic uint32_t *next = &lap->page->next[thread->index];
    uint64_t random = lap->seed + thread->index;
    struct nanots_error error = {NANOTS_OK, 0, ""};
    struct oracle_rows rows;

    oracle_rows_init(&rows, lap->oracle);
    for (uint32_t i = 0; thread->calls == 0 || i < thread->calls; i++) {
        const uint32_t id = atomic_fetch_add(next, THREADS);
        const uint64_t dice = seed_next(&random) % 2048;
        if (id >= CALLS_MAX)
            break;
        if (oracle_append(lap->oracle, thread->db, id, &rows, &error) != NANOTS_OK)
            kill_child_fails(lap->page, "append", &error);
        if (dice < 8 && nanots_flush(thread->db, &error) != NANOTS_OK)
            kill_child_fails(lap->page, "flush", &error);
        if (dice >= 8 && dice < 12 && nanots_sync(thread->db, &error) != NANOTS_OK)
            kill_child_fails(lap->page, "sync", &error);
        if (dice >= 12 && dice < 15) {
            const char *table = oracle_table_name((uint32_t)(seed_next(&random) % ORACLE_TABLES));
            const nanots_status status = nanots_pack_table(thread->db, table, 20000, &error);
            if (status != NANOTS_OK && status != NANOTS_NOT_FOUND)
                kill_child_fails(lap->page, "pack", &error);
        }
    }
    oracle_rows_deinit(&rows);
    return NULL;
}

static void kill_child_session(const struct kill_lap *lap, const struct nanots_vfs *vfs,
                               uint32_t calls)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_mode = lap->sync_mode,
                                                .sync_interval_ms = 20,
                                                .wal_bytes = 1u << 20,
                                                .memtable_bytes = 4u << 20,
                                                .vfs = vfs};
    struct kill_thread threads[THREADS];
    pthread_t ids[THREADS];
    struct nanots_error error = {NANOTS_OK, 0, ""};
    struct nanots_db *db = NULL;

    if (nanots_open(lap->path, &options, &db, &error) != NANOTS_OK)
        kill_child_fails(lap->page, "open", &error);
    atomic_fetch_add(&lap->page->opened, 1);
    for (uint32_t i = 0; i < THREADS; i++) {
        threads[i] = (struct kill_thread){.lap = lap, .db = db, .index = i, .calls = calls};
        if (pthread_create(&ids[i], NULL, kill_thread_run, &threads[i]) != 0)
            _exit(4);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        (void)pthread_join(ids[i], NULL);
    if (nanots_close(db, &error) != NANOTS_OK)
        kill_child_fails(lap->page, "close", &error);
}

/* Never returns: it is killed. */
static void kill_child_run(const struct kill_lap *lap)
{
    struct faultvfs vfs;
    uint64_t random = lap->seed;

    faultvfs_init(&vfs, nts_vfs_posix());
    vfs.no_wal_map = lap->no_wal_map;
    for (;;) {
        const uint32_t calls = 1 + (uint32_t)(seed_next(&random) % 60);
        kill_child_session(lap, &vfs.vfs, lap->reopens ? calls : 0);
    }
}

static void kill_check_file(const struct kill_lap *lap, uint32_t flags)
{
    const struct nanots_open_options options = {.struct_size = sizeof options, .flags = flags};
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    struct nanots_error error;
    struct nanots_db *db = NULL;

    if (nanots_open(lap->path, &options, &db, &error) != NANOTS_OK)
        fail_msg("reopening: %s %s", nanots_status_name(error.code), error.message);
    const char *complaint = oracle_scan(lap->oracle, db);
    if (complaint == NULL)
        complaint = oracle_check_acknowledged(lap->oracle);
    if (complaint == NULL)
        complaint = oracle_verify(lap->oracle, db);
    if (complaint != NULL)
        fail_msg("%s", complaint);
    assert_int_equal(nanots_diagnose(db, &diagnosis, &error), NANOTS_OK);
    assert_int_equal(diagnosis.last_seq, lap->oracle->row_count);
    assert_int_equal(diagnosis.wal_damaged, 0);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
}

/* One life of a child. */
static void kill_lap_run(const struct kill_lap *lap, uint64_t *random)
{
    int status = 0;
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        kill_child_run(lap);
    const uint64_t dice = seed_next(random);
    const unsigned most = dice % 4 == 0 ? KILL_AFTER_US / 20 : KILL_AFTER_US;
    (void)usleep((unsigned)((dice >> 8) % most) + 500);
    assert_int_equal(kill(child, SIGKILL), 0);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("the child ended by itself (%d): %s", status, lap->page->failure);
}

/* As many calls as were begun are looked for; ids of all threads grow alike, more or less. */
static void kill_oracle_bound(const struct kill_lap *lap)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < THREADS; i++)
        if (most < lap->page->next[i])
            most = lap->page->next[i];
    lap->oracle->call_count = most < CALLS_MAX ? most : CALLS_MAX;
}

static uint32_t kill_count(void)
{
    const char *given = getenv("KILLS");
    return given == NULL ? KILLS_DEFAULT : (uint32_t)strtoul(given, NULL, 10);
}

static void kill_loop(void **state, uint32_t kills, bool no_wal_map)
{
    struct scratch *scratch = *state;
    struct oracle oracle;
    struct kill_page *page = kill_page_new();
    uint64_t random = seed_of_run();
    uint64_t acknowledged = 0;
    uint64_t opened = 0;
    uint64_t rows = 0;

    for (uint32_t done = 0; done < kills;) {
        struct kill_lap lap = {
            .page = page, .oracle = &oracle, .path = scratch->path, .no_wal_map = no_wal_map};
        memset(page, 0, sizeof *page);
        for (uint32_t i = 0; i < THREADS; i++)
            page->next[i] = i;
        oracle_init(&oracle, seed_next(&random), CALLS_MAX, BULK_BYTES, page->seqs);
        oracle.bulk_of_64 = 1;
        lap.sync_mode = (nanots_sync_mode)(seed_next(&random) % 3);
        for (uint32_t k = 0; k < KILLS_OF_FILE && done < kills; k++, done++) {
            lap.seed = seed_next(&random);
            lap.reopens = lap.seed % 4 == 0;
            oracle.call_count = CALLS_MAX;
            kill_lap_run(&lap, &random);
            kill_oracle_bound(&lap);
            if (access(lap.path, F_OK) != 0)
                continue;
            kill_check_file(&lap, k % 2 == 0 ? NANOTS_OPEN_READ_ONLY : 0);
        }
        for (uint32_t id = 0; id < oracle.call_count; id++)
            acknowledged += page->seqs[id] != 0;
        opened += page->opened;
        rows += oracle.row_count;
        oracle_deinit(&oracle);
        (void)unlink(scratch->path);
    }
    (void)printf("# %u kills, %llu times opened, %llu calls acknowledged, %llu rows\n", kills,
                 (unsigned long long)opened, (unsigned long long)acknowledged,
                 (unsigned long long)rows);
    assert_true(acknowledged > kills);
    assert_int_equal(munmap(page, sizeof *page), 0);
}

static void kill_mapped_log_loses_no_acknowledged_row(void **state)
{
    kill_loop(state, kill_count() * 3 / 4, false);
}

static void kill_written_log_loses_no_acknowledged_row(void **state)
{
    kill_loop(state, (kill_count() + 3) / 4, true);
}

static void kill_append_series(struct nanots_db *db, const char *series, int count)
{
    for (int i = 0; i < count; i++)
        if (nanots_append(db, series, i, i * 0.5, NULL, NULL) != NANOTS_OK)
            _exit(3);
}

static void kill_check_series(struct nanots_db *db, const char *series, size_t count)
{
    struct nanots_series rows;
    struct nanots_error error;
    assert_int_equal(nanots_query_range(db, series, INT64_MIN, INT64_MAX, &rows, &error),
                     NANOTS_OK);
    assert_int_equal(rows.row_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows.ts[i], i);
        assert_true(rows.values[i] == (double)i * 0.5);
    }
    nanots_free(rows.block);
}

static void kill_after_500_and_2000_rows_finds_all(void **state)
{
    struct scratch *scratch = *state;
    struct nanots_error error;
    struct nanots_db *db = NULL;
    int status = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (nanots_open(scratch->path, NULL, &db, &error) != NANOTS_OK)
            _exit(3);
        kill_append_series(db, "a", 500);
        kill_append_series(db, "b", 2000);
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(nanots_open(scratch->path, NULL, &db, &error), NANOTS_OK);
        kill_check_series(db, "a", 500);
        kill_check_series(db, "b", 2000);
        assert_int_equal(nanots_close(db, &error), NANOTS_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kill_after_500_and_2000_rows_finds_all, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(kill_mapped_log_loses_no_acknowledged_row, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(kill_written_log_loses_no_acknowledged_row, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
