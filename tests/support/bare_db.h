/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/bare_db.h - a database of tables and runs without a file, for the parts of the engine
 * that keep lists.
 *
 *     struct bare_db bare;
 *     bare_db_open(&bare);
 *     table = bare_db_table(&bare, 3, "boiler");     columns "temperature" and "pressure"
 *     ...
 *     bare_db_close(&bare);                          nothing may be left allocated
 *
 * Include after cmocka.h.
 */
#ifndef BARE_DB_H
#define BARE_DB_H

#include <string.h>

#include "engine/catalog.h"
#include "engine/engine.h"
#include "support/faultalloc.h"

struct bare_db {
    struct nanots_db db;
    struct faultalloc memory;
};

static inline void bare_db_open(struct bare_db *bare)
{
    memset(bare, 0, sizeof *bare);
    faultalloc_init(&bare->memory);
    bare->db.alloc = &bare->memory.alloc;
    bare->db.view.alloc = &bare->memory.alloc; /* of segments that nobody reads */
    nts_mutex_init(&bare->db.write_lock);
    bare->db.run = nts_run_new(bare->db.alloc, 1);
    assert_non_null(bare->db.run);
}

static inline void bare_db_close(struct bare_db *bare)
{
    nts_catalog_free(&bare->db);
    for (struct nts_run *run = bare->db.frozen_first, *next = NULL; run != NULL; run = next) {
        next = run->next;
        nts_run_free(run);
    }
    nts_run_free(bare->db.run);
    nts_mutex_deinit(&bare->db.write_lock);
    assert_int_equal(bare->memory.block_count, 0);
    faultalloc_deinit(&bare->memory);
}

static inline struct nts_table_def *bare_db_def(const struct bare_db *bare, uint32_t table_id,
                                                const char *name)
{
    const struct nanots_column columns[] = {{"temperature", NANOTS_TYPE_F64, 0},
                                            {"pressure", NANOTS_TYPE_F64, 0}};
    struct nts_table_def *def =
        nts_table_def_new(bare->db.alloc, table_id, 0, name, columns, 2, NULL);
    assert_non_null(def);
    return def;
}

static inline struct nanots_table *bare_db_table(struct bare_db *bare, uint32_t table_id,
                                                 const char *name)
{
    struct nanots_table *table = NULL;
    struct nts_table_def *def = bare_db_def(bare, table_id, name);
    assert_int_equal(nts_catalog_add(&bare->db, def, &table, NULL), NANOTS_OK);
    return table;
}

static inline struct nts_segment *bare_db_segment(struct bare_db *bare,
                                                  const struct nts_segment_entry *entry)
{
    struct nts_segment *segment = nts_segment_new(&bare->db.view, entry, NULL);
    assert_non_null(segment);
    return segment;
}

#endif
