/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/db.h - the open database: what is shared, and which lock guards it.
 *
 *              append                freeze              flush + commit
 *   caller ---> WAL + active run ---> frozen runs -------> segments of the table's version
 *                     |                    |                      |
 *                     +---- parts of each table, in seq order ----+--> snapshot --> query
 *
 * Locks, outermost first; whoever holds one takes only those below it.
 *   upkeep_lock  one pack, merge, retention cut or close at a time; held over I/O
 *   flush_lock   one flush or commit at a time; held over I/O; guards sb, manifest, limbo
 *   sync_lock    one WAL sync at a time; keeps WAL extents where they are; held over I/O
 *   write_lock   guards the WAL, the runs, the catalog, every table's version and parts, and the
 *                counters; never held over I/O but for a pwrite of an unmapped WAL and for the
 *                header of a bulk segment
 *   view.lock, space.lock  innermost, inside segment/
 *
 * States of a handle:   open --> poisoned (a sync or a commit failed: reads go on, writes are refused)
 *                         +--------+--> closed
 */
#ifndef NTS_DB_H
#define NTS_DB_H

/* uthash exits when out of memory unless told otherwise. Its memory is the handle's: whoever adds
 * to a hash has a local variable `hash_alloc`. */
#define HASH_NONFATAL_OOM            1
#define uthash_malloc(size)          nts_alloc(hash_alloc, size)
#define uthash_free(block, size)     nts_free(block)
#define uthash_nonfatal_oom(element) ((element)->db = NULL)
#include <uthash.h>

#include "base/status.h"
#include "format/manifest.h"
#include "format/superblock.h"
#include "format/table_def.h"
#include "memtable/memtable.h"
#include "os/thread.h"
#include "os/vfs.h"
#include "segment/file_view.h"
#include "segment/segment.h"
#include "segment/space.h"
#include "util/alloc.h"
#include "util/refcount.h"
#include "wal/wal.h"
#include "wal/wal_tail.h"

/* Rows of one table that are not committed yet: a memtable, or a bulk segment that a WAL record
 * names. */
struct nts_part {
    struct nts_part *next;
    uint64_t run_number;
    struct nts_memtable *memtable; /* one of the two */
    struct nts_segment *segment;
    bool is_visible; /* the segment: logged and, in full sync mode, synced */
};

/* Room for a table's segments, shared by versions that only add: each sees its own first `count` of
 * them. Holds a reference to each. Written under flush_lock, behind what any version sees. */
struct nts_segment_list {
    struct nts_refcount refs;
    size_t count;
    size_t capacity;
    struct nts_segment *segments[];
};

/* The committed segments of a table, sorted by (seq_first, segment_id). Immutable. */
struct nts_version {
    struct nts_refcount refs;
    struct nts_segment_list *list;
    size_t count;
    struct nts_segment *const *segments; /* list->segments */
};

/* A definition that a schema change replaced: segments and memtables may still point to it. */
struct nts_retired_def {
    struct nts_retired_def *next;
    struct nts_table_def *def;
};

/* The number of columns, and whether all of them are f64 and none nullable. */
#define NTS_SHAPE_PLAIN 0x80000000u
static inline uint32_t nts_table_shape(const struct nts_table_def *def)
{
    return def->column_count | (def->is_plain ? NTS_SHAPE_PLAIN : 0u);
}
static inline uint32_t nts_shape_columns(uint32_t shape)
{
    return shape & ~NTS_SHAPE_PLAIN;
}

