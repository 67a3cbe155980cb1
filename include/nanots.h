/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* nanots.h - the whole public interface of NanoTS, an embeddable time-series storage kernel.
 *
 * One file holds many tables. A table has one timestamp column, named `ts_ms` and counted in
 * milliseconds, and typed value columns. Rows are appended and never updated; a row survives the
 * death of the process as soon as the call that appended it returns. One process writes, any number
 * of threads and of read-only processes read.
 *
 *     struct nanots_db *db = NULL;
 *     struct nanots_error error;
 *     if (nanots_open("plant.ntt", NULL, &db, &error) != NANOTS_OK)
 *         return complain(error.message);
 *     nanots_append(db, "boiler", 1714521600000, 71.5, NULL, &error);
 *     nanots_append(db, "boiler", 1714521601000, 71.6, NULL, &error);
 *     struct nanots_series series;
 *     if (nanots_query_range(db, "boiler", INT64_MIN, INT64_MAX, &series, &error) == NANOTS_OK)
 *         for (size_t i = 0; i < series.row_count; i++)
 *             printf("%lld %g\n", (long long)series.ts[i], series.values[i]);
 *     nanots_free(series.block);
 *     nanots_close(db, &error);
 *
 * Rules that hold for every call
 * - Ownership: the caller keeps what it passes in; nothing is held after the call returns. What a
 *   call hands out says how it is released.
 * - Threads: every function may be called from any thread on one handle at the same time, except
 *   that nanots_close may run only when no other call on that handle runs, and a cursor or a group
 *   belongs to one thread at a time.
 * - Errors: a status other than NANOTS_OK left the data intact. `error` may be NULL; if not, it is
 *   filled on failure with a sentence that names the table, column, row or offset, and cleared on
 *   success. Out-parameters are set to NULL or 0 on failure.
 * - NANOTS_POISONED: after a failed sync or commit the handle refuses to write, because what is on
 *   the disk is in doubt; close it and open the file again, which recovers.
 * - NANOTS_MISUSE: the call was made on a handle inherited through fork().
 *
 * Limits: names 1..255 bytes of UTF-8; 1024 value columns a table; the timestamp is any int64.
 * Pre-release: the interface and the file format may change until 1.0.
 */
#ifndef NANOTS_H
#define NANOTS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NANOTS_VERSION_MAJOR 0
#define NANOTS_VERSION_MINOR 1
#define NANOTS_VERSION_PATCH 0
#define NANOTS_VERSION       "0.1.0"

#if defined(NANOTS_STATIC)
#define NANOTS_API
#elif defined(__GNUC__)
#define NANOTS_API __attribute__((visibility("default")))
#else
#define NANOTS_API
#endif

#if defined(__GNUC__)
#define NANOTS_CHECKED __attribute__((warn_unused_result))
#else
#define NANOTS_CHECKED
#endif

/* ---- status codes ------------------------------------------------------------------------- */

/* Every code: name, pinned number (never reused), short text. */
#define NANOTS_STATUS_LIST(X)                                                                      \
    X(OK, 0, "ok")                                                                                 \
    X(INVALID, 1, "invalid argument")                                                              \
    X(NOT_FOUND, 2, "not found")                                                                   \
    X(EXISTS, 3, "already exists")                                                                 \
    X(BUSY, 4, "the file is open for writing elsewhere")                                           \
    X(IO, 5, "input/output error")                                                                 \
    X(NO_SPACE, 6, "no space left on the device")                                                  \
    X(NO_MEMORY, 7, "out of memory")                                                               \
    X(CORRUPT, 8, "the file is damaged")                                                           \
    X(NOT_A_DATABASE, 9, "not a NanoTS file")                                                      \
    X(NEWER_FORMAT, 10, "the file needs a newer NanoTS")                                           \
    X(READ_ONLY, 11, "the handle is read-only")                                                    \
    X(TOO_BIG, 12, "over a limit")                                                                 \
    X(PERMISSION, 13, "permission denied")                                                         \
    X(POISONED, 14, "the handle met an I/O failure and refuses to write")                          \
    X(MISUSE, 15, "handle used where it must not be")                                              \
    X(UNSUPPORTED, 16, "not supported here")                                                       \
    X(TYPE_MISMATCH, 17, "wrong type")

typedef enum nanots_status {
#define NANOTS_STATUS_ENUM(name, number, text) NANOTS_##name = number,
    NANOTS_STATUS_LIST(NANOTS_STATUS_ENUM)
#undef NANOTS_STATUS_ENUM
} nanots_status;

/* Detail of a failure; caller-owned, plain data. */
struct nanots_error {
    nanots_status code;
    int os_errno; /* errno of the failed system call, 0 if none */
    char message[256];
};

/* Name ("NANOTS_BUSY") and short text of a code; static strings, never NULL. */
NANOTS_API const char *nanots_status_name(nanots_status status);
NANOTS_API const char *nanots_status_text(nanots_status status);

/* Version of the library that runs ("0.1.0"), which may differ from NANOTS_VERSION. */
NANOTS_API const char *nanots_version(void);

/* ---- types -------------------------------------------------------------------------------- */

struct nanots_db;     /* an open file */
struct nanots_table;  /* a table of an open file, looked up once */
struct nanots_cursor; /* a running query */
struct nanots_group;  /* appends that take effect together */

/* Parts that a program may put in; both are described at the end of this header. */
struct nanots_allocator;
struct nanots_vfs;

/* What a column holds; every value comes back bit for bit. */
typedef enum nanots_type {
    NANOTS_TYPE_NULL = 0, /* of a single value: there is none; no column has this type */
    NANOTS_TYPE_F64 = 1,  /* IEEE 754 binary64; NaN is a value, not a null */
    NANOTS_TYPE_F32 = 2,  /* IEEE 754 binary32 */
    NANOTS_TYPE_I64 = 3,  /* signed 64 bits */
    NANOTS_TYPE_I32 = 4,  /* signed 32 bits */
    NANOTS_TYPE_BOOL = 5, /* true or false */
    NANOTS_TYPE_UTF8 = 6, /* text of valid UTF-8; may hold zero bytes */
} nanots_type;

/* What one step of the timestamp column is. The column's name says it: ts_ms, ts_s, ts_us, ts_ns.
 */
typedef enum nanots_time_unit {
    NANOTS_UNIT_MS = 0,
    NANOTS_UNIT_S = 1,
    NANOTS_UNIT_US = 2,
    NANOTS_UNIT_NS = 3,
} nanots_time_unit;

/* Which rows of equal time a query gives. */
typedef enum nanots_duplicates {
    NANOTS_DUPLICATES_KEEP_ALL = 0,   /* all, in order of arrival */
    NANOTS_DUPLICATES_KEEP_LAST = 1,  /* the one that arrived last: a later row replaces it */
    NANOTS_DUPLICATES_KEEP_FIRST = 2, /* the one that arrived first: later rows do not count */
} nanots_duplicates;

/* For what segments are written. Both kinds can be mixed in one table; queries do not tell. */
typedef enum nanots_tier {
    NANOTS_TIER_AUTO = 0,   /* HOT by a flush; PACKED by a pack, and by upkeep where it has merged
                             * so many rows that no merge takes them again; PACKED stays PACKED */
    NANOTS_TIER_HOT = 1,    /* all for speed: several times faster to read and to write */
    NANOTS_TIER_PACKED = 2, /* all for size */
} nanots_tier;

