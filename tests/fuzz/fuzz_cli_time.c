/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_cli_time.c - times and durations as the command line takes them.
 *
 *   8 bytes a tick | 1 byte choices | text, or text, zero and a pattern of strptime
 *
 * Whatever the text is: each unit gives the same instant, rounded down to it, and says whether it
 * is finer; a time that is printed reads as itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/humantime.h"
#include "cli/timetext.h"
#include "support/quiet.h"

#define TEXT_SIZE_MAX 200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum cli_time_unit units[] = {CLI_UNIT_S, CLI_UNIT_MS, CLI_UNIT_US, CLI_UNIT_NS};
#define UNITS (sizeof units / sizeof units[0])

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_result(enum cli_time_result result)
{
    return result == CLI_TIME_OK || result == CLI_TIME_BAD || result == CLI_TIME_FINER ||
           result == CLI_TIME_RANGE;
}

static void check_printed(int64_t ts, enum cli_time_unit unit)
{
    char text[CLI_TIME_TEXT_SIZE];
    int64_t again = 0;
    cli_time_print(ts, unit, cli_time_style_for(ts, unit), text);
    require(cli_time_parse(text, unit, &again, NULL) == CLI_TIME_OK && again == ts);
    cli_time_print(ts, unit, CLI_STYLE_NS, text);
    require(cli_time_parse(text, unit, &again, NULL) == CLI_TIME_OK && again == ts);
}

static int64_t floor_divide(int64_t number, int64_t divisor)
{
    return number / divisor - (number % divisor < 0);
}

/* What each unit says of one text, given as from coarse to fine. */
static void check_units(const enum cli_time_result results[UNITS], const int64_t ticks[UNITS])
{
    const enum cli_time_result fine = results[UNITS - 1];
    for (size_t i = 0; i < UNITS; i++) {
        require(is_result(results[i]));
        require((results[i] == CLI_TIME_BAD) == (fine == CLI_TIME_BAD));
        if (fine != CLI_TIME_OK)
            continue;
        const int64_t step = cli_ticks_per_second(CLI_UNIT_NS) / cli_ticks_per_second(units[i]);
        const bool is_finer = ticks[UNITS - 1] % step != 0;
        require(results[i] == (is_finer ? CLI_TIME_FINER : CLI_TIME_OK));
        require(ticks[i] == floor_divide(ticks[UNITS - 1], step));
    }
}

static void check_calendar(const char *text)
{
    enum cli_time_result results[UNITS];
    int64_t ticks[UNITS] = {0};
    for (size_t i = 0; i < UNITS; i++) {
        enum cli_time_span span = CLI_SPAN_INSTANT;
        results[i] = cli_time_parse(text, units[i], &ticks[i], &span);
        if (results[i] == CLI_TIME_OK)
            check_printed(ticks[i], units[i]);
        require(span <= CLI_SPAN_MONTH);
    }
    check_units(results, ticks);
    const enum cli_time_unit precision = cli_time_precision(text);
    require(precision >= CLI_UNIT_MS && precision <= CLI_UNIT_NS);
    if (results[UNITS - 1] == CLI_TIME_OK)
        require(results[precision - CLI_UNIT_S] == CLI_TIME_OK);
}

static void check_epoch(const char *text, enum cli_time_unit unit)
{
    enum cli_time_result results[UNITS];
    int64_t ticks[UNITS] = {0};
    for (size_t i = 0; i < UNITS; i++)
        results[i] = cli_epoch_parse(text, unit, units[i], &ticks[i]);
    check_units(results, ticks);
    const enum cli_time_unit precision = cli_epoch_precision(text, unit);
    require(precision >= CLI_UNIT_MS && precision <= CLI_UNIT_NS);
    require(!cli_is_plain_number(text) || results[0] != CLI_TIME_BAD);
}

static void check_arguments(const char *text, enum cli_time_unit unit, uint8_t choice)
{
    int64_t ticks = 0;
    int64_t seconds = 0;
    const enum cli_time_unit number_unit = (enum cli_time_unit)(choice % (UNITS + 1));
    const struct quiet quiet = quiet_begin();
    const int code =
        cli_time_argument("--from", text, number_unit, unit, (choice & 128) != 0, &ticks);
    quiet_end(&quiet);
    require(code == CLI_OK || code == CLI_USAGE);
    (void)cli_unit_parse(text);
    if (cli_duration_parse(text, CLI_UNIT_NS, &ticks))
        require(!cli_duration_parse(text, CLI_UNIT_S, &seconds) ||
                seconds / 2 <= ticks / 1000000000 + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_SIZE_MAX + 1];
    if (size < 9 || size - 9 > TEXT_SIZE_MAX)
        return 0;
    const int64_t ts = nts_load_i64(data);
    const uint8_t choice = data[8];
    const enum cli_time_unit unit = units[choice / 8 % UNITS];
    memcpy(text, data + 9, size - 9);
    text[size - 9] = '\0';
    check_printed(ts, unit);
    check_calendar(text);
    check_epoch(text, unit);
    check_arguments(text, unit, choice);
    const size_t used = strlen(text) + 1;
    int64_t ticks = 0;
    if (used < size - 9)
        require(is_result(cli_time_parse_format(text, text + used, unit, &ticks)));
    return 0;
}
