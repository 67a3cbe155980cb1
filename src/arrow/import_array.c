/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/import_array.c - the rows of an array as columns of a table. Contract: import.h. */
#include <string.h>

#include "arrow/import.h"
#include "base/check.h"

#define CHUNK_ROWS 256u /* widened at once, on the stack */

/* What one column is read from and to. */
struct column_read {
    const struct nanots_allocator *alloc;
    const struct nts_arrow_field *field;
    const struct nts_column_def *own;
    struct nts_arrow_slice slice;
    struct nts_column *view;
    struct nts_column_buffer *buffer; /* empty yet */
};

/* ---- the struct --------------------------------------------------------------------------- */

static nanots_status array_fail(const struct nts_arrow_plan *plan, struct nanots_error *error,
                                const char *what)
{
    return nts_fail(error, NANOTS_INVALID, "table '%.60s': the Arrow array %s", plan->def->name,
                    what);
}

/* That rows [offset, offset + length) of the children may be asked for. */
static nanots_status array_check(const struct nts_arrow_plan *plan, const struct ArrowArray *array,
                                 struct nanots_error *error)
{
    if (array->release == NULL)
        return array_fail(plan, error, "was released or moved away");
    if (array->length < 0 || array->offset < 0)
        return array_fail(plan, error, "has a negative length or offset");
    if (array->length > INT64_MAX / 32 || array->offset > INT64_MAX / 32 ||
        (uint64_t)array->length + (uint64_t)array->offset > SIZE_MAX / 32)
        return array_fail(plan, error, "has a length and offset beyond all memory");
    if (array->null_count < -1 || array->null_count > array->length)
        return array_fail(plan, error, "has an impossible null_count");
    if (array->n_children != plan->child_count || array->children == NULL)
        return array_fail(plan, error, "has another number of columns than its schema");
    if (array->n_buffers != 1 || array->buffers == NULL || array->dictionary != NULL)
        return array_fail(plan, error, "is no struct of columns");
    if (array->null_count > 0 && array->buffers[0] == NULL)
        return array_fail(plan, error, "has nulls, but no validity");
    if (array->null_count == 0 || array->buffers[0] == NULL || array->length == 0)
        return NANOTS_OK;
    for (size_t row = 0; row < (size_t)array->length; row++)
        if (!nts_bit_get(array->buffers[0], (size_t)array->offset + row))
            return nts_fail(error, NANOTS_INVALID,
                            "table '%.60s': row %zu of the Arrow array is null as a whole",
                            plan->def->name, row);
    return NANOTS_OK;
}

/* ---- time --------------------------------------------------------------------------------- */

static bool slice_is_aligned(const struct nts_arrow_slice *slice, size_t width)
{
    return (uintptr_t)slice->array->buffers[1] % width == 0;
}

/* Whole steps of the table, or the row that has none. */
static nanots_status time_convert(const struct nts_arrow_plan *plan,
                                  const struct nts_arrow_slice *slice, int64_t *ts,
                                  struct nanots_error *error)
{
    const int64_t multiply = plan->time_multiply;
    const int64_t divide = plan->time_divide;

    nts_arrow_load_integers(slice, 0, slice->count, ts);
    for (size_t row = 0; row < slice->count; row++) {
        const int64_t from = ts[row];
        const bool is_exact =
            multiply == 1 ? from % divide == 0 : !__builtin_mul_overflow(from, multiply, &ts[row]);
        if (!is_exact)
            return nts_fail(error, NANOTS_INVALID,
                            "table '%.60s', column '%.60s', row %zu: %lld (%s) is no int64 number "
                            "of %s",
                            slice->table, slice->column, row, (long long)from,
                            nts_arrow_kind_name(slice->kind),
                            nanots_time_unit_name(nts_table_def_unit(plan->def)));
        if (multiply == 1)
            ts[row] = from / divide;
    }
    return NANOTS_OK;
}

