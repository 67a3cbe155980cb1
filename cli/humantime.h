/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/humantime.h - times and durations of the command line.
 *
 *     2024-05-01  2024-05  2024-05-01T12:00  "May 1 2024 1:30 PM"     as timetext.h
 *     now  today  yesterday                                           today is the day in UTC
 *     -1h  -7d  +10m  now-90s                                         from now
 *     1714521600  1714521600000                                       epoch, unit by size or --unit
 *
 * Durations: 10ns 20us 500ms 10s 5m 2h 7d 1w, fractions (0.5s) and sums (1h30m).
 */
#ifndef NANOTS_CLI_HUMANTIME_H
#define NANOTS_CLI_HUMANTIME_H

#include "args.h"
#include "timetext.h"

int64_t cli_now(enum cli_time_unit unit);

/* Ticks of `unit` in a duration; false if it is none or is beyond int64. */
bool cli_duration_parse(const char *text, enum cli_time_unit unit, int64_t *ticks_out);

/* Parses one time into ticks of a table's unit. A plain number is of `number_unit`, by its size if
 * that is CLI_UNIT_GUESS. `last` asks for the end of what was named: the last tick of a day or
 * month. Returns CLI_OK, or CLI_USAGE after saying that `what` is wrong. */
int cli_time_argument(const char *what, const char *text, enum cli_time_unit number_unit,
                      enum cli_time_unit unit, bool last, int64_t *ts_out);

/* The option --unit; CLI_UNIT_GUESS if it was not given. Returns CLI_OK or CLI_USAGE. */
int cli_unit_option(const struct cli_args *args, enum cli_time_unit *unit_out);

/* A duration option such as --interval, left as it is if not given. Must be above zero. */
int cli_duration_option(const struct cli_args *args, const char *name, int64_t *ms_out);

#endif
