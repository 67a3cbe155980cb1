/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/vectors.c - a series as the kernel's own vectors: what flush and pack write.
 *
 *   +----------+--------+----------+--------+-- -
 *   | u16 size | vector | u16 size | vector |        1024 values each, the last one fewer
 *   +----------+--------+----------+--------+-- -
 *
 * The one file of the benchmark that sees inside the kernel (tools/tidy.py holds it to that): the
 * public interface has no codecs. Sizes stand beside their vectors here; in a segment they are a
 * compressed array in its index. Zone maps and checksums are not counted, as no peer has any.
 */
#include "codecs/codec_table.h"

#include "codec/codec.h"
#include "measure.h"

#include <string.h>

#define SIZE_BYTES sizeof(uint16_t)

static struct nts_codec_scratch vectors_scratch;

static size_t vectors_rows(size_t count, size_t first)
{
    return count - first < NTS_VECTOR_ROWS ? count - first : NTS_VECTOR_ROWS;
}

size_t vectors_encode(uint8_t *dst, size_t dst_size, const struct series *series)
{
    uint8_t *at = dst;

    for (size_t first = 0; first < series->count; first += NTS_VECTOR_ROWS) {
        const void *src = series->values + first;
        size_t count = vectors_rows(series->count, first);
        uint16_t size;

        if ((size_t)(at - dst) + SIZE_BYTES + nts_vector_bound(count) > dst_size)
            die("NanoTS: no room");
        if (series->kind == SERIES_F64)
            size = (uint16_t)nts_f64_encode(&vectors_scratch, at + SIZE_BYTES, src, count);
        else
            size = (uint16_t)nts_i64_encode(&vectors_scratch, at + SIZE_BYTES, src, count);
        memcpy(at, &size, SIZE_BYTES);
        at += SIZE_BYTES + size;
    }
    return (size_t)(at - dst);
}

void vectors_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                    size_t src_size)
{
    const uint8_t *end = src + src_size;

    for (size_t first = 0; first < count; first += NTS_VECTOR_ROWS) {
        void *out = dst + first;
        size_t rows = vectors_rows(count, first);
        nanots_status status;
        uint16_t size;

        memcpy(&size, src, SIZE_BYTES);
        src += SIZE_BYTES;
        if (kind == SERIES_F64)
            status = nts_f64_decode(&vectors_scratch, out, rows, src, size);
        else
            status = nts_i64_decode(&vectors_scratch, out, rows, src, size);
        if (status != NANOTS_OK)
            die("NanoTS: the vector from value %zu on is refused", first);
        src += size;
    }
    if (src != end)
        die("NanoTS: bytes are left over");
}
