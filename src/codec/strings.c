/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/strings.c - four ways to write strings, and one to read each.
 *
 * encode:  lengths --------------------> plain ------+--> smaller --+
 *          entries by a hash table ----> dictionary -+              +--> smallest
 *                                        each through zstd ---------+
 */
#include "codec/strings.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/varint.h"
#include "util/checksum.h"
#include "util/text.h"

enum strings_form { STRINGS_PLAIN = 0, STRINGS_DICTIONARY = 1, STRINGS_ZSTD = 2 };
#define STRINGS_FORM_END 4u

/* Fewer bytes than this are not worth the reader's time, however well they compress. */
#define STRINGS_ZSTD_SIZE_MIN 64u

/* What a block of zstd can become: 128 KiB of 4 bytes. */
#define STRINGS_ZSTD_RATIO_MAX 32768u

void nts_strings_work_init(struct nts_strings_work *work, const struct nanots_allocator *alloc)
{
    nts_compressor_init(&work->compressor, alloc);
    work->entry_bytes = (struct nts_strings_room){NULL, 0};
    work->compressed = (struct nts_strings_room){NULL, 0};
}

void nts_strings_work_deinit(struct nts_strings_work *work)
{
    nts_compressor_deinit(&work->compressor);
    nts_free(work->entry_bytes.bytes);
    nts_free(work->compressed.bytes);
    nts_strings_work_init(work, work->compressor.alloc);
}

const char *nts_strings_form_name(unsigned form)
{
    static const char *const names[STRINGS_FORM_END] = {
        [STRINGS_PLAIN] = "plain",
        [STRINGS_DICTIONARY] = "dictionary",
        [STRINGS_ZSTD | STRINGS_PLAIN] = "plain+zstd",
        [STRINGS_ZSTD | STRINGS_DICTIONARY] = "dictionary+zstd",
    };
    return form < STRINGS_FORM_END ? names[form] : NULL;
}

size_t nts_strings_bound(size_t count, size_t byte_count)
{
    return 1 + 5 + 2 + nts_vector_bound(count) + byte_count; /* plain, with its two varints */
}

/* Gives the room at least `size` bytes, and a place even for none; what it held is lost. */
static nanots_status room_reserve(struct nts_strings_work *work, struct nts_strings_room *room,
                                  size_t size)
{
    size += size == 0;
    if (size <= room->size)
        return NANOTS_OK;
    nts_free(room->bytes);
    room->size = 0;
    room->bytes = nts_alloc(work->compressor.alloc, size);
    if (room->bytes == NULL)
        return NANOTS_NO_MEMORY;
    room->size = size;
    return NANOTS_OK;
}

/* As memcpy, with places that may be NULL where there is nothing to copy. */
static void bytes_copy(uint8_t *dst, const uint8_t *src, size_t size)
{
    if (size > 0)
        memcpy(dst, src, size);
}

/* ---- encode ------------------------------------------------------------------------------- */

/* The strings that are given. */
struct strings_source {
    const uint8_t *bytes;
    const int32_t *offsets;
    size_t count;
    size_t total;
};

/* One way to write them; the bytes are one behind the other. */
struct strings_plan {
    enum strings_form form;
    size_t entry_count; /* of a dictionary */
    const uint8_t *lengths;
    size_t lengths_size;
    const uint8_t *codes;
    size_t codes_size;
    const uint8_t *bytes;
    size_t byte_count;
    size_t head_size; /* all before the bytes */
};