static nanots_status time_read(struct nts_arrow_views *views, const struct nanots_allocator *alloc,
                               const struct nts_arrow_plan *plan, const struct ArrowArray *array,
                               struct nanots_error *error)
{
    struct nts_arrow_slice slice = {.table = plan->def->name,
                                    .column = nts_table_def_ts_name(plan->def),
                                    .kind = plan->time.kind};
    const struct ArrowArray *child = array->children[plan->time.child];

    NTS_TRY(nts_arrow_slice_init(&slice, child, (size_t)array->offset, views->row_count, error));
    if (child->dictionary != NULL)
        return array_fail(plan, error, "has a dictionary that its schema lacks");
    const size_t null = nts_arrow_first_null(&slice);
    if (null != slice.count)
        return nts_fail(error, NANOTS_INVALID, "table '%.60s', column '%.60s', row %zu: is null",
                        slice.table, slice.column, null);
    if (slice.count == 0)
        return NANOTS_OK;
    if (plan->time_multiply == 1 && plan->time_divide == 1 && slice_is_aligned(&slice, 8)) {
        views->ts = (const int64_t *)child->buffers[1] + slice.first;
        return NANOTS_OK;
    }
    views->ts_block = nts_alloc_array(alloc, slice.count, sizeof(int64_t));
    if (views->ts_block == NULL)
        return nts_fail_memory(error, slice.count * sizeof(int64_t));
    views->ts = views->ts_block;
    return time_convert(plan, &slice, views->ts_block, error);
}

/* ---- numbers ------------------------------------------------------------------------------ */

static void widen_integers(const struct column_read *read)
{
    const bool is_i32 = read->own->type == NANOTS_TYPE_I32;
    int64_t chunk[CHUNK_ROWS];
    for (size_t row = 0; row < read->slice.count; row += CHUNK_ROWS) {
        const size_t left = read->slice.count - row;
        const size_t count = left < CHUNK_ROWS ? left : CHUNK_ROWS;
        nts_arrow_load_integers(&read->slice, row, count, chunk);
        if (is_i32)
            for (size_t i = 0; i < count; i++)
                ((int32_t *)read->buffer->values)[row + i] = (int32_t)chunk[i];
        else
            memcpy((int64_t *)read->buffer->values + row, chunk, count * sizeof *chunk);
    }
}

static void widen_floats(const struct column_read *read)
{
    const uint8_t *from = (const uint8_t *)read->slice.array->buffers[1];
    double *to = read->buffer->values;
    for (size_t row = 0; row < read->slice.count; row++) {
        float value;
        memcpy(&value, from + (read->slice.first + row) * sizeof value, sizeof value);
        to[row] = (double)value;
    }
}

/* Numbers of a narrower type, or of the same at an odd address. */
static void copy_numbers(const struct column_read *read)
{
    const struct nts_arrow_slice *slice = &read->slice;
    const size_t width = nts_type_width(read->own->type);

    if (nts_arrow_own_type(slice->kind) == read->own->type &&
        nts_arrow_kind_width(slice->kind) == width)
        memcpy(read->buffer->values,
               (const uint8_t *)slice->array->buffers[1] + slice->first * width,
               slice->count * width);
    else if (read->own->type == NANOTS_TYPE_F64)
        widen_floats(read);
    else
        widen_integers(read);
    nts_column_buffer_put_validity(read->buffer, 0, slice->validity, slice->first, slice->count);
}

/* ---- strings ------------------------------------------------------------------------------ */

static nanots_status put_string(const struct column_read *read, size_t row, const uint8_t *bytes,
                                size_t size, struct nanots_error *error)
{
    struct nts_column_buffer *buffer = read->buffer;
    if (size > (size_t)INT32_MAX - (size_t)buffer->offsets[row])
        return nts_fail(error, NANOTS_TOO_BIG,
                        "table '%.60s', column '%.60s': more than 2 GiB of strings up to row %zu",
                        read->slice.table, read->slice.column, row);
    NTS_TRY(nts_column_buffer_reserve(buffer, row, size, error));
    if (size != 0)
        memcpy((uint8_t *)buffer->values + buffer->offsets[row], bytes, size);
    buffer->offsets[row + 1] = buffer->offsets[row] + (int32_t)size;
    nts_column_buffer_put_validity(buffer, row, NULL, 0, 1);
    return NANOTS_OK;
}

