/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/strings.h - vectors of UTF-8 strings.
 *
 *   +------+--------+------------------------+- - - - - - - - - - - - - - - - - - - - +--------+
 *   | form | total  | size | lengths         | size | codes                            | bytes  |
 *   | u8   | varint | varint, a vector of i64|  only of a dictionary: varint, a vector | to end |
 *   +------+--------+------------------------+- - - - - - - - - - - - - - - - - - - - +--------+
 *
 *   form   bit 0: dictionary; bit 1: the bytes are a frame of zstd, see codec/compress.h
 *   total  bytes of all strings, decoded: a reader knows before it makes room
 *
 *   plain         one length a row, and the strings one behind the other
 *   dictionary    the entries, which are the different strings in order of first appearance: their
 *                 number (a varint before size), lengths and bytes; and one code a row, the index
 *                 of its entry
 *
 * The smallest of the four is written; zstd, which takes time to read, if it saves an eighth.
 * No I/O. Memory for zstd and for bytes around it comes from the allocator of the work. Any thread,
 * one work a thread. Bytes given to decode are untrusted. Tests: unit/test_strings.c.
 */
#ifndef NTS_STRINGS_H
#define NTS_STRINGS_H

#include "codec/codec.h"
#include "codec/compress.h"
#include "util/alloc.h"

/* Where statistics count strings beside the codecs of numbers: this and the form. */
#define NTS_CODEC_STRINGS 28u

#define NTS_STRINGS_SLOT_COUNT (4 * NTS_VECTOR_ROWS)

/* A block that grows. */
struct nts_strings_room {
    uint8_t *bytes;
    size_t size;
};

/* Working memory of one thread's encode or decode. Only what init sets, and the blocks it owns,
 * mean anything between calls. */
struct nts_strings_work {
    struct nts_compressor compressor;
    struct nts_strings_room entry_bytes; /* of the dictionary, one behind the other */
    struct nts_strings_room compressed;
    struct nts_codec_scratch scratch;
    int64_t lengths[NTS_VECTOR_ROWS];       /* of the rows */
    int64_t entry_lengths[NTS_VECTOR_ROWS]; /* of the entries */
    int64_t entry_offsets[NTS_VECTOR_ROWS]; /* where an entry begins */
    int64_t codes[NTS_VECTOR_ROWS];
    uint64_t entry_hashes[NTS_VECTOR_ROWS];
    uint16_t slots[NTS_STRINGS_SLOT_COUNT];            /* hash -> entry + 1; 0: free */
    uint8_t lengths_bytes[2][8 * NTS_VECTOR_ROWS + 1]; /* as vectors: of the rows, of the entries */
    uint8_t codes_bytes[8 * NTS_VECTOR_ROWS + 1];
};

/* `alloc` must outlive the work. Release with deinit. */
void nts_strings_work_init(struct nts_strings_work *work, const struct nanots_allocator *alloc);
void nts_strings_work_deinit(struct nts_strings_work *work);

/* Largest encoded size of `count` strings of byte_count bytes together. */
size_t nts_strings_bound(size_t count, size_t byte_count);

enum nts_strings_choice {
    NTS_STRINGS_SMALLEST,
    NTS_STRINGS_RAW /* plain and not compressed, whatever that takes */
};

/* Encodes 1 <= count <= NTS_VECTOR_ROWS strings to dst, which has room for nts_strings_bound().
 * String i is bytes[offsets[i]..offsets[i + 1]), well-formed UTF-8; offsets do not fall; bytes may
 * be NULL if there are none. Returns OK or NO_MEMORY. */
NTS_CHECKED nanots_status nts_strings_encode(struct nts_strings_work *work, uint8_t *dst,
                                             size_t *size_out, const uint8_t *bytes,
                                             const int32_t *offsets, size_t count,
                                             enum nts_strings_choice choice);

/* Bytes of all strings together, which decode is to be given room for. It is at most INT32_MAX and
 * what src_size bytes can hold; no more is checked. Returns OK or CORRUPT. */
NTS_CHECKED nanots_status nts_strings_peek(const uint8_t *src, size_t src_size, size_t count,
                                           uint64_t *byte_count_out);

/* Decodes exactly `count` strings: byte_count bytes, as nts_strings_peek told, and count + 1
 * offsets from `base` on. bytes_dst may be NULL if there are none; base + byte_count <= INT32_MAX.
 * Allocates at most byte_count and what zstd needs. Returns OK, CORRUPT (UTF-8 that is not
 * well-formed, too), NO_MEMORY, or UNSUPPORTED if this build lacks the zstd that it takes. */
NTS_CHECKED nanots_status nts_strings_decode(struct nts_strings_work *work, uint8_t *bytes_dst,
                                             size_t byte_count, int32_t *offsets_dst, int32_t base,
                                             size_t count, const uint8_t *src, size_t src_size);

/* "plain", "dictionary", "plain+zstd", "dictionary+zstd"; NULL for other first bytes. */
const char *nts_strings_form_name(unsigned form);

#endif