/* Index of the entry that equals bytes[0..size), a new one if there is none. */
static size_t entry_of(struct nts_strings_work *work, const uint8_t *all, size_t offset,
                       size_t size, size_t *entry_count)
{
    const uint64_t hash = nts_checksum(all + offset, size);
    size_t slot = (size_t)hash % NTS_STRINGS_SLOT_COUNT;

    for (; work->slots[slot] != 0; slot = (slot + 1) % NTS_STRINGS_SLOT_COUNT) {
        const size_t entry = work->slots[slot] - 1u;
        if (work->entry_hashes[entry] == hash && work->entry_lengths[entry] == (int64_t)size &&
            memcmp(all + work->entry_offsets[entry], all + offset, size) == 0)
            return entry;
    }
    const size_t entry = (*entry_count)++;
    work->slots[slot] = (uint16_t)(entry + 1);
    work->entry_hashes[entry] = hash;
    work->entry_lengths[entry] = (int64_t)size;
    work->entry_offsets[entry] = (int64_t)offset;
    return entry;
}

/* Finds the entries and the code of each row. Returns the number of entries. */
static size_t entries_find(struct nts_strings_work *work, const struct strings_source *source)
{
    size_t entry_count = 0;

    memset(work->slots, 0, sizeof work->slots);
    for (size_t i = 0; i < source->count; i++)
        work->codes[i] = (int64_t)entry_of(work, source->bytes,
                                           (size_t)(source->offsets[i] - source->offsets[0]),
                                           (size_t)work->lengths[i], &entry_count);
    return entry_count;
}

static size_t head_size_of(const struct strings_plan *plan, size_t total)
{
    size_t size =
        1 + nts_varint_size(total) + nts_varint_size(plan->lengths_size) + plan->lengths_size;

    if (plan->form & STRINGS_DICTIONARY)
        size += nts_varint_size(plan->entry_count) + nts_varint_size(plan->codes_size) +
                plan->codes_size;
    return size;
}

static struct strings_plan plain_plan(struct nts_strings_work *work,
                                      const struct strings_source *source)
{
    struct strings_plan plan = {.form = STRINGS_PLAIN,
                                .lengths = work->lengths_bytes[0],
                                .bytes = source->bytes,
                                .byte_count = source->total};

    plan.lengths_size =
        nts_i64_encode(&work->scratch, work->lengths_bytes[0], work->lengths, source->count);
    plan.head_size = head_size_of(&plan, source->total);
    return plan;
}

/* Collects the bytes of the entries, too. */
static nanots_status dictionary_plan(struct strings_plan *plan, struct nts_strings_work *work,
                                     const struct strings_source *source, size_t entry_count)
{
    size_t byte_count = 0;

    *plan = (struct strings_plan){.form = STRINGS_DICTIONARY,
                                  .entry_count = entry_count,
                                  .lengths = work->lengths_bytes[1],
                                  .codes = work->codes_bytes};
    for (size_t i = 0; i < entry_count; i++)
        byte_count += (size_t)work->entry_lengths[i];
    NTS_TRY(room_reserve(work, &work->entry_bytes, byte_count));
    plan->bytes = work->entry_bytes.bytes;
    plan->byte_count = byte_count;
    uint8_t *at = work->entry_bytes.bytes;
    for (size_t i = 0; i < entry_count; i++) {
        bytes_copy(at, source->bytes + work->entry_offsets[i], (size_t)work->entry_lengths[i]);
        at += work->entry_lengths[i];
    }
    plan->lengths_size =
        nts_i64_encode(&work->scratch, work->lengths_bytes[1], work->entry_lengths, entry_count);
    plan->codes_size =
        nts_i64_encode(&work->scratch, work->codes_bytes, work->codes, source->count);
    plan->head_size = head_size_of(plan, source->total);
    return NANOTS_OK;
}

/* Writes the plan with these bytes; returns the whole size. */
static size_t strings_write(uint8_t *dst, const struct strings_plan *plan, size_t total,
                            enum strings_form form, const uint8_t *bytes, size_t byte_count)
{
    uint8_t *at = dst;

    *at++ = (uint8_t)form;
    at = nts_varint_put(at, total);
    if (form & STRINGS_DICTIONARY)
        at = nts_varint_put(at, plan->entry_count);
    at = nts_varint_put(at, plan->lengths_size);
    memcpy(at, plan->lengths, plan->lengths_size);
    at += plan->lengths_size;
    if (form & STRINGS_DICTIONARY) {
        at = nts_varint_put(at, plan->codes_size);
        memcpy(at, plan->codes, plan->codes_size);
        at += plan->codes_size;
    }
    assert(at == dst + plan->head_size);
    bytes_copy(at, bytes, byte_count);
    return plan->head_size + byte_count;
}