/* How vectors of 1024 values are stored: the numbers of SPEC.md 7, where each is described. */
typedef enum nanots_codec {
    NANOTS_CODEC_RAW = 0,      /* as they are */
    NANOTS_CODEC_CONSTANT = 1, /* one value for all */
    NANOTS_CODEC_XOR = 2,
    NANOTS_CODEC_INTEGER = 3,
    NANOTS_CODEC_RLE = 4,
    NANOTS_CODEC_FOR = 5,
    NANOTS_CODEC_DELTA = 6,
    NANOTS_CODEC_DELTA2 = 7,
    NANOTS_CODEC_DECIMAL = 8,
    NANOTS_CODEC_SCALED = 9,
    NANOTS_CODEC_LINE = 10,
    NANOTS_CODEC_DICTIONARY = 11,
    NANOTS_CODEC_PREDICT = 12,
    NANOTS_CODEC_SEASONAL = 13,
    NANOTS_CODEC_ORDERED = 14,
    NANOTS_CODEC_RANKS = 15,
    NANOTS_CODEC_MULTIPLE = 16,
    NANOTS_CODEC_BINNED = 18,
} nanots_codec;

/* Name of a type ("f64", "f32", "i64", "i32", "bool", "utf8"), of a unit ("ms", "s", "us", "ns"),
 * of a tier ("auto", "hot", "packed"), of a codec ("raw", "delta", ...), also of those that only
 * statistics tell apart; NULL for other numbers. Static strings. */
NANOTS_API const char *nanots_type_name(nanots_type type);
NANOTS_API const char *nanots_time_unit_name(nanots_time_unit unit);
NANOTS_API const char *nanots_tier_name(nanots_tier tier);
NANOTS_API const char *nanots_codec_name(unsigned codec);

typedef enum nanots_sync_mode {
    NANOTS_SYNC_NORMAL = 0, /* an append survives process death at once, power loss after at most
                             * sync_interval_ms; never corrupts */
    NANOTS_SYNC_FULL = 1,   /* an append is durable, and visible, when its call returns */
    NANOTS_SYNC_OFF = 2,    /* the log is never synced; commits of segments still are */
} nanots_sync_mode;

#define NANOTS_OPEN_READ_ONLY                                                                      \
    1u                           /* never writes; takes no writer lock; sees the rows of the open, \
                                  * or of the last nanots_refresh */
#define NANOTS_OPEN_NO_CREATE 2u /* NANOTS_NOT_FOUND if there is no such file */
#define NANOTS_OPEN_EXCLUSIVE 4u /* NANOTS_EXISTS if there is one already */

/* When upkeep is due: what nanots_maintain goes by, and the thread of `auto_maintenance`. Zero in
 * a field means its default. Each row appended counts as a write.
 *
 * The thread flushes what is full at once and syncs the log every sync_interval_ms, also when
 * nobody appends. Merging waits for a pause of min_idle_time_ms; merging and retention wait while
 * more than max_writes_per_sec rows come in; but neither waits longer than ten of its intervals. */
struct nanots_maintenance {
    size_t struct_size;
    uint32_t check_interval_ms;           /* between two looks for segments to merge; 5000 */
    uint32_t retention_check_interval_ms; /* between two cuts at retention_ms; 60000 */
    double
        wal_target_ratio;   /* rows are flushed early when the log has over wal_min_bytes of them */
    uint64_t wal_min_bytes; /* and over so many times the bytes of all segments; 2, 32 MiB */
    uint64_t target_segment_points; /* in a pause, rows are flushed when they are so many a table;
                                     * 8192. Those of 5 minutes ago are flushed always */
    uint64_t max_writes_per_sec;    /* more is load, which merging and retention wait out; 100000 */
    uint32_t write_load_window_ms;  /* over which load is measured; 5000 */
    uint32_t min_idle_time_ms;      /* pause of appends that merging waits for; 1000 */
    uint32_t max_segments_per_pack; /* most neighbours that one merge takes; 64; at least 4 */
};

/* Zero in a field means its default. Begin with `struct nanots_open_options o = {.struct_size =
 * sizeof o};`. */
struct nanots_open_options {
    size_t struct_size;
    uint32_t flags; /* NANOTS_OPEN_* */
    nanots_sync_mode sync_mode;
    uint32_t sync_interval_ms; /* normal mode: longest time a row stays unsynced; 1000 */
    uint32_t sector_size;     /* 512; or 4096 where a write torn by a power cut may spoil its sector
                                * of 4 KiB with what was durable in it, as on some flash: each sync
                                * of the log takes a sector then. A new file's first commit is not
                                * safe from that: the file may not open, and is to be made again */
    uint64_t wal_bytes;       /* largest WAL extent; 8 MiB; 64 KiB .. 256 MiB, a power of two */
    uint64_t memtable_bytes;  /* memory of rows not flushed yet; 16 MiB; at least 1 MiB */
    uint64_t max_record_size; /* largest row group or WAL record; 64 MiB, or the environment's
                                * NANOTS_MAX_RECORD_SIZE; at least 64 KiB */
    int64_t retention_ms;     /* age that nanots_compact_retention_now and upkeep cut at; 0: keep
                                * all */
    const struct nanots_allocator *allocator;          /* memory of the handle; malloc */
    const struct nanots_vfs *vfs;                      /* where files are; nanots_vfs_default() */
    const struct nanots_maintenance *auto_maintenance; /* a thread for upkeep; NULL: none. Copied */
    uint64_t max_bytes; /* size that the file is kept within, see below; 0: any; at least 1 MiB, and
                         * 16 times wal_bytes, whose default it lowers */
};

/* max_bytes: before the file takes more than that, the segments whose last row is oldest go, of
 * whatever tables, whole, in one commit, until a 32nd of max_bytes is free: besides the age limit,
 * whichever comes first. All that the file holds counts: rows, log, reserve, manifest. Every flush
 * looks, also one that an append makes, and nanots_maintain and nanots_compact_retention_now do.
 * Of a table that keeps one row of a time, no row comes to light that one of those had hidden.
 *
 * The file may be longer, for as long as that takes, by what cannot wait for room or give it back:
 * - a batch of 1 MiB or more that takes, at worst, over an eighth of max_bytes (8 bytes a value),
 *   or a group: by twice that, until the flush that follows it;
 * - what a merge, a pack or a cut writes beside the segments that it replaces. Under a limit a
 *   segment that is written so has a 64th of max_bytes at most;
 * - rows that come late: of one flush, until they have gone in the commit after it;
 * - what readers and open cursors keep: it goes when they do;
 * - rows of the log that an opening recovers, until the flush that follows;
 * - the log itself where next to nothing else is left to go: it and the reserve have at most eight
 *   extents of wal_bytes.
 * Free space in pieces too small for a flush counts as taken, up to a quarter of max_bytes. */

/* ---- open and close ----------------------------------------------------------------------- */

/* Opens `path`, creating an empty file if there is none, and recovers what a crash left.
 * Opening and closing writes nothing beyond that. `options` may be NULL.
 * Release with nanots_close.
 * Returns OK, INVALID, NOT_FOUND, EXISTS, BUSY (another writer), PERMISSION, NOT_A_DATABASE,
 * NEWER_FORMAT, CORRUPT, IO, NO_SPACE, NO_MEMORY, UNSUPPORTED (file system without locks). */
NANOTS_CHECKED NANOTS_API nanots_status nanots_open(const char *path,
                                                    const struct nanots_open_options *options,
                                                    struct nanots_db **db_out,
                                                    struct nanots_error *error);

