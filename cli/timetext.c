/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/timetext.c - a small scanner for dates and times, and their printing.
 *
 *     [weekday,] date [T or spaces or comma] [clock [AM|PM] [Z|UTC|GMT|+hh[:mm]]]
 *
 * Days are counted by the usual shift of the year to March, so that the leap day is its last: exact
 * for every year that fits, negative ones included.
 */
#include "timetext.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SECONDS_PER_DAY INT64_C(86400)
#define NS_PER_SECOND   INT64_C(1000000000)
#define YEAR_MAX        INT64_C(292277026597) /* the year after int64 seconds end */

struct time_scan {
    const char *at;
    int64_t year;
    unsigned month;
    unsigned day;
    int64_t second;   /* of the day */
    int64_t offset;   /* seconds east of UTC */
    int64_t fraction; /* nanoseconds */
    bool finer;       /* digits below a nanosecond were not all zero */
    enum cli_time_span span;
};

int64_t cli_days_from_date(int64_t year, unsigned month, unsigned day)
{
    int64_t shifted = year - (month <= 2);
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t month_from_march = (int64_t)month + (month > 2 ? -3 : 9);
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void time_date_from_days(int64_t days, int64_t *year_out, unsigned *month_out,
                                unsigned *day_out)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day_out = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month_out = (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year_out = year_of_era + era * 400 + (*month_out <= 2);
}

int64_t cli_ticks_per_second(enum cli_time_unit unit)
{
    static const int64_t ticks[] = {1000, 1, 1000, 1000000, NS_PER_SECOND};
    return ticks[unit];
}

static unsigned time_days_in_month(int64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* ---- scanning ----------------------------------------------------------------------------- */

static bool time_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads between `count_min` and `count_max` digits; nothing is consumed on failure. */
static bool time_scan_digits(struct time_scan *scan, int count_min, int count_max,
                             int64_t *value_out)
{
    const char *p = scan->at;
    int64_t value = 0;
    int count = 0;
    while (count < count_max && time_is_digit(p[count]))
        value = value * 10 + (p[count++] - '0');
    if (count < count_min)
        return false;
    scan->at = p + count;
    *value_out = value;
    return true;
}

static bool time_scan_char(struct time_scan *scan, char c)
{
    if (*scan->at != c)
        return false;
    scan->at++;
    return true;
}

static void time_scan_spaces(struct time_scan *scan)
{
    while (*scan->at == ' ')
        scan->at++;
}

/* Reads one of `words`, or its first three letters, ended by anything but a letter. */
static bool time_scan_word(struct time_scan *scan, const char *const *words, unsigned word_count,
                           unsigned *number_out)
{
    size_t length = 0;
    while ((scan->at[length] | 0x20) >= 'a' && (scan->at[length] | 0x20) <= 'z')
        length++;
    for (unsigned i = 0; i < word_count; i++) {
        bool whole = length == strlen(words[i]);
        if ((whole || length == 3) && strncasecmp(scan->at, words[i], length) == 0) {
            scan->at += length;
            *number_out = i + 1;
            return true;
        }
    }
    return false;
}

static bool time_scan_month_name(struct time_scan *scan)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    bool found = time_scan_word(scan, months, 12, &scan->month);
    if (found)
        time_scan_char(scan, '.');
    return found;
}

static void time_scan_weekday(struct time_scan *scan)
{
    static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                           "Friday", "Saturday", "Sunday"};
    unsigned ignored;
    if (time_scan_word(scan, weekdays, 7, &ignored)) {
        time_scan_char(scan, ',');
        time_scan_spaces(scan);
    }
}

/* May 1 2024 or May 1, 2024: the month was read. */
static bool time_scan_after_month(struct time_scan *scan)
{
    int64_t day;
    time_scan_spaces(scan);
    if (!time_scan_digits(scan, 1, 2, &day))
        return false;
    scan->day = (unsigned)day;
    time_scan_char(scan, ',');
    time_scan_spaces(scan);
    return time_scan_digits(scan, 4, 4, &scan->year);
}

