/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_arrow_import.c - bytes make Arrow structs, which the library takes or refuses.
 *
 *   0       1       2        3         4      5      then for each column
 *   +-------+-------+--------+---------+------+------+------+--------+--------+--------+-----
 *   | length| offset| nulls  | children| lies | flags| name | format | length | offset | nulls ..
 *   +-------+-------+--------+---------+------+------+------+--------+--------+--------+-----
 *
 * Counts, lengths, offsets, pointers and what the buffers hold are the input's; only the size of
 * each buffer is what the interface promises for the lengths that are told, to the byte. What is
 * taken is encoded as a record of the log, which must be right.
 */
#include <stdlib.h>
#include <string.h>

#include "arrow/import.h"
#include "engine/append_rows.h"
#include "format/rows_payload.h"

#define COLUMNS_MAX 8u
#define ROWS_MAX    40
#define TEXT_SIZE   128 /* offsets of strings are an int8, so no more can be asked for */
#define BLOCKS_MAX  128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    void *blocks[BLOCKS_MAX];
    size_t block_count;
};

struct column {
    struct ArrowSchema schema;
    struct ArrowArray array;
    const void *buffers[5];
};

static const struct nanots_column table_columns[] = {
    {"a", NANOTS_TYPE_F64, NANOTS_COLUMN_NULLABLE},
    {"b", NANOTS_TYPE_F32, NANOTS_COLUMN_NULLABLE},
    {"c", NANOTS_TYPE_I64, NANOTS_COLUMN_NULLABLE},
    {"d", NANOTS_TYPE_I32, NANOTS_COLUMN_NULLABLE},
    {"e", NANOTS_TYPE_BOOL, NANOTS_COLUMN_NULLABLE},
    {"f", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE},
    {"g", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE},
};

static uint8_t next_byte(struct input *input)
{
    return input->at < input->size ? input->bytes[input->at++] : 0;
}

/* Mostly small, now and then impossible. What is between would ask for buffers of that size. */
static int64_t next_count(struct input *input)
{
    static const int64_t odd[] = {-1, -2, INT64_MAX, INT64_MIN, INT64_MAX - 7, ROWS_MAX + 1};
    const uint8_t byte = next_byte(input);
    return byte < 200 ? byte % (ROWS_MAX + 1) : odd[byte % (sizeof odd / sizeof odd[0])];
}

/* As often as not unknown. */
static int64_t next_null_count(struct input *input)
{
    return next_byte(input) % 2 == 0 ? -1 : next_count(input);
}

/* A block of exactly this size. */
static uint8_t *new_block(struct input *input, size_t size)
{
    uint8_t *block = malloc(size);
    if ((block == NULL && size != 0) || input->block_count == BLOCKS_MAX)
        abort();
    input->blocks[input->block_count++] = block;
    return block;
}

/* With bytes of the input, as many as there are, then zeros. */
static uint8_t *next_block(struct input *input, size_t size)
{
    uint8_t *block = new_block(input, size);
    for (size_t i = 0; i < size; i++)
        block[i] = next_byte(input);
    return block;
}

static void release_schema(struct ArrowSchema *schema)
{
    (void)schema;
    abort(); /* nothing below the public calls releases */
}

static void release_array(struct ArrowArray *array)
{
    (void)array;
    abort();
}

/* `count` offsets of strings, each from one byte. */
static uint8_t *next_offsets(struct input *input, size_t count, size_t width)
{
    uint8_t *offsets = new_block(input, count * width);
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const int8_t step = (int8_t)next_byte(input);
        sum = step < 100 && sum + (step & 3) < TEXT_SIZE ? sum + (step & 3) : step;
        const int32_t narrow = (int32_t)sum;
        memcpy(offsets + i * width, width == 8 ? (const void *)&sum : (const void *)&narrow, width);
    }
    return offsets;
}

