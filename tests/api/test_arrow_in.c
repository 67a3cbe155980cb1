/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_arrow_in.c - Arrow structs that lie, and who releases what when. Rows of honest
 * ones: arrow/test_arrow_pyarrow.py. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/arrow_made.h"
#include "support/db_helpers.h"
#include "support/faultalloc.h"
#include "support/scratch.h"

#define ROWS 4

static const struct nanots_column plant_columns[] = {
    {"number", NANOTS_TYPE_F64, NANOTS_COLUMN_NULLABLE},
    {"text", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE},
    {"view", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE},
    {"choice", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE},
    {"wide", NANOTS_TYPE_I64, NANOTS_COLUMN_NULLABLE},
    {"large", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE},
    {"blank", NANOTS_TYPE_I32, NANOTS_COLUMN_NULLABLE},
};
#define PLANT_COLUMNS (sizeof plant_columns / sizeof plant_columns[0])

enum { TS, NUMBER, TEXT, VIEW, CHOICE, WIDE, LARGE, BLANK };

/* A view of a string that is not in the view itself. */
struct far_view {
    int32_t size;
    char start[4];
    int32_t buffer;
    int32_t offset;
};

/* Memory that the structs point to; what the tests spoil is a copy. */
struct plant_data {
    int64_t ts[ROWS];
    double numbers[ROWS];
    uint8_t validity[1];
    int32_t offsets[ROWS + 1];
    int64_t large_offsets[ROWS + 1];
    struct far_view views[ROWS];
    int64_t view_sizes[1];
    int8_t indexes[ROWS];
    int16_t shorts[ROWS];
};

static const char far_text[] = "a text that is too long for a view";

static struct plant_data data_of_test(void)
{
    const int32_t far_size = (int32_t)sizeof far_text - 1;
    const struct plant_data data = {
        .ts = {10, 20, 30, 40},
        .numbers = {1.5, 2.5, 3.5, 4.5},
        .validity = {0x0d},
        .offsets = {0, 1, 3, 3, 6},
        .large_offsets = {0, 1, 3, 3, 6},
        .views = {{3, "abc", 0, 0}, {far_size, "a te", 0, 0}, {0, "", 0, 0}, {4, "text", 0, 0}},
        .view_sizes = {far_size},
        .indexes = {0, 1, 0, 1},
        .shorts = {-1, 2, -3, 4},
    };
    return data;
}

/* Good structs for the table "plant", of every kind of array. */
static void made_plant(struct arrow_made *made, struct plant_data *data)
{
    static const int32_t choices[] = {0, 3, 5};
    *data = data_of_test();
    arrow_made_init(made, ROWS);
    arrow_made_add(made, "ts", "l", NULL, data->ts, NULL);
    arrow_made_add(made, "number", "g", data->validity, data->numbers, NULL);
    arrow_made_add(made, "text", "u", data->validity, data->offsets, "abcdef");
    struct arrow_made_column *view =
        arrow_made_add(made, "view", "vu", NULL, data->views, far_text);
    view->array.n_buffers = 4;
    view->buffers[3] = data->view_sizes;
    struct arrow_made_column *choice =
        arrow_made_add(made, "choice", "c", data->validity, data->indexes, NULL);
    arrow_made_add_dictionary(choice, 2, choices, "offon");
    arrow_made_add(made, "wide", "s", data->validity, data->shorts, NULL);
    arrow_made_add(made, "large", "U", data->validity, data->large_offsets, "abcdef");
    arrow_made_add(made, "blank", "n", NULL, NULL, NULL)->array.n_buffers = 0;
}

static struct nanots_db *plant_db(const struct scratch *scratch,
                                  const struct nanots_allocator *allocator)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .allocator = allocator};
    struct nanots_db *db = db_open_with(scratch->path, &options);
    db_ok(nanots_create_table(db, "plant", plant_columns, PLANT_COLUMNS, &db_error));
    return db;
}

static size_t plant_rows(struct nanots_db *db)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    db_ok(nanots_query_arrow(db, "plant", NULL, NULL, &schema, &array, &db_error));
    const size_t count = (size_t)array.length;
    schema.release(&schema);
    array.release(&array);
    return count;
}

