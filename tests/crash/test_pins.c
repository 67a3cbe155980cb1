/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_pins.c - what a reader pins stays pinned as long as it lives, and no longer (contract
 * I6, docs/locks.md "Readers elsewhere").
 *
 *   a reader opens --> pin of its generation --> the writer rewrites all: nothing of it is reused
 *                      |    |           |
 *      another descriptor   killed:     a second copy of the library in one process:
 *      of the file closed:  released    seen, as if it were another process
 *      still there
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nanots.h"
#include "os/vfs.h"
#include "support/db_helpers.h"
#include "support/faultvfs.h"
#include "support/holder.h"
#include "support/scratch.h"

#define ROWS 3000

static const struct nanots_open_options read_only = {.struct_size = sizeof read_only,
                                                     .flags = NANOTS_OPEN_READ_ONLY};

static double value_of(int64_t ts)
{
    return (double)(ts * 2654435761 % 1000003);
}

static void pins_append(struct nanots_db *db, int64_t from)
{
    for (int64_t ts = from; ts < from + ROWS; ts++)
        db_ok(nanots_append(db, "t", ts, value_of(ts), NULL, &db_error));
    db_ok(nanots_flush(db, &db_error));
}

/* Rewrites everything a few times, so that what is free is written over. */
static void pins_churn(struct nanots_db *db)
{
    for (int64_t round = 1; round < 6; round++) {
        pins_append(db, round * ROWS);
        db_ok(nanots_pack_table(db, "t", 500 * (uint64_t)round, &db_error));
    }
}

/* The first rows, as they were. */
static void pins_expect_first(struct nanots_db *db)
{
    struct nanots_series series;
    db_ok(nanots_query_range(db, "t", INT64_MIN, INT64_MAX, &series, &db_error));
    assert_int_equal(series.row_count, ROWS);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(series.ts[i] == (int64_t)i && series.values[i] == value_of((int64_t)i));
    nanots_free(series.block);
}

static bool pins_hold(struct nanots_db *writer)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    db_ok(nanots_diagnose(writer, &diagnosis, &db_error));
    return diagnosis.oldest_pin < diagnosis.generation;
}

/* Goal: a lock of a process would go with any descriptor of the file that the process closes. */
static void pins_outlive_another_descriptor(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *writer = db_open(scratch->path);
    struct nanots_db *reader = NULL;
    pins_append(writer, 0);
    db_ok(nanots_open(scratch->path, &read_only, &reader, &db_error));
    const int other = open(scratch->path, O_RDONLY | O_CLOEXEC);
    assert_true(other >= 0);
    assert_int_equal(close(other), 0);
    pins_churn(writer);
    assert_true(pins_hold(writer));
    pins_expect_first(reader);
    db_close(reader);
    db_ok(nanots_flush(writer, &db_error));
    assert_false(pins_hold(writer));
    db_close(writer);
}

/* Opens the file for reading. */
static int pins_work(const char *path)
{
    struct nanots_db *db = NULL;
    return nanots_open(path, &read_only, &db, NULL) == NANOTS_OK ? 0 : 3;
}

static void pins_die_with_their_reader(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *writer = db_open(scratch->path);
    int outcome = 0;
    pins_append(writer, 0);
    const pid_t reader = holder_start(scratch->path, pins_work);
    pins_churn(writer);
    assert_true(pins_hold(writer));
    assert_int_equal(kill(reader, SIGKILL), 0);
    assert_int_equal(waitpid(reader, &outcome, 0), reader);
    assert_false(pins_hold(writer));
    db_close(writer);
}

/* The calls of a second copy of the library. */
struct library {
    void *handle;
    nanots_status (*open)(const char *, const struct nanots_open_options *, struct nanots_db **,
                          struct nanots_error *);
    nanots_status (*close)(struct nanots_db *, struct nanots_error *);
    nanots_status (*row_count)(struct nanots_db *, const char *, uint64_t *, struct nanots_error *);
};

