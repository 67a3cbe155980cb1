/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/repair.c - all that can be read of a file, to a new one. Contract: copy.h.
 *
 *   salvage --> tables --> segment: whole -> its bytes | damaged -> its whole row groups
 *                          rows of the log -> a segment
 *
 * A segment is whole if nts_verify_segment finds nothing: what is copied as it is passes a
 * verification of the new file. The file keeps its id, its rows their places in the order of
 * arrival. Without a manifest two segments may have one id, of which one was never committed: who
 * comes second is written anew, under an id of its own.
 */
#include "copy/copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "copy/copy_rows.h"
#include "copy/copy_state.h"
#include "copy/copy_target.h"
#include "copy/salvage.h"
#include "engine/engine.h"

/* A segment, by id and then by order in the file. */
struct repair_id {
    uint64_t segment_id;
    uint64_t off;
};

struct repair {
    struct nts_salvage salvage;
    struct nts_copy_state state;
    struct nts_target target;
    const struct nanots_repair_options *options;
    struct nanots_repair_report *report;
    struct nanots_repair_table table; /* that is being written */
    struct repair_id *ids;            /* of all segments, sorted */
    size_t id_count;
};

/* ---- ids ---------------------------------------------------------------------------------- */

static int repair_compare_id(const void *a, const void *b)
{
    const struct repair_id *x = a;
    const struct repair_id *y = b;
    if (x->segment_id != y->segment_id)
        return x->segment_id < y->segment_id ? -1 : 1;
    return x->off < y->off ? -1 : x->off > y->off;
}

static nanots_status repair_list_ids(struct repair *repair, struct nanots_error *error)
{
    const struct nts_copy_state *state = &repair->state;
    size_t count = 0;
    for (size_t t = 0; t < state->table_count; t++)
        count += state->tables[t].count;
    repair->ids = nts_alloc_array(repair->salvage.db->alloc, count + 1, sizeof *repair->ids);
    if (repair->ids == NULL)
        return nts_fail_memory(error, count * sizeof *repair->ids);
    for (size_t t = 0; t < state->table_count; t++)
        for (size_t i = 0; i < state->tables[t].count; i++) {
            const struct nts_segment *segment = state->tables[t].sources[i].segment;
            if (segment != NULL)
                repair->ids[repair->id_count++] =
                    (struct repair_id){segment->entry.segment_id, segment->entry.off};
        }
    qsort(repair->ids, repair->id_count, sizeof *repair->ids, repair_compare_id);
    return NANOTS_OK;
}

/* Whether another segment before it has the id. */
static bool repair_id_is_taken(const struct repair *repair, const struct nts_segment *segment)
{
    const struct repair_id wanted = {segment->entry.segment_id, segment->entry.off};
    const struct repair_id *found =
        bsearch(&wanted, repair->ids, repair->id_count, sizeof *repair->ids, repair_compare_id);
    return found != repair->ids && found[-1].segment_id == wanted.segment_id;
}

/* ---- segments ----------------------------------------------------------------------------- */

/* What is wrong with a segment of which all rows can be read. */
static const char *repair_reason(const struct repair *repair, const struct nts_segment *segment,
                                 bool found_footer)
{
    if (repair_id_is_taken(repair, segment))
        return "another one has its id";
    return found_footer ? "its header is damaged" : "its zone map is wrong";
}

static nanots_status repair_hurt_segment(struct repair *repair, struct nts_target_table *table,
                                         struct nts_segment *segment, struct nanots_error *error)
{
    const bool null_lost = (repair->options->flags & NANOTS_REPAIR_NULL_LOST) != 0;
    const struct nts_segment_entry *entry = &segment->entry;
    struct nts_copy_groups groups;
    struct nanots_error first;
    bool found_footer = false;

    if (segment->footer == NULL)
        NTS_TRY(nts_copy_find_footer(&repair->target, segment, &found_footer, error));
    nanots_status status =
        nts_copy_groups_find(&repair->target, table, segment, null_lost, &groups, &first, error);
    if (status == NANOTS_OK && groups.rows != 0)
        status = nts_copy_groups_put(&repair->target, table, segment, &groups, error);
    nts_copy_groups_deinit(&groups);
    NTS_TRY(status);
    nts_salvage_note_unreadable(&repair->salvage, &first);
    repair->table.rows += groups.rows;
    repair->table.rows_lost += entry->row_count - groups.rows;
    repair->table.values_nulled += groups.nulled;
    repair->table.segments_hurt++;
    if (first.code != NANOTS_OK)
        nts_salvage_tell(&repair->salvage, "%.160s; %u of %u rows saved", first.message,
                         groups.rows, entry->row_count);
    else
        nts_salvage_tell(&repair->salvage,
                         "table '%.80s', segment %llu at offset %llu: %s; all %u rows saved",
                         segment->def->name, (unsigned long long)entry->segment_id,
                         (unsigned long long)entry->off,
                         repair_reason(repair, segment, found_footer), groups.rows);
    return NANOTS_OK;
}

