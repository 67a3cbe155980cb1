/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/quiet.h - runs what prints, without what it prints.
 *
 *     struct quiet quiet = quiet_begin();
 *     ...                                  stdout and stderr go nowhere
 *     quiet_end(&quiet);
 *
 * The streams are put aside, not their descriptors: what a sanitizer says is still seen.
 */
#ifndef QUIET_H
#define QUIET_H

#include <stdio.h>
#include <stdlib.h>

struct quiet {
    FILE *sink;
    FILE *out;
    FILE *err;
};

static inline struct quiet quiet_begin(void)
{
    const struct quiet quiet = {fopen("/dev/null", "w"), stdout, stderr};
    if (quiet.sink == NULL)
        abort();
    stdout = quiet.sink;
    stderr = quiet.sink;
    return quiet;
}

static inline void quiet_end(const struct quiet *quiet)
{
    stdout = quiet->out;
    stderr = quiet->err;
    (void)fclose(quiet->sink);
}

#endif
