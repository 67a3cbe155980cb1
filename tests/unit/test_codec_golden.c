/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_codec_golden.c - the worked examples of SPEC.md section 7, byte for byte: encoding
 * gives these bytes and decoding them gives the values. What is here has been written to files and
 * must decode for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/chunk.h"
#include "codec/simple.h"

#define COUNT NTS_VECTOR_ROWS

static struct nts_codec_scratch scratch;
static uint8_t bytes[8 * COUNT + 1];
static uint8_t wanted[8 * COUNT + 1];

/* Bytes of a text such as "05 03 14"; returns their number. */
static size_t hex_bytes(uint8_t *dst, const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    size_t size = 0;

    for (; *hex != '\0'; hex += *hex == ' ') {
        dst[size++] =
            (uint8_t)((strchr(digits, hex[0]) - digits) << 4 | (strchr(digits, hex[1]) - digits));
        hex += 2;
    }
    return size;
}

static void check_i64(const int64_t *values, size_t count, const char *hex)
{
    static int64_t decoded[COUNT];
    const size_t size = hex_bytes(wanted, hex);

    assert_int_equal(nts_i64_encode(&scratch, bytes, values, count), size);
    assert_memory_equal(bytes, wanted, size);
    assert_int_equal(nts_i64_decode(&scratch, decoded, count, wanted, size), NANOTS_OK);
    assert_memory_equal(decoded, values, 8 * count);
}

/* For bytes that a writer may give but that ours has a better codec for. */
static void check_i64_decodes(const int64_t *values, size_t count, const char *hex)
{
    static int64_t decoded[COUNT];
    const size_t size = hex_bytes(wanted, hex);

    assert_int_equal(nts_i64_decode(&scratch, decoded, count, wanted, size), NANOTS_OK);
    assert_memory_equal(decoded, values, 8 * count);
}

/* The same. */
static void check_f64_decodes(const double *values, size_t count, const char *hex)
{
    static double decoded[COUNT];
    const size_t size = hex_bytes(wanted, hex);

    assert_int_equal(nts_f64_decode(&scratch, decoded, count, wanted, size), NANOTS_OK);
    assert_memory_equal(decoded, values, 8 * count);
}

static void check_f64(const double *values, size_t count, const char *hex)
{
    const size_t size = hex_bytes(wanted, hex);

    assert_int_equal(nts_f64_encode(&scratch, bytes, values, count), size);
    assert_memory_equal(bytes, wanted, size);
    check_f64_decodes(values, count, hex);
}

static void golden_raw(void **state)
{
    static const double values[] = {0x1.921fb54442d18p1, 0x1.5bf0a8b145769p1}; /* pi, e */
    static const double tenths[] = {0.1, 0.3};
    (void)state;
    check_f64(values, 2, "00 18 2d 44 54 fb 21 09 40 69 57 14 8b 0a bf 05 40");
    check_f64_decodes(tenths, 2, "00 9a 99 99 99 99 99 b9 3f 33 33 33 33 33 33 d3 3f");
}

static void golden_constant(void **state)
{
    static const int64_t integers[] = {300, 300};
    static const int64_t zero[] = {0};
    static const int64_t least[] = {INT64_MIN};
    static const double doubles[] = {1.5, 1.5, 1.5};
    static const double negative_zero[] = {-0.0};
    static const double subnormal[] = {0x1p-1074};
    (void)state;
    check_i64(integers, 2, "01 58 02");
    check_i64(zero, 1, "01");
    check_i64(least, 1, "01 ff ff ff ff ff ff ff ff");
    check_f64(doubles, 3, "01 f8 3f");
    check_f64(negative_zero, 1, "01 80");
    check_f64(subnormal, 1, "01 01 00 00 00 00 00 00 00");
}

static void golden_xor(void **state)
{
    static const double values[] = {25.5, 25.5, 25.25, 30.0};
    (void)state;
    check_f64_decodes(values, 4, "02 07 cf 1c a0 a1 e0 1b a2 03");
}

static void golden_ordered(void **state)
{
    static const double values[] = {25.5, 25.5, 25.25, 30.0};
    static const double zeros[] = {-0.0, 0.0};
    (void)state;
    check_f64(values, 4, "0e 2e 05 05 ca 83 08 21 80 09");
    check_f64_decodes(zeros, 2, "0e 3f 05 01 01 02");
}

