/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/merge.c - small neighbours to larger segments. Contract: merge.h. */
#include "engine/merge.h"
#include "engine/catalog.h"

#include <string.h>

#include "base/check.h"
#include "engine/exchange.h"
#include "engine/extents.h"
#include "engine/limit.h"
#include "engine/rewrite.h"
#include "engine/tiers.h"

#define MERGE_UNIT_ROWS_MAX     65536u       /* closing: a unit of more rows is large enough */
#define MERGE_ROWS_MAX          (4u << 20)   /* closing: rows of one merge */
#define MERGE_COMMIT_BYTES      (16u << 20)  /* closing: so many bytes of segments in one commit */
#define MERGE_TIER_COMMIT_BYTES (4u << 20)   /* by tiers: the same */
#define MERGE_VALUE_BYTES       (256u << 20) /* by tiers: raw bytes of one merge */

/* End of the unit that begins at segment `first`, and its rows. */
static size_t unit_end(const struct nts_version *version, size_t first, uint64_t *rows_out)
{
    size_t end = first;
    *rows_out = 0;
    while (end < version->count &&
           version->segments[end]->entry.seq_first == version->segments[first]->entry.seq_first)
        *rows_out += version->segments[end++]->entry.row_count;
    return end;
}

/* The next run of two or more small units from `first` on; false if there is none. */
static bool merge_find(const struct nts_version *version, uint64_t rows_max, size_t *first,
                       size_t *end_out)
{
    size_t at = *first;
    while (at < version->count) {
        uint64_t rows = 0;
        uint64_t total = 0;
        size_t units = 0;
        size_t end = at;
        for (;;) {
            const size_t next = unit_end(version, end, &rows);
            if (end == version->count || rows >= MERGE_UNIT_ROWS_MAX || total + rows > rows_max)
                break;
            total += rows;
            units++;
            end = next;
        }
        if (units >= 2) {
            *first = at;
            *end_out = end;
            return true;
        }
        at = end > at ? end : unit_end(version, at, &rows);
    }
    return false;
}

/* Every run of small units of the table into the exchange. */
static nanots_status merge_small_into(struct nanots_table *table, struct nts_exchange *exchange,
                                      struct nanots_error *error)
{
    struct nts_version *version = nts_version_now(table);
    const uint64_t segment_rows = nts_limit_segment_rows(table->db, version);
    const uint64_t rows_max = segment_rows * (MERGE_ROWS_MAX / NTS_SEGMENT_ROWS_MAX);
    nanots_status status = NANOTS_OK;
    size_t first = 0;
    size_t end = 0;

    while (status == NANOTS_OK && merge_find(version, rows_max, &first, &end)) {
        struct nts_rewrite rewrite = {.table = table,
                                      .inputs = version->segments + first,
                                      .input_count = end - first,
                                      .from = INT64_MIN,
                                      .target_rows = segment_rows};
        status = nts_rewrite_into(&rewrite, exchange, error);
        first = end;
    }
    nts_version_unref(version);
    if (status != NANOTS_OK)
        nts_exchange_forget(exchange, table);
    return status;
}

/* So many bytes of segments in one commit. */
static uint64_t merge_commit_bytes(const struct nanots_db *db, uint64_t most)
{
    const uint64_t share = nts_limit_bulk_bytes(db);
    return share < most ? share : most;
}

/* Commits the exchange, whose room is free then, and begins another. */
static nanots_status merge_commit(struct nts_exchange *exchange, bool *is_done_out,
                                  struct nanots_error *error)
{
    struct nanots_db *db = exchange->db;
    *is_done_out = false;
    if (exchange->table_count == 0)
        return NANOTS_OK;
    nanots_status status = nts_exchange_commit(exchange, error);
    *is_done_out = exchange->is_committed;
    nts_exchange_end(exchange);
    nts_exchange_begin(exchange, db);
    nts_mutex_lock(&db->flush_lock);
    if (status == NANOTS_OK)
        status = nts_extents_reap(db, error);
    nts_mutex_unlock(&db->flush_lock);
    return status;
}

/* One table more; on a full disk in the room that those before it leave. */
static nanots_status merge_small_add(struct nanots_table *table, struct nts_exchange *exchange,
                                     struct nanots_error *error)
{
    const uint64_t most = merge_commit_bytes(table->db, MERGE_COMMIT_BYTES);
    bool is_done = false;
    nanots_status status = merge_small_into(table, exchange, error);
    if (status == NANOTS_NO_SPACE && exchange->table_count != 0) {
        NTS_TRY(merge_commit(exchange, &is_done, error));
        status = merge_small_into(table, exchange, error);
    }
    if (status == NANOTS_OK && exchange->removed_bytes >= most)
        status = merge_commit(exchange, &is_done, error);
    return status;
}

nanots_status nts_merge_small(struct nanots_db *db, struct nanots_error *error)
{
    struct nts_exchange exchange;
    struct nanots_error detail;
    uint32_t table_id = 0;
    nanots_status status = NANOTS_OK;

    nts_exchange_begin(&exchange, db);
    while (status == NANOTS_OK) {
        struct nanots_table *table = nts_catalog_next(db, &table_id);
        if (table == NULL)
            break;
        status = merge_small_add(table, &exchange, error);
    }
    /* What was done before a failure is done. */
    const nanots_status committed = nts_exchange_commit(&exchange, &detail);
    if (status == NANOTS_OK && committed != NANOTS_OK) {
        status = committed;
        if (error != NULL)
            *error = detail;
    }
    nts_exchange_end(&exchange);
    return status;
}

