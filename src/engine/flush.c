/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/flush.c - a frozen run becomes segments.
 *
 *   run -> one data extent: a segment for each memtable -+
 *          bulk segments, already written ---------------+-> edits -> commit -> new versions, head moves
 *
 * A flush takes the whole run: every row of every table up to its last seq. Until the commit
 * nothing that readers or replay see has changed; a flush that fails leaves the run to be flushed
 * again.
 */
#include <string.h>

#include "base/check.h"
#include "engine/catalog.h"
#include "engine/commit.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/limit.h"
#include "engine/row_group.h"
#include "segment/segment_writer.h"

/* One part of the run and the segment that it becomes. */
struct flush_item {
    struct nanots_table *table;
    struct nts_part *part;
    struct nts_segment *segment;
};

struct flush {
    struct nanots_db *db;
    struct nts_run *run;
    struct nts_commit commit;
    struct nts_segment_writer *writer;
    struct nts_extent_writer out;
    struct nts_log_growth growth;
    struct nts_row_group group;
    struct nts_extent extent;
    uint64_t used; /* bytes of the extent */
    struct flush_item *items;
    size_t item_count;
    struct nts_version **versions;         /* [run->table_count], the new ones */
    const struct nts_log_restart *restart; /* NULL but in recovery */
    bool is_urgent;                        /* may use the reserve */
};

/* Lists the run's parts that have rows. */
static nanots_status flush_collect(struct flush *flush)
{
    struct nanots_db *db = flush->db;
    const struct nts_run *run = flush->run;
    size_t count = 0;

    nts_mutex_lock(&db->write_lock);
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            flush->items = nts_alloc_zeroed(db->alloc, (count + 1) * sizeof *flush->items);
            if (flush->items == NULL)
                break;
        }
        for (size_t t = 0; t < run->table_count; t++) {
            struct nts_part *part = run->tables[t]->parts_first;
            for (; part != NULL && part->run_number == run->number; part = part->next) {
                if (part->memtable != NULL && part->memtable->row_count == 0)
                    continue;
                if (pass == 0) {
                    count++;
                    continue;
                }
                flush->items[flush->item_count].table = run->tables[t];
                flush->items[flush->item_count++].part = part;
            }
        }
    }
    nts_mutex_unlock(&db->write_lock);
    return flush->items == NULL ? NANOTS_NO_MEMORY : NANOTS_OK;
}

/* One row group serves all memtables that it is large enough for; thousands of tables are common.
 */
static nanots_status flush_fit_group(struct flush *flush, uint32_t column_count, uint32_t rows,
                                     struct nanots_error *error)
{
    struct nts_row_group *group = &flush->group;
    if (group->ts != NULL && group->column_count >= column_count && group->capacity >= rows)
        return NANOTS_OK;
    nts_row_group_deinit(group);
    return nts_row_group_init(group, flush->db->alloc, column_count, rows, error);
}

static nanots_status flush_write_rows(struct flush *flush, const struct nts_memtable *memtable,
                                      const uint32_t *order, struct nanots_error *error)
{
    const uint32_t most =
        memtable->row_count < NTS_GROUP_ROWS ? memtable->row_count : NTS_GROUP_ROWS;
    struct nts_row_group *group = &flush->group;
    NTS_TRY(flush_fit_group(flush, memtable->column_count, most, error));
    for (uint32_t row = 0; row < memtable->row_count; row += most) {
        const uint32_t left = memtable->row_count - row;
        const uint32_t rows = left < most ? left : most;
        NTS_TRY(nts_row_group_from_memtable(group, memtable, order, row, rows, error));
        NTS_TRY(
            nts_segment_writer_add_group(flush->writer, group->ts, group->columns, rows, error));
    }
    return NANOTS_OK;
}

