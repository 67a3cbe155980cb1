/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/engine.h - the steps of the write path and of upkeep, as api/ and each other see them. */
#ifndef NTS_ENGINE_H
#define NTS_ENGINE_H

#include "engine/append_rows.h"
#include "engine/db.h"

struct nts_exchange;

/* ---- append.c, bulk.c --------------------------------------------------------------------- */

/* Appends the rows, which are prepared, as one unit: the log first, then the memtable. */
NTS_CHECKED nanots_status nts_append(struct nanots_table *table, const struct nts_rows *rows,
                                     uint64_t *seq_out, struct nanots_error *error);
/* The same for a large batch: a segment is written and named by one SEGMENT record. */
NTS_CHECKED nanots_status nts_append_bulk(struct nanots_table *table, const struct nts_rows *rows,
                                          uint64_t *seq_out, struct nanots_error *error);
/* Makes a table; EXISTS if there is one of the name. */
NTS_CHECKED nanots_status nts_create_table(struct nanots_db *db, const char *name,
                                           const struct nanots_column *columns, size_t column_count,
                                           const struct nanots_table_options *options,
                                           struct nanots_table **table_out,
                                           struct nanots_error *error);
/* INVALID if the flags, or the codec that they name, are none that a column of the type has. */
NTS_CHECKED nanots_status nts_column_flags_check(const struct nanots_column *column,
                                                 struct nanots_error *error);

/* ---- schema.c ----------------------------------------------------------------------------- */

/* Each flushes and commits: durable on return. Takes upkeep_lock and flush_lock. */
NTS_CHECKED nanots_status nts_schema_add_column(struct nanots_table *table,
                                                const struct nanots_column *column,
                                                struct nanots_error *error);
NTS_CHECKED nanots_status nts_schema_drop(struct nanots_table *table, struct nanots_error *error);
NTS_CHECKED nanots_status nts_schema_rename(struct nanots_table *table, const char *name,
                                            struct nanots_error *error);
NTS_CHECKED nanots_status nts_schema_rename_column(struct nanots_table *table, const char *column,
                                                   const char *name, struct nanots_error *error);

/* With write_lock: whether the table still takes rows of so many columns; a schema change may have
 * come since they were checked. */
NTS_CHECKED nanots_status nts_append_check_table(const struct nanots_table *table,
                                                 uint32_t column_count, struct nanots_error *error);

/* With write_lock: makes sure that a record of `size` bytes fits, sealing and freezing if it must;
 * may drop and retake the lock. */
NTS_CHECKED nanots_status nts_append_make_room(struct nanots_db *db, uint64_t size,
                                               struct nanots_error *error);
/* With write_lock: whether the active run is to be flushed for what it holds. */
bool nts_append_run_is_full(const struct nanots_db *db);
/* With write_lock: whether a record of `size` bytes can be appended now, perhaps after a SEAL. */
bool nts_append_has_room(const struct nanots_db *db, uint64_t size);
/* With write_lock: adds a part to a table that the active run lists. Takes the part over. */
void nts_append_add_part(struct nanots_table *table, struct nts_part *part);
/* With write_lock: makes or enlarges the memtable for what nts_append_memtable takes. */
NTS_CHECKED nanots_status nts_append_grow_memtable(struct nanots_table *table, uint32_t row_count,
                                                   uint64_t text_size,
                                                   struct nts_memtable **memtable_out);

/* With write_lock: the memtable that takes `row_count` rows with `text_size` bytes of strings. */
static inline nanots_status nts_append_memtable(struct nanots_table *table, uint32_t row_count,
                                                uint64_t text_size,
                                                struct nts_memtable **memtable_out)
{
    *memtable_out = table->active;
    if (NTS_LIKELY(table->active != NULL && nts_memtable_has_room(table->active, row_count)))
        return NANOTS_OK;
    return nts_append_grow_memtable(table, row_count, text_size, memtable_out);
}

/* Without locks, after an append that ended at `end_count`: what the sync mode asks for, then a
 * flush if one is due. */
NTS_CHECKED nanots_status nts_append_settle(struct nanots_db *db, uint64_t end_count,
                                            struct nanots_error *error);

/* ---- sync.c ------------------------------------------------------------------------------- */