static void golden_integer(void **state)
{
    static const double values[] = {1.0, 2.0, 3.0, 5.0};
    (void)state;
    check_f64(values, 4, "03 05 03 02 88 08");
}

static void golden_decimal(void **state)
{
    static const double values[] = {21.7, 21.9, 22.0, 21.8, 22.1};
    const double with_gap[] = {21.7, 21.9, nts_double_of_bits(0x7FF8000000000000u), 21.8, 22.1};
    static const double negative_zero[] = {3.0, 1.0, 4.0, -0.0, 5.0, 9.0, 2.0, 6.0};
    static const double moved[] = {1.866, 1.867, 1.8639999999999999, 1.865, 1.8659999999999999,
                                   1.862, 1.866, 1.8679999999999999, 1.865, 1.8639999999999999};
    (void)state;
    check_f64_decodes(moved, 10, "08 e3 04 05 05 03 04 50 0f 02 01 01 05 03 8c 1d ac 46 d0 13");
    check_f64(values, 5, "08 01 05 03 b2 03 d0 42");
    check_f64(with_gap, 5, "08 81 01 02 00 00 00 00 00 00 f8 7f 05 03 b2 03 90 42");
    check_f64_decodes(negative_zero, 8, "08 80 01 03 00 00 00 00 00 00 00 80 05 04 02 02 33 84 51");
}

static void golden_rle(void **state)
{
    static const int64_t of_runs[] = {50, 3, 99, 27, 81, 64};
    int64_t values[48];
    (void)state;
    for (size_t i = 0; i < 48; i++)
        values[i] = of_runs[i / 8];
    check_i64(values, 48, "04 06 00 10 05 07 06 2f 00 18 e3 ec 01");
}

static void golden_for(void **state)
{
    static const int64_t values[] = {10, 13, 11, 10, 17};
    static const int64_t patched[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 1000000, -7};
    static const int64_t above[] = {3, 1, 0, 1, 2, 1000, 2, 1, 0, 3, 2, 1};
    (void)state;
    check_i64(values, 5, "05 03 14 58 70");
    check_i64(patched, 13, "05 85 0d 02 01 0b 12 7a 0a 2d c4 60 6a 4c b1 03 00");
    check_i64(above, 12, "05 82 00 01 01 05 fa 47 62 6c");
}

/* The lanes: 1000 + (7 i mod 16) repeats in each of the 64 rows, so each word is one digit. */
static void golden_for_in_lanes(void **state)
{
    static const uint8_t digits[16] = {0x00, 0x77, 0xEE, 0x55, 0xCC, 0x33, 0xAA, 0x11,
                                       0x88, 0xFF, 0x66, 0xDD, 0x44, 0xBB, 0x22, 0x99};
    static int64_t values[COUNT];
    static int64_t decoded[COUNT];
    const size_t head_size = hex_bytes(wanted, "05 04 d0 0f");
    const size_t size = head_size + 512;
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = 1000 + (int64_t)(7 * i % 16);
    for (size_t i = 0; i < 512; i++)
        wanted[head_size + i] = digits[i / 8 % 16];
    const uint64_t *const src = (const uint64_t *)values;
    const struct nts_simple_plan plan = nts_simple_choose(&scratch, src, COUNT);
    assert_ptr_equal(nts_simple_write(bytes, &plan, &scratch, src, COUNT), bytes + size);
    assert_memory_equal(bytes, wanted, size);
    assert_int_equal(nts_i64_decode(&scratch, decoded, COUNT, wanted, size), NANOTS_OK);
    assert_memory_equal(decoded, values, sizeof values);
}

static void golden_delta(void **state)
{
    static int64_t values[COUNT];
    (void)state;
    for (int64_t i = 0; i < 9; i++)
        values[i] = 1700000000000 + 1000 * i + (i >= 4 ? 3000 : 0);
    check_i64(values, 9, "06 80 a0 ab fe f9 62 80 d0 0f 02 01 03 b8 0b");
    for (int64_t i = 0; i < (int64_t)COUNT; i++)
        values[i] = 1000 * i + (i >= 700 ? 5000 : 0);
    check_i64(values, COUNT, "06 00 80 d0 0f 02 01 00 bc 02 88 13");
    values[0] = INT64_MIN;
    values[1] = INT64_MAX;
    check_i64(values, 2, "06 ff ff ff ff ff ff ff ff ff 01 00 01");
}