static nanots_status flush_write_item(struct flush *flush, struct flush_item *item,
                                      struct nanots_error *error)
{
    struct nanots_db *db = flush->db;
    const struct nts_memtable *memtable = item->part->memtable;
    struct nts_segment_entry entry;
    uint32_t *order = NULL;
    /* As the table was when the rows came: columns that were added since are null in them. */
    struct nts_segment_start start = {.def = memtable->def,
                                      .seq_first = memtable->seq_first,
                                      .seq_last = memtable->seq_last,
                                      .file_seed = db->file_seed,
                                      .row_count = memtable->row_count,
                                      .tier = nts_segment_tier(memtable->def, false)};
    nts_mutex_lock(&db->write_lock);
    start.segment_id = db->next_segment_id++;
    nts_mutex_unlock(&db->write_lock);
    if (!memtable->sorted && nts_memtable_order(memtable, memtable->row_count, &order) != NANOTS_OK)
        return nts_fail_memory(error, memtable->row_count);
    nanots_status status = nts_segment_writer_begin(flush->writer, &flush->out, &start, error);
    if (status == NANOTS_OK)
        status = flush_write_rows(flush, memtable, order, error);
    if (status == NANOTS_OK)
        status = nts_segment_writer_finish(flush->writer, &entry, error);
    nts_free(order);
    NTS_TRY(status);
    item->segment = nts_segment_new(&db->view, &entry, item->table->def);
    return item->segment == NULL ? nts_fail_memory(error, sizeof *item->segment) : NANOTS_OK;
}

static bool flush_has_memtables(const struct flush *flush)
{
    for (size_t i = 0; i < flush->item_count; i++)
        if (flush->items[i].part->memtable != NULL)
            return true;
    return false;
}

/* Memtables to segments in memory, at places counted from 0; bulk segments are adopted as they
 * are. */
static nanots_status flush_encode(struct flush *flush, struct nanots_error *error)
{
    struct nanots_db *db = flush->db;

    flush->writer = nts_segment_writer_new(db->alloc);
    if (flush->writer == NULL)
        return nts_fail_memory(error, 0);
    NTS_TRY(nts_extent_writer_init_gather(&flush->out, db->alloc, error));
    for (size_t i = 0; i < flush->item_count; i++) {
        struct flush_item *item = &flush->items[i];
        if (item->part->segment != NULL)
            item->segment = nts_segment_ref(item->part->segment);
        else
            NTS_TRY(flush_write_item(flush, item, error));
    }
    return NANOTS_OK;
}

static nanots_status flush_make_room(const struct flush *flush, struct nanots_error *error)
{
    struct nanots_db *db = flush->db;
    const uint64_t size = flush->out.buffer_used + nts_extents_growth_bytes(db);
    struct nts_limit_coming *coming =
        nts_alloc_array(db->alloc, flush->item_count + 1, sizeof *coming);
    if (coming == NULL)
        return nts_fail_memory(error, flush->item_count * sizeof *coming);
    for (size_t i = 0; i < flush->item_count; i++) {
        coming[i].table = flush->items[i].table;
        coming[i].entry = &flush->items[i].segment->entry;
    }
    const nanots_status status = nts_limit_make_room(db, size, coming, flush->item_count, error);
    nts_free(coming);
    return status;
}

/* A limit that cannot be kept at this time is no reason to keep rows in the log: `status` is told
 * to nobody, unless the handle is poisoned. */
static nanots_status flush_pass_limit(const struct flush *flush, nanots_status status,
                                      struct nanots_error *error)
{
    if (status == NANOTS_OK)
        return NANOTS_OK;
    nts_error_clear(error);
    return nts_db_check_writable(flush->db, error);
}

/* Whether there is a limit; in recovery there is no log yet that its commit could list. */
static bool flush_has_limit(const struct flush *flush)
{
    return flush->db->options.max_bytes != 0 && flush->restart == NULL;
}

static nanots_status flush_obtain(struct flush *flush, struct nanots_error *error)
{
    struct nanots_db *db = flush->db;
    const uint64_t size = flush->out.buffer_used;
    if (flush->is_urgent)
        return nts_extents_obtain_urgent(db, size, &flush->commit, &flush->extent, error);
    return nts_extents_obtain(db, size, NTS_BLOCK_SIZE, &flush->extent, error);
}