static nanots_status repair_segment(struct repair *repair, struct nts_target_table *table,
                                    struct nts_segment *segment, struct nanots_error *error)
{
    struct nanots_verify_report found;
    memset(&found, 0, sizeof found);
    struct nts_segment *fresh = nts_segment_new(segment->view, &segment->entry, segment->def);
    if (fresh == NULL)
        return nts_fail_memory(error, sizeof *fresh);
    repair->table.segments++;
    nanots_status status = nts_verify_segment(repair->salvage.db, fresh, NULL, NULL, &found, error);
    if (status == NANOTS_OK && found.damage == 0 && !repair_id_is_taken(repair, fresh)) {
        status = nts_target_copy(&repair->target, table, fresh, error);
        repair->table.rows += segment->entry.row_count;
    } else if (status == NANOTS_OK) {
        status = repair_hurt_segment(repair, table, fresh, error);
    }
    nts_segment_unref(fresh);
    return status;
}

static void repair_tell_table(struct repair *repair)
{
    const struct nanots_repair_table *table = &repair->table;
    struct nanots_repair_report *report = repair->report;
    report->tables++;
    report->rows += table->rows;
    report->rows_lost += table->rows_lost;
    report->values_nulled += table->values_nulled;
    report->segments += table->segments;
    report->segments_hurt += table->segments_hurt;
    if (repair->options->table != NULL)
        repair->options->table(repair->options->context, table);
}

static nanots_status repair_table(struct repair *repair, const struct nts_copy_table *from,
                                  struct nanots_error *error)
{
    struct nts_target_table *table = NULL;
    memset(&repair->table, 0, sizeof repair->table);
    repair->table.struct_size = sizeof repair->table;
    repair->table.name = from->def->name;
    NTS_TRY(nts_target_add_table(&repair->target, from->def, &table, error));
    for (size_t i = 0; i < from->count; i++) {
        if (from->sources[i].segment != NULL) {
            NTS_TRY(repair_segment(repair, table, from->sources[i].segment, error));
        } else {
            NTS_TRY(nts_copy_memtable(&repair->target, table, &from->sources[i], error));
            repair->table.rows += from->sources[i].row_count;
        }
    }
    repair_tell_table(repair);
    return NANOTS_OK;
}

static nanots_status repair_fill(struct repair *repair, struct nanots_error *error)
{
    const struct nts_target_end end = {.last_seq = repair->state.last_seq,
                                       .next_table_id = repair->state.next_table_id,
                                       .next_segment_id = repair->state.next_segment_id};
    NTS_TRY(repair_list_ids(repair, error));
    for (size_t t = 0; t < repair->state.table_count; t++)
        NTS_TRY(repair_table(repair, &repair->state.tables[t], error));
    if (repair->report->rows == 0 && repair->salvage.unreadable.code != NANOTS_OK)
        return nts_salvage_give_up(&repair->salvage, NANOTS_IO, "", error);
    return nts_target_commit(&repair->target, &end, error);
}

static nanots_status repair_write(struct repair *repair, const char *out_path,
                                  struct nanots_error *error)
{
    const struct nts_target_spec spec = {
        .path = out_path,
        .source_path = repair->salvage.db->path,
        .mode = (repair->options->flags & NANOTS_REPAIR_REPLACE) != 0 ? NTS_TARGET_REPLACE
                                                                      : NTS_TARGET_NEW,
        .allocator = repair->options->allocator,
        .vfs = repair->options->vfs,
        .file_id = repair->state.file_id,
        .last_seq = repair->state.last_seq,
        .next_segment_id = repair->state.next_segment_id};

    NTS_TRY(nts_target_open(&repair->target, &spec, error));
    const nanots_status status = repair_fill(repair, error);
    if (status == NANOTS_OK)
        return nts_target_close(&repair->target, error);
    nts_target_discard(&repair->target);
    return status;
}

nanots_status nts_repair(const char *in_path, const char *out_path,
                         const struct nanots_repair_options *options,
                         struct nanots_repair_report *report, struct nanots_error *error)
{
    struct repair repair = {.options = options, .report = report};

    NTS_TRY(nts_salvage_open(&repair.salvage, in_path, options, report, error));
    nanots_status status = nts_copy_state_take(repair.salvage.db, &repair.state, error);
    if (status == NANOTS_OK)
        status = repair_write(&repair, out_path, error);
    nts_free(repair.ids);
    nts_copy_state_deinit(&repair.state);
    nts_salvage_close(&repair.salvage);
    return status;
}
