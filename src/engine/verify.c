/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/verify.c - reading everything: checksums, indexes, zone maps, every vector.
 *
 * A damaged place is counted, named and stepped over; the rest is checked all the same.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/catalog.h"
#include "engine/engine.h"
#include "engine/snapshot.h"
#include "segment/zone_map.h"
#include "util/sort_rows.h"

struct verify {
    struct nanots_db *db;
    struct nts_segment_reader reader;
    nanots_damage_callback callback;
    void *context;
    struct nanots_verify_report *report;
    int64_t *ts; /* [NTS_VECTOR_ROWS] */
};

static void verify_damage(const struct verify *verify, const char *message)
{
    verify->report->damage++;
    if (verify->callback != NULL)
        verify->callback(verify->context, message);
}

static void verify_zone_damage(const struct verify *verify, const struct nts_segment *segment,
                               uint32_t column, uint32_t vector)
{
    char message[256];
    (void)snprintf(
        message, sizeof message,
        "table '%.60s', column '%.60s', vector %u of segment %llu at offset %llu: the zone "
        "map contradicts the values",
        segment->def->name, nts_table_def_column_name(segment->def, column), vector,
        (unsigned long long)segment->entry.segment_id, (unsigned long long)segment->entry.off);
    verify_damage(verify, message);
}

/* True if the failure is damage, which is reported; false if the call itself cannot go on. */
static bool verify_is_damage(const struct verify *verify, nanots_status status,
                             const struct nanots_error *detail)
{
    if (status != NANOTS_CORRUPT && status != NANOTS_IO)
        return false;
    verify_damage(verify, detail->message);
    return true;
}

static nanots_status verify_ts_vector(struct verify *verify, struct nts_segment *segment,
                                      const struct nts_column_index *index, uint32_t vector,
                                      struct nanots_error *detail)
{
    const uint32_t rows = nts_vector_rows(index->row_count, vector);
    NTS_TRY(nts_segment_read_ts(segment, &verify->reader, vector, verify->ts, detail));
    const bool follows = vector == 0 || (int64_t)index->max[vector - 1] <= verify->ts[0];
    /* The manifest and the footer say the same: the first and the last time. */
    const bool begins = vector != 0 || segment->entry.ts_min == verify->ts[0];
    const bool ends =
        vector + 1 != index->vector_count || segment->entry.ts_max == verify->ts[rows - 1];
    if (!nts_rows_are_sorted(verify->ts, rows) || !follows || !begins || !ends ||
        verify->ts[0] != (int64_t)index->min[vector] ||
        verify->ts[rows - 1] != (int64_t)index->max[vector])
        verify_zone_damage(verify, segment, 0, vector);
    return NANOTS_OK;
}

static nanots_status verify_value_vector(struct verify *verify, struct nts_segment *segment,
                                         const struct nts_column_index *index, uint32_t column,
                                         uint32_t vector, struct nts_zone_total *sums,
                                         struct nanots_error *detail)
{
    const struct nts_column_def *def = &segment->def->columns[column - 1];
    const uint32_t rows = nts_vector_rows(index->row_count, vector);
    const uint32_t group = vector / NTS_GROUP_VECTORS;
    const uint32_t in_group = vector % NTS_GROUP_VECTORS;
    struct nts_column_buffer buffer;
    struct nts_zone zone;

    NTS_TRY(nts_column_buffer_init(&buffer, verify->db->alloc, def->type,
                                   nts_column_is_nullable(def), NTS_VECTOR_ROWS, detail));
    nanots_status status =
        nts_segment_read_column(segment, &verify->reader, column, vector, &buffer, 0, detail);
    if (status == NANOTS_OK) {
        const struct nts_column view = nts_column_buffer_view(&buffer);
        status = nts_value_vector_zone(verify->reader.work, &view, 0, rows, &zone, detail);
    }
    nts_column_buffer_deinit(&buffer);
    NTS_TRY(status);
    if (in_group == 0)
        memset(sums, 0, sizeof *sums);
    nts_zone_total_add(sums, nts_index_is_float(index->kind), rows, &zone);
    const bool ends_group = in_group + 1 == NTS_GROUP_VECTORS || vector + 1 == index->vector_count;
    const bool is_right = zone.min == index->min[vector] && zone.max == index->max[vector] &&
                          zone.nan_count == index->nan_count[vector] &&
                          zone.null_count == index->null_count[vector] &&
                          (!ends_group || !nts_index_has_sum(index->kind) ||
                           (sums->sum == index->sum[group] && sums->first == index->first[group] &&
                            sums->last == index->last[group]));
    if (!is_right)
        verify_zone_damage(verify, segment, column, vector);
    return NANOTS_OK;
}

static nanots_status verify_column(struct verify *verify, struct nts_segment *segment,
                                   uint32_t column, struct nanots_error *error)
{
    const struct nts_column_index *index = NULL;
    struct nanots_error detail;
    struct nts_zone_total sums = {false, 0, 0, 0};

    bool has_column = false;
    nanots_status status = nts_segment_has_column(segment, column, &has_column, &detail);
    if (status == NANOTS_OK && !has_column)
        return NANOTS_OK;
    if (status == NANOTS_OK)
        status = nts_segment_index(segment, &verify->reader, column, &index, &detail);
    if (status != NANOTS_OK)
        return verify_is_damage(verify, status, &detail)
                   ? NANOTS_OK
                   : nts_fail(error, status, "%s", detail.message);
    for (uint32_t v = 0; v < index->vector_count; v++) {
        status = column == 0
                     ? verify_ts_vector(verify, segment, index, v, &detail)
                     : verify_value_vector(verify, segment, index, column, v, &sums, &detail);
        if (status == NANOTS_OK)
            continue;
        if (!verify_is_damage(verify, status, &detail))
            return nts_fail(error, status, "%s", detail.message);
        /* A chunk that fails its checksum fails for all its vectors: once is enough. */
        v |= NTS_GROUP_VECTORS - 1;
    }
    return NANOTS_OK;
}

