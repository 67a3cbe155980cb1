/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/chunks.c - a series as a segment of the kernel keeps a column, in either tier.
 *
 *   parts of 2^20 values at most:
 *   +-----------------+----------+-------------+------------------+- - - - - - - -+- - - - - - -+
 *   | u32 size of all | u8 flags | chunk | ... | sizes of vectors | sizes of heads| ends of ...  |
 *   | chunks          |          | of 16 vectors each            | if any chunk  | if derived   |
 *   +-----------------+----------+-------------+------------------+- - - - - - - -+- - - - - - -+
 *                                               arrays as in a segment's index: u16 size, vector
 *
 * Counted is what reading takes: chunks with their heads and, as the index has them, all sizes. A
 * vector of timestamps with one step, or of equal values, has no bytes of its own in a segment: its
 * zone map is its value, so the ends of such vectors are counted too. The rest of the zone maps and
 * the checksums are not, as no peer has any.
 *
 * The one file of the benchmark that sees inside the kernel (tools/tidy.py holds it to that): the
 * public interface has no codecs.
 */
#include "codecs/codec_table.h"

#include "codec/chunk.h"
#include "measure.h"

#include <string.h>

#define PART_HEAD_BYTES (sizeof(uint32_t) + 1)
#define PART_GROUPS     (NTS_SEGMENT_VECTORS_MAX / NTS_GROUP_VECTORS)
#define PART_HAS_HEADS  1u
#define PART_HAS_ENDS   2u

/* What the index of one part says. */
struct part {
    enum series_kind kind;
    size_t vector_count;
    size_t group_count;
    int64_t vector_sizes[NTS_SEGMENT_VECTORS_MAX]; /* 0: derived */
    int64_t head_sizes[PART_GROUPS];
    uint64_t firsts[NTS_SEGMENT_VECTORS_MAX]; /* of derived vectors, one after the other */
    uint64_t lasts[NTS_SEGMENT_VECTORS_MAX];  /* the same; of int64 only */
    size_t derived_count;
    bool has_heads;
};

static struct nts_codec_scratch part_scratch;
static struct part part_now;

static size_t rows_left(size_t count, size_t first, size_t most)
{
    return count - first < most ? count - first : most;
}

static struct part *part_begin(enum series_kind kind, size_t count)
{
    struct part *part = &part_now;

    part->kind = kind;
    part->vector_count = (count + NTS_VECTOR_ROWS - 1) / NTS_VECTOR_ROWS;
    part->group_count = (count + NTS_GROUP_ROWS - 1) / NTS_GROUP_ROWS;
    part->derived_count = 0;
    part->has_heads = false;
    memset(part->vector_sizes, 0, part->vector_count * sizeof part->vector_sizes[0]);
    memset(part->head_sizes, 0, part->group_count * sizeof part->head_sizes[0]);
    return part;
}

/* ---- encoding ----------------------------------------------------------------------------- */

/* Where bytes go; dies when they do not fit. */
struct chunk_writer {
    uint8_t *dst;
    size_t size;
    size_t capacity;
};

static uint8_t *writer_room(struct chunk_writer *writer, size_t size)
{
    if (writer->capacity - writer->size < size)
        die("NanoTS: no room");
    return writer->dst + writer->size;
}

/* Whether the vector is first + i * step, as its ends tell the step; of float64, whether all bits
 * are the same. */
static bool vector_is_derived(enum series_kind kind, const uint64_t *values, size_t count)
{
    uint64_t step = 0;

    if (kind == SERIES_I64 && count > 1)
        step = (values[count - 1] - values[0]) / (count - 1);
    for (size_t i = 1; i < count; i++) {
        if (values[i] != values[0] + i * step)
            return false;
    }
    return true;
}

static struct nts_chunk_encoder *chunk_encoder(void)
{
    static struct nts_chunk_encoder *encoder;

    if (encoder == NULL)
        encoder = nts_chunk_encoder_new(nts_alloc_libc());
    if (encoder == NULL)
        die("no memory for an encoder");
    return encoder;
}

