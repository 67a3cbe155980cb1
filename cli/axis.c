/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/axis.c - round places for the ticks of a plot, and their labels. */
#include "axis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "timetext.h"

#define MS_SECOND       1e3
#define MS_MINUTE       6e4
#define MS_HOUR         36e5
#define MS_DAY          864e5
#define MONTH_MEAN_MS   (30.436875 * MS_DAY)
#define CALENDAR_MIN_MS (-62167219200e3) /* the years of four digits, 0000 to 9999, */
#define CALENDAR_MAX_MS 253402300799e3   /* are those that get labels */

/* ---- values ------------------------------------------------------------------------------- */

/* Smallest 1, 2 or 5 times a power of ten that is no less than `least`. */
static double axis_round_step(double least)
{
    double power = pow(10, floor(log10(least)));
    double factor = least / power;
    if (factor <= 1)
        return power;
    if (factor <= 2)
        return 2 * power;
    return factor <= 5 ? 5 * power : 10 * power;
}

static void axis_label_values(struct cli_axis *axis, double step)
{
    static const struct {
        double unit;
        const char *suffix;
    } scales[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1, ""}};
    double largest = fmax(fabs(axis->min), fabs(axis->max));
    size_t scale = 0;
    while (scale < 3 && largest < scales[scale].unit * 0.9999)
        scale++;
    double unit = scales[scale].unit;
    int decimals = (int)fmax(0, -floor(log10(step / unit) + 1e-9));
    for (size_t i = 0; i < axis->tick_count; i++) {
        struct cli_tick *tick = &axis->ticks[i];
        if (tick->at == 0)
            snprintf(tick->text, sizeof(tick->text), "0");
        else if (decimals > 6 || largest >= 1e15)
            snprintf(tick->text, sizeof(tick->text), "%.4g", tick->at);
        else
            snprintf(tick->text, sizeof(tick->text), "%.*f%s", decimals, tick->at / unit,
                     scales[scale].suffix);
    }
}

void cli_axis_of_values(struct cli_axis *axis, double min, double max, size_t count)
{
    if (min == max) {
        double margin = min != 0 ? fabs(min) / 2 : 1;
        min -= margin;
        max += margin;
    }
    /* Divided first: the difference of two doubles may be beyond a double. */
    double step = axis_round_step(max / (double)count - min / (double)count);
    axis->min = floor(min / step + 1e-9) * step;
    axis->max = ceil(max / step - 1e-9) * step;
    axis->tick_count = 0;
    for (double at = 0; axis->tick_count < CLI_TICKS_MAX; at++) {
        double value = axis->min + at * step;
        if (value > axis->max + step / 2)
            break;
        /* A sum of steps misses zero by a little. */
        axis->ticks[axis->tick_count++].at = fabs(value) < step / 1e6 ? 0 : value;
    }
    axis_label_values(axis, step);
}

/* ---- times -------------------------------------------------------------------------------- */

static void axis_label_time(struct cli_tick *tick, double step)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char time[CLI_TIME_TEXT_SIZE]; /* 2024-05-01T12:00:30.250Z */
    cli_time_print((int64_t)tick->at, CLI_UNIT_MS, CLI_STYLE_MS, time);
    bool midnight = fmod(tick->at, MS_DAY) == 0;
    long month = strtol(time + 5, NULL, 10);
    if (step >= 12 * MONTH_MEAN_MS * 0.99)
        snprintf(tick->text, sizeof(tick->text), "%.4s", time);
    else if (step >= MONTH_MEAN_MS * 0.9)
        snprintf(tick->text, sizeof(tick->text), "%.7s", time);
    else if ((step >= MS_DAY || midnight) && month >= 1 && month <= 12)
        snprintf(tick->text, sizeof(tick->text), "%s %ld", months[month - 1],
                 strtol(time + 8, NULL, 10));
    else if (step >= MS_MINUTE)
        snprintf(tick->text, sizeof(tick->text), "%.5s", time + 11);
    else if (step >= MS_SECOND)
        snprintf(tick->text, sizeof(tick->text), "%.8s", time + 11);
    else
        snprintf(tick->text, sizeof(tick->text), "%.12s", time + 11);
}

static void axis_add_time(struct cli_axis *axis, double at, double step)
{
    if (at < axis->min || at > axis->max || axis->tick_count == CLI_TICKS_MAX)
        return;
    axis->ticks[axis->tick_count].at = at;
    axis_label_time(&axis->ticks[axis->tick_count++], step);
}

static void axis_add_months(struct cli_axis *axis, int64_t months)
{
    char time[CLI_TIME_TEXT_SIZE];
    cli_time_print((int64_t)axis->min, CLI_UNIT_MS, CLI_STYLE_DATE, time);
    char *end = NULL;
    int64_t year = strtoll(time, &end, 10);
    int64_t index = year * 12 + strtol(end + 1, NULL, 10) - 1;
    index -= ((index % months) + months) % months;
    for (double at = axis->min; at <= axis->max; index += months) {
        int64_t of_year = ((index % 12) + 12) % 12;
        at = (double)cli_days_from_date((index - of_year) / 12, (unsigned)of_year + 1, 1) * MS_DAY;
        axis_add_time(axis, at, (double)months * MONTH_MEAN_MS);
        if (axis->tick_count == CLI_TICKS_MAX)
            return;
    }
}

static void axis_add_multiples(struct cli_axis *axis, double step)
{
    for (double at = ceil(axis->min / step) * step; at <= axis->max; at += step)
        axis_add_time(axis, at, step);
}

void cli_axis_of_times(struct cli_axis *axis, double first_ms, double last_ms, size_t count)
{
    static const double steps[] = {1,
                                   2,
                                   5,
                                   10,
                                   20,
                                   50,
                                   100,
                                   200,
                                   500,
                                   MS_SECOND,
                                   2 * MS_SECOND,
                                   5 * MS_SECOND,
                                   10 * MS_SECOND,
                                   15 * MS_SECOND,
                                   30 * MS_SECOND,
                                   MS_MINUTE,
                                   2 * MS_MINUTE,
                                   5 * MS_MINUTE,
                                   10 * MS_MINUTE,
                                   15 * MS_MINUTE,
                                   30 * MS_MINUTE,
                                   MS_HOUR,
                                   2 * MS_HOUR,
                                   3 * MS_HOUR,
                                   6 * MS_HOUR,
                                   12 * MS_HOUR,
                                   MS_DAY,
                                   2 * MS_DAY,
                                   5 * MS_DAY,
                                   10 * MS_DAY};
    static const int64_t months[] = {1,   2,   3,    6,    12,   24,    60,    120,
                                     240, 600, 1200, 2400, 6000, 12000, 24000, 60000};
    axis->min = first_ms;
    axis->max = last_ms;
    axis->tick_count = 0;
    double least = (axis->max - axis->min) / (double)count;
    if (axis->min < CALENDAR_MIN_MS || axis->max > CALENDAR_MAX_MS)
        return;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (steps[i] >= least) {
            axis_add_multiples(axis, steps[i]);
            return;
        }
    for (size_t i = 0; i < sizeof(months) / sizeof(months[0]); i++)
        if ((double)months[i] * MONTH_MEAN_MS >= least) {
            axis_add_months(axis, months[i]);
            return;
        }
}