/* One durable write of exactly what was encoded: so that free runs of any size are of use. */
static nanots_status flush_write(struct flush *flush, struct nanots_error *error)
{
    struct nanots_db *db = flush->db;

    NTS_TRY(flush_encode(flush, error));
    if (flush_has_limit(flush))
        NTS_TRY(flush_pass_limit(flush, flush_make_room(flush, error), error));
    if (!flush_has_memtables(flush))
        return NANOTS_OK;
    NTS_TRY(flush_obtain(flush, error));
    const nanots_status status =
        nts_extent_writer_emit(&flush->out, db->file, flush->extent.off, error);
    if (status != NANOTS_OK && status != NANOTS_NO_SPACE)
        nts_db_poison(db, status);
    for (size_t i = 0; i < flush->item_count; i++)
        if (flush->items[i].part->memtable != NULL)
            flush->items[i].segment->entry.off += flush->extent.off;
    flush->used = flush->out.buffer_used;
    return status;
}

static nanots_status flush_put_edits(struct flush *flush)
{
    struct nts_commit *commit = &flush->commit;
    const uint64_t seed = flush->db->file_seed;
    for (size_t t = 0; t < flush->run->table_count; t++) {
        const struct nanots_table *table = flush->run->tables[t];
        if (table->in_manifest)
            continue;
        NTS_TRY(nts_manifest_put_table(&commit->edits, seed, table->def));
        if (commit->next_table_id <= table->table_id)
            commit->next_table_id = table->table_id + 1;
        commit->sync_all = true;
    }
    struct nts_segment_entry *entries =
        nts_alloc_array(flush->db->alloc, flush->item_count + 1, sizeof *entries);
    if (entries == NULL)
        return NANOTS_NO_MEMORY;
    for (size_t i = 0; i < flush->item_count; i++) {
        entries[i] = flush->items[i].segment->entry;
        if (commit->end_min < entries[i].off + entries[i].size)
            commit->end_min = entries[i].off + entries[i].size;
    }
    const nanots_status status =
        nts_manifest_put_segments(&commit->edits, seed, entries, flush->item_count);
    nts_free(entries);
    commit->sync_all |= flush->run->bulk_bytes != 0;
    return status;
}

/* New versions of the run's tables; references of the items' segments pass to them. */
static nanots_status flush_make_versions(struct flush *flush)
{
    const struct nanots_allocator *alloc = flush->db->alloc;
    const size_t table_count = flush->run->table_count;
    struct nts_segment **added =
        nts_alloc_array(alloc, flush->item_count + 1, sizeof(struct nts_segment *));
    nanots_status status = NANOTS_NO_MEMORY;
    size_t item = 0;

    flush->versions = nts_alloc_zeroed(alloc, (table_count + 1) * sizeof(struct nts_version *));
    if (added == NULL || flush->versions == NULL)
        goto out;
    for (size_t t = 0; t < table_count; t++) {
        const struct nanots_table *table = flush->run->tables[t];
        size_t count = 0;
        while (item + count < flush->item_count && flush->items[item + count].table == table) {
            added[count] = nts_segment_ref(flush->items[item + count].segment);
            count++;
        }
        flush->versions[t] = nts_version_edit(alloc, table->version, added, count, NULL, 0);
        if (flush->versions[t] == NULL) {
            for (size_t i = 0; i < count; i++)
                nts_segment_unref(added[i]);
            goto out;
        }
        item += count;
    }
    status = NANOTS_OK;
out:
    nts_free(added);
    return status;
}

/* The table's first parts up to the run's are in segments now. Needs write_lock. */
static void table_drop_parts(struct nanots_table *table, uint64_t run_number)
{
    while (table->parts_first != NULL && table->parts_first->run_number <= run_number) {
        struct nts_part *part = table->parts_first;
        table->parts_first = part->next;
        if (table->parts_first == NULL)
            table->parts_last = NULL;
        nts_memtable_retire(part->memtable);
        nts_segment_unref(part->segment);
        nts_free(part);
    }
}

/* The commit is done: readers and the log move on. */
static void flush_publish(struct flush *flush)
{
    struct nanots_db *db = flush->db;
    struct nts_run *run = flush->run;

    nts_mutex_lock(&db->write_lock);
    for (size_t t = 0; t < run->table_count; t++) {
        struct nanots_table *table = run->tables[t];
        struct nts_version *old = table->version;
        table->version = flush->versions[t];
        flush->versions[t] = old;
        table->in_manifest = true;
        table_drop_parts(table, run->number);
    }
    if (flush->restart == NULL) {
        nts_wal_advance_head(&db->wal, &run->end, run->seq_last);
        nts_extents_swap_log(db, &flush->commit, &flush->growth);
    }
    assert(db->frozen_first == run);
    db->frozen_first = run->next;
    if (db->frozen_first == NULL)
        db->frozen_last = NULL;
    nts_mutex_unlock(&db->write_lock);
    if (flush->extent.size != 0)
        nts_space_settle(&db->space, flush->extent.off, flush->used);
}

