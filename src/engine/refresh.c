/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/refresh.c - a read-only handle beside a writer elsewhere: opening, moving on, the pins.
 *
 *   refresh --> superblock: same generation? -- yes --> what the log gained: added, shown at once
 *                  | no                                     | not all that there was: recycled
 *                  v                                        |
 *      pin the new one <------------------------------------+
 *         | ^
 *         v | not all that there was, and no longer current
 *      manifest, log into a shadow --> swap --> old pins go
 *
 * "All that there was" when the call began is what the change counter in the log says: a state with
 * as many rows and tables is good whatever was committed meanwhile, unless that changed, dropped or
 * cut a table: rows behind it would be shown before it is. The superblock tells, looked at again
 * behind the log; if no commit came in between, the log was read to its end in any case. Each
 * commit that recycles what was being read has flushed it, so that the next attempt finds it in
 * segments: a writer cannot keep a reader away by being fast.
 *
 * Until the swap nothing of the handle has changed: a refresh that fails leaves the state of
 * before.
 *
 * A segment that the new state has too keeps its object, and with it what was loaded and verified.
 * One that it has not is in limbo while queries read it, and pins the generation it is of.
 */
#include <string.h>

#include "base/check.h"
#include "engine/catalog.h"
#include "engine/engine.h"

#define REFRESH_RETRIES_MAX 100u

/* ---- pins --------------------------------------------------------------------------------- */

static bool pin_is_needed(const struct nanots_db *db, uint64_t generation)
{
    if (db->reader.is_pinned && db->reader.pinned_generation == generation)
        return true;
    for (size_t i = 0; i < db->limbo_count; i++)
        if (db->limbo[i].generation == generation)
            return true;
    return false;
}

/* Lets go of a pin, unless the state or a query needs it. */
static void pin_drop(struct nanots_db *db, uint64_t generation, bool is_pinned)
{
    if (is_pinned && !pin_is_needed(db, generation))
        db->file->ops->unpin(db->file, generation);
}

/* Pins one more generation; without locks *is_pinned is false, and that is no failure. */
static nanots_status pin_add(struct nanots_db *db, uint64_t generation, bool *is_pinned,
                             struct nanots_error *error)
{
    const nanots_status status = db->file->ops->pin(db->file, generation, error);
    *is_pinned = status == NANOTS_OK;
    if (status != NANOTS_UNSUPPORTED)
        return status;
    nts_error_clear(error);
    return NANOTS_OK;
}

/* Pins the generation that is current while it does so. If the first one moved on before its lock
 * was there, that lock keeps what a later commit frees, and so the one that is current then. */
static nanots_status pin_current(struct nanots_db *db, struct nts_superblock *sb, bool *is_pinned,
                                 struct nanots_error *error)
{
    struct nts_superblock now;
    *is_pinned = false;
    NTS_TRY(nts_db_read_superblock(db, sb, error));
    NTS_TRY(pin_add(db, sb->generation, is_pinned, error));
    const uint64_t first = sb->generation;
    nanots_status status = nts_db_read_superblock(db, &now, error);
    if (status == NANOTS_OK && now.generation != first) {
        const bool first_is_pinned = *is_pinned;
        status = pin_add(db, now.generation, is_pinned, error);
        pin_drop(db, first, first_is_pinned);
    } else if (status != NANOTS_OK) {
        pin_drop(db, first, *is_pinned);
        *is_pinned = false;
    }
    *sb = now;
    return status;
}

/* Drops what no query reads any more, and the pins that were for it. */
static void limbo_reap(struct nanots_db *db)
{
    size_t kept = 0;
    for (size_t i = 0; i < db->limbo_count; i++) {
        struct nts_limbo *item = &db->limbo[i];
        if (!nts_refcount_is_last(&item->segment->refs)) {
            db->limbo[kept++] = *item;
            continue;
        }
        const uint64_t generation = item->generation;
        nts_segment_unref(item->segment);
        /* Items of one generation follow each other: the last of them lets the pin go. */
        const bool more = (i + 1 < db->limbo_count && item[1].generation == generation) ||
                          (kept != 0 && db->limbo[kept - 1].generation == generation);
        if (!more && (!db->reader.is_pinned || generation != db->reader.pinned_generation))
            db->file->ops->unpin(db->file, generation);
    }
    db->limbo_count = kept;
}