/* One row group: `count` values from vector `vector` of the part on. */
static void chunk_encode(struct part *part, enum nts_tier tier, size_t vector,
                         const uint64_t *values, size_t count, struct chunk_writer *writer)
{
    struct nts_chunk_vector vectors[NTS_GROUP_VECTORS];
    size_t indexes[NTS_GROUP_VECTORS];
    const struct nts_chunk_options options = {.tier = tier};
    size_t encoded_count = 0;
    size_t head_size = 0;
    size_t room = 0;

    for (size_t row = 0; row < count; row += NTS_VECTOR_ROWS, vector++) {
        size_t rows = rows_left(count, row, NTS_VECTOR_ROWS);

        if (vector_is_derived(part->kind, values + row, rows)) {
            part->firsts[part->derived_count] = values[row];
            part->lasts[part->derived_count++] = values[row + rows - 1];
            continue;
        }
        indexes[encoded_count] = vector;
        room += nts_vector_bound(rows);
        vectors[encoded_count++] = (struct nts_chunk_vector){values + row, rows};
    }
    if (encoded_count == 0)
        return;
    if (nts_chunk_begin(chunk_encoder(), &options,
                        part->kind == SERIES_F64 ? NTS_CHUNK_F64 : NTS_CHUNK_I64, vectors,
                        encoded_count, writer_room(writer, room), &head_size) != NANOTS_OK)
        die("no memory for a chunk");
    part->head_sizes[(vector - 1) / NTS_GROUP_VECTORS] = (int64_t)head_size;
    part->has_heads |= head_size != 0;
    writer->size += head_size;
    for (size_t i = 0; i < encoded_count; i++) {
        size_t size = nts_chunk_next(chunk_encoder(),
                                     writer_room(writer, nts_vector_bound(vectors[i].count)));

        part->vector_sizes[indexes[i]] = (int64_t)size;
        writer->size += size;
    }
}

/* As format/segment_layout.c writes an array of an index. */
static void array_put(struct chunk_writer *writer, bool as_doubles, const void *values,
                      size_t count)
{
    uint8_t *at = writer_room(writer, sizeof(uint16_t) + nts_vector_bound(count));
    uint8_t *bytes = at + sizeof(uint16_t);
    uint16_t size = (uint16_t)(as_doubles ? nts_f64_encode(&part_scratch, bytes, values, count)
                                          : nts_i64_encode(&part_scratch, bytes, values, count));

    memcpy(at, &size, sizeof size);
    writer->size += sizeof size + size;
}

static void part_encode(enum nts_tier tier, enum series_kind kind, const uint64_t *values,
                        size_t count, struct chunk_writer *writer)
{
    struct part *part = part_begin(kind, count);
    uint8_t *head = writer_room(writer, PART_HEAD_BYTES);
    uint32_t size;

    writer->size += PART_HEAD_BYTES;
    for (size_t row = 0; row < count; row += NTS_GROUP_ROWS)
        chunk_encode(part, tier, row / NTS_VECTOR_ROWS, values + row,
                     rows_left(count, row, NTS_GROUP_ROWS), writer);
    size = (uint32_t)(writer->dst + writer->size - (head + PART_HEAD_BYTES));
    memcpy(head, &size, sizeof size);
    head[sizeof size] = (uint8_t)((part->has_heads ? PART_HAS_HEADS : 0) |
                                  (part->derived_count != 0 ? PART_HAS_ENDS : 0));
    array_put(writer, false, part->vector_sizes, part->vector_count);
    if (part->has_heads)
        array_put(writer, false, part->head_sizes, part->group_count);
    if (part->derived_count == 0)
        return;
    array_put(writer, kind == SERIES_F64, part->firsts, part->derived_count);
    if (kind == SERIES_I64)
        array_put(writer, false, part->lasts, part->derived_count);
}

static size_t chunks_encode(enum nts_tier tier, uint8_t *dst, size_t dst_size,
                            const struct series *series)
{
    struct chunk_writer writer = {dst, 0, dst_size};

    for (size_t row = 0; row < series->count; row += NTS_SEGMENT_ROWS_MAX)
        part_encode(tier, series->kind, series->values + row,
                    rows_left(series->count, row, NTS_SEGMENT_ROWS_MAX), &writer);
    return writer.size;
}

size_t chunks_encode_hot(uint8_t *dst, size_t dst_size, const struct series *series)
{
    return chunks_encode(NTS_TIER_HOT, dst, dst_size, series);
}

size_t chunks_encode_packed(uint8_t *dst, size_t dst_size, const struct series *series)
{
    return chunks_encode(NTS_TIER_PACKED, dst, dst_size, series);
}