static void expect_text(const struct ArrowArray *array, int column, const char *wanted)
{
    const int32_t *offsets = array->children[column]->buffers[1];
    assert_int_equal(offsets[array->length], strlen(wanted));
    assert_memory_equal(array->children[column]->buffers[2], wanted, strlen(wanted));
}

static void arrow_array_is_taken_and_released_once(void **state)
{
    struct nanots_db *db = plant_db(*state, NULL);
    struct arrow_made made;
    struct plant_data data;
    struct ArrowSchema schema;
    struct ArrowArray array;
    uint64_t seq = 0;

    made_plant(&made, &data);
    db_ok(nanots_append_arrow(db, "plant", &made.schema, &made.array, NULL, &seq, &db_error));
    arrow_made_expect_released(&made);
    assert_int_equal(seq, ROWS);
    db_ok(nanots_query_arrow(db, "plant", NULL, NULL, &schema, &array, &db_error));
    assert_memory_equal(array.children[TS]->buffers[1], data.ts, sizeof data.ts);
    assert_int_equal(array.children[NUMBER]->null_count, 1);
    assert_int_equal(array.children[CHOICE]->null_count, 1);
    assert_int_equal(array.children[BLANK]->null_count, ROWS);
    expect_text(&array, TEXT, "adef");
    expect_text(&array, VIEW, "abca text that is too long for a viewtext");
    expect_text(&array, CHOICE, "offoffon");
    expect_text(&array, LARGE, "adef");
    const int64_t *wide = array.children[WIDE]->buffers[1];
    assert_int_equal(wide[0], -1);
    assert_int_equal(wide[2], -3);
    schema.release(&schema);
    array.release(&array);
    db_close(db);
}

/* Rows [1, 3) of the struct, whose children begin at their element 1: elements 2 and 3. */
static void arrow_offsets_of_struct_and_children_add_up(void **state)
{
    struct nanots_db *db = plant_db(*state, NULL);
    struct arrow_made made;
    struct plant_data data;
    struct ArrowSchema schema;
    struct ArrowArray array;

    made_plant(&made, &data);
    made.array.offset = 1;
    made.array.length = 2;
    for (int i = TS; i <= BLANK; i++) {
        made.columns[i].array.offset = 1;
        made.columns[i].array.length = ROWS - 1;
    }
    db_ok(nanots_append_arrow(db, "plant", &made.schema, &made.array, NULL, NULL, &db_error));
    db_ok(nanots_query_arrow(db, "plant", NULL, NULL, &schema, &array, &db_error));
    assert_int_equal(array.length, 2);
    assert_memory_equal(array.children[TS]->buffers[1], &data.ts[2], 2 * sizeof data.ts[0]);
    assert_memory_equal(array.children[NUMBER]->buffers[1], &data.numbers[2], 2 * sizeof(double));
    const int64_t *wide = array.children[WIDE]->buffers[1];
    assert_int_equal(wide[0], -3);
    assert_int_equal(wide[1], 4);
    expect_text(&array, TEXT, "def");
    expect_text(&array, VIEW, "text");
    expect_text(&array, CHOICE, "offon");
    expect_text(&array, LARGE, "def");
    schema.release(&schema);
    array.release(&array);
    db_close(db);
}

