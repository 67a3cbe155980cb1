/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/segment.c - reading a segment. Contract: segment.h. */
#include "segment/segment.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "segment/segment_check.h"

struct nts_segment *nts_segment_new(struct nts_file_view *view,
                                    const struct nts_segment_entry *entry,
                                    const struct nts_table_def *def)
{
    struct nts_segment *segment = nts_alloc_zeroed(view->alloc, sizeof *segment);
    if (segment == NULL)
        return NULL;
    nts_refcount_init(&segment->refs);
    segment->entry = *entry;
    segment->view = view;
    segment->def = def;
    return segment;
}

struct nts_segment *nts_segment_ref(struct nts_segment *segment)
{
    nts_refcount_take(&segment->refs);
    return segment;
}

void nts_segment_unref(struct nts_segment *segment)
{
    if (segment == NULL || !nts_refcount_drop(&segment->refs))
        return;
    for (uint32_t c = 0; c < segment->column_count; c++)
        nts_free(segment->indexes[c]);
    nts_free((void *)segment->indexes);
    nts_free((void *)segment->verified);
    nts_free(segment->footer);
    nts_free(segment);
}

nanots_status nts_segment_reader_init(struct nts_segment_reader *reader,
                                      const struct nanots_allocator *alloc,
                                      struct nanots_error *error)
{
    memset(reader, 0, sizeof *reader);
    reader->alloc = alloc;
    reader->work = nts_alloc(alloc, sizeof *reader->work);
    if (reader->work == NULL)
        return nts_fail_memory(error, sizeof *reader->work);
    nts_value_work_init(reader->work, alloc);
    return NANOTS_OK;
}

void nts_segment_reader_deinit(struct nts_segment_reader *reader)
{
    if (reader->work != NULL)
        nts_value_work_deinit(reader->work);
    nts_free(reader->work);
    nts_free(reader->chunk);
    for (uint32_t c = 0; c < reader->model_count; c++)
        nts_chunk_model_deinit(&reader->models[c].model);
    nts_free(reader->models);
    memset(reader, 0, sizeof *reader);
}

/* ---- footer ------------------------------------------------------------------------------- */

static nanots_status segment_damaged(const struct nts_segment *segment, const char *what,
                                     struct nanots_error *error)
{
    return nts_fail(error, NANOTS_CORRUPT, "table '%s', segment %llu at offset %llu: %s",
                    segment->def->name, (unsigned long long)segment->entry.segment_id,
                    (unsigned long long)segment->entry.off, what);
}

/* Columns that were added after the segment are nullable. */
static bool segment_columns_fit(const struct nts_segment *segment, uint32_t column_count)
{
    const struct nts_table_def *def = segment->def;
    for (uint32_t c = column_count; c < def->column_count; c++)
        if (!nts_column_is_nullable(&def->columns[c]))
            return false;
    return column_count <= def->column_count;
}

/* Reads the footer at its place and checks it against the entry. */
static nanots_status segment_read_footer_at(const struct nts_segment *segment, uint64_t footer_off,
                                            uint8_t **footer_out, struct nts_footer *parts,
                                            struct nanots_error *error)
{
    const struct nts_segment_entry *entry = &segment->entry;
    struct nanots_file *file = segment->view->file;
    const size_t size = (size_t)(entry->size - footer_off);
    uint8_t *footer = nts_alloc(segment->view->alloc, size);

    *footer_out = NULL;
    if (footer == NULL)
        return nts_fail_memory(error, size);
    nanots_status status = file->ops->read_at(file, footer, size, entry->off + footer_off, error);
    if (status == NANOTS_OK &&
        (nts_footer_checksum(footer, size, entry->segment_id) != entry->footer_checksum ||
         !nts_footer_decode(footer, size, parts)))
        status = segment_damaged(segment, "wrong checksum of the footer", error);
    const char *fault = status == NANOTS_OK
                            ? nts_segment_footer_fault(parts, entry, segment->view->file_seed)
                            : NULL;
    if (fault == NULL && status == NANOTS_OK && !segment_columns_fit(segment, parts->column_count))
        fault = "the footer contradicts the table's columns";
    if (fault != NULL)
        status = segment_damaged(segment, fault, error);
    if (status != NANOTS_OK) {
        nts_free(footer);
        return status;
    }
    *footer_out = footer;
    return NANOTS_OK;
}

