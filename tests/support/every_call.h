/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/every_call.h - every call of nanots.h and nanots_arrow.h that returns a status, once, on
 * a file that has all that a file can have.
 *
 *   every_call_make_file --> a disk: two tables with segments, rows in the log; a former backup
 *                              | memvfs_branch
 *   every_call_begin --------> handles as the call needs them, on faulty memory and a faulty disk
 *   call->run ---------------> a status
 *   every_call_end ----------> all that was handed out is released, all that is open is closed
 */
#ifndef EVERY_CALL_H
#define EVERY_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nanots_arrow.h"
#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"

#define EVERY_CALL_PATH   "disk.ntt"
#define EVERY_CALL_BACKUP "backup.ntt" /* is there from the start, and older */
#define EVERY_CALL_OUT    "out.ntt"    /* is not */

/* What is there before the call. */
enum every_call_needs {
    NEEDS_NOTHING, /* files alone */
    NEEDS_WRITER,
    NEEDS_GROUP,  /* and a group with a row */
    NEEDS_CURSOR, /* and a query */
    NEEDS_STREAM, /* and a query as an Arrow stream */
    NEEDS_READER, /* and a read-only handle, behind which the writer went on */
};

struct every_call_stage {
    struct memvfs disk;
    struct faultvfs faults;
    struct faultalloc memory;
    struct nanots_db *db;
    struct nanots_db *reader;
    struct nanots_table *series; /* one column of f64 */
    struct nanots_table *mixed;  /* nullable i64, utf8 */
    struct nanots_group *group;
    struct nanots_cursor *cursor;
    struct ArrowArrayStream stream;
    void *block;    /* that the call handed out */
    bool lost_rows; /* the call says so: a repair that could not read all */
};

struct every_call {
    const char *name; /* as in the header */
    const char *way;  /* of several */
    enum every_call_needs needs;
    nanots_status (*run)(struct every_call_stage *stage, struct nanots_error *error);
    const char *out_path; /* of another file that it writes, or NULL */
    bool in_parts;        /* not one atomic unit */
};

extern const struct every_call every_calls[];
extern const size_t every_call_count;

/* Fills an empty disk. Asserts that all succeeds. */
void every_call_make_file(struct memvfs *disk);

/* `stage->disk` is there. Asserts that all succeeds. */
void every_call_begin(struct every_call_stage *stage, enum every_call_needs needs, bool no_wal_map);
/* Whatever happened before; the disk stays. */
void every_call_end(struct every_call_stage *stage);

#endif