struct nanots_table {
    struct nanots_db *db;
    /* Written under upkeep_lock, flush_lock and write_lock; read without a lock, so that an append
     * can be checked before it takes one. What it pointed to before stays until the handle is
     * closed. Sequentially consistent: schema changes are rare. */
    struct nts_table_def *_Atomic def;
    /* What an append has to know of `def`, beside all else that it touches: nts_table_shape. */
    _Atomic uint32_t shape;
    uint32_t table_id;            /* immutable */
    bool is_dropped;              /* write_lock; takes no more rows */
    struct nts_version *version;  /* written under flush_lock and write_lock, read under either */
    struct nts_part *parts_first; /* write_lock; in order of seq */
    struct nts_part *parts_last;
    struct nts_memtable *active; /* write_lock; takes rows: of the last part, or NULL */
    uint64_t touched_run;        /* write_lock; number of the last run that lists this table */
    bool in_manifest;            /* flush_lock */
    bool is_damaged;             /* upkeep_lock: a rewrite met damage; no more of them */
    bool limit_is_stuck;         /* flush_lock: the same of a rewrite that the size limit needs */
    struct nts_retired_def *retired;   /* flush_lock; definitions that were replaced */
    struct nanots_table *next_dropped; /* write_lock */
    UT_hash_handle hh;                 /* write_lock */
};

/* What is flushed together. Guarded by write_lock; a frozen run is immutable. */
struct nts_run {
    struct nts_run *next;
    uint64_t number;
    struct nts_wal_position end; /* set when it is frozen */
    uint64_t seq_last;
    uint64_t row_count;
    uint64_t born_ms; /* when it got its first table; coarse clock */
    size_t memtable_bytes;
    uint64_t bulk_bytes;
    struct nanots_table **tables; /* touched: rows were added, or it was created */
    size_t table_count;
    size_t table_capacity;
};

/* A byte range that a commit freed and somebody may still read. */
struct nts_limbo {
    uint64_t generation; /* of the commit that freed it */
    struct nts_extent extent;
    struct nts_segment *segment; /* whose bytes they are, or NULL */
};

/* Options after defaults. Immutable. */
struct nts_options {
    const struct nanots_allocator *allocator;
    const struct nanots_vfs *vfs;
    bool read_only;
    nanots_sync_mode sync_mode;
    uint32_t sync_interval_ms;
    uint32_t sector_size;
    uint64_t wal_bytes;
    uint64_t memtable_bytes;
    uint64_t max_record_size;
    int64_t retention_ms;
    uint64_t max_bytes; /* of the file; 0: any */
    bool has_thread;    /* for upkeep */
    struct nanots_maintenance maintenance;
};

/* The thread of auto_maintenance (upkeep_thread.c). */
struct nts_upkeep {
    struct nts_thread thread;
    struct nts_cond wake;      /* with write_lock */
    bool is_running;           /* from the end of open to the begin of close; immutable between */
    bool is_woken;             /* write_lock: a run was frozen */
    bool must_stop;            /* write_lock */
    uint64_t failures;         /* write_lock */
    nanots_status last_status; /* write_lock */
};

/* What rows take uncompressed: eight bytes a timestamp and a value. */
static inline uint64_t nts_raw_bytes(uint64_t row_count, uint32_t column_count)
{
    return row_count * 8 * ((uint64_t)column_count + 1);
}

struct nts_recovery {
    uint64_t rows;
    uint64_t log_bytes;
    uint64_t torn_bytes;
    bool damaged;
    bool log_is_kept;   /* damaged: in kept_logs now */
    uint64_t break_seq; /* damaged: of the last row before the break */
};

/* What a read-only handle knows beside what every handle does. */
struct nts_reader {
    struct nts_wal_tail tail; /* upkeep_lock: where the log goes on */
    uint64_t checked_seq;     /* immutable: bulk segments up to this row were read and are whole */
    nanots_status check_status; /* upkeep_lock: why a bulk segment could not be checked */
    bool must_reload;           /* upkeep_lock: a refresh failed half way; only a new state helps */
    bool is_pinned;             /* flush_lock */
    uint64_t pinned_generation; /* flush_lock: that of sb; those of limbo[] are pinned too */
};

struct nanots_db {
    const struct nanots_allocator *alloc;
    struct nanots_file *file;
    char *path;
    struct nts_options options;
    struct nts_recovery recovery; /* immutable after open */
    struct nts_reader reader;
    uint64_t file_seed; /* seed of the manifest's checksums; immutable once there is a commit */
    const volatile uint8_t *fork_guard;

    struct nts_mutex upkeep_lock;
    struct nts_mutex flush_lock;
    struct nts_mutex sync_lock;
    struct nts_mutex write_lock;