static nanots_status copy_strings(const struct column_read *read, struct nanots_error *error)
{
    for (size_t row = 0; row < read->slice.count; row++) {
        const uint8_t *bytes = NULL;
        size_t size = 0;
        if (nts_arrow_is_null(&read->slice, row)) {
            nts_column_buffer_put_nulls(read->buffer, row, 1);
            continue;
        }
        NTS_TRY(nts_arrow_string(&read->slice, row, &bytes, &size, error));
        NTS_TRY(put_string(read, row, bytes, size, error));
    }
    return NANOTS_OK;
}

/* Row by row what its index says; null entries of a dictionary are nulls. */
static nanots_status copy_dictionary(const struct column_read *read, struct nanots_error *error)
{
    const struct nts_arrow_slice *slice = &read->slice;
    struct nts_arrow_slice values = *slice;
    const struct ArrowArray *dictionary = slice->array->dictionary;

    values.kind = read->field->kind;
    if (dictionary == NULL || dictionary->dictionary != NULL)
        return nts_fail(error, NANOTS_INVALID,
                        "table '%.60s', column '%.60s': the Arrow array has no dictionary of its "
                        "schema's kind",
                        slice->table, slice->column);
    NTS_TRY(nts_arrow_slice_init(&values, dictionary, 0,
                                 dictionary->length > 0 ? (size_t)dictionary->length : 0, error));
    for (size_t row = 0; row < slice->count; row++) {
        const uint8_t *bytes = NULL;
        size_t size = 0;
        int64_t index = 0;
        if (!nts_arrow_is_null(slice, row)) {
            nts_arrow_load_integers(slice, row, 1, &index);
            if (index < 0 || (uint64_t)index >= values.count)
                return nts_fail(error, NANOTS_INVALID,
                                "table '%.60s', column '%.60s', row %zu: its index leads outside "
                                "the dictionary of %zu strings",
                                slice->table, slice->column, row, values.count);
        }
        if (nts_arrow_is_null(slice, row) || nts_arrow_is_null(&values, (size_t)index)) {
            nts_column_buffer_put_nulls(read->buffer, row, 1);
            continue;
        }
        NTS_TRY(nts_arrow_string(&values, (size_t)index, &bytes, &size, error));
        NTS_TRY(put_string(read, row, bytes, size, error));
    }
    return NANOTS_OK;
}

/* ---- one column --------------------------------------------------------------------------- */

/* Whether the array's own memory is what a struct nts_column points to. */
static bool column_is_view(const struct column_read *read)
{
    const enum nts_arrow_kind kind = read->slice.kind;
    if (read->field->index_kind != NTS_ARROW_OTHER || nts_arrow_own_type(kind) != read->own->type)
        return false;
    if (kind == NTS_ARROW_BOOL)
        return true;
    if (kind == NTS_ARROW_STRING)
        return slice_is_aligned(&read->slice, sizeof(int32_t));
    const size_t width = nts_type_width(read->own->type);
    return width != 0 && nts_arrow_kind_width(kind) == width &&
           slice_is_aligned(&read->slice, width);
}

static void column_view(const struct column_read *read)
{
    const struct nts_arrow_slice *slice = &read->slice;
    const bool is_string = slice->kind == NTS_ARROW_STRING;
    read->view->validity = slice->validity;
    read->view->first = slice->first;
    read->view->offsets = is_string ? slice->array->buffers[1] : NULL;
    read->view->values = slice->array->buffers[is_string ? 2 : 1];
    if (nts_column_null_count(read->view, 0, slice->count) == 0)
        read->view->validity = NULL; /* it says nothing */
}

