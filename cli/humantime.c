/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/humantime.c - times and durations of the command line. */
#include "humantime.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS_PER_DAY INT64_C(86400000)

int64_t cli_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds of the unit at *text, which moves behind it; 0 if there is none. */
static double duration_unit(const char **text)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1},   {"s", 1e3},   {"min", 6e4}, {"m", 6e4},
                 {"h", 36e5}, {"d", 864e5}, {"w", 6048e5}};
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

bool cli_duration_parse(const char *text, int64_t *ms_out)
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
    if (total > 9.2e18)
        return false;
    *ms_out = (int64_t)llround(total);
    return true;
}

/* now, now-1h, -7d, +10m, today, yesterday. */
static bool humantime_relative(const char *text, int64_t *ms_out, enum cli_time_span *span_out)
{
    int64_t now = cli_now_ms();
    int64_t duration = 0;
    bool today = strcmp(text, "today") == 0;
    if (today || strcmp(text, "yesterday") == 0) {
        *span_out = CLI_SPAN_DAY;
        *ms_out = now - now % MS_PER_DAY - (today ? 0 : MS_PER_DAY);
        return true;
    }
    *span_out = CLI_SPAN_INSTANT;
    *ms_out = now;
    if (strncmp(text, "now", 3) == 0) {
        text += 3;
        if (*text == '\0')
            return true;
    }
    if ((*text != '-' && *text != '+') || !cli_duration_parse(text + 1, &duration))
        return false;
    return *text == '-' ? !__builtin_sub_overflow(now, duration, ms_out)
                        : !__builtin_add_overflow(now, duration, ms_out);
}

/* Last millisecond of the day or month that begins at `ms`. */
static int64_t humantime_last(int64_t ms, enum cli_time_span span)
{
    int64_t end = ms;
    if (span == CLI_SPAN_DAY)
        end = ms + (MS_PER_DAY - 1);
    /* Any day 31 days on lies in the next month, whose first day is found by printing it. */
    if (span == CLI_SPAN_MONTH) {
        char text[CLI_TIME_TEXT_SIZE];
        cli_time_print(ms + 31 * MS_PER_DAY, CLI_STYLE_DATE, text);
        *strrchr(text, '-') = '\0';
        if (cli_time_parse(text, &end, NULL) != CLI_TIME_OK)
            return ms;
        end--;
    }
    return end;
}

static int humantime_refuse(const char *what, const char *text, enum cli_time_result result)
{
    if (result == CLI_TIME_FINER)
        return cli_usage("%s '%s' is finer than a millisecond", what, text);
    if (result == CLI_TIME_RANGE)
        return cli_usage("%s '%s' is beyond the range of time", what, text);
    return cli_usage("%s '%s' is no time: write 2024-05-01, 2024-05-01T12:00, -1h, now, or an "
                     "epoch number",
                     what, text);
}

int cli_time_argument(const char *what, const char *text, enum cli_time_unit unit, bool last,
                      int64_t *ms_out)
{
    enum cli_time_span span = CLI_SPAN_INSTANT;
    enum cli_time_result result;
    *ms_out = 0;
    if (cli_is_plain_number(text)) {
        if (unit == CLI_UNIT_GUESS)
            unit = cli_unit_guess(strtod(text, NULL));
        result = cli_epoch_parse(text, unit, ms_out);
    } else {
        if (humantime_relative(text, ms_out, &span))
            result = CLI_TIME_OK;
        else
            result = cli_time_parse(text, ms_out, &span);
    }
    if (result != CLI_TIME_OK)
        return humantime_refuse(what, text, result);
    if (last)
        *ms_out = humantime_last(*ms_out, span);
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
    if (!cli_duration_parse(text, ms_out) || *ms_out <= 0)
        return cli_usage("--%s takes a duration such as 500ms, 10s, 5m, 2h or 7d, not '%s'", name,
                         text);
    return CLI_OK;
}
