/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/typed_model.h - tables of all types that change, as arrays in memory; one operation after
 * the other from a seed, for a database and for the arrays.
 *
 *   seed -> typed_op_plan -> op -+-> typed_op_run    a database: a status
 *                                +-> typed_op_apply  the arrays
 *                                         |
 *                 typed_model_compare <---+---> a database: NULL, or what differs
 *
 * The next operation depends on the seed and on the operations before it alone: the state after so
 * many of them can be made again at any time. Include after cmocka.h.
 */
#ifndef TYPED_MODEL_H
#define TYPED_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/typed_rows.h"

#define TYPED_MODEL_TABLES  5u
#define TYPED_MODEL_COLUMNS 8u
#define TYPED_GROUP_PARTS   6u

struct typed_model_table {
    bool exists;
    nanots_time_unit unit;
    nanots_duplicates duplicates;
    nanots_tier tier;
    char name[8];
    char column_names[TYPED_MODEL_COLUMNS][8];
    nanots_type types[TYPED_MODEL_COLUMNS];
    uint32_t flags[TYPED_MODEL_COLUMNS];
    size_t column_count;
    int64_t *ts; /* in order of arrival, or of time as the last compaction left them */
    struct nanots_value *values; /* TYPED_MODEL_COLUMNS a row */
    size_t row_count;
    size_t row_capacity;
};

struct typed_model {
    uint64_t seed;
    size_t rows_most; /* of one append; more than a log takes now and then if `has_bulk` */
    bool has_bulk;
    uint32_t name_count; /* of columns, given out so far */
    struct typed_model_table tables[TYPED_MODEL_TABLES];
};

enum typed_op_kind {
    TYPED_OP_CREATE,
    TYPED_OP_APPEND,       /* one batch */
    TYPED_OP_APPEND_TYPED, /* one row */
    TYPED_OP_GROUP,        /* several of these, to any tables, as one */
    TYPED_OP_ROLLBACK,     /* the same for nothing */
    TYPED_OP_FLUSH,
    TYPED_OP_SYNC,
    TYPED_OP_PACK,
    TYPED_OP_RETAIN,
    TYPED_OP_ADD_COLUMN,
    TYPED_OP_RENAME_COLUMN,
    TYPED_OP_RENAME_TABLE,
    TYPED_OP_DROP,
};

/* An append of a group. */
struct typed_part {
    size_t table;
    bool is_row; /* else a batch */
    struct typed_rows rows;
};

struct typed_op {
    enum typed_op_kind kind;
    size_t table;
    char name[8]; /* new, of a table or a column */
    size_t column;
    nanots_type type;
    struct typed_model_table made; /* CREATE: all but rows */
    struct typed_rows rows;        /* appends */
    struct typed_part parts[TYPED_GROUP_PARTS];
    size_t part_count;
    int64_t cutoff;
    uint64_t target;
};

void typed_model_init(struct typed_model *model, uint64_t seed, size_t rows_most);
void typed_model_deinit(struct typed_model *model);

void typed_op_plan(struct typed_model *model, struct typed_op *op);
void typed_op_free(struct typed_op *op);
nanots_status typed_op_run(const struct typed_model *model, const struct typed_op *op,
                           struct nanots_db *db, struct nanots_error *error);
void typed_op_apply(struct typed_model *model, const struct typed_op *op);
const char *typed_op_name(const struct typed_op *op);

/* The state after `count` operations. */
void typed_model_make(struct typed_model *model, uint64_t seed, size_t rows_most, bool has_bulk,
                      size_t count);

/* All that a database says of its tables: NULL if it is what the model says, else what differs (a
 * static text). Queries have random parts from *seed. */
const char *typed_model_compare(const struct typed_model *model, struct nanots_db *db,
                                uint64_t *seed);

/* One number for all that is seen of the tables: names, columns and every row, in order. */
uint64_t typed_model_digest(const struct typed_model *model);
/* The same of a database: equal if the model says what the database holds. */
nanots_status typed_db_digest(struct nanots_db *db, uint64_t *digest_out,
                              struct nanots_error *error);

/* A query with its answer, for cursors that stay open. */
struct typed_answer {
    size_t column_count;
    size_t row_count;
    int64_t *ts;
    struct nanots_value *values;
};
/* Opens a random query over table `t`, which exists. */
nanots_status typed_query_open(const struct typed_model *model, size_t t, uint64_t *seed,
                               struct nanots_db *db, struct nanots_cursor **cursor_out,
                               struct typed_answer *answer, struct nanots_error *error);
/* Reads the cursor to its end: NULL, or what differs. Closes it and frees the answer. */
const char *typed_query_finish(struct nanots_cursor *cursor, struct typed_answer *answer);

#endif
