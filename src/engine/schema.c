/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/schema.c - tables change: a column more, another name, none at all.
 *
 *   flush everything --> edit of the manifest, commit --> the catalog follows
 *
 * The flush puts the table into the manifest, so that an edit can name it. Rows that arrive between
 * the two are logged with the columns they have; replay takes the missing ones for null, and skips
 * rows of a table that is gone. A snapshot taken before goes on reading what it took.
 */
#include <string.h>

#include "base/check.h"
#include "engine/catalog.h"
#include "engine/commit.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "format/table_change.h"

/* One change on its way. Needs upkeep_lock and flush_lock throughout. */
struct schema_change {
    struct nanots_table *table;
    struct nts_table_change edit;
    struct nts_table_def *def;    /* the new one; NULL for a drop */
    struct nts_retired_def *node; /* for the old one */
    struct nts_version *empty;    /* of a table that is dropped: upkeep finds nothing in it */
};

/* Reserves the names that are at stake, so that no new table gets them before the commit. */
static nanots_status schema_begin(struct schema_change *change, struct nanots_error *error)
{
    struct nanots_db *db = change->table->db;
    const bool renames = change->edit.kind == NTS_EDIT_TABLE_RENAME;
    nanots_status status = NANOTS_OK;

    nts_mutex_lock(&db->write_lock);
    if (change->table->is_dropped)
        status = nts_fail(error, NANOTS_NOT_FOUND, "table '%.80s' was dropped",
                          change->table->def->name);
    else if (renames && nts_catalog_find(db, change->edit.name) != NULL)
        status = nts_fail(error, NANOTS_EXISTS, "table '%.80s' exists already", change->edit.name);
    if (status == NANOTS_OK && renames)
        db->reserved_name = change->edit.name;
    if (status == NANOTS_OK && change->edit.kind == NTS_EDIT_TABLE_DROP)
        change->table->is_dropped = true;
    change->edit.table_id = change->table->table_id;
    change->edit.seq = db->last_seq;
    nts_mutex_unlock(&db->write_lock);
    return status;
}

static nanots_status schema_prepare(struct schema_change *change, struct nanots_error *error)
{
    struct nanots_db *db = change->table->db;
    if (change->edit.kind == NTS_EDIT_TABLE_DROP) {
        change->empty = nts_version_edit(db->alloc, NULL, NULL, 0, NULL, 0);
        return change->empty != NULL ? NANOTS_OK : nts_fail_memory(error, sizeof *change->empty);
    }
    change->node = nts_alloc(db->alloc, sizeof *change->node);
    if (change->node == NULL)
        return nts_fail_memory(error, sizeof *change->node);
    return nts_table_change_apply(db->alloc, change->table->def, &change->edit, &change->def,
                                  error);
}

/* Segments that a drop frees, those of bulk batches in the log among them. */
static size_t schema_count_segments(const struct nanots_table *table)
{
    nts_mutex_lock(&table->db->write_lock);
    size_t count = table->version->count;
    for (const struct nts_part *part = table->parts_first; part != NULL; part = part->next)
        count += part->segment != NULL;
    nts_mutex_unlock(&table->db->write_lock);
    return count;
}

static nanots_status schema_commit(struct schema_change *change, struct nanots_error *error)
{
    struct nanots_db *db = change->table->db;
    struct nts_commit commit;
    nanots_status status;

    nts_commit_begin(db, &commit);
    commit.sync_all = true;
    commit.changes_table = true;
    if (change->edit.kind == NTS_EDIT_TABLE_DROP)
        commit.freed_count = schema_count_segments(change->table);
    if (nts_table_change_put(&commit.edits, db->file_seed, &change->edit) == NANOTS_OK)
        status = nts_commit_run(&commit, error);
    else
        status = nts_fail_memory(error, sizeof change->edit);
    nts_commit_end(&commit);
    return status;
}

/* Rows of a dropped table that no flush has taken: the log skips them in replay, memory forgets
 * them. Needs write_lock. */
static void schema_drop_parts(struct nanots_table *table)
{
    struct nanots_db *db = table->db;
    while (table->parts_first != NULL) {
        struct nts_part *part = table->parts_first;
        table->parts_first = part->next;
        if (part->segment != NULL) {
            const struct nts_extent extent = {part->segment->entry.off, part->segment->entry.size};
            nts_extents_free_later(db, extent, part->segment, db->sb.generation);
        }
        nts_memtable_retire(part->memtable);
        nts_segment_unref(part->segment);
        nts_free(part);
    }
    table->parts_last = NULL;
    table->active = NULL;
}

