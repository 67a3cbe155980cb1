/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_json.c - JSON as RFC 8259 has it (util/json.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/faultalloc.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "util/json.h"

static void expect_text(struct nts_json *json, const char *wanted)
{
    struct nanots_error error;
    char *text = NULL;
    assert_int_equal(nts_json_take(json, &text, &error), NANOTS_OK);
    assert_string_equal(text, wanted);
    nts_free(text);
}

static void expect_number(double value, const char *wanted)
{
    struct nts_json json;
    nts_json_init(&json, nts_alloc_libc());
    nts_json_f64(&json, value);
    expect_text(&json, wanted);
}

static void json_puts_commas_between_values(void **state)
{
    struct nts_json json;
    (void)state;
    nts_json_init(&json, nts_alloc_libc());
    nts_json_open(&json, '{');
    nts_json_key(&json, "a");
    nts_json_u64(&json, UINT64_MAX);
    nts_json_key(&json, "b");
    nts_json_open(&json, '[');
    nts_json_bool(&json, true);
    nts_json_bool(&json, false);
    nts_json_open(&json, '{');
    nts_json_close(&json, '}');
    nts_json_f64(&json, 0.5);
    nts_json_close(&json, ']');
    nts_json_key(&json, "c");
    nts_json_string(&json, "");
    nts_json_close(&json, '}');
    expect_text(&json, "{\"a\":18446744073709551615,\"b\":[true,false,{},0.5],\"c\":\"\"}");
    nts_json_u64(&json, 1); /* as new */
    expect_text(&json, "1");
}

static void json_string_escapes_what_it_must(void **state)
{
    struct nts_json json;
    (void)state;
    nts_json_init(&json, nts_alloc_libc());
    nts_json_string(&json, "a\"b\\c/\n\t\x01\x1f\x7f\xc3\xa9\xf0\x9f\x98\x80");
    expect_text(&json, "\"a\\\"b\\\\c/\\u000a\\u0009\\u0001\\u001f\x7f\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void json_number_is_short_and_null_if_not_finite(void **state)
{
    (void)state;
    expect_number(0.0, "0");
    expect_number(-0.0, "-0");
    expect_number(0.1, "0.1");
    expect_number(1e300, "1e+300");
    expect_number(0.1 + 0.2, "0.30000000000000004");
    expect_number((double)NAN, "null");
    expect_number((double)INFINITY, "null");
    expect_number(-(double)INFINITY, "null");
}

static void json_number_reads_back_bit_for_bit(void **state)
{
    uint64_t seed = seed_of_run();
    (void)state;
    for (int i = 0; i < 100000; i++) {
        const uint64_t bits = seed_next(&seed);
        struct nts_json json;
        double value;
        char *text = NULL;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        nts_json_init(&json, nts_alloc_libc());
        nts_json_f64(&json, value);
        assert_int_equal(nts_json_take(&json, &text, NULL), NANOTS_OK);
        const double back = strtod(text, NULL);
        assert_memory_equal(&back, &value, sizeof value);
        nts_free(text);
    }
}

/* Goal: the host's locale does not show. Method: locales with a comma and with a point of two
 * bytes, made for this test where the system has their sources. */
static void json_number_has_a_point_in_any_locale(void **state)
{
    static const char *const names[] = {"de_DE", "ps_AF"};
    const struct scratch *scratch = *state;
    char command[512];
    unsigned found = 0;

    assert_int_equal(setenv("LOCPATH", scratch->directory, 1), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(command, sizeof command, "localedef -i %s -f UTF-8 %s/%s >/dev/null 2>&1",
                       names[i], scratch->directory, names[i]);
        if (system(command) != 0 || setlocale(LC_NUMERIC, names[i]) == NULL)
            continue;
        found++;
        (void)snprintf(command, sizeof command, "%.1f", 0.5);
        assert_string_not_equal(command, "0.5");
        expect_number(-1234.5e-20, "-1.2345e-17");
        expect_number(0.1 + 0.2, "0.30000000000000004");
        assert_non_null(setlocale(LC_NUMERIC, "C"));
    }
    assert_int_equal(unsetenv("LOCPATH"), 0);
    (void)snprintf(command, sizeof command, "rm -rf %s/*", scratch->directory);
    assert_int_equal(system(command), 0);
    if (found == 0) {
        print_message("skipped: no sources of locales here\n");
        skip();
    }
}

static void json_failure_waits_for_take(void **state)
{
    struct faultalloc memory;
    bool done = false;
    (void)state;
    faultalloc_init(&memory);
    for (uint64_t k = 0; !done; k++) {
        struct nanots_error error;
        struct nts_json json;
        char *text = NULL;
        faultalloc_fail(&memory, k, false);
        nts_json_init(&json, &memory.alloc);
        nts_json_open(&json, '[');
        for (uint64_t i = 0; i < 100; i++)
            nts_json_u64(&json, i);
        nts_json_close(&json, ']');
        const nanots_status status = nts_json_take(&json, &text, &error);
        done = !memory.failed;
        assert_int_equal(status, done ? NANOTS_OK : NANOTS_NO_MEMORY);
        assert_int_equal(text != NULL, done);
        nts_free(text);
        assert_int_equal(memory.block_count, 0);
        assert_true(done || error.message[0] != '\0');
        assert_true(!done || k > 1);
    }
    faultalloc_deinit(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_puts_commas_between_values),
        cmocka_unit_test(json_string_escapes_what_it_must),
        cmocka_unit_test(json_number_is_short_and_null_if_not_finite),
        cmocka_unit_test(json_number_reads_back_bit_for_bit),
        WITH_SCRATCH(json_number_has_a_point_in_any_locale),
        cmocka_unit_test(json_failure_waits_for_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
