/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/catalog.c - tables by name and id, and the versions of their segments. */
#include "engine/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "util/text.h"

#define NEAREST_DISTANCE_MAX 3u

struct nanots_table *nts_catalog_find(struct nanots_db *db, const char *name)
{
    struct nanots_table *table = NULL;
    HASH_FIND_STR(db->tables, name, table);
    return table;
}

/* The table whose name is nearest to `name`, if any is near. Needs write_lock. */
static const char *catalog_nearest(struct nanots_db *db, const char *name)
{
    unsigned best = NEAREST_DISTANCE_MAX + 1;
    const char *nearest = NULL;
    for (struct nanots_table *table = db->tables; table != NULL; table = table->hh.next) {
        const unsigned distance = nts_edit_distance(table->def->name, name, best - 1);
        if (distance < best) {
            best = distance;
            nearest = table->def->name;
        }
    }
    return nearest;
}

nanots_status nts_catalog_get(struct nanots_db *db, const char *name,
                              struct nanots_table **table_out, struct nanots_error *error)
{
    nanots_status status = NANOTS_OK;
    *table_out = NULL;
    if (name == NULL)
        return nts_fail(error, NANOTS_INVALID, "the table name is NULL");
    nts_mutex_lock(&db->write_lock);
    *table_out = nts_catalog_find(db, name);
    if (*table_out == NULL) {
        const char *nearest = catalog_nearest(db, name);
        status = nearest == NULL
                     ? nts_fail(error, NANOTS_NOT_FOUND, "no table '%.80s'", name)
                     : nts_fail(error, NANOTS_NOT_FOUND, "no table '%.80s'; did you mean '%.80s'?",
                                name, nearest);
    }
    nts_mutex_unlock(&db->write_lock);
    return status;
}

struct nanots_table *nts_catalog_by_id(struct nanots_db *db, uint32_t table_id)
{
    return table_id < db->by_id_count ? db->by_id[table_id] : NULL;
}

struct nanots_table *nts_catalog_next(struct nanots_db *db, uint32_t *table_id)
{
    struct nanots_table *table = NULL;
    nts_mutex_lock(&db->write_lock);
    while (table == NULL && *table_id < db->by_id_count)
        table = db->by_id[(*table_id)++];
    nts_mutex_unlock(&db->write_lock);
    return table;
}

static nanots_status catalog_make_id_room(struct nanots_db *db, uint32_t table_id)
{
    if (table_id < db->by_id_capacity)
        return NANOTS_OK;
    size_t capacity = db->by_id_capacity == 0 ? 16 : db->by_id_capacity;
    while (capacity <= table_id)
        capacity *= 2;
    struct nanots_table **by_id =
        nts_realloc(db->alloc, db->by_id, capacity * sizeof(struct nanots_table *));
    if (by_id == NULL)
        return NANOTS_NO_MEMORY;
    memset(by_id + db->by_id_capacity, 0,
           (capacity - db->by_id_capacity) * sizeof(struct nanots_table *));
    db->by_id = by_id;
    db->by_id_capacity = capacity;
    return NANOTS_OK;
}

nanots_status nts_catalog_add(struct nanots_db *db, struct nts_table_def *def,
                              struct nanots_table **table_out, struct nanots_error *error)
{
    const struct nanots_allocator *hash_alloc = db->alloc;
    *table_out = NULL;
    if (def->table_id >= NTS_TABLES_MAX)
        return nts_fail(error, NANOTS_TOO_BIG, "table '%s': a file holds at most %u tables",
                        def->name, NTS_TABLES_MAX);
    struct nanots_table *table = nts_alloc_zeroed(db->alloc, sizeof *table);
    struct nts_version *version = nts_version_edit(db->alloc, NULL, NULL, 0, NULL, 0);
    if (table == NULL || version == NULL || catalog_make_id_room(db, def->table_id) != NANOTS_OK)
        goto no_memory;
    table->db = db;
    table->def = def;
    table->shape = nts_table_shape(def);
    table->table_id = def->table_id;
    table->version = version;
    HASH_ADD_KEYPTR(hh, db->tables, def->name, strlen(def->name), table);
    if (table->db == NULL)
        goto no_memory;
    db->by_id[def->table_id] = table;
    if (db->by_id_count <= def->table_id)
        db->by_id_count = (size_t)def->table_id + 1;
    *table_out = table;
    return NANOTS_OK;
no_memory:
    nts_free(table);
    nts_version_unref(version);
    return nts_fail_memory(error, sizeof *table);
}

void nts_catalog_remove_new(struct nanots_db *db, struct nanots_table *table)
{
    struct nts_run *run = db->run;
    if (run->table_count != 0 && run->tables[run->table_count - 1] == table)
        run->table_count--;
    HASH_DEL(db->tables, table);
    db->by_id[table->def->table_id] = NULL;
    nts_version_unref(table->version);
    nts_free(table);
}

