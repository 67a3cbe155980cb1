/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/stats_json.c - statistics and diagnosis as JSON objects; nanots.h promises the keys. */
#include "codec/codec.h"
#include "engine/engine.h"
#include "util/json.h"

static void stats_json_u64(struct nts_json *json, const char *key, uint64_t value)
{
    nts_json_key(json, key);
    nts_json_u64(json, value);
}

static void stats_json_f64(struct nts_json *json, const char *key, double value)
{
    nts_json_key(json, key);
    nts_json_f64(json, value);
}

static void stats_json_bool(struct nts_json *json, const char *key, bool value)
{
    nts_json_key(json, key);
    nts_json_bool(json, value);
}

static void stats_json_text(struct nts_json *json, const char *key, const char *value)
{
    nts_json_key(json, key);
    nts_json_string(json, value);
}

/* {"for":{"vectors":3,"bytes":1200,"raw_bytes":24576}}; a codec that this version does not know is
 * left out. */
static void stats_json_codecs(struct nts_json *json, const struct nanots_tier_stats *tier)
{
    nts_json_key(json, "codecs");
    nts_json_open(json, '{');
    for (unsigned codec = 0; codec < NANOTS_CODEC_COUNT_MAX; codec++) {
        const struct nanots_codec_stats *won = &tier->codecs[codec];
        const char *name = nanots_codec_name(codec);
        if (won->vectors == 0 || name == NULL)
            continue;
        nts_json_key(json, name);
        nts_json_open(json, '{');
        stats_json_u64(json, "vectors", won->vectors);
        stats_json_u64(json, "bytes", won->bytes);
        stats_json_u64(json, "raw_bytes", won->raw_bytes);
        nts_json_close(json, '}');
    }
    nts_json_close(json, '}');
}

static void stats_json_tier(struct nts_json *json, const char *key,
                            const struct nanots_tier_stats *tier)
{
    nts_json_key(json, key);
    nts_json_open(json, '{');
    stats_json_u64(json, "vectors", tier->vectors);
    stats_json_u64(json, "raw_bytes", tier->raw_bytes);
    stats_json_u64(json, "on_disk_bytes", tier->disk_bytes);
    stats_json_codecs(json, tier);
    nts_json_close(json, '}');
}

static void stats_json_tiers(struct nts_json *json, const struct nanots_tier_stats *hot,
                             const struct nanots_tier_stats *packed)
{
    nts_json_key(json, "tiers");
    nts_json_open(json, '{');
    stats_json_tier(json, "hot", hot);
    stats_json_tier(json, "packed", packed);
    nts_json_close(json, '}');
}

static void stats_json_column(struct nts_json *json, const char *name,
                              const struct nanots_column_stats *column)
{
    nts_json_open(json, '{');
    stats_json_text(json, "name", name);
    stats_json_u64(json, "raw_bytes", column->all.raw_bytes);
    stats_json_u64(json, "on_disk_bytes", column->all.disk_bytes);
    stats_json_u64(json, "vectors", column->all.vectors);
    stats_json_f64(json, "compression_ratio_x", column->ratio);
    stats_json_codecs(json, &column->all);
    stats_json_tiers(json, &column->hot, &column->packed);
    nts_json_close(json, '}');
}

static void stats_json_table(struct nts_json *json, const struct nts_table_def *def,
                             const struct nanots_table_stats *stats,
                             const struct nanots_column_stats *columns)
{
    nts_json_open(json, '{');
    stats_json_text(json, "table", def->name);
    stats_json_u64(json, "rows", stats->rows);
    stats_json_u64(json, "segments", stats->segments);
    stats_json_u64(json, "pending_rows", stats->pending_rows);
    stats_json_u64(json, "column_count", stats->column_count);
    stats_json_u64(json, "raw_total_bytes", stats->raw_bytes);
    stats_json_u64(json, "raw_ts_bytes", stats->raw_ts_bytes);
    stats_json_u64(json, "raw_value_bytes", stats->raw_value_bytes);
    stats_json_u64(json, "on_disk_bytes", stats->disk_bytes);
    stats_json_u64(json, "ts_blob_bytes", stats->disk_ts_bytes);
    stats_json_u64(json, "value_blob_bytes", stats->disk_value_bytes);
    stats_json_u64(json, "index_bytes", stats->disk_index_bytes);
    stats_json_f64(json, "compression_ratio_total_x", stats->total_ratio);
    stats_json_f64(json, "compression_ratio_ts_blob_x", stats->ts_ratio);
    stats_json_f64(json, "compression_ratio_value_blob_x", stats->value_ratio);
    stats_json_u64(json, "packed_segments", stats->packed_segments);
    stats_json_codecs(json, &stats->all);
    stats_json_tiers(json, &stats->hot, &stats->packed);
    nts_json_key(json, "columns");
    nts_json_open(json, '[');
    for (uint32_t c = 0; c <= def->column_count; c++)
        stats_json_column(json, nts_table_def_column_name(def, c), &columns[c]);
    nts_json_close(json, ']');
    nts_json_close(json, '}');
}

