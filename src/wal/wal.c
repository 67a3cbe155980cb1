/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* wal/wal.c - appending to the log and making it durable. Contract: wal.h. */
#include "wal/wal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

void nts_wal_init(struct nts_wal *wal, const struct nanots_allocator *alloc,
                  struct nanots_file *file)
{
    memset(wal, 0, sizeof *wal);
    wal->alloc = alloc;
    wal->file = file;
}

void nts_wal_deinit(struct nts_wal *wal)
{
    for (uint32_t i = 0; i < wal->extent_count; i++)
        nts_wal_extent_close(wal, &wal->extents[i]);
    wal->extent_count = 0;
}

nanots_status nts_wal_extent_open(struct nts_wal *wal, struct nts_extent place,
                                  struct nts_wal_extent *extent_out, struct nanots_error *error)
{
    struct nanots_file *file = wal->file;
    memset(extent_out, 0, sizeof *extent_out);
    extent_out->place = place;
    if (file->ops->can_map_wal(file) &&
        file->ops->map_write(file, place.off, place.size, &extent_out->image, NULL) == NANOTS_OK) {
        extent_out->mapped = true;
        return NANOTS_OK;
    }
    extent_out->image = nts_alloc_zeroed(wal->alloc, (size_t)place.size);
    return extent_out->image == NULL ? nts_fail_memory(error, (size_t)place.size) : NANOTS_OK;
}

void nts_wal_extent_close(struct nts_wal *wal, struct nts_wal_extent *extent)
{
    if (extent->image == NULL)
        return;
    if (extent->mapped)
        wal->file->ops->unmap(wal->file, extent->image, extent->place.size);
    else
        nts_free(extent->image);
    extent->image = NULL;
}

static struct nts_wal_extent *wal_active(struct nts_wal *wal)
{
    assert(wal->live_count != 0);
    return &wal->extents[wal->live_count - 1];
}

/* The log goes on in the first free extent. */
static void wal_enter_next(struct nts_wal *wal)
{
    struct nts_wal_extent *extent = &wal->extents[wal->live_count++];
    memset(extent->image, 0, NTS_WAL_EXTENT_HEADER_SIZE);
    extent->serial = ++wal->end.serial;
    extent->used = NTS_WAL_EXTENT_HEADER_SIZE;
    wal->end.used = extent->used;
}

void nts_wal_restart(struct nts_wal *wal, uint64_t salt)
{
    wal->live_count = 0;
    wal->salt = salt;
    wal->end.chain = 0;
    wal_enter_next(wal);
    wal->head_used = wal->end.used;
    wal->head_chain = 0;
    wal->synced = wal->end;
    wal->has_unsynced_segments = false;
}

void nts_wal_start(struct nts_wal *wal, const struct nts_wal_extent *extents, uint32_t count,
                   uint64_t salt)
{
    assert(count >= 2);
    assert(wal->extent_count == 0);
    nts_wal_give_free(wal, extents, count);
    nts_wal_restart(wal, salt);
}

uint32_t nts_wal_stop(struct nts_wal *wal, struct nts_wal_extent *extents_out)
{
    const uint32_t count = wal->extent_count;
    memcpy(extents_out, wal->extents, count * sizeof wal->extents[0]);
    wal->extent_count = 0;
    wal->live_count = 0;
    return count;
}

uint32_t nts_wal_take_free(struct nts_wal *wal, uint64_t size, struct nts_wal_extent *extents_out)
{
    uint32_t kept = wal->live_count;
    uint32_t taken = 0;
    for (uint32_t i = wal->live_count; i < wal->extent_count; i++) {
        if (wal->extents[i].place.size < size)
            extents_out[taken++] = wal->extents[i];
        else
            wal->extents[kept++] = wal->extents[i];
    }
    wal->extent_count = kept;
    return taken;
}