/* ---- open --------------------------------------------------------------------------------- */

static void refresh_forget(struct nanots_db *db)
{
    nts_catalog_free(db);
    nts_free(db->run->tables);
    memset(db->run, 0, sizeof *db->run);
    db->run->number = 1;
    db->by_id_capacity = 0;
    db->kept_log_count = 0;
}

/* What the log says it has, in rows and tables; 0: it does not say. */
static nanots_status wanted_read(const struct nanots_db *db, const struct nts_superblock *sb,
                                 uint64_t *wanted_out, struct nanots_error *error)
{
    struct nts_wal_tail tail;
    nts_wal_tail_begin(&tail, sb);
    return nts_wal_tail_counter(&tail, db->file, wanted_out, error);
}

/* Whether a state of `sb` and the log is good with a superblock that was read behind it: no commit
 * came meanwhile, or none that changed a table, and the state has all that was `wanted`. Without a
 * pin nobody knows what it was read from. */
static bool state_is_good(const struct nanots_db *state, const struct nts_superblock *sb,
                          const struct nts_superblock *now, uint64_t wanted, bool is_pinned)
{
    if (now->wal_salt != sb->wal_salt ||
        memcmp(now->file_id, sb->file_id, sizeof now->file_id) != 0)
        return false;
    return now->generation == sb->generation ||
           (is_pinned && wanted != 0 && now->table_changes == sb->table_changes &&
            nts_recover_change_counter(state) >= wanted);
}

/* What seems to be the end of a log that is recycled meanwhile proves nothing. */
static void refresh_forget_break(struct nanots_db *db)
{
    db->recovery.torn_bytes = 0;
    db->recovery.damaged = false;
    db->recovery.break_seq = 0;
}

nanots_status nts_refresh_first(struct nanots_db *db, struct nanots_error *error)
{
    struct nts_reader *reader = &db->reader;
    uint64_t wanted = 0;
    for (unsigned attempt = 0; attempt < REFRESH_RETRIES_MAX; attempt++) {
        struct nts_superblock now;
        nts_error_clear(error); /* of the attempt before */
        NTS_TRY(pin_current(db, &db->sb, &reader->is_pinned, error));
        reader->pinned_generation = db->sb.generation;
        if (wanted == 0)
            NTS_TRY(wanted_read(db, &db->sb, &wanted, error));
        const nanots_status status = nts_recover(db, error);
        NTS_TRY(nts_db_read_superblock(db, &now, status == NANOTS_OK ? error : NULL));
        if (now.generation == db->sb.generation)
            return status;
        if (status == NANOTS_OK && state_is_good(db, &db->sb, &now, wanted, reader->is_pinned)) {
            refresh_forget_break(db);
            return NANOTS_OK;
        }
        if (reader->is_pinned)
            db->file->ops->unpin(db->file, reader->pinned_generation);
        reader->is_pinned = false;
        refresh_forget(db);
    }
    return nts_fail(error, NANOTS_BUSY, "%.120s changes too fast to be opened", db->path);
}

/* ---- what is behind a place in the log ---------------------------------------------------- */

static void reading_begin(struct nanots_db *db, const struct nts_wal_tail *tail,
                          struct nts_wal_reading *reading)
{
    nts_wal_reading_init(reading, tail, db->file, nts_recover_check_segments, db, db->alloc);
}

/* The log does not end for want of memory. */
static nanots_status reading_next(struct nanots_db *db, struct nts_wal_reading *reading,
                                  struct nanots_error *error)
{
    NTS_TRY(nts_wal_reading_next(reading, error));
    return nts_recover_check_result(db, error);
}