/* Ends the thread of auto_maintenance, flushes, tidies the file to its exact size, releases the
 * lock and frees the handle, also when a step fails; the status then says so, and every
 * acknowledged row is still in the file (in its WAL). NULL is fine. All cursors of `db` must be
 * closed before. Groups that were not committed are rolled back and freed. Durable on return. */
NANOTS_API nanots_status nanots_close(struct nanots_db *db, struct nanots_error *error);

/* Releases a block handed out by this library; NULL is fine. */
NANOTS_API void nanots_free(void *block);

/* ---- tables ------------------------------------------------------------------------------- */

#define NANOTS_COLUMN_NULLABLE 1u /* rows may have no value in this column */

/* Names the codec of a column, for those who know better: every vector gets it that it can hold, if
 * that takes no more than RAW; the others get the one of least size, as all do without. What is
 * inside a codec, such as the integers of DECIMAL, is chosen as ever; vectors of equal values take
 * no bytes of their own, and no codec.
 *     f64, f32          RAW XOR INTEGER DECIMAL ORDERED MULTIPLE
 *     i64, i32, bool    RAW RLE FOR DELTA DELTA2 LINE DICTIONARY PREDICT SEASONAL
 *     utf8              RAW: no dictionary, no zstd */
#define NANOTS_COLUMN_CODEC(codec) (((uint32_t)(codec) + 1) << 8)
/* The codec that the flags name, or -1. */
#define NANOTS_COLUMN_CODEC_OF(flags) ((int)((flags) >> 8) - 1)

struct nanots_column {
    const char *name;
    nanots_type type;
    uint32_t flags; /* NANOTS_COLUMN_NULLABLE, and NANOTS_COLUMN_CODEC() of one codec */
};

/* Zero in a field means its default. */
struct nanots_table_options {
    size_t struct_size;
    nanots_time_unit unit;
    nanots_duplicates duplicates;
    nanots_tier tier;
};

/* Creates `table` with value columns `columns[0..column_count)`. Column names are unique; the names
 * `ts`, `ts_s`, `ts_ms`, `ts_us` and `ts_ns` and table names that begin with `nanots_` are
 * reserved. Durable as an append is. Returns OK, INVALID, EXISTS, READ_ONLY, POISONED, NO_SPACE,
 * ... */
NANOTS_CHECKED NANOTS_API nanots_status nanots_create_table(struct nanots_db *db, const char *table,
                                                            const struct nanots_column *columns,
                                                            size_t column_count,
                                                            struct nanots_error *error);

/* The same with the unit of time, the rule for rows of equal time and the tier; `options` may be
 * NULL. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_create_table_with(
    struct nanots_db *db, const char *table, const struct nanots_column *columns,
    size_t column_count, const struct nanots_table_options *options, struct nanots_error *error);

/* ---- schema changes: each flushes and commits, and is durable on return. Queries that run go on
 * with what they saw when they were opened. Return OK, NOT_FOUND, INVALID, EXISTS, READ_ONLY,
 * POISONED, NO_SPACE, ... and have changed nothing if not OK. */

/* Adds a nullable column behind the others; rows that are there are null in it. No row is
 * rewritten. From then on an append gives a value, or null, for it too. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_add_column(struct nanots_db *db, const char *table,
                                                          const struct nanots_column *column,
                                                          struct nanots_error *error);
NANOTS_CHECKED NANOTS_API nanots_status nanots_rename_column(struct nanots_db *db,
                                                             const char *table, const char *column,
                                                             const char *name,
                                                             struct nanots_error *error);
/* Table handles stay valid under the new name. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_rename_table(struct nanots_db *db, const char *table,
                                                            const char *name,
                                                            struct nanots_error *error);
/* Removes the table and its rows and gives their space back. Calls on its table handles return
 * NOT_FOUND; a new table may have the name at once. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_drop_table(struct nanots_db *db, const char *table,
                                                          struct nanots_error *error);

/* Looks `table` up once for the fast calls below. The handle belongs to `db` and lives as long.
 * Returns OK, NOT_FOUND (with the nearest name in the message). */
NANOTS_CHECKED NANOTS_API nanots_status nanots_table_open(struct nanots_db *db, const char *table,
                                                          struct nanots_table **table_out,
                                                          struct nanots_error *error);

/* Names of all tables in byte order; one block: release with nanots_free(list.block). */
struct nanots_table_list {
    size_t count;
    const char *const *names;
    void *block;
};
NANOTS_CHECKED NANOTS_API nanots_status nanots_list_tables(struct nanots_db *db,
                                                           struct nanots_table_list *list_out,
                                                           struct nanots_error *error);

/* Columns of `table` in order; one block: release with nanots_free(schema.block). */
struct nanots_schema {
    const char *ts_name; /* "ts_ms", "ts_s", "ts_us" or "ts_ns" */
    nanots_time_unit unit;
    nanots_duplicates duplicates;
    nanots_tier tier;
    size_t column_count;
    const struct nanots_column *columns;
    void *block;
};
NANOTS_CHECKED NANOTS_API nanots_status nanots_table_schema(struct nanots_db *db, const char *table,
                                                            struct nanots_schema *schema_out,
                                                            struct nanots_error *error);

/* ---- append ------------------------------------------------------------------------------- */

/* Appends (ts, value) to the table `series`, which has one column `value` and is created if absent.
 * Every append takes rows in any order of time; rows of equal time are all kept, in order of
 * arrival. `seq_out` (may be NULL) receives the number of the last row appended, which counts the
 * rows of the whole file from 1 on. One call is one atomic unit: after a crash and for every reader
 * its rows are there all or none. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_append(struct nanots_db *db, const char *series,
                                                      int64_t ts, double value, uint64_t *seq_out,
                                                      struct nanots_error *error);

/* Appends one row; `values` has one value for each column of `table`, in order. This and the next
 * two are for tables whose columns are all f64; in nullable ones no row is null.
 * Returns OK, NOT_FOUND, INVALID (wrong count: the message has both), TYPE_MISMATCH (a column of
 * another type: the message has both), READ_ONLY, POISONED, NO_SPACE, NO_MEMORY, IO, TOO_BIG. The
 * same holds for all that follow. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_append_row(struct nanots_db *db, const char *table,
                                                          int64_t ts, const double *values,
                                                          size_t value_count, uint64_t *seq_out,
                                                          struct nanots_error *error);

/* Appends `row_count` rows, row-major: values[row * column_count + column]. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_append_rows(struct nanots_db *db, const char *table,
                                                           const int64_t *ts, const double *values,
                                                           size_t row_count, size_t column_count,
                                                           uint64_t *seq_out,
                                                           struct nanots_error *error);

/* Appends `row_count` rows, columnar: columns[column][row]. The fastest way for many rows; a batch
 * of 1 MiB or more is compressed and written once, without a detour through the log. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_append_columns(
    struct nanots_db *db, const char *table, const int64_t *ts, const double *const *columns,
    size_t row_count, size_t column_count, uint64_t *seq_out, struct nanots_error *error);

/* One value of any type, or none. */
struct nanots_value {
    nanots_type type; /* which member holds it; NANOTS_TYPE_NULL: none does */
    union {
        double f64;
        float f32;
        int64_t i64;
        int32_t i32;
        int boolean; /* not 0: true */
        struct {
            const char *data; /* need not end with a zero; NULL if size is 0 */
            size_t size;      /* bytes; at most 2^31 - 1 */
        } utf8;
    } as;
};