/* Seconds go into milliseconds and back where that is exact; the first that is not is named. */
static void arrow_times_are_converted_exactly_or_refused(void **state)
{
    static const struct {
        const char *format;
        int64_t ts[2];
        int64_t wanted[2]; /* in ms */
        const char *part;  /* or what the sentence says */
    } times[] = {
        {"tss:", {-7, INT64_MAX / 1000}, {-7000, INT64_MAX / 1000 * 1000}, NULL},
        {"tss:", {1, INT64_MAX / 1000 + 1}, {0, 0}, "row 1"},
        {"tss:", {INT64_MIN, 1}, {0, 0}, "row 0"},
        {"tsm:UTC", {INT64_MIN, INT64_MAX}, {INT64_MIN, INT64_MAX}, NULL},
        {"tsu:Asia/Tokyo", {-7000, 1000}, {-7, 1}, NULL},
        {"tsu:", {0, -1}, {0, 0}, "row 1"},
        {"tsn:", {-1000000, 2000000}, {-1, 2}, NULL},
        {"tsn:", {999999, 0}, {0, 0}, "row 0"},
        {"tdm", {-86400000, 86400000}, {-86400000, 86400000}, NULL},
    };
    const struct nanots_column column = {"v", NANOTS_TYPE_F64, 0};
    static const double values[2];
    struct nanots_db *db = plant_db(*state, NULL);

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        const char table[] = {'t', (char)('0' + i), '\0'};
        struct arrow_made made;
        struct nanots_series series;
        arrow_made_init(&made, 2);
        arrow_made_add(&made, "time", times[i].format, NULL, times[i].ts, NULL);
        arrow_made_add(&made, "v", "g", NULL, values, NULL);
        db_ok(nanots_create_table(db, table, &column, 1, &db_error));
        if (times[i].part != NULL) {
            db_fails(
                nanots_append_arrow(db, table, &made.schema, &made.array, NULL, NULL, &db_error),
                NANOTS_INVALID, times[i].part);
            continue;
        }
        db_ok(nanots_append_arrow(db, table, &made.schema, &made.array, NULL, NULL, &db_error));
        db_ok(nanots_query_range(db, table, INT64_MIN, INT64_MAX, &series, &db_error));
        assert_int_equal(series.row_count, 2);
        assert_memory_equal(series.ts, times[i].wanted, sizeof times[i].wanted);
        nanots_free(series.block);
    }
    db_close(db);
}

/* ---- lies --------------------------------------------------------------------------------- */

static void lie_array_released(struct arrow_made *made, struct plant_data *data)
{
    (void)data;
    made->array.release = NULL;
}
static void lie_schema_released(struct arrow_made *made, struct plant_data *data)
{
    (void)data;
    made->schema.release = NULL;
}

/* A line of the list below: what is told wrong, and a part of the sentence that comes of it. */
#define LIE(name, statement)                                                                       \
    static void lie_##name(struct arrow_made *made, struct plant_data *data)                       \
    {                                                                                              \
        struct arrow_made_column *columns = made->columns;                                         \
        (void)data;                                                                                \
        (void)columns;                                                                             \
        statement;                                                                                 \
    }