/* ---- a new state beside the old one ------------------------------------------------------- */

/* The same file, and not an older copy of it. */
static nanots_status shadow_check(const struct nanots_db *db, const struct nts_superblock *sb,
                                  uint64_t last_seq, struct nanots_error *error)
{
    const struct nts_superblock *old = &db->sb;
    const bool same_file =
        old->generation == 0 || memcmp(old->file_id, sb->file_id, sizeof sb->file_id) == 0;
    if (!same_file || sb->generation < old->generation || last_seq < db->last_seq)
        return nts_fail(error, NANOTS_NOT_FOUND,
                        "%.100s holds %s now: close the handle and open the file again", db->path,
                        same_file ? "an older state of itself" : "another database");
    return NANOTS_OK;
}

/* Manifest and log of `sb` into an empty database that has no file of its own. */
static nanots_status shadow_load(struct nanots_db *shadow, struct nanots_error *error)
{
    struct nts_wal_reading reading;
    bool is_whole = true;

    NTS_TRY(nts_recover_committed(shadow, error));
    reading_begin(shadow, &shadow->reader.tail, &reading);
    nanots_status status = NANOTS_OK;
    do {
        status = reading_next(shadow, &reading, error);
        if (status == NANOTS_OK)
            status = nts_recover_records(shadow, &reading.buf, true, &is_whole, error);
        shadow->recovery.log_bytes += reading.buf.size;
    } while (status == NANOTS_OK && reading.buf.size != 0);
    nts_recover_show(shadow);
    shadow->reader.tail = reading.tail;
    nts_wal_reading_deinit(&reading);
    return status;
}

static void shadow_free(struct nanots_db *shadow)
{
    if (shadow == NULL)
        return;
    shadow->file = NULL; /* the handle's */
    nts_file_view_deinit(&shadow->view);
    nts_db_free(shadow);
}

static nanots_status shadow_new(struct nanots_db *db, const struct nts_superblock *sb,
                                struct nanots_db **shadow_out, struct nanots_error *error)
{
    struct nanots_db *shadow = nts_db_new(db->alloc, db->path);
    *shadow_out = NULL;
    if (shadow == NULL)
        return nts_fail_memory(error, sizeof *shadow);
    shadow->file = db->file;
    shadow->options = db->options;
    shadow->sb = *sb;
    shadow->spare = db->spare;
    shadow->run->number = db->run->number + 1;
    shadow->reader.checked_seq = db->last_seq;
    nts_file_view_init(&shadow->view, db->alloc, db->file);
    const nanots_status status = shadow_load(shadow, error);
    if (status != NANOTS_OK) {
        shadow_free(shadow);
        return status;
    }
    *shadow_out = shadow;
    return NANOTS_OK;
}

/* ---- the swap ----------------------------------------------------------------------------- */

static bool defs_are_equal(const struct nts_table_def *a, const struct nts_table_def *b)
{
    if (strcmp(a->name, b->name) != 0 || a->column_count != b->column_count)
        return false;
    for (uint32_t c = 0; c < a->column_count; c++)
        if (strcmp(a->columns[c].name, b->columns[c].name) != 0)
            return false;
    return true;
}

/* The table has another name, other names of columns, or more of them: a place for the definition
 * that goes, kept with the shadow until then. */
static nanots_status adopt_prepare_def(const struct nanots_table *ours, struct nanots_table *theirs,
                                       struct nanots_error *error)
{
    if (defs_are_equal(ours->def, theirs->def))
        return NANOTS_OK;
    struct nts_retired_def *node = nts_alloc_zeroed(ours->db->alloc, sizeof *node);
    if (node == NULL)
        return nts_fail_memory(error, sizeof *node);
    node->next = theirs->retired;
    theirs->retired = node;
    return NANOTS_OK;
}

