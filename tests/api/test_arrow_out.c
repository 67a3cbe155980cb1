/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_arrow_out.c - tables as Arrow: what the structs say, whose memory they show, and
 * who holds it how long. What pyarrow makes of them: arrow/test_arrow_pyarrow.py. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/api.h"
#include "arrow/export.h"
#include "nanots_arrow.h"
#include "support/db_helpers.h"
#include "support/faultalloc.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/typed_rows.h"

/* A database with an allocator that counts, and a table "plant" with random rows of all types. */
struct plant {
    struct faultalloc memory;
    struct nanots_db *db;
    struct typed_rows rows;
};

static int compare_ts(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* In order of time: row i of a result is row i of these. */
static void plant_open(struct plant *plant, const struct scratch *scratch, size_t row_count)
{
    uint64_t seed = seed_of_run();
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .allocator = &plant->memory.alloc};
    faultalloc_init(&plant->memory);
    plant->db = db_open_with(scratch->path, &options);
    db_ok(nanots_create_table(plant->db, "plant", typed_columns, TYPED_COLUMNS, &db_error));
    plant->rows = typed_rows_random(typed_columns, TYPED_COLUMNS, row_count, &seed);
    qsort(plant->rows.ts, row_count, sizeof *plant->rows.ts, compare_ts);
    struct typed_batch *batch = typed_batch_new(&plant->rows, 0, row_count);
    db_ok(nanots_append_batch(plant->db, "plant", &batch->batch, NULL, &db_error));
    typed_batch_free(batch);
}

static void plant_close_db(struct plant *plant)
{
    db_close(plant->db);
    plant->db = NULL;
}

static void plant_end(struct plant *plant)
{
    faultalloc_heal(&plant->memory);
    if (plant->db != NULL)
        plant_close_db(plant);
    typed_rows_free(&plant->rows);
    assert_int_equal(plant->memory.block_count, 0);
    faultalloc_deinit(&plant->memory);
}

static struct ArrowArrayStream plant_stream(const struct plant *plant)
{
    struct ArrowArrayStream stream;
    db_ok(nanots_query_arrow_stream(plant->db, "plant", NULL, NULL, &stream, &db_error));
    return stream;
}

static struct ArrowArray stream_next(struct ArrowArrayStream *stream)
{
    struct ArrowArray array;
    assert_int_equal(stream->get_next(stream, &array), 0);
    assert_null(stream->get_last_error(stream));
    return array;
}

/* ---- what the structs say ----------------------------------------------------------------- */

static void expect_schema(const struct ArrowSchema *schema, const char *time_format)
{
    static const char *const formats[] = {"g", "f", "l", "i", "b", "u"};
    assert_string_equal(schema->format, "+s");
    assert_null(schema->metadata);
    assert_null(schema->dictionary);
    assert_int_equal(schema->flags, 0);
    assert_int_equal(schema->n_children, TYPED_COLUMNS + 1);
    assert_string_equal(schema->children[0]->name, "ts_ms");
    assert_string_equal(schema->children[0]->format, time_format);
    assert_int_equal(schema->children[0]->flags, 0);
    for (size_t c = 0; c < TYPED_COLUMNS; c++) {
        const struct ArrowSchema *field = schema->children[c + 1];
        assert_string_equal(field->name, typed_columns[c].name);
        assert_string_equal(field->format, formats[c % 6]);
        assert_int_equal(field->flags, c < 6 ? 0 : ARROW_FLAG_NULLABLE);
        assert_int_equal(field->n_children, 0);
        assert_null(field->metadata);
    }
}

static void arrow_schema_says_names_types_and_nulls(void **state)
{
    const struct nanots_arrow_options as_int64 = {.struct_size = sizeof as_int64,
                                                  .time_as_int64 = 1};
    struct plant plant;
    struct ArrowSchema schema;

    plant_open(&plant, *state, 1);
    db_ok(nanots_table_arrow_schema(plant.db, "plant", NULL, &schema, &db_error));
    expect_schema(&schema, "tsm:UTC");
    schema.release(&schema);
    assert_null(schema.release);
    db_ok(nanots_table_arrow_schema(plant.db, "plant", &as_int64, &schema, &db_error));
    expect_schema(&schema, "l");
    schema.release(&schema);
    struct ArrowArrayStream stream = plant_stream(&plant);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    stream.release(&stream);
    assert_null(stream.release);
    plant_close_db(&plant);
    expect_schema(&schema, "tsm:UTC"); /* it outlives stream and database */
    schema.release(&schema);
    plant_end(&plant);
}