static void schema_drop_segments(struct nanots_table *table)
{
    struct nanots_db *db = table->db;
    struct nts_version *version = nts_version_now(table);
    for (size_t i = 0; i < version->count; i++) {
        struct nts_segment *segment = version->segments[i];
        const struct nts_extent extent = {segment->entry.off, segment->entry.size};
        nts_extents_free_later(db, extent, segment, db->sb.generation);
    }
    nts_version_unref(version);
}

/* The commit is done, or it failed and nothing has changed. */
static void schema_end(struct schema_change *change, bool committed)
{
    struct nanots_table *table = change->table;
    struct nanots_db *db = table->db;
    const bool drops = change->edit.kind == NTS_EDIT_TABLE_DROP;

    if (committed && drops)
        schema_drop_segments(table);
    nts_mutex_lock(&db->write_lock);
    db->reserved_name = NULL;
    if (committed && drops) {
        struct nts_version *old = table->version;
        table->version = change->empty;
        change->empty = old;
        nts_catalog_drop(table);
        schema_drop_parts(table);
    } else if (committed) {
        nts_catalog_redefine(table, change->def, change->node);
        change->def = NULL;
        change->node = NULL;
    } else if (drops) {
        table->is_dropped = false;
    }
    nts_mutex_unlock(&db->write_lock);
    nts_version_unref(change->empty);
    nts_free(change->def);
    nts_free(change->node);
}

static nanots_status schema_run_locked(struct schema_change *change, struct nanots_error *error)
{
    struct nanots_db *db = change->table->db;
    NTS_TRY(nts_db_check_writable(db, error));
    NTS_TRY(nts_flush_locked(db, NTS_FLUSH_URGENT, error));
    NTS_TRY(nts_extents_leave_tiny(db, error)); /* as before any commit that is the first */
    nanots_status status = schema_begin(change, error);
    if (status != NANOTS_OK)
        return status;
    status = schema_prepare(change, error);
    if (status == NANOTS_OK)
        status = schema_commit(change, error);
    schema_end(change, status == NANOTS_OK);
    /* The disk may be so full that no flush can do this. It is done or waits for the next; the drop
     * is done. */
    if (status == NANOTS_OK && change->edit.kind == NTS_EDIT_TABLE_DROP &&
        nts_extents_reap(db, error) != NANOTS_OK)
        nts_error_clear(error);
    return status;
}

static nanots_status schema_run(struct schema_change *change, struct nanots_error *error)
{
    struct nanots_db *db = change->table->db;
    nts_mutex_lock(&db->upkeep_lock);
    nts_mutex_lock(&db->flush_lock);
    const nanots_status status = schema_run_locked(change, error);
    nts_mutex_unlock(&db->flush_lock);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}

static nanots_status schema_set_name(struct schema_change *change, const char *what,
                                     const char *name, struct nanots_error *error)
{
    NTS_TRY(nts_name_check(what, name, error));
    memcpy(change->edit.name, name, strlen(name) + 1);
    return NANOTS_OK;
}

nanots_status nts_schema_add_column(struct nanots_table *table, const struct nanots_column *column,
                                    struct nanots_error *error)
{
    struct schema_change change = {.table = table, .edit = {.kind = NTS_EDIT_COLUMN}};
    NTS_TRY(schema_set_name(&change, "column", column->name, error));
    if (nanots_type_name(column->type) == NULL)
        return nts_fail(error, NANOTS_INVALID, "column '%.80s': unknown type %d", column->name,
                        (int)column->type);
    NTS_TRY(nts_column_flags_check(column, error));
    if ((column->flags & NANOTS_COLUMN_NULLABLE) == 0)
        return nts_fail(error, NANOTS_INVALID,
                        "column '%.80s' must be nullable: rows that are there have no value in it",
                        column->name);
    change.edit.type = (uint8_t)column->type;
    change.edit.flags = column->flags;
    return schema_run(&change, error);
}

nanots_status nts_schema_drop(struct nanots_table *table, struct nanots_error *error)
{
    struct schema_change change = {.table = table, .edit = {.kind = NTS_EDIT_TABLE_DROP}};
    return schema_run(&change, error);
}

nanots_status nts_schema_rename(struct nanots_table *table, const char *name,
                                struct nanots_error *error)
{
    struct schema_change change = {.table = table, .edit = {.kind = NTS_EDIT_TABLE_RENAME}};
    NTS_TRY(schema_set_name(&change, "table", name, error));
    return schema_run(&change, error);
}

nanots_status nts_schema_rename_column(struct nanots_table *table, const char *column,
                                       const char *name, struct nanots_error *error)
{
    struct schema_change change = {.table = table, .edit = {.kind = NTS_EDIT_COLUMN_RENAME}};
    NTS_TRY(nts_catalog_column(table->def, column, &change.edit.column, error));
    NTS_TRY(schema_set_name(&change, "column", name, error));
    return schema_run(&change, error);
}