/* Takes the tables back that were added; their definitions are the shadow's again. */
static void adopt_undo(struct nanots_db *db, struct nanots_db *shadow)
{
    for (uint32_t id = 0; id < shadow->by_id_count; id++) {
        struct nanots_table *theirs = shadow->by_id[id];
        if (theirs == NULL || theirs->def != NULL)
            continue;
        theirs->def = db->by_id[id]->def;
        nts_catalog_remove_new(db, db->by_id[id]);
    }
}

/* All that can fail. The tables that are new get an empty object of the handle. */
static nanots_status adopt_prepare_tables(struct nanots_db *db, struct nanots_db *shadow,
                                          struct nanots_error *error)
{
    for (uint32_t id = 0; id < shadow->by_id_count; id++) {
        struct nanots_table *theirs = shadow->by_id[id];
        struct nanots_table *ours = nts_catalog_by_id(db, id);
        nanots_status status = NANOTS_OK;
        if (theirs == NULL)
            continue;
        if (ours != NULL)
            status = adopt_prepare_def(ours, theirs, error);
        else
            status = nts_catalog_add(db, theirs->def, &ours, error);
        if (status != NANOTS_OK) {
            adopt_undo(db, shadow);
            return status;
        }
        if (ours->def == theirs->def)
            theirs->def = NULL;
    }
    return NANOTS_OK;
}

/* Tables that have another definition now get it. */
static void adopt_defs(struct nanots_db *db, struct nanots_db *shadow)
{
    for (uint32_t id = 0; id < shadow->by_id_count; id++) {
        struct nanots_table *theirs = shadow->by_id[id];
        if (theirs == NULL || theirs->def == NULL ||
            defs_are_equal(db->by_id[id]->def, theirs->def))
            continue;
        struct nts_retired_def *node = theirs->retired;
        theirs->retired = node->next;
        nts_catalog_redefine(db->by_id[id], theirs->def, node);
        theirs->def = NULL;
    }
}

static size_t adopt_count_segments(const struct nanots_db *db)
{
    size_t count = 0;
    for (size_t id = 0; id < db->by_id_count; id++) {
        if (db->by_id[id] == NULL)
            continue;
        count += db->by_id[id]->version->count;
        for (const struct nts_part *part = db->by_id[id]->parts_first; part != NULL;
             part = part->next)
            count += part->segment != NULL;
    }
    return count;
}

static nanots_status adopt_reserve_limbo(struct nanots_db *db, struct nanots_error *error)
{
    const size_t capacity = db->limbo_count + adopt_count_segments(db);
    if (capacity <= db->limbo_capacity)
        return NANOTS_OK;
    struct nts_limbo *limbo = nts_realloc(db->alloc, db->limbo, capacity * sizeof *limbo);
    if (limbo == NULL)
        return nts_fail_memory(error, capacity * sizeof *limbo);
    db->limbo = limbo;
    db->limbo_capacity = capacity;
    return NANOTS_OK;
}

/* In *slot lies a segment of the new state: the object of the old one, if it is the same segment in
 * the same place, else one that is the handle's from now on. */
static bool adopt_share(struct nts_segment **slot, struct nts_segment *old)
{
    const struct nts_segment_entry *a = &(*slot)->entry;
    const struct nts_segment_entry *b = &old->entry;
    if (a->segment_id != b->segment_id || a->off != b->off || a->size != b->size ||
        a->footer_checksum != b->footer_checksum)
        return false;
    nts_segment_unref(*slot);
    *slot = nts_segment_ref(old);
    return true;
}

static void adopt_into_limbo(struct nanots_db *db, struct nts_segment *segment)
{
    assert(db->limbo_count < db->limbo_capacity);
    db->limbo[db->limbo_count++] = (struct nts_limbo){.generation = db->reader.pinned_generation,
                                                      .segment = nts_segment_ref(segment)};
}

static bool entry_is_before(const struct nts_segment_entry *a, const struct nts_segment_entry *b)
{
    return a->seq_first != b->seq_first ? a->seq_first < b->seq_first
                                        : a->segment_id < b->segment_id;
}