static void table_free(struct nanots_table *table)
{
    while (table->parts_first != NULL) {
        struct nts_part *part = table->parts_first;
        table->parts_first = part->next;
        nts_memtable_retire(part->memtable);
        nts_segment_unref(part->segment);
        nts_free(part);
    }
    while (table->retired != NULL) {
        struct nts_retired_def *node = table->retired;
        table->retired = node->next;
        nts_free(node->def);
        nts_free(node);
    }
    nts_version_unref(table->version);
    nts_free(table->def);
    nts_free(table);
}

/* The table is found under its definition's name from now on. Its place in the list stays, and the
 * buckets do not grow, so that nothing is allocated: the commit that renames is done already. */
static void catalog_rekey(struct nanots_table *table)
{
    const struct nanots_allocator *hash_alloc = table->db->alloc;
    UT_hash_handle *handle = &table->hh;
    UT_hash_table *names = handle->tbl;
    const unsigned noexpand = names->noexpand;
    unsigned bucket = 0;
    int is_out_of_memory = 0;

    HASH_TO_BKT(handle->hashv, names->num_buckets, bucket);
    HASH_DEL_IN_BKT(names->buckets[bucket], handle);
    handle->key = table->def->name;
    handle->keylen = (unsigned)strlen(table->def->name);
    HASH_VALUE(handle->key, handle->keylen, handle->hashv);
    HASH_TO_BKT(handle->hashv, names->num_buckets, bucket);
    names->noexpand = 1;
    HASH_ADD_TO_BKT(names->buckets[bucket], hh, handle, is_out_of_memory);
    names->noexpand = noexpand;
    assert(is_out_of_memory == 0);
}

void nts_catalog_redefine(struct nanots_table *table, struct nts_table_def *def,
                          struct nts_retired_def *node)
{
    const bool is_renamed = strcmp(table->def->name, def->name) != 0;
    node->def = table->def;
    node->next = table->retired;
    table->retired = node;
    table->def = def;
    table->shape = nts_table_shape(def);
    table->active = NULL; /* rows of the new form go to a memtable of it */
    if (is_renamed)       /* else the old name serves as key: it stays as long as the table */
        catalog_rekey(table);
}

void nts_catalog_drop(struct nanots_table *table)
{
    struct nanots_db *db = table->db;
    HASH_DEL(db->tables, table);
    db->by_id[table->table_id] = NULL;
    table->is_dropped = true;
    table->next_dropped = db->dropped;
    db->dropped = table;
}

void nts_catalog_free(struct nanots_db *db)
{
    HASH_CLEAR(hh, db->tables);
    for (size_t i = 0; i < db->by_id_count; i++)
        if (db->by_id[i] != NULL)
            table_free(db->by_id[i]);
    while (db->dropped != NULL) {
        struct nanots_table *table = db->dropped;
        db->dropped = table->next_dropped;
        table_free(table);
    }
    nts_free(db->by_id);
    db->by_id = NULL;
    db->by_id_count = 0;
}

nanots_status nts_catalog_column(const struct nts_table_def *def, const char *name,
                                 uint32_t *column_out, struct nanots_error *error)
{
    unsigned best = NEAREST_DISTANCE_MAX + 1;
    const char *nearest = NULL;
    *column_out = 0;
    if (name == NULL)
        return nts_fail(error, NANOTS_INVALID, "table '%s': a column name is NULL", def->name);
    for (uint32_t c = 0; c < def->column_count; c++) {
        const unsigned distance = nts_edit_distance(def->columns[c].name, name, best - 1);
        if (strcmp(def->columns[c].name, name) == 0) {
            *column_out = c;
            return NANOTS_OK;
        }
        if (distance < best) {
            best = distance;
            nearest = def->columns[c].name;
        }
    }
    if (nearest == NULL)
        return nts_fail(error, NANOTS_NOT_FOUND, "table '%.80s' has no column '%.80s'", def->name,
                        name);
    return nts_fail(error, NANOTS_NOT_FOUND,
                    "table '%.60s' has no column '%.60s'; did you mean '%.60s'?", def->name, name,
                    nearest);
}

/* ---- versions ----------------------------------------------------------------------------- */

static int segment_compare(const void *a, const void *b)
{
    const struct nts_segment_entry *x = &(*(struct nts_segment *const *)a)->entry;
    const struct nts_segment_entry *y = &(*(struct nts_segment *const *)b)->entry;
    if (x->seq_first != y->seq_first)
        return x->seq_first < y->seq_first ? -1 : 1;
    return x->segment_id < y->segment_id ? -1 : x->segment_id > y->segment_id;
}

