/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/codec.c - the names of the codecs. Vectors of integers are in i64.c, doubles in f64.c. */
#include "codec/codec.h"

const char *nts_codec_name(unsigned codec)
{
    static const char *const names[NTS_CODEC_ID_END] = {
        [NTS_CODEC_RAW] = "raw",           [NTS_CODEC_CONSTANT] = "constant",
        [NTS_CODEC_XOR] = "xor",           [NTS_CODEC_RLE] = "rle",
        [NTS_CODEC_INTEGER] = "integer",   [NTS_CODEC_FOR] = "for",
        [NTS_CODEC_DELTA] = "delta",       [NTS_CODEC_DELTA2] = "delta2",
        [NTS_CODEC_DECIMAL] = "decimal",   [NTS_CODEC_SCALED] = "scaled",
        [NTS_CODEC_LINE] = "line",         [NTS_CODEC_DICTIONARY] = "dictionary",
        [NTS_CODEC_PREDICT] = "predict",   [NTS_CODEC_SEASONAL] = "seasonal",
        [NTS_CODEC_ORDERED] = "ordered",   [NTS_CODEC_RANKS] = "ranks",
        [NTS_CODEC_MULTIPLE] = "multiple", [NTS_CODEC_BINNED] = "binned",
    };
    return codec < NTS_CODEC_ID_END ? names[codec] : NULL;
}