/* Buffers for elements [0, count) of a kind. */
static void fill_buffers(struct input *input, struct column *column, enum nts_arrow_kind kind,
                         size_t count)
{
    const uint8_t lies = next_byte(input);
    column->buffers[0] = (lies & 1) != 0 ? next_block(input, (count + 7) / 8) : NULL;
    column->array.n_buffers = kind == NTS_ARROW_NULL ? 0 : 2;
    if (kind == NTS_ARROW_STRING || kind == NTS_ARROW_LARGE_STRING) {
        column->array.n_buffers = 3;
        column->buffers[1] = next_offsets(input, count + 1, kind == NTS_ARROW_STRING ? 4 : 8);
        column->buffers[2] = next_block(input, TEXT_SIZE);
    } else if (kind == NTS_ARROW_STRING_VIEW) {
        int64_t *sizes = (int64_t *)(void *)next_block(input, sizeof *sizes);
        *sizes = next_byte(input) % 32;
        column->array.n_buffers = 4;
        column->buffers[1] = next_block(input, count * 16);
        column->buffers[2] = next_block(input, (size_t)*sizes);
        column->buffers[3] = sizes;
    } else {
        const size_t width = nts_arrow_kind_width(kind);
        column->buffers[1] = next_block(input, width == 0 ? (count + 7) / 8 : count * width);
    }
    if (lies >= 240)
        column->buffers[lies % 5] = NULL;
    if (lies >= 230 && lies < 240)
        column->array.n_buffers = lies % 7 - 1;
    if (column->array.n_buffers > 2 && kind != NTS_ARROW_STRING_VIEW && lies >= 230)
        column->array.n_buffers = 2; /* five is all there is room for */
}

static enum nts_arrow_kind next_format(struct input *input, struct column *column)
{
    static const char *const formats[] = {
        "g",  "f", "l",   "i",   "b",    "u",    "U",       "vu",   "n",    "c", "C",
        "s",  "S", "I",   "L",   "tdD",  "tdm",  "tsm:",    "tss:", "tsu:", "e", "z",
        "+s", "",  "tsn", "tts", "tsn:", "tsmx", "tsm:UTC", "w:3",  "d:3,2"};
    column->schema.format = formats[next_byte(input) % (sizeof formats / sizeof formats[0])];
    return nts_arrow_kind_of(column->schema.format);
}

/* `rows` is what the struct asks of each child. */
static void fill_column(struct input *input, struct column *column, int64_t rows,
                        bool in_dictionary)
{
    static const char *const names[] = {"ts", "a", "b", "c", "d", "e", "f", "g", "time", "", NULL};
    memset(column, 0, sizeof *column);
    column->schema.name = names[next_byte(input) % (sizeof names / sizeof names[0])];
    column->schema.flags = ARROW_FLAG_NULLABLE;
    column->schema.release = release_schema;
    column->array.release = release_array;
    column->array.buffers = column->buffers;
    const enum nts_arrow_kind kind = next_format(input, column);
    const int64_t length = next_count(input);
    const int64_t offset = next_count(input);
    column->array.length = length;
    column->array.offset = offset;
    column->array.null_count = next_null_count(input);
    const int64_t shown = length < rows || in_dictionary ? length : rows;
    const bool is_sane =
        shown >= 0 && offset >= 0 && shown <= 4 * ROWS_MAX && offset <= 2 * ROWS_MAX;
    fill_buffers(input, column, kind, is_sane ? (size_t)(shown + offset) : 0);
    if (next_byte(input) == 255)
        column->array.release = NULL;
    if (next_byte(input) == 255)
        column->array.n_children = 1;
}

