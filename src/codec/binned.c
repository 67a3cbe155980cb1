/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/binned.c - models and vectors of codec BINNED as bytes; binned_fit.c makes models. */
#include "codec/binned.h"

#include "base/check.h"
#include "codec/bit_stream.h"
#include "codec/dispatch.h"
#include "codec/scaled.h"
#include "codec/varint.h"

/* ---- encode ------------------------------------------------------------------------------- */

uint8_t *nts_binned_write_model(uint8_t *dst, const struct nts_binned_encoder *encoder)
{
    dst = nts_scaled_write_head(dst, encoder->origin, encoder->divisor);
    dst = nts_predictor_write(dst, &encoder->predictor);
    dst = nts_svarint_put(dst, encoder->least);
    return nts_bins_write(dst, &encoder->bins);
}

static uint8_t *write_offsets(uint8_t *dst, const struct nts_bins *bins, const uint64_t *errors,
                              const uint8_t *symbols, size_t count)
{
    struct nts_bit_writer writer = {.at = dst};

    if (bins->width_max < NTS_BIT_FIELD_MAX)
        for (size_t i = 0; i < count; i++)
            nts_bits_put(&writer, errors[i] - bins->lowers[symbols[i]], bins->widths[symbols[i]]);
    else
        for (size_t i = 0; i < count; i++)
            nts_bits_put_wide(&writer, errors[i] - bins->lowers[symbols[i]],
                              bins->widths[symbols[i]]);
    return nts_bits_end(&writer);
}

uint8_t *nts_binned_write(uint8_t *dst, struct nts_binned_encoder *encoder,
                          const struct nts_binned_vector *vector)
{
    const struct nts_bins *const bins = &encoder->bins;
    const unsigned start_count = nts_predict_start_count(&encoder->predictor);
    uint64_t room[NTS_VECTOR_ROWS];

    if (vector->count <= start_count)
        return NULL;
    const size_t count = vector->count - start_count;
    const uint64_t *const errors = encoder->errors + encoder->next;
    const uint8_t *const symbols = encoder->symbols + encoder->next;
    encoder->next += count;
    const uint64_t base = encoder->bases[encoder->next_vector++];
    if (encoder->predictor.tap_count > 0)
        dst = nts_svarint_put(dst, base);
    if (start_count > 0)
        dst = nts_predict_write_starts(dst, &encoder->predictor,
                                       nts_binned_numbers(room, encoder, vector));
    if (bins->log != 0)
        dst = nts_ans_encode(dst, &encoder->ans, symbols, count);
    return write_offsets(dst, bins, errors, symbols, count);
}

/* ---- decode ------------------------------------------------------------------------------- */

nanots_status nts_binned_read_model(struct nts_binned_model *model, const uint8_t *src,
                                    size_t src_size)
{
    const uint8_t *const end = src + src_size;
    const uint8_t *at = nts_svarint_get(src, end, &model->origin);
    uint64_t least;

    if (at != NULL)
        at = nts_varint_get(at, end, &model->divisor);
    if (at != NULL)
        at = nts_predictor_read(&model->predictor, at, end);
    if (at != NULL)
        at = nts_svarint_get(at, end, &least);
    if (at == NULL || model->divisor == 0 || !nts_bins_read(&model->bins, at, (size_t)(end - at)))
        return NANOTS_CORRUPT;
    for (unsigned i = 0; i < model->bins.count; i++)
        model->bins.lowers[i] += least;
    if (model->bins.log != 0 &&
        !nts_ans_table(model->table, model->bins.frequencies, model->bins.count, model->bins.log))
        return NANOTS_CORRUPT;
    return NANOTS_OK;
}

/* Errors to dst, upon a base. */
static nanots_status read_errors(const struct nts_binned_model *model, uint64_t *dst, size_t count,
                                 uint64_t base, const uint8_t *at, const uint8_t *end)
{
    const struct nts_bins *const bins = &model->bins;
    const uint64_t *lowers = bins->lowers;
    uint64_t moved[NTS_BINS_MAX];
    uint8_t symbols[NTS_VECTOR_ROWS + NTS_ANS_LANES];

    if (bins->log != 0) {
        const size_t used =
            nts_ans_read(symbols, model->table, bins->log, count, at, (size_t)(end - at));
        if (used == SIZE_MAX)
            return NANOTS_CORRUPT;
        at += used;
    } else {
        memset(symbols, 0, count);
    }
    if (base != 0) {
        for (unsigned i = 0; i < bins->count; i++)
            moved[i] = bins->lowers[i] + base;
        lowers = moved;
    }
    const uint64_t bits = nts_kernels()->offsets_add(dst, symbols, count, lowers, bins->widths,
                                                     bins->width_max, at, (size_t)(end - at));
    return (bits + 7) / 8 == (uint64_t)(end - at) ? NANOTS_OK : NANOTS_CORRUPT;
}

nanots_status nts_binned_read(const struct nts_binned_model *model, uint64_t *dst, size_t count,
                              const uint8_t *src, size_t src_size)
{
    const uint8_t *const end = src + src_size;
    const unsigned start_count = nts_predict_start_count(&model->predictor);
    uint64_t starts[NTS_PREDICT_REACH];
    const uint8_t *at = src;
    uint64_t base = 0;

    if (model->predictor.tap_count > 0)
        at = nts_svarint_get(at, end, &base);
    if (at != NULL)
        at = nts_predict_read_starts(starts, &model->predictor, at, end);
    if (at == NULL || count <= start_count)
        return NANOTS_CORRUPT;
    NTS_TRY(read_errors(model, dst + start_count, count - start_count, base, at, end));
    if (start_count > 0)
        nts_predict_undo(dst, count, &model->predictor, starts);
    if (model->divisor != 1)
        nts_scaled_multiply(dst, count, model->origin, model->divisor);
    else if (model->origin != 0)
        for (size_t i = 0; i < count; i++)
            dst[i] += model->origin;
    return NANOTS_OK;
}
