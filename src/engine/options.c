/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/options.c - defaults and limits of the open options. */
#include "engine/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/limit.h"
#include "engine/tiers.h"
#include "os/vfs.h"
#include "util/alloc.h"

#define SYNC_INTERVAL_MS_DEFAULT 1000u

/* What `given` has, the rest zero: structs may grow. */
static void options_copy(void *options, size_t size, const void *given, size_t given_size)
{
    memset(options, 0, size);
    memcpy(options, given, given_size < size ? given_size : size);
}

static nanots_status option_in_range(const char *name, uint64_t value, uint64_t least,
                                     uint64_t most, struct nanots_error *error)
{
    if (value >= least && value <= most)
        return NANOTS_OK;
    return nts_fail(error, NANOTS_INVALID, "option %s is %llu; expected %llu to %llu", name,
                    (unsigned long long)value, (unsigned long long)least, (unsigned long long)most);
}

/* The environment's NANOTS_MAX_RECORD_SIZE, a number of bytes, or the default. */
static nanots_status record_size_default(uint64_t *size_out, struct nanots_error *error)
{
    const char *text = getenv("NANOTS_MAX_RECORD_SIZE");
    char *end = NULL;
    *size_out = NTS_RECORD_SIZE_DEFAULT;
    if (text == NULL || text[0] == '\0')
        return NANOTS_OK;
    errno = 0;
    *size_out = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] == '-')
        return nts_fail(error, NANOTS_INVALID,
                        "NANOTS_MAX_RECORD_SIZE is '%.40s'; expected a number of bytes", text);
    return NANOTS_OK;
}

static nanots_status options_check(const struct nts_options *options, struct nanots_error *error)
{
    if (options->sync_mode > NANOTS_SYNC_OFF)
        return nts_fail(error, NANOTS_INVALID, "option sync_mode is %d; expected 0, 1 or 2",
                        (int)options->sync_mode);
    if (options->sector_size != NTS_SECTOR_SIZE && options->sector_size != NTS_BLOCK_SIZE)
        return nts_fail(error, NANOTS_INVALID, "option sector_size is %u; expected 512 or 4096",
                        options->sector_size);
    if ((options->wal_bytes & (options->wal_bytes - 1)) != 0)
        return nts_fail(error, NANOTS_INVALID, "option wal_bytes is %llu; expected a power of two",
                        (unsigned long long)options->wal_bytes);
    NTS_TRY(option_in_range("wal_bytes", options->wal_bytes, NTS_WAL_EXTENT_SIZE_MIN,
                            NTS_WAL_EXTENT_SIZE_MAX, error));
    NTS_TRY(option_in_range("memtable_bytes", options->memtable_bytes, NTS_MEMTABLE_BYTES_MIN,
                            UINT64_MAX, error));
    NTS_TRY(option_in_range("max_record_size", options->max_record_size, NTS_RECORD_SIZE_MIN,
                            NTS_RECORD_SIZE_MAX, error));
    if (options->retention_ms < 0)
        return nts_fail(error, NANOTS_INVALID, "option retention_ms is negative");
    if (options->max_bytes == 0)
        return NANOTS_OK;
    NTS_TRY(
        option_in_range("max_bytes", options->max_bytes, NTS_LIMIT_BYTES_MIN, UINT64_MAX, error));
    return option_in_range("max_bytes", options->max_bytes,
                           options->wal_bytes * NTS_LIMIT_LOG_SHARE, UINT64_MAX, error);
}

/* The default, or less, so that the log is a small part of a file that is limited. */
static uint64_t wal_bytes_default(uint64_t max_bytes)
{
    uint64_t bytes = NTS_WAL_EXTENT_SIZE_DEFAULT;
    while (max_bytes != 0 && bytes > max_bytes / NTS_LIMIT_LOG_SHARE &&
           bytes > NTS_WAL_EXTENT_SIZE_MIN)
        bytes /= 2;
    return bytes;
}

