/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/catalog.h - tables by name and id, their definitions, and the versions of their segments.
 *
 *   name --hash--> table --> def                 the present one; those before it stay
 *   id ---array-->   |----> version ----> list of segments, shared by versions that only add
 *                    |----> parts         rows that are not committed yet
 *
 * Tests: unit/test_catalog.c, api/test_schema.c.
 */
#ifndef NTS_CATALOG_H
#define NTS_CATALOG_H

#include "engine/db.h"

/* Needs write_lock; NULL if there is none. */
struct nanots_table *nts_catalog_find(struct nanots_db *db, const char *name);
/* Takes write_lock; NOT_FOUND names the nearest table. */
NTS_CHECKED nanots_status nts_catalog_get(struct nanots_db *db, const char *name,
                                          struct nanots_table **table_out,
                                          struct nanots_error *error);
struct nanots_table *nts_catalog_by_id(struct nanots_db *db, uint32_t table_id);
/* Makes `def` the table's definition, under its name. `node` keeps the old one. Needs upkeep_lock,
 * flush_lock and write_lock, but while the file is opened. */
void nts_catalog_redefine(struct nanots_table *table, struct nts_table_def *def,
                          struct nts_retired_def *node);
/* Takes the table out of the catalog; its handle stays. Needs the same. */
void nts_catalog_drop(struct nanots_table *table);
/* The first table with an id of at least *table_id, which becomes the id behind it; NULL after the
 * last. Takes write_lock. */
struct nanots_table *nts_catalog_next(struct nanots_db *db, uint32_t *table_id);
/* Takes `def` over on success. Needs write_lock. */
NTS_CHECKED nanots_status nts_catalog_add(struct nanots_db *db, struct nts_table_def *def,
                                          struct nanots_table **table_out,
                                          struct nanots_error *error);
/* Takes back what nts_catalog_add just did; the definition is the caller's again. The active run
 * may list the table. Needs write_lock. */
void nts_catalog_remove_new(struct nanots_db *db, struct nanots_table *table);
void nts_catalog_free(struct nanots_db *db);
/* Column of a definition by name; NOT_FOUND names the nearest. */
NTS_CHECKED nanots_status nts_catalog_column(const struct nts_table_def *def, const char *name,
                                             uint32_t *column_out, struct nanots_error *error);

/* A version with `added` (references taken over on success) and without those in `removed`. Needs
 * flush_lock, but to make a first one. */
NTS_CHECKED struct nts_version *
nts_version_edit(const struct nanots_allocator *alloc, const struct nts_version *old,
                 struct nts_segment *const *added, size_t added_count,
                 struct nts_segment *const *removed, size_t removed_count);
/* The table's version at this moment, with a reference. Takes write_lock. */
struct nts_version *nts_version_now(struct nanots_table *table);
struct nts_version *nts_version_ref(struct nts_version *version);
void nts_version_unref(struct nts_version *version);
bool nts_version_has(const struct nts_version *version, const struct nts_segment *segment);
/* Of its segments. */
uint64_t nts_version_bytes(const struct nts_version *version);

#endif
