/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/limit.c - the oldest segments go. Contract: limit.h.
 *
 * Where a table keeps one row of a time, its rows hide others, which must not come to light:
 *
 *   time  --------->|last
 *   removed [ r r ] |            r hides rows of s that are not later than `last`:
 *   stays      [ s s|s s s ]     then s is rewritten from there on, in the same commit
 *
 * Holds flush_lock throughout: a rewrite that is under way finds out at its commit that what it
 * read has gone (exchange.h).
 */
#include "engine/limit.h"

#include <stdlib.h>

#include "base/check.h"
#include "engine/bulk.h"
#include "engine/catalog.h"
#include "engine/engine.h"
#include "engine/exchange.h"
#include "engine/extents.h"

#define LIMIT_SLACK_SHARE   32u /* so much is free after segments went: not a commit each flush */
#define LIMIT_SEGMENT_SHARE 64u /* a merged segment is at most such a part */
#define LIMIT_BATCH_SHARE   8u  /* a batch of more than that is let in without room made for it */
#define LIMIT_CUT_SHARE     4u  /* a segment of more goes in part, if that is enough */

/* A segment, with the moment of its last row. */
struct limit_item {
    int64_t ms;
    struct nanots_table *table;
    const struct nts_segment_entry *entry;
    struct nts_segment *segment; /* NULL: it is about to be flushed */
    int64_t last;                /* rows up to here go; of all but one segment all of them */
};

struct limit_list {
    struct limit_item *items;
    size_t count;
};

/* What is to fit. */
struct limit_job {
    struct nanots_db *db;
    uint64_t size;
    const struct nts_limit_coming *coming;
    size_t coming_count;
};

/* ---- how much is too much ----------------------------------------------------------------- */

/* What the file would keep if no reader were there. Needs flush_lock. */
static uint64_t limit_live_bytes(struct nanots_db *db)
{
    uint64_t live = nts_space_file_end(&db->space) - nts_space_free_bytes(&db->space);
    for (size_t i = 0; i < db->limbo_count; i++)
        live -= db->limbo[i].extent.size < live ? db->limbo[i].extent.size : live;
    return live;
}

/* What the manifest takes when it is written anew beside the old one. */
static uint64_t limit_manifest_room(const struct nanots_db *db)
{
    const uint64_t room = 2 * db->sb.manifest_capacity + 4 * (uint64_t)NTS_BLOCK_SIZE;
    const uint64_t most = db->options.max_bytes / 8;
    return room < most ? room : most;
}

/* Bytes of segments that should go before `size` bytes are taken; 0: none. Free space in pieces
 * counts for less: up to a quarter of the file is given up to have `size` bytes in one. */
static uint64_t limit_excess(struct nanots_db *db, uint64_t size)
{
    const uint64_t most = db->options.max_bytes - limit_manifest_room(db);
    const uint64_t live = limit_live_bytes(db);
    const bool is_read = db->limbo_count != 0 || nts_space_is_only_at_end(&db->space);

    if (live + size > most)
        return live + size - (most - most / LIMIT_SLACK_SHARE);
    if (!is_read && size != 0 && live > most / 4 * 3 && !nts_space_fits(&db->space, size, most))
        return most / LIMIT_SLACK_SHARE;
    return 0;
}

/* ---- which segments ----------------------------------------------------------------------- */

static int item_compare_age(const void *a, const void *b)
{
    const struct limit_item *x = a;
    const struct limit_item *y = b;
    if (x->ms != y->ms)
        return x->ms < y->ms ? -1 : 1;
    if (x->entry->seq_first != y->entry->seq_first)
        return x->entry->seq_first < y->entry->seq_first ? -1 : 1;
    return x->entry->segment_id < y->entry->segment_id
               ? -1
               : x->entry->segment_id > y->entry->segment_id;
}

static int item_compare_table(const void *a, const void *b)
{
    const struct limit_item *x = a;
    const struct limit_item *y = b;
    if (x->table != y->table)
        return x->table->table_id < y->table->table_id ? -1 : 1;
    return item_compare_age(a, b);
}

static void limit_list_add(struct limit_list *list, struct nanots_table *table,
                           const struct nts_segment_entry *entry, struct nts_segment *segment)
{
    if (list->items != NULL) {
        const int64_t ms = nts_table_def_ms(table->def, entry->ts_max);
        list->items[list->count] = (struct limit_item){ms, table, entry, segment, entry->ts_max};
    }
    list->count++;
}

/* Lists what may go; without room for items it is counted. No version changes, since flush_lock is
 * held. */
