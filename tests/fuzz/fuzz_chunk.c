/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_chunk.c - bytes in, status out: a chunk of one vector, behind what a segment knows of
 * it.
 *
 *   +-------+-------+-----------+------+-----------------+
 *   | kind  | count | head size | head | vector, to the  |
 *   | u8    | u16   | u16       |      | end             |
 *   +-------+-------+-----------+------+-----------------+
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "codec/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static nanots_status chunk_read(const struct nts_chunk_model *model,
                                struct nts_codec_scratch *scratch, unsigned kind, size_t count,
                                const uint8_t *vector, size_t size)
{
    static double doubles[NTS_VECTOR_ROWS];
    static float floats[NTS_VECTOR_ROWS];
    static int64_t integers[NTS_VECTOR_ROWS];

    switch (kind % 3) {
    case NTS_CHUNK_F64:
        return nts_chunk_read_f64(scratch, model, doubles, count, vector, size);
    case NTS_CHUNK_F32:
        return nts_chunk_read_f32(scratch, model, floats, count, vector, size);
    default:
        return nts_chunk_read_i64(scratch, model, integers, count, vector, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nts_codec_scratch scratch;
    struct nts_chunk_model model = {0};

    if (size < 5)
        return 0;
    const size_t count = 1 + nts_load_u16(data + 1) % NTS_VECTOR_ROWS;
    const size_t head_size = nts_load_u16(data + 3) % (size - 4);
    const uint8_t *const head = data + 5;
    nanots_status status =
        nts_chunk_model_read(&model, nts_alloc_libc(), &scratch, head, head_size);
    if (status == NANOTS_OK)
        status = chunk_read(head_size == 0 ? NULL : &model, &scratch, data[0], count,
                            head + head_size, size - 5 - head_size);
    nts_chunk_model_deinit(&model);
    if (status != NANOTS_OK && status != NANOTS_CORRUPT)
        abort();
    return 0;
}
