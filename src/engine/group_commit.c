/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/group_commit.c - a group becomes rows of its tables. Contract: group.h.
 *
 *   payloads in memory -> lock -> room for all -> tables checked, memtables, headers of segments
 *                                                       | nothing fails from here on but one write
 *                                                       v
 *        unlock <- memtables, parts, last_seq <- BEGIN, ROWS or SEGMENT ..., COMMIT
 */
#include <string.h>

#include "base/check.h"
#include "engine/group_rows.h"

/* ---- before the lock ---------------------------------------------------------------------- */

/* A table has segments or a payload, not both: a memtable cannot follow them in one step. */
static nanots_status commit_prepare_table(struct nanots_group *group, struct nts_group_table *item,
                                          struct nanots_error *error)
{
    struct nts_group_view view;
    if (item->bulk_first != NULL)
        NTS_TRY(nts_group_spill(group, item, error));
    if (item->rows == NULL)
        return NANOTS_OK;
    NTS_TRY(nts_group_view(item, &view, error));
    item->payload_size = (size_t)view.rows.payload_size;
    item->text_size = view.rows.text_size;
    item->payload = nts_alloc(item->db->alloc, item->payload_size);
    if (item->payload != NULL)
        nts_rows_encode(&view.rows, item->def, item->payload);
    nts_group_view_free(&view);
    return item->payload == NULL ? nts_fail_memory(error, item->payload_size) : NANOTS_OK;
}

static nanots_status commit_prepare(struct nanots_group *group, uint64_t *log_size_out,
                                    struct nanots_error *error)
{
    uint64_t size = NTS_WAL_GROUP_SIZE;
    NTS_TRY(nts_group_fit_log(group, error));
    for (struct nts_group_table *item = group->first; item != NULL; item = item->next) {
        NTS_TRY(commit_prepare_table(group, item, error));
        if (item->payload != NULL)
            size += NTS_WAL_RECORD_HEADER_SIZE + item->payload_size;
    }
    *log_size_out = size + group->bulk_log_size;
    return NANOTS_OK;
}

/* ---- under write_lock --------------------------------------------------------------------- */

/* All that can fail before the log is touched. */
static nanots_status commit_enter_table(struct nts_group_table *item, struct nanots_error *error)
{
    NTS_TRY(nts_append_check_table(item->table, item->def->column_count, error));
    if (nts_run_touch(item->table) != NANOTS_OK)
        return nts_fail_memory(error, sizeof *item->table);
    if (item->payload == NULL)
        return NANOTS_OK;
    struct nts_memtable *target = NULL;
    if (nts_append_memtable(item->table, item->rows->row_count, item->text_size, &target) !=
        NANOTS_OK)
        return nts_fail_memory(error, item->payload_size);
    item->target = nts_memtable_ref(target);
    return NANOTS_OK;
}

static nanots_status commit_renumber(struct nanots_group *group, struct nanots_error *error)
{
    uint64_t seq = group->db->last_seq + 1;
    group->seq_first = seq;
    for (struct nts_group_table *item = group->first; item != NULL; item = item->next) {
        for (struct nts_bulk *bulk = item->bulk_first; bulk != NULL; bulk = bulk->next) {
            NTS_TRY(nts_bulk_renumber(bulk, seq, error));
            seq += bulk->row_count;
        }
        if (item->payload != NULL)
            seq += item->rows->row_count;
    }
    group->seq_last = seq - 1;
    return NANOTS_OK;
}

static nanots_status commit_log_rows(const struct nts_group_table *item, uint64_t seq,
                                     struct nanots_error *error)
{
    struct nts_wal *wal = &item->db->wal;
    struct nts_wal_record record = {.kind = NTS_WAL_ROWS,
                                    .column_count = item->def->column_count,
                                    .first_seq = seq,
                                    .table_id = item->table->table_id,
                                    .row_count = item->rows->row_count};
    memcpy(nts_wal_payload(wal, item->payload_size), item->payload, item->payload_size);
    return nts_wal_append(wal, &record, item->payload_size,
                          nts_wal_payload_checksum(item->payload, item->payload_size, wal->salt),
                          error);
}

static nanots_status commit_log(struct nanots_group *group, struct nanots_error *error)
{
    struct nts_wal *wal = &group->db->wal;
    struct nts_wal_group mark;
    uint64_t seq = group->seq_first;

    nts_wal_group_begin(wal, seq, &mark);
    for (struct nts_group_table *item = group->first; item != NULL; item = item->next) {
        for (struct nts_bulk *bulk = item->bulk_first; bulk != NULL; bulk = bulk->next) {
            NTS_TRY(nts_bulk_log(bulk, error));
            seq += bulk->row_count;
            mark.record_count++;
        }
        if (item->payload == NULL)
            continue;
        NTS_TRY(commit_log_rows(item, seq, error));
        seq += item->rows->row_count;
        mark.record_count++;
    }
    return nts_wal_group_commit(wal, seq, &mark, error);
}

