/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/copy_target.h - the file that a backup or a repair writes.
 *
 *   open --> add_table, keep / copy / put rows, in any order ... --> commit --> close
 *
 *   new file     generation 1 says unfinished: no reader opens it     one commit: all is there
 *   former one   stays as it is, new bytes go to its free space       the same commit
 *
 * Segments are filled into extents that grow, on granules. What is to be named is
 * gathered here; the catalog of the file changes with the commit alone, so that a failure before it
 * leaves a file that says what it said. Belongs to one thread. Tests: api/test_backup.c,
 * api/test_repair.c, crash/test_backup_cut.c, fault/test_copy_faults.c.
 */
#ifndef NTS_COPY_TARGET_H
#define NTS_COPY_TARGET_H

#include "copy/copy_state.h"
#include "segment/segment_writer.h"

/* A table as the commit will name it. */
struct nts_target_table {
    struct nts_table_def *def;
    struct nts_segment **segments;
    size_t count;
    size_t capacity;
};

/* An extent that is being filled. */
struct nts_target_fill {
    struct nts_extent extent;
    uint64_t used;
};

struct nts_target {
    struct nanots_db *db; /* open for writing; nobody else has it */
    struct nts_target_table *tables;
    size_t table_count;
    size_t table_capacity;
    struct nts_target_fill *fills; /* the last takes more */
    size_t fill_count;
    size_t fill_capacity;
    struct nts_extent_list kept; /* of the file that is updated, by place when sorted */
    uint8_t *buffer;
    uint64_t next_segment_id; /* of segments that are made here */
    uint64_t written_bytes;   /* of segments */
};

enum nts_target_mode {
    NTS_TARGET_NEW,     /* EXISTS if there is a file */
    NTS_TARGET_REPLACE, /* what is there is lost at once; BUSY if somebody uses it */
    NTS_TARGET_UPDATE   /* a former backup of the same database */
};

/* How the file is opened. */
struct nts_target_spec {
    const char *path;
    const char *source_path; /* of what is copied: nothing is written over it */
    enum nts_target_mode mode;
    const struct nanots_allocator *allocator; /* or NULL */
    const struct nanots_vfs *vfs;             /* or NULL */
    uint32_t sector_size;                     /* of the option; 0: 512 */
    const uint8_t *file_id;                   /* [16], of the database that is copied */
    uint64_t last_seq;                        /* of it: a backup cannot be ahead */
    uint64_t next_segment_id;                 /* of segments made here, at least */
};

/* Opens the file; on failure there is nothing to close. */
NTS_CHECKED nanots_status nts_target_open(struct nts_target *target,
                                          const struct nts_target_spec *spec,
                                          struct nanots_error *error);
/* Without a commit the file stays as it was, or unfinished. */
void nts_target_discard(struct nts_target *target);

/* Copies the definition. The table is good until the next one is added. */
NTS_CHECKED nanots_status nts_target_add_table(struct nts_target *target,
                                               const struct nts_table_def *def,
                                               struct nts_target_table **table_out,
                                               struct nanots_error *error);
/* Whether the file that is updated has this very segment, which then is the table's again. */
NTS_CHECKED nanots_status nts_target_keep(struct nts_target *target, struct nts_target_table *table,
                                          const struct nts_segment_entry *entry, bool *kept_out,
                                          struct nanots_error *error);
/* Copies the bytes of a segment as they are. */
NTS_CHECKED nanots_status nts_target_copy(struct nts_target *target, struct nts_target_table *table,
                                          const struct nts_segment *segment,
                                          struct nanots_error *error);
/* Bytes of a segment that was made: entry->off is set here. */
NTS_CHECKED nanots_status nts_target_put(struct nts_target *target, struct nts_target_table *table,
                                         const uint8_t *bytes, struct nts_segment_entry *entry,
                                         struct nanots_error *error);

/* What the superblock says beside the tables. */
struct nts_target_end {
    uint64_t last_seq;
    uint32_t next_table_id;
    uint64_t next_segment_id; /* at least */
    bool is_backup;
};

/* Makes all of it the file's content, durably. */
NTS_CHECKED nanots_status nts_target_commit(struct nts_target *target,
                                            const struct nts_target_end *end,
                                            struct nanots_error *error);
/* After the commit: tidies the file to its size, and closes it. */
NTS_CHECKED nanots_status nts_target_close(struct nts_target *target, struct nanots_error *error);

#endif