/* Where the header, which is checked against the entry, says that the footer is. */
static nanots_status segment_find_footer(const struct nts_segment *segment, uint64_t *footer_off,
                                         struct nanots_error *error)
{
    struct nanots_file *file = segment->view->file;
    uint8_t bytes[NTS_SEGMENT_HEADER_SIZE];
    struct nts_segment_header header;

    *footer_off = 0;
    NTS_TRY(file->ops->read_at(file, bytes, sizeof bytes, segment->entry.off, error));
    if (!nts_segment_header_decode(bytes, &header))
        return segment_damaged(segment, "wrong checksum of the header", error);
    if (!nts_segment_header_is_of(&header, &segment->entry))
        return segment_damaged(segment, "the header is of another segment", error);
    *footer_off = header.footer_off;
    return NANOTS_OK;
}

static bool segment_is_loaded(const struct nts_segment *segment)
{
    return atomic_load_explicit(&segment->footer, memory_order_acquire) != NULL;
}

/* Adopts what was read, unless another thread was faster. Called with view->lock. */
static bool segment_adopt_footer(struct nts_segment *segment, uint8_t *footer,
                                 const struct nts_footer *parts, uint64_t footer_off)
{
    const uint32_t columns = parts->column_count + 1;
    const size_t chunks = (size_t)columns * nts_group_count(segment->entry.row_count);
    const struct nanots_allocator *alloc = segment->view->alloc;

    segment->indexes = nts_alloc_zeroed(alloc, columns * sizeof *segment->indexes);
    segment->verified = nts_alloc_zeroed(alloc, (chunks + 7) / 8);
    if (segment->indexes == NULL || segment->verified == NULL) {
        nts_free((void *)segment->indexes);
        nts_free((void *)segment->verified);
        segment->indexes = NULL;
        segment->verified = NULL;
        return false;
    }
    segment->parts = *parts;
    segment->footer_off = footer_off;
    segment->column_count = columns;
    atomic_store_explicit(&segment->footer, footer, memory_order_release);
    return true;
}

nanots_status nts_segment_load_footer_at(struct nts_segment *segment, uint64_t footer_off,
                                         struct nanots_error *error)
{
    struct nts_mutex *lock = &segment->view->lock;
    struct nts_footer parts;
    uint8_t *footer = NULL;
    nanots_status status = NANOTS_OK;

    NTS_TRY(segment_read_footer_at(segment, footer_off, &footer, &parts, error));
    nts_mutex_lock(lock);
    if (segment_is_loaded(segment)) {
        nts_free(footer);
    } else if (!segment_adopt_footer(segment, footer, &parts, footer_off)) {
        nts_free(footer);
        status = NANOTS_NO_MEMORY;
    }
    nts_mutex_unlock(lock);
    return status == NANOTS_OK ? status : nts_fail_memory(error, sizeof parts);
}

static nanots_status segment_load_footer(struct nts_segment *segment, struct nanots_error *error)
{
    uint64_t footer_off = 0;

    if (segment_is_loaded(segment))
        return NANOTS_OK;
    NTS_TRY(segment_find_footer(segment, &footer_off, error));
    return nts_segment_load_footer_at(segment, footer_off, error);
}

/* ---- column index ------------------------------------------------------------------------- */

static const char *segment_column_name(const struct nts_segment *segment, uint32_t column)
{
    return nts_table_def_column_name(segment->def, column);
}

static nanots_status segment_decode_index(struct nts_segment *segment,
                                          struct nts_segment_reader *reader, uint32_t column,
                                          struct nts_column_index **index_out,
                                          struct nanots_error *error)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    struct nts_column_index *index =
        nts_column_index_new(reader->alloc, segment->entry.row_count,
                             nts_index_kind_of(segment->def, column, segment->entry.flags));

    *index_out = NULL;
    if (index == NULL)
        return nts_fail_memory(error, sizeof *index);
    if (!nts_footer_find_index(&segment->parts, column, &bytes, &size) ||
        nts_column_index_decode(&reader->work->index, index, bytes, size, segment->footer_off) !=
            NANOTS_OK) {
        nts_free(index);
        return nts_fail(error, NANOTS_CORRUPT,
                        "table '%s', column '%s', segment %llu at offset %llu: impossible index",
                        segment->def->name, segment_column_name(segment, column),
                        (unsigned long long)segment->entry.segment_id,
                        (unsigned long long)segment->entry.off);
    }
    *index_out = index;
    return NANOTS_OK;
}