/* An old segment finds itself in the new version, from *at on, or among the new parts. */
static bool adopt_find(struct nanots_table *theirs, size_t *at, struct nts_segment *old)
{
    struct nts_segment **segments = theirs->version->list->segments;
    while (*at < theirs->version->count && entry_is_before(&segments[*at]->entry, &old->entry))
        ++*at;
    if (*at < theirs->version->count && adopt_share(&segments[*at], old))
        return true;
    for (struct nts_part *part = theirs->parts_first; part != NULL; part = part->next)
        if (part->segment != NULL && adopt_share(&part->segment, old))
            return true;
    return false;
}

/* The new state's segments become the handle's; what the old state alone has goes to limbo. */
static void adopt_segments(struct nanots_db *db, struct nanots_table *ours,
                           struct nanots_table *theirs)
{
    size_t at = 0;
    for (size_t i = 0; i < theirs->version->count; i++) {
        theirs->version->segments[i]->view = &db->view;
        theirs->version->segments[i]->def = ours->def;
    }
    for (struct nts_part *part = theirs->parts_first; part != NULL; part = part->next) {
        if (part->memtable != NULL)
            part->memtable->def = ours->def;
        if (part->segment != NULL) {
            part->segment->view = &db->view;
            part->segment->def = ours->def;
        }
    }
    for (size_t i = 0; i < ours->version->count; i++)
        if (!adopt_find(theirs, &at, ours->version->segments[i]))
            adopt_into_limbo(db, ours->version->segments[i]);
    for (const struct nts_part *part = ours->parts_first; part != NULL; part = part->next)
        if (part->segment != NULL && !adopt_find(theirs, &at, part->segment))
            adopt_into_limbo(db, part->segment);
}

/* Cursors may still read what a table had that is gone from the file. */
static void adopt_dropped(struct nanots_db *db, const struct nanots_table *table)
{
    for (size_t i = 0; i < table->version->count; i++)
        adopt_into_limbo(db, table->version->segments[i]);
    for (const struct nts_part *part = table->parts_first; part != NULL; part = part->next)
        if (part->segment != NULL)
            adopt_into_limbo(db, part->segment);
}

/* Needs write_lock. */
static void adopt_swap_table(struct nanots_table *ours, struct nanots_table *theirs)
{
    const struct nanots_table old = *ours;
    ours->version = theirs->version;
    ours->parts_first = theirs->parts_first;
    ours->parts_last = theirs->parts_last;
    ours->active = theirs->active;
    ours->touched_run = theirs->touched_run;
    ours->in_manifest = theirs->in_manifest;
    theirs->version = old.version;
    theirs->parts_first = old.parts_first;
    theirs->parts_last = old.parts_last;
}

/* Needs write_lock and flush_lock. */
static void adopt_swap(struct nanots_db *db, struct nanots_db *shadow)
{
    struct nts_run *const run = shadow->run;
    for (size_t i = 0; i < run->table_count; i++)
        run->tables[i] = db->by_id[run->tables[i]->table_id];
    for (size_t id = 0; id < shadow->by_id_count; id++)
        if (shadow->by_id[id] != NULL)
            adopt_swap_table(db->by_id[id], shadow->by_id[id]);
    for (uint32_t id = 0; id < db->by_id_count; id++)
        if (db->by_id[id] != NULL && nts_catalog_by_id(shadow, id) == NULL)
            nts_catalog_drop(db->by_id[id]);
    shadow->run = db->run;
    db->run = run;
    db->last_seq = shadow->last_seq;
    db->next_table_id = shadow->next_table_id;
    db->next_segment_id = shadow->next_segment_id;
    db->recovery.log_bytes = shadow->recovery.log_bytes;
    db->file_seed = shadow->file_seed;
    db->view.file_seed = shadow->file_seed;
    db->sb = shadow->sb;
    memcpy(db->kept_logs, shadow->kept_logs, sizeof db->kept_logs);
    db->kept_log_count = shadow->kept_log_count;
    db->reader.tail = shadow->reader.tail;
    db->reader.must_reload = false;
}