    struct nts_superblock sb; /* flush_lock: what is committed */
    struct nts_limbo *limbo;  /* flush_lock; a reader's: what queries of older states may read */
    size_t limbo_count;
    size_t limbo_capacity;
    uint64_t manifest_long_from; /* flush_lock: a manifest of fewer bytes is not rewritten */
    bool is_dirty;               /* flush_lock: this handle has committed something */
    bool is_copy_target;         /* immutable: a backup or a repair writes here, nobody else */
    struct nts_kept_log kept_logs[NTS_KEPT_LOGS_MAX]; /* flush_lock: committed, oldest first */
    uint32_t kept_log_count;
    uint64_t packed_bytes; /* upkeep_lock: of segments that packs on request wrote */
    uint64_t limit_rows;   /* flush_lock: that went for max_bytes since the open */

    struct nts_wal wal;       /* write_lock */
    uint64_t wal_size_wanted; /* write_lock: size of the next extents to be made */
    struct nts_memtable_spare spare_own;
    struct nts_memtable_spare *spare; /* write_lock; of a read-only handle: upkeep_lock. Its own, or
                                       * of the handle whose next state this becomes */
    struct nts_run *run;              /* write_lock: takes rows */
    struct nts_run *frozen_first;     /* write_lock: waiting for a flush, oldest first */
    struct nts_run *frozen_last;
    struct nanots_table *tables; /* write_lock: by name */
    struct nanots_table **by_id; /* write_lock: index table_id, holes are NULL */
    size_t by_id_count;
    size_t by_id_capacity;
    struct nanots_table *dropped; /* write_lock: tables whose handles may still be used; by next */
    const char *reserved_name;    /* write_lock: a table is about to get it, or to lose it */
    uint32_t next_table_id;       /* write_lock */
    uint64_t next_segment_id;     /* write_lock */
    uint64_t last_seq;            /* write_lock */
    uint64_t appended_bytes; /* write_lock: raw bytes of the rows appended through this handle */
    uint64_t last_sync_ms;   /* write_lock: when the last interval sync began */
    struct nanots_group *groups; /* write_lock: open; by next */
    struct nanots_group
        *groups_hidden;     /* write_lock: in the log, not yet visible; by next_hidden */
    nanots_status poisoned; /* write_lock: OK, or why the handle refuses to write */
    bool flush_is_due;      /* write_lock */

    struct nts_upkeep upkeep;

    struct nts_space space;
    struct nts_file_view view;
};

/* What long work calls now and then, with no lock but upkeep_lock; other than OK ends the work. */
typedef nanots_status (*nts_pulse_fn)(struct nanots_db *db, struct nanots_error *error);

/* ---- db.c --------------------------------------------------------------------------------- */

NTS_CHECKED nanots_status nts_db_open(const char *path, const struct nanots_open_options *options,
                                      struct nanots_db **db_out, struct nanots_error *error);
nanots_status nts_db_close(struct nanots_db *db, struct nanots_error *error);

/* An object without a file; NULL if out of memory. */
NTS_CHECKED struct nanots_db *nts_db_new(const struct nanots_allocator *alloc, const char *path);
/* Frees everything; locks and pins go with the descriptor, after the mappings. */
void nts_db_free(struct nanots_db *db);
/* Chooses the superblock. A sentence that does not name the file gets its path in front. */
NTS_CHECKED nanots_status nts_db_read_superblock(struct nanots_db *db, struct nts_superblock *sb,
                                                 struct nanots_error *error);

/* Refuses to write from now on; `cause` is what failed. write_lock must not be held. */
void nts_db_poison(struct nanots_db *db, nanots_status cause);
/* OK if the handle may write. Takes write_lock. */
NTS_CHECKED nanots_status nts_db_check_writable(struct nanots_db *db, struct nanots_error *error);
/* The same with write_lock held. */
NTS_CHECKED nanots_status nts_db_check_writable_locked(const struct nanots_db *db,
                                                       struct nanots_error *error);
/* MISUSE in a child of fork(). */
NTS_CHECKED nanots_status nts_db_check_process(const struct nanots_db *db,
                                               struct nanots_error *error);

#endif