nanots_status nts_segment_index(struct nts_segment *segment, struct nts_segment_reader *reader,
                                uint32_t column, const struct nts_column_index **index_out,
                                struct nanots_error *error)
{
    struct nts_mutex *lock = &segment->view->lock;
    struct nts_column_index *index = NULL;

    *index_out = NULL;
    NTS_TRY(segment_load_footer(segment, error));
    assert(column < segment->column_count);
    struct nts_column_index *_Atomic *place = &segment->indexes[column];
    *index_out = atomic_load_explicit(place, memory_order_acquire);
    if (*index_out != NULL)
        return NANOTS_OK;
    NTS_TRY(segment_decode_index(segment, reader, column, &index, error));
    nts_mutex_lock(lock);
    *index_out = atomic_load_explicit(place, memory_order_relaxed);
    if (*index_out == NULL) {
        atomic_store_explicit(place, index, memory_order_release);
        *index_out = index;
        index = NULL;
    }
    nts_mutex_unlock(lock);
    nts_free(index);
    return NANOTS_OK;
}

/* ---- chunks and vectors ------------------------------------------------------------------- */

/* The bytes of a chunk: mapped, or in reader->chunk. */
static nanots_status segment_chunk_bytes(const struct nts_segment *segment,
                                         struct nts_segment_reader *reader, uint64_t off,
                                         uint64_t size, size_t chunk_index, bool verified,
                                         const uint8_t **bytes_out, struct nanots_error *error)
{
    struct nts_file_view *view = segment->view;
    const uint64_t place = segment->entry.off + off;

    if (verified) { /* present and whole when it was verified: no system call */
        *bytes_out = nts_file_view_mapped(view, place, size);
        if (*bytes_out != NULL)
            return NANOTS_OK;
    }
    NTS_TRY(nts_file_view_map(view, place, size, bytes_out, error));
    if (*bytes_out != NULL)
        return NANOTS_OK;
    if (reader->chunk != NULL && reader->chunk_segment_id == segment->entry.segment_id &&
        reader->chunk_index == chunk_index) {
        *bytes_out = reader->chunk;
        return NANOTS_OK;
    }
    nts_free(reader->chunk);
    reader->chunk = nts_alloc(reader->alloc, (size_t)size);
    if (reader->chunk == NULL)
        return nts_fail_memory(error, (size_t)size);
    const nanots_status status =
        view->file->ops->read_at(view->file, reader->chunk, (size_t)size, place, error);
    if (status != NANOTS_OK) {
        nts_free(reader->chunk);
        reader->chunk = NULL;
        return status;
    }
    reader->chunk_segment_id = segment->entry.segment_id;
    reader->chunk_index = chunk_index;
    *bytes_out = reader->chunk;
    return NANOTS_OK;
}

static nanots_status segment_chunk(struct nts_segment *segment, struct nts_segment_reader *reader,
                                   const struct nts_column_index *index, uint32_t column,
                                   uint32_t group, const uint8_t **bytes_out,
                                   struct nanots_error *error)
{
    const size_t chunk_index = (size_t)group * segment->column_count + column;
    const uint64_t off = index->chunk_off[group];
    const uint64_t size = index->chunk_size[group];
    const uint8_t bit = (uint8_t)(1u << (chunk_index % 8));
    _Atomic uint8_t *bits = &segment->verified[chunk_index / 8];
    /* The bit says nothing of other memory: bytes of the file are there for every thread. */
    const bool verified = (atomic_load_explicit(bits, memory_order_relaxed) & bit) != 0;

    NTS_TRY(
        segment_chunk_bytes(segment, reader, off, size, chunk_index, verified, bytes_out, error));
    if (verified)
        return NANOTS_OK;
    if (nts_chunk_checksum(*bytes_out, (size_t)size, chunk_index) != index->chunk_checksum[group])
        return nts_fail(error, NANOTS_CORRUPT,
                        "table '%s', column '%s', row group %u of segment %llu, offset %llu: wrong "
                        "checksum",
                        segment->def->name, segment_column_name(segment, column), group,
                        (unsigned long long)segment->entry.segment_id,
                        (unsigned long long)(segment->entry.off + off));
    (void)atomic_fetch_or_explicit(bits, bit, memory_order_relaxed);
    return NANOTS_OK;
}

nanots_status nts_segment_vector_bytes(struct nts_segment *segment,
                                       struct nts_segment_reader *reader, uint32_t column,
                                       uint32_t vector, const uint8_t **bytes_out, size_t *size_out,
                                       struct nanots_error *error)
{
    static const uint8_t no_bytes[1]; /* but a place */
    const struct nts_column_index *index = NULL;
    const uint8_t *chunk = NULL;