#define LIES(X)                                                                                    \
    X(format_null, made->schema.format = NULL, "no struct")                                        \
    X(format_other, made->schema.format = "g", "no struct")                                        \
    X(schema_dictionary, made->schema.dictionary = &columns[TS].schema, "no struct")               \
    X(schema_count, made->schema.n_children = -1, "-1 columns")                                    \
    X(schema_empty, made->schema.n_children = 0, "0 columns")                                      \
    X(schema_many, made->schema.n_children = INT64_MAX, "columns")                                 \
    X(schema_children, made->schema.children = NULL, "columns")                                    \
    X(child_schema, made->schema_children[TEXT] = NULL, "column 2")                                \
    X(child_schema_moved, columns[TEXT].schema.release = NULL, "column 2")                         \
    X(child_format, columns[TEXT].schema.format = NULL, "column 2")                                \
    X(child_format_empty, columns[TEXT].schema.format = "", "'text'")                              \
    X(child_children, columns[TEXT].schema.n_children = -1, "column 2")                            \
    X(child_unnamed, columns[TEXT].schema.name = NULL, "''")                                       \
    X(time_unnamed, columns[TS].schema.name = "when", "time column")                               \
    X(named_twice, columns[TEXT].schema.name = "number", "two columns")                            \
    X(dictionary_format, columns[CHOICE].dictionary_schema.format = NULL, "column 4")              \
    X(dictionary_schema_moved, columns[CHOICE].dictionary_schema.release = NULL, "column 4")       \
    X(length, made->array.length = -1, "negative")                                                 \
    X(length_far, made->array.length = INT64_MAX, "beyond")                                        \
    X(length_more, made->array.length = ROWS + 1, "shorter")                                       \
    X(offset, made->array.offset = -1, "negative")                                                 \
    X(offset_far, made->array.offset = INT64_MAX, "beyond")                                        \
    X(offset_more, made->array.offset = 1, "shorter")                                              \
    X(nulls, made->array.null_count = -2, "null_count")                                            \
    X(nulls_many, made->array.null_count = ROWS + 1, "null_count")                                 \
    X(nulls_nowhere, made->array.null_count = 1, "validity")                                       \
    X(whole_null, (made->buffers[0] = data->validity, made->array.null_count = -1), "row 1")       \
    X(count, made->array.n_children = 1, "number of columns")                                      \
    X(count_negative, made->array.n_children = -1, "number of columns")                            \
    X(children, made->array.children = NULL, "number of columns")                                  \
    X(buffer_count, made->array.n_buffers = 0, "no struct")                                        \
    X(buffers_null, made->array.buffers = NULL, "no struct")                                       \
    X(dictionary_whole, made->array.dictionary = &columns[TS].array, "no struct")                  \
    X(time_null, made->children[TS] = NULL, "NULL")                                                \
    X(time_moved, columns[TS].array.release = NULL, "released")                                    \
    X(time_values, columns[TS].buffers[1] = NULL, "no values")                                     \
    X(time_nulls, (columns[TS].buffers[0] = data->validity, columns[TS].array.null_count = -1),    \
      "row 1: is null")                                                                            \
    X(time_dictionary, columns[TS].array.dictionary = &columns[CHOICE].dictionary, "dictionary")   \
    X(child, made->children[NUMBER] = NULL, "'number'")                                            \
    X(child_moved, columns[NUMBER].array.release = NULL, "released")                               \
    X(child_length, columns[NUMBER].array.length = ROWS - 1, "shorter")                            \
    X(child_length_negative, columns[NUMBER].array.length = -1, "negative")                        \
    X(child_offset, columns[NUMBER].array.offset = -1, "negative")                                 \
    X(child_offset_far, columns[NUMBER].array.offset = INT64_MAX, "beyond")                        \
    X(child_nulls, columns[NUMBER].array.null_count = ROWS + 1, "null_count")                      \
    X(child_validity, (columns[NUMBER].buffers[0] = NULL, columns[NUMBER].array.null_count = 1),   \
      "no validity")                                                                               \
    X(child_values, columns[NUMBER].buffers[1] = NULL, "no values")                                \
    X(child_buffers, columns[NUMBER].array.buffers = NULL, "no buffers")                           \
    X(child_buffer_count, columns[NUMBER].array.n_buffers = 3, "number of buffers")                \
    X(child_buffer_few, columns[NUMBER].array.n_buffers = 1, "number of buffers")                  \
    X(child_deep, columns[NUMBER].array.n_children = 1, "children")                                \
    X(child_dictionary, columns[NUMBER].array.dictionary = &columns[CHOICE].dictionary,            \
      "dictionary")                                                                                \
    X(text_buffer_count, columns[TEXT].array.n_buffers = 2, "number of buffers")                   \
    X(text_bytes, columns[TEXT].buffers[2] = NULL, "'text'")                                       \
    X(text_negative, data->offsets[0] = -1, "'text'")                                              \
    X(text_backwards, data->offsets[2] = 0, "row 1")                                               \
    X(text_encoding, columns[TEXT].buffers[2] = "abcde\xff", "row 3")                              \
    X(large_bytes, columns[LARGE].buffers[2] = NULL, "'large'")                                    \
    X(large_negative, data->large_offsets[0] = -1, "'large'")                                      \
    X(large_backwards, data->large_offsets[3] = 7, "row 3")                                        \
    X(large_far, data->large_offsets[4] = INT64_MAX, "row 3")                                      \
    X(view_buffer_count, columns[VIEW].array.n_buffers = 2, "number of buffers")                   \
    X(view_buffer_many, columns[VIEW].array.n_buffers = INT64_MAX, "number of buffers")            \
    X(view_sizes, columns[VIEW].buffers[3] = NULL, "sizes")                                        \
    X(view_data, columns[VIEW].buffers[2] = NULL, "row 1")                                         \
    X(view_negative, data->views[0].size = -1, "row 0")                                            \
    X(view_index, data->views[1].buffer = 1, "row 1")                                              \
    X(view_index_negative, data->views[1].buffer = -1, "row 1")                                    \
    X(view_offset, data->views[1].offset = 1, "row 1")                                             \
    X(view_offset_negative, data->views[1].offset = -1, "row 1")                                   \
    X(view_size, data->view_sizes[0] = 5, "row 1")                                                 \
    X(view_size_negative, data->view_sizes[0] = INT64_MIN, "row 1")                                \
    X(index, data->indexes[2] = 2, "row 2")                                                        \
    X(index_negative, data->indexes[2] = -1, "row 2")                                              \
    X(dictionary, columns[CHOICE].array.dictionary = NULL, "dictionary")                           \
    X(dictionary_deep, columns[CHOICE].dictionary.dictionary = &columns[TS].array, "dictionary")   \
    X(dictionary_moved, columns[CHOICE].dictionary.release = NULL, "released")                     \
    X(dictionary_length, columns[CHOICE].dictionary.length = -1, "negative")                       \
    X(dictionary_short, columns[CHOICE].dictionary.length = 1, "row 3")                            \
    X(dictionary_values, columns[CHOICE].dictionary_buffers[1] = NULL, "no values")

