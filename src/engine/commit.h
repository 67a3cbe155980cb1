/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/commit.h - the one place that moves the superblock (SPEC.md 9).
 *
 *   begin --> fill in --> run:  (1) manifest edits, durable   (2) superblock of generation + 1, durable --> end
 *                                    any doubt poisons             any failure poisons
 *
 * Everything here needs flush_lock. Tests: crash/test_power_cut.c, fault/test_io_faults.c.
 */
#ifndef NTS_COMMIT_H
#define NTS_COMMIT_H

#include "engine/db.h"
#include "format/manifest.h"
#include "util/buf.h"

enum nts_commit_wal {
    NTS_COMMIT_WAL_KEEP = 0, /* list what the log has; the head moves if `head` is set */
    NTS_COMMIT_WAL_RESTART,  /* list the same extents, empty, with `salt` */
    NTS_COMMIT_WAL_DROP      /* list none */
};

struct nts_commit {
    struct nanots_db *db;
    struct nts_buf edits;
    uint64_t flushed_seq;
    uint32_t next_table_id; /* above those of the manifest: of others, the log has to tell */
    enum nts_commit_wal wal;
    const struct nts_wal_position *head;              /* NULL: the head stays */
    struct nts_wal_extent added[NTS_WAL_EXTENTS_MAX]; /* open, not in the log yet: listed last */
    uint32_t added_count;
    uint64_t retire_below; /* extents behind `head` that are smaller are listed no more */
    uint64_t salt;
    const struct nts_kept_log
        *keep; /* or NULL: the old log, damaged, stays as it is for a repair */
    struct nts_extent reserve;
    bool reserve_is_taken; /* the old one holds data now: it is not freed */
    uint64_t end_min;      /* end of what this commit names beyond the manifest */
    size_t freed_count;    /* segments that the caller frees behind the commit */
    struct nts_version *const
        *versions;      /* by table id, where they are not the tables' own; or NULL */
    bool changes_table; /* a column, a name, a drop, a cut: not what a reader of the log may miss */
    bool sync_all;      /* adopts bytes written without sync, or carries a schema change */
    bool rewrite_manifest;
    uint64_t incompat_flags; /* as they are */
    uint64_t compat_flags;   /* a backup is one no more once anything else commits */
    bool shrink;             /* file_end becomes exactly end_min */
    bool tiny;
    struct nts_extent manifest; /* shrink: where the manifest goes, exactly; else chosen */
};

void nts_commit_begin(struct nanots_db *db, struct nts_commit *commit);
NTS_CHECKED nanots_status nts_commit_run(struct nts_commit *commit, struct nanots_error *error);
void nts_commit_end(struct nts_commit *commit);

/* The whole committed state of the catalog as a manifest, appended to `buf`; `versions` as in a
 * commit. */
NTS_CHECKED nanots_status nts_commit_snapshot(struct nanots_db *db,
                                              struct nts_version *const *versions,
                                              struct nts_buf *buf);

/* Writes a superblock into its slot, durably. Needs flush_lock. */
NTS_CHECKED nanots_status nts_commit_write_superblock(struct nanots_db *db,
                                                      const struct nts_superblock *sb,
                                                      struct nanots_error *error);

#endif