static void golden_delta2(void **state)
{
    static int64_t values[COUNT];
    (void)state;
    for (int64_t i = 0; i < (int64_t)COUNT; i++)
        values[i] = i * i;
    check_i64(values, 9, "07 00 02 00 04");
    check_i64(values, COUNT, "07 00 02 00 04");
}

static void golden_scaled(void **state)
{
    static const int64_t values[] = {10, 60, 35, 85, 85, 85, 60, 35};
    (void)state;
    check_i64(values, 8, "09 14 19 05 02 00 d8 6f");
}

static void golden_line(void **state)
{
    static const int64_t values[] = {100, 104, 107, 111, 114};
    (void)state;
    check_i64_decodes(values, 5, "0a 0e 01 01 c8 01 0a");
}

static void golden_dictionary(void **state)
{
    static const int64_t values[] = {1, 2, 8, 1};
    (void)state;
    check_i64_decodes(values, 4, "0b 02 24 05 03 02 c8 01");
}

static void golden_predict(void **state)
{
    static const int64_t cubes[] = {0, 1, 8, 27, 64, 125, 216, 343, 512};
    static const int64_t taps[] = {100, 108, 108, 107, 104, 102};
    (void)state;
    check_i64(cubes, 9, "0c 03 00 02 0c 00 0c");
    check_i64_decodes(taps, 6, "0c 09 3c 01 c8 01 10 02 00 9c");
}

static void golden_seasonal(void **state)
{
    static const int64_t values[] = {5, 9, 2, 5, 9, 2, 5, 9};
    static int64_t saw[COUNT];
    (void)state;
    check_i64_decodes(values, 8, "0d 03 05 05 03 04 3b 00 01");
    for (int64_t i = 0; i < COUNT; i++)
        saw[i] = i % 100;
    check_i64(saw, COUNT, "0d 64 04 06 00 00 02 01");
}

static void golden_multiple(void **state)
{
    static const double values[] = {2.5, 3.3, 4.3, 3.8};
    (void)state;
    check_f64_decodes(values, 4, "10 02 0a 01 01 05 03 14 d8 0b");
}

/* The head of a chunk, and a vector of it. */
static void golden_ranks(void **state)
{
    static const double values[] = {22.0, 21.7, 21.7, 21.9};
    static double decoded[COUNT];
    struct nts_chunk_model model = {0};
    const size_t head_size = hex_bytes(wanted, "01 09 03 07 08 01 05 02 b2 03 38");
    (void)state;
    assert_int_equal(nts_chunk_model_read(&model, nts_alloc_libc(), &scratch, wanted, head_size),
                     NANOTS_OK);
    const size_t size = hex_bytes(wanted, "0f 05 02 00 42");
    assert_int_equal(nts_chunk_read_f64(&scratch, &model, decoded, 4, wanted, size), NANOTS_OK);
    assert_memory_equal(decoded, values, sizeof values);
    nts_chunk_model_deinit(&model);
    assert_int_equal(nts_f64_decode(&scratch, decoded, 4, wanted, size), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_raw),        cmocka_unit_test(golden_constant),
        cmocka_unit_test(golden_xor),        cmocka_unit_test(golden_integer),
        cmocka_unit_test(golden_decimal),    cmocka_unit_test(golden_rle),
        cmocka_unit_test(golden_for),        cmocka_unit_test(golden_for_in_lanes),
        cmocka_unit_test(golden_delta),      cmocka_unit_test(golden_delta2),
        cmocka_unit_test(golden_scaled),     cmocka_unit_test(golden_line),
        cmocka_unit_test(golden_dictionary), cmocka_unit_test(golden_predict),
        cmocka_unit_test(golden_seasonal),   cmocka_unit_test(golden_ordered),
        cmocka_unit_test(golden_ranks),      cmocka_unit_test(golden_multiple),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