    *bytes_out = no_bytes;
    *size_out = 0;
    NTS_TRY(nts_segment_index(segment, reader, column, &index, error));
    assert(vector < index->vector_count);
    if (index->vector_size[vector] == 0)
        return NANOTS_OK;
    NTS_TRY(
        segment_chunk(segment, reader, index, column, vector / NTS_GROUP_VECTORS, &chunk, error));
    *bytes_out = chunk + index->vector_off[vector];
    *size_out = index->vector_size[vector];
    return NANOTS_OK;
}

static nanots_status vector_damaged(const struct nts_segment *segment, uint32_t column,
                                    uint32_t vector, struct nanots_error *error)
{
    return nts_fail(error, NANOTS_CORRUPT,
                    "table '%s', column '%s', vector %u of segment %llu at offset %llu: impossible "
                    "encoding",
                    segment->def->name, segment_column_name(segment, column), vector,
                    (unsigned long long)segment->entry.segment_id,
                    (unsigned long long)segment->entry.off);
}

/* ---- models ------------------------------------------------------------------------------- */

/* Room for the models of columns [0, column_count): a scan goes through them by turns. */
static nanots_status reader_need_models(struct nts_segment_reader *reader, uint32_t column_count,
                                        struct nanots_error *error)
{
    if (column_count <= reader->model_count)
        return NANOTS_OK;
    struct nts_reader_model *models =
        nts_realloc(reader->alloc, reader->models, column_count * sizeof *models);
    if (models == NULL)
        return nts_fail_memory(error, column_count * sizeof *models);
    memset(models + reader->model_count, 0, (column_count - reader->model_count) * sizeof *models);
    reader->models = models;
    reader->model_count = column_count;
    return NANOTS_OK;
}

/* The head of the vector's chunk, kept until the reader comes to another chunk of the column; NULL
 * if it has none. */
static nanots_status segment_model(struct nts_segment *segment, struct nts_segment_reader *reader,
                                   const struct nts_column_index *index, uint32_t column,
                                   uint32_t vector, const struct nts_chunk_model **model_out,
                                   struct nanots_error *error)
{
    const uint32_t group = vector / NTS_GROUP_VECTORS;
    const uint8_t *chunk = NULL;

    *model_out = NULL;
    if (index->head_size[group] == 0 || index->vector_size[vector] == 0)
        return NANOTS_OK;
    NTS_TRY(reader_need_models(reader, segment->column_count, error));
    struct nts_reader_model *slot = &reader->models[column];
    if (slot->is_read && slot->segment_id == segment->entry.segment_id && slot->group == group) {
        *model_out = &slot->model;
        return NANOTS_OK;
    }
    slot->is_read = false;
    NTS_TRY(segment_chunk(segment, reader, index, column, group, &chunk, error));
    const nanots_status status = nts_chunk_model_read(
        &slot->model, reader->alloc, &reader->work->index.scratch, chunk, index->head_size[group]);
    if (status == NANOTS_NO_MEMORY)
        return nts_fail_memory(error, sizeof slot->model);
    if (status != NANOTS_OK)
        return vector_damaged(segment, column, vector, error);
    slot->is_read = true;
    slot->segment_id = segment->entry.segment_id;
    slot->group = group;
    *model_out = &slot->model;
    return NANOTS_OK;
}

nanots_status nts_segment_read_ts(struct nts_segment *segment, struct nts_segment_reader *reader,
                                  uint32_t vector, int64_t *dst, struct nanots_error *error)
{
    const struct nts_column_index *index = NULL;
    const uint8_t *bytes = NULL;
    const struct nts_chunk_model *model = NULL;
    size_t size = 0;

    NTS_TRY(nts_segment_index(segment, reader, 0, &index, error));
    NTS_TRY(segment_model(segment, reader, index, 0, vector, &model, error));
    NTS_TRY(nts_segment_vector_bytes(segment, reader, 0, vector, &bytes, &size, error));
    const uint32_t rows = nts_vector_rows(index->row_count, vector);
    if (size != 0) {
        if (nts_chunk_read_i64(&reader->work->index.scratch, model, dst, rows, bytes, size) !=
            NANOTS_OK)
            return vector_damaged(segment, 0, vector, error);
        return NANOTS_OK;
    }
    const uint64_t first = index->min[vector];
    const uint64_t span = index->max[vector] - first;
    const uint64_t step = rows > 1 ? span / (rows - 1) : 0;
    for (uint32_t i = 0; i < rows; i++)
        dst[i] = (int64_t)(first + i * step);
    return NANOTS_OK;
}