/* A child that was moved out lives on without its parent. */
static void arrow_schema_children_may_be_moved_out(void **state)
{
    struct plant plant;
    struct ArrowSchema schema;

    plant_open(&plant, *state, 1);
    db_ok(nanots_table_arrow_schema(plant.db, "plant", NULL, &schema, &db_error));
    struct ArrowSchema child = *schema.children[3];
    schema.children[3]->release = NULL;
    schema.release(&schema);
    plant_close_db(&plant);
    assert_string_equal(child.name, "i64");
    assert_string_equal(child.format, "l");
    child.release(&child);
    assert_null(child.release);
    plant_end(&plant);
}

/* ---- whose memory it is ------------------------------------------------------------------- */

/* The buffers handed out are those that the scan decoded into. */
static void arrow_array_shows_the_memory_of_the_batch(void **state)
{
    struct plant plant;
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    struct ArrowArray array;

    plant_open(&plant, *state, 3000);
    db_ok(nanots_flush(plant.db, &db_error));
    db_ok(nanots_query_open(plant.db, "plant", NULL, &cursor, &db_error));
    db_ok(nanots_query_next(cursor, &batch, &db_error));
    db_ok(nts_arrow_export_array(&plant.memory.alloc, nts_scan_block(nts_api_cursor_scan(cursor)),
                                 batch->row_count, &array, &db_error));
    assert_int_equal(array.length, batch->row_count);
    assert_ptr_equal(array.children[0]->buffers[1], batch->ts);
    for (size_t c = 0; c < TYPED_COLUMNS; c++) {
        const struct nanots_batch_column *column = &batch->columns[c];
        const struct ArrowArray *child = array.children[c + 1];
        const bool is_text = column->type == NANOTS_TYPE_UTF8;
        assert_int_equal(child->n_buffers, is_text ? 3 : 2);
        assert_ptr_equal(child->buffers[0], column->validity);
        assert_ptr_equal(child->buffers[is_text ? 2 : 1], column->values);
        if (is_text)
            assert_ptr_equal(child->buffers[1], column->offsets);
    }
    array.release(&array);
    nanots_query_close(cursor);
    plant_end(&plant);
}

/* Rows of an array are those of the table from `row` on. */
static void expect_rows(const struct plant *plant, const struct ArrowArray *array, size_t row)
{
    for (size_t c = 0; c < TYPED_COLUMNS; c++) {
        const struct ArrowArray *child = array->children[c + 1];
        const bool is_text = typed_columns[c].type == NANOTS_TYPE_UTF8;
        const struct nanots_batch_column column = {.type = typed_columns[c].type,
                                                   .validity = child->buffers[0],
                                                   .offsets = is_text ? child->buffers[1] : NULL,
                                                   .values = child->buffers[is_text ? 2 : 1]};
        int64_t null_count = 0;
        for (size_t i = 0; i < (size_t)array->length; i++) {
            const struct nanots_value got = typed_batch_value(&column, i);
            null_count += got.type == NANOTS_TYPE_NULL;
            assert_true(typed_values_equal(&got, typed_rows_at(&plant->rows, row + i, c)));
        }
        assert_int_equal(child->null_count, null_count);
    }
}

/* Every batch is held until stream and database are gone: the scan goes on in other arrays. */
static void arrow_arrays_outlive_stream_and_database(void **state)
{
    struct plant plant;
    struct ArrowArray arrays[16];
    size_t count = 0;
    size_t row = 0;

    plant_open(&plant, *state, 150000);
    struct ArrowArrayStream stream = plant_stream(&plant);
    for (;; count++) {
        assert_true(count < 16);
        arrays[count] = stream_next(&stream);
        if (arrays[count].release == NULL)
            break;
    }
    assert_true(count > 1);
    assert_null(stream_next(&stream).release); /* and so for ever */
    stream.release(&stream);
    plant_close_db(&plant);
    for (size_t i = 0; i < count; i++) {
        expect_rows(&plant, &arrays[i], row);
        assert_memory_equal(arrays[i].children[0]->buffers[1], plant.rows.ts + row,
                            (size_t)arrays[i].length * 8);
        row += (size_t)arrays[i].length;
        arrays[i].release(&arrays[i]);
        assert_null(arrays[i].release);
    }
    assert_int_equal(row, 150000);
    plant_end(&plant);
}

