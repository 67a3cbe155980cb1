/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/scratch.h - a directory of its own for each test, under TMPDIR or /tmp.
 *
 * As cmocka's setup and teardown; *state is the `struct scratch`. Teardown removes what the test
 * left, one level deep.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scratch {
    char directory[128];
    char path[192]; /* of a file that does not exist yet */
};

/* Writes "<directory>/<name>" into `room`. */
static inline const char *scratch_path(const struct scratch *scratch, const char *name, char *room,
                                       size_t size)
{
    (void)snprintf(room, size, "%s/%s", scratch->directory, name);
    return room;
}

static inline int scratch_setup(void **state)
{
    static struct scratch scratch;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(scratch.directory, sizeof scratch.directory, "%s/nanots-test-XXXXXX",
                   parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    if (mkdtemp(scratch.directory) == NULL)
        return -1;
    (void)scratch_path(&scratch, "plant.ntt", scratch.path, sizeof scratch.path);
    *state = &scratch;
    return 0;
}

static inline int scratch_teardown(void **state)
{
    const struct scratch *scratch = *state;
    DIR *directory = opendir(scratch->directory);
    if (directory == NULL)
        return -1;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)remove(scratch_path(scratch, entry->d_name, path, sizeof path));
    }
    (void)closedir(directory);
    return rmdir(scratch->directory);
}

/* A test of cmocka that has one. */
#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

#endif
