/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_checksum.c - XXH3-64 (util/checksum.h).
 *
 * The wanted values come from tests/support/xxh3.py, which is written from the description of the
 * algorithm and shares no line with xxhash.h. The sizes are both ends of each of its cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "util/checksum.h"

#define CHECKSUM_SEED 0x9E3779B185EBCA87u

static const struct {
    size_t size;
    uint64_t plain;
    uint64_t seeded;
} vectors[] = {
    {0, 0x2D06800538D394C2u, 0x07F70F819703314Du},
    {1, 0x13E608BC156DEFEDu, 0x14DB1E52520A6753u},
    {3, 0xA9088DDA485B481Cu, 0x9DD5039868F36558u},
    {4, 0x6D9253B16C8B1ED3u, 0x8E876C1F4B335E09u},
    {8, 0x60539DB630471163u, 0xC4FB19FC0DBBD083u},
    {9, 0xFEFF668361D723A8u, 0x1425FAF3AA71930Fu},
    {16, 0xB8C859B0F030B585u, 0x4D578DF296014EA1u},
    {17, 0x714A04408E79B80Fu, 0x5D99B78D0339AF98u},
    {128, 0x67425A03650261BFu, 0xE43914AA381AE74Fu},
    {129, 0xC664BF3311C6ABC4u, 0xE15B1485CB21DC56u},
    {240, 0x64556DC6B462A6CFu, 0xB54D7F2193603F7Du},
    {241, 0x8BEADD3A8874FE17u, 0xBC1FA92DF539D98Eu},
    {1024, 0x9B81661C641C72B1u, 0xEDA9FEF668A12040u},
    {1025, 0x806C2072ED713576u, 0xC66018CBEB84461Au},
    {5000, 0x799AADDD7339581Du, 0x5D72C17D4039734Bu},
};

/* At two alignments: the second one is odd. */
static void checksum_of_known_bytes_is_that_of_the_second_reader(void **state)
{
    uint8_t bytes[5001];
    (void)state;
    for (size_t start = 0; start < 2; start++) {
        for (size_t i = 0; i < 5000; i++)
            bytes[start + i] = (uint8_t)(i * 7 + 3);
        for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
            assert_true(nts_checksum(bytes + start, vectors[i].size) == vectors[i].plain);
            assert_true(nts_checksum_seeded(bytes + start, vectors[i].size, CHECKSUM_SEED) ==
                        vectors[i].seeded);
        }
    }
}

static void checksum_seeded_with_zero_is_the_plain_one(void **state)
{
    uint8_t bytes[300];
    (void)state;
    memset(bytes, 0x5A, sizeof bytes);
    for (size_t size = 0; size <= sizeof bytes; size++)
        assert_true(nts_checksum(bytes, size) == nts_checksum_seeded(bytes, size, 0));
}

static void checksum_changes_with_every_bit(void **state)
{
    uint8_t bytes[600] = {0};
    const uint64_t before = nts_checksum(bytes, sizeof bytes);
    (void)state;
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(nts_checksum(bytes, sizeof bytes) != before);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(nts_checksum(bytes, sizeof bytes) == before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_of_known_bytes_is_that_of_the_second_reader),
        cmocka_unit_test(checksum_seeded_with_zero_is_the_plain_one),
        cmocka_unit_test(checksum_changes_with_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