/* ---- decoding ----------------------------------------------------------------------------- */

static struct nts_chunk_model chunk_model;

/* Room for whole blocks, which decoders write. */
union array {
    double doubles[NTS_VECTOR_ROWS];
    int64_t ints[NTS_VECTOR_ROWS];
};

/* Returns the end of the array. */
static const uint8_t *array_get(const uint8_t *at, bool as_doubles, void *values, size_t count)
{
    static union array room;
    nanots_status status;
    uint16_t size;

    memcpy(&size, at, sizeof size);
    at += sizeof size;
    status = as_doubles ? nts_f64_decode(&part_scratch, room.doubles, count, at, size)
                        : nts_i64_decode(&part_scratch, room.ints, count, at, size);
    if (status != NANOTS_OK)
        die("NanoTS: an array of an index is refused");
    memcpy(values, &room, count * sizeof room.ints[0]);
    return at + size;
}

/* Reads the index; returns its end. */
static const uint8_t *part_read_index(struct part *part, unsigned flags, const uint8_t *at)
{
    at = array_get(at, false, part->vector_sizes, part->vector_count);
    for (size_t i = 0; i < part->vector_count; i++)
        part->derived_count += part->vector_sizes[i] == 0;
    if ((flags & PART_HAS_HEADS) != 0)
        at = array_get(at, false, part->head_sizes, part->group_count);
    if ((flags & PART_HAS_ENDS) == 0)
        return at;
    at = array_get(at, part->kind == SERIES_F64, part->firsts, part->derived_count);
    return part->kind == SERIES_I64 ? array_get(at, false, part->lasts, part->derived_count) : at;
}

static void vector_derive(const struct part *part, size_t derived, uint64_t *dst, size_t count)
{
    uint64_t value = part->firsts[derived];
    uint64_t step = 0;

    if (part->kind == SERIES_I64 && count > 1)
        step = (part->lasts[derived] - value) / (count - 1);
    for (size_t i = 0; i < count; i++)
        dst[i] = value + i * step;
}

static void vector_decode(const struct part *part, const struct nts_chunk_model *model,
                          uint64_t *dst, size_t count, const uint8_t *src, size_t size)
{
    nanots_status status =
        part->kind == SERIES_F64
            ? nts_chunk_read_f64(&part_scratch, model, (double *)(void *)dst, count, src, size)
            : nts_chunk_read_i64(&part_scratch, model, (int64_t *)(void *)dst, count, src, size);

    if (status != NANOTS_OK)
        die("NanoTS: a vector is refused");
}

/* Returns the end of the part. */
static const uint8_t *part_decode(enum series_kind kind, uint64_t *dst, size_t count,
                                  const uint8_t *src)
{
    struct part *part = part_begin(kind, count);
    const uint8_t *at = src + PART_HEAD_BYTES;
    const struct nts_chunk_model *model = NULL;
    const uint8_t *end;
    size_t derived = 0;
    uint32_t size;

    memcpy(&size, src, sizeof size);
    end = part_read_index(part, src[sizeof size], at + size);
    for (size_t v = 0; v < part->vector_count; v++) {
        size_t head_size = (size_t)part->head_sizes[v / NTS_GROUP_VECTORS];
        size_t row = v * NTS_VECTOR_ROWS;
        size_t rows = rows_left(count, row, NTS_VECTOR_ROWS);

        if (v % NTS_GROUP_VECTORS == 0) {
            model = head_size == 0 ? NULL : &chunk_model;
            if (model != NULL && nts_chunk_model_read(&chunk_model, nts_alloc_libc(), &part_scratch,
                                                      at, head_size) != NANOTS_OK)
                die("NanoTS: the head of a chunk is refused");
            at += head_size;
        }
        if (part->vector_sizes[v] == 0)
            vector_derive(part, derived++, dst + row, rows);
        else
            vector_decode(part, model, dst + row, rows, at, (size_t)part->vector_sizes[v]);
        at += part->vector_sizes[v];
    }
    return end;
}

void chunks_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                   size_t src_size)
{
    const uint8_t *end = src + src_size;

    for (size_t row = 0; row < count; row += NTS_SEGMENT_ROWS_MAX)
        src = part_decode(kind, dst + row, rows_left(count, row, NTS_SEGMENT_ROWS_MAX), src);
    if (src != end)
        die("NanoTS: bytes are left over");
}