/* 1 May 2024 or 1-May-2024: the day was read. */
static bool time_scan_after_day(struct time_scan *scan, int64_t day)
{
    bool dashed = time_scan_char(scan, '-');
    scan->day = (unsigned)day;
    time_scan_spaces(scan);
    if (!time_scan_month_name(scan))
        return false;
    if (dashed)
        return time_scan_char(scan, '-') && time_scan_digits(scan, 4, 4, &scan->year);
    time_scan_spaces(scan);
    return time_scan_digits(scan, 4, 4, &scan->year);
}

/* -05-01, -05, /05/01: the year was read. Or 0501 of the basic form, if a clock follows. */
static bool time_scan_after_year(struct time_scan *scan)
{
    int64_t month = 0;
    int64_t day = 1;
    char separator = *scan->at;
    if (separator != '-' && separator != '/')
        return false;
    scan->at++;
    if (!time_scan_digits(scan, 1, 2, &month))
        return false;
    if (time_scan_char(scan, separator)) {
        if (!time_scan_digits(scan, 1, 2, &day))
            return false;
        scan->span = CLI_SPAN_DAY;
    } else if (separator == '-' && *scan->at == '\0') {
        scan->span = CLI_SPAN_MONTH;
    } else {
        return false;
    }
    scan->month = (unsigned)month;
    scan->day = (unsigned)day;
    return true;
}

/* 5/1/2024, month first. */
static bool time_scan_us_date(struct time_scan *scan, int64_t month)
{
    int64_t day;
    scan->month = (unsigned)month;
    if (!time_scan_char(scan, '/') || !time_scan_digits(scan, 1, 2, &day))
        return false;
    scan->day = (unsigned)day;
    return time_scan_char(scan, '/') && time_scan_digits(scan, 4, 4, &scan->year);
}

static bool time_scan_basic_date(struct time_scan *scan, int64_t number)
{
    if (*scan->at != 'T')
        return false;
    scan->year = number / 10000;
    scan->month = (unsigned)(number / 100 % 100);
    scan->day = (unsigned)(number % 100);
    return true;
}

static bool time_scan_date(struct time_scan *scan)
{
    int64_t number = 0;
    scan->span = CLI_SPAN_DAY;
    time_scan_weekday(scan);
    if (time_scan_month_name(scan))
        return time_scan_after_month(scan);

    bool negative = *scan->at == '-';
    bool is_signed = negative || *scan->at == '+';
    if (is_signed)
        scan->at++;
    const char *start = scan->at;
    if (!time_scan_digits(scan, 1, 12, &number))
        return false;
    ptrdiff_t count = scan->at - start;
    if (count <= 2 && !is_signed) {
        if (*scan->at == '/')
            return time_scan_us_date(scan, number);
        return time_scan_after_day(scan, number);
    }
    if (count == 8 && !is_signed)
        return time_scan_basic_date(scan, number);
    if (count < 4 || (count > 4 && !is_signed))
        return false;
    scan->year = negative ? -number : number;
    return time_scan_after_year(scan);
}

/* Seconds' fraction in nanoseconds; digits behind those must be zeros or are noted. */
static bool time_scan_fraction(struct time_scan *scan)
{
    int64_t weight = NS_PER_SECOND / 10;
    if (*scan->at != '.' && *scan->at != ',')
        return true;
    scan->at++;
    if (!time_is_digit(*scan->at))
        return false;
    for (; time_is_digit(*scan->at); scan->at++) {
        if (weight == 0 && *scan->at != '0')
            scan->finer = true;
        scan->fraction += weight * (*scan->at - '0');
        weight /= 10;
    }
    return true;
}

/* AM or PM after the clock; turns the hour of twelve into one of 24. */
static bool time_scan_half_day(struct time_scan *scan, int64_t *hour)
{
    time_scan_spaces(scan);
    char half = (char)(scan->at[0] | 0x20);
    if ((half != 'a' && half != 'p') || (scan->at[1] | 0x20) != 'm')
        return true;
    if (*hour < 1 || *hour > 12)
        return false;
    *hour = *hour % 12 + (half == 'p' ? 12 : 0);
    scan->at += 2;
    return true;
}

