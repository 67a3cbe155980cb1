/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_query.c - bytes make a table, rows and queries; answers are those of a naive model.
 *
 *   columns, duplicates, unit | append 5 | flush | query -.  | append 3000 | pack | query | ...
 *                                                         `---- read later: sees its rows alone
 *
 * Columns are of all types and tables of all three kinds of duplicates; times step back, stay and
 * lie at the ends of int64; queries have bounds, both, none, crossed, columns in any order, twice
 * or unknown, a limit, and either direction. The model is an array, sorted for each question.
 * The file lies in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "nanots.h"
#include "support/memfile.h"

#define FILE_SIZE_MAX (64u << 20)
#define COLUMNS_MAX   4u
#define ROWS_MAX      2600u
#define CURSORS_MAX   2u
#define WANTED_MAX    6u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *bytes;
    size_t size;
    size_t at;
};

/* A value is its bits; a text is the number of a constant. */
struct cell {
    uint64_t bits;
    bool is_null;
};

struct row {
    int64_t ts;
    size_t arrival;
    struct cell cells[COLUMNS_MAX];
};

/* A question, what is to come, and how far it came. */
struct pending {
    struct nanots_cursor *cursor; /* NULL: none */
    size_t wanted[WANTED_MAX];
    size_t wanted_count;
    struct row *rows;
    size_t row_count;
    size_t at;
};

struct plant {
    struct input input;
    struct memfile_disk disk;
    struct nanots_db *db;
    struct nanots_column columns[COLUMNS_MAX];
    size_t column_count;
    nanots_duplicates duplicates;
    struct row *rows; /* ROWS_MAX, in order of arrival */
    size_t row_count;
    int64_t ts;
    struct pending pending[CURSORS_MAX];
};

static const char *const texts[] = {"",    "a", "word", "\xC3\xA4", "a longer text than others",
                                    "a\nb"};
#define TEXT_COUNT (sizeof texts / sizeof texts[0])

static void require(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t next_byte(struct input *input)
{
    return input->at < input->size ? input->bytes[input->at++] : 0;
}

static uint64_t next_number(struct input *input)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | next_byte(input);
    return number;
}

/* ---- rows --------------------------------------------------------------------------------- */

static int64_t next_ts(struct plant *plant)
{
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    const uint8_t byte = next_byte(&plant->input);
    const int64_t step = byte % 16;
    if (byte < 160)
        plant->ts = plant->ts > INT64_MAX - step ? plant->ts : plant->ts + step;
    else if (byte < 224)
        plant->ts = plant->ts < INT64_MIN + step ? plant->ts : plant->ts - step;
    else if (byte < 248)
        plant->ts = edges[byte % (sizeof edges / sizeof edges[0])];
    else
        plant->ts = (int64_t)next_number(&plant->input);
    return plant->ts;
}

static struct nanots_value value_of_double(nanots_type type, double number)
{
    struct nanots_value value = {.type = type};
    if (type == NANOTS_TYPE_F64)
        value.as.f64 = number;
    else
        value.as.f32 = (float)number;
    return value;
}

static struct nanots_value next_value(struct plant *plant, const struct nanots_column *column,
                                      uint8_t byte)
{
    static const double odd[] = {0.0, -0.0, 0.1, 1e300, -1.5, 5e-324, 123.25, -1e-9};
    struct nanots_value value = {.type = column->type};
    if ((column->flags & NANOTS_COLUMN_NULLABLE) != 0 && byte % 5 == 0) {
        value.type = NANOTS_TYPE_NULL;
        return value;
    }
    switch (column->type) {
    case NANOTS_TYPE_F64:
    case NANOTS_TYPE_F32:
        return value_of_double(column->type, byte < 128 ? byte : odd[byte % 8]);
    case NANOTS_TYPE_I64:
        value.as.i64 = byte < 250 ? byte : (int64_t)next_number(&plant->input);
        return value;
    case NANOTS_TYPE_I32:
        value.as.i32 = byte < 250 ? byte : (int32_t)next_number(&plant->input);
        return value;
    case NANOTS_TYPE_BOOL:
        value.as.boolean = byte % 2;
        return value;
    default:
        value.as.utf8.data = texts[byte % TEXT_COUNT];
        value.as.utf8.size = strlen(texts[byte % TEXT_COUNT]);
        return value;
    }
}

static struct cell cell_of(const struct nanots_value *value, uint8_t byte)
{
    struct cell cell = {.is_null = value->type == NANOTS_TYPE_NULL};
    if (cell.is_null)
        return cell;
    if (value->type == NANOTS_TYPE_F64)
        memcpy(&cell.bits, &value->as.f64, 8);
    else if (value->type == NANOTS_TYPE_F32)
        memcpy(&cell.bits, &value->as.f32, 4);
    else if (value->type == NANOTS_TYPE_I64)
        memcpy(&cell.bits, &value->as.i64, 8);
    else if (value->type == NANOTS_TYPE_I32)
        memcpy(&cell.bits, &value->as.i32, 4);
    else if (value->type == NANOTS_TYPE_BOOL)
        cell.bits = byte % 2;
    else
        cell.bits = byte % TEXT_COUNT;
    return cell;
}

static void append_row(struct plant *plant, int64_t ts, uint8_t seed)
{
    struct nanots_value values[COLUMNS_MAX];
    if (plant->row_count == ROWS_MAX)
        return;
    struct row *row = &plant->rows[plant->row_count];
    memset(row, 0, sizeof *row);
    row->ts = ts;
    row->arrival = plant->row_count++;
    for (size_t c = 0; c < plant->column_count; c++) {
        const uint8_t byte = (uint8_t)(seed + 37 * c);
        values[c] = next_value(plant, &plant->columns[c], byte);
        row->cells[c] = cell_of(&values[c], byte);
    }
    require(nanots_append_row_typed(plant->db, "t", ts, values, plant->column_count, NULL, NULL) ==
            NANOTS_OK);
}

static void append_some(struct plant *plant)
{
    for (unsigned left = 1 + next_byte(&plant->input) % 8u; left != 0; left--) {
        const int64_t ts = next_ts(plant);
        append_row(plant, ts, next_byte(&plant->input));
    }
}

/* Enough for vectors and row groups to be left and entered. */
static void append_many(struct plant *plant)
{
    const unsigned count = 1 + 8u * next_byte(&plant->input);
    const uint8_t step = next_byte(&plant->input) % 4;
    const uint8_t seed = next_byte(&plant->input);
    for (unsigned i = 0; i < count; i++) {
        plant->ts = plant->ts > INT64_MAX - step ? plant->ts : plant->ts + step;
        append_row(plant, plant->ts, (uint8_t)(seed + (seed % 2 != 0 ? i : i / 100)));
    }
}

/* ---- the model ---------------------------------------------------------------------------- */

static int row_compare(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    if (x->ts != y->ts)
        return x->ts < y->ts ? -1 : 1;
    return x->arrival < y->arrival ? -1 : x->arrival > y->arrival;
}

/* Row i of the sorted ones is hidden by another of its time. */
static bool row_is_hidden(const struct plant *plant, const struct row *rows, size_t count, size_t i)
{
    if (plant->duplicates == NANOTS_DUPLICATES_KEEP_LAST)
        return i + 1 < count && rows[i + 1].ts == rows[i].ts;
    if (plant->duplicates == NANOTS_DUPLICATES_KEEP_FIRST)
        return i != 0 && rows[i - 1].ts == rows[i].ts;
    return false;
}

static void rows_reverse(struct row *rows, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        const struct row row = rows[i];
        rows[i] = rows[count - 1 - i];
        rows[count - 1 - i] = row;
    }
}

/* The rows of an answer. */
static void model_answer(const struct plant *plant, const struct nanots_query *query,
                         struct pending *pending)
{
    struct row *rows = malloc((plant->row_count + 1) * sizeof *rows);
    struct row *kept = malloc((plant->row_count + 1) * sizeof *kept);
    size_t count = 0;
    require(rows != NULL && kept != NULL);
    memcpy(rows, plant->rows, plant->row_count * sizeof *rows);
    qsort(rows, plant->row_count, sizeof *rows, row_compare);
    for (size_t i = 0; i < plant->row_count; i++) {
        if (row_is_hidden(plant, rows, plant->row_count, i) ||
            ((query->flags & NANOTS_QUERY_FROM) != 0 && rows[i].ts < query->from) ||
            ((query->flags & NANOTS_QUERY_TO) != 0 && rows[i].ts > query->to))
            continue;
        kept[count++] = rows[i];
    }
    free(rows);
    if ((query->flags & NANOTS_QUERY_REVERSE) != 0)
        rows_reverse(kept, count);
    pending->rows = kept;
    pending->row_count = query->limit != 0 && query->limit < count ? (size_t)query->limit : count;
    pending->at = 0;
}

/* ---- answers ------------------------------------------------------------------------------ */

static bool bit_at(const uint8_t *bits, size_t i)
{
    return (bits[i / 8] >> i % 8 & 1) != 0;
}

static void check_text(const struct nanots_batch_column *column, size_t row, const char *wanted)
{
    const size_t size = (size_t)(column->offsets[row + 1] - column->offsets[row]);
    require(size == strlen(wanted));
    require(size == 0 ||
            memcmp((const char *)column->values + column->offsets[row], wanted, size) == 0);
}

static void check_cell(const struct nanots_batch_column *column, size_t row,
                       const struct cell *wanted)
{
    const bool is_null = column->validity != NULL && !bit_at(column->validity, row);
    uint64_t bits = 0;
    require(is_null == wanted->is_null);
    if (is_null)
        return;
    switch (column->type) {
    case NANOTS_TYPE_UTF8:
        check_text(column, row, texts[wanted->bits]);
        return;
    case NANOTS_TYPE_BOOL:
        bits = bit_at(column->values, row);
        break;
    case NANOTS_TYPE_F32:
    case NANOTS_TYPE_I32:
        memcpy(&bits, (const uint8_t *)column->values + 4 * row, 4);
        break;
    default:
        memcpy(&bits, (const uint8_t *)column->values + 8 * row, 8);
        break;
    }
    require(bits == wanted->bits);
}

static void check_batch(const struct plant *plant, struct pending *pending,
                        const struct nanots_batch *batch)
{
    require(batch->row_count != 0 && batch->row_count <= pending->row_count - pending->at);
    require(batch->column_count == pending->wanted_count);
    for (size_t row = 0; row < batch->row_count; row++) {
        const struct row *wanted = &pending->rows[pending->at++];
        require(batch->ts[row] == wanted->ts);
        for (size_t c = 0; c < batch->column_count; c++) {
            require(batch->columns[c].type == plant->columns[pending->wanted[c]].type);
            check_cell(&batch->columns[c], row, &wanted->cells[pending->wanted[c]]);
        }
    }
}

/* Reads one batch, or all; closes the cursor behind the last. */
static void pending_read(const struct plant *plant, struct pending *pending, bool to_end)
{
    const struct nanots_batch *batch = NULL;
    if (pending->cursor == NULL)
        return;
    do {
        require(nanots_query_next(pending->cursor, &batch, NULL) == NANOTS_OK);
        if (batch != NULL)
            check_batch(plant, pending, batch);
    } while (batch != NULL && to_end);
    if (batch != NULL)
        return;
    require(pending->at == pending->row_count);
    nanots_query_close(pending->cursor);
    free(pending->rows);
    memset(pending, 0, sizeof *pending);
}

/* ---- questions ---------------------------------------------------------------------------- */

/* A bound at a row, beside one, or anywhere. */
static int64_t next_bound(struct plant *plant)
{
    const uint8_t byte = next_byte(&plant->input);
    if (plant->row_count == 0 || byte >= 224)
        return byte % 2 != 0 ? (int64_t)next_number(&plant->input) : next_ts(plant);
    const uint64_t ts = (uint64_t)plant->rows[byte * 31u % plant->row_count].ts;
    return (int64_t)(ts + next_byte(&plant->input) % 3u - 1u);
}

/* Names of the columns that are wanted; false if one of them does not exist. */
static bool next_columns(struct plant *plant, struct pending *pending, const char **names)
{
    bool all_exist = true;
    pending->wanted_count = next_byte(&plant->input) % (WANTED_MAX + 1);
    for (size_t i = 0; i < pending->wanted_count; i++) {
        const uint8_t byte = next_byte(&plant->input);
        pending->wanted[i] = byte % plant->column_count;
        names[i] = byte == 255 ? "none" : plant->columns[pending->wanted[i]].name;
        all_exist = all_exist && byte != 255;
    }
    return all_exist;
}

static void ask(struct plant *plant)
{
    const char *names[WANTED_MAX + 1] = {NULL};
    struct nanots_query query = {.struct_size = sizeof query};
    const uint8_t byte = next_byte(&plant->input);
    struct pending *pending = &plant->pending[byte >> 7];
    bool is_right = true;

    pending_read(plant, pending, true);
    query.flags = byte & 15u;
    query.from = next_bound(plant);
    query.to = next_bound(plant);
    query.limit = (byte & 16) != 0 ? next_byte(&plant->input) * 8u % 1500u : 0;
    pending->wanted_count = plant->column_count;
    for (size_t i = 0; i < plant->column_count; i++)
        pending->wanted[i] = i;
    if ((byte & 32) != 0) {
        is_right = next_columns(plant, pending, names);
        query.columns = names;
        query.column_count = pending->wanted_count;
    }
    const nanots_status status = nanots_query_open(plant->db, "t", &query, &pending->cursor, NULL);
    require(status == (is_right ? NANOTS_OK : NANOTS_NOT_FOUND));
    require((pending->cursor != NULL) == is_right);
    if (is_right)
        model_answer(plant, &query, pending);
    if ((byte & 64) == 0)
        pending_read(plant, pending, true);
}

/* ---- the target --------------------------------------------------------------------------- */

static void plant_open(struct plant *plant)
{
    static const char *const names[COLUMNS_MAX] = {"a", "b", "c", "d"};
    static const nanots_type types[] = {NANOTS_TYPE_F64, NANOTS_TYPE_F32,  NANOTS_TYPE_I64,
                                        NANOTS_TYPE_I32, NANOTS_TYPE_BOOL, NANOTS_TYPE_UTF8};
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .wal_bytes = 64u << 10, .vfs = &plant->disk.vfs};
    struct nanots_table_options made = {.struct_size = sizeof made};
    const uint8_t byte = next_byte(&plant->input);

    plant->column_count = 1 + byte % COLUMNS_MAX;
    plant->duplicates = made.duplicates = (nanots_duplicates)(byte / COLUMNS_MAX % 3);
    made.unit = (nanots_time_unit)(byte / 64);
    for (size_t c = 0; c < plant->column_count; c++) {
        const uint8_t kind = next_byte(&plant->input);
        plant->columns[c].name = names[c];
        plant->columns[c].type = types[kind % 6];
        plant->columns[c].flags = kind / 6 % 2 != 0 ? NANOTS_COLUMN_NULLABLE : 0;
    }
    require(nanots_open("file", &options, &plant->db, NULL) == NANOTS_OK);
    require(nanots_create_table_with(plant->db, "t", plant->columns, plant->column_count, &made,
                                     NULL) == NANOTS_OK);
}

static void plant_work(struct plant *plant)
{
    const uint8_t byte = next_byte(&plant->input);
    switch (byte % 16) {
    case 0:
        require(nanots_flush(plant->db, NULL) == NANOTS_OK);
        break;
    case 1:
        require(nanots_pack_table(plant->db, "t", next_byte(&plant->input) * 16u, NULL) ==
                NANOTS_OK);
        break;
    case 2:
        append_many(plant);
        break;
    case 3:
    case 4:
        pending_read(plant, &plant->pending[byte % 2], false);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
        ask(plant);
        break;
    default:
        append_some(plant);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct row rows[ROWS_MAX];
    struct plant plant = {.input = {data, size, 0}, .rows = rows};
    memfile_init(&plant.disk, FILE_SIZE_MAX);
    plant_open(&plant);
    while (plant.input.at < plant.input.size)
        plant_work(&plant);
    ask(&plant);
    for (size_t i = 0; i < CURSORS_MAX; i++)
        pending_read(&plant, &plant.pending[i], true);
    require(nanots_close(plant.db, NULL) == NANOTS_OK);
    memfile_deinit(&plant.disk);
    return 0;
}