static void limit_list_fill(const struct limit_job *job, struct limit_list *list)
{
    uint32_t table_id = 0;
    list->count = 0;
    for (size_t i = 0; i < job->coming_count; i++)
        limit_list_add(list, job->coming[i].table, job->coming[i].entry, NULL);
    for (;;) {
        struct nanots_table *table = nts_catalog_next(job->db, &table_id);
        if (table == NULL)
            return;
        const struct nts_version *version = table->version;
        const bool is_left_out =
            table->limit_is_stuck && table->def->duplicates != NTS_DUPLICATES_KEEP_ALL;
        for (size_t i = 0; i < version->count && !is_left_out; i++)
            limit_list_add(list, table, &version->segments[i]->entry, version->segments[i]);
    }
}

/* The time before vector `vector` of a segment; false if that is no place to cut, or is damaged. */
static bool limit_time_before(struct nts_segment *segment, uint32_t vector, int64_t *last_out)
{
    const struct nanots_allocator *alloc = segment->view->alloc;
    struct nts_segment_reader reader;
    int64_t *ts = nts_alloc_array(alloc, NTS_VECTOR_ROWS, sizeof *ts);
    nanots_status status = NANOTS_NO_MEMORY;
    bool is_cut = false;

    if (ts != NULL && nts_segment_reader_init(&reader, alloc, NULL) == NANOTS_OK) {
        status = nts_segment_read_ts(segment, &reader, vector, ts, NULL);
        nts_segment_reader_deinit(&reader);
    }
    if (status == NANOTS_OK && ts[0] > segment->entry.ts_min) {
        *last_out = ts[0] - 1;
        is_cut = true;
    }
    nts_free(ts);
    return is_cut;
}

/* A large segment, of a table that had no limit before, goes in part: so that `bytes` of it do. */
static void limit_cut_large(const struct nanots_db *db, struct limit_item *item, uint64_t bytes)
{
    const struct nts_segment_entry *entry = item->entry;
    const uint32_t vectors = nts_vector_count(entry->row_count);
    const uint64_t vector = (uint64_t)((double)bytes / (double)entry->size * vectors) + 1;
    if (item->segment == NULL || item->table->limit_is_stuck || vector >= vectors ||
        entry->size <= db->options.max_bytes / LIMIT_CUT_SHARE)
        return;
    int64_t last = 0;
    if (limit_time_before(item->segment, (uint32_t)vector, &last))
        item->last = last;
}

/* The oldest segments that have `wanted` bytes together, table by table. */
static nanots_status limit_list_oldest(const struct limit_job *job, uint64_t wanted,
                                       struct limit_list *list, struct nanots_error *error)
{
    uint64_t bytes = 0;
    size_t count = 0;

    list->items = NULL;
    limit_list_fill(job, list);
    if (list->count == 0)
        return NANOTS_OK;
    const size_t capacity = list->count;
    list->items = nts_alloc_array(job->db->alloc, capacity, sizeof *list->items);
    if (list->items == NULL)
        return nts_fail_memory(error, capacity * sizeof *list->items);
    limit_list_fill(job, list);
    qsort(list->items, list->count, sizeof *list->items, item_compare_age);
    for (; count < list->count && bytes < wanted; count++) {
        struct limit_item *item = &list->items[count];
        if (item->entry->size > wanted - bytes)
            limit_cut_large(job->db, item, wanted - bytes);
        bytes += item->entry->size;
    }
    list->count = count;
    qsort(list->items, count, sizeof *list->items, item_compare_table);
    return NANOTS_OK;
}

/* ---- one table ---------------------------------------------------------------------------- */

/* Of a table that keeps one row of a time: rows up to `last` go. */
struct limit_cut {
    struct nanots_table *table;
    const struct nts_version *version;
    int64_t last;
};

static bool cut_goes(const struct limit_cut *cut, size_t i)
{
    return cut->version->segments[i]->entry.ts_max <= cut->last;
}

static bool cut_straddles(const struct limit_cut *cut, size_t i)
{
    return !cut_goes(cut, i) && cut->version->segments[i]->entry.ts_min <= cut->last;
}

/* Whether a segment that goes may hide rows of segment `stays`: it came later where the last row of
 * a time is kept, earlier where the first is, and has its times. */
static bool cut_uncovers(const struct limit_cut *cut, size_t stays)
{
    const bool keeps_last = cut->table->def->duplicates == NTS_DUPLICATES_KEEP_LAST;
    const size_t first = keeps_last ? stays + 1 : 0;
    const size_t end = keeps_last ? cut->version->count : stays;
    for (size_t i = first; i < end; i++)
        if (cut_goes(cut, i) &&
            cut->version->segments[i]->entry.ts_max >= cut->version->segments[stays]->entry.ts_min)
            return true;
    return false;
}