static void flush_deinit(struct flush *flush, bool committed)
{
    /* The superblock names the reserve still: it is no free space. */
    const uint64_t kept = flush->commit.reserve_is_taken ? flush->extent.size : 0;
    if (!committed && flush->extent.size != 0)
        nts_space_settle(&flush->db->space, flush->extent.off, kept);
    for (size_t i = 0; i < flush->item_count; i++)
        nts_segment_unref(flush->items[i].segment);
    for (size_t t = 0; flush->versions != NULL && t < flush->run->table_count; t++)
        nts_version_unref(flush->versions[t]);
    nts_free(flush->versions);
    nts_free(flush->items);
    nts_row_group_deinit(&flush->group);
    nts_extent_writer_deinit(&flush->out);
    nts_segment_writer_free(flush->writer);
    nts_commit_end(&flush->commit);
    if (committed)
        nts_run_free(flush->run);
}

/* Recovery: the commit lists the same log extents, empty, or keeps them and lists none. */
static void flush_plan_restart(struct nts_commit *commit, const struct nts_log_restart *restart)
{
    commit->wal = restart->keep == NULL ? NTS_COMMIT_WAL_RESTART : NTS_COMMIT_WAL_DROP;
    commit->keep = restart->keep;
    commit->salt = restart->salt;
    commit->added_count = restart->count;
    for (uint32_t i = 0; i < restart->count; i++)
        commit->added[i] = restart->extents[i];
}

static nanots_status flush_commit_restart(struct flush *flush, struct nanots_error *error)
{
    flush_plan_restart(&flush->commit, flush->restart);
    NTS_TRY(nts_commit_run(&flush->commit, error));
    flush_publish(flush);
    return NANOTS_OK;
}

static nanots_status flush_commit(struct flush *flush, struct nanots_error *error)
{
    struct nts_commit *commit = &flush->commit;

    commit->flushed_seq = flush->run->seq_last;
    if (flush_put_edits(flush) != NANOTS_OK || flush_make_versions(flush) != NANOTS_OK)
        return nts_fail_memory(error, commit->edits.size);
    if (flush->restart != NULL)
        return flush_commit_restart(flush, error);
    commit->head = &flush->run->end;
    nts_extents_plan_growth(flush->db, commit, &flush->growth);
    const nanots_status status = nts_commit_run(commit, error);
    if (status == NANOTS_OK)
        flush_publish(flush);
    nts_extents_finish_growth(flush->db, commit, &flush->growth, status == NANOTS_OK);
    return status;
}

static nanots_status flush_run(struct nanots_db *db, struct nts_run *run,
                               const struct nts_log_restart *restart, bool is_urgent,
                               struct nanots_error *error)
{
    struct flush flush;
    nanots_status status;

    memset(&flush, 0, sizeof flush);
    flush.db = db;
    flush.run = run;
    flush.restart = restart;
    flush.is_urgent = is_urgent;
    nts_commit_begin(db, &flush.commit);
    status = flush_collect(&flush);
    if (status != NANOTS_OK)
        (void)nts_fail_memory(error, 0);
    if (status == NANOTS_OK)
        status = flush_write(&flush, error);
    if (status == NANOTS_OK)
        status = flush_commit(&flush, error);
    flush_deinit(&flush, status == NANOTS_OK);
    NTS_TRY(status);
    NTS_TRY(nts_extents_reap(db, error));
    if (!flush_has_limit(&flush))
        return NANOTS_OK;
    /* Of rows that came late the limit takes these. */
    return flush_pass_limit(&flush, nts_limit_make_room(db, 0, NULL, 0, error), error);
}

