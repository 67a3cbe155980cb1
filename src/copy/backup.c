/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/backup.c - a live database to a closed file. Contract: copy.h.
 *
 *   state of one moment:   |segment 7|segment 9|memtable|        former backup:  |7|8|own 1|
 *                            |            |         |                             kept: 7
 *                            v            v         v                             copied: 9
 *   new content:           |segment 7|segment 9|own 2|                            gone: 8, own 1
 *
 * Segments never change and keep their ids, so what the former backup has needs no copy. Rows that
 * are in the log only become segments of the backup's own, whose ids the database will not give out
 * (BACKUP_ID_GAP); the next backup finds those rows in segments of the database and drops them.
 */
#include "copy/copy.h"

#include "base/check.h"
#include "copy/copy_rows.h"
#include "copy/copy_state.h"
#include "copy/copy_target.h"

#define BACKUP_ID_GAP (1ull << 40)

struct backup {
    struct nanots_db *db;
    const struct nanots_backup_options *options;
    struct nanots_backup_report *report;
    struct nts_copy_state state;
    struct nts_target target;
    struct nts_segment_reader reader;
    uint64_t done_bytes;
    uint64_t total_bytes;
};

static void backup_tell(const struct backup *backup)
{
    if (backup->options->progress != NULL)
        backup->options->progress(backup->options->context, backup->done_bytes,
                                  backup->total_bytes);
}

/* Every checksum is looked at: a copy of damage would be no backup. */
static nanots_status backup_copy_segment(struct backup *backup, struct nts_target_table *table,
                                         struct nts_segment *segment, struct nanots_error *error)
{
    struct nts_segment *fresh = nts_segment_new(segment->view, &segment->entry, segment->def);
    if (fresh == NULL)
        return nts_fail_memory(error, sizeof *fresh);
    nanots_status status = nts_copy_check(fresh, &backup->reader, error);
    if (status == NANOTS_OK)
        status = nts_target_copy(&backup->target, table, fresh, error);
    nts_segment_unref(fresh);
    if (status == NANOTS_OK)
        backup->report->copied_segments++;
    return status;
}

static nanots_status backup_segment(struct backup *backup, struct nts_target_table *table,
                                    struct nts_segment *segment, struct nanots_error *error)
{
    bool kept = false;
    if ((backup->options->flags & NANOTS_BACKUP_INCREMENTAL) != 0)
        NTS_TRY(nts_target_keep(&backup->target, table, &segment->entry, &kept, error));
    if (!kept)
        NTS_TRY(backup_copy_segment(backup, table, segment, error));
    backup->report->segments++;
    backup->report->rows += segment->entry.row_count;
    backup->report->bytes += segment->entry.size;
    backup->done_bytes += segment->entry.size;
    backup_tell(backup);
    return NANOTS_OK;
}

static nanots_status backup_rows(struct backup *backup, struct nts_target_table *table,
                                 const struct nts_copy_source *source, struct nanots_error *error)
{
    const uint64_t before = backup->target.written_bytes;
    NTS_TRY(nts_copy_memtable(&backup->target, table, source, error));
    backup->report->segments++;
    backup->report->copied_segments++;
    backup->report->rows += source->row_count;
    backup->report->bytes += backup->target.written_bytes - before;
    return NANOTS_OK;
}

static nanots_status backup_table(struct backup *backup, const struct nts_copy_table *from,
                                  struct nanots_error *error)
{
    struct nts_target_table *table = NULL;
    NTS_TRY(nts_target_add_table(&backup->target, from->def, &table, error));
    backup->report->tables++;
    for (size_t i = 0; i < from->count; i++)
        NTS_TRY(from->sources[i].segment != NULL
                    ? backup_segment(backup, table, from->sources[i].segment, error)
                    : backup_rows(backup, table, &from->sources[i], error));
    return NANOTS_OK;
}

static nanots_status backup_fill(struct backup *backup, struct nanots_error *error)
{
    const struct nts_target_end end = {.last_seq = backup->state.last_seq,
                                       .next_table_id = backup->state.next_table_id,
                                       .next_segment_id = backup->state.next_segment_id,
                                       .is_backup = true};
    backup_tell(backup);
    for (size_t t = 0; t < backup->state.table_count; t++)
        NTS_TRY(backup_table(backup, &backup->state.tables[t], error));
    backup->report->copied_bytes = backup->target.written_bytes;
    return nts_target_commit(&backup->target, &end, error);
}

static nanots_status backup_write(struct backup *backup, const char *out_path,
                                  struct nanots_error *error)
{
    const uint32_t flags = backup->options->flags;
    const struct nts_target_spec spec = {
        .path = out_path,
        .source_path = backup->db->path,
        .mode = (flags & NANOTS_BACKUP_INCREMENTAL) != 0 ? NTS_TARGET_UPDATE
                : (flags & NANOTS_BACKUP_REPLACE) != 0   ? NTS_TARGET_REPLACE
                                                         : NTS_TARGET_NEW,
        .allocator = backup->db->alloc,
        .vfs = backup->options->vfs != NULL ? backup->options->vfs : backup->db->options.vfs,
        .sector_size = backup->db->options.sector_size,
        .file_id = backup->state.file_id,
        .last_seq = backup->state.last_seq,
        .next_segment_id = backup->state.next_segment_id + BACKUP_ID_GAP};

    if (spec.next_segment_id > NTS_NUMBER_MAX - BACKUP_ID_GAP)
        return nts_fail(error, NANOTS_TOO_BIG, "%.120s: no ids of segments are left",
                        backup->db->path);
    NTS_TRY(nts_target_open(&backup->target, &spec, error));
    const nanots_status status = backup_fill(backup, error);
    if (status == NANOTS_OK)
        return nts_target_close(&backup->target, error);
    nts_target_discard(&backup->target);
    return status;
}

nanots_status nts_backup(struct nanots_db *db, const char *out_path,
                         const struct nanots_backup_options *options,
                         struct nanots_backup_report *report, struct nanots_error *error)
{
    struct backup backup = {.db = db, .options = options, .report = report};

    NTS_TRY(nts_segment_reader_init(&backup.reader, db->alloc, error));
    nanots_status status = nts_copy_state_take(db, &backup.state, error);
    if (status == NANOTS_OK) {
        backup.total_bytes = nts_copy_state_bytes(&backup.state);
        report->last_seq = backup.state.last_seq;
        status = backup_write(&backup, out_path, error);
    }
    nts_copy_state_deinit(&backup.state);
    nts_segment_reader_deinit(&backup.reader);
    return status;
}