static bool time_scan_offset(struct time_scan *scan)
{
    int64_t hours;
    int64_t minutes = 0;
    time_scan_spaces(scan);
    if (time_scan_char(scan, 'Z') || time_scan_char(scan, 'z'))
        return true;
    if (strncmp(scan->at, "UTC", 3) == 0 || strncmp(scan->at, "GMT", 3) == 0) {
        scan->at += 3;
        return true;
    }
    if (*scan->at != '+' && *scan->at != '-')
        return true;
    int64_t sign = *scan->at++ == '-' ? -1 : 1;
    if (!time_scan_digits(scan, 2, 2, &hours))
        return false;
    time_scan_char(scan, ':');
    if (time_is_digit(*scan->at) && !time_scan_digits(scan, 2, 2, &minutes))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    scan->offset = sign * (hours * 60 + minutes) * 60;
    return true;
}

static bool time_scan_clock(struct time_scan *scan)
{
    int64_t hour;
    int64_t minute = 0;
    int64_t second = 0;
    if (!time_scan_digits(scan, 1, 2, &hour))
        return false;
    bool colon = time_scan_char(scan, ':');
    if (!time_scan_digits(scan, 2, 2, &minute))
        return false;
    if (colon ? time_scan_char(scan, ':') : time_is_digit(*scan->at))
        if (!time_scan_digits(scan, 2, 2, &second) || !time_scan_fraction(scan))
            return false;
    if (!time_scan_half_day(scan, &hour))
        return false;
    bool midnight_24 = hour == 24 && minute == 0 && second == 0 && scan->fraction == 0;
    if ((hour > 23 && !midnight_24) || minute > 59 || second > 59)
        return false;
    scan->second = (hour * 60 + minute) * 60 + second;
    scan->span = CLI_SPAN_INSTANT;
    return time_scan_offset(scan);
}

/* ---- parsing ------------------------------------------------------------------------------ */

static enum cli_time_result time_join(int64_t days, int64_t seconds, int64_t ns,
                                      enum cli_time_unit unit, int64_t *ts_out)
{
    const int64_t per_second = cli_ticks_per_second(unit);
    const int64_t per_day = per_second * SECONDS_PER_DAY;
    const int64_t ns_per_tick = NS_PER_SECOND / per_second;
    const int64_t rest = seconds * per_second + ns / ns_per_tick;
    int64_t ts;
    if (__builtin_mul_overflow(days, per_day, &ts) || __builtin_add_overflow(ts, rest, &ts)) {
        /* The first day of int64 begins before INT64_MIN but ends after it. */
        if (days >= 0 || __builtin_mul_overflow(days + 1, per_day, &ts) ||
            __builtin_add_overflow(ts, rest - per_day, &ts))
            return CLI_TIME_RANGE;
    }
    *ts_out = ts;
    return ns % ns_per_tick == 0 ? CLI_TIME_OK : CLI_TIME_FINER;
}

/* Reads all of `text`; its fields are left in `scan`. */
static enum cli_time_result time_scan_text(const char *text, struct time_scan *scan)
{
    memset(scan, 0, sizeof(*scan));
    scan->at = text;
    if (!time_scan_date(scan))
        return CLI_TIME_BAD;
    if (scan->month < 1 || scan->month > 12 || scan->day < 1)
        return CLI_TIME_BAD;
    if (scan->year > YEAR_MAX || scan->year < -YEAR_MAX)
        return CLI_TIME_RANGE;
    if (scan->day > time_days_in_month(scan->year, scan->month))
        return CLI_TIME_BAD;
    if (*scan->at == 'T' || *scan->at == 't' || *scan->at == ',')
        scan->at++;
    time_scan_spaces(scan);
    if (*scan->at != '\0' && !time_scan_clock(scan))
        return CLI_TIME_BAD;
    time_scan_spaces(scan);
    return *scan->at == '\0' ? CLI_TIME_OK : CLI_TIME_BAD;
}

enum cli_time_result cli_time_parse(const char *text, enum cli_time_unit unit, int64_t *ts_out,
                                    enum cli_time_span *span_out)
{
    struct time_scan scan;
    *ts_out = 0;
    enum cli_time_result result = time_scan_text(text, &scan);
    if (result != CLI_TIME_OK)
        return result;
    if (span_out != NULL)
        *span_out = scan.span;
    int64_t days = cli_days_from_date(scan.year, scan.month, scan.day);
    result = time_join(days, scan.second - scan.offset, scan.fraction, unit, ts_out);
    return result == CLI_TIME_OK && scan.finer ? CLI_TIME_FINER : result;
}