static nanots_status verify_segment(struct verify *verify, struct nts_segment *segment,
                                    struct nanots_error *error)
{
    /* A fresh look at the bytes: what other readers have verified before does not count. */
    struct nts_segment *fresh = nts_segment_new(&verify->db->view, &segment->entry, segment->def);
    nanots_status status = NANOTS_OK;
    if (fresh == NULL)
        return nts_fail_memory(error, sizeof *fresh);
    verify->report->segments++;
    verify->report->rows += segment->entry.row_count;
    verify->report->bytes += segment->entry.size;
    for (uint32_t c = 0; c <= segment->def->column_count && status == NANOTS_OK; c++) {
        const uint64_t damage = verify->report->damage;
        status = verify_column(verify, fresh, c, error);
        if (c == 0 && damage != verify->report->damage && fresh->footer == NULL)
            break; /* neither header nor footer: no column can be read */
    }
    nts_segment_unref(fresh);
    return status;
}

static nanots_status verify_table(struct verify *verify, struct nanots_table *table,
                                  struct nanots_error *error)
{
    struct nts_snapshot snapshot;
    nanots_status status = NANOTS_OK;

    NTS_TRY(nts_snapshot_take(table, &snapshot, error));
    verify->report->tables++;
    for (size_t i = 0; i < snapshot.count && status == NANOTS_OK; i++) {
        if (snapshot.sources[i].segment != NULL)
            status = verify_segment(verify, snapshot.sources[i].segment, error);
        else
            verify->report->rows += snapshot.sources[i].visible_rows;
    }
    nts_snapshot_free(&snapshot);
    return status;
}

/* Damage of the log that this open found and no kept log tells of. */
static void verify_log(const struct verify *verify)
{
    const struct nts_recovery *recovery = &verify->db->recovery;
    char message[256];
    if (!recovery->damaged || recovery->log_is_kept)
        return;
    (void)snprintf(message, sizeof message,
                   "log: rows after seq %llu, which had been synced, are missing behind a break%s",
                   (unsigned long long)recovery->break_seq,
                   verify->db->options.read_only
                       ? ""
                       : "; that log is not kept for a repair: no room for one more");
    verify_damage(verify, message);
}

static void verify_kept_logs(const struct verify *verify)
{
    struct nanots_db *db = verify->db;
    struct nts_kept_log logs[NTS_KEPT_LOGS_MAX];
    char message[256];

    nts_mutex_lock(&db->flush_lock);
    const uint32_t count = db->kept_log_count;
    memcpy(logs, db->kept_logs, sizeof logs);
    nts_mutex_unlock(&db->flush_lock);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(message, sizeof message,
                       "log: rows after seq %llu, which had been synced, are missing behind a "
                       "break; the %llu bytes of that log, head at offset %llu, are kept for a "
                       "repair",
                       (unsigned long long)logs[i].last_seq,
                       (unsigned long long)nts_kept_log_bytes(&logs[i]),
                       (unsigned long long)logs[i].head_off);
        verify_damage(verify, message);
    }
}

static nanots_status verify_init(struct verify *verify, struct nanots_error *error)
{
    const struct nanots_allocator *alloc = verify->db->alloc;
    NTS_TRY(nts_segment_reader_init(&verify->reader, alloc, error));
    verify->ts = nts_alloc_array(alloc, NTS_VECTOR_ROWS, sizeof *verify->ts);
    if (verify->ts != NULL)
        return NANOTS_OK;
    nts_segment_reader_deinit(&verify->reader);
    return nts_fail_memory(error, NTS_VECTOR_ROWS);
}

static void verify_deinit(struct verify *verify)
{
    nts_free(verify->ts);
    nts_segment_reader_deinit(&verify->reader);
}

nanots_status nts_verify_segment(struct nanots_db *db, struct nts_segment *segment,
                                 nanots_damage_callback callback, void *context,
                                 struct nanots_verify_report *report, struct nanots_error *error)
{
    struct verify verify = {.db = db, .callback = callback, .context = context, .report = report};
    NTS_TRY(verify_init(&verify, error));
    const nanots_status status = verify_segment(&verify, segment, error);
    verify_deinit(&verify);
    return status;
}

nanots_status nts_verify(struct nanots_db *db, nanots_damage_callback callback, void *context,
                         struct nanots_verify_report *report, struct nanots_error *error)
{
    struct verify verify = {.db = db, .callback = callback, .context = context, .report = report};
    nanots_status status = NANOTS_OK;
    uint32_t table_id = 0;

    NTS_TRY(verify_init(&verify, error));
    verify_log(&verify);
    verify_kept_logs(&verify);
    while (status == NANOTS_OK) {
        struct nanots_table *table = nts_catalog_next(db, &table_id);
        if (table == NULL)
            break;
        status = verify_table(&verify, table, error);
    }
    verify_deinit(&verify);
    return status;
}
