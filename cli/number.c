/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/number.c - numbers to and from text, exactly.
 *
 * Most numbers of sensors are decimals of few digits, for which printf and strtod are a hundred
 * times slower than need be. Both fast paths rest on one fact: an integer below 2^53 divided by a
 * power of ten up to 10^22 is correctly rounded, hence the double that strtod gives for that text.
 */
#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DECIMALS_FAST 9
#define INTEGER_FAST  1e15 /* fifteen digits: always told apart by a double */

static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static size_t number_print_slow(double value, char *text)
{
    /* A text of up to fifteen digits is what %.15g gives; but subnormals have fewer. */
    int digits = fabs(value) < DBL_MIN ? 1 : 15;
    int length = 0;
    for (; digits <= 17; digits++) {
        length = snprintf(text, CLI_NUMBER_TEXT_SIZE, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return (size_t)length;
}

static size_t number_print_decimal(int64_t scaled, int decimals, char *text)
{
    char reversed[CLI_NUMBER_TEXT_SIZE];
    size_t count = 0;
    size_t length = 0;
    bool negative = scaled < 0;
    uint64_t rest = negative ? (uint64_t)-scaled : (uint64_t)scaled;
    for (int i = 0; rest > 0 || i <= decimals; i++) {
        if (i == decimals && decimals > 0)
            reversed[count++] = '.';
        reversed[count++] = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (negative)
        text[length++] = '-';
    while (count > 0)
        text[length++] = reversed[--count];
    text[length] = '\0';
    return length;
}

/* Smallest number of decimals whose decimal is exactly this double, and the decimal as an integer;
 * -1 if there is none within reach. */
static int number_scale(double value, int64_t *scaled_out)
{
    if (fabs(value) < 1e-4 && value != 0)
        return -1;
    for (int decimals = 0; decimals <= DECIMALS_FAST; decimals++) {
        double scaled = nearbyint(value * powers_of_ten[decimals]);
        if (fabs(scaled) >= INTEGER_FAST)
            return -1;
        if (scaled / powers_of_ten[decimals] == value) {
            *scaled_out = (int64_t)scaled;
            return decimals;
        }
    }
    return -1;
}

size_t cli_number_print(double value, char text[CLI_NUMBER_TEXT_SIZE])
{
    int64_t scaled;
    if (isnan(value))
        return (size_t)snprintf(text, CLI_NUMBER_TEXT_SIZE, "NaN");
    if (isinf(value))
        return (size_t)snprintf(text, CLI_NUMBER_TEXT_SIZE, value < 0 ? "-inf" : "inf");
    if (value == 0)
        return (size_t)snprintf(text, CLI_NUMBER_TEXT_SIZE, signbit(value) ? "-0" : "0");
    int decimals = FLT_EVAL_METHOD == 0 ? number_scale(value, &scaled) : -1;
    if (decimals < 0)
        return number_print_slow(value, text);
    return number_print_decimal(scaled, decimals, text);
}

double cli_number_of_float(float value)
{
    char text[CLI_NUMBER_TEXT_SIZE];
    /* A text of up to six digits is what %.6g gives; but subnormals have fewer. */
    int digits = fabsf(value) < FLT_MIN ? 1 : 6;
    if (!isfinite(value) || value == 0)
        return value;
    for (; digits < 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            return strtod(text, NULL);
    }
    snprintf(text, sizeof(text), "%.9g", (double)value);
    return strtod(text, NULL);
}

int cli_number_decimals(double value)
{
    char text[CLI_NUMBER_TEXT_SIZE];
    if (!isfinite(value))
        return -1;
    cli_number_print(value, text);
    if (strchr(text, 'e') != NULL)
        return -1;
    const char *point = strchr(text, '.');
    return point != NULL ? (int)strlen(point + 1) : 0;
}

/* [-+]digits[.digits] of at most 15 digits; false leaves the rest to strtod. */
static bool number_parse_fast(const char *text, double *value_out)
{
    bool negative = *text == '-';
    int64_t digits = 0;
    int digit_count = 0;
    int decimals = 0;
    bool point = false;
    if (*text == '-' || *text == '+')
        text++;
    for (; *text != '\0'; text++) {
        if (*text == '.' && !point) {
            point = true;
            continue;
        }
        if (*text < '0' || *text > '9' || ++digit_count > 15)
            return false;
        digits = digits * 10 + (*text - '0');
        decimals += point;
    }
    if (digit_count == 0 || FLT_EVAL_METHOD != 0)
        return false;
    double value = (double)digits / powers_of_ten[decimals];
    *value_out = negative ? -value : value;
    return true;
}

bool cli_number_parse(const char *text, double *value_out)
{
    char *end = NULL;
    if (number_parse_fast(text, value_out))
        return true;
    if (*text == '\0' || strpbrk(text, "xX(") != NULL)
        return false;
    *value_out = strtod(text, &end);
    if (end == text || (isnan(*value_out) && !cli_is_nan(text)))
        return false;
    while (*end == ' ')
        end++;
    return *end == '\0';
}

bool cli_is_missing(const char *text)
{
    static const char *const words[] = {"NA", "N/A", "#N/A", "null", "None", "\\N"};
    if (*text == '\0')
        return true;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

bool cli_is_nan(const char *text)
{
    return strcasecmp(text, "NaN") == 0;
}

void cli_number_brief(double value, char text[CLI_NUMBER_TEXT_SIZE])
{
    static const struct {
        double unit;
        const char *suffix;
    } scales[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1, ""}};
    size_t scale = 0;
    while (scale < 3 && fabs(value) < scales[scale].unit)
        scale++;
    snprintf(text, CLI_NUMBER_TEXT_SIZE, "%.6g%s", value / scales[scale].unit,
             scales[scale].suffix);
}

void cli_count_print(uint64_t count, char text[CLI_NUMBER_TEXT_SIZE])
{
    char digits[CLI_NUMBER_TEXT_SIZE];
    size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
}

void cli_quantity_print(uint64_t count, const char *one, char text[CLI_QUANTITY_TEXT_SIZE])
{
    char digits[CLI_NUMBER_TEXT_SIZE];
    cli_count_print(count, digits);
    snprintf(text, CLI_QUANTITY_TEXT_SIZE, "%s %s%s", digits, one, count == 1 ? "" : "s");
}

void cli_bytes_print(uint64_t bytes, char text[CLI_NUMBER_TEXT_SIZE])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double size = (double)bytes / 1024;
    size_t unit = 0;
    if (bytes < 1024) {
        snprintf(text, CLI_NUMBER_TEXT_SIZE, "%" PRIu64 " bytes", bytes);
        return;
    }
    while (size >= 1023.95) {
        size /= 1024;
        unit++;
    }
    snprintf(text, CLI_NUMBER_TEXT_SIZE, "%.1f %s", size, units[unit]);
}

bool cli_bytes_parse(const char *text, uint64_t *bytes_out)
{
    static const char letters[] = "kmgtpe";
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9')
        return false;
    double bytes = strtod(text, &end);
    const char *letter = *end == '\0' ? NULL : strchr(letters, tolower((unsigned char)*end));
    if (letter != NULL) {
        end++;
        const double step = strcasecmp(end, "b") == 0 ? 1000 : 1024;
        for (const char *at = letters; at <= letter; at++)
            bytes *= step;
        if (tolower((unsigned char)*end) == 'i')
            end++;
    }
    if (tolower((unsigned char)*end) == 'b')
        end++;
    if (*end != '\0' || !(bytes < 0x1p63))
        return false;
    *bytes_out = (uint64_t)bytes;
    return true;
}
