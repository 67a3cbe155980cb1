/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/stats.c - what a table takes on disk and which codec won; what the database is up to. */
#include <string.h>

#include "base/check.h"
#include "engine/catalog.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/snapshot.h"

/* Bytes of a value as it was appended; of a string, beside its text. */
static uint64_t stats_raw_width(const struct nts_table_def *def, uint32_t column)
{
    if (column == 0)
        return 8;
    switch ((nanots_type)def->columns[column - 1].type) {
    case NANOTS_TYPE_BOOL:
        return 1;
    case NANOTS_TYPE_F32:
    case NANOTS_TYPE_I32:
    case NANOTS_TYPE_UTF8:
        return 4;
    default:
        return 8;
    }
}

static void stats_add_vector(struct nanots_tier_stats *tier, const struct nts_vector_stats *vector,
                             uint64_t raw_bytes)
{
    tier->vectors++;
    tier->raw_bytes += raw_bytes;
    tier->disk_bytes += vector->size;
    if (vector->codec >= NANOTS_CODEC_COUNT_MAX)
        return;
    tier->codecs[vector->codec].vectors++;
    tier->codecs[vector->codec].bytes += vector->size;
    tier->codecs[vector->codec].raw_bytes += raw_bytes;
}

static void stats_add_tier(struct nanots_tier_stats *sum, const struct nanots_tier_stats *part)
{
    sum->vectors += part->vectors;
    sum->raw_bytes += part->raw_bytes;
    sum->disk_bytes += part->disk_bytes;
    for (unsigned codec = 0; codec < NANOTS_CODEC_COUNT_MAX; codec++) {
        sum->codecs[codec].vectors += part->codecs[codec].vectors;
        sum->codecs[codec].bytes += part->codecs[codec].bytes;
        sum->codecs[codec].raw_bytes += part->codecs[codec].raw_bytes;
    }
}

/* Heads of chunks, which their vectors share, count to the column and to no codec. */
static nanots_status stats_add_heads(struct nts_segment *segment, struct nts_segment_reader *reader,
                                     uint32_t column, struct nanots_tier_stats *tier,
                                     struct nanots_error *error)
{
    const struct nts_column_index *index = NULL;
    NTS_TRY(nts_segment_index(segment, reader, column, &index, error));
    for (uint32_t g = 0; g < index->group_count; g++)
        tier->disk_bytes += index->head_size[g];
    return NANOTS_OK;
}

/* Adds one column of one segment: bytes, and the codec of each vector. */
static nanots_status stats_add_column(struct nts_segment *segment,
                                      struct nts_segment_reader *reader, uint32_t column,
                                      const struct nts_table_def *def,
                                      struct nanots_column_stats *stats, struct nanots_error *error)
{
    const uint32_t row_count = segment->entry.row_count;
    const bool is_packed = (segment->entry.flags & NTS_SEGMENT_PACKED) != 0;
    struct nanots_tier_stats *tier = is_packed ? &stats->packed : &stats->hot;
    bool has_column = false;
    NTS_TRY(nts_segment_has_column(segment, column, &has_column, error));
    if (!has_column)
        return NANOTS_OK;
    for (uint32_t v = 0; v < nts_vector_count(row_count); v++) {
        struct nts_vector_stats vector;
        NTS_TRY(nts_segment_vector_stats(segment, reader, column, v, &vector, error));
        stats_add_vector(tier, &vector,
                         nts_vector_rows(row_count, v) * stats_raw_width(def, column) +
                             vector.text_bytes);
    }
    return stats_add_heads(segment, reader, column, tier, error);
}

static nanots_status stats_add_segment(struct nts_segment *segment,
                                       struct nts_segment_reader *reader,
                                       const struct nts_table_def *def, uint32_t first,
                                       uint32_t count, struct nanots_column_stats *columns,
                                       struct nanots_table_stats *stats, struct nanots_error *error)
{
    stats->segments++;
    stats->rows += segment->entry.row_count;
    stats->disk_bytes += segment->entry.size;
    stats->packed_segments += (segment->entry.flags & NTS_SEGMENT_PACKED) != 0;
    for (uint32_t c = 0; c < count; c++)
        NTS_TRY(stats_add_column(segment, reader, first + c, def, &columns[c], error));
    return NANOTS_OK;
}

static double stats_ratio(uint64_t raw_bytes, uint64_t disk_bytes)
{
    return (double)raw_bytes / (double)(disk_bytes == 0 ? 1 : disk_bytes);
}

/* What follows from the counts. The ratios are of what is flushed; the raw bytes of all rows, but
 * for the text of strings that are not flushed. */