static bool segment_is_among(const struct nts_segment *segment, struct nts_segment *const *list,
                             size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == segment)
            return true;
    return false;
}

static void segment_list_unref(struct nts_segment_list *list)
{
    if (list == NULL || !nts_refcount_drop(&list->refs))
        return;
    for (size_t i = 0; i < list->count; i++)
        nts_segment_unref(list->segments[i]);
    nts_free(list);
}

/* The first `count` of a list, whose reference passes to the version; NULL if out of memory. */
static struct nts_version *version_new(const struct nanots_allocator *alloc,
                                       struct nts_segment_list *list, size_t count)
{
    struct nts_version *version = nts_alloc(alloc, sizeof *version);
    if (version == NULL)
        return NULL;
    nts_refcount_init(&version->refs);
    version->list = list;
    version->count = count;
    version->segments = list->segments;
    return version;
}

/* Whether `added` can go behind what the version sees, in its list: nobody was faster, there is
 * room, and the order holds. A flush does this for thousands of tables. */
static bool version_can_grow(const struct nts_version *old, struct nts_segment *const *added,
                             size_t added_count)
{
    if (old->count != old->list->count || old->list->capacity - old->count < added_count)
        return false;
    for (size_t i = 0; i < added_count; i++) {
        struct nts_segment *const *before = i == 0 ? &old->segments[old->count] - 1 : &added[i - 1];
        if ((i != 0 || old->count != 0) && segment_compare(before, &added[i]) > 0)
            return false;
    }
    return true;
}

static struct nts_version *version_grow(const struct nanots_allocator *alloc,
                                        const struct nts_version *old,
                                        struct nts_segment *const *added, size_t added_count)
{
    struct nts_segment_list *list = old->list;
    struct nts_version *version = version_new(alloc, list, old->count + added_count);
    if (version == NULL)
        return NULL;
    nts_refcount_take(&list->refs);
    for (size_t i = 0; i < added_count; i++)
        list->segments[list->count++] = added[i];
    return version;
}

/* A list of its own, with room for as many again. */
static struct nts_version *version_copy(const struct nanots_allocator *alloc,
                                        const struct nts_version *old,
                                        struct nts_segment *const *added, size_t added_count,
                                        struct nts_segment *const *removed, size_t removed_count)
{
    const size_t old_count = old == NULL ? 0 : old->count;
    const size_t capacity = (old_count + added_count) * 2;
    struct nts_segment_list *list =
        nts_alloc(alloc, sizeof *list + capacity * sizeof(struct nts_segment *));
    if (list == NULL)
        return NULL;
    nts_refcount_init(&list->refs);
    list->capacity = capacity;
    list->count = 0;
    struct nts_version *version = version_new(alloc, list, 0);
    if (version == NULL) {
        nts_free(list);
        return NULL;
    }
    for (size_t i = 0; i < old_count; i++)
        if (!segment_is_among(old->segments[i], removed, removed_count))
            list->segments[list->count++] = nts_segment_ref(old->segments[i]);
    for (size_t i = 0; i < added_count; i++)
        list->segments[list->count++] = added[i];
    if (list->count > 1)
        qsort(list->segments, list->count, sizeof(struct nts_segment *), segment_compare);
    version->count = list->count;
    return version;
}

struct nts_version *nts_version_edit(const struct nanots_allocator *alloc,
                                     const struct nts_version *old,
                                     struct nts_segment *const *added, size_t added_count,
                                     struct nts_segment *const *removed, size_t removed_count)
{
    if (old != NULL && removed_count == 0 && version_can_grow(old, added, added_count))
        return version_grow(alloc, old, added, added_count);
    return version_copy(alloc, old, added, added_count, removed, removed_count);
}

struct nts_version *nts_version_now(struct nanots_table *table)
{
    nts_mutex_lock(&table->db->write_lock);
    struct nts_version *version = nts_version_ref(table->version);
    nts_mutex_unlock(&table->db->write_lock);
    return version;
}

struct nts_version *nts_version_ref(struct nts_version *version)
{
    nts_refcount_take(&version->refs);
    return version;
}

bool nts_version_has(const struct nts_version *version, const struct nts_segment *segment)
{
    struct nts_segment *const *found = NULL;
    if (version->count != 0)
        found =
            bsearch(&segment, version->segments, version->count, sizeof segment, segment_compare);
    return found != NULL && *found == segment;
}

uint64_t nts_version_bytes(const struct nts_version *version)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < version->count; i++)
        bytes += version->segments[i]->entry.size;
    return bytes;
}

void nts_version_unref(struct nts_version *version)
{
    if (version == NULL || !nts_refcount_drop(&version->refs))
        return;
    segment_list_unref(version->list);
    nts_free(version);
}
