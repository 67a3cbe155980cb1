/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_value_vector.c - vectors of all types (segment/value_vector.h): rows come back bit for
 * bit, inside their bytes; bytes that lie are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "segment/value_chunk.h"
#include "support/db_helpers.h"
#include "support/faultalloc.h"
#include "support/guard.h"
#include "support/seed.h"
#include "support/typed_rows.h"

#define ROWS      NTS_VECTOR_ROWS
#define BOUND_MAX (1u << 20)

enum nulls { NULLS_NONE, NULLS_SOME, NULLS_ALL };

static uint64_t seed;
static struct guard guard;
static struct nts_value_work work;
static struct nts_value_chunk_work chunks;

/* Rows of one column, which are all the same value but for nulls if `same`. */
static struct typed_rows rows_make(size_t column, size_t count, enum nulls nulls, bool same)
{
    const struct nanots_column *def = &typed_columns[column];
    struct typed_rows rows = typed_rows_random(def, 1, count, &seed);
    const struct nanots_value one = typed_value_random(def->type, false, &seed);
    for (size_t i = 0; i < count; i++) {
        const bool is_null =
            nulls == NULLS_ALL || (nulls == NULLS_SOME && seed_next(&seed) % 3 == 0);
        rows.values[i] = same ? one : typed_value_random(def->type, false, &seed);
        if (is_null && def->flags != 0)
            rows.values[i].type = NANOTS_TYPE_NULL;
    }
    return rows;
}

static const struct nts_chunk_options hot = {.tier = NTS_TIER_HOT};

struct vector {
    struct nts_zone zone;
    size_t size;
    uint8_t *bytes; /* test_free */
    struct nts_value_shape shape;
};

/* Encodes a chunk of one vector, into exactly the bound that was announced. */
static struct vector vector_make(const struct nts_column *column, size_t row, size_t count)
{
    struct vector vector;
    struct nts_zone zone;
    struct nts_column view = *column;
    struct nts_value_chunk chunk;
    view.first += row;
    const size_t bound = nts_value_chunk_bound(&view, count);
    assert_in_range(bound, 0, BOUND_MAX);
    uint8_t *room = guard_at_end(&guard, bound);
    assert_int_equal(nts_value_chunk_encode(&chunks, &hot, &view, count, room, &chunk, &db_error),
                     NANOTS_OK);
    assert_int_equal(chunk.head_size, 0);
    assert_int_equal(chunk.vector_size[0], chunk.size);
    vector.size = chunk.size;
    vector.zone = chunk.zones[0];
    assert_in_range(vector.size, 0, bound);
    assert_int_equal(nts_value_vector_zone(&work, column, row, count, &zone, &db_error), NANOTS_OK);
    assert_int_equal(zone.min, vector.zone.min);
    assert_int_equal(zone.null_count, vector.zone.null_count);
    vector.bytes = test_malloc(vector.size + 1);
    memcpy(vector.bytes, room, vector.size);
    vector.shape = (struct nts_value_shape){
        .count = count, .null_count = vector.zone.null_count, .min = vector.zone.min};
    return vector;
}

static nanots_status vector_decode(const struct vector *vector, const uint8_t *bytes, size_t size,
                                   struct nts_column_buffer *buffer, size_t at)
{
    uint8_t *given = guard_at_end(&guard, size);
    memmove(given, bytes, size);
    return nts_value_vector_decode(&work, &vector->shape, given, size, buffer, at, &db_error);
}

static void buffer_make(struct nts_column_buffer *buffer, size_t column)
{
    assert_int_equal(nts_column_buffer_init(buffer, nts_alloc_libc(), typed_columns[column].type,
                                            typed_columns[column].flags != 0, 2 * ROWS, &db_error),
                     NANOTS_OK);
}

static void expect_rows(const struct nts_column_buffer *buffer, size_t at,
                        const struct typed_rows *rows, size_t row, size_t count)
{
    const struct nts_column view = nts_column_buffer_view(buffer);
    const struct nanots_batch_column column = {.type = (nanots_type)view.type,
                                               .values = view.values,
                                               .validity = view.validity,
                                               .offsets = view.offsets};
    for (size_t i = 0; i < count; i++) {
        const struct nanots_value value = typed_batch_value(&column, at + i);
        assert_true(typed_values_equal(&value, &rows->values[row + i]));
    }
}