/* ---- by tiers ----------------------------------------------------------------------------- */

/* The units of a version: rows of each. Returns how many there are. */
static size_t merge_list_units(const struct nts_version *version, uint64_t *rows)
{
    size_t count = 0;
    for (size_t at = 0; at < version->count; count++)
        at = unit_end(version, at, &rows[count]);
    return count;
}

/* The index of the segment with which unit `unit` begins. */
static size_t merge_unit_first(const struct nts_version *version, size_t unit)
{
    uint64_t rows = 0;
    size_t at = 0;
    while (unit-- > 0)
        at = unit_end(version, at, &rows);
    return at;
}

/* The merge that is due, as inputs of a rewrite; none: input_count is 0. */
static nanots_status merge_choose(const struct nts_version *version, struct nts_rewrite *rewrite,
                                  struct nanots_error *error)
{
    const struct nanots_db *db = rewrite->table->db;
    const uint64_t row_size = ((uint64_t)rewrite->table->def->column_count + 1) * 8;
    struct nts_tier_limits limits = {.rows_max = MERGE_VALUE_BYTES / row_size,
                                     .units_max = db->options.maintenance.max_segments_per_pack};
    size_t first = 0;

    if (version->count < NTS_TIER_UNITS_MIN)
        return NANOTS_OK;
    const uint64_t segment_rows = nts_limit_segment_rows(db, version);
    if (limits.rows_max > segment_rows)
        limits.rows_max = segment_rows;
    uint64_t *rows = nts_alloc_array(db->alloc, version->count, sizeof *rows);
    if (rows == NULL)
        return nts_fail_memory(error, version->count * sizeof *rows);
    const size_t units = nts_tiers_choose(rows, merge_list_units(version, rows), &limits, &first);
    nts_free(rows);
    const size_t begin = merge_unit_first(version, first);
    uint64_t total = 0;
    rewrite->inputs = version->segments + begin;
    rewrite->input_count = units == 0 ? 0 : merge_unit_first(version, first + units) - begin;
    for (size_t i = 0; i < rewrite->input_count; i++)
        total += rewrite->inputs[i]->entry.row_count;
    rewrite->is_cold = !nts_tiers_takes(total, &limits);
    return NANOTS_OK;
}

/* The table's merge, if one is due, into the batch. */
static nanots_status merge_tier_into(struct nts_merge_batch *batch, struct nanots_table *table,
                                     nts_pulse_fn pulse, struct nanots_error *error)
{
    struct nts_version *version = nts_version_now(table);
    struct nts_rewrite rewrite = {
        .table = table, .from = INT64_MIN, .target_rows = NTS_SEGMENT_ROWS_MAX, .pulse = pulse};

    nanots_status status = merge_choose(version, &rewrite, error);
    if (status == NANOTS_OK && rewrite.input_count != 0)
        status = nts_extents_begin_upkeep(table->db, error);
    if (status == NANOTS_OK && rewrite.input_count != 0)
        status = nts_rewrite_into(&rewrite, &batch->exchange, error);
    if (status != NANOTS_OK)
        nts_exchange_forget(&batch->exchange, table);
    if (status == NANOTS_OK && rewrite.input_count != 0) {
        batch->pending.merges++;
        batch->pending.segments += rewrite.input_count;
        for (size_t i = 0; i < rewrite.input_count; i++)
            batch->pending.bytes += rewrite.inputs[i]->entry.size;
    }
    nts_version_unref(version);
    return status;
}

void nts_merge_begin(struct nts_merge_batch *batch, struct nanots_db *db)
{
    memset(batch, 0, sizeof *batch);
    nts_exchange_begin(&batch->exchange, db);
}

nanots_status nts_merge_commit(struct nts_merge_batch *batch, struct nanots_error *error)
{
    const struct nts_merged none = {0, 0, 0};
    bool is_done = false;
    const nanots_status status = merge_commit(&batch->exchange, &is_done, error);
    if (is_done) {
        batch->done.merges += batch->pending.merges;
        batch->done.segments += batch->pending.segments;
        batch->done.bytes += batch->pending.bytes;
    }
    batch->pending = none;
    return status;
}

nanots_status nts_merge_tier(struct nts_merge_batch *batch, struct nanots_table *table,
                             nts_pulse_fn pulse, struct nanots_error *error)
{
    nanots_status status = merge_tier_into(batch, table, pulse, error);
    if (status == NANOTS_NO_SPACE && batch->exchange.table_count != 0) {
        NTS_TRY(nts_merge_commit(batch, error));
        status = merge_tier_into(batch, table, pulse, error);
    }
    if (status == NANOTS_OK &&
        batch->exchange.removed_bytes >= merge_commit_bytes(table->db, MERGE_TIER_COMMIT_BYTES))
        status = nts_merge_commit(batch, error);
    return status;
}

void nts_merge_end(struct nts_merge_batch *batch)
{
    nts_exchange_end(&batch->exchange);
}