/* Names, definitions and what a snapshot looks at change in one hold of write_lock, or nothing
 * does. Needs flush_lock. */
static nanots_status adopt_locked(struct nanots_db *db, struct nanots_db *shadow,
                                  struct nanots_error *error)
{
    NTS_TRY(adopt_prepare_tables(db, shadow, error));
    adopt_defs(db, shadow);
    for (size_t id = 0; id < shadow->by_id_count; id++)
        if (shadow->by_id[id] != NULL)
            adopt_segments(db, db->by_id[id], shadow->by_id[id]);
    for (uint32_t id = 0; id < db->by_id_count; id++)
        if (db->by_id[id] != NULL && nts_catalog_by_id(shadow, id) == NULL)
            adopt_dropped(db, db->by_id[id]);
    adopt_swap(db, shadow);
    return NANOTS_OK;
}

/* The handle moves to the shadow's state and pin; the shadow is left with the old state. */
static nanots_status adopt(struct nanots_db *db, struct nanots_db *shadow, bool is_pinned,
                           struct nanots_error *error)
{
    NTS_TRY(adopt_reserve_limbo(db, error));
    nts_mutex_lock(&db->flush_lock);
    const uint64_t old_generation = db->reader.pinned_generation;
    const bool old_is_pinned = db->reader.is_pinned;
    nts_mutex_lock(&db->write_lock);
    const nanots_status status = adopt_locked(db, shadow, error);
    nts_mutex_unlock(&db->write_lock);
    if (status != NANOTS_OK) {
        nts_mutex_unlock(&db->flush_lock);
        return status;
    }
    db->reader.pinned_generation = db->sb.generation;
    db->reader.is_pinned = is_pinned;
    pin_drop(db, old_generation, old_is_pinned);
    nts_mutex_unlock(&db->flush_lock);
    return NANOTS_OK;
}

/* A shadow of what `sb` names. *stale_out: it lacks what was wanted, or may do so. */
static nanots_status refresh_load_shadow(struct nanots_db *db, const struct nts_superblock *sb,
                                         bool is_pinned, uint64_t *wanted,
                                         struct nanots_db **shadow_out, bool *stale_out,
                                         struct nanots_error *error)
{
    struct nts_superblock now;
    NTS_TRY(shadow_check(db, sb, db->last_seq, error));
    if (*wanted == 0)
        NTS_TRY(wanted_read(db, sb, wanted, error));
    const nanots_status status = shadow_new(db, sb, shadow_out, error);
    const nanots_status again =
        nts_db_read_superblock(db, &now, status == NANOTS_OK ? error : NULL);
    *stale_out = again == NANOTS_OK && now.generation != sb->generation &&
                 !(status == NANOTS_OK && state_is_good(*shadow_out, sb, &now, *wanted, is_pinned));
    return status == NANOTS_OK ? again : status;
}

/* One attempt; *stale_out: it came to nothing because a commit came in between. */
static nanots_status refresh_reload_once(struct nanots_db *db, uint64_t *wanted, bool *stale_out,
                                         struct nanots_error *error)
{
    struct nanots_db *shadow = NULL;
    struct nts_superblock sb;
    bool is_pinned = false;
    bool is_adopted = false;

    *stale_out = false;
    NTS_TRY(pin_current(db, &sb, &is_pinned, error));
    nanots_status status =
        refresh_load_shadow(db, &sb, is_pinned, wanted, &shadow, stale_out, error);
    if (status == NANOTS_OK && !*stale_out)
        status = shadow_check(db, &sb, shadow->last_seq, error);
    if (status == NANOTS_OK && !*stale_out) {
        status = adopt(db, shadow, is_pinned, error);
        is_adopted = status == NANOTS_OK;
    }
    shadow_free(shadow);
    if (!is_adopted)
        pin_drop(db, sb.generation, is_pinned);
    return status;
}