/* What statistics ask of a vector agrees with its rows. */
static void expect_statistics(const struct vector *vector, const struct nts_column *column,
                              const struct typed_rows *rows, size_t row)
{
    unsigned codec = 99;
    uint64_t byte_count = 0;
    uint64_t wanted = 0;
    const bool no_values = vector->shape.null_count == vector->shape.count;
    assert_int_equal(nts_value_vector_codec(&work, column->type, &vector->shape, vector->bytes,
                                            vector->size, &codec),
                     NANOTS_OK);
    assert_in_range(codec, 0, NANOTS_CODEC_COUNT_MAX - 1);
    if (no_values || (vector->zone.all_equal && column->type != NANOTS_TYPE_UTF8))
        assert_int_equal(codec, NTS_CODEC_CONSTANT);
    if (column->type != NANOTS_TYPE_UTF8)
        return;
    for (size_t i = 0; i < vector->shape.count; i++)
        if (rows->values[row + i].type == NANOTS_TYPE_UTF8)
            wanted += rows->values[row + i].as.utf8.size;
    assert_int_equal(
        nts_value_vector_text(&work, &vector->shape, vector->bytes, vector->size, &byte_count),
        NANOTS_OK);
    assert_int_equal(byte_count, wanted);
}

static void check_round_trip(size_t c, size_t count, enum nulls nulls, bool same)
{
    struct typed_rows rows = rows_make(c, count, nulls, same);
    struct typed_batch *batch = typed_batch_new(&rows, 0, count);
    struct nts_column view = nts_column_of_batch(&batch->columns[0]);
    const size_t first = seed_next(&seed) % count;
    struct nts_column_buffer buffer;

    view.first = seed_next(&seed) % (first + 1); /* rows before the vector are none of it */
    const size_t row = first - view.first;
    struct vector vector = vector_make(&view, row, count - first);
    expect_statistics(&vector, &view, &rows, first);
    buffer_make(&buffer, c);
    assert_int_equal(vector_decode(&vector, vector.bytes, vector.size, &buffer, 0), NANOTS_OK);
    expect_rows(&buffer, 0, &rows, first, count - first);
    /* Behind other rows, whose nulls and strings stay what they are. */
    assert_int_equal(vector_decode(&vector, vector.bytes, vector.size, &buffer, count - first),
                     NANOTS_OK);
    expect_rows(&buffer, 0, &rows, first, count - first);
    expect_rows(&buffer, count - first, &rows, first, count - first);
    nts_column_buffer_deinit(&buffer);
    test_free(vector.bytes);
    typed_batch_free(batch);
    typed_rows_free(&rows);
}

static void vectors_of_all_types_round_trip(void **state)
{
    static const size_t counts[] = {1, 2, 7, 8, 9, 64, 1000, ROWS};
    (void)state;
    for (size_t c = 0; c < TYPED_COLUMNS; c++)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
            for (int nulls = NULLS_NONE; nulls <= NULLS_ALL; nulls++)
                for (int same = 0; same < 2; same++)
                    check_round_trip(c, counts[i], (enum nulls)nulls, same != 0);
}

/* Goal: no bytes for what is known without: all null, and all equal (but strings). */
static void vectors_that_are_known_take_no_bytes(void **state)
{
    (void)state;
    for (size_t c = 0; c < TYPED_COLUMNS; c++)
        for (int nulls = NULLS_NONE; nulls <= NULLS_ALL; nulls++) {
            const bool is_derived = (nulls == NULLS_ALL && typed_columns[c].flags != 0) ||
                                    ((nulls == NULLS_NONE || typed_columns[c].flags == 0) &&
                                     typed_columns[c].type != NANOTS_TYPE_UTF8);
            struct typed_rows rows = rows_make(c, ROWS, (enum nulls)nulls, true);
            struct typed_batch *batch = typed_batch_new(&rows, 0, ROWS);
            const struct nts_column view = nts_column_of_batch(&batch->columns[0]);
            struct vector vector = vector_make(&view, 0, ROWS);
            assert_int_equal(vector.size == 0, is_derived);
            test_free(vector.bytes);
            typed_batch_free(batch);
            typed_rows_free(&rows);
        }
}