#define LIE_DEFINE(name, statement, part) LIE(name, statement)
LIES(LIE_DEFINE)

static const struct {
    const char *name;
    void (*tell)(struct arrow_made *made, struct plant_data *data);
    const char *part;
} lies[] = {
#define LIE_ROW(name, statement, part) {#name, lie_##name, part},
    LIES(LIE_ROW)
#undef LIE_ROW
};

/* Every lie is a status and a sentence; the structs are released once all the same, nothing is
 * appended and nothing is left allocated. */
static void arrow_lies_are_refused(void **state)
{
    struct faultalloc memory;
    faultalloc_init(&memory);
    struct nanots_db *db = plant_db(*state, &memory.alloc);

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct arrow_made made;
        struct plant_data data;
        uint64_t seq = 9;
        const uint64_t held = memory.block_count;
        made_plant(&made, &data);
        lies[i].tell(&made, &data);
        const nanots_status status =
            nanots_append_arrow(db, "plant", &made.schema, &made.array, NULL, &seq, &db_error);
        if (status == NANOTS_OK || strstr(db_error.message, lies[i].part) == NULL)
            fail_msg("lie '%s': status %d, '%s'", lies[i].name, (int)status, db_error.message);
        assert_int_equal(db_error.code, status);
        assert_true(status == NANOTS_INVALID || status == NANOTS_TYPE_MISMATCH ||
                    status == NANOTS_NOT_FOUND || status == NANOTS_TOO_BIG);
        assert_int_equal(seq, 0);
        assert_int_equal(memory.block_count, held);
        arrow_made_expect_released(&made);
    }
    assert_int_equal(plant_rows(db), 0);
    db_close(db);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

/* What was released before is not released again, and the other of the two is. */
static void arrow_structs_released_before_are_refused(void **state)
{
    struct nanots_db *db = plant_db(*state, NULL);
    struct arrow_made made;
    struct plant_data data;

    made_plant(&made, &data);
    lie_array_released(&made, &data);
    db_fails(nanots_append_arrow(db, "plant", &made.schema, &made.array, NULL, NULL, &db_error),
             NANOTS_INVALID, "array was released");
    assert_int_equal(made.schemas_released, 1);
    assert_int_equal(made.arrays_released, 0);
    made_plant(&made, &data);
    lie_schema_released(&made, &data);
    db_fails(nanots_append_arrow(db, "plant", &made.schema, &made.array, NULL, NULL, &db_error),
             NANOTS_INVALID, "schema was released");
    assert_int_equal(made.schemas_released, 0);
    assert_int_equal(made.arrays_released, 1);
    made_plant(&made, &data);
    made.stream.release = NULL;
    db_fails(nanots_append_arrow_stream(db, "plant", &made.stream, NULL, NULL, &db_error),
             NANOTS_INVALID, "stream was released");
    assert_int_equal(made.streams_released, 0);
    db_close(db);
}