enum cli_time_unit cli_time_precision(const char *text)
{
    struct time_scan scan;
    if (time_scan_text(text, &scan) != CLI_TIME_OK)
        return CLI_UNIT_MS;
    if (scan.finer)
        return CLI_UNIT_NS;
    if (scan.fraction % 1000000 == 0)
        return CLI_UNIT_MS;
    return scan.fraction % 1000 == 0 ? CLI_UNIT_US : CLI_UNIT_NS;
}

bool cli_is_plain_number(const char *text)
{
    bool has_digit = false;
    bool has_point = false;
    if (*text == '-' || *text == '+')
        text++;
    for (; *text != '\0'; text++) {
        if (time_is_digit(*text))
            has_digit = true;
        else if (*text == '.' && !has_point)
            has_point = true;
        else
            return false;
    }
    return has_digit;
}

enum cli_time_unit cli_epoch_precision(const char *text, enum cli_time_unit unit)
{
    const char *point = strchr(text, '.');
    int decimals = 0;
    for (int i = 1; point != NULL && time_is_digit(point[i]); i++)
        if (point[i] != '0')
            decimals = i;
    const int finest = (int)unit + (decimals + 2) / 3;
    if (finest <= (int)CLI_UNIT_MS)
        return CLI_UNIT_MS;
    return finest < (int)CLI_UNIT_NS ? CLI_UNIT_US : CLI_UNIT_NS;
}

/* Digits of `text` before the point, then as many behind it as a tick of the result has. Exact,
 * where a double would round the nanoseconds of today. */
enum cli_time_result cli_epoch_parse(const char *text, enum cli_time_unit unit,
                                     enum cli_time_unit to_unit, int64_t *ts_out)
{
    const int shift = 3 * ((int)to_unit - (int)unit);
    bool negative = *text == '-';
    bool finer = false;
    int64_t value = 0;

    *ts_out = 0;
    if (!cli_is_plain_number(text))
        return CLI_TIME_BAD;
    const char *p = text + (*text == '-' || *text == '+');
    int whole_left = (int)strcspn(p, ".") + shift;
    for (; *p != '\0' || whole_left > 0; p += *p != '\0') {
        if (*p == '.')
            continue;
        int digit = *p != '\0' ? *p - '0' : 0;
        if (whole_left-- > 0) {
            /* Counted downwards, because INT64_MIN has no positive twin. */
            if (__builtin_mul_overflow(value, INT64_C(10), &value) ||
                __builtin_sub_overflow(value, (int64_t)digit, &value))
                return CLI_TIME_RANGE;
        } else if (digit != 0) {
            finer = true;
        }
    }
    if (negative && finer && __builtin_sub_overflow(value, INT64_C(1), &value))
        return CLI_TIME_RANGE;
    if (!negative && __builtin_sub_overflow(INT64_C(0), value, &value))
        return CLI_TIME_RANGE;
    *ts_out = value;
    return finer ? CLI_TIME_FINER : CLI_TIME_OK;
}

enum cli_time_result cli_time_parse_format(const char *text, const char *format,
                                           enum cli_time_unit unit, int64_t *ts_out)
{
    /* strptime leaves what the pattern does not name; the first day of a month is the start. */
    struct tm fields = {.tm_mday = 1, .tm_year = 70};
    const char *end = strptime(text, format, &fields);
    *ts_out = 0;
    if (end == NULL || *end != '\0')
        return CLI_TIME_BAD;
    int64_t year = (int64_t)fields.tm_year + 1900;
    unsigned month = (unsigned)fields.tm_mon + 1;
    if (fields.tm_mday < 1 || (unsigned)fields.tm_mday > time_days_in_month(year, month))
        return CLI_TIME_BAD;
    int64_t days = cli_days_from_date(year, month, (unsigned)fields.tm_mday);
    int64_t seconds = (int64_t)fields.tm_hour * 3600 + (int64_t)fields.tm_min * 60 + fields.tm_sec -
                      fields.tm_gmtoff;
    return time_join(days, seconds, 0, unit, ts_out);
}

enum cli_time_unit cli_unit_guess(double magnitude, enum cli_time_unit small)
{
    double size = fabs(magnitude);
    if (size < 1e8)
        return small;
    if (size < 1e11)
        return CLI_UNIT_S;
    if (size < 1e14)
        return CLI_UNIT_MS;
    return size < 1e17 ? CLI_UNIT_US : CLI_UNIT_NS;
}