nanots_status nts_flush_locked(struct nanots_db *db, enum nts_flush_scope scope,
                               struct nanots_error *error)
{
    nts_mutex_lock(&db->write_lock);
    nanots_status status = nts_db_check_writable_locked(db, error);
    if (status == NANOTS_OK && scope != NTS_FLUSH_FROZEN && nts_run_freeze(db) != NANOTS_OK)
        status = nts_fail_memory(error, sizeof *db->run);
    struct nts_run *const last = db->frozen_last;
    struct nts_run *run = db->frozen_first;
    db->flush_is_due = false;
    nts_mutex_unlock(&db->write_lock);
    /* A reader that is gone may have kept the room that this needs. */
    if (status == NANOTS_OK && run != NULL && db->limbo_count != 0)
        status = nts_extents_reap(db, error);
    while (status == NANOTS_OK && run != NULL) {
        struct nts_run *const next = run == last ? NULL : run->next;
        status = flush_run(db, run, NULL, scope == NTS_FLUSH_URGENT, error);
        run = next;
    }
    return status;
}

nanots_status nts_flush(struct nanots_db *db, enum nts_flush_scope scope,
                        struct nanots_error *error)
{
    nts_mutex_lock(&db->flush_lock);
    const nanots_status status = nts_flush_locked(db, scope, error);
    nts_mutex_unlock(&db->flush_lock);
    return status;
}

/* The log's end, if nothing before it waits for a flush and extents before it are still live: a run
 * that was frozen just before the log went on in a new extent leaves them so. Needs write_lock. */
static bool flush_can_move_head(const struct nanots_db *db, struct nts_wal_position *head_out)
{
    *head_out = db->wal.end;
    return db->run->table_count == 0 && db->frozen_first == NULL &&
           db->wal.extents[0].serial < db->wal.end.serial;
}

/* A commit for nothing but larger or free WAL extents. */
static nanots_status flush_grow_log(struct nanots_db *db, struct nanots_error *error)
{
    struct nts_wal_position head;
    struct nts_log_growth growth;
    struct nts_commit commit;
    nanots_status status;

    nts_commit_begin(db, &commit);
    nts_mutex_lock(&db->write_lock);
    if (flush_can_move_head(db, &head))
        commit.head = &head;
    nts_mutex_unlock(&db->write_lock);
    nts_extents_plan_growth(db, &commit, &growth);
    if (growth.size == 0 && commit.head == NULL)
        status = nts_fail(error, NANOTS_NO_SPACE, "no space left for a larger log");
    else
        status = nts_commit_run(&commit, error);
    if (status == NANOTS_OK) {
        nts_mutex_lock(&db->write_lock);
        if (commit.head != NULL)
            nts_wal_advance_head(&db->wal, &head, db->sb.flushed_seq);
        nts_extents_swap_log(db, &commit, &growth);
        nts_mutex_unlock(&db->write_lock);
    }
    nts_extents_finish_growth(db, &commit, &growth, status == NANOTS_OK);
    nts_commit_end(&commit);
    return status;
}

nanots_status nts_flush_for_room(struct nanots_db *db, uint64_t size, struct nanots_error *error)
{
    nts_mutex_lock(&db->write_lock);
    const bool has_room = nts_append_has_room(db, size);
    const bool is_frozen = db->frozen_first != NULL;
    const bool is_full = db->run->table_count != 0 && !nts_wal_can_seal(&db->wal);
    nts_mutex_unlock(&db->write_lock);
    if (has_room)
        return NANOTS_OK; /* another thread was here first */
    if (!is_frozen && !is_full)
        return flush_grow_log(db, error);
    return nts_flush_locked(db, is_frozen ? NTS_FLUSH_FROZEN : NTS_FLUSH_ALL, error);
}

nanots_status nts_flush_recovered(struct nanots_db *db, const struct nts_log_restart *restart,
                                  struct nanots_error *error)
{
    nts_mutex_lock(&db->write_lock);
    const nanots_status frozen = nts_run_freeze(db);
    struct nts_run *run = db->frozen_first;
    db->flush_is_due = false;
    nts_mutex_unlock(&db->write_lock);
    if (frozen != NANOTS_OK)
        return nts_fail_memory(error, sizeof *run);
    if (run != NULL)
        return flush_run(db, run, restart, true, error);
    struct nts_commit commit;
    nts_commit_begin(db, &commit);
    flush_plan_restart(&commit, restart);
    const nanots_status status = nts_commit_run(&commit, error);
    nts_commit_end(&commit);
    return status;
}