static nanots_status refresh_reload(struct nanots_db *db, struct nanots_error *error)
{
    uint64_t wanted = 0;
    for (unsigned attempt = 0; attempt < REFRESH_RETRIES_MAX; attempt++) {
        bool is_stale = false;
        nts_error_clear(error);
        const nanots_status status = refresh_reload_once(db, &wanted, &is_stale, error);
        if (!is_stale)
            return status;
    }
    return nts_fail(error, NANOTS_BUSY, "%.120s changes too fast to be read", db->path);
}

/* ---- what the log gained ------------------------------------------------------------------ */

/* Whether the handle's state is good, with what it has of the log; `wanted` 0: only if the
 * superblock is still the handle's. A file that was restored in place can have the generation and
 * be another. */
static nanots_status follow_is_good(struct nanots_db *db, uint64_t wanted, bool *is_good_out,
                                    struct nanots_error *error)
{
    struct nts_superblock now;
    *is_good_out = false;
    NTS_TRY(nts_db_read_superblock(db, &now, error));
    *is_good_out = state_is_good(db, &db->sb, &now, wanted, db->reader.is_pinned);
    return NANOTS_OK;
}

/* All that lies behind the tail, not visible yet. *is_followed is false if a table is made there:
 * that is seen at once, and must not be before the rows that came before it are. */
static nanots_status follow_read(struct nanots_db *db, struct nts_wal_reading *reading,
                                 uint64_t *log_bytes, bool *is_followed, struct nanots_error *error)
{
    *is_followed = true;
    do {
        NTS_TRY(reading_next(db, reading, error));
        nts_mutex_lock(&db->write_lock);
        const nanots_status status =
            nts_recover_records(db, &reading->buf, false, is_followed, error);
        nts_mutex_unlock(&db->write_lock);
        NTS_TRY(status);
        *log_bytes += reading->buf.size;
    } while (*is_followed && reading->buf.size != 0);
    return NANOTS_OK;
}

/* What was added becomes visible together, or counts for nothing: then only a new state helps. */
static void follow_end(struct nanots_db *db, const struct nts_wal_reading *reading,
                       uint64_t log_bytes, bool is_good, uint64_t last_seq, uint64_t row_count)
{
    nts_mutex_lock(&db->write_lock);
    if (is_good) {
        nts_recover_show(db);
        db->recovery.log_bytes += log_bytes;
        db->reader.tail = reading->tail;
    } else {
        db->last_seq = last_seq;
        db->run->row_count = row_count;
        db->reader.must_reload = true;
    }
    nts_mutex_unlock(&db->write_lock);
}

/* What the log gained, if the generation is the handle's. *is_done_out: nothing more is to do. */
static nanots_status refresh_follow(struct nanots_db *db, bool *is_done_out, bool *changed_out,
                                    struct nanots_error *error)
{
    const uint64_t last_seq = db->last_seq;
    const uint64_t row_count = db->run->row_count;
    struct nts_wal_reading reading;
    uint64_t wanted = 0;
    uint64_t log_bytes = 0;
    bool is_good = false;

    *is_done_out = false;
    NTS_TRY(follow_is_good(db, 0, &is_good, error));
    if (!is_good)
        return NANOTS_OK;
    NTS_TRY(nts_wal_tail_counter(&db->reader.tail, db->file, &wanted, error));
    *is_done_out = wanted != 0 && wanted == nts_recover_change_counter(db);
    if (*is_done_out)
        return NANOTS_OK;
    reading_begin(db, &db->reader.tail, &reading);
    nanots_status status = follow_read(db, &reading, &log_bytes, &is_good, error);
    if (status == NANOTS_OK && is_good)
        status = follow_is_good(db, wanted, &is_good, error);
    is_good = is_good && status == NANOTS_OK;
    follow_end(db, &reading, log_bytes, is_good, last_seq, row_count);
    nts_wal_reading_deinit(&reading);
    *is_done_out = is_good;
    *changed_out = is_good && log_bytes != 0;
    return status;
}

static nanots_status refresh_locked(struct nanots_db *db, bool *changed_out,
                                    struct nanots_error *error)
{
    bool is_done = false;
    nanots_status status = NANOTS_OK;

