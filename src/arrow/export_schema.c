/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/export_schema.c - definitions as Arrow schemas. Contract: export.h. */
#include <string.h>

#include "arrow/arrow_type.h"
#include "arrow/export.h"
#include "util/refcount.h"

/* Of a schema handed out: children, pointers to them, then their names. */
struct schema_block {
    struct nts_refcount refs;
    uint32_t child_count;
    struct ArrowSchema **children;
    struct ArrowSchema fields[];
};

static void schema_unref(struct schema_block *block)
{
    if (nts_refcount_drop(&block->refs))
        nts_free(block);
}

static void schema_release_field(struct ArrowSchema *field)
{
    struct schema_block *block = field->private_data;
    field->release = NULL;
    schema_unref(block);
}

/* Children that were moved out are marked as released in their parent and stay. */
static void schema_release(struct ArrowSchema *schema)
{
    struct schema_block *block = schema->private_data;
    for (uint32_t i = 0; i < block->child_count; i++)
        if (block->fields[i].release != NULL)
            block->fields[i].release(&block->fields[i]);
    schema->release = NULL;
    schema_unref(block);
}

/* Takes over the block's first reference and adds one for each field. */
static void schema_fill(struct schema_block *block, struct ArrowSchema *schema_out)
{
    for (uint32_t i = 0; i < block->child_count; i++) {
        nts_refcount_take(&block->refs);
        block->children[i] = &block->fields[i];
        block->fields[i].release = schema_release_field;
        block->fields[i].private_data = block;
    }
    schema_out->format = "+s";
    schema_out->name = "";
    schema_out->n_children = block->child_count;
    schema_out->children = block->children;
    schema_out->release = schema_release;
    schema_out->private_data = block;
}

nanots_status nts_arrow_export_schema(const struct nanots_allocator *alloc,
                                      const struct nts_table_def *def, const uint32_t *columns,
                                      uint32_t column_count, bool time_as_int64,
                                      struct ArrowSchema *schema_out, struct nanots_error *error)
{
    const size_t count = (size_t)column_count + 1;
    size_t size = sizeof(struct schema_block) +
                  count * (sizeof(struct ArrowSchema) + sizeof(struct ArrowSchema *));
    for (uint32_t k = 0; k < column_count; k++)
        size += strlen(def->columns[columns[k]].name) + 1;
    struct schema_block *block = nts_alloc_zeroed(alloc, size);

    memset(schema_out, 0, sizeof *schema_out);
    if (block == NULL)
        return nts_fail_memory(error, size);
    nts_refcount_init(&block->refs);
    block->child_count = (uint32_t)count;
    block->children = (struct ArrowSchema **)(void *)(block->fields + count);
    block->fields[0].format =
        time_as_int64 ? nts_arrow_format(NANOTS_TYPE_I64) : nts_arrow_time_format(def->unit);
    block->fields[0].name = nts_table_def_ts_name(def);
    char *text = (char *)(block->children + count);
    for (uint32_t k = 0; k < column_count; k++) {
        const struct nts_column_def *column = &def->columns[columns[k]];
        struct ArrowSchema *field = &block->fields[k + 1];
        const size_t name_size = strlen(column->name) + 1;
        memcpy(text, column->name, name_size);
        field->format = nts_arrow_format(column->type);
        field->name = text;
        field->flags = nts_column_is_nullable(column) ? ARROW_FLAG_NULLABLE : 0;
        text += name_size;
    }
    schema_fill(block, schema_out);
    return NANOTS_OK;
}