/* Makes the log durable up to the position with this count. Takes sync_lock and write_lock. */
NTS_CHECKED nanots_status nts_sync_to(struct nanots_db *db, uint64_t end_count,
                                      struct nanots_error *error);

/* With write_lock: how long until the interval sync of mode normal is due; UINT32_MAX in the other
 * modes. */
uint32_t nts_sync_wait_ms(const struct nanots_db *db);
/* If the interval is over, or is in `lead_ms`: syncs what is not, and adds to *syncs (may be
 * NULL). */
NTS_CHECKED nanots_status nts_sync_interval(struct nanots_db *db, uint32_t lead_ms, uint64_t *syncs,
                                            struct nanots_error *error);

/* ---- run.c -------------------------------------------------------------------------------- */

NTS_CHECKED struct nts_run *nts_run_new(const struct nanots_allocator *alloc, uint64_t number);
void nts_run_free(struct nts_run *run);
/* With write_lock: lists the table in the active run. */
NTS_CHECKED nanots_status nts_run_touch(struct nanots_table *table);
/* With write_lock: the active run takes no more rows and waits for its flush; a new one begins. */
NTS_CHECKED nanots_status nts_run_freeze(struct nanots_db *db);

/* ---- flush.c ------------------------------------------------------------------------------ */

enum nts_flush_scope {
    NTS_FLUSH_FROZEN, /* every run that is frozen */
    NTS_FLUSH_ALL,    /* the active one too */
    NTS_FLUSH_URGENT  /* as ALL, and on a full disk the reserve may be used: for what frees space */
};

/* Takes flush_lock. */
NTS_CHECKED nanots_status nts_flush(struct nanots_db *db, enum nts_flush_scope scope,
                                    struct nanots_error *error);
/* The same with flush_lock held. */
NTS_CHECKED nanots_status nts_flush_locked(struct nanots_db *db, enum nts_flush_scope scope,
                                           struct nanots_error *error);
/* With flush_lock: a log without room for a record of `size` gets it, by flushing what is frozen,
 * else by larger extents. */
NTS_CHECKED nanots_status nts_flush_for_room(struct nanots_db *db, uint64_t size,
                                             struct nanots_error *error);

/* What becomes of the log that was replayed: its extents, opened, take a new one of this salt, or
 * they are kept as they are, and the file has no log until the next append. */
struct nts_log_restart {
    const struct nts_wal_extent *extents;
    uint32_t count;
    uint64_t salt;
    const struct nts_kept_log *keep; /* or NULL; then there are no extents here */
};
/* Flushes what recovery replayed, with the commit that empties the log. After NO_SPACE it may be
 * called again. */
NTS_CHECKED nanots_status nts_flush_recovered(struct nanots_db *db,
                                              const struct nts_log_restart *restart,
                                              struct nanots_error *error);

/* ---- recover.c ---------------------------------------------------------------------------- */

/* Loads the manifest and replays the log into the catalog. A writer then makes the state durable
 * and starts a log of a new salt. */
NTS_CHECKED nanots_status nts_recover(struct nanots_db *db, struct nanots_error *error);

/* The steps of that which a reader of a live file repeats; the context is the database.
 * The committed state alone, into an empty catalog; the tail is at the head of the log. */
NTS_CHECKED nanots_status nts_recover_committed(struct nanots_db *db, struct nanots_error *error);
/* Whether the segments that a SEGMENT record names are whole, or are known to be. */
NTS_CHECKED bool nts_recover_check_segments(void *context, const struct nts_wal_record *record);
/* After such checks: why one of them could not be made, if so. */
NTS_CHECKED nanots_status nts_recover_check_result(struct nanots_db *db,
                                                   struct nanots_error *error);
/* One record into the catalog; its rows are not visible yet. Needs write_lock. */
NTS_CHECKED nanots_status nts_recover_record(void *context, const struct nts_wal_record *record,
                                             struct nanots_error *error);
/* The records of one piece (wal/wal_tail.h). *is_whole_out is false if they end before one that
 * makes a table, which happens only without `with_tables`. Needs write_lock. */
NTS_CHECKED nanots_status nts_recover_records(struct nanots_db *db, const struct nts_buf *records,
                                              bool with_tables, bool *is_whole_out,
                                              struct nanots_error *error);