nanots_status nts_wal_extent_clear(struct nts_wal *wal, const struct nts_wal_extent *extent,
                                   struct nanots_error *error)
{
    memset(extent->image, 0, NTS_WAL_EXTENT_HEADER_SIZE);
    if (extent->mapped)
        return NANOTS_OK;
    return wal->file->ops->write_at(wal->file, extent->image, NTS_WAL_EXTENT_HEADER_SIZE,
                                    extent->place.off, false, error);
}

void nts_wal_give_free(struct nts_wal *wal, const struct nts_wal_extent *extents, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        /* Of a log before this one only a hint can be left: it may stay. */
        const nanots_status status = nts_wal_extent_clear(wal, &extents[i], NULL);
        (void)status;
    }
    assert(wal->extent_count + count <= NTS_WAL_EXTENTS_MAX);
    memcpy(&wal->extents[wal->extent_count], extents, count * sizeof *extents);
    wal->extent_count += count;
}

/* What records leave free at an extent's end: for the SEAL, and for a PAD that would be too short
 * and takes one sector more. */
static uint64_t wal_tail_size(const struct nts_wal *wal)
{
    return wal->sector_size == 0 ? NTS_WAL_SEAL_SIZE : 2 * (uint64_t)wal->sector_size;
}

uint64_t nts_wal_room_of(const struct nts_wal *wal, uint64_t extent_size)
{
    return extent_size - NTS_WAL_EXTENT_HEADER_SIZE - wal_tail_size(wal);
}

uint64_t nts_wal_room(const struct nts_wal *wal)
{
    if (wal->extent_count == 0)
        return 0;
    const uint64_t left = wal->extents[wal->live_count - 1].place.size - wal->end.used;
    return left > wal_tail_size(wal) ? left - wal_tail_size(wal) : 0;
}

bool nts_wal_can_seal(const struct nts_wal *wal)
{
    return wal->live_count < wal->extent_count;
}

uint8_t *nts_wal_payload(struct nts_wal *wal, size_t payload_size)
{
    struct nts_wal_extent *extent = wal_active(wal);
    assert(wal->end.used + NTS_WAL_RECORD_HEADER_SIZE + payload_size <= extent->place.size);
    (void)payload_size;
    return extent->image + wal->end.used + NTS_WAL_RECORD_HEADER_SIZE;
}

/* Tells readers of the live file how far the log goes. The header of an extent that is not mapped,
 * or shares a sector that may be spoiled, stays zero: they look behind what they know then. */
static void wal_publish(struct nts_wal *wal, struct nts_wal_extent *extent)
{
    if (wal->sector_size != 0)
        return;
    nts_store_u64(extent->image, wal->end.used);
    nts_store_u64(extent->image + 8, wal->change_counter);
}

nanots_status nts_wal_append(struct nts_wal *wal, struct nts_wal_record *record,
                             size_t payload_size, uint64_t payload_checksum,
                             struct nanots_error *error)
{
    struct nts_wal_extent *extent = wal_active(wal);
    uint8_t *bytes = extent->image + wal->end.used;

    assert(payload_size % 8 == 0);
    record->size = (uint32_t)(NTS_WAL_RECORD_HEADER_SIZE + payload_size);
    record->prev_checksum = wal->end.chain;
    record->synced_seq = wal->synced_seq;
    assert(wal->end.used + record->size <= extent->place.size);
    nts_wal_record_encode(record, payload_checksum, bytes);
    if (extent->mapped)
        wal->mapped_bytes += record->size;
    else if (!wal->in_group)
        NTS_TRY(wal->file->ops->write_at(wal->file, bytes, record->size,
                                         extent->place.off + wal->end.used, false, error));
    wal->end.used += record->size;
    extent->used = wal->end.used;
    wal->end.count += record->size;
    wal->end.chain = record->checksum;
    wal->has_unsynced_segments |= record->kind == NTS_WAL_SEGMENT;
    wal->change_counter += record->row_count + (record->kind == NTS_WAL_CREATE ? 1u : 0u);
    if (NTS_LIKELY(!wal->in_group))
        wal_publish(wal, extent);
    return NANOTS_OK;
}

