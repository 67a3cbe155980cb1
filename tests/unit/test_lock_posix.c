/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_lock_posix.c - the writer's lock and readers' pins, in one process and between two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "os/vfs.h"
#include "support/scratch.h"
#include "util/alloc.h"

static struct nanots_file *lock_open(const char *path, unsigned flags)
{
    struct nanots_file *file = NULL;
    assert_int_equal(
        nts_vfs_posix()->open(nts_vfs_posix(), nts_alloc_libc(), path, flags, &file, NULL),
        NANOTS_OK);
    return file;
}

static uint64_t lock_oldest(struct nanots_file *file, uint64_t first, uint64_t end)
{
    uint64_t generation = 12345;
    assert_int_equal(file->ops->oldest_pin(file, first, end, &generation, NULL), NANOTS_OK);
    return generation;
}

/* A child that opens `path`, takes a lock, says so, and waits to be told to die. */
struct lock_child {
    pid_t pid;
    int to_child;
};

enum lock_wish { LOCK_WRITER, LOCK_PINS };

static void lock_child_main(const char *path, enum lock_wish wish, int said, int told)
{
    struct nanots_file *file = NULL;
    const unsigned flags = wish == LOCK_PINS ? NANOTS_VFS_READ_ONLY : 0;
    bool done = nts_vfs_posix()->open(nts_vfs_posix(), nts_alloc_libc(), path, flags, &file,
                                      NULL) == NANOTS_OK;
    if (done && wish == LOCK_WRITER)
        done = file->ops->lock_writer(file, NULL) == NANOTS_OK;
    for (uint64_t generation = 20; done && wish == LOCK_PINS && generation <= 22; generation++)
        done = file->ops->pin(file, generation, NULL) == NANOTS_OK;
    char byte = done ? 'y' : 'n';
    (void)!write(said, &byte, 1);
    (void)!read(told, &byte, 1); /* the end of the pipe, too, ends the wait */
    _exit(0);
}

static struct lock_child lock_child_start(const char *path, enum lock_wish wish)
{
    struct lock_child child;
    int said[2];
    int told[2];
    char byte = '?';
    assert_int_equal(pipe(said), 0);
    assert_int_equal(pipe(told), 0);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        (void)close(told[1]);
        lock_child_main(path, wish, said[1], told[0]);
    }
    child.to_child = told[1];
    (void)close(told[0]);
    (void)close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    (void)close(said[0]);
    assert_int_equal(byte, 'y');
    return child;
}

/* Ends the child by the signal, or with 0 by its own _exit: nothing is unlocked or closed. */
static void lock_child_end(struct lock_child child, int signal_number)
{
    if (signal_number != 0)
        assert_int_equal(kill(child.pid, signal_number), 0);
    (void)close(child.to_child);
    assert_int_equal(waitpid(child.pid, NULL, 0), child.pid);
}

static void lock_writer_twice_in_one_process_is_busy(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *one = lock_open(scratch->path, NANOTS_VFS_CREATE);
    struct nanots_file *two = lock_open(scratch->path, 0);
    struct nanots_file *unrelated = lock_open(scratch->path, 0);
    struct nanots_error error;

    assert_int_equal(one->ops->lock_writer(one, NULL), NANOTS_OK);
    assert_int_equal(one->ops->lock_writer(one, NULL), NANOTS_OK); /* it has it already */
    assert_int_equal(two->ops->lock_writer(two, &error), NANOTS_BUSY);
    assert_non_null(strstr(error.message, "plant.ntt is open for writing by another process"));

    /* Where locks belong to the process, this close would give the lock away. */
    unrelated->ops->close(unrelated);
    assert_int_equal(two->ops->lock_writer(two, NULL), NANOTS_BUSY);

    one->ops->close(one);
    assert_int_equal(two->ops->lock_writer(two, NULL), NANOTS_OK);
    two->ops->close(two);
}

static void lock_writer_of_another_process_lasts_until_its_death(void **state)
{
    static const int ends[] = {0, SIGKILL};
    const struct scratch *scratch = *state;
    struct nanots_file *file = lock_open(scratch->path, NANOTS_VFS_CREATE);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const struct lock_child child = lock_child_start(scratch->path, LOCK_WRITER);
        assert_int_equal(file->ops->lock_writer(file, NULL), NANOTS_BUSY);
        lock_child_end(child, ends[i]);
    }
    assert_int_equal(file->ops->lock_writer(file, NULL), NANOTS_OK);
    file->ops->close(file);
}

static void lock_writer_is_independent_of_pins(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *writer = lock_open(scratch->path, NANOTS_VFS_CREATE);
    struct nanots_file *reader = lock_open(scratch->path, NANOTS_VFS_READ_ONLY);
    assert_int_equal(reader->ops->pin(reader, 0, NULL), NANOTS_OK);
    assert_int_equal(writer->ops->lock_writer(writer, NULL), NANOTS_OK);
    assert_int_equal(reader->ops->pin(reader, 1, NULL), NANOTS_OK);
    assert_int_equal(lock_oldest(writer, 0, 100), 0);
    assert_int_equal(lock_oldest(reader, 0, 100), 100); /* the writer's byte is no pin */
    reader->ops->close(reader);
    writer->ops->close(writer);
}