/* Writes the plan through zstd if that is smaller than size_max. *size_inout becomes its size. */
static nanots_status compressed_write(uint8_t *dst, struct nts_strings_work *work,
                                      const struct strings_plan *plan, size_t total,
                                      size_t size_max, size_t *size_inout)
{
    size_t size;

    if (plan->byte_count < STRINGS_ZSTD_SIZE_MIN || plan->head_size + 1 >= size_max)
        return NANOTS_OK;
    const size_t room_size = size_max - plan->head_size - 1;
    NTS_TRY(room_reserve(work, &work->compressed, room_size));
    NTS_TRY(nts_compress(&work->compressor, work->compressed.bytes, room_size, &size, plan->bytes,
                         plan->byte_count));
    if (size > 0)
        *size_inout = strings_write(dst, plan, total, plan->form | STRINGS_ZSTD,
                                    work->compressed.bytes, size);
    return NANOTS_OK;
}

nanots_status nts_strings_encode(struct nts_strings_work *work, uint8_t *dst, size_t *size_out,
                                 const uint8_t *bytes, const int32_t *offsets, size_t count,
                                 enum nts_strings_choice choice)
{
    const uint8_t *const given = bytes != NULL ? bytes : work->codes_bytes; /* nothing of it */
    const struct strings_source source = {.bytes = given + offsets[0],
                                          .offsets = offsets,
                                          .count = count,
                                          .total = (size_t)(offsets[count] - offsets[0])};
    struct strings_plan dictionary = {0};

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    for (size_t i = 0; i < count; i++)
        work->lengths[i] = (int64_t)offsets[i + 1] - offsets[i];
    const struct strings_plan plain = plain_plan(work, &source);
    if (choice == NTS_STRINGS_RAW) {
        *size_out =
            strings_write(dst, &plain, source.total, plain.form, plain.bytes, plain.byte_count);
        return NANOTS_OK;
    }
    const size_t entry_count = entries_find(work, &source);
    const bool has_dictionary = entry_count < count;
    if (has_dictionary)
        NTS_TRY(dictionary_plan(&dictionary, work, &source, entry_count));

    const bool is_dictionary = has_dictionary && dictionary.head_size + dictionary.byte_count <
                                                     plain.head_size + plain.byte_count;
    const struct strings_plan *const best = is_dictionary ? &dictionary : &plain;
    const size_t best_size = best->head_size + best->byte_count;
    const size_t size_max = best_size - best_size / 8;
    size_t size = size_max;
    /* Half of the bytes are more than zstd, which sees repetitions as well, could make up for. */
    if (!is_dictionary || dictionary.byte_count > plain.byte_count / 2)
        NTS_TRY(compressed_write(dst, work, &plain, source.total, size, &size));
    if (has_dictionary)
        NTS_TRY(compressed_write(dst, work, &dictionary, source.total, size, &size));
    *size_out = size < size_max ? size
                                : strings_write(dst, best, source.total, best->form, best->bytes,
                                                best->byte_count);
    return NANOTS_OK;
}

/* ---- decode ------------------------------------------------------------------------------- */

/* An encoded vector taken apart. */
struct strings_view {
    unsigned form;
    uint64_t total;
    size_t entry_count; /* lengths: of a dictionary the entries, else the rows */
    const uint8_t *lengths;
    size_t lengths_size;
    const uint8_t *codes;
    size_t codes_size;
    const uint8_t *bytes;
    size_t size; /* of the bytes, as they are */
};