/* Wrong arguments beside the structs: they are released. */
static void arrow_in_refuses_wrong_arguments(void **state)
{
    const struct nanots_arrow_append_options unset = {.flags = NANOTS_ARROW_CREATE};
    const struct nanots_arrow_append_options unknown = {sizeof unknown, 2, NULL, 0};
    const struct nanots_arrow_append_options create = {sizeof create, NANOTS_ARROW_CREATE, NULL, 9};
    struct nanots_db *db = plant_db(*state, NULL);
    const struct {
        struct nanots_db *db;
        const char *table;
        const struct nanots_arrow_append_options *options;
        nanots_status status;
        const char *part;
    } calls[] = {{NULL, "plant", NULL, NANOTS_INVALID, "handle"},
                 {db, NULL, NULL, NANOTS_INVALID, "name"},
                 {db, "plan", NULL, NANOTS_NOT_FOUND, "plant"},
                 {db, "plant", &unset, NANOTS_INVALID, "struct_size"},
                 {db, "plant", &unknown, NANOTS_INVALID, "flags"},
                 {db, "new", &create, NANOTS_INVALID, "duplicates"},
                 {db, "nanots_new", &create, NANOTS_INVALID, "reserved"}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct arrow_made made;
        struct plant_data data;
        made_plant(&made, &data);
        db_fails(nanots_append_arrow(calls[i].db, calls[i].table, &made.schema, &made.array,
                                     calls[i].options, NULL, &db_error),
                 calls[i].status, calls[i].part);
        arrow_made_expect_released(&made);
        made_plant(&made, &data);
        made.arrays_left = 1;
        db_fails(nanots_append_arrow_stream(calls[i].db, calls[i].table, &made.stream,
                                            calls[i].options, NULL, &db_error),
                 calls[i].status, calls[i].part);
        assert_int_equal(made.streams_released, 1);
        assert_int_equal(made.arrays_given, 0);
    }
    db_fails(nanots_append_arrow(db, "plant", NULL, NULL, NULL, NULL, &db_error), NANOTS_INVALID,
             "schema is NULL");
    db_fails(nanots_append_arrow_stream(db, "plant", NULL, NULL, NULL, &db_error), NANOTS_INVALID,
             "stream is NULL");
    db_close(db);
}

/* ---- streams ------------------------------------------------------------------------------ */

static void arrow_stream_is_taken_and_released_once(void **state)
{
    struct nanots_db *db = plant_db(*state, NULL);
    struct arrow_made made;
    struct plant_data data;
    uint64_t seq = 0;

    made_plant(&made, &data);
    made.arrays_left = 3;
    db_ok(nanots_append_arrow_stream(db, "plant", &made.stream, NULL, &seq, &db_error));
    assert_int_equal(seq, (uint64_t)3 * ROWS);
    assert_int_equal(made.arrays_released, 3);
    assert_int_equal(made.schemas_released, 1);
    assert_int_equal(made.streams_released, 1);
    made_plant(&made, &data);
    db_ok(nanots_append_arrow_stream(db, "plant", &made.stream, NULL, &seq, &db_error));
    assert_int_equal(seq, (uint64_t)3 * ROWS); /* of the last row there is */
    assert_int_equal(plant_rows(db), 3u * ROWS);
    db_close(db);
}

static void arrow_stream_that_fails_is_told(void **state)
{
    static const struct {
        int code;
        const char *failure;
        nanots_status status;
        const char *part;
    } failures[] = {{EIO, "the wire is cut", NANOTS_IO, "the wire is cut"},
                    {ENOMEM, NULL, NANOTS_NO_MEMORY, "no reason"},
                    {EINVAL, "wrong", NANOTS_INVALID, "wrong"},
                    {ENOSYS, "", NANOTS_IO, "errno"}};
    struct nanots_db *db = plant_db(*state, NULL);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct arrow_made made;
        struct plant_data data;
        made_plant(&made, &data);
        made.failure = failures[i].failure;
        made.schema_errno = failures[i].code;
        db_fails(nanots_append_arrow_stream(db, "plant", &made.stream, NULL, NULL, &db_error),
                 failures[i].status, failures[i].part);
        assert_int_equal(made.streams_released, 1);
        assert_int_equal(made.schemas_released, 0); /* none was given */
        made_plant(&made, &data);
        made.failure = failures[i].failure;
        made.next_errno = failures[i].code;
        made.arrays_left = 2;
        db_fails(nanots_append_arrow_stream(db, "plant", &made.stream, NULL, NULL, &db_error),
                 failures[i].status, "8 rows before are in");
        assert_int_equal(made.streams_released, 1);
        assert_int_equal(made.schemas_released, 1);
        assert_int_equal(made.arrays_released, 2);
    }
    assert_int_equal(plant_rows(db), 4u * 2 * ROWS);
    struct arrow_made made;
    struct plant_data data;
    made_plant(&made, &data);
    made.stream.get_next = NULL;
    db_fails(nanots_append_arrow_stream(db, "plant", &made.stream, NULL, NULL, &db_error),
             NANOTS_INVALID, "get_next");
    assert_int_equal(made.streams_released, 1);
    db_close(db);
}

