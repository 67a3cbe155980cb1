/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/holder.h - a process that has a file open, until it is killed. Include after cmocka.h. */
#ifndef HOLDER_H
#define HOLDER_H

#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

/* What the process does first: 0, or the status that it exits with. */
typedef int (*holder_work)(const char *path);

/* Returns once the work is done. */
static inline pid_t holder_start(const char *path, holder_work work)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int failure = work(path);
        if (failure != 0)
            _exit(failure);
        if (write(ready[1], "r", 1) != 1)
            _exit(5);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return child;
}

#endif