nanots_status nts_stats_json(struct nanots_table *table, char **text_out,
                             struct nanots_error *error)
{
    const struct nts_table_def *def = table->def;
    const uint32_t count = def->column_count + 1u;
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    struct nts_json json;

    const size_t size = count * sizeof(struct nanots_column_stats);
    struct nanots_column_stats *columns = nts_alloc_zeroed(table->db->alloc, size);
    if (columns == NULL)
        return nts_fail_memory(error, size);
    nanots_status status = nts_stats(table, 0, count, columns, &stats, error);
    if (status == NANOTS_OK) {
        nts_json_init(&json, table->db->alloc);
        stats_json_table(&json, def, &stats, columns);
        status = nts_json_take(&json, text_out, error);
    }
    nts_free(columns);
    return status;
}

nanots_status nts_diagnose_json(struct nanots_db *db, char **text_out, struct nanots_error *error)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    struct nts_json json;

    NTS_TRY(nts_diagnose(db, &diagnosis, error));
    nts_json_init(&json, db->alloc);
    nts_json_open(&json, '{');
    stats_json_u64(&json, "file_bytes", diagnosis.file_bytes);
    stats_json_u64(&json, "free_bytes", diagnosis.free_bytes);
    stats_json_u64(&json, "data_bytes", diagnosis.data_bytes);
    stats_json_u64(&json, "wal_bytes", diagnosis.wal_bytes);
    stats_json_u64(&json, "wal_used_bytes", diagnosis.wal_used_bytes);
    stats_json_f64(&json, "wal_ratio", diagnosis.wal_ratio);
    stats_json_u64(&json, "pending_rows", diagnosis.pending_rows);
    stats_json_u64(&json, "generation", diagnosis.generation);
    stats_json_u64(&json, "oldest_pin", diagnosis.oldest_pin);
    stats_json_u64(&json, "flushed_seq", diagnosis.flushed_seq);
    stats_json_u64(&json, "last_seq", diagnosis.last_seq);
    stats_json_u64(&json, "tables", diagnosis.tables);
    stats_json_u64(&json, "segments", diagnosis.segments);
    stats_json_u64(&json, "written_bytes", diagnosis.written_bytes);
    stats_json_u64(&json, "appended_bytes", diagnosis.appended_bytes);
    stats_json_f64(&json, "write_amplification", diagnosis.write_amplification);
    stats_json_u64(&json, "recovered_rows", diagnosis.recovered_rows);
    stats_json_u64(&json, "torn_bytes", diagnosis.torn_bytes);
    stats_json_bool(&json, "wal_damaged", diagnosis.wal_damaged != 0);
    stats_json_bool(&json, "poisoned", diagnosis.poisoned != 0);
    stats_json_u64(&json, "kept_logs", diagnosis.kept_logs);
    stats_json_u64(&json, "kept_log_bytes", diagnosis.kept_log_bytes);
    stats_json_u64(&json, "wal_break_seq", diagnosis.wal_break_seq);
    stats_json_u64(&json, "maintenance_failures", diagnosis.maintenance_failures);
    stats_json_text(&json, "maintenance_status", nanots_status_name(diagnosis.maintenance_status));
    stats_json_u64(&json, "max_bytes", diagnosis.max_bytes);
    stats_json_u64(&json, "limit_rows", diagnosis.limit_rows);
    nts_json_close(&json, '}');
    return nts_json_take(&json, text_out, error);
}
