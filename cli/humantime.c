/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/humantime.c - times and durations of the command line. */
#include "humantime.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_PER_DAY INT64_C(86400)

int64_t cli_now(enum cli_time_unit unit)
{
    struct timespec now;
    const int64_t per_second = cli_ticks_per_second(unit);
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * per_second + now.tv_nsec / (INT64_C(1000000000) / per_second);
}

/* Milliseconds of the unit at *text, which moves behind it; 0 if there is none. */
static double duration_unit(const char **text)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ns", 1e-6}, {"us", 1e-3}, {"ms", 1},    {"s", 1e3},   {"min", 6e4},
                 {"m", 6e4},   {"h", 36e5},  {"d", 864e5}, {"w", 6048e5}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t length = strlen(units[i].name);
        char after = (*text)[length < strlen(*text) ? length : strlen(*text)];
        bool ends = after == '\0' || (after >= '0' && after <= '9');
        if (ends && strncmp(*text, units[i].name, length) == 0) {
            *text += length;
            return units[i].ms;
        }
    }
    return 0;
}

bool cli_duration_parse(const char *text, enum cli_time_unit unit, int64_t *ticks_out)
{
    double total = 0;
    if (*text == '\0')
        return false;
    while (*text != '\0') {
        char *end = NULL;
        if (*text < '0' || *text > '9')
            return false;
        double amount = strtod(text, &end);
        text = end;
        double unit_ms = duration_unit(&text);
        if (unit_ms == 0)
            return false;
        total += amount * unit_ms;
    }
    total = total * (double)cli_ticks_per_second(unit) / 1e3;
    if (total > 9.2e18)
        return false;
    *ticks_out = (int64_t)llround(total);
    return true;
}

/* now, now-1h, -7d, +10m, today, yesterday. */
static bool humantime_relative(const char *text, enum cli_time_unit unit, int64_t *ts_out,
                               enum cli_time_span *span_out)
{
    const int64_t per_day = SECONDS_PER_DAY * cli_ticks_per_second(unit);
    int64_t now = cli_now(unit);
    int64_t duration = 0;
    bool today = strcmp(text, "today") == 0;
    if (today || strcmp(text, "yesterday") == 0) {
        *span_out = CLI_SPAN_DAY;
        *ts_out = now - now % per_day - (today ? 0 : per_day);
        return true;
    }
    *span_out = CLI_SPAN_INSTANT;
    *ts_out = now;
    if (strncmp(text, "now", 3) == 0) {
        text += 3;
        if (*text == '\0')
            return true;
    }
    if ((*text != '-' && *text != '+') || !cli_duration_parse(text + 1, unit, &duration))
        return false;
    return *text == '-' ? !__builtin_sub_overflow(now, duration, ts_out)
                        : !__builtin_add_overflow(now, duration, ts_out);
}

/* Last tick of the day or month that begins at `ts`. */
static int64_t humantime_last(int64_t ts, enum cli_time_unit unit, enum cli_time_span span)
{
    const int64_t per_day = SECONDS_PER_DAY * cli_ticks_per_second(unit);
    int64_t end = ts;
    if (span == CLI_SPAN_DAY && __builtin_add_overflow(ts, per_day - 1, &end))
        return INT64_MAX;
    /* Any day 31 days on lies in the next month, whose first day is found by printing it. */
    if (span == CLI_SPAN_MONTH) {
        char text[CLI_TIME_TEXT_SIZE];
        int64_t next;
        if (__builtin_add_overflow(ts, 31 * per_day, &next))
            return INT64_MAX;
        cli_time_print(next, unit, CLI_STYLE_DATE, text);
        *strrchr(text, '-') = '\0';
        if (cli_time_parse(text, unit, &end, NULL) != CLI_TIME_OK)
            return ts;
        end--;
    }
    return end;
}

static int humantime_refuse(const char *what, const char *text, enum cli_time_unit unit,
                            enum cli_time_result result)
{
    if (result == CLI_TIME_FINER)
        return cli_usage("%s '%s' is finer than the %s of the table", what, text,
                         cli_unit_name(unit));
    if (result == CLI_TIME_RANGE)
        return cli_usage("%s '%s' is beyond the range of time", what, text);
    return cli_usage("%s '%s' is no time: write 2024-05-01, 2024-05-01T12:00, -1h, now, or an "
                     "epoch number",
                     what, text);
}

int cli_time_argument(const char *what, const char *text, enum cli_time_unit number_unit,
                      enum cli_time_unit unit, bool last, int64_t *ts_out)
{
    enum cli_time_span span = CLI_SPAN_INSTANT;
    enum cli_time_result result;
    *ts_out = 0;
    if (cli_is_plain_number(text)) {
        if (number_unit == CLI_UNIT_GUESS)
            number_unit = cli_unit_guess(strtod(text, NULL), unit);
        result = cli_epoch_parse(text, number_unit, unit, ts_out);
    } else {
        if (humantime_relative(text, unit, ts_out, &span))
            result = CLI_TIME_OK;
        else
            result = cli_time_parse(text, unit, ts_out, &span);
    }
    if (result != CLI_TIME_OK)
        return humantime_refuse(what, text, unit, result);
    if (last)
        *ts_out = humantime_last(*ts_out, unit, span);
    return CLI_OK;
}

int cli_unit_option(const struct cli_args *args, enum cli_time_unit *unit_out)
{
    const char *text = cli_option(args, "unit");
    *unit_out = CLI_UNIT_GUESS;
    if (text == NULL)
        return CLI_OK;
    *unit_out = cli_unit_parse(text);
    if (*unit_out == CLI_UNIT_GUESS)
        return cli_usage("--unit is s, ms, us or ns, not '%s'", text);
    return CLI_OK;
}

int cli_duration_option(const struct cli_args *args, const char *name, int64_t *ms_out)
{
    const char *text = cli_option(args, name);
    if (text == NULL)
        return CLI_OK;
    if (!cli_duration_parse(text, CLI_UNIT_MS, ms_out) || *ms_out <= 0)
        return cli_usage("--%s takes a duration such as 500ms, 10s, 5m, 2h or 7d, not '%s'", name,
                         text);
    return CLI_OK;
}