/* All rows of the run become visible. Needs write_lock. */
void nts_recover_show(struct nanots_db *db);

/* A number that grows with every row and table. Needs write_lock. */
static inline uint64_t nts_recover_change_counter(const struct nanots_db *db)
{
    return db->last_seq + db->next_table_id;
}

/* ---- refresh.c ---------------------------------------------------------------------------- */

/* Opens the state of the moment for a read-only handle. */
NTS_CHECKED nanots_status nts_refresh_first(struct nanots_db *db, struct nanots_error *error);
/* Moves a read-only handle on; what nanots_refresh does. Takes upkeep_lock, flush_lock and
 * write_lock. */
NTS_CHECKED nanots_status nts_refresh(struct nanots_db *db, bool *changed_out,
                                      struct nanots_error *error);
/* What nanots_change_counter does. */
NTS_CHECKED nanots_status nts_change_counter(struct nanots_db *db, uint64_t *counter_out,
                                             struct nanots_error *error);

/* ---- pack.c, retention.c, tidy_file.c; merging: merge.h -------------------------------------- */

NTS_CHECKED nanots_status nts_pack_table(struct nanots_table *table, uint64_t target_rows,
                                         struct nanots_error *error);
NTS_CHECKED nanots_status nts_retention_cut(struct nanots_table *table, int64_t cutoff,
                                            uint64_t *rows_removed, struct nanots_error *error);
/* Flushes, and has the oldest segments go as max_bytes has it. Takes upkeep_lock. */
NTS_CHECKED nanots_status nts_retention_limit(struct nanots_db *db, uint64_t *rows_removed,
                                              struct nanots_error *error);
/* Has the exchange put what is not old of the segment at *at, which straddles the cutoff, in its
 * place; *at moves on to the last that goes with it. Adds to *rows_removed. */
NTS_CHECKED nanots_status nts_retention_rewrite(struct nanots_table *table,
                                                const struct nts_version *version, size_t *at,
                                                int64_t cutoff, struct nts_exchange *exchange,
                                                uint64_t *rows_removed, struct nanots_error *error);
/* With upkeep_lock: segments that are old as a whole go, and those of which half is old are
 * rewritten. Rows not flushed yet stay. Writes nothing if nothing is old. */
NTS_CHECKED nanots_status nts_retention_sweep(struct nanots_table *table, int64_t cutoff,
                                              nts_pulse_fn pulse, uint64_t *rows_removed,
                                              struct nanots_error *error);
/* Makes the file as small as a clean close leaves it. Needs upkeep_lock. */
NTS_CHECKED nanots_status nts_tidy_file(struct nanots_db *db, struct nanots_error *error);

/* ---- stats.c, stats_json.c, verify.c ------------------------------------------------------ */

/* Statistics of a table and of `count` of its columns from `first` on (0: the timestamps), all of
 * one moment. The structs are zero before. Sums over columns are those of the range. */
NTS_CHECKED nanots_status nts_stats(struct nanots_table *table, uint32_t first, uint32_t count,
                                    struct nanots_column_stats *columns,
                                    struct nanots_table_stats *stats, struct nanots_error *error);
NTS_CHECKED nanots_status nts_diagnose(struct nanots_db *db, struct nanots_diagnosis *diagnosis,
                                       struct nanots_error *error);
/* The keys are those that nanots.h names. Release with nts_free. */
NTS_CHECKED nanots_status nts_stats_json(struct nanots_table *table, char **text_out,
                                         struct nanots_error *error);
NTS_CHECKED nanots_status nts_diagnose_json(struct nanots_db *db, char **text_out,
                                            struct nanots_error *error);
NTS_CHECKED nanots_status nts_verify(struct nanots_db *db, nanots_damage_callback callback,
                                     void *context, struct nanots_verify_report *report,
                                     struct nanots_error *error);
/* The same for one segment, with a fresh look at its bytes; adds to *report. */
NTS_CHECKED nanots_status nts_verify_segment(struct nanots_db *db, struct nts_segment *segment,
                                             nanots_damage_callback callback, void *context,
                                             struct nanots_verify_report *report,
                                             struct nanots_error *error);

#endif