/* A status is all that may come of it; the page behind the bytes sees the rest. */
static void decode_hostile(const struct vector *vector, size_t column, const uint8_t *bytes,
                           size_t size)
{
    struct nts_column_buffer buffer;
    uint64_t byte_count = 0;
    unsigned codec = 0;
    buffer_make(&buffer, column);
    const nanots_status status = vector_decode(vector, bytes, size, &buffer, 0);
    assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT || status == NANOTS_UNSUPPORTED ||
                status == NANOTS_NO_MEMORY);
    const uint8_t *given = guard_at_end(&guard, size);
    (void)!nts_value_vector_codec(&work, buffer.type, &vector->shape, given, size, &codec);
    if (buffer.type == NANOTS_TYPE_UTF8)
        (void)!nts_value_vector_text(&work, &vector->shape, given, size, &byte_count);
    nts_column_buffer_deinit(&buffer);
}

/* Goal: cut bytes are refused unless nothing tells; bytes turned over, and shapes that lie, harm
 * nothing. */
static void vectors_of_hostile_bytes_are_harmless(void **state)
{
    static const size_t counts[] = {3, 40, 300};
    (void)state;
    for (size_t c = 0; c < TYPED_COLUMNS; c++)
        for (unsigned round = 0; round < 6; round++) {
            const size_t count = counts[round % 3];
            struct typed_rows rows =
                rows_make(c, count, round % 2 == 0 ? NULLS_SOME : NULLS_NONE, false);
            struct typed_batch *batch = typed_batch_new(&rows, 0, count);
            const struct nts_column view = nts_column_of_batch(&batch->columns[0]);
            struct vector vector = vector_make(&view, 0, count);
            const struct nts_value_shape shape = vector.shape;
            for (size_t cut = 0; cut < vector.size; cut += 1 + vector.size / 200)
                decode_hostile(&vector, c, vector.bytes, cut);
            for (unsigned turn = 0; turn < 300; turn++) {
                const size_t at = seed_next(&seed) % (vector.size + 1);
                const uint8_t was = vector.bytes[at];
                vector.bytes[at] = (uint8_t)seed_next(&seed);
                decode_hostile(&vector, c, vector.bytes, vector.size);
                vector.shape.count = 1 + seed_next(&seed) % ROWS;
                vector.shape.null_count = seed_next(&seed) % (vector.shape.count + 1);
                vector.shape.min = seed_next(&seed);
                decode_hostile(&vector, c, vector.bytes, vector.size);
                vector.shape = shape;
                vector.bytes[at] = was;
            }
            test_free(vector.bytes);
            typed_batch_free(batch);
            typed_rows_free(&rows);
        }
}

/* Goal: values that the type has not, nulls where none may be, bytes where none are wanted. */
static void vectors_that_cannot_be_are_corrupt(void **state)
{
    static const struct {
        size_t column;
        int64_t value;
    } beyond[] = {{3, (int64_t)INT32_MAX + 1},
                  {3, (int64_t)INT32_MIN - 1},
                  {4, 2},
                  {4, -1},
                  {9, (int64_t)INT32_MAX + 1},
                  {10, 2}};
    struct nts_column_buffer buffer;
    (void)state;
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        const uint8_t none = 0;
        const struct vector one = {.shape = {.count = 5, .min = (uint64_t)beyond[i].value}};
        buffer_make(&buffer, beyond[i].column);
        assert_int_equal(vector_decode(&one, &none, 0, &buffer, 0), NANOTS_CORRUPT);
        nts_column_buffer_deinit(&buffer);
    }
    for (size_t c = 0; c < TYPED_COLUMNS; c++) {
        const uint8_t byte = 0;
        const struct vector empty = {.shape = {.count = 5, .null_count = 5}};
        const bool nullable = typed_columns[c].flags != 0;
        buffer_make(&buffer, c);
        assert_int_equal(vector_decode(&empty, &byte, 0, &buffer, 0),
                         nullable ? NANOTS_OK : NANOTS_CORRUPT);
        assert_int_equal(vector_decode(&empty, &byte, 1, &buffer, 0), NANOTS_CORRUPT);
        nts_column_buffer_deinit(&buffer);
    }
}

