/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/codec_table.h - what the benchmark asks of a codec: a whole series in, its bytes,
 * the same series out. Our tiers and their peers are entries of one table (codec_table.c).
 *
 *   series --encode--> bytes, all that decode needs but the kind and the count --decode--> series
 *
 * A call that fails ends the process, and so does a series that does not come back bit by bit.
 */
#ifndef BENCH_CODECS_CODEC_TABLE_H
#define BENCH_CODECS_CODEC_TABLE_H

#include "codecs/series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODEC_COUNT 10

/* Values that a decoder may write beyond the end of the series, and bytes that one may read beyond
 * the end of its own: room for whole blocks. */
#define CODEC_SLACK_VALUES 1024
#define CODEC_SLACK_BYTES  64

/* NAN: not measured. Seconds and instructions are those of one call on the whole series. */
struct codec_run {
    double size_bytes;
    double encode_s;
    double decode_s;
    double encode_instructions;
    double decode_instructions;
};

struct codec {
    const char *key;     /* in JSON */
    const char *name;    /* in tables */
    const char *missing; /* why it is not built in; NULL: it is */
    int level;           /* of pcodec */

    const char *(*version)(void); /* NULL: part of this program */
    /* Why it cannot be used on this machine, or NULL. No function: it can. */
    const char *(*probe)(void);

    /* Returns the bytes written, at most dst_size. */
    size_t (*encode)(uint8_t *dst, size_t dst_size, const struct series *series);
    void (*decode)(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                   size_t src_size);
    /* Instead of the two: proves and times itself, each call at least `seconds` long. */
    void (*measure)(const struct codec *codec, const struct series *series, double seconds,
                    struct codec_run *run_out);
};

/* All of them, in the order of the tables, those that cannot run here too. */
extern const struct codec codec_list[CODEC_COUNT];

/* Why the codec has no figures here, or NULL. */
const char *codec_missing(const struct codec *codec);

/* Encodes and decodes for at least `seconds` each and proves that all bits came back. Of many
 * calls, the fastest counts. The series is not empty. */
void codec_measure(const struct codec *codec, const struct series *series, double seconds,
                   struct codec_run *run_out);

/* ---- the codecs; each is described at its definition -------------------------------------- */

size_t chunks_encode_hot(uint8_t *dst, size_t dst_size, const struct series *series);
size_t chunks_encode_packed(uint8_t *dst, size_t dst_size, const struct series *series);
void chunks_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                   size_t src_size);

size_t gorilla_encode(uint8_t *dst, size_t dst_size, const struct series *series);
void gorilla_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                    size_t src_size);

size_t zstd_encode(uint8_t *dst, size_t dst_size, const struct series *series);
void zstd_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                 size_t src_size);
size_t bytezstd_encode(uint8_t *dst, size_t dst_size, const struct series *series);
void bytezstd_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                     size_t src_size);
const char *zstd_version(void);

size_t lz4_encode(uint8_t *dst, size_t dst_size, const struct series *series);
void lz4_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                size_t src_size);
const char *lz4_version(void);

const char *pco_probe(void);
const char *pco_version(void);
void pco_measure(const struct codec *codec, const struct series *series, double seconds,
                 struct codec_run *run_out);

#endif