/* Appends one row of any types; `values` has one value for each column of `table`, in order. A
 * value is of its column's type, nothing is converted. INVALID too: no value where the column is
 * not nullable, and text that is not UTF-8, with the offset of its first wrong byte. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_append_row_typed(
    struct nanots_db *db, const char *table, int64_t ts, const struct nanots_value *values,
    size_t value_count, uint64_t *seq_out, struct nanots_error *error);

struct nanots_batch; /* see nanots_query_next */

/* Appends the rows of `batch`, of any number: columns of any types in the order of `table`, as a
 * query hands them out. `validity` may be given for every column; one that is not nullable may have
 * no null. What the arrays hold where a row is null does not matter, but offsets never decrease.
 * INVALID names table, column and row. A batch of 1 MiB or more is written as nanots_append_columns
 * does. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_append_batch(struct nanots_db *db, const char *table,
                                                            const struct nanots_batch *batch,
                                                            uint64_t *seq_out,
                                                            struct nanots_error *error);

/* The same five on a table handle: no name lookup, no allocation for a single row. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_table_append(struct nanots_table *table, int64_t ts,
                                                            const double *values,
                                                            size_t value_count, uint64_t *seq_out,
                                                            struct nanots_error *error);
NANOTS_CHECKED NANOTS_API nanots_status nanots_table_append_rows(
    struct nanots_table *table, const int64_t *ts, const double *values, size_t row_count,
    size_t column_count, uint64_t *seq_out, struct nanots_error *error);
NANOTS_CHECKED NANOTS_API nanots_status nanots_table_append_columns(
    struct nanots_table *table, const int64_t *ts, const double *const *columns, size_t row_count,
    size_t column_count, uint64_t *seq_out, struct nanots_error *error);

NANOTS_CHECKED NANOTS_API nanots_status
nanots_table_append_typed(struct nanots_table *table, int64_t ts, const struct nanots_value *values,
                          size_t value_count, uint64_t *seq_out, struct nanots_error *error);
NANOTS_CHECKED NANOTS_API nanots_status nanots_table_append_batch(struct nanots_table *table,
                                                                  const struct nanots_batch *batch,
                                                                  uint64_t *seq_out,
                                                                  struct nanots_error *error);

/* ---- groups: appends to any tables, and of any number, as one atomic unit ------------------- */

/* After a crash and for every reader, in this process or another, the rows of a group are there all
 * or none.
 *
 *     struct nanots_group *group = NULL;
 *     nanots_status status = nanots_batch_begin(db, &group, &error);
 *     if (status != NANOTS_OK)
 *         return complain(error.message);
 *     status = nanots_group_append(group, "boiler", ts, &temperature, 1, &error);
 *     if (status == NANOTS_OK)
 *         status = nanots_group_append(group, "pump", ts, speed_and_power, 2, &error);
 *     if (status != NANOTS_OK) {
 *         nanots_batch_rollback(group);
 *         return complain(error.message);
 *     }
 *     if (nanots_batch_commit(group, NULL, &error) != NANOTS_OK)
 *         return complain(error.message);
 *
 * Until its commit nobody sees a row of a group. It blocks nobody: other appends go on, and several
 * groups may be open at once. Rows are kept in memory, up to a quarter of memtable_bytes or 4 KiB a
 * table, whichever is more; what is over that is written as segments, which count only with the
 * commit. A group's log entry, some 110 bytes for each such segment, must fit half of wal_bytes:
 * 37,000 segments by default, each of some KiB also where thousands of tables come by turns.
 *
 * Returns OK, READ_ONLY, POISONED, NO_MEMORY. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_batch_begin(struct nanots_db *db,
                                                           struct nanots_group **group_out,
                                                           struct nanots_error *error);

/* Adds a row of doubles, a row of any types, or the rows of a batch, as nanots_append_row,
 * nanots_append_row_typed and nanots_append_batch do. The table must be there. If one of these
 * fails the group is as it was before the call, and can go on. They return what those return;
 * TOO_BIG too if the group's log entry would not fit. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_group_append(struct nanots_group *group,
                                                            const char *table, int64_t ts,
                                                            const double *values,
                                                            size_t value_count,
                                                            struct nanots_error *error);
NANOTS_CHECKED NANOTS_API nanots_status nanots_group_append_typed(struct nanots_group *group,
                                                                  const char *table, int64_t ts,
                                                                  const struct nanots_value *values,
                                                                  size_t value_count,
                                                                  struct nanots_error *error);
NANOTS_CHECKED NANOTS_API nanots_status nanots_group_append_batch(struct nanots_group *group,
                                                                  const char *table,
                                                                  const struct nanots_batch *batch,
                                                                  struct nanots_error *error);

/* The same three on a handle of a table, of the same open file. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_group_table_append(struct nanots_group *group,
                                                                  struct nanots_table *table,
                                                                  int64_t ts, const double *values,
                                                                  size_t value_count,
                                                                  struct nanots_error *error);
NANOTS_CHECKED NANOTS_API nanots_status nanots_group_table_append_typed(
    struct nanots_group *group, struct nanots_table *table, int64_t ts,
    const struct nanots_value *values, size_t value_count, struct nanots_error *error);
NANOTS_CHECKED NANOTS_API nanots_status
nanots_group_table_append_batch(struct nanots_group *group, struct nanots_table *table,
                                const struct nanots_batch *batch, struct nanots_error *error);

/* Makes the group's rows part of the file, as durable as the sync mode makes one append, and frees
 * the group, whatever it returns. The rows follow all that was appended before this call; in a
 * table they have the order of their calls. `seq_out` (may be NULL) receives the number of the
 * last; of an empty group, that of the last row before. A failure leaves no row visible: NOT_FOUND
 * (a table was dropped) and INVALID (a table got a column) name the table; NO_SPACE, NO_MEMORY, IO,
 * POISONED. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_batch_commit(struct nanots_group *group,
                                                            uint64_t *seq_out,
                                                            struct nanots_error *error);

/* Frees the group; nothing of it was ever there. NULL is fine. */
NANOTS_API void nanots_batch_rollback(struct nanots_group *group);

/* Makes every row appended before this call durable against power loss, in any sync mode. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_sync(struct nanots_db *db,
                                                    struct nanots_error *error);

/* Writes every row appended before this call into segments and commits them; durable on return.
 * Writes nothing if there is nothing to flush. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_flush(struct nanots_db *db,
                                                     struct nanots_error *error);

/* ---- query -------------------------------------------------------------------------------- */

#define NANOTS_QUERY_FROM    1u /* `from` is set; else from the first row */
#define NANOTS_QUERY_TO      2u /* `to` is set; else to the last row */
#define NANOTS_QUERY_REVERSE 4u /* newest first: the exact reverse of the forward order */
#define NANOTS_QUERY_SKIP_DAMAGED                                                                  \
    8u /* leave out what cannot be read; nanots_query_damage tells what that was */

/* What to read. Zero in a field means its default. */
struct nanots_query {
    size_t struct_size;
    uint32_t flags;             /* NANOTS_QUERY_* */
    int64_t from;               /* first ts, inclusive */
    int64_t to;                 /* last ts, inclusive; from > to gives no rows */
    const char *const *columns; /* names of the value columns wanted, in the order wanted */
    size_t column_count; /* 0 with columns == NULL: all columns; 0 with columns != NULL: only ts */
    uint64_t limit;      /* at most so many rows; 0: no limit */
};

/* Values of one column, laid out as Arrow has them:
 *
 *   type            values                                            offsets
 *   f64 f32 i64 i32 row_count numbers, e.g. const double *            NULL
 *   bool            a bit a row, least significant first              NULL
 *   utf8            bytes of all strings, one after another           row_count + 1 numbers
 *
 * String i is values[offsets[i]] to values[offsets[i + 1] - 1].
 * Where a row is null, its value means nothing. */
