/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/report.h - collects the values of a figure over the runs and prints medians and ratios.
 *
 *     struct figure *figure = report_figure("row append, 10 columns", "rows/s", REPORT_MORE);
 *     for each run, for each system: report_value(figure, system_name, value);
 *     report_goal(figure, "NanoTS", 3e6);
 *     report_print(figure);
 *
 * Systems are listed in the order in which they first appear; the first one is the subject, and the
 * ratio of every other is "how many times better the subject is", the median of the ratios of the
 * single runs. Goals are shown beside the figures and decide nothing.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

enum report_better {
    REPORT_MORE, /* rates */
    REPORT_LESS, /* times, sizes */
};

struct figure;

/* Starts a figure; it lives until the process ends. */
struct figure *report_figure(const char *title, const char *unit, enum report_better better);

/* Adds one run's value; NAN for a measurement that failed or cannot be made here. */
void report_value(struct figure *figure, const char *system, double value);

/* A goal for the value of `system` itself. */
void report_goal(struct figure *figure, const char *system, double value);

/* A goal for how many times better the subject is than `system`. */
void report_ratio_goal(struct figure *figure, const char *system, double ratio);

/* A remark printed under the figure. */
void report_note(struct figure *figure, const char *text);

/* Prints one figure as lines of the table, unless only JSON is wanted. */
void report_print(struct figure *figure);

/* JSON instead of the table: all figures so far as one array, printed by report_finish. */
void report_use_json(bool json);
void report_finish(void);

/* Prints a JSON string, quoted; what JSON does not allow in one is escaped. */
void report_json_string(const char *text);

/* Text of the heading (machine, versions), shown above the table and kept for JSON. */
void report_heading(const char *name, const char *text);

#endif
