/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* nanots_arrow.h - tables as Arrow columns, out and in, by Arrow's C data and C stream interfaces.
 *
 *   file --scan--> batch ==same memory==> struct ArrowArray --> pyarrow, Polars, DuckDB, your own
 *   file <-append-- columns ==same memory== struct ArrowArray <-- any of them
 *
 * The two interfaces are a few structs and no library: nothing of Arrow is linked. A table is a
 * struct of the time column and its value columns:
 *
 *   column     type                 Arrow format     nullable
 *   time       timestamp, UTC       tss tsm tsu tsn  no         or int64, if the options say so
 *   f64 f32    float64 float32      g f              as the column is
 *   i64 i32    int64 int32          l i
 *   bool       bool                 b
 *   utf8       string               u
 *
 *     struct ArrowArrayStream stream;
 *     if (nanots_query_arrow_stream(db, "boiler", NULL, NULL, &stream, &error) == NANOTS_OK)
 *         consume(&stream);                      who releases it, or moves it on
 *
 * Rules of what is handed out
 * - Arrays, and children moved out of them, are counted references to memory of the library: they
 *   may outlive the stream and the database handle, and any thread may release them. Only the
 *   handle's allocator, if it is not the default one, must outlive them too.
 * - A stream is a running query: release it before nanots_close; one thread at a time.
 *
 * Rules of what is taken in
 * - A call takes over each struct that it is given, in every case: it is released exactly once when
 *   the call returns, also on failure. One that was released before is NANOTS_INVALID.
 * - Lengths, offsets, numbers of buffers and children, and NULL pointers are checked; what a buffer
 *   really holds cannot be: buffers must be as long as the interface says.
 */
#ifndef NANOTS_ARROW_H
#define NANOTS_ARROW_H

#include "nanots.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Arrow's own structs, as its specification gives them --------------------------------- */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif /* ARROW_C_STREAM_INTERFACE */

/* ---- out ---------------------------------------------------------------------------------- */

/* Zero in a field means its default. */
struct nanots_arrow_options {
    size_t struct_size;
    int time_as_int64; /* not 0: the time column is int64 in the table's unit */
    /* nanots_query_arrow: what a query with NANOTS_QUERY_SKIP_DAMAGED left out; or NULL. Its names
     * live as long as the database is open. */
    struct nanots_damage_report *damage_out;
};

/* The columns of `table` as an Arrow schema; the time column has the name it has in
 * nanots_table_schema. `options` may be NULL. Returns OK, NOT_FOUND, INVALID, NO_MEMORY. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_table_arrow_schema(
    struct nanots_db *db, const char *table, const struct nanots_arrow_options *options,
    struct ArrowSchema *schema_out, struct nanots_error *error);

/* Starts a query as nanots_query_open does and hands it out as a stream. Each array is one batch of
 * at most 65536 rows, read when it is asked for and not copied. A failure is an errno value (that
 * of CORRUPT is EBADMSG), and its sentence is get_last_error. `query` and `options` may be NULL. */
NANOTS_CHECKED NANOTS_API nanots_status
nanots_query_arrow_stream(struct nanots_db *db, const char *table, const struct nanots_query *query,
                          const struct nanots_arrow_options *options,
                          struct ArrowArrayStream *stream_out, struct nanots_error *error);

/* nanots_query_damage of the query behind a stream of nanots_query_arrow_stream, before its
 * release. INVALID for a stream of anybody else. */
NANOTS_CHECKED NANOTS_API nanots_status
nanots_arrow_stream_damage(const struct ArrowArrayStream *stream,
                           struct nanots_damage_report *damage_out, struct nanots_error *error);

/* The whole result as one array, for results that fit into memory. TOO_BIG if the strings of one
 * column exceed 2 GiB. */
NANOTS_CHECKED NANOTS_API nanots_status
nanots_query_arrow(struct nanots_db *db, const char *table, const struct nanots_query *query,
                   const struct nanots_arrow_options *options, struct ArrowSchema *schema_out,
                   struct ArrowArray *array_out, struct nanots_error *error);

/* ---- in ----------------------------------------------------------------------------------- */

#define NANOTS_ARROW_CREATE 1u /* make the table from the schema if it is absent */

/* Zero in a field means its default. */
struct nanots_arrow_append_options {
    size_t struct_size;
    uint32_t flags;               /* NANOTS_ARROW_* */
    const char *time_column;      /* name of the time column; NULL: as described below */
    nanots_duplicates duplicates; /* of a table that is made */
};

/* Appends the rows of one array, which is a struct of columns, to `table`.
 *
 * - The time column is the first of ts, ts_ms, ts_s, ts_us, ts_ns, time and timestamp that is there
 *   and is no value column of the table, or what the options name. It is timestamp, date or int64.
 *   An int64 counts in the unit that the name says (ts_s), or else in the table's. Other units are
 *   converted where that is exact, and refused with the row where it is not. Time zones are passed
 *   over: timestamps of Arrow are UTC. Nulls are refused.
 * - Value columns go by name, in any order. One that is absent, or of type null, is null in all
 *   rows, if it may be. One that the table lacks is NOT_FOUND.
 * - Types: each column takes its own type, and what it holds exactly, which is
 *
 *     f64   float64 float32                       bool   bool
 *     f32   float32                               utf8   string, large_string, string_view, and
 *     i64   int64, uint32 and narrower                   dictionaries of these by any integer
 *     i32   int32, uint16 and narrower
 *
 *   Everything else is TYPE_MISMATCH.
 * - Slices (offsets of the array and of its children) are honoured; values are not copied where the
 *   types are the same.
 * - One call is one atomic unit, as with every append. Only an array over a limit of a single
 *   append (4 G rows; max_record_size) is appended in parts, from the first row on; if one of these
 *   fails, the sentence says how many rows are in.
 * - A table that is made has its columns nullable as the schema says, and the unit of the time
 *   column: of a timestamp its own, of an int64 that of its name or else ms, of a date s or ms. It
 *   is made after the array has been checked.
 *
 * `options` and `seq_out` may be NULL. Returns what nanots_append_columns does, and INVALID (a
 * wrong struct, nulls where there can be none), TYPE_MISMATCH, NOT_FOUND. */
NANOTS_CHECKED NANOTS_API nanots_status
nanots_append_arrow(struct nanots_db *db, const char *table, struct ArrowSchema *schema,
                    struct ArrowArray *array, const struct nanots_arrow_append_options *options,
                    uint64_t *seq_out, struct nanots_error *error);

/* The same for all arrays of a stream, each an atomic unit. If one fails, those before it stay, and
 * the sentence says how many rows are in. A failure of the stream is IO, NO_MEMORY or INVALID, with
 * its own sentence. */
NANOTS_CHECKED NANOTS_API nanots_status
nanots_append_arrow_stream(struct nanots_db *db, const char *table, struct ArrowArrayStream *stream,
                           const struct nanots_arrow_append_options *options, uint64_t *seq_out,
                           struct nanots_error *error);

/* nanots_append_arrow as part of a group. The table must be there: a flag is INVALID. A failure
 * leaves the group as it was before the call, but for an array over a limit of a single append: the
 * sentence says how many of its rows are in. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_group_append_arrow(
    struct nanots_group *group, const char *table, struct ArrowSchema *schema,
    struct ArrowArray *array, const struct nanots_arrow_append_options *options,
    struct nanots_error *error);

#ifdef __cplusplus
}
#endif
#endif