struct nanots_batch_column {
    nanots_type type;
    const void *values;
    const uint8_t *validity; /* bit per row, 1 = present, least significant first; NULL: no nulls */
    const int32_t *offsets;
};

/* Some rows of a result, in order of (ts, arrival); valid until the next call on its cursor. */
struct nanots_batch {
    size_t row_count; /* 1..65536 */
    const int64_t *ts;
    size_t column_count;
    const struct nanots_batch_column *columns;
};

/* Starts a query over the rows appended before this call; later appends, flushes, packs and
 * retention do not change its result, and it blocks none of them. `query` may be NULL: everything.
 * Release with nanots_query_close. Returns OK, NOT_FOUND (table or column), INVALID, NO_MEMORY. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_query_open(struct nanots_db *db, const char *table,
                                                          const struct nanots_query *query,
                                                          struct nanots_cursor **cursor_out,
                                                          struct nanots_error *error);

/* Hands out the next batch, or NULL after the last one. Returns OK, CORRUPT (names table, column,
 * row group and offset), IO, NO_MEMORY; after a failure the cursor can only be closed. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_query_next(struct nanots_cursor *cursor,
                                                          const struct nanots_batch **batch_out,
                                                          struct nanots_error *error);

/* What a query with NANOTS_QUERY_SKIP_DAMAGED has left out so far; of a place that it never came to
 * (behind `limit`, outside of the range, in columns that are not wanted) it knows nothing. A place
 * is a row group, up to 16384 rows of one segment, or a segment as a whole. */
struct nanots_damage_report {
    size_t struct_size; /* set by the caller */
    uint64_t places;    /* 0: nothing was left out, and the rest means nothing */
    uint64_t rows;      /* wanted rows there, at most: of times that cannot be read all count */
    int64_t ts_min;     /* all of these rows are from ts_min to ts_max */
    int64_t ts_max;

    /* The first place that it met. */
    const char *table;    /* this and the next live as long as the cursor or the stream */
    const char *column;   /* the column that cannot be read; NULL: the segment as a whole */
    uint64_t segment_id;  /* as in sentences of verify and repair */
    uint64_t offset;      /* in the file, of the column's bytes or of the segment */
    uint32_t row_group;   /* 0 of a segment as a whole */
    uint64_t place_rows;  /* all rows of the place, also those that were not wanted */
    int64_t place_ts_min; /* of these */
    int64_t place_ts_max;
    nanots_status status; /* CORRUPT, or IO: a medium that does not give the bytes */
    char message[256];    /* the sentence with which a query without the flag fails */
};

/* With NANOTS_QUERY_SKIP_DAMAGED rows are given only if every wanted column of them passes its
 * checksum and decodes; nothing is guessed and nothing is put for a value. All else is as ever, so
 * that in a table that keeps one row of a time an older one comes out where the newer one is lost.
 * May be called at any time before the close; zeros without the flag. Returns OK, INVALID. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_query_damage(const struct nanots_cursor *cursor,
                                                            struct nanots_damage_report *damage_out,
                                                            struct nanots_error *error);

NANOTS_API void nanots_query_close(struct nanots_cursor *cursor);

/* One column as arrays, all at once; release with nanots_free(series.block). */
struct nanots_series {
    size_t row_count;
    const int64_t *ts;
    const double *values;
    void *block;
};

/* All rows of the first column of `series`, an f64, with from <= ts <= to; a null is a NaN. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_query_range(struct nanots_db *db, const char *series,
                                                           int64_t from, int64_t to,
                                                           struct nanots_series *series_out,
                                                           struct nanots_error *error);

/* The row of greatest ts (of those, the last to arrive). `values` has room for `value_count`
 * columns, which must be the table's number, all f64; a null is a NaN. Returns NOT_FOUND if the
 * table is absent or empty. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_last(struct nanots_db *db, const char *table,
                                                    int64_t *ts_out, double *values,
                                                    size_t value_count, struct nanots_error *error);

/* Smallest and greatest ts of a table; `has_rows_out` is 0 for an empty one. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_time_range(struct nanots_db *db, const char *table,
                                                          int *has_rows_out, int64_t *first_out,
                                                          int64_t *last_out,
                                                          struct nanots_error *error);

/* Number of rows of `table`; reads no file. Rows that its rule for equal times hides count until a
 * pack drops them. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_row_count(struct nanots_db *db, const char *table,
                                                         uint64_t *rows_out,
                                                         struct nanots_error *error);

/* ---- readers beside a writer -------------------------------------------------------------- */

/* Moves a read-only handle on to what the writer, in whatever process, has now: every row of every
 * append that returned before this call began. Calls are there wholly or not, and no refresh goes
 * back. `changed_out` (may be NULL): 1 if the handle moved. Cheap when nothing changed: a few reads
 * of bytes that are in memory.
 * Table handles stay valid; open cursors keep the rows that they began with, and as long as one is
 * open the writer does not reuse the space of what it reads, until the refresh after its close.
 * A reader that never refreshes keeps all space that was freed since its opening from being reused.
 * On a handle that writes it does nothing, and nothing has changed.
 * Returns OK, NOT_FOUND (the file was deleted or replaced: open it again), BUSY (it changes too
 * fast), CORRUPT, IO, NO_MEMORY; after a failure the handle is where it was, and may try again. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_refresh(struct nanots_db *db, int *changed_out,
                                                       struct nanots_error *error);

/* A number that grows whenever the writer, in whatever process, adds rows or tables; made to be
 * polled: the handle stays where it is. Equal numbers: nothing was added. What flushes, packs and
 * retention do does not count. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_change_counter(struct nanots_db *db,
                                                              uint64_t *counter_out,
                                                              struct nanots_error *error);

/* ---- upkeep ------------------------------------------------------------------------------- */

/* Flushes, then rewrites the segments of `table` as sorted, non-overlapping segments of about
 * `target_rows` rows (0: the largest). Other tables are not touched; readers go on. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_pack_table(struct nanots_db *db, const char *table,
                                                          uint64_t target_rows,
                                                          struct nanots_error *error);

/* Removes the rows with ts < cutoff appended before this call from `table` (NULL: from every table,
 * one after the other, whatever its unit) and gives their space back. Of one table all of them go
 * in one commit, which is durable on return; on a disk too full to rewrite the rest beside them,
 * segments that are old as a whole go first. `rows_removed_out` may be NULL. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_compact_retention(struct nanots_db *db,
                                                                 const char *table, int64_t cutoff,
                                                                 uint64_t *rows_removed_out,
                                                                 struct nanots_error *error);

/* The same over every table, with the moment retention_ms of the options ago as cutoff, in the
 * table's unit; then the oldest segments go as max_bytes has it, and count as removed. INVALID
 * without both options. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_compact_retention_now(struct nanots_db *db,
                                                                     uint64_t *rows_removed_out,
                                                                     struct nanots_error *error);

/* What one call of nanots_maintain may spend; zero: no limit. A limit ends the call before the next
 * piece of work, not in the midst of one: a merge takes at most 1,048,576 rows and 256 MiB of
 * values. Syncs and flushes are never left undone. */
struct nanots_maintain_budget {
    size_t struct_size;
    uint64_t max_ms;            /* nothing is begun later than that */
    uint64_t max_rewrite_bytes; /* nothing is merged after so many bytes of segments */
};