/* ---- limits and memory -------------------------------------------------------------------- */

/* More than a record may hold goes in by parts, in order; a single row over the limit is told, with
 * what is in already. */
static void arrow_array_over_a_limit_goes_in_by_parts(void **state)
{
    enum { COUNT = 20000, TEXT_SIZE = 70000 };
    const struct scratch *scratch = *state;
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .max_record_size = 64u << 10};
    struct nanots_db *db = db_open_with(scratch->path, &options);
    const struct nanots_column columns[] = {{"v", NANOTS_TYPE_F64, 0}, {"w", NANOTS_TYPE_UTF8, 0}};
    struct db_rows wanted = db_rows_new(1);
    struct arrow_made made;
    int64_t *ts = malloc(COUNT * sizeof *ts);
    double *values = malloc(COUNT * sizeof *values);
    int32_t *offsets = calloc(COUNT + 1, sizeof *offsets);
    char *text = malloc(TEXT_SIZE);
    uint64_t seq = 0;

    memset(text, 'x', TEXT_SIZE);
    for (int i = 0; i < COUNT; i++) {
        ts[i] = i;
        values[i] = i * 0.5;
        db_rows_add(&wanted, ts[i], &values[i]);
    }
    db_ok(nanots_create_table(db, "t", columns, 1, &db_error));
    arrow_made_init(&made, COUNT);
    arrow_made_add(&made, "ts", "l", NULL, ts, NULL);
    arrow_made_add(&made, "v", "g", NULL, values, NULL);
    db_ok(nanots_append_arrow(db, "t", &made.schema, &made.array, NULL, &seq, &db_error));
    assert_int_equal(seq, COUNT);
    db_expect_table(db, "t", &wanted);

    db_ok(nanots_create_table(db, "u", columns, 2, &db_error));
    arrow_made_init(&made, 100);
    offsets[100] = TEXT_SIZE; /* row 99 */
    arrow_made_add(&made, "ts", "l", NULL, ts, NULL);
    arrow_made_add(&made, "v", "g", NULL, values, NULL);
    arrow_made_add(&made, "w", "u", NULL, offsets, text);
    db_fails(nanots_append_arrow(db, "u", &made.schema, &made.array, NULL, &seq, &db_error),
             NANOTS_TOO_BIG, "99 rows before are in");
    arrow_made_expect_released(&made);
    db_rows_free(&wanted);
    free(ts);
    free(values);
    free(offsets);
    free(text);
    db_close(db);
}