/* Reads the size of a vector and steps over it; NULL if it is cut off. */
static const uint8_t *vector_skip(const uint8_t *at, const uint8_t *end, const uint8_t **vector_out,
                                  size_t *size_out)
{
    uint64_t size;

    at = nts_varint_get(at, end, &size);
    if (at == NULL || size > (size_t)(end - at))
        return NULL;
    *vector_out = at;
    *size_out = (size_t)size;
    return at + size;
}

/* Most bytes that the strings can have. */
static uint64_t total_max(const struct strings_view *view, size_t count)
{
    uint64_t max = view->size; /* below 2^47 in every address space */

    if (view->form & STRINGS_ZSTD)
        max *= STRINGS_ZSTD_RATIO_MAX;
    if ((view->form & STRINGS_DICTIONARY) && max <= INT32_MAX)
        max *= count;
    return max < INT32_MAX ? max : INT32_MAX;
}

static nanots_status view_read(struct strings_view *view, size_t count, const uint8_t *src,
                               size_t src_size)
{
    const uint8_t *const end = src + src_size;
    const uint8_t *at = src + 1;
    uint64_t entry_count = count;

    *view = (struct strings_view){0};
    if (src_size < 1 || src[0] >= STRINGS_FORM_END)
        return NANOTS_CORRUPT;
    view->form = src[0];
    at = nts_varint_get(at, end, &view->total);
    if (at != NULL && (view->form & STRINGS_DICTIONARY))
        at = nts_varint_get(at, end, &entry_count);
    if (at == NULL || entry_count < 1 || entry_count > count)
        return NANOTS_CORRUPT;
    view->entry_count = (size_t)entry_count;
    at = vector_skip(at, end, &view->lengths, &view->lengths_size);
    if (at != NULL && (view->form & STRINGS_DICTIONARY))
        at = vector_skip(at, end, &view->codes, &view->codes_size);
    if (at == NULL)
        return NANOTS_CORRUPT;
    view->bytes = at;
    view->size = (size_t)(end - at);
    return view->total <= total_max(view, count) ? NANOTS_OK : NANOTS_CORRUPT;
}

nanots_status nts_strings_peek(const uint8_t *src, size_t src_size, size_t count,
                               uint64_t *byte_count_out)
{
    struct strings_view view;

    NTS_TRY(view_read(&view, count, src, src_size));
    *byte_count_out = view.total;
    return NANOTS_OK;
}

/* Reads the lengths, and where their strings begin in the bytes. *sum_out is at most the total. */
static nanots_status lengths_read(struct nts_strings_work *work, const struct strings_view *view,
                                  size_t *sum_out)
{
    uint64_t sum = 0;

    NTS_TRY(nts_i64_decode(&work->scratch, work->entry_lengths, view->entry_count, view->lengths,
                           view->lengths_size));
    for (size_t i = 0; i < view->entry_count; i++) {
        const uint64_t length = (uint64_t)work->entry_lengths[i];
        if (length > view->total - sum)
            return NANOTS_CORRUPT;
        work->entry_offsets[i] = (int64_t)sum;
        sum += length;
    }
    *sum_out = (size_t)sum;
    return NANOTS_OK;
}

/* The bytes of all lengths: as they are in the file, or decompressed to `dst`. */
static nanots_status bytes_read(struct nts_strings_work *work, const struct strings_view *view,
                                uint8_t *dst, size_t size, const uint8_t **bytes_out)
{
    *bytes_out = view->bytes;
    if ((view->form & STRINGS_ZSTD) == 0)
        return view->size == size ? NANOTS_OK : NANOTS_CORRUPT;
    if (size < 1)
        return NANOTS_CORRUPT;
    *bytes_out = dst;
    return nts_decompress(&work->compressor, dst, size, view->bytes, view->size);
}

/* Well-formed as a whole, and none begins inside of a character: then each is well-formed. */
static bool strings_are_utf8(const struct nts_strings_work *work, const uint8_t *bytes, size_t size,
                             size_t entry_count)
{
    if (size > 0 && nts_utf8_valid_prefix((const char *)bytes, size) != size)
        return false;
    for (size_t i = 0; i < entry_count; i++) {
        const size_t offset = (size_t)work->entry_offsets[i];
        if (offset < size && (bytes[offset] & 0xC0) == 0x80)
            return false;
    }
    return true;
}