/* The same of rows that no flush has taken, which came last. */
static bool cut_uncovers_parts(const struct limit_cut *cut)
{
    bool uncovers = false;
    if (cut->table->def->duplicates == NTS_DUPLICATES_KEEP_LAST)
        return false;
    nts_mutex_lock(&cut->table->db->write_lock);
    for (const struct nts_part *part = cut->table->parts_first; part != NULL; part = part->next) {
        const int64_t least =
            part->memtable != NULL ? part->memtable->ts_min : part->segment->entry.ts_min;
        uncovers |= least <= cut->last;
    }
    nts_mutex_unlock(&cut->table->db->write_lock);
    return uncovers;
}

static nanots_status cut_rewrite_all(const struct limit_cut *cut, struct nts_exchange *exchange,
                                     uint64_t *rows, struct nanots_error *error)
{
    for (size_t i = 0; i < cut->version->count; i++)
        if (cut_straddles(cut, i))
            NTS_TRY(nts_retention_rewrite(cut->table, cut->version, &i, cut->last + 1, exchange,
                                          rows, error));
    return NANOTS_OK;
}

/* `must_rewrite`: what straddles the time is cut in any case. */
static nanots_status limit_cut_table(const struct limit_cut *cut, bool must_rewrite,
                                     struct nts_exchange *exchange, uint64_t *rows,
                                     struct nanots_error *error)
{
    if (cut_uncovers_parts(cut))
        return NANOTS_OK; /* once they are flushed */
    for (size_t i = 0; i < cut->version->count; i++) {
        must_rewrite |= cut_straddles(cut, i) && cut_uncovers(cut, i);
        if (!cut_goes(cut, i))
            continue;
        NTS_TRY(nts_exchange_remove(exchange, cut->table, cut->version->segments[i], error));
        *rows += cut->version->segments[i]->entry.row_count;
    }
    return must_rewrite ? cut_rewrite_all(cut, exchange, rows, error) : NANOTS_OK;
}

/* Where all rows of a time are kept, one goes without the others. */
static nanots_status limit_take_item(const struct limit_item *item, struct nts_exchange *exchange,
                                     uint64_t *rows, struct nanots_error *error)
{
    const struct nts_version *version = item->table->version;
    size_t at = 0;
    if (item->last >= item->entry->ts_max) {
        *rows += item->entry->row_count;
        return nts_exchange_remove(exchange, item->table, item->segment, error);
    }
    while (version->segments[at] != item->segment)
        at++;
    return nts_retention_rewrite(item->table, version, &at, item->last + 1, exchange, rows, error);
}

/* The items are all of one table. */
static nanots_status limit_take_table(const struct limit_item *items, size_t count,
                                      struct nts_exchange *exchange, uint64_t *rows,
                                      struct nanots_error *error)
{
    struct nanots_table *table = items[0].table;
    const bool keeps_all = table->def->duplicates == NTS_DUPLICATES_KEEP_ALL;
    struct limit_cut cut = {table, table->version, INT64_MIN};
    nanots_status status = NANOTS_OK;
    bool has_some = false;
    bool must_rewrite = false;

    for (size_t i = 0; i < count && status == NANOTS_OK; i++) {
        if (items[i].segment == NULL)
            continue; /* in the next commit */
        has_some = true;
        must_rewrite |= items[i].last < items[i].entry->ts_max;
        cut.last = items[i].last > cut.last ? items[i].last : cut.last;
        if (keeps_all)
            status = limit_take_item(&items[i], exchange, rows, error);
    }
    if (!keeps_all && has_some)
        status = limit_cut_table(&cut, must_rewrite, exchange, rows, error);
    table->limit_is_stuck |= status == NANOTS_CORRUPT;
    return status;
}

/* ---- one commit --------------------------------------------------------------------------- */

static nanots_status limit_take_all(const struct limit_list *list, struct nts_exchange *exchange,
                                    uint64_t *rows, struct nanots_error *error)
{
    for (size_t first = 0; first < list->count;) {
        size_t end = first;
        while (end < list->count && list->items[end].table == list->items[first].table)
            end++;
        NTS_TRY(limit_take_table(list->items + first, end - first, exchange, rows, error));
        first = end;
    }
    return NANOTS_OK;
}