/* The host's allocator and VFS, if it gives any. */
static nanots_status options_fill_seams(const struct nanots_open_options *given,
                                        struct nts_options *options, struct nanots_error *error)
{
    const struct nanots_allocator *allocator = given->allocator;
    options->vfs = given->vfs != NULL ? given->vfs : nts_vfs_posix();
    options->allocator = allocator != NULL ? allocator : nts_alloc_libc();
    if (allocator == NULL)
        return NANOTS_OK;
    if (allocator->struct_size < sizeof *allocator)
        return nts_fail(error, NANOTS_INVALID, "struct_size of the allocator is %zu; expected %zu",
                        allocator->struct_size, sizeof *allocator);
    if (allocator->allocate == NULL || allocator->release == NULL)
        return nts_fail(error, NANOTS_INVALID, "the allocator lacks %s",
                        allocator->allocate == NULL ? "allocate" : "release");
    return NANOTS_OK;
}

static uint32_t u32_or(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static uint64_t u64_or(uint64_t value, uint64_t otherwise)
{
    return value != 0 ? value : otherwise;
}

/* `given` may be NULL: nanots_maintain goes by the defaults then. */
static nanots_status maintenance_fill(const struct nanots_maintenance *given,
                                      struct nanots_maintenance *m, struct nanots_error *error)
{
    memset(m, 0, sizeof *m);
    if (given != NULL && given->struct_size < sizeof given->struct_size)
        return nts_fail(error, NANOTS_INVALID, "struct_size of auto_maintenance is not set");
    if (given != NULL)
        options_copy(m, sizeof *m, given, given->struct_size);
    m->check_interval_ms = u32_or(m->check_interval_ms, 5000);
    m->retention_check_interval_ms = u32_or(m->retention_check_interval_ms, 60000);
    if (!(m->wal_target_ratio >= 0))
        return nts_fail(error, NANOTS_INVALID, "option wal_target_ratio is %g; expected 0 or more",
                        m->wal_target_ratio);
    if (m->wal_target_ratio == 0)
        m->wal_target_ratio = 2;
    m->wal_min_bytes = u64_or(m->wal_min_bytes, 32u << 20);
    m->target_segment_points = u64_or(m->target_segment_points, 8192);
    m->max_writes_per_sec = u64_or(m->max_writes_per_sec, 100000);
    m->write_load_window_ms = u32_or(m->write_load_window_ms, 5000);
    m->min_idle_time_ms = u32_or(m->min_idle_time_ms, 1000);
    m->max_segments_per_pack = u32_or(m->max_segments_per_pack, 64);
    return option_in_range("max_segments_per_pack", m->max_segments_per_pack, NTS_TIER_UNITS_MIN,
                           UINT32_MAX, error);
}

nanots_status nts_options_fill(const struct nanots_open_options *given, struct nts_options *options,
                               uint32_t *flags_out, struct nanots_error *error)
{
    struct nanots_open_options o;
    memset(&o, 0, sizeof o);
    if (given != NULL && given->struct_size < sizeof given->struct_size + sizeof given->flags)
        return nts_fail(error, NANOTS_INVALID, "struct_size of the open options is not set");
    if (given != NULL)
        options_copy(&o, sizeof o, given, given->struct_size);
    if ((o.flags & ~(NANOTS_OPEN_READ_ONLY | NANOTS_OPEN_NO_CREATE | NANOTS_OPEN_EXCLUSIVE)) != 0)
        return nts_fail(error, NANOTS_INVALID, "unknown open flags 0x%x", o.flags);
    NTS_TRY(options_fill_seams(&o, options, error));
    NTS_TRY(record_size_default(&options->max_record_size, error));
    options->read_only = (o.flags & NANOTS_OPEN_READ_ONLY) != 0;
    options->sync_mode = o.sync_mode;
    options->sync_interval_ms =
        o.sync_interval_ms != 0 ? o.sync_interval_ms : SYNC_INTERVAL_MS_DEFAULT;
    options->sector_size = o.sector_size != 0 ? o.sector_size : NTS_SECTOR_SIZE;
    options->max_bytes = o.max_bytes;
    options->wal_bytes = o.wal_bytes != 0 ? o.wal_bytes : wal_bytes_default(o.max_bytes);
    options->memtable_bytes = o.memtable_bytes != 0 ? o.memtable_bytes : NTS_MEMTABLE_BYTES_DEFAULT;
    if (o.max_record_size != 0)
        options->max_record_size = o.max_record_size;
    options->retention_ms = o.retention_ms;
    options->has_thread = o.auto_maintenance != NULL && !options->read_only;
    NTS_TRY(maintenance_fill(o.auto_maintenance, &options->maintenance, error));
    *flags_out = o.flags;
    return options_check(options, error);
}