/* A record of a group has its place in the image, and no write that could fail. */
static void wal_group_append(struct nts_wal *wal, struct nts_wal_record *record,
                             size_t payload_size)
{
    const uint8_t *payload = nts_wal_payload(wal, payload_size);
    const nanots_status status =
        nts_wal_append(wal, record, payload_size,
                       nts_wal_payload_checksum(payload, payload_size, wal->salt), NULL);
    assert(status == NANOTS_OK);
    (void)status;
}

void nts_wal_group_begin(struct nts_wal *wal, uint64_t next_seq, struct nts_wal_group *group)
{
    struct nts_wal_record record = {.kind = NTS_WAL_GROUP_BEGIN, .first_seq = next_seq};
    assert(!wal->in_group);
    group->end = wal->end;
    group->change_counter = wal->change_counter;
    group->mapped_bytes = wal->mapped_bytes;
    group->record_count = 0;
    group->has_unsynced_segments = wal->has_unsynced_segments;
    wal->in_group = true;
    wal_group_append(wal, &record, 0);
}

nanots_status nts_wal_group_commit(struct nts_wal *wal, uint64_t next_seq,
                                   struct nts_wal_group *group, struct nanots_error *error)
{
    struct nts_wal_record record = {.kind = NTS_WAL_GROUP_COMMIT, .first_seq = next_seq};
    struct nts_wal_extent *extent = wal_active(wal);
    nanots_status status = NANOTS_OK;

    assert(wal->in_group);
    assert(extent->serial == group->end.serial);
    nts_store_u64(nts_wal_payload(wal, 8), group->record_count);
    wal_group_append(wal, &record, 8);
    wal->in_group = false;
    if (!extent->mapped)
        status = wal->file->ops->write_at(wal->file, extent->image + group->end.used,
                                          (size_t)(wal->end.used - group->end.used),
                                          extent->place.off + group->end.used, false, error);
    if (status == NANOTS_OK) {
        wal_publish(wal, extent);
        return NANOTS_OK;
    }
    wal->end = group->end;
    extent->used = wal->end.used;
    wal->change_counter = group->change_counter;
    wal->mapped_bytes = group->mapped_bytes;
    wal->has_unsynced_segments = group->has_unsynced_segments;
    return status;
}

nanots_status nts_wal_seal(struct nts_wal *wal, uint64_t next_seq, struct nanots_error *error)
{
    struct nts_wal_record record = {.kind = NTS_WAL_SEAL, .first_seq = next_seq};
    uint8_t *payload = nts_wal_payload(wal, 8);

    assert(nts_wal_can_seal(wal));
    nts_store_u64(payload, wal->extents[wal->live_count].place.off);
    NTS_TRY(
        nts_wal_append(wal, &record, 8, nts_wal_payload_checksum(payload, 8, wal->salt), error));
    wal_enter_next(wal);
    return NANOTS_OK;
}

/* What is appended behind the range begins a sector. Returns the size of the PAD. */
static uint64_t wal_pad(struct nts_wal *wal, uint64_t next_seq)
{
    struct nts_wal_record record = {.kind = NTS_WAL_PAD, .first_seq = next_seq};
    const uint64_t sector = wal->sector_size;
    const uint64_t used = wal->end.used;

    assert(!wal->in_group);
    uint64_t size = nts_round_up(used, sector) - used;
    if (size == 0)
        return 0;
    size += size < NTS_WAL_RECORD_HEADER_SIZE ? sector : 0;
    const size_t payload_size = (size_t)size - NTS_WAL_RECORD_HEADER_SIZE;
    memset(nts_wal_payload(wal, payload_size), 0, payload_size);
    wal->in_group = true; /* the sync writes it */
    wal_group_append(wal, &record, payload_size);
    wal->in_group = false;
    return size;
}