static void commit_adopt_rows(struct nts_group_table *item)
{
    struct nanots_db *db = item->db;
    const uint32_t row_count = item->rows->row_count;
    nts_memtable_append(item->target, item->payload, row_count, db->last_seq + 1);
    item->visible_rows = item->target->row_count;
    if (db->options.sync_mode != NANOTS_SYNC_FULL)
        item->target->visible_rows = item->visible_rows;
    db->last_seq += row_count;
    db->run->row_count += row_count;
    db->appended_bytes += nts_raw_bytes(row_count, item->def->column_count);
}

static void commit_adopt(struct nanots_group *group)
{
    struct nanots_db *db = group->db;
    for (struct nts_group_table *item = group->first; item != NULL; item = item->next) {
        while (item->bulk_first != NULL) {
            struct nts_bulk *bulk = item->bulk_first;
            item->bulk_first = bulk->next;
            nts_bulk_adopt(bulk);
            nts_free(bulk);
        }
        if (item->payload != NULL)
            commit_adopt_rows(item);
    }
    assert(db->last_seq == group->seq_last);
    if (db->options.sync_mode != NANOTS_SYNC_FULL)
        return;
    group->next_hidden = db->groups_hidden;
    db->groups_hidden = group;
}

static nanots_status commit_locked(struct nanots_group *group, uint64_t log_size,
                                   struct nanots_error *error)
{
    struct nanots_db *db = group->db;
    NTS_TRY(nts_db_check_writable_locked(db, error));
    NTS_TRY(nts_append_make_room(db, log_size, error));
    for (struct nts_group_table *item = group->first; item != NULL; item = item->next)
        if (item->rows != NULL || item->bulk_first != NULL)
            NTS_TRY(commit_enter_table(item, error));
    NTS_TRY(commit_renumber(group, error));
    NTS_TRY(commit_log(group, error));
    commit_adopt(group);
    return NANOTS_OK;
}

/* ---- visible ------------------------------------------------------------------------------ */

/* What was flushed meanwhile is gone from here, and visible as segments. */
static void group_show_table(const struct nanots_group *group, const struct nts_group_table *item)
{
    if (item->target != NULL && item->target->visible_rows < item->visible_rows)
        item->target->visible_rows = item->visible_rows;
    for (struct nts_part *part = item->table->parts_first; part != NULL; part = part->next)
        if (part->segment != NULL && part->segment->entry.seq_first >= group->seq_first &&
            part->segment->entry.seq_last <= group->seq_last)
            part->is_visible = true;
}

void nts_group_show(struct nanots_db *db, uint64_t seq)
{
    struct nanots_group **link = &db->groups_hidden;
    while (*link != NULL) {
        struct nanots_group *group = *link;
        if (group->seq_last > seq) {
            link = &group->next_hidden;
            continue;
        }
        for (struct nts_group_table *item = group->first; item != NULL; item = item->next)
            group_show_table(group, item);
        *link = group->next_hidden;
    }
}

/* After a sync that failed: nobody may show it any more. */
static void group_stay_hidden(struct nanots_group *group)
{
    struct nanots_db *db = group->db;
    struct nanots_group **link = &db->groups_hidden;
    nts_mutex_lock(&db->write_lock);
    while (*link != NULL && *link != group)
        link = &(*link)->next_hidden;
    if (*link != NULL)
        *link = group->next_hidden;
    nts_mutex_unlock(&db->write_lock);
}

static nanots_status group_commit_rows(struct nanots_group *group, struct nanots_error *error)
{
    struct nanots_db *db = group->db;
    uint64_t log_size = 0;

    NTS_TRY(commit_prepare(group, &log_size, error));
    nts_mutex_lock(&db->write_lock);
    nanots_status status = commit_locked(group, log_size, error);
    const uint64_t end_count = db->wal.end.count;
    nts_mutex_unlock(&db->write_lock);
    NTS_TRY(status);
    status = nts_append_settle(db, end_count, error);
    if (status != NANOTS_OK) {
        group_stay_hidden(group);
        return status;
    }
    if (db->options.sync_mode == NANOTS_SYNC_FULL) {
        nts_mutex_lock(&db->write_lock);
        nts_group_show(db, group->seq_last);
        nts_mutex_unlock(&db->write_lock);
    }
    return NANOTS_OK;
}

nanots_status nts_group_commit(struct nanots_group *group, uint64_t *seq_out,
                               struct nanots_error *error)
{
    struct nanots_db *db = group->db;
    nanots_status status;
    if (group->memory == 0 && group->bulk_log_size == 0) {
        nts_mutex_lock(&db->write_lock);
        status = nts_db_check_writable_locked(db, error);
        group->seq_last = db->last_seq;
        nts_mutex_unlock(&db->write_lock);
    } else {
        status = group_commit_rows(group, error);
    }
    if (seq_out != NULL)
        *seq_out = status == NANOTS_OK ? group->seq_last : 0;
    nts_group_rollback(group);
    return status;
}