/* What one call did. */
struct nanots_maintain_report {
    size_t struct_size; /* set by the caller */
    uint64_t syncs;     /* of the log */
    uint64_t flushed_rows;
    uint64_t merges;
    uint64_t merged_segments; /* that these merges replaced */
    uint64_t merged_bytes;    /* of those */
    uint64_t removed_rows;    /* by retention_ms and max_bytes */
    uint64_t truncated_bytes; /* by which the file became shorter; holes in it are not counted */
    int more_due;             /* 1: the budget ended it; call again */
};

/* Does the upkeep that is due, in the caller's thread: syncs the log if sync_interval_ms is over;
 * flushes what is full and what waits for long; removes rows older than retention_ms, whole
 * segments and those of which half is old, and the oldest segments as max_bytes has it; merges
 * small neighbouring segments of a table in such a way that a row is rewritten a logarithmic number
 * of times; gives large free space back to the file system. Writes nothing if nothing is due.
 * Readers are never held up, appenders only where they are without it: when two flushes wait. Any
 * number of threads may call it, also beside auto_maintenance, which does the same by the clock.
 * All that it commits is durable on return.
 * `budget` and `report_out` may be NULL. Returns OK, READ_ONLY, POISONED, NO_SPACE, NO_MEMORY, IO,
 * CORRUPT (a segment of a table is damaged: the others were seen to, and of this one nothing is
 * rewritten any more until the file is opened again; told once). */
NANOTS_CHECKED NANOTS_API nanots_status nanots_maintain(struct nanots_db *db,
                                                        const struct nanots_maintain_budget *budget,
                                                        struct nanots_maintain_report *report_out,
                                                        struct nanots_error *error);

/* ---- looking inside ----------------------------------------------------------------------- */

/* Codecs are counted by their numbers, below this; nanots_codec_name names them. */
#define NANOTS_CODEC_COUNT_MAX 32

/* Vectors that a codec won. What it saved is raw_bytes - bytes. */
struct nanots_codec_stats {
    uint64_t vectors;
    uint64_t bytes;     /* on disk */
    uint64_t raw_bytes; /* of the same values: as in nanots_table_stats */
};

/* What is in segments of one tier. */
struct nanots_tier_stats {
    uint64_t vectors;
    uint64_t raw_bytes;
    uint64_t disk_bytes; /* encoded; what zone maps and directories take is not told apart */
    struct nanots_codec_stats codecs[NANOTS_CODEC_COUNT_MAX];
};

struct nanots_table_stats {
    size_t struct_size; /* set by the caller */
    uint64_t rows;      /* stored: those that the rule for equal times hides too, until a pack */
    uint64_t segments;
    uint64_t pending_rows; /* of `rows`: not flushed yet */
    uint64_t column_count;
    uint64_t raw_bytes; /* 8 bytes a timestamp, 8, 4 or 1 a value, 4 and its bytes a text */
    uint64_t raw_ts_bytes;
    uint64_t raw_value_bytes;
    uint64_t disk_bytes;    /* segments, whole */
    uint64_t disk_ts_bytes; /* of these: encoded timestamps */
    uint64_t disk_value_bytes;
    uint64_t disk_index_bytes; /* of these: headers, zone maps, directories */
    uint64_t packed_segments;  /* of `segments`: of the tier PACKED */
    /* How many times smaller than raw the rows in segments are; 0 without any. What takes no bytes
     * at all counts as one byte. */
    double total_ratio;           /* all of disk_bytes */
    double ts_ratio;              /* encoded timestamps */
    double value_ratio;           /* encoded values */
    struct nanots_tier_stats all; /* columns and timestamps of both tiers */
    struct nanots_tier_stats hot;
    struct nanots_tier_stats packed;
};
/* Reads the indexes of all segments, and each row group that was not read through this handle yet
 * once, to check it and to see the first bytes of its vectors; nothing is decoded. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_stats(struct nanots_db *db, const char *table,
                                                     struct nanots_table_stats *stats_out,
                                                     struct nanots_error *error);

/* One column of a table: its rows in segments. */
struct nanots_column_stats {
    size_t struct_size;           /* set by the caller */
    double ratio;                 /* all.raw_bytes / all.disk_bytes, as in nanots_table_stats */
    struct nanots_tier_stats all; /* of both tiers */
    struct nanots_tier_stats hot;
    struct nanots_tier_stats packed;
};

#define NANOTS_COLUMN_TS ((size_t)-1) /* the column of timestamps */

/* `column` counts as in nanots_table_schema, or is NANOTS_COLUMN_TS. Reads that column alone. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_stats_column(struct nanots_db *db, const char *table,
                                                            size_t column,
                                                            struct nanots_column_stats *stats_out,
                                                            struct nanots_error *error);

/* The same as one JSON object, of one moment: release with nanots_free. Keys stay; later versions
 * may add some. Numbers are finite.
 *     table, rows, segments, pending_rows, column_count
 *     raw_total_bytes, raw_ts_bytes, raw_value_bytes            as in nanots_table_stats
 *     on_disk_bytes, ts_blob_bytes, value_blob_bytes, index_bytes     disk_*_bytes there
 *     compression_ratio_total_x, compression_ratio_ts_blob_x, compression_ratio_value_blob_x
 *     packed_segments
 *     codecs: {name: {vectors, bytes, raw_bytes}}, those that won a vector
 *     tiers: {hot: {vectors, raw_bytes, on_disk_bytes, codecs}, packed: the same}
 *     columns: [{name, raw_bytes, on_disk_bytes, vectors, compression_ratio_x, codecs, tiers}],
 *              timestamps first */
NANOTS_CHECKED NANOTS_API nanots_status nanots_stats_json(struct nanots_db *db, const char *table,
                                                          char **json_out,
                                                          struct nanots_error *error);

struct nanots_diagnosis {
    size_t struct_size; /* set by the caller */
    uint64_t file_bytes;
    uint64_t free_bytes;     /* inside the file */
    uint64_t wal_bytes;      /* size of the WAL extents */
    uint64_t wal_used_bytes; /* of these: records not flushed yet */
    uint64_t pending_rows;
    uint64_t generation; /* commits since the file was made */
    uint64_t flushed_seq;
    uint64_t last_seq;
    uint64_t tables;
    uint64_t segments;
    uint64_t recovered_rows; /* replayed from the WAL by this open */
    uint64_t torn_bytes;     /* cut from the WAL's tail by this open */
    int wal_damaged;         /* 1: a synced record behind the break; see nanots_verify */
    int poisoned;
    uint64_t kept_logs;      /* damaged logs kept for a repair: 4 at most, the oldest */
    uint64_t kept_log_bytes; /* of these; neither free_bytes nor wal_bytes count them */
    uint64_t wal_break_seq;  /* of the last row before the break of wal_damaged, or else of the
                              * newest kept log; 0 if there is neither */
    uint64_t data_bytes;     /* of committed segments */
    double wal_ratio;        /* wal_bytes / data_bytes; 0 without data */
    uint64_t written_bytes;  /* put into the file by this handle: every write, and what was stored
                              * into a mapped log; what a sync writes once more counts once. A file
                              * system and a device write whole blocks for it */
    uint64_t appended_bytes; /* raw bytes of the rows appended through this handle */
    double write_amplification;    /* written_bytes / appended_bytes; 0 if nothing was appended */
    uint64_t oldest_pin;           /* oldest generation that is kept from being written over: for a
                                    * writer by another handle, for a reader by this one;
                                    * `generation` if none keeps an older one */
    uint64_t maintenance_failures; /* of the thread of auto_maintenance since the open; it tries
                                       * again, but what poisons the handle */
    nanots_status maintenance_status; /* of the last thing it did */
    uint64_t max_bytes;               /* of the options; 0: none */
    uint64_t limit_rows;              /* that went for max_bytes since the open */
};
NANOTS_CHECKED NANOTS_API nanots_status nanots_diagnose(struct nanots_db *db,
                                                        struct nanots_diagnosis *diagnosis_out,
                                                        struct nanots_error *error);