void nts_wal_capture(struct nts_wal *wal, uint64_t last_seq, struct nts_wal_range *range)
{
    range->pad_size = 0;
    if (wal->sector_size != 0 && wal->synced.count < wal->end.count) {
        const uint64_t size = wal_pad(wal, last_seq + 1);
        range->pad_size = wal_active(wal)->mapped ? 0 : size;
    }
    range->piece_count = 0;
    range->to = wal->end;
    range->last_seq = last_seq;
    range->with_segments = wal->has_unsynced_segments;
    for (uint32_t i = 0; i < wal->live_count; i++) {
        const struct nts_wal_extent *extent = &wal->extents[i];
        if (extent->serial < wal->synced.serial)
            continue;
        const uint32_t piece = range->piece_count++;
        range->pieces[piece].image = extent->image;
        range->pieces[piece].off = extent->place.off;
        uint64_t from =
            extent->serial == wal->synced.serial ? wal->synced.used : NTS_WAL_EXTENT_HEADER_SIZE;
        if (wal->sector_size != 0) /* what was flushed before it, or the header, is in its sector */
            from = nts_round_down(from, wal->sector_size);
        range->pieces[piece].from = from;
        range->pieces[piece].to = extent->used;
    }
}

/* With segments the whole file is synced; only a pad has to be put there. */
static bool range_is_written(const struct nts_wal_range *range)
{
    return !range->with_segments || range->pad_size != 0;
}

/* The same bytes go over themselves, so what is appended behind the range meanwhile is not
 * touched. */
nanots_status nts_wal_sync(struct nanots_file *file, const struct nts_wal_range *range,
                           struct nanots_error *error)
{
    const bool durable = !range->with_segments;
    for (uint32_t i = 0; i < range->piece_count && range_is_written(range); i++) {
        const uint64_t from = range->pieces[i].from;
        const uint64_t to = range->pieces[i].to;
        if (from < to)
            NTS_TRY(file->ops->write_at(file, range->pieces[i].image + from, (size_t)(to - from),
                                        range->pieces[i].off + from, durable, error));
    }
    return durable ? NANOTS_OK : file->ops->sync(file, error);
}

void nts_wal_note_synced(struct nts_wal *wal, const struct nts_wal_range *range)
{
    for (uint32_t i = 0; i < range->piece_count && range_is_written(range); i++)
        wal->rewritten_bytes += range->pieces[i].to - range->pieces[i].from;
    wal->rewritten_bytes -= range->pad_size;
    if (wal->synced.count >= range->to.count)
        return;
    wal->synced = range->to;
    if (wal->synced_seq < range->last_seq)
        wal->synced_seq = range->last_seq;
    if (wal->synced.count == wal->end.count)
        wal->has_unsynced_segments = false;
}

void nts_wal_advance_head(struct nts_wal *wal, const struct nts_wal_position *head, uint64_t seq)
{
    while (wal->extents[0].serial < head->serial) {
        struct nts_wal_extent freed = wal->extents[0];
        assert(wal->live_count > 1);
        freed.serial = 0;
        memmove(&wal->extents[0], &wal->extents[1],
                (wal->extent_count - 1) * sizeof wal->extents[0]);
        wal->extents[wal->extent_count - 1] = freed;
        wal->live_count--;
    }
    assert(wal->extents[0].serial == head->serial);
    wal->head_used = head->used;
    wal->head_chain = head->chain;
    if (wal->synced.count < head->count)
        wal->synced = *head;
    if (wal->synced_seq < seq)
        wal->synced_seq = seq;
}

uint64_t nts_wal_live_bytes(const struct nts_wal *wal)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < wal->live_count; i++)
        total += wal->extents[i].used - (i == 0 ? wal->head_used : NTS_WAL_EXTENT_HEADER_SIZE);
    return total;
}