    NTS_TRY(db->file->ops->check_path(db->file, error));
    if (!db->reader.must_reload)
        NTS_TRY(refresh_follow(db, &is_done, changed_out, error));
    if (!is_done) {
        status = refresh_reload(db, error);
        *changed_out = status == NANOTS_OK;
    }
    nts_mutex_lock(&db->flush_lock);
    limbo_reap(db);
    nts_mutex_unlock(&db->flush_lock);
    return status;
}

nanots_status nts_refresh(struct nanots_db *db, bool *changed_out, struct nanots_error *error)
{
    *changed_out = false;
    if (!db->options.read_only)
        return NANOTS_OK;
    nts_mutex_lock(&db->upkeep_lock);
    const nanots_status status = refresh_locked(db, changed_out, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}

/* ---- the change counter ------------------------------------------------------------------- */

/* A log that is not mapped publishes nothing: the records themselves tell. */
static nanots_status counter_of_records(struct nanots_db *db, const struct nts_superblock *sb,
                                        uint64_t *counter, struct nanots_error *error)
{
    struct nts_wal_tail tail;
    struct nts_wal_reading reading;
    struct nts_wal_record record;

    nts_wal_tail_begin(&tail, sb);
    if (sb->generation == db->sb.generation)
        tail = db->reader.tail;
    uint64_t last_seq = sb->generation == db->sb.generation ? db->last_seq : sb->flushed_seq;
    uint64_t tables = sb->generation == db->sb.generation ? db->next_table_id : sb->next_table_id;
    reading_begin(db, &tail, &reading);
    nanots_status status = reading_next(db, &reading, error);
    while (status == NANOTS_OK && reading.buf.size != 0) {
        for (size_t at = 0; nts_wal_tail_next(&reading.buf, &at, &record);) {
            if (record.row_count != 0 && record.first_seq + record.row_count - 1 > last_seq)
                last_seq = record.first_seq + record.row_count - 1;
            if (record.kind == NTS_WAL_CREATE && record.table_id >= tables)
                tables = (uint64_t)record.table_id + 1;
        }
        status = reading_next(db, &reading, error);
    }
    nts_wal_reading_deinit(&reading);
    if (*counter < last_seq + tables)
        *counter = last_seq + tables;
    return status;
}

static nanots_status counter_read(struct nanots_db *db, uint64_t *counter_out,
                                  struct nanots_error *error)
{
    for (unsigned attempt = 0; attempt < REFRESH_RETRIES_MAX; attempt++) {
        struct nts_superblock sb;
        struct nts_superblock now;
        struct nts_wal_tail tail;
        uint64_t counter = 0;
        NTS_TRY(nts_db_read_superblock(db, &sb, error));
        nts_wal_tail_begin(&tail, &sb);
        NTS_TRY(nts_wal_tail_counter(&tail, db->file, &counter, error));
        if (counter == 0 && sb.wal_count != 0)
            NTS_TRY(counter_of_records(db, &sb, &counter, error));
        if (counter < sb.flushed_seq + sb.next_table_id)
            counter = sb.flushed_seq + sb.next_table_id;
        NTS_TRY(nts_db_read_superblock(db, &now, error));
        if (now.generation == sb.generation) {
            *counter_out = counter;
            return NANOTS_OK;
        }
    }
    return nts_fail(error, NANOTS_BUSY, "%.120s changes too fast to be read", db->path);
}

nanots_status nts_change_counter(struct nanots_db *db, uint64_t *counter_out,
                                 struct nanots_error *error)
{
    *counter_out = 0;
    if (!db->options.read_only) {
        nts_mutex_lock(&db->write_lock);
        *counter_out = nts_recover_change_counter(db);
        nts_mutex_unlock(&db->write_lock);
        return NANOTS_OK;
    }
    NTS_TRY(db->file->ops->check_path(db->file, error));
    nts_mutex_lock(&db->upkeep_lock);
    const nanots_status status = counter_read(db, counter_out, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}