static void stats_finish(const struct nts_table_def *def, uint32_t first, uint32_t count,
                         struct nanots_column_stats *columns, struct nanots_table_stats *stats)
{
    uint64_t flushed_ts = 0;
    uint64_t flushed_values = 0;
    for (uint32_t c = 0; c < count; c++) {
        const bool is_ts = first + c == 0;
        const uint64_t pending = stats->pending_rows * stats_raw_width(def, first + c);
        stats_add_tier(&columns[c].all, &columns[c].hot);
        stats_add_tier(&columns[c].all, &columns[c].packed);
        const struct nanots_tier_stats *all = &columns[c].all;
        columns[c].ratio = stats_ratio(all->raw_bytes, all->disk_bytes);
        *(is_ts ? &stats->disk_ts_bytes : &stats->disk_value_bytes) += all->disk_bytes;
        *(is_ts ? &stats->raw_ts_bytes : &stats->raw_value_bytes) += all->raw_bytes + pending;
        *(is_ts ? &flushed_ts : &flushed_values) += all->raw_bytes;
        stats_add_tier(&stats->hot, &columns[c].hot);
        stats_add_tier(&stats->packed, &columns[c].packed);
        stats_add_tier(&stats->all, all);
    }
    stats->column_count = def->column_count;
    stats->raw_bytes = stats->raw_ts_bytes + stats->raw_value_bytes;
    stats->disk_index_bytes = stats->disk_bytes - stats->disk_ts_bytes - stats->disk_value_bytes;
    stats->total_ratio = stats_ratio(flushed_ts + flushed_values, stats->disk_bytes);
    stats->ts_ratio = stats_ratio(flushed_ts, stats->disk_ts_bytes);
    stats->value_ratio = stats_ratio(flushed_values, stats->disk_value_bytes);
}

nanots_status nts_stats(struct nanots_table *table, uint32_t first, uint32_t count,
                        struct nanots_column_stats *columns, struct nanots_table_stats *stats,
                        struct nanots_error *error)
{
    struct nts_segment_reader reader;
    struct nts_snapshot snapshot;

    NTS_TRY(nts_snapshot_take(table, &snapshot, error));
    nanots_status status = nts_segment_reader_init(&reader, table->db->alloc, error);
    for (size_t i = 0; i < snapshot.count && status == NANOTS_OK; i++) {
        const struct nts_source_spec *source = &snapshot.sources[i];
        if (source->segment != NULL) {
            status = stats_add_segment(source->segment, &reader, snapshot.def, first, count,
                                       columns, stats, error);
        } else {
            stats->rows += source->visible_rows;
            stats->pending_rows += source->visible_rows;
        }
    }
    nts_segment_reader_deinit(&reader);
    nts_snapshot_free(&snapshot);
    stats_finish(snapshot.def, first, count, columns, stats);
    return status;
}

/* The oldest generation that another handle keeps, or this one if it reads only. Without working
 * locks nobody can tell. Needs flush_lock. */
static uint64_t diagnose_oldest_pin(struct nanots_db *db)
{
    uint64_t oldest = 0;
    if (db->options.read_only) /* its own: the first of limbo is the oldest */
        return db->limbo_count == 0 ? db->sb.generation : db->limbo[0].generation;
    if (nts_extents_oldest_pin(db, &oldest, NULL) != NANOTS_OK || oldest > db->sb.generation)
        return db->sb.generation;
    return oldest;
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
    diagnosis->oldest_pin = diagnose_oldest_pin(db);
    diagnosis->max_bytes = db->options.max_bytes;
    diagnosis->limit_rows = db->limit_rows;
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
            diagnosis->data_bytes += nts_version_bytes(db->by_id[i]->version);
        }
    diagnosis->written_bytes =
        nts_vfs_written_bytes(db->file) + db->wal.mapped_bytes - db->wal.rewritten_bytes;
    diagnosis->appended_bytes = db->appended_bytes;
    diagnosis->poisoned = db->poisoned != NANOTS_OK;
    diagnosis->maintenance_failures = db->upkeep.failures;
    diagnosis->maintenance_status = db->upkeep.last_status;
    nts_mutex_unlock(&db->write_lock);
    diagnosis->recovered_rows = db->recovery.rows;
    diagnosis->torn_bytes = db->recovery.torn_bytes;
    diagnosis->wal_damaged = db->recovery.damaged;
    if (db->recovery.damaged)
        diagnosis->wal_break_seq = db->recovery.break_seq;
    if (diagnosis->data_bytes != 0)
        diagnosis->wal_ratio = (double)diagnosis->wal_bytes / (double)diagnosis->data_bytes;
    if (diagnosis->appended_bytes != 0)
        diagnosis->write_amplification =
            (double)diagnosis->written_bytes / (double)diagnosis->appended_bytes;
    return NANOTS_OK;
}