static void library_copy(const char *to)
{
    static char bytes[1 << 16];
    const int in = open(NANOTS_BUILD_DIR "/lib/libnanots.so", O_RDONLY | O_CLOEXEC);
    const int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    ssize_t moved = 0;
    assert_true(in >= 0 && out >= 0);
    while ((moved = read(in, bytes, sizeof bytes)) > 0)
        assert_int_equal(write(out, bytes, (size_t)moved), moved);
    assert_int_equal(close(in) | close(out), 0);
}

static void *library_symbol(const struct library *library, const char *name)
{
    void *symbol = dlsym(library->handle, name);
    assert_non_null(symbol);
    return symbol;
}

static struct library library_load(const char *path)
{
    struct library library = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    assert_non_null(library.handle);
    *(void **)&library.open = library_symbol(&library, "nanots_open");
    *(void **)&library.close = library_symbol(&library, "nanots_close");
    *(void **)&library.row_count = library_symbol(&library, "nanots_row_count");
    return library;
}

/* Goal: two copies of the library in one process, as two extension modules bring them, know nothing
 * of each other, and yet are one writer and its readers. */
static void pins_and_the_writer_are_seen_by_a_second_library(void **state)
{
    const struct scratch *scratch = *state;
    char copy[256];
    struct nanots_db *other = NULL;
    uint64_t rows = 0;
    if (access(NANOTS_BUILD_DIR "/lib/libnanots.so", R_OK) != 0)
        skip(); /* a build of the static library alone */
    library_copy(scratch_path(scratch, "copy.so", copy, sizeof copy));
    struct library library = library_load(copy);
    struct nanots_db *writer = db_open(scratch->path);
    pins_append(writer, 0);
    assert_int_equal(library.open(scratch->path, NULL, &other, &db_error), NANOTS_BUSY);
    assert_int_equal(library.open(scratch->path, &read_only, &other, &db_error), NANOTS_OK);
    pins_churn(writer);
    assert_true(pins_hold(writer));
    assert_int_equal(library.row_count(other, "t", &rows, &db_error), NANOTS_OK);
    assert_int_equal(rows, ROWS);
    assert_int_equal(library.close(other, &db_error), NANOTS_OK);
    assert_false(pins_hold(writer));
    db_close(writer);
    assert_int_equal(library.open(scratch->path, NULL, &other, &db_error), NANOTS_OK);
    assert_int_equal(nanots_open(scratch->path, NULL, &writer, &db_error), NANOTS_BUSY);
    assert_int_equal(library.close(other, &db_error), NANOTS_OK);
    assert_int_equal(dlclose(library.handle), 0);
}

/* Goal: a medium that takes no write is readable, with rows in the log too, and says so to whoever
 * wants to write. */
static void pins_on_a_read_only_medium_are_enough_to_read(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_open_options options = read_only;
    struct faultvfs medium;
    struct nanots_db *db = NULL;
    uint64_t rows = 0;
    struct nanots_db *writer = db_open(scratch->path);
    pins_append(writer, 0);
    db_ok(nanots_append(writer, "t", ROWS, 1.5, NULL, &db_error));
    faultvfs_init(&medium, nts_vfs_posix());
    faultvfs_fail(&medium, FAULTVFS_MUTATING | FAULTVFS_LOCK, 0, EROFS, true);
    options.vfs = &medium.vfs;
    db_ok(nanots_open(scratch->path, &options, &db, &db_error));
    db_ok(nanots_row_count(db, "t", &rows, &db_error));
    assert_int_equal(rows, ROWS + 1);
    assert_false(medium.failed);
    db_close(db);
    db_close(writer);
    options.flags = 0;
    faultvfs_fail(&medium, FAULTVFS_OPEN, 0, EROFS, true);
    db_fails(nanots_open(scratch->path, &options, &db, &db_error), NANOTS_PERMISSION, "");
    faultvfs_deinit(&medium);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(pins_outlive_another_descriptor),
        WITH_SCRATCH(pins_die_with_their_reader),
        WITH_SCRATCH(pins_and_the_writer_are_seen_by_a_second_library),
        WITH_SCRATCH(pins_on_a_read_only_medium_are_enough_to_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