/* Memory does not grow with the result while arrays are released as they come. */
static void arrow_stream_reuses_the_arrays_that_were_released(void **state)
{
    struct plant plant;
    const void *values = NULL;

    plant_open(&plant, *state, 150000);
    struct ArrowArrayStream stream = plant_stream(&plant);
    for (;;) {
        struct ArrowArray array = stream_next(&stream);
        if (array.release == NULL)
            break;
        if (values != NULL)
            assert_ptr_equal(array.children[1]->buffers[1], values);
        values = array.children[1]->buffers[1];
        array.release(&array);
    }
    stream.release(&stream);
    plant_end(&plant);
}

static void *release_array(void *array)
{
    ((struct ArrowArray *)array)->release(array);
    return NULL;
}

/* Children moved out of an array are released by threads, in any order, after everything else. */
static void arrow_children_may_be_moved_out_and_released_by_threads(void **state)
{
    struct plant plant;
    struct ArrowArray children[TYPED_COLUMNS + 1];
    pthread_t threads[TYPED_COLUMNS + 1];

    plant_open(&plant, *state, 5000);
    struct ArrowArrayStream stream = plant_stream(&plant);
    struct ArrowArray array = stream_next(&stream);
    for (size_t c = 0; c <= TYPED_COLUMNS; c++) {
        children[c] = *array.children[c];
        array.children[c]->release = NULL;
    }
    array.release(&array);
    stream.release(&stream);
    plant_close_db(&plant);
    assert_memory_equal(children[0].buffers[1], plant.rows.ts, (size_t)children[0].length * 8);
    for (size_t c = 0; c <= TYPED_COLUMNS; c++)
        assert_int_equal(pthread_create(&threads[c], NULL, release_array, &children[c]), 0);
    for (size_t c = 0; c <= TYPED_COLUMNS; c++) {
        assert_int_equal(pthread_join(threads[c], NULL), 0);
        assert_null(children[c].release);
    }
    plant_end(&plant);
}

/* One array is all of a result: of many batches, of one, of none. */
static void arrow_query_gives_the_whole_result(void **state)
{
    static const uint64_t limits[] = {150000, 70000, 1000, 1};
    struct plant plant;
    struct ArrowSchema schema;
    struct ArrowArray array;

    plant_open(&plant, *state, 150000);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const struct nanots_query query = {.struct_size = sizeof query, .limit = limits[i]};
        db_ok(nanots_query_arrow(plant.db, "plant", &query, NULL, &schema, &array, &db_error));
        expect_schema(&schema, "tsm:UTC");
        assert_int_equal(array.length, limits[i]);
        expect_rows(&plant, &array, 0);
        array.release(&array);
        schema.release(&schema);
    }
    const struct nanots_query none = {
        .struct_size = sizeof none, .flags = NANOTS_QUERY_FROM, .from = INT64_MAX};
    db_ok(nanots_query_arrow(plant.db, "plant", &none, NULL, &schema, &array, &db_error));
    assert_int_equal(array.length, 0);
    assert_int_equal(array.n_children, TYPED_COLUMNS + 1);
    array.release(&array);
    schema.release(&schema);
    plant_end(&plant);
}

/* ---- failures ----------------------------------------------------------------------------- */

static void arrow_out_refuses_wrong_arguments(void **state)
{
    static const char *const wrong[] = {"f64", "absent"};
    const struct nanots_arrow_options unset = {.time_as_int64 = 1};
    const struct nanots_query absent = {
        .struct_size = sizeof absent, .columns = wrong, .column_count = 2};
    struct plant plant;
    struct ArrowArrayStream stream = {.release = (void (*)(struct ArrowArrayStream *))1};
    struct ArrowSchema schema;
    struct ArrowArray array;

    plant_open(&plant, *state, 10);
    db_fails(nanots_query_arrow_stream(plant.db, "plant", NULL, NULL, NULL, &db_error),
             NANOTS_INVALID, "stream_out");
    db_fails(nanots_query_arrow_stream(NULL, "plant", NULL, NULL, &stream, &db_error),
             NANOTS_INVALID, "handle");
    assert_null(stream.release);
    db_fails(nanots_query_arrow_stream(plant.db, "plan", NULL, NULL, &stream, &db_error),
             NANOTS_NOT_FOUND, "plant");
    db_fails(nanots_query_arrow_stream(plant.db, "plant", &absent, NULL, &stream, &db_error),
             NANOTS_NOT_FOUND, "absent");
    db_fails(nanots_query_arrow_stream(plant.db, "plant", NULL, &unset, &stream, &db_error),
             NANOTS_INVALID, "struct_size");
    db_fails(nanots_query_arrow(plant.db, "plant", NULL, NULL, NULL, &array, &db_error),
             NANOTS_INVALID, "schema_out");
    db_fails(nanots_query_arrow(plant.db, "plant", NULL, NULL, &schema, NULL, &db_error),
             NANOTS_INVALID, "array_out");
    db_fails(nanots_query_arrow(plant.db, "plan", NULL, NULL, &schema, &array, &db_error),
             NANOTS_NOT_FOUND, "plant");
    assert_null(schema.release);
    assert_null(array.release);
    db_fails(nanots_table_arrow_schema(plant.db, "plan", NULL, &schema, &db_error),
             NANOTS_NOT_FOUND, "plant");
    db_fails(nanots_table_arrow_schema(plant.db, "plant", NULL, NULL, &db_error), NANOTS_INVALID,
             "schema_out");
    plant_end(&plant);
}