/* Views that are taken make a record that is right; all arrays are read to the end for it. */
static void check_views(const struct nts_arrow_views *views, const struct nts_table_def *def)
{
    struct nts_rows rows = {.def = def,
                            .ts = views->ts,
                            .views = views->columns,
                            .row_count = (uint32_t)views->row_count,
                            .column_count = views->column_count};
    uint64_t text_size = 0;
    if (views->row_count == 0 || nts_rows_prepare(&rows, def, NULL) != NANOTS_OK)
        return;
    uint8_t *payload = malloc((size_t)rows.payload_size);
    if (payload == NULL)
        abort();
    nts_rows_encode(&rows, def, payload);
    if (nts_rows_payload_check(def, def->column_count, rows.row_count, payload,
                               (size_t)rows.payload_size, &text_size, NULL) != NANOTS_OK ||
        text_size != rows.text_size)
        abort();
    free(payload);
}

/* A status other than OK has a sentence. */
static bool is_taken(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK && (error->code != status || error->message[0] == '\0'))
        abort();
    return status == NANOTS_OK;
}

static void import_into(const struct nts_table_def *def, const struct ArrowSchema *schema,
                        const struct ArrowArray *array)
{
    struct nanots_error error = {.code = NANOTS_OK};
    struct nts_arrow_plan *plan = NULL;
    struct nts_arrow_views views;
    if (!is_taken(nts_arrow_plan_new(nts_alloc_libc(), schema, def, NULL, &plan, &error), &error))
        return;
    if (is_taken(nts_arrow_views_init(&views, nts_alloc_libc(), plan, array, &error), &error)) {
        check_views(&views, def);
        nts_arrow_views_deinit(&views);
    }
    nts_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.bytes = data, .size = size};
    static struct column columns[COLUMNS_MAX];
    static struct column dictionaries[COLUMNS_MAX];
    struct ArrowSchema *schema_children[COLUMNS_MAX];
    struct ArrowArray *children[COLUMNS_MAX];
    const void *buffers[1] = {NULL};
    struct nts_table_def *made = NULL;
    struct nanots_error error = {.code = NANOTS_OK};
    struct ArrowArray array = {.length = next_count(&input),
                               .offset = next_count(&input),
                               .null_count = next_null_count(&input),
                               .n_buffers = 1,
                               .buffers = buffers,
                               .children = children,
                               .release = release_array};
    struct ArrowSchema schema = {
        .format = "+s", .children = schema_children, .release = release_schema};
    const size_t count = 1 + next_byte(&input) % COLUMNS_MAX;
    const uint8_t lies = next_byte(&input);
    const bool is_sane = array.length >= 0 && array.offset >= 0 && array.length <= ROWS_MAX + 1 &&
                         array.offset <= ROWS_MAX + 1;
    const int64_t rows = is_sane ? array.length + array.offset : 0;

    schema.n_children = (int64_t)count;
    array.n_children = (int64_t)count - (lies == 255);
    if ((lies & 15) == 1)
        buffers[0] = next_block(&input, (size_t)(rows + 7) / 8);
    for (size_t i = 0; i < count; i++) {
        fill_column(&input, &columns[i], rows, false);
        schema_children[i] = &columns[i].schema;
        children[i] = lies == 254 && i == 1 ? NULL : &columns[i].array;
        const uint8_t coded = next_byte(&input);
        if (coded < 160)
            continue;
        fill_column(&input, &dictionaries[i], 0, true);
        columns[i].schema.dictionary = coded != 255 ? &dictionaries[i].schema : NULL;
        columns[i].array.dictionary = coded != 254 ? &dictionaries[i].array : NULL;
    }
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), 1, 0, "plant", table_columns,
                          sizeof table_columns / sizeof table_columns[0], NULL);
    if (def == NULL)
        abort();
    import_into(def, &schema, &array);
    if (is_taken(nts_arrow_define(nts_alloc_libc(), &schema, "made", NULL,
                                  NANOTS_DUPLICATES_KEEP_ALL, &made, &error),
                 &error)) {
        import_into(made, &schema, &array);
        nts_free(made);
    }
    nts_free(def);
    for (size_t i = 0; i < input.block_count; i++)
        free(input.blocks[i]);
    return 0;
}
