/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_codec_i64.c - bytes in, status out: the first two bytes choose the count, the rest is a
 * vector of i64. What can be told without decoding is what decoding gives. */
#include <stdlib.h>

#include "base/bytes.h"
#include "codec/aggregate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_of_values(const struct nts_i64_aggregates *aggregates, const int64_t *values,
                         size_t count)
{
    struct nts_i64_aggregates found = {0, values[0], values[0]};

    for (size_t i = 0; i < count; i++) {
        found.sum = (int64_t)((uint64_t)found.sum + (uint64_t)values[i]);
        found.min = values[i] < found.min ? values[i] : found.min;
        found.max = values[i] > found.max ? values[i] : found.max;
    }
    return found.sum == aggregates->sum && found.min == aggregates->min &&
           found.max == aggregates->max;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nts_codec_scratch scratch;
    struct nts_i64_aggregates aggregates;
    static int64_t values[NTS_VECTOR_ROWS];

    if (size < 2)
        return 0;
    const size_t count = 1 + nts_load_u16(data) % NTS_VECTOR_ROWS;
    const nanots_status status = nts_i64_decode(&scratch, values, count, data + 2, size - 2);
    if (status != NANOTS_OK && status != NANOTS_CORRUPT)
        abort();
    if (nts_i64_aggregate(&scratch, data + 2, size - 2, count, &aggregates) &&
        (status != NANOTS_OK || !is_of_values(&aggregates, values, count)))
        abort();
    return 0;
}