nanots_status nts_segment_has_column(struct nts_segment *segment, uint32_t column,
                                     bool *has_column_out, struct nanots_error *error)
{
    *has_column_out = false;
    NTS_TRY(segment_load_footer(segment, error));
    *has_column_out = column < segment->column_count;
    return NANOTS_OK;
}

nanots_status nts_segment_read_column(struct nts_segment *segment,
                                      struct nts_segment_reader *reader, uint32_t column,
                                      uint32_t vector, struct nts_column_buffer *dst, size_t at,
                                      struct nanots_error *error)
{
    const struct nts_column_index *index = NULL;
    const uint8_t *bytes = NULL;
    size_t size = 0;

    NTS_TRY(segment_load_footer(segment, error));
    if (column >= segment->column_count) { /* added since: those rows have no value */
        nts_column_buffer_put_nulls(dst, at, nts_vector_rows(segment->entry.row_count, vector));
        return NANOTS_OK;
    }
    NTS_TRY(nts_segment_index(segment, reader, column, &index, error));
    const struct nts_chunk_model *model = NULL;
    NTS_TRY(segment_model(segment, reader, index, column, vector, &model, error));
    NTS_TRY(nts_segment_vector_bytes(segment, reader, column, vector, &bytes, &size, error));
    const struct nts_value_shape shape = {.count = nts_vector_rows(index->row_count, vector),
                                          .null_count = index->null_count[vector],
                                          .min = index->min[vector],
                                          .model = model};
    const nanots_status status =
        nts_value_vector_decode(reader->work, &shape, bytes, size, dst, at, error);
    if (status == NANOTS_CORRUPT)
        return vector_damaged(segment, column, vector, error);
    if (status == NANOTS_UNSUPPORTED)
        return nts_fail(error, status,
                        "table '%.80s', column '%.80s': its text is compressed with zstd, which "
                        "this build lacks",
                        segment->def->name, segment_column_name(segment, column));
    return status;
}

nanots_status nts_segment_text_bytes(struct nts_segment *segment, struct nts_segment_reader *reader,
                                     uint32_t column, uint64_t *bytes_out,
                                     struct nanots_error *error)
{
    const struct nts_column_index *index = NULL;

    *bytes_out = 0;
    NTS_TRY(segment_load_footer(segment, error));
    if (column >= segment->column_count)
        return NANOTS_OK;
    NTS_TRY(nts_segment_index(segment, reader, column, &index, error));
    for (uint32_t v = 0; v < index->vector_count; v++) {
        const struct nts_value_shape shape = {.count = nts_vector_rows(index->row_count, v),
                                              .null_count = index->null_count[v]};
        const uint8_t *bytes = NULL;
        size_t size = 0;
        uint64_t text = 0;
        NTS_TRY(nts_segment_vector_bytes(segment, reader, column, v, &bytes, &size, error));
        if (nts_value_vector_text(reader->work, &shape, bytes, size, &text) != NANOTS_OK)
            return vector_damaged(segment, column, v, error);
        *bytes_out += text;
    }
    return NANOTS_OK;
}

nanots_status nts_segment_vector_stats(struct nts_segment *segment,
                                       struct nts_segment_reader *reader, uint32_t column,
                                       uint32_t vector, struct nts_vector_stats *stats,
                                       struct nanots_error *error)
{
    const struct nts_column_index *index = NULL;
    const uint8_t *bytes = NULL;

    *stats = (struct nts_vector_stats){.codec = NTS_CODEC_CONSTANT};
    NTS_TRY(nts_segment_index(segment, reader, column, &index, error));
    NTS_TRY(nts_segment_vector_bytes(segment, reader, column, vector, &bytes, &stats->size, error));
    const struct nts_value_shape shape = {.count = nts_vector_rows(index->row_count, vector),
                                          .null_count = index->null_count[vector]};
    const unsigned type = index->kind.type;
    nanots_status status =
        nts_value_vector_codec(reader->work, type, &shape, bytes, stats->size, &stats->codec);
    if (status == NANOTS_OK && type == NANOTS_TYPE_UTF8)
        status =
            nts_value_vector_text(reader->work, &shape, bytes, stats->size, &stats->text_bytes);
    return status == NANOTS_OK ? NANOTS_OK : vector_damaged(segment, column, vector, error);
}
