/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/salvage_log.c - rows that are in logs only. Contract: salvage.h.
 *
 *   |H|rec|rec|BEGIN|rec|COMMIT|x..x|rec|rec|rec|000        of the log and of each kept log:
 *      replay, as at every open  ^    ^ a record that the checksum of the next one proves
 *                                `--- break
 *
 * Up to the break the log is replayed as ever (a kept one was, when it was kept). Behind it a
 * record counts if the one before it, whatever that was, is the one that its checksum is made with;
 * rows of a group without its commit do not.
 *
 * Rows behind the break of a kept log get new seqs: their own may have been given out again. They
 * arrive last then, which nobody can tell where all rows of one time are kept; of a table that
 * keeps one row of a time they come back only if no later row came in.
 */
#include <string.h>

#include "base/check.h"
#include "copy/salvage.h"
#include "engine/catalog.h"
#include "engine/engine.h"
#include "wal/wal_replay.h"

struct salvage_log {
    struct nts_salvage *salvage;
    struct nanots_db *db;
    struct nts_wal_image images[NTS_WAL_EXTENTS_MAX];
    uint8_t *copies[NTS_WAL_EXTENTS_MAX];
    struct nts_wal_log log;
    bool is_kept;
    uint64_t last_seq;  /* before the break */
    uint64_t end_seq;   /* of the rows that were taken from behind it */
    uint64_t rows_lost; /* behind the break: seen, and not to be had */
};

static void salvage_log_deinit(struct salvage_log *log)
{
    for (uint32_t i = 0; i < NTS_WAL_EXTENTS_MAX; i++)
        nts_free(log->copies[i]);
}

/* A copy of an extent; what lies behind the file's end, or cannot be read, is zero. */
static nanots_status log_copy_extent(struct salvage_log *log, uint32_t index,
                                     struct nts_extent place, struct nanots_error *error)
{
    struct nanots_file *file = log->db->file;
    const uint64_t file_size = log->salvage->file_size;
    const uint64_t there = place.off < file_size ? file_size - place.off : 0;
    const size_t size = there < place.size ? (size_t)there : (size_t)place.size;

    log->copies[index] = nts_alloc_zeroed(log->db->alloc, (size_t)place.size);
    if (log->copies[index] == NULL)
        return nts_fail_memory(error, (size_t)place.size);
    log->images[index].place = place;
    log->images[index].bytes = log->copies[index];
    for (size_t at = 0; at < size; at += NTS_WAL_EXTENT_SIZE_MIN) {
        const size_t part =
            size - at < NTS_WAL_EXTENT_SIZE_MIN ? size - at : NTS_WAL_EXTENT_SIZE_MIN;
        struct nanots_error detail;
        if (file->ops->read_at(file, log->copies[index] + at, part, place.off + at, &detail) ==
            NANOTS_OK)
            continue;
        memset(log->copies[index] + at, 0, part);
        nts_salvage_note_unreadable(log->salvage, &detail);
        nts_salvage_tell(log->salvage, "log: %zu bytes at offset %llu cannot be read", part,
                         (unsigned long long)(place.off + at));
    }
    return NANOTS_OK;
}

/* A log wholly behind the end of a file that was cut has nothing to say, and needs no memory. */
static bool log_is_in_file(const struct nts_salvage *salvage, const struct nts_extent *extents)
{
    return extents[0].off < salvage->file_size;
}

static nanots_status log_copy(struct salvage_log *log, const struct nts_extent *extents,
                              uint32_t count, struct nanots_error *error)
{
    for (uint32_t i = 0; i < count; i++)
        if (log_is_in_file(log->salvage, &extents[i]))
            NTS_TRY(log_copy_extent(log, log->log.image_count++, extents[i], error));
    log->log.images = log->images;
    return NANOTS_OK;
}

/* ---- behind the break --------------------------------------------------------------------- */

/* Whether the table is the one that the rows were of: a later one may have its id again. */
static bool tail_table_is_sure(const struct salvage_log *log, const struct nanots_table *table)
{
    return !log->is_kept || table->def->created_seq < log->last_seq;
}

/* Whether no row of the table came after the break, of those that are the database's. */
static bool tail_table_ends(const struct salvage_log *log, const struct nanots_table *table)
{
    const struct nts_version *version = table->version;
    if (version->count != 0 &&
        version->segments[version->count - 1]->entry.seq_last > log->last_seq)
        return false;
    for (const struct nts_part *part = table->parts_first; part != NULL; part = part->next) {
        const uint64_t seq_first =
            part->memtable != NULL ? part->memtable->seq_first : part->segment->entry.seq_first;
        if (seq_first <= log->salvage->last_seq)
            return false;
    }
    return true;
}

static bool tail_order_is_sure(const struct salvage_log *log, const struct nanots_table *table)
{
    return !log->is_kept || table->def->duplicates == NTS_DUPLICATES_KEEP_ALL ||
           tail_table_ends(log, table);
}

/* Rows of a record behind the break. *record's seqs change if they may be taken. */
static nanots_status tail_take_record(struct salvage_log *log, struct nts_wal_record *record,
                                      struct nanots_error *error)
{
    struct nanots_db *db = log->db;
    struct nanots_error detail;
    const struct nanots_table *table = nts_catalog_by_id(db, record->table_id);
    const bool is_bulk = record->kind == NTS_WAL_SEGMENT;

    if (record->kind == NTS_WAL_CREATE && !log->is_kept)
        return nts_recover_record(db, record, NULL) == NANOTS_NO_MEMORY
                   ? nts_fail_memory(error, record->size)
                   : NANOTS_OK;
    if (record->row_count == 0)
        return NANOTS_OK;
    if (table == NULL || (is_bulk && log->is_kept) || !tail_table_is_sure(log, table) ||
        !tail_order_is_sure(log, table)) {
        log->rows_lost += record->row_count;
        return NANOTS_OK;
    }
    if (is_bulk && !nts_recover_check_segments(db, record)) {
        log->rows_lost += record->row_count;
        return nts_recover_check_result(db, error);
    }
    const uint64_t last_seq = db->last_seq;
    if (log->is_kept)
        record->first_seq = last_seq + 1;
    db->last_seq = record->first_seq - 1;
    const nanots_status status = nts_recover_record(db, record, &detail);
    if (status == NANOTS_OK) {
        log->salvage->report->log_rows += record->row_count;
        return NANOTS_OK;
    }
    db->last_seq = last_seq;
    log->rows_lost += record->row_count;
    return status == NANOTS_CORRUPT ? NANOTS_OK : nts_fail(error, status, "%s", detail.message);
}

/* The records of one image that prove each other, from `at` on, which is behind one that may be
 * right. Rows are taken when they are known to count: outside of groups at once, inside when the
 * commit is seen. */
struct tail_run {
    const struct nts_wal_image *image;
    uint64_t at;
    uint64_t chain;
    uint64_t group_at; /* of the open group's first record; 0: none is open */
    uint64_t group_chain;
};

static bool run_next(const struct salvage_log *log, struct tail_run *run,
                     struct nts_wal_record *record)
{
    const struct nts_wal_image *image = run->image;
    if (run->at > image->place.size ||
        !nts_wal_record_decode(image->bytes + run->at, (size_t)(image->place.size - run->at),
                               log->log.salt, run->chain, record) ||
        !nts_wal_record_is_consistent(record))
        return false;
    run->at += record->size;
    run->chain = record->checksum;
    return true;
}

/* Of an older lap of the log, or taken before. */
static bool run_is_old(const struct salvage_log *log, const struct nts_wal_record *record)
{
    return record->row_count != 0 && record->first_seq <= log->end_seq;
}

static nanots_status run_take(struct salvage_log *log, struct nts_wal_record *record,
                              struct nanots_error *error)
{
    if (run_is_old(log, record))
        return NANOTS_OK;
    if (record->row_count != 0)
        log->end_seq = record->first_seq + record->row_count - 1;
    return tail_take_record(log, record, error);
}

/* The group is whole: its rows again, from its begin to the commit at `end`. */
static nanots_status run_take_group(struct salvage_log *log, struct tail_run *run, uint64_t end,
                                    struct nanots_error *error)
{
    struct tail_run group = *run;
    struct nts_wal_record record;
    group.at = run->group_at;
    group.chain = run->group_chain;
    while (group.at < end && run_next(log, &group, &record))
        NTS_TRY(run_take(log, &record, error));
    return NANOTS_OK;
}

static nanots_status run_follow(struct salvage_log *log, struct tail_run *run,
                                struct nanots_error *error)
{
    struct nts_wal_record record;
    for (;;) {
        const uint64_t at = run->at;
        if (!run_next(log, run, &record))
            return NANOTS_OK;
        if (record.kind == NTS_WAL_GROUP_BEGIN) {
            run->group_at = run->at;
            run->group_chain = run->chain;
        } else if (record.kind == NTS_WAL_GROUP_COMMIT) {
            if (run->group_at != 0)
                NTS_TRY(run_take_group(log, run, at, error));
            run->group_at = 0;
        } else if (run->group_at == 0) {
            NTS_TRY(run_take(log, &record, error));
        }
    }
}

/* One image from `at` on. Hashing is bounded as in nts_wal_measure. */
static nanots_status tail_search(struct salvage_log *log, const struct nts_wal_image *image,
                                 uint64_t at, struct nanots_error *error)
{
    uint64_t budget = 2 * image->place.size;
    while (at + NTS_WAL_RECORD_HEADER_SIZE <= image->place.size) {
        struct nts_wal_record before;
        struct nts_wal_record record;
        const uint64_t left = image->place.size - at;
        struct tail_run run = {.image = image};
        const bool may_be = nts_wal_record_peek(image->bytes + at, (size_t)left, &before);
        run.at = at + before.size;
        run.chain = before.checksum;
        at += 8;
        if (!may_be ||
            !nts_wal_record_peek(image->bytes + run.at, (size_t)(image->place.size - run.at),
                                 &record) ||
            record.size > budget)
            continue;
        budget -= record.size;
        const uint64_t begin = run.at;
        NTS_TRY(run_follow(log, &run, error));
        if (run.at != begin)
            at = run.at;
    }
    return NANOTS_OK;
}

/* All images that the walk up to the break did not come through, and the rest of the last one. */
static nanots_status log_take_tail(struct salvage_log *log, const struct nts_wal_end *end,
                                   struct nanots_error *error)
{
    const uint64_t rows_before = log->salvage->report->log_rows;
    log->end_seq = log->last_seq;
    for (uint32_t i = 0; i < log->log.image_count; i++) {
        const bool is_visited = (end->visited >> i & 1) != 0;
        if (is_visited && i != end->image)
            continue;
        NTS_TRY(tail_search(log, &log->images[i], is_visited ? end->at : NTS_WAL_EXTENT_HEADER_SIZE,
                            error));
    }
    log->salvage->report->rows_lost += log->rows_lost;
    nts_salvage_tell(log->salvage,
                     "log: it breaks behind row %llu, though later rows had been synced; %llu rows "
                     "behind the break are saved, at least %llu are lost",
                     (unsigned long long)log->last_seq,
                     (unsigned long long)(log->salvage->report->log_rows - rows_before),
                     (unsigned long long)log->rows_lost);
    return NANOTS_OK;
}

/* ---- the logs ----------------------------------------------------------------------------- */

/* One record up to the break. Rows of a table that the manifest would have to tell of are lost with
 * it; of others that are unknown, the table was dropped. */
static nanots_status log_apply(void *context, const struct nts_wal_record *record,
                               struct nanots_error *error)
{
    struct salvage_log *log = context;
    struct nanots_db *db = log->db;
    const bool is_new = record->row_count != 0 && record->first_seq > db->sb.flushed_seq;
    NTS_TRY(nts_recover_record(db, record, error));
    if (is_new && nts_catalog_by_id(db, record->table_id) != NULL)
        log->salvage->report->log_rows += record->row_count;
    else if (is_new && log->salvage->report->manifest_lost != 0)
        log->rows_lost += record->row_count;
    return NANOTS_OK;
}

static nanots_status log_replay(struct salvage_log *log, struct nanots_error *error)
{
    struct nanots_db *db = log->db;
    struct nanots_error detail;
    struct nts_wal_end end;

    nts_wal_measure(&log->log, db->sb.flushed_seq, nts_recover_check_segments, db, &end);
    NTS_TRY(nts_recover_check_result(db, error));
    const nanots_status status =
        nts_wal_replay(&log->log, end.record_count, log_apply, log, &detail);
    if (status != NANOTS_OK && status != NANOTS_CORRUPT)
        return nts_fail(error, status, "%s", detail.message);
    if (status == NANOTS_CORRUPT)
        nts_salvage_tell(log->salvage, "%s; what follows in the log is lost", detail.message);
    if (log->rows_lost != 0)
        nts_salvage_tell(log->salvage, "log: %llu rows of tables that are lost with the manifest",
                         (unsigned long long)log->rows_lost);
    log->salvage->report->rows_lost += log->rows_lost;
    log->rows_lost = 0;
    log->last_seq = db->last_seq;
    return end.damaged && status == NANOTS_OK ? log_take_tail(log, &end, error) : NANOTS_OK;
}

/* The log that the superblock names. */
static nanots_status salvage_current(struct nts_salvage *salvage, struct nanots_error *error)
{
    const struct nts_superblock *sb = &salvage->db->sb;
    struct salvage_log log = {.salvage = salvage, .db = salvage->db};
    if (sb->wal_count == 0)
        return NANOTS_OK;
    if (!log_is_in_file(salvage, sb->wal_extents)) {
        nts_salvage_tell(salvage, "log: it lies behind the file's end; its rows are lost");
        return NANOTS_OK;
    }
    log.log.salt = sb->wal_salt;
    log.log.head_off = sb->wal_head_off;
    log.log.chain = sb->wal_chain;
    nanots_status status = log_copy(&log, sb->wal_extents, sb->wal_count, error);
    if (status == NANOTS_OK)
        status = log_replay(&log, error);
    salvage_log_deinit(&log);
    return status;
}

/* Of a kept log the rows before the break are the database's already. */
static bool kept_check(void *context, const struct nts_wal_record *record)
{
    const struct salvage_log *log = context;
    return record->first_seq <= log->last_seq;
}

static nanots_status salvage_kept(struct nts_salvage *salvage, const struct nts_kept_log *kept,
                                  struct nanots_error *error)
{
    struct salvage_log log = {
        .salvage = salvage, .db = salvage->db, .is_kept = true, .last_seq = kept->last_seq};
    struct nts_wal_end end;
    log.log.salt = kept->salt;
    log.log.head_off = kept->head_off;
    log.log.chain = kept->chain;
    if (!log_is_in_file(salvage, kept->extents))
        return NANOTS_OK;
    nanots_status status = log_copy(&log, kept->extents, kept->extent_count, error);
    if (status == NANOTS_OK) {
        nts_wal_measure(&log.log, kept->flushed_seq, kept_check, &log, &end);
        status = log_take_tail(&log, &end, error);
    }
    salvage_log_deinit(&log);
    return status;
}

nanots_status nts_salvage_logs(struct nts_salvage *salvage, struct nanots_error *error)
{
    struct nanots_db *db = salvage->db;
    NTS_TRY(salvage_current(salvage, error));
    salvage->last_seq = db->last_seq;
    for (uint32_t i = 0; i < db->kept_log_count; i++)
        NTS_TRY(salvage_kept(salvage, &db->kept_logs[i], error));
    nts_recover_show(db);
    return NANOTS_OK;
}
