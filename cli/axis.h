/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/axis.h - round places for the ticks of a plot, and their labels. */
#ifndef NANOTS_CLI_AXIS_H
#define NANOTS_CLI_AXIS_H

#include "cli.h"

enum { CLI_TICKS_MAX = 64, CLI_TICK_TEXT_SIZE = 24 };

struct cli_tick {
    double at; /* a value, or milliseconds since the epoch */
    char text[CLI_TICK_TEXT_SIZE];
};

struct cli_axis {
    double min;
    double max;
    size_t tick_count;
    struct cli_tick ticks[CLI_TICKS_MAX];
};

/* Ticks 1, 2 or 5 times a power of ten apart, about `count` of them; the range grows to the ticks
 * around min..max. */
void cli_axis_of_values(struct cli_axis *axis, double min, double max, size_t count);

/* Ticks on whole seconds, minutes, hours, days, months or years (UTC), about `count`; the range is
 * first_ms..last_ms as it is. Outside of the years 0 to 9999 there are none. */
void cli_axis_of_times(struct cli_axis *axis, double first_ms, double last_ms, size_t count);

#endif
