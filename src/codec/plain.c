/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/plain.c - RAW and CONSTANT. */
#include "codec/plain.h"

#include "base/bytes.h"

uint8_t *nts_raw_write(uint8_t *dst, const uint64_t *src, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nts_store_u64(dst + 8 * i, src[i]);
    return dst + 8 * count;
}

nanots_status nts_raw_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
{
    if (src_size != 8 * count)
        return NANOTS_CORRUPT;
    for (size_t i = 0; i < count; i++)
        dst[i] = nts_load_u64(src + 8 * i);
    return NANOTS_OK;
}

/* The value without its zero bytes; *size_out is how many are left. */
static uint64_t constant_bytes(enum nts_value_kind kind, uint64_t value, size_t *size_out)
{
    if (kind == NTS_VALUE_I64) {
        value = nts_zigzag((int64_t)value);
        *size_out = (nts_bit_length(value) + 7) / 8;
        return value;
    }
    const size_t zero_bytes = value != 0 ? (size_t)__builtin_ctzll(value) / 8 : 8;
    *size_out = 8 - zero_bytes;
    return zero_bytes < 8 ? value >> 8 * zero_bytes : 0;
}

size_t nts_constant_size(enum nts_value_kind kind, uint64_t value)
{
    size_t size;

    (void)constant_bytes(kind, value, &size);
    return size;
}

uint8_t *nts_constant_write(uint8_t *dst, enum nts_value_kind kind, uint64_t value)
{
    size_t size;
    const uint64_t bytes = constant_bytes(kind, value, &size);

    for (size_t i = 0; i < size; i++)
        *dst++ = (uint8_t)(bytes >> (8 * i));
    return dst;
}

nanots_status nts_constant_read(uint64_t *dst, size_t count, enum nts_value_kind kind,
                                const uint8_t *src, size_t src_size)
{
    uint64_t value = 0;

    if (src_size > 8)
        return NANOTS_CORRUPT;
    for (size_t i = 0; i < src_size; i++)
        value |= (uint64_t)src[i] << (8 * i);
    if (kind == NTS_VALUE_I64)
        value = (uint64_t)nts_unzigzag(value);
    else if (src_size > 0)
        value <<= 8 * (8 - src_size);
    for (size_t i = 0; i < count; i++)
        dst[i] = value;
    return NANOTS_OK;
}
