/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/stats.c - what a table takes on disk and which codec won; what the database is up to. */
#include <string.h>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/snapshot.h"

/* Adds one column of one segment: bytes, and the codec of each vector. */
static nanots_status stats_add_column(struct nts_segment *segment,
                                      struct nts_segment_reader *reader, uint32_t column,
                                      struct nanots_table_stats *stats, struct nanots_error *error)
{
    const uint32_t vectors = nts_vector_count(segment->entry.row_count);
    for (uint32_t v = 0; v < vectors; v++) {
        const uint8_t *bytes = NULL;
        size_t size = 0;
        NTS_TRY(nts_segment_vector_bytes(segment, reader, column, v, &bytes, &size, error));
        if (column == 0)
            stats->disk_ts_bytes += size;
        else
            stats->disk_value_bytes += size;
        const unsigned codec = size == 0 ? NTS_CODEC_CONSTANT : bytes[0];
        if (codec < NANOTS_CODEC_COUNT_MAX)
            stats->codec_vectors[codec]++;
    }
    return NANOTS_OK;
}

static nanots_status stats_add_segment(struct nts_segment *segment,
                                       struct nts_segment_reader *reader,
                                       struct nanots_table_stats *stats, struct nanots_error *error)
{
    stats->segments++;
    stats->rows += segment->entry.row_count;
    stats->disk_bytes += segment->entry.size;
    for (uint32_t c = 0; c <= segment->def->column_count; c++)
        NTS_TRY(stats_add_column(segment, reader, c, stats, error));
    return NANOTS_OK;
}

nanots_status nts_stats(struct nanots_table *table, struct nanots_table_stats *stats,
                        struct nanots_error *error)
{
    struct nts_segment_reader reader;
    struct nts_snapshot snapshot;

    NTS_TRY(nts_snapshot_take(table, &snapshot, error));
    nanots_status status = nts_segment_reader_init(&reader, table->db->alloc, error);
    for (size_t i = 0; i < snapshot.count && status == NANOTS_OK; i++) {
        const struct nts_source_spec *source = &snapshot.sources[i];
        if (source->segment != NULL) {
            status = stats_add_segment(source->segment, &reader, stats, error);
        } else {
            stats->rows += source->visible_rows;
            stats->pending_rows += source->visible_rows;
        }
    }
    nts_segment_reader_deinit(&reader);
    nts_snapshot_free(&snapshot);
    stats->column_count = table->def->column_count;
    stats->raw_ts_bytes = stats->rows * 8;
    stats->raw_value_bytes = stats->rows * 8 * stats->column_count;
    stats->raw_bytes = stats->raw_ts_bytes + stats->raw_value_bytes;
    stats->disk_index_bytes = stats->disk_bytes - stats->disk_ts_bytes - stats->disk_value_bytes;
    return status;
}

nanots_status nts_diagnose(struct nanots_db *db, struct nanots_diagnosis *diagnosis,
                           struct nanots_error *error)
{
    NTS_TRY(db->file->ops->size(db->file, &diagnosis->file_bytes, error));
    nts_mutex_lock(&db->flush_lock);
    diagnosis->generation = db->sb.generation;
    diagnosis->flushed_seq = db->sb.flushed_seq;
    diagnosis->free_bytes = db->options.read_only ? 0 : nts_space_free_bytes(&db->space);
    for (uint32_t i = 0; i < db->sb.wal_count; i++)
        diagnosis->wal_bytes += db->sb.wal_extents[i].size;
    diagnosis->kept_logs = db->kept_log_count;
    for (uint32_t i = 0; i < db->kept_log_count; i++) {
        diagnosis->kept_log_bytes += nts_kept_log_bytes(&db->kept_logs[i]);
        diagnosis->wal_break_seq = db->kept_logs[i].last_seq;
    }
    nts_mutex_unlock(&db->flush_lock);
    nts_mutex_lock(&db->write_lock);
    diagnosis->wal_used_bytes =
        db->options.read_only ? db->recovery.log_bytes : nts_wal_live_bytes(&db->wal);
    diagnosis->last_seq = db->last_seq;
    diagnosis->pending_rows = db->run->row_count;
    for (const struct nts_run *run = db->frozen_first; run != NULL; run = run->next)
        diagnosis->pending_rows += run->row_count;
    for (size_t i = 0; i < db->by_id_count; i++)
        if (db->by_id[i] != NULL) {
            diagnosis->tables++;
            diagnosis->segments += db->by_id[i]->version->count;
        }
    diagnosis->poisoned = db->poisoned != NANOTS_OK;
    nts_mutex_unlock(&db->write_lock);
    diagnosis->recovered_rows = db->recovery.rows;
    diagnosis->torn_bytes = db->recovery.torn_bytes;
    diagnosis->wal_damaged = db->recovery.damaged;
    if (db->recovery.damaged)
        diagnosis->wal_break_seq = db->recovery.break_seq;
    return NANOTS_OK;
}