static const char *const unit_names[] = {
    [CLI_UNIT_S] = "s", [CLI_UNIT_MS] = "ms", [CLI_UNIT_US] = "us", [CLI_UNIT_NS] = "ns"};

enum cli_time_unit cli_unit_parse(const char *text)
{
    for (int unit = CLI_UNIT_S; unit <= CLI_UNIT_NS; unit++)
        if (strcmp(text, unit_names[unit]) == 0)
            return (enum cli_time_unit)unit;
    return CLI_UNIT_GUESS;
}

const char *cli_unit_name(enum cli_time_unit unit)
{
    static const char *const words[] = {[CLI_UNIT_GUESS] = "units",
                                        [CLI_UNIT_S] = "seconds",
                                        [CLI_UNIT_MS] = "milliseconds",
                                        [CLI_UNIT_US] = "microseconds",
                                        [CLI_UNIT_NS] = "nanoseconds"};
    return words[unit];
}

/* ---- printing ----------------------------------------------------------------------------- */

enum cli_time_unit cli_unit_of_table(nanots_time_unit unit)
{
    static const enum cli_time_unit units[] = {[NANOTS_UNIT_MS] = CLI_UNIT_MS,
                                               [NANOTS_UNIT_S] = CLI_UNIT_S,
                                               [NANOTS_UNIT_US] = CLI_UNIT_US,
                                               [NANOTS_UNIT_NS] = CLI_UNIT_NS};
    return units[unit];
}

nanots_time_unit cli_unit_for_table(enum cli_time_unit unit)
{
    static const nanots_time_unit units[] = {[CLI_UNIT_GUESS] = NANOTS_UNIT_MS,
                                             [CLI_UNIT_S] = NANOTS_UNIT_S,
                                             [CLI_UNIT_MS] = NANOTS_UNIT_MS,
                                             [CLI_UNIT_US] = NANOTS_UNIT_US,
                                             [CLI_UNIT_NS] = NANOTS_UNIT_NS};
    return units[unit];
}

/* Quotient and rest, rounding towards the past. */
static int64_t time_divide(int64_t ts, int64_t divisor, int64_t *rest_out)
{
    *rest_out = ts % divisor;
    if (*rest_out < 0)
        *rest_out += divisor;
    return ts / divisor - (ts % divisor < 0);
}

enum cli_time_style cli_time_style_for(int64_t ts, enum cli_time_unit unit)
{
    const int64_t per_second = cli_ticks_per_second(unit);
    if (ts % (per_second * SECONDS_PER_DAY) == 0)
        return CLI_STYLE_DATE;
    enum cli_time_style style = CLI_STYLE_SECONDS;
    for (int64_t divisor = per_second; ts % divisor != 0; divisor /= 1000)
        style = (enum cli_time_style)(style + 1);
    return style;
}

void cli_time_print(int64_t ts, enum cli_time_unit unit, enum cli_time_style style,
                    char text[CLI_TIME_TEXT_SIZE])
{
    int64_t rest;
    int64_t year;
    unsigned month;
    unsigned day;
    const int64_t per_second = cli_ticks_per_second(unit);
    time_date_from_days(time_divide(ts, per_second * SECONDS_PER_DAY, &rest), &year, &month, &day);

    size_t size = CLI_TIME_TEXT_SIZE;
    const char *year_form =
        year < 0 || year > 9999 ? "%+05" PRId64 "-%02u-%02u" : "%04" PRId64 "-%02u-%02u";
    int used = snprintf(text, size, year_form, year, month, day);
    if (style == CLI_STYLE_DATE || used < 0)
        return;
    int second = (int)(rest / per_second);
    used += snprintf(text + used, size - (size_t)used, "T%02d:%02d:%02d", second / 3600,
                     second / 60 % 60, second % 60);
    if (style >= CLI_STYLE_MS) {
        char digits[16];
        snprintf(digits, sizeof(digits), "%09" PRId64,
                 rest % per_second * (NS_PER_SECOND / per_second));
        used += snprintf(text + used, size - (size_t)used, ".%.*s",
                         3 * (int)(style - CLI_STYLE_SECONDS), digits);
    }
    snprintf(text + used, size - (size_t)used, "Z");
}