/* The same as one JSON object: release with nanots_free. Keys are the names of the fields;
 * wal_damaged and poisoned are true or false. Keys stay; later versions may add some. Numbers are
 * finite. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_diagnose_json(struct nanots_db *db, char **json_out,
                                                             struct nanots_error *error);

/* One damaged place; `message` names table, column, row group and offset. */
typedef void (*nanots_damage_callback)(void *context, const char *message);

struct nanots_verify_report {
    size_t struct_size; /* set by the caller */
    uint64_t tables;
    uint64_t segments;
    uint64_t rows;
    uint64_t bytes;  /* checked */
    uint64_t damage; /* places */
};

/* Reads everything: every checksum, index, zone map and vector. Damage is counted and handed to
 * `callback` (may be NULL), and is no failure of the call itself. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_verify(struct nanots_db *db,
                                                      nanots_damage_callback callback,
                                                      void *context,
                                                      struct nanots_verify_report *report_out,
                                                      struct nanots_error *error);

/* ---- backup and repair -------------------------------------------------------------------- */

/* Bytes of segments done, of so many in all; called by the thread that makes the backup, without
 * locks. */
typedef void (*nanots_progress_callback)(void *context, uint64_t done_bytes, uint64_t total_bytes);

#define NANOTS_BACKUP_INCREMENTAL                                                                  \
    1u /* bring the former backup at out_path up to date: only what it lacks is copied */
#define NANOTS_BACKUP_REPLACE                                                                      \
    2u /* write over a file that is there; it is lost even if the backup fails */

/* Zero in a field means its default. */
struct nanots_backup_options {
    size_t struct_size;
    uint32_t flags;                    /* NANOTS_BACKUP_*, one of them */
    const struct nanots_vfs *vfs;      /* where out_path is; that of the handle */
    nanots_progress_callback progress; /* or NULL */
    void *context;
};

struct nanots_backup_report {
    size_t struct_size; /* set by the caller */
    uint64_t tables;
    uint64_t rows;
    uint64_t segments;        /* of the backup */
    uint64_t bytes;           /* of these */
    uint64_t copied_segments; /* written by this call; those of former backups stay */
    uint64_t copied_bytes;
    uint64_t last_seq; /* the backup has the rows up to here */
};

/* Copies what the database holds at this moment to `out_path`, a file of its own that is whole and
 * closed; appends, flushes and queries go on meanwhile. Every call and every group that returned
 * before is in it wholly, none that begins later. A read-only handle copies what it sees
 * (nanots_refresh moves it on). Every checksum of what is copied is checked: damage fails the call.
 * Kept logs are not copied. `options` and `report_out` may be NULL.
 *
 * A crash or a failure leaves a new file such that it does not open, and the former backup of
 * NANOTS_BACKUP_INCREMENTAL as it was. A backup that was opened and written to is none any more.
 * Durable on return.
 * Returns OK, INVALID (no backup of this database), EXISTS, BUSY (out_path is open elsewhere),
 * CORRUPT, NOT_FOUND, PERMISSION, IO, NO_SPACE, NO_MEMORY. */
NANOTS_CHECKED NANOTS_API nanots_status nanots_backup(struct nanots_db *db, const char *out_path,
                                                      const struct nanots_backup_options *options,
                                                      struct nanots_backup_report *report_out,
                                                      struct nanots_error *error);

#define NANOTS_REPAIR_REPLACE                                                                      \
    1u /* write over a file that is there; it is lost even if the repair fails */
#define NANOTS_REPAIR_NULL_LOST                                                                    \
    2u /* keep rows of which only values that may be null are lost: they become null */

/* What became of one table. */
struct nanots_repair_table {
    size_t struct_size; /* set by the library */
    const char *name;   /* until the callback returns */
    uint64_t rows;      /* saved */
    uint64_t rows_lost; /* as far as is known */
    uint64_t values_nulled;
    uint64_t segments;      /* of the table in the damaged file, as far as is known */
    uint64_t segments_hurt; /* of these: something is lost of them */
};
typedef void (*nanots_repair_callback)(void *context, const struct nanots_repair_table *table);

/* Zero in a field means its default. */
struct nanots_repair_options {
    size_t struct_size;
    uint32_t flags;                           /* NANOTS_REPAIR_* */
    const struct nanots_allocator *allocator; /* malloc */
    const struct nanots_vfs *vfs;             /* of both files; nanots_vfs_default() */
    nanots_damage_callback damage;            /* one lost place; or NULL */
    nanots_repair_callback table;             /* each table, when it is written; or NULL */
    void *context;                            /* of both */
};

struct nanots_repair_report {
    size_t struct_size; /* set by the caller */
    uint64_t tables;
    uint64_t rows;      /* saved */
    uint64_t rows_lost; /* as far as is known */
    uint64_t values_nulled;
    uint64_t segments;      /* found */
    uint64_t segments_hurt; /* of these: something is lost of them */
    uint64_t log_rows;      /* of `rows`: from the log, and from logs kept for a repair */
    uint64_t damage;        /* places told to options->damage */
    int superblock_lost;    /* 1: what the log had is lost with it */
    int manifest_lost;      /* 1: the segments were searched for */
};

/* Writes all that can be read of the file `in_path`, which nobody may write meanwhile, to a new
 * file `out_path`, whole and closed. in_path is only read. What cannot be read is told, table by
 * table and place by place; no value is guessed: of a damaged segment the row groups of which every
 * column is whole are saved. Where the manifest is lost, rows that retention or a dropped table
 * had left in free space may be among what is saved, but no row twice.
 * `options` and `report_out` may be NULL. A crash or a failure leaves an out_path that does not
 * open. Durable on return.
 * Returns OK (whatever was lost), NOT_A_DATABASE (nothing of a NanoTS file was found),
 * NEWER_FORMAT, EXISTS, BUSY, INVALID, NOT_FOUND, PERMISSION, IO, NO_SPACE, NO_MEMORY, TOO_BIG (the
 * numbers of its rows or segments are used up). */
NANOTS_CHECKED NANOTS_API nanots_status nanots_repair(const char *in_path, const char *out_path,
                                                      const struct nanots_repair_options *options,
                                                      struct nanots_repair_report *report_out,
                                                      struct nanots_error *error);

/* ---- memory of your own ------------------------------------------------------------------- */

/* Where a handle takes its memory from. Every allocation of a handle opened with it goes through
 * it, also the blocks that are handed out and that nanots_free releases: they remember it.
 *
 * - Lifetime: the struct is not copied. It outlives the handle and every block handed out.
 * - Threads: the functions are called by any thread that calls the library and by that of
 *   auto_maintenance, at the same time, and often with locks of the handle held: they may not call
 *   the library.
 * - Alignment: blocks are aligned as malloc's are: to 16 bytes on 64-bit systems, to 8 on others.
 * - A call that returns NULL makes the call of the library fail with NANOTS_NO_MEMORY, and harms
 *   nothing. */