/* Whether the exchange makes room. */
static bool limit_is_worth_it(const struct nts_exchange *exchange)
{
    uint64_t added = 0;
    for (size_t t = 0; t < exchange->table_count; t++)
        for (size_t i = 0; i < exchange->tables[t].added.count; i++)
            added += exchange->tables[t].added.segments[i]->entry.size;
    return exchange->removed_bytes > added;
}

/* CORRUPT: damage was met in a table, of which nothing is rewritten from now on. */
static nanots_status limit_drop(const struct limit_job *job, uint64_t wanted, bool *dropped_out,
                                struct nanots_error *error)
{
    struct nanots_db *db = job->db;
    struct limit_list list;
    struct nts_exchange exchange;
    uint64_t rows = 0;

    *dropped_out = false;
    NTS_TRY(limit_list_oldest(job, wanted, &list, error));
    nts_exchange_begin(&exchange, db);
    exchange.is_cut = true;
    nanots_status status = limit_take_all(&list, &exchange, &rows, error);
    if (status == NANOTS_OK && limit_is_worth_it(&exchange))
        status = nts_exchange_commit_locked(&exchange, error);
    *dropped_out = exchange.is_committed;
    db->limit_rows += exchange.is_committed ? rows : 0;
    nts_exchange_end(&exchange);
    nts_free(list.items);
    return status;
}

static nanots_status limit_run(const struct limit_job *job, struct nanots_error *error)
{
    struct nanots_db *db = job->db;
    const uint64_t before = db->limit_rows;
    bool dropped = true;

    for (uint64_t excess; dropped && (excess = limit_excess(db, job->size)) != 0;) {
        nanots_status status = NANOTS_CORRUPT;
        while (status == NANOTS_CORRUPT) {
            nts_error_clear(error);
            status = limit_drop(job, excess, &dropped, error);
        }
        NTS_TRY(status);
        NTS_TRY(nts_extents_reap(db, error));
    }
    if (db->limit_rows != before && nts_space_file_end(&db->space) > db->options.max_bytes)
        return nts_extents_trim(db, error);
    return NANOTS_OK;
}

nanots_status nts_limit_make_room(struct nanots_db *db, uint64_t size,
                                  const struct nts_limit_coming *coming, size_t coming_count,
                                  struct nanots_error *error)
{
    const struct limit_job job = {db, size, coming, coming_count};
    return db->options.max_bytes == 0 ? NANOTS_OK : limit_run(&job, error);
}

void nts_limit_admit_batch(struct nanots_db *db, uint64_t size)
{
    if (size > db->options.max_bytes / LIMIT_BATCH_SHARE)
        return;
    nts_mutex_lock(&db->flush_lock);
    const nanots_status status = nts_limit_make_room(db, size, NULL, 0, NULL);
    nts_mutex_unlock(&db->flush_lock);
    (void)status; /* the batch says what it runs into */
}

nanots_status nts_limit_enforce(struct nanots_db *db, uint64_t *rows, struct nanots_error *error)
{
    if (db->options.max_bytes == 0)
        return NANOTS_OK;
    nts_mutex_lock(&db->flush_lock);
    const uint64_t before = db->limit_rows;
    nanots_status status = nts_extents_reap(db, error);
    if (status == NANOTS_OK)
        status = nts_limit_make_room(db, 0, NULL, 0, error);
    *rows += db->limit_rows - before;
    nts_mutex_unlock(&db->flush_lock);
    return status;
}

/* ---- what the limit makes small ----------------------------------------------------------- */

uint64_t nts_limit_segment_rows(const struct nanots_db *db, const struct nts_version *version)
{
    uint64_t rows = 0;
    if (db->options.max_bytes == 0)
        return NTS_SEGMENT_ROWS_MAX;
    for (size_t i = 0; i < version->count; i++)
        rows += version->segments[i]->entry.row_count;
    const uint64_t row_bytes = rows == 0 ? 1 : nts_version_bytes(version) / rows + 1;
    const uint64_t most = db->options.max_bytes / LIMIT_SEGMENT_SHARE / row_bytes;
    if (most < NTS_VECTOR_ROWS)
        return NTS_VECTOR_ROWS;
    return most < NTS_SEGMENT_ROWS_MAX ? most : NTS_SEGMENT_ROWS_MAX;
}

uint64_t nts_limit_bulk_bytes(const struct nanots_db *db)
{
    const uint64_t share = db->options.max_bytes / NTS_LIMIT_LOG_SHARE;
    return share != 0 && share < NTS_RUN_BULK_BYTES_MAX ? share : NTS_RUN_BULK_BYTES_MAX;
}