static void oldest_pin_finds_the_lowest_of_many_readers(void **state)
{
    static const uint64_t pins[] = {40, 12, 33, 90, 12, 57};
    const struct scratch *scratch = *state;
    struct nanots_file *writer = lock_open(scratch->path, NANOTS_VFS_CREATE);
    struct nanots_file *readers[6];

    assert_int_equal(lock_oldest(writer, 0, 1000), 1000);
    for (size_t i = 0; i < 6; i++) {
        readers[i] = lock_open(scratch->path, NANOTS_VFS_READ_ONLY);
        assert_int_equal(readers[i]->ops->pin(readers[i], pins[i], NULL), NANOTS_OK);
    }
    assert_int_equal(lock_oldest(writer, 0, 1000), 12);
    assert_int_equal(lock_oldest(writer, 12, 1000), 12);
    assert_int_equal(lock_oldest(writer, 13, 1000), 33);
    assert_int_equal(lock_oldest(writer, 0, 12), 12);
    assert_int_equal(lock_oldest(writer, 58, 90), 90);
    assert_int_equal(lock_oldest(writer, 91, 1000), 1000);
    assert_int_equal(lock_oldest(writer, 50, 50), 50);
    assert_int_equal(lock_oldest(writer, 60, 50), 50);

    readers[1]->ops->unpin(readers[1], 12);
    assert_int_equal(lock_oldest(writer, 0, 1000), 12); /* the other reader's */
    readers[4]->ops->close(readers[4]);
    assert_int_equal(lock_oldest(writer, 0, 1000), 33);
    for (size_t i = 0; i < 6; i++) {
        if (i != 4)
            readers[i]->ops->close(readers[i]);
    }
    assert_int_equal(lock_oldest(writer, 0, 1000), 1000);
    writer->ops->close(writer);
}

/* Neighbouring pins of one descriptor are one lock to the kernel. */
static void oldest_pin_among_neighbours_names_each(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *writer = lock_open(scratch->path, NANOTS_VFS_CREATE);
    struct nanots_file *reader = lock_open(scratch->path, NANOTS_VFS_READ_ONLY);
    for (uint64_t generation = 5; generation < 10; generation++)
        assert_int_equal(reader->ops->pin(reader, generation, NULL), NANOTS_OK);
    for (uint64_t first = 0; first < 12; first++)
        assert_int_equal(lock_oldest(writer, first, 20), first < 5 ? 5 : first < 10 ? first : 20);
    reader->ops->unpin(reader, 5);
    reader->ops->unpin(reader, 7); /* a gap in the middle */
    assert_int_equal(lock_oldest(writer, 0, 20), 6);
    assert_int_equal(lock_oldest(writer, 7, 20), 8);
    reader->ops->close(reader);
    writer->ops->close(writer);
}

static void oldest_pin_ignores_pins_of_the_same_handle(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *writer = lock_open(scratch->path, NANOTS_VFS_CREATE);
    struct nanots_file *other = lock_open(scratch->path, NANOTS_VFS_READ_ONLY);
    assert_int_equal(writer->ops->pin(writer, 3, NULL), NANOTS_OK);
    assert_int_equal(lock_oldest(writer, 0, 10), 10);
    assert_int_equal(lock_oldest(other, 0, 10), 3);
    other->ops->close(other);
    writer->ops->close(writer);
}

static void pin_of_another_process_is_released_by_its_death(void **state)
{
    static const int ends[] = {0, SIGKILL};
    const struct scratch *scratch = *state;
    struct nanots_file *writer = lock_open(scratch->path, NANOTS_VFS_CREATE);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const struct lock_child child = lock_child_start(scratch->path, LOCK_PINS);
        assert_int_equal(lock_oldest(writer, 0, 100), 20);
        assert_int_equal(lock_oldest(writer, 22, 100), 22);
        lock_child_end(child, ends[i]);
        assert_int_equal(lock_oldest(writer, 0, 100), 100);
    }
    writer->ops->close(writer);
}

/* A fork shares the description: the lock lives until the child has closed it, too. */
static void lock_writer_survives_in_a_forked_child(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *one = lock_open(scratch->path, NANOTS_VFS_CREATE);
    struct nanots_file *two = lock_open(scratch->path, 0);
    int told[2];
    char byte;
    assert_int_equal(one->ops->lock_writer(one, NULL), NANOTS_OK);
    assert_int_equal(pipe(told), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(told[1]);
        (void)!read(told[0], &byte, 1);
        _exit(0);
    }
    one->ops->close(one);
    assert_int_equal(two->ops->lock_writer(two, NULL), NANOTS_BUSY);
    (void)close(told[1]);
    (void)close(told[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(two->ops->lock_writer(two, NULL), NANOTS_OK);
    two->ops->close(two);
}

static void pin_of_extreme_generations_works_or_says_too_big(void **state)
{
    const struct scratch *scratch = *state;
    const uint64_t last = (1ull << 62) - 2;
    struct nanots_file *writer = lock_open(scratch->path, NANOTS_VFS_CREATE);
    struct nanots_file *reader = lock_open(scratch->path, NANOTS_VFS_READ_ONLY);
    assert_int_equal(reader->ops->pin(reader, last, NULL), NANOTS_OK);
    assert_true(lock_oldest(writer, 0, last + 1) == last);
    assert_int_equal(reader->ops->pin(reader, last + 1, NULL), NANOTS_TOO_BIG);
    assert_int_equal(reader->ops->pin(reader, UINT64_MAX, NULL), NANOTS_TOO_BIG);
    reader->ops->close(reader);
    writer->ops->close(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(lock_writer_twice_in_one_process_is_busy),
        WITH_SCRATCH(lock_writer_of_another_process_lasts_until_its_death),
        WITH_SCRATCH(lock_writer_is_independent_of_pins),
        WITH_SCRATCH(oldest_pin_finds_the_lowest_of_many_readers),
        WITH_SCRATCH(oldest_pin_among_neighbours_names_each),
        WITH_SCRATCH(oldest_pin_ignores_pins_of_the_same_handle),
        WITH_SCRATCH(pin_of_another_process_is_released_by_its_death),
        WITH_SCRATCH(lock_writer_survives_in_a_forked_child),
        WITH_SCRATCH(pin_of_extreme_generations_works_or_says_too_big),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