struct nanots_allocator {
    size_t struct_size; /* set by the caller */
    void *context;      /* handed to each function */
    /* At least `size` bytes, which is never 0; NULL if there are none. */
    void *(*allocate)(void *context, size_t size);
    /* As realloc: `block` with min(old, new) bytes kept, perhaps elsewhere; on NULL it stays as it
     * was. May be NULL: then blocks grow by allocate, a copy and release. */
    void *(*resize)(void *context, void *block, size_t size);
    /* Takes a block back, never NULL. */
    void (*release)(void *context, void *block);
};

/* ---- files of your own -------------------------------------------------------------------- */

/* A VFS opens files, a file does the rest through its operations: all that the library asks of the
 * operating system for files. Put one in to keep files elsewhere (in memory, in an archive, on bare
 * flash) or to stand before the default one (count, encrypt, fail in tests).
 *
 *     struct nanots_vfs <---first member--- your VFS        open() --> file, allocated by you
 *     struct nanots_file <--first member--- your file       ops ---> your struct nanots_file_ops
 *
 * Rules of every implementation
 * - Lifetime: the VFS and the operations are not copied. They outlive every handle opened with
 *   them; a file lives from open to close, which is the last call on it.
 * - Threads: operations of one file are called by any thread, that of auto_maintenance among them,
 *   at the same time, and often with locks of the handle held: they may not call the library on the
 *   same handle.
 * - Interrupted and short transfers are finished inside; nobody above tries again.
 * - Durable means: survives a power cut. A failed sync is never tried again, it poisons the handle.
 * - Failures: a status other than NANOTS_OK, and in `error` (may be NULL) the same code with a
 *   sentence; where the sentence is left empty, one that names the operation is put in. Use IO for
 *   a device that fails, NO_SPACE for one that is full, UNSUPPORTED where said below.
 * - Offsets and sizes are below 2^62; a size may be 0, which does nothing. */
struct nanots_file;

struct nanots_file_ops {
    size_t struct_size; /* set by the implementation: sizeof(struct nanots_file_ops) */

    /* -- never NULL -- */

    /* Releases the file, its locks and its memory. All its mappings are gone before. */
    void (*close)(struct nanots_file *file);
    /* Reads exactly `size` bytes; CORRUPT if the file ends before. */
    nanots_status (*read_at)(struct nanots_file *file, void *bytes, size_t size, uint64_t offset,
                             struct nanots_error *error);
    /* Writes exactly `size` bytes, growing the file if need be; what a gap leaves reads as zero.
     * Bytes are seen by every later read and mapping. With `durable` not 0 it returns when these
     * bytes, and the size they need, are durable. A write that fails may have written a part. */
    nanots_status (*write_at)(struct nanots_file *file, const void *bytes, size_t size,
                              uint64_t offset, int durable, struct nanots_error *error);
    /* Everything written, or stored through mappings, before the call is durable on return. */
    nanots_status (*sync)(struct nanots_file *file, struct nanots_error *error);
    nanots_status (*size)(struct nanots_file *file, uint64_t *size_out, struct nanots_error *error);
    /* Cuts or grows the file; new bytes read as zero. Need not be durable before the next sync. */
    nanots_status (*truncate)(struct nanots_file *file, uint64_t size, struct nanots_error *error);

    /* -- space: each may be NULL -- */

    /* Gives [offset, offset + size) blocks of its own, so that writing there later does not fail
     * for want of space, and grows the file to hold it; keeps the bytes that are there. NO_SPACE if
     * it cannot. NULL or UNSUPPORTED: zeros are written past the file's end instead. */
    nanots_status (*allocate)(struct nanots_file *file, uint64_t offset, uint64_t size,
                              struct nanots_error *error);
    /* Gives the blocks of the range back; it reads as zero, the size stays. NULL or a failure: the
     * space stays the file's, to be used again, until the file is cut. */
    nanots_status (*punch)(struct nanots_file *file, uint64_t offset, uint64_t size,
                           struct nanots_error *error);

    /* -- locks: all or none. None: the program sees to it that a file is open once at a time -- */

    /* The file's one exclusive lock, held until close: BUSY if another open file has it, of this
     * process or any other; UNSUPPORTED refuses to open for writing. */
    nanots_status (*lock_writer)(struct nanots_file *file, struct nanots_error *error);
    /* A shared lock named `generation` (below 2^62 - 1), on read-only files too: what this
     * generation of the file uses is not written over. UNSUPPORTED: the file is read unguarded. */
    nanots_status (*pin)(struct nanots_file *file, uint64_t generation, struct nanots_error *error);
    void (*unpin)(struct nanots_file *file, uint64_t generation);
    /* The least generation in [first, end) pinned through another open file; `end` if none is. */
    nanots_status (*oldest_pin)(struct nanots_file *file, uint64_t first, uint64_t end,
                                uint64_t *generation_out, struct nanots_error *error);

    /* -- mappings: all or none. None: bytes are copied by read_at and write_at -- */

    /* [0, size) of the file as memory, for reading. The range may pass the file's end and is read
     * inside the file only, where it shows all that is written. UNSUPPORTED: as if NULL. */
    nanots_status (*map_read)(struct nanots_file *file, uint64_t size, const uint8_t **bytes_out,
                              struct nanots_error *error);
    /* [offset, offset + size) of the file as memory, for reading and writing: a store is in the
     * file at once. Called where can_map_wal allows it. UNSUPPORTED: as if NULL. */
    nanots_status (*map_write)(struct nanots_file *file, uint64_t offset, uint64_t size,
                               uint8_t **bytes_out, struct nanots_error *error);
    /* Ends a mapping: `bytes` and `size` as map_read or map_write had them. */
    void (*unmap)(struct nanots_file *file, const uint8_t *bytes, uint64_t size);
    /* Makes a part of a mapping present, so that a medium that fails is a status here and no signal
     * later. UNSUPPORTED where that cannot be promised: then read_at is used. */
    nanots_status (*populate)(struct nanots_file *file, const uint8_t *bytes, uint64_t size,
                              struct nanots_error *error);
    /* Whether stores through map_write survive the process and stay in place across rewrites of
     * their blocks, as on ext4 and tmpfs: not 0 if so. May be NULL: no. */
    int (*can_map_wal)(struct nanots_file *file);

    /* -- the place: may be NULL -- */

    /* For nanots_refresh: NOT_FOUND if the file was deleted since it was opened, or another stands
     * at its path. NULL: that is not noticed. */
    nanots_status (*check_path)(struct nanots_file *file, struct nanots_error *error);
};

/* First member of every implementation's file. */
struct nanots_file {
    const struct nanots_file_ops *ops;
};

#define NANOTS_VFS_READ_ONLY 1u
#define NANOTS_VFS_CREATE    2u /* create if absent; that there is a file is durable on return */
#define NANOTS_VFS_EXCLUSIVE 4u /* with CREATE: fail with EXISTS if present */

/* First member of every implementation's VFS. */
struct nanots_vfs {
    size_t struct_size; /* set by the implementation: sizeof(struct nanots_vfs) */
    /* Opens the file that `path`, as given to nanots_open, names; the text lives until the call
     * returns. `allocator` is the handle's: good for what the file needs, until close. On failure
     * *file_out is NULL and nothing is to be closed. NOT_FOUND, PERMISSION, EXISTS, INVALID (no
     * regular file), IO, NO_MEMORY. */
    nanots_status (*open)(const struct nanots_vfs *vfs, const struct nanots_allocator *allocator,
                          const char *path, unsigned flags, struct nanots_file **file_out,
                          struct nanots_error *error);
};

/* The operating system's files; immutable, lives for ever. All its operations are there. */
NANOTS_API const struct nanots_vfs *nanots_vfs_default(void);

#ifdef __cplusplus
}
#endif
#endif