/* Goal: each allocation that fails, in either direction, is a status, and nothing leaks. */
static void vectors_without_memory_are_a_status(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    for (size_t c = 5; c < TYPED_COLUMNS; c += 6) {
        struct typed_rows rows = rows_make(c, ROWS, NULLS_SOME, false);
        struct typed_batch *batch = typed_batch_new(&rows, 0, ROWS);
        const struct nts_column view = nts_column_of_batch(&batch->columns[0]);
        struct vector vector = vector_make(&view, 0, ROWS);
        uint8_t *room = test_malloc(nts_value_chunk_bound(&view, ROWS));
        for (uint64_t k = 0;; k++) {
            struct nts_value_work other;
            struct nts_value_chunk_work writer;
            struct nts_column_buffer buffer;
            struct nts_value_chunk chunk;
            memset(&db_error, 0, sizeof db_error);
            faultalloc_fail(&memory, k, false);
            nts_value_work_init(&other, &memory.alloc);
            nts_value_chunk_work_init(&writer, &other);
            nanots_status status =
                nts_value_chunk_encode(&writer, &hot, &view, ROWS, room, &chunk, &db_error);
            nts_value_chunk_work_deinit(&writer);
            buffer_make(&buffer, c);
            nts_value_work_deinit(&other); /* the decoder makes room of its own */
            if (status == NANOTS_OK)
                status = nts_value_vector_decode(&other, &vector.shape, vector.bytes, vector.size,
                                                 &buffer, 0, &db_error);
            assert_int_equal(status, memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
            assert_int_equal(db_error.code, status);
            nts_column_buffer_deinit(&buffer);
            nts_value_work_deinit(&other);
            assert_int_equal(memory.block_count, 0);
            if (!memory.failed)
                break;
        }
        test_free(room);
        test_free(vector.bytes);
        typed_batch_free(batch);
        typed_rows_free(&rows);
    }
    faultalloc_deinit(&memory);
}

/* Goal: where the memory of a buffer lies decides nothing. Method: rows of bits so far behind the
 * buffer's first that as many values of 8 bytes would end where the decoder's own values begin. */
static void bits_are_decoded_wherever_their_buffer_lies(void **state)
{
    (void)state;
    static struct {
        uint8_t room[4 * ROWS];
        struct nts_value_work work;
    } place;
    const size_t at = ((size_t)((uint8_t *)place.work.ints - place.room)) / 8;
    const size_t column = NANOTS_TYPE_BOOL - 1;
    struct typed_rows rows = rows_make(column, ROWS, NULLS_NONE, false);
    struct typed_batch *batch = typed_batch_new(&rows, 0, ROWS);
    const struct nts_column source = nts_column_of_batch(&batch->columns[0]);
    struct vector vector = vector_make(&source, 0, ROWS);
    struct nts_column_buffer buffer;

    assert_int_equal(typed_columns[column].type, NANOTS_TYPE_BOOL);
    assert_int_equal(nts_column_buffer_init(&buffer, nts_alloc_libc(), NANOTS_TYPE_BOOL, false,
                                            at + ROWS, &db_error),
                     NANOTS_OK);
    void *own = buffer.values;
    buffer.values = place.room;
    nts_value_work_init(&place.work, nts_alloc_libc());
    assert_int_equal(nts_value_vector_decode(&place.work, &vector.shape, vector.bytes, vector.size,
                                             &buffer, at, &db_error),
                     NANOTS_OK);
    expect_rows(&buffer, at, &rows, 0, ROWS);
    buffer.values = own;
    nts_column_buffer_deinit(&buffer);
    nts_value_work_deinit(&place.work);
    test_free(vector.bytes);
    typed_batch_free(batch);
    typed_rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_all_types_round_trip),
        cmocka_unit_test(vectors_that_are_known_take_no_bytes),
        cmocka_unit_test(vectors_of_hostile_bytes_are_harmless),
        cmocka_unit_test(vectors_that_cannot_be_are_corrupt),
        cmocka_unit_test(vectors_without_memory_are_a_status),
        cmocka_unit_test(bits_are_decoded_wherever_their_buffer_lies),
    };
    seed = seed_of_run();
    guard = guard_open(BOUND_MAX);
    nts_value_work_init(&work, nts_alloc_libc());
    nts_value_chunk_work_init(&chunks, &work);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nts_value_chunk_work_deinit(&chunks);
    nts_value_work_deinit(&work);
    guard_close(&guard);
    return failed;
}
