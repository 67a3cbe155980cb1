/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/create_table.c - a table begins with a CREATE record in the log; the next flush puts it
 * into the manifest. */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/codec.h"
#include "engine/catalog.h"
#include "engine/engine.h"

nanots_status nts_column_flags_check(const struct nanots_column *column, struct nanots_error *error)
{
    const int codec = NANOTS_COLUMN_CODEC_OF(column->flags);
    const unsigned flags = column->flags & 0xFF;
    const char *name = codec < 0 ? "" : nts_codec_name((unsigned)codec);
    uint8_t stored;

    if ((flags & ~NANOTS_COLUMN_NULLABLE) != 0 || name == NULL)
        return nts_fail(error, NANOTS_INVALID, "column '%.80s': unknown flags 0x%x", column->name,
                        (unsigned)column->flags);
    if (!nts_column_flags_store(column->type, column->flags, &stored))
        return nts_fail(error, NANOTS_INVALID, "column '%.80s': codec %s is not for %s",
                        column->name, name, nanots_type_name(column->type));
    return NANOTS_OK;
}

/* What must hold before a definition can be made; nts_table_def_check does the rest. */
static nanots_status columns_check(const struct nanots_column *columns, size_t column_count,
                                   const char *table, struct nanots_error *error)
{
    if (columns == NULL || column_count == 0)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s': no columns given", table);
    if (column_count > NTS_COLUMNS_MAX)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s': %zu columns; at most %u fit", table,
                        column_count, NTS_COLUMNS_MAX);
    for (size_t i = 0; i < column_count; i++) {
        if (columns[i].name == NULL)
            return nts_name_check("column", NULL, error);
        if (nanots_type_name(columns[i].type) == NULL)
            return nts_fail(error, NANOTS_INVALID, "column '%.80s': unknown type %d",
                            columns[i].name, (int)columns[i].type);
        NTS_TRY(nts_column_flags_check(&columns[i], error));
    }
    return NANOTS_OK;
}

static nanots_status table_options_check(const struct nanots_table_options *options,
                                         const char *table, struct nanots_error *error)
{
    if (options == NULL)
        return NANOTS_OK;
    if (nanots_time_unit_name(options->unit) == NULL)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s': unknown time unit %d", table,
                        (int)options->unit);
    if ((unsigned)options->duplicates > NANOTS_DUPLICATES_KEEP_FIRST)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s': unknown rule for duplicates %d",
                        table, (int)options->duplicates);
    if (nanots_tier_name(options->tier) == NULL)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s': unknown tier %d", table,
                        (int)options->tier);
    return NANOTS_OK;
}

/* Writes the CREATE record and adds the table to the catalog. With write_lock. */
static nanots_status create_locked(struct nanots_db *db, struct nts_table_def *def,
                                   struct nanots_table **table_out, struct nanots_error *error)
{
    const size_t size = nts_table_def_encoded_size(def);
    const size_t payload_size = (size_t)nts_round_up(size, 8);
    struct nts_wal_record record = {.kind = NTS_WAL_CREATE, .column_count = def->column_count};

    NTS_TRY(nts_db_check_writable_locked(db, error));
    if (payload_size > db->options.wal_bytes / 4 || payload_size > db->options.max_record_size)
        return nts_fail(error, NANOTS_TOO_BIG,
                        "table '%.80s': a definition of %zu bytes is over the limit", def->name,
                        size);
    NTS_TRY(nts_append_make_room(db, NTS_WAL_RECORD_HEADER_SIZE + payload_size, error));
    if (nts_catalog_find(db, def->name) != NULL ||
        (db->reserved_name != NULL && strcmp(db->reserved_name, def->name) == 0))
        return nts_fail(error, NANOTS_EXISTS, "table '%.80s' exists already", def->name);
    def->table_id = db->next_table_id;
    def->created_seq = db->last_seq;
    uint8_t *payload = nts_wal_payload(&db->wal, payload_size);
    memset(payload + payload_size - 8, 0, 8);
    nts_table_def_encode(def, payload);
    record.table_id = def->table_id;
    record.first_seq = db->last_seq + 1;
    NTS_TRY(nts_catalog_add(db, def, table_out, error));
    nanots_status status = nts_run_touch(*table_out) == NANOTS_OK
                               ? NANOTS_OK
                               : nts_fail_memory(error, sizeof **table_out);
    if (status == NANOTS_OK)
        status =
            nts_wal_append(&db->wal, &record, payload_size,
                           nts_wal_payload_checksum(payload, payload_size, db->wal.salt), error);
    if (status != NANOTS_OK) {
        nts_catalog_remove_new(db, *table_out);
        *table_out = NULL;
        return status;
    }
    db->next_table_id++;
    return NANOTS_OK;
}

nanots_status nts_create_table(struct nanots_db *db, const char *name,
                               const struct nanots_column *columns, size_t column_count,
                               const struct nanots_table_options *options,
                               struct nanots_table **table_out, struct nanots_error *error)
{
    *table_out = NULL;
    if (name == NULL)
        return nts_name_check("table", NULL, error);
    NTS_TRY(columns_check(columns, column_count, name, error));
    NTS_TRY(table_options_check(options, name, error));
    struct nts_table_def *def =
        nts_table_def_new(db->alloc, 0, 0, name, columns, column_count, options);
    if (def == NULL)
        return nts_fail_memory(error, sizeof *def);
    nanots_status status = nts_table_def_check(def, error);
    uint64_t end_count = 0;
    if (status == NANOTS_OK) {
        nts_mutex_lock(&db->write_lock);
        status = create_locked(db, def, table_out, error);
        end_count = db->wal.end.count;
        nts_mutex_unlock(&db->write_lock);
    }
    if (status != NANOTS_OK) {
        nts_free(def);
        return status;
    }
    return nts_append_settle(db, end_count, error);
}