/* Blocks that the handle holds once it has read everything: what it found out of the file it keeps.
 */
static uint64_t plant_held(struct plant *plant)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    db_ok(nanots_query_arrow(plant->db, "plant", NULL, NULL, &schema, &array, &db_error));
    array.release(&array);
    schema.release(&schema);
    return plant->memory.block_count;
}

/* Each allocation of a whole query fails in turn: ENOMEM or NO_MEMORY, and nothing is left over. */
static void arrow_out_without_memory_leaves_nothing(void **state)
{
    struct plant plant;
    bool done = false;

    plant_open(&plant, *state, 20000);
    const uint64_t held = plant_held(&plant);
    for (uint64_t k = 0; !done; k++) {
        struct ArrowArrayStream stream;
        struct ArrowSchema schema = {.release = NULL};
        struct ArrowArray array = {.release = NULL};
        faultalloc_fail(&plant.memory, k, false);
        nanots_status status =
            nanots_query_arrow_stream(plant.db, "plant", NULL, NULL, &stream, &db_error);
        if (status == NANOTS_OK) {
            int code = stream.get_schema(&stream, &schema);
            while (code == 0) {
                code = stream.get_next(&stream, &array);
                if (code != 0 || array.release == NULL)
                    break;
                array.release(&array);
            }
            assert_true(code == 0 || code == ENOMEM);
            if (code != 0)
                assert_non_null(stream.get_last_error(&stream));
            if (schema.release != NULL)
                schema.release(&schema);
            stream.release(&stream);
        } else {
            assert_int_equal(status, NANOTS_NO_MEMORY);
            assert_null(stream.release);
        }
        done = !plant.memory.failed;
        assert_int_equal(plant.memory.block_count, held);
    }
    plant_end(&plant);
}

static void arrow_query_without_memory_leaves_nothing(void **state)
{
    struct plant plant;
    bool done = false;

    plant_open(&plant, *state, 70000);
    const uint64_t held = plant_held(&plant);
    for (uint64_t k = 0; !done; k++) {
        struct ArrowSchema schema;
        struct ArrowArray array;
        faultalloc_fail(&plant.memory, k, false);
        const nanots_status status =
            nanots_query_arrow(plant.db, "plant", NULL, NULL, &schema, &array, &db_error);
        assert_int_equal(status, plant.memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
        if (status == NANOTS_OK) {
            array.release(&array);
            schema.release(&schema);
        }
        assert_null(array.release);
        assert_null(schema.release);
        done = !plant.memory.failed;
        assert_int_equal(plant.memory.block_count, held);
    }
    plant_end(&plant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(arrow_schema_says_names_types_and_nulls),
        WITH_SCRATCH(arrow_schema_children_may_be_moved_out),
        WITH_SCRATCH(arrow_array_shows_the_memory_of_the_batch),
        WITH_SCRATCH(arrow_arrays_outlive_stream_and_database),
        WITH_SCRATCH(arrow_stream_reuses_the_arrays_that_were_released),
        WITH_SCRATCH(arrow_children_may_be_moved_out_and_released_by_threads),
        WITH_SCRATCH(arrow_query_gives_the_whole_result),
        WITH_SCRATCH(arrow_out_refuses_wrong_arguments),
        WITH_SCRATCH(arrow_out_without_memory_leaves_nothing),
        WITH_SCRATCH(arrow_query_without_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
