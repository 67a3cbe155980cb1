/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/salvage.c - opening what does not open. Contract: salvage.h. */
#include "copy/salvage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "engine/catalog.h"
#include "engine/engine.h"
#include "engine/options.h"

void nts_salvage_tell(const struct nts_salvage *salvage, const char *format, ...)
{
    char message[sizeof((struct nanots_error *)0)->message];
    va_list args;
    salvage->report->damage++;
    if (salvage->options->damage == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    salvage->options->damage(salvage->options->context, message);
}

void nts_salvage_note_unreadable(struct nts_salvage *salvage, const struct nanots_error *detail)
{
    if (detail->code == NANOTS_IO && salvage->unreadable.code == NANOTS_OK)
        salvage->unreadable = *detail;
}

nanots_status nts_salvage_give_up(const struct nts_salvage *salvage, nanots_status status,
                                  const char *sentence, struct nanots_error *error)
{
    const struct nanots_error *unreadable = &salvage->unreadable;
    if (unreadable->code == NANOTS_OK)
        return nts_fail(error, status, "%.120s %s", salvage->db->path, sentence);
    (void)nts_fail(error, unreadable->code, "%.100s: nothing of it could be read: %.120s",
                   salvage->db->path, unreadable->message);
    if (error != NULL)
        error->os_errno = unreadable->os_errno;
    return unreadable->code;
}

void nts_salvage_close(struct nts_salvage *salvage)
{
    if (salvage->db != NULL)
        nts_db_free(salvage->db);
    salvage->db = NULL;
}

static nanots_status salvage_open_file(struct nts_salvage *salvage, const char *path,
                                       const struct nts_options *options,
                                       struct nanots_error *error)
{
    struct nanots_db *db = nts_db_new(options->allocator, path);
    if (db == NULL)
        return nts_fail_memory(error, sizeof *db);
    salvage->db = db;
    db->options = *options;
    db->options.read_only = true;
    NTS_TRY(nts_vfs_open(options->vfs, db->alloc, path, NANOTS_VFS_READ_ONLY, &db->file, error));
    nts_file_view_init(&db->view, db->alloc, db->file);
    nts_wal_init(&db->wal, db->alloc, db->file);
    NTS_TRY(db->file->ops->size(db->file, &salvage->file_size, error));
    /* So that nobody takes this file for the one to be written over. */
    const nanots_status status = db->file->ops->pin(db->file, 0, error);
    if (status != NANOTS_UNSUPPORTED)
        return status;
    nts_error_clear(error);
    return NANOTS_OK;
}

/* *found_out: the superblock names a state. All zero, or no superblock at all, is a lost one. */
static nanots_status salvage_superblock(struct nts_salvage *salvage, bool *found_out,
                                        struct nanots_error *lost, struct nanots_error *error)
{
    struct nanots_db *db = salvage->db;
    const size_t size =
        salvage->file_size < NTS_SUPERBLOCK_AREA ? (size_t)salvage->file_size : NTS_SUPERBLOCK_AREA;
    uint8_t *bytes = nts_alloc(db->alloc, NTS_SUPERBLOCK_AREA);
    *found_out = false;
    if (bytes == NULL)
        return nts_fail_memory(error, NTS_SUPERBLOCK_AREA);
    nanots_status status =
        size == 0 ? NANOTS_OK : db->file->ops->read_at(db->file, bytes, size, 0, lost);
    if (status == NANOTS_OK)
        status = nts_superblock_choose(bytes, size, &db->sb, lost);
    nts_free(bytes);
    if (status == NANOTS_IO)
        nts_salvage_note_unreadable(salvage, lost);
    *found_out = status == NANOTS_OK && db->sb.generation != 0;
    if (status == NANOTS_OK && !*found_out)
        (void)nts_fail(lost, NANOTS_CORRUPT, "the superblock is all zero");
    if (status == NANOTS_OK || status == NANOTS_CORRUPT || status == NANOTS_IO ||
        status == NANOTS_NOT_A_DATABASE)
        return NANOTS_OK;
    return nts_fail(error, status, "%.100s: %.140s", db->path, lost->message);
}

/* The catalog as it was before the manifest that failed. */
static void salvage_forget(struct nanots_db *db)
{
    nts_catalog_free(db);
    db->by_id_capacity = 0;
    db->kept_log_count = 0;
}

static nanots_status salvage_manifest(struct nts_salvage *salvage, struct nanots_error *error)
{
    struct nanots_db *db = salvage->db;
    struct nanots_error detail;
    nts_error_clear(&detail);
    const nanots_status status = nts_recover_committed(db, &detail);
    if (status == NANOTS_OK)
        return NANOTS_OK;
    if (status != NANOTS_CORRUPT && status != NANOTS_IO)
        return nts_fail(error, status, "%s", detail.message);
    salvage_forget(db);
    nts_salvage_note_unreadable(salvage, &detail);
    salvage->report->manifest_lost = 1;
    nts_salvage_tell(salvage, "%.180s; the segments were searched for", detail.message);
    return nts_salvage_scan(salvage, error);
}

static nanots_status salvage_without_superblock(struct nts_salvage *salvage,
                                                const struct nanots_error *lost,
                                                struct nanots_error *error)
{
    struct nanots_db *db = salvage->db;
    memset(&db->sb, 0, sizeof db->sb);
    NTS_TRY(nts_salvage_scan(salvage, error));
    if (db->by_id_count == 0)
        return nts_salvage_give_up(
            salvage, NANOTS_NOT_A_DATABASE,
            "has nothing of a NanoTS file in it: no superblock and no segment", error);
    salvage->report->superblock_lost = 1;
    salvage->report->manifest_lost = 1;
    nts_salvage_tell(salvage,
                     "%.120s; the segments were searched for, what was only in the log "
                     "is lost",
                     lost->message);
    return NANOTS_OK;
}

static nanots_status salvage_load(struct nts_salvage *salvage, struct nanots_error *error)
{
    struct nanots_db *db = salvage->db;
    struct nanots_error lost;
    bool found = false;

    nts_error_clear(&lost);
    NTS_TRY(salvage_superblock(salvage, &found, &lost, error));
    if (!found)
        return salvage_without_superblock(salvage, &lost, error);
    if (db->sb.file_end > salvage->file_size)
        nts_salvage_tell(salvage, "the file is cut short: it has %llu bytes and should have %llu",
                         (unsigned long long)salvage->file_size,
                         (unsigned long long)db->sb.file_end);
    NTS_TRY(salvage_manifest(salvage, error));
    NTS_TRY(nts_salvage_logs(salvage, error));
    if (salvage->report->manifest_lost != 0 && db->by_id_count == 0)
        return nts_salvage_give_up(salvage, NANOTS_CORRUPT,
                                   "is damaged so that no table of it can be read", error);
    return NANOTS_OK;
}

nanots_status nts_salvage_open(struct nts_salvage *salvage, const char *path,
                               const struct nanots_repair_options *options,
                               struct nanots_repair_report *report, struct nanots_error *error)
{
    const struct nanots_open_options seams = {
        .struct_size = sizeof seams, .allocator = options->allocator, .vfs = options->vfs};
    struct nts_options filled;
    uint32_t flags = 0;

    memset(salvage, 0, sizeof *salvage);
    salvage->options = options;
    salvage->report = report;
    if (path[0] == '\0')
        return nts_fail(error, NANOTS_INVALID, "the path is empty");
    NTS_TRY(nts_options_fill(&seams, &filled, &flags, error));
    nanots_status status = salvage_open_file(salvage, path, &filled, error);
    if (status == NANOTS_OK)
        status = salvage_load(salvage, error);
    if (status != NANOTS_OK)
        nts_salvage_close(salvage);
    return status;
}