/* Each allocation of an append fails in turn. */
static void arrow_in_without_memory_leaves_nothing(void **state)
{
    const struct nanots_arrow_append_options create = {sizeof create, NANOTS_ARROW_CREATE, NULL, 0};
    struct faultalloc memory;
    bool done = false;
    faultalloc_init(&memory);
    struct nanots_db *db = plant_db(*state, &memory.alloc);
    for (uint64_t k = 0; !done; k++) {
        struct arrow_made made;
        struct plant_data data;
        made_plant(&made, &data);
        made.schema.n_children = made.array.n_children = BLANK; /* null makes no column */
        faultalloc_fail(&memory, k, false);
        const nanots_status status =
            nanots_append_arrow(db, "made", &made.schema, &made.array, &create, NULL, &db_error);
        done = !memory.failed;
        assert_int_equal(status, done ? NANOTS_OK : NANOTS_NO_MEMORY);
        arrow_made_expect_released(&made);
    }
    faultalloc_heal(&memory);
    db_close(db);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

/* Numbers at odd addresses are read all the same. */
static void arrow_buffers_need_no_alignment(void **state)
{
    struct nanots_db *db = plant_db(*state, NULL);
    struct arrow_made made;
    struct plant_data data;
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct {
        uint8_t odd;
        uint8_t bytes[8 * (ROWS + 1)];
    } ts, numbers, offsets;

    made_plant(&made, &data);
    memcpy(ts.bytes, data.ts, sizeof data.ts);
    memcpy(numbers.bytes, data.numbers, sizeof data.numbers);
    memcpy(offsets.bytes, data.offsets, sizeof data.offsets);
    made.columns[TS].buffers[1] = ts.bytes;
    made.columns[NUMBER].buffers[1] = numbers.bytes;
    made.columns[TEXT].buffers[1] = offsets.bytes;
    db_ok(nanots_append_arrow(db, "plant", &made.schema, &made.array, NULL, NULL, &db_error));
    db_ok(nanots_query_arrow(db, "plant", NULL, NULL, &schema, &array, &db_error));
    assert_memory_equal(array.children[TS]->buffers[1], data.ts, sizeof data.ts);
    assert_memory_equal((const double *)array.children[NUMBER]->buffers[1] + 2, &data.numbers[2],
                        2 * sizeof(double));
    expect_text(&array, TEXT, "adef");
    schema.release(&schema);
    array.release(&array);
    db_close(db);
}

/* Goal: arrays in a group are there with its commit, all or none; each struct is released once. */
static void arrow_arrays_in_a_group_are_seen_at_its_commit(void **state)
{
    const struct nanots_arrow_append_options create = {.struct_size = sizeof create,
                                                       .flags = NANOTS_ARROW_CREATE};
    struct nanots_db *db = plant_db(*state, NULL);
    struct nanots_group *group = NULL;
    struct arrow_made made;
    struct plant_data data;

    db_ok(nanots_batch_begin(db, &group, &db_error));
    for (unsigned i = 0; i < 3; i++) {
        made_plant(&made, &data);
        db_ok(
            nanots_group_append_arrow(group, "plant", &made.schema, &made.array, NULL, &db_error));
        arrow_made_expect_released(&made);
    }
    made_plant(&made, &data);
    db_fails(nanots_group_append_arrow(group, "plane", &made.schema, &made.array, NULL, &db_error),
             NANOTS_NOT_FOUND, "plant");
    arrow_made_expect_released(&made);
    made_plant(&made, &data);
    db_fails(nanots_group_append_arrow(group, "new", &made.schema, &made.array, &create, &db_error),
             NANOTS_INVALID, "makes no tables");
    arrow_made_expect_released(&made);
    made_plant(&made, &data);
    db_fails(nanots_group_append_arrow(NULL, "plant", &made.schema, &made.array, NULL, &db_error),
             NANOTS_INVALID, "the group");
    arrow_made_expect_released(&made);
    assert_int_equal(plant_rows(db), 0);
    db_ok(nanots_batch_commit(group, NULL, &db_error));
    assert_int_equal(plant_rows(db), 3 * ROWS);
    db_ok(nanots_batch_begin(db, &group, &db_error));
    made_plant(&made, &data);
    db_ok(nanots_group_append_arrow(group, "plant", &made.schema, &made.array, NULL, &db_error));
    nanots_batch_rollback(group);
    assert_int_equal(plant_rows(db), 3 * ROWS);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(arrow_array_is_taken_and_released_once),
        WITH_SCRATCH(arrow_offsets_of_struct_and_children_add_up),
        WITH_SCRATCH(arrow_times_are_converted_exactly_or_refused),
        WITH_SCRATCH(arrow_lies_are_refused),
        WITH_SCRATCH(arrow_structs_released_before_are_refused),
        WITH_SCRATCH(arrow_in_refuses_wrong_arguments),
        WITH_SCRATCH(arrow_stream_is_taken_and_released_once),
        WITH_SCRATCH(arrow_stream_that_fails_is_told),
        WITH_SCRATCH(arrow_array_over_a_limit_goes_in_by_parts),
        WITH_SCRATCH(arrow_in_without_memory_leaves_nothing),
        WITH_SCRATCH(arrow_buffers_need_no_alignment),
        WITH_SCRATCH(arrow_arrays_in_a_group_are_seen_at_its_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
