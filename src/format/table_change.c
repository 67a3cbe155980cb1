/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/table_change.c - changes of definitions <-> bytes. Contract: table_change.h. */
#include "format/table_change.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "util/text.h"

#define CHANGE_NAME_OFF    8u  /* of a rename: name_size */
#define CHANGE_COLUMN_OFF  16u /* type, flags, name_size */
#define CHANGE_COLUMN_SIZE 3u

nanots_status nts_table_change_put(struct nts_buf *buf, uint64_t seed,
                                   const struct nts_table_change *change)
{
    uint8_t body[CHANGE_COLUMN_OFF + CHANGE_COLUMN_SIZE + NTS_NAME_SIZE_MAX] = {0};
    const size_t name_size = strlen(change->name);
    size_t size = CHANGE_COLUMN_OFF;
    uint8_t flags;

    nts_store_u32(body, change->table_id);
    switch (change->kind) {
    case NTS_EDIT_COLUMN:
        nts_store_u64(body + 8, change->seq);
        body[CHANGE_COLUMN_OFF] = change->type;
        if (!nts_column_flags_store(change->type, change->flags, &flags))
            return NANOTS_INVALID;
        body[CHANGE_COLUMN_OFF + 1] = flags;
        body[CHANGE_COLUMN_OFF + 2] = (uint8_t)name_size;
        memcpy(body + CHANGE_COLUMN_OFF + CHANGE_COLUMN_SIZE, change->name, name_size);
        size = CHANGE_COLUMN_OFF + CHANGE_COLUMN_SIZE + name_size;
        break;
    case NTS_EDIT_TABLE_DROP:
        nts_store_u64(body + 8, change->seq);
        break;
    default:
        assert(change->kind == NTS_EDIT_TABLE_RENAME || change->kind == NTS_EDIT_COLUMN_RENAME);
        nts_store_u32(body + 4, change->kind == NTS_EDIT_COLUMN_RENAME ? change->column : 0);
        body[CHANGE_NAME_OFF] = (uint8_t)name_size;
        memcpy(body + CHANGE_NAME_OFF + 1, change->name, name_size);
        size = CHANGE_NAME_OFF + 1 + name_size;
        break;
    }
    return nts_manifest_put(buf, seed, change->kind, body, size);
}

/* The name at bytes[at], whose first byte is its size; only zeros follow it. */
static bool change_get_name(const struct nts_edit *edit, size_t at, char *name)
{
    if (edit->body_size <= at)
        return false;
    const size_t size = edit->body[at];
    if (edit->body_size - at - 1 < size || memchr(edit->body + at + 1, 0, size) != NULL ||
        nts_utf8_valid_prefix((const char *)edit->body + at + 1, size) != size)
        return false;
    for (size_t i = at + 1 + size; i < edit->body_size; i++)
        if (edit->body[i] != 0)
            return false;
    memcpy(name, edit->body + at + 1, size);
    name[size] = '\0';
    return size != 0;
}

bool nts_table_change_decode(const struct nts_edit *edit, struct nts_table_change *change)
{
    memset(change, 0, sizeof *change);
    if (edit->body_size < 16)
        return false;
    change->kind = edit->kind;
    change->table_id = nts_load_u32(edit->body);
    switch (edit->kind) {
    case NTS_EDIT_TABLE_DROP:
        change->seq = nts_load_u64(edit->body + 8);
        return edit->body_size == 16;
    case NTS_EDIT_TABLE_RENAME:
        return change_get_name(edit, CHANGE_NAME_OFF, change->name);
    case NTS_EDIT_COLUMN_RENAME:
        change->column = nts_load_u32(edit->body + 4);
        return change_get_name(edit, CHANGE_NAME_OFF, change->name);
    case NTS_EDIT_COLUMN:
        change->seq = nts_load_u64(edit->body + 8);
        if (edit->body_size < CHANGE_COLUMN_OFF + CHANGE_COLUMN_SIZE)
            return false;
        change->type = edit->body[CHANGE_COLUMN_OFF];
        return nanots_type_name((nanots_type)change->type) != NULL &&
               nts_column_flags_load(change->type, edit->body[CHANGE_COLUMN_OFF + 1],
                                     &change->flags) &&
               (change->flags & NTS_COLUMN_NULLABLE) != 0 &&
               change_get_name(edit, CHANGE_COLUMN_OFF + 2, change->name);
    default:
        return false;
    }
}

nanots_status nts_table_change_apply(const struct nanots_allocator *alloc,
                                     const struct nts_table_def *def,
                                     const struct nts_table_change *change,
                                     struct nts_table_def **def_out, struct nanots_error *error)
{
    const bool adds = change->kind == NTS_EDIT_COLUMN;
    const size_t count = def->column_count + (adds ? 1u : 0u);
    struct nanots_table_options options;
    *def_out = NULL;
    if (count > NTS_COLUMNS_MAX)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s' has %u columns; at most %u fit",
                        def->name, def->column_count, NTS_COLUMNS_MAX);
    if (change->kind == NTS_EDIT_COLUMN_RENAME && change->column >= def->column_count)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s' has no column %u", def->name,
                        change->column);
    struct nanots_column *columns = nts_alloc_array(alloc, count, sizeof *columns);
    if (columns == NULL)
        return nts_fail_memory(error, count * sizeof *columns);
    nts_table_def_public(def, columns, &options);
    if (adds) {
        columns[count - 1].name = change->name;
        columns[count - 1].type = (nanots_type)change->type;
        columns[count - 1].flags = change->flags;
    }
    if (change->kind == NTS_EDIT_COLUMN_RENAME)
        columns[change->column].name = change->name;
    const char *name = change->kind == NTS_EDIT_TABLE_RENAME ? change->name : def->name;
    struct nts_table_def *made =
        nts_table_def_new(alloc, def->table_id, def->created_seq, name, columns, count, &options);
    nts_free(columns);
    if (made == NULL)
        return nts_fail_memory(error, count * sizeof *columns);
    const nanots_status status = nts_table_def_check(made, error);
    if (status != NANOTS_OK) {
        nts_free(made);
        return status;
    }
    *def_out = made;
    return NANOTS_OK;
}