static nanots_status plain_read(struct nts_strings_work *work, const struct strings_view *view,
                                uint8_t *bytes_dst, int32_t *offsets_dst, int32_t base)
{
    const uint8_t *bytes;
    size_t size;

    NTS_TRY(lengths_read(work, view, &size));
    if (size != view->total)
        return NANOTS_CORRUPT;
    NTS_TRY(bytes_read(work, view, bytes_dst, size, &bytes));
    if (!strings_are_utf8(work, bytes, size, view->entry_count))
        return NANOTS_CORRUPT;
    if (bytes != bytes_dst)
        bytes_copy(bytes_dst, bytes, size);
    for (size_t i = 0; i < view->entry_count; i++)
        offsets_dst[i] = base + (int32_t)work->entry_offsets[i];
    offsets_dst[view->entry_count] = base + (int32_t)size;
    return NANOTS_OK;
}

/* Reads the codes; each entry must appear, in order. The rows must have `total` bytes. */
static nanots_status codes_read(struct nts_strings_work *work, const struct strings_view *view,
                                size_t count)
{
    uint64_t seen = 0;
    uint64_t sum = 0;

    NTS_TRY(nts_i64_decode(&work->scratch, work->codes, count, view->codes, view->codes_size));
    for (size_t i = 0; i < count; i++) {
        const uint64_t code = (uint64_t)work->codes[i];
        if (code > seen || code >= view->entry_count)
            return NANOTS_CORRUPT;
        seen += code == seen;
        sum += (uint64_t)work->entry_lengths[code];
    }
    return seen == view->entry_count && sum == view->total ? NANOTS_OK : NANOTS_CORRUPT;
}

static nanots_status dictionary_read(struct nts_strings_work *work, const struct strings_view *view,
                                     uint8_t *bytes_dst, int32_t *offsets_dst, int32_t base,
                                     size_t count)
{
    const uint8_t *bytes;
    size_t size;

    NTS_TRY(lengths_read(work, view, &size));
    NTS_TRY(codes_read(work, view, count));
    if (view->form & STRINGS_ZSTD)
        NTS_TRY(room_reserve(work, &work->entry_bytes, size));
    NTS_TRY(bytes_read(work, view, work->entry_bytes.bytes, size, &bytes));
    if (!strings_are_utf8(work, bytes, size, view->entry_count))
        return NANOTS_CORRUPT;
    offsets_dst[0] = base;
    for (size_t i = 0; i < count; i++) {
        const size_t code = (size_t)work->codes[i];
        const size_t length = (size_t)work->entry_lengths[code];
        bytes_copy(bytes_dst, bytes + work->entry_offsets[code], length);
        bytes_dst += length;
        offsets_dst[i + 1] = offsets_dst[i] + (int32_t)length;
    }
    return NANOTS_OK;
}

nanots_status nts_strings_decode(struct nts_strings_work *work, uint8_t *bytes_dst,
                                 size_t byte_count, int32_t *offsets_dst, int32_t base,
                                 size_t count, const uint8_t *src, size_t src_size)
{
    struct strings_view view;

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    assert(base >= 0);
    assert(byte_count <= (size_t)(INT32_MAX - base));
    if (bytes_dst == NULL)
        bytes_dst = work->codes_bytes; /* no bytes, but a place */
    NTS_TRY(view_read(&view, count, src, src_size));
    if (view.total != byte_count)
        return NANOTS_CORRUPT;
    if ((view.form & STRINGS_ZSTD) && !nts_compress_is_built_in())
        return NANOTS_UNSUPPORTED;
    if (view.form & STRINGS_DICTIONARY)
        return dictionary_read(work, &view, bytes_dst, offsets_dst, base, count);
    return plain_read(work, &view, bytes_dst, offsets_dst, base);
}
