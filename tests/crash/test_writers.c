/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_writers.c - one writer a file, whatever happens to descriptors and processes: a second
 * one
 * is refused while the first lives, and gets the file once it is dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nanots.h"
#include "support/holder.h"
#include "support/scratch.h"

/* What another process gets when it opens the file. */
static nanots_status writer_elsewhere(const char *path, uint32_t flags)
{
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct nanots_open_options options = {.struct_size = sizeof options, .flags = flags};
        struct nanots_error error;
        struct nanots_db *db = NULL;
        const nanots_status opened = nanots_open(path, &options, &db, &error);
        if (opened != NANOTS_OK && strstr(error.message, "plant.ntt") == NULL)
            _exit(99);
        _exit((int)opened);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return (nanots_status)WEXITSTATUS(status);
}

/* Opens the file and puts a row in it. */
static int writer_work(const char *path)
{
    struct nanots_db *db = NULL;
    if (nanots_open(path, NULL, &db, NULL) != NANOTS_OK)
        return 3;
    return nanots_append(db, "boiler", 1, 71.5, NULL, NULL) == NANOTS_OK ? 0 : 4;
}

static void writers_second_process_is_refused_until_the_first_dies(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = NULL;
    struct nanots_error error;
    struct nanots_series rows;
    const pid_t child = holder_start(scratch->path, writer_work);

    assert_int_equal(nanots_open(scratch->path, NULL, &db, &error), NANOTS_BUSY);
    assert_null(db);
    assert_non_null(strstr(error.message, "plant.ntt"));
    assert_int_equal(writer_elsewhere(scratch->path, NANOTS_OPEN_READ_ONLY), NANOTS_OK);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(nanots_open(scratch->path, NULL, &db, &error), NANOTS_OK);
    assert_int_equal(nanots_query_range(db, "boiler", 1, 1, &rows, &error), NANOTS_OK);
    assert_int_equal(rows.row_count, 1);
    nanots_free(rows.block);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
}

static void writers_closing_another_descriptor_releases_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = NULL;
    struct nanots_error error;

    assert_int_equal(nanots_open(scratch->path, NULL, &db, &error), NANOTS_OK);
    assert_int_equal(nanots_append(db, "boiler", 1, 71.5, NULL, &error), NANOTS_OK);
    for (int flags = O_RDONLY; flags <= O_RDWR; flags += O_RDWR) {
        const int fd = open(scratch->path, flags | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(writer_elsewhere(scratch->path, 0), NANOTS_BUSY);
    }
    assert_int_equal(nanots_append(db, "boiler", 2, 71.6, NULL, &error), NANOTS_OK);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
    assert_int_equal(writer_elsewhere(scratch->path, 0), NANOTS_OK);
}

static void writers_second_handle_of_one_process_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = NULL;
    struct nanots_db *second = NULL;
    struct nanots_error error;

    assert_int_equal(nanots_open(scratch->path, NULL, &db, &error), NANOTS_OK);
    assert_int_equal(nanots_open(scratch->path, NULL, &second, &error), NANOTS_BUSY);
    assert_null(second);
    assert_int_equal(writer_elsewhere(scratch->path, 0), NANOTS_BUSY);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
}

/* The child of a fork has copies of everything; it may use none, and takes nothing away when it
 * ends. */
static void writers_child_of_fork_is_refused_and_releases_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = NULL;
    struct nanots_error error;
    int status = 0;

    assert_int_equal(nanots_open(scratch->path, NULL, &db, &error), NANOTS_OK);
    assert_int_equal(nanots_append(db, "boiler", 1, 71.5, NULL, &error), NANOTS_OK);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (nanots_append(db, "boiler", 2, 0, NULL, NULL) != NANOTS_MISUSE)
            _exit(1);
        if (nanots_flush(db, NULL) != NANOTS_MISUSE)
            _exit(2);
        if (nanots_close(db, NULL) != NANOTS_MISUSE)
            _exit(3);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(writer_elsewhere(scratch->path, 0), NANOTS_BUSY);
    assert_int_equal(nanots_append(db, "boiler", 3, 71.6, NULL, &error), NANOTS_OK);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writers_second_process_is_refused_until_the_first_dies,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(writers_closing_another_descriptor_releases_nothing,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(writers_second_handle_of_one_process_is_refused,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(writers_child_of_fork_is_refused_and_releases_nothing,
                                        scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