static nanots_status column_copy(const struct column_read *read, struct nanots_error *error)
{
    NTS_TRY(nts_column_buffer_init(read->buffer, read->alloc, read->own->type, true,
                                   read->slice.count, error));
    if (read->field->index_kind != NTS_ARROW_OTHER)
        NTS_TRY(copy_dictionary(read, error));
    else if (nts_arrow_is_string(read->slice.kind))
        NTS_TRY(copy_strings(read, error));
    else
        copy_numbers(read);
    *read->view = nts_column_buffer_view(read->buffer);
    return NANOTS_OK;
}

static nanots_status column_read(struct column_read *read, const struct ArrowArray *array,
                                 size_t row_count, struct nanots_error *error)
{
    const struct nts_arrow_field *field = read->field;
    const bool is_dictionary = field->index_kind != NTS_ARROW_OTHER;

    read->view->type = read->own->type;
    if (field->child == NTS_ARROW_NO_CHILD) {
        read->view->all_null = true;
        return NANOTS_OK;
    }
    const struct ArrowArray *child = array->children[field->child];
    read->slice.kind = is_dictionary ? field->index_kind : field->kind;
    NTS_TRY(nts_arrow_slice_init(&read->slice, child, (size_t)array->offset, row_count, error));
    if (!is_dictionary && child->dictionary != NULL)
        return nts_fail(error, NANOTS_INVALID,
                        "table '%.60s', column '%.60s': the Arrow array has a dictionary that its "
                        "schema lacks",
                        read->slice.table, read->slice.column);
    if (field->kind == NTS_ARROW_NULL || row_count == 0) {
        read->view->all_null = true;
        return NANOTS_OK;
    }
    if (!column_is_view(read))
        return column_copy(read, error);
    column_view(read);
    return NANOTS_OK;
}

/* ---- all columns -------------------------------------------------------------------------- */

nanots_status nts_arrow_views_init(struct nts_arrow_views *views,
                                   const struct nanots_allocator *alloc,
                                   const struct nts_arrow_plan *plan,
                                   const struct ArrowArray *array, struct nanots_error *error)
{
    const uint32_t column_count = plan->def->column_count;
    nanots_status status = NANOTS_OK;

    memset(views, 0, sizeof *views);
    NTS_TRY(array_check(plan, array, error));
    views->row_count = (size_t)array->length;
    views->column_count = column_count;
    views->columns = nts_alloc_zeroed(alloc, column_count * sizeof *views->columns);
    views->buffers = nts_alloc_zeroed(alloc, column_count * sizeof *views->buffers);
    if (views->columns == NULL || views->buffers == NULL) {
        status = nts_fail_memory(error, column_count * sizeof *views->buffers);
        goto out;
    }
    NTS_TRY_OUT(time_read(views, alloc, plan, array, error));
    for (uint32_t c = 0; c < column_count; c++) {
        const struct nts_column_def *own = &plan->def->columns[c];
        struct column_read read = {.alloc = alloc,
                                   .field = &plan->columns[c],
                                   .own = own,
                                   .slice = {.table = plan->def->name, .column = own->name},
                                   .view = &views->columns[c],
                                   .buffer = &views->buffers[c]};
        NTS_TRY_OUT(column_read(&read, array, views->row_count, error));
    }
    return NANOTS_OK;
out:
    nts_arrow_views_deinit(views);
    return status;
}

void nts_arrow_views_deinit(struct nts_arrow_views *views)
{
    for (uint32_t c = 0; c < views->column_count && views->buffers != NULL; c++)
        nts_column_buffer_deinit(&views->buffers[c]);
    nts_free(views->buffers);
    nts_free(views->columns);
    nts_free(views->ts_block);
    memset(views, 0, sizeof *views);
}

void nts_arrow_views_skip(struct nts_arrow_views *views, size_t count)
{
    assert(count <= views->row_count);
    views->row_count -= count;
    views->ts += count;
    for (uint32_t c = 0; c < views->column_count; c++)
        views->columns[c].first += count;
}
