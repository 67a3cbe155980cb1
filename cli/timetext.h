/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/timetext.h - times as people and CSV files write them, to and from the ticks of a table.
 *
 * Understood: ISO 8601 (2024-05, 2024-05-01, 2024-05-01T12:00:30.250Z, a space for the T, offsets
 * +hh:mm, the basic form 20240501T120030), 2024/05/01, 5/1/2024 (month first), May 1 2024,
 * 1 May 2024, 1-May-2024, Wed, 01 May 2024; each with a time of day, also in twelve hours (1 PM is
 * written 1:00 PM).
 * A time without an offset is UTC. Years are those of the Gregorian calendar, extended both ways.
 */
#ifndef NANOTS_CLI_TIMETEXT_H
#define NANOTS_CLI_TIMETEXT_H

#include "cli.h"

enum cli_time_result {
    CLI_TIME_OK = 0,
    CLI_TIME_BAD,   /* no time in any form above */
    CLI_TIME_FINER, /* finer than the unit asked for; the result is the tick before it */
    CLI_TIME_RANGE, /* beyond what an int64 of that unit holds */
};

/* From coarse to fine, each a thousandth of the one before. */
enum cli_time_unit { CLI_UNIT_GUESS = 0, CLI_UNIT_S, CLI_UNIT_MS, CLI_UNIT_US, CLI_UNIT_NS };

int64_t cli_ticks_per_second(enum cli_time_unit unit);

/* How much of its calendar a text named. */
enum cli_time_span { CLI_SPAN_INSTANT = 0, CLI_SPAN_DAY, CLI_SPAN_MONTH };

/* Days since 1970-01-01 of a date. */
int64_t cli_days_from_date(int64_t year, unsigned month, unsigned day);

/* Parses a time written with a calendar into ticks of `unit`. `span_out` may be NULL. */
enum cli_time_result cli_time_parse(const char *text, enum cli_time_unit unit, int64_t *ts_out,
                                    enum cli_time_span *span_out);

/* Parses a plain number of `unit`s since the epoch, fractions allowed, into ticks of `to_unit`;
 * both are known. */
enum cli_time_result cli_epoch_parse(const char *text, enum cli_time_unit unit,
                                     enum cli_time_unit to_unit, int64_t *ts_out);

/* Parses by a strptime pattern; UTC unless the pattern reads an offset (%z). */
enum cli_time_result cli_time_parse_format(const char *text, const char *format,
                                           enum cli_time_unit unit, int64_t *ts_out);

/* The coarsest of ms, us and ns that holds such a time in full, as far as ns does. */
enum cli_time_unit cli_time_precision(const char *text);
enum cli_time_unit cli_epoch_precision(const char *text, enum cli_time_unit unit);

/* Whether `text` is a number alone: such a time is an epoch, never a calendar's. */
bool cli_is_plain_number(const char *text);

/* Unit that a plain number of this size must be in: seconds from 1973 (1e8) to 5138 (1e11), then
 * milliseconds to 1e14, microseconds to 1e17, nanoseconds above. Below 1e8 it is `small`: no
 * reading gives a date of today, and small numbers count in the unit of the table. */
enum cli_time_unit cli_unit_guess(double magnitude, enum cli_time_unit small);

/* "s", "ms", "us", "ns" to a unit; CLI_UNIT_GUESS if it is none of these. */
enum cli_time_unit cli_unit_parse(const char *text);
const char *cli_unit_name(enum cli_time_unit unit);
/* A table's unit, and back; CLI_UNIT_GUESS is that of tables of no other. */
enum cli_time_unit cli_unit_of_table(nanots_time_unit unit);
nanots_time_unit cli_unit_for_table(enum cli_time_unit unit);

enum { CLI_TIME_TEXT_SIZE = 48 };

/* How to print a time: the coarsest that loses nothing, or the exact one. */
enum cli_time_style {
    CLI_STYLE_DATE,    /* 2024-05-01 */
    CLI_STYLE_SECONDS, /* 2024-05-01T12:00:30Z */
    CLI_STYLE_MS,      /* 2024-05-01T12:00:30.250Z */
    CLI_STYLE_US,      /* ... .250001Z */
    CLI_STYLE_NS,      /* ... .250001002Z */
};

/* The coarsest style that prints `ts` in full; the larger of two styles serves both. */
enum cli_time_style cli_time_style_for(int64_t ts, enum cli_time_unit unit);
void cli_time_print(int64_t ts, enum cli_time_unit unit, enum cli_time_style style,
                    char text[CLI_TIME_TEXT_SIZE]);

#endif
