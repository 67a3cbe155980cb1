/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* wal/wal_replay.c - walking a log. Contract: wal_replay.h. */
#include "wal/wal_replay.h"

#include "base/check.h"

/* Where the walk stands. */
struct wal_walk {
    const struct nts_wal_log *log;
    uint32_t image;
    uint64_t at; /* offset in the image */
    uint64_t chain;
    uint32_t visited; /* bit per image */
};

static void walk_begin(struct wal_walk *walk, const struct nts_wal_log *log)
{
    walk->log = log;
    walk->image = 0;
    walk->at = log->image_count == 0 ? 0 : log->head_off - log->images[0].place.off;
    walk->chain = log->chain;
    walk->visited = 1;
}

/* Follows a SEAL; false if it names no extent, or one that the walk has seen. */
static bool walk_follow_seal(struct wal_walk *walk, const struct nts_wal_record *record)
{
    if (record->size != NTS_WAL_SEAL_SIZE)
        return false;
    const uint64_t off = nts_load_u64(record->payload);
    for (uint32_t i = 0; i < walk->log->image_count; i++) {
        if (walk->log->images[i].place.off != off || (walk->visited >> i & 1) != 0)
            continue;
        walk->image = i;
        walk->at = NTS_WAL_EXTENT_HEADER_SIZE;
        walk->visited |= 1u << i;
        return true;
    }
    return false;
}

bool nts_wal_record_is_consistent(const struct nts_wal_record *record)
{
    const uint64_t payload_size = record->size - NTS_WAL_RECORD_HEADER_SIZE;
    switch ((enum nts_wal_kind)record->kind) {
    case NTS_WAL_ROWS:
        return record->row_count != 0 && record->column_count != 0;
    case NTS_WAL_GROUP_BEGIN:
        return payload_size == 0;
    case NTS_WAL_GROUP_COMMIT:
        return payload_size == 8;
    case NTS_WAL_PAD:
        return record->row_count == 0;
    default:
        return true; /* checked where the payload is read */
    }
}

/* The next record of the chain; false at the log's end, with the walk left where the log ends. */
static bool walk_next(struct wal_walk *walk, struct nts_wal_record *record)
{
    if (walk->image >= walk->log->image_count)
        return false;
    const struct nts_wal_image *image = &walk->log->images[walk->image];
    if (walk->at > image->place.size ||
        !nts_wal_record_decode(image->bytes + walk->at, (size_t)(image->place.size - walk->at),
                               walk->log->salt, walk->chain, record) ||
        !nts_wal_record_is_consistent(record))
        return false;
    if (record->kind == NTS_WAL_SEAL) {
        if (!walk_follow_seal(walk, record))
            return false;
    } else {
        walk->at += record->size;
    }
    walk->chain = record->checksum;
    return true;
}

/* Looks behind the break for a record of this log that was written after rows past the break had
 * been synced. A record is proven by the checksum of the one before it, so two in a row are needed,
 * wherever they stand. Hashing is bounded by twice the bytes there are, whatever sizes claim. */
static bool image_has_synced_record(const struct nts_wal_image *image, uint64_t at, uint64_t salt,
                                    uint64_t last_seq)
{
    uint64_t budget = 2 * image->place.size;
    for (; at + NTS_WAL_RECORD_HEADER_SIZE <= image->place.size; at += 8) {
        struct nts_wal_record before;
        struct nts_wal_record record;
        const uint64_t left = image->place.size - at;
        if (!nts_wal_record_peek(image->bytes + at, (size_t)left, &before))
            continue;
        const uint8_t *bytes = image->bytes + at + before.size;
        const size_t size_max = (size_t)(left - before.size);
        if (!nts_wal_record_peek(bytes, size_max, &record) || record.synced_seq <= last_seq ||
            record.size > budget)
            continue;
        budget -= record.size;
        if (nts_wal_record_decode(bytes, size_max, salt, before.checksum, &record))
            return true;
    }
    return false;
}

static bool log_has_synced_record_behind(const struct nts_wal_log *log, const struct wal_walk *from,
                                         uint64_t last_seq)
{
    for (uint32_t i = 0; i < log->image_count; i++) {
        const bool is_visited = (from->visited >> i & 1) != 0;
        if (is_visited && i != from->image)
            continue;
        const uint64_t at = is_visited ? from->at : NTS_WAL_EXTENT_HEADER_SIZE;
        if (image_has_synced_record(&log->images[i], at, log->salt, last_seq))
            return true;
    }
    return false;
}

/* Old laps leave records behind the end too, but only the one that was being written is of the
 * row to come. */
static uint64_t log_torn_bytes(const struct nts_wal_log *log, const struct wal_walk *walk,
                               uint64_t last_seq)
{
    struct nts_wal_record record;
    if (walk->image >= log->image_count)
        return 0;
    const struct nts_wal_image *image = &log->images[walk->image];
    const uint64_t left = walk->at < image->place.size ? image->place.size - walk->at : 0;
    if (left == 0 || !nts_wal_record_peek(image->bytes + walk->at, (size_t)left, &record) ||
        record.first_seq != last_seq + 1)
        return 0;
    return record.size;
}

static void end_note_place(struct nts_wal_end *end, const struct wal_walk *walk)
{
    end->image = walk->image;
    end->visited = walk->visited;
    end->at = walk->at;
    end->chain = walk->chain;
}

void nts_wal_measure(const struct nts_wal_log *log, uint64_t flushed_seq,
                     nts_wal_segment_check check, void *context, struct nts_wal_end *end)
{
    struct nts_wal_end group_start = {0};
    struct wal_walk walk;
    struct nts_wal_record record;
    bool in_group = false;

    *end = group_start;
    walk_begin(&walk, log);
    end_note_place(end, &walk);
    for (;;) {
        const struct wal_walk before = walk;
        if (!walk_next(&walk, &record) ||
            (record.kind == NTS_WAL_SEGMENT && !check(context, &record))) {
            walk = before;
            break;
        }
        if (record.kind == NTS_WAL_GROUP_BEGIN) {
            group_start = *end;
            in_group = true;
        }
        if (record.kind == NTS_WAL_GROUP_COMMIT)
            in_group = false;
        end_note_place(end, &walk);
        end->record_count++;
        end->log_bytes += record.size;
        if (record.row_count != 0)
            end->last_seq = record.first_seq + record.row_count - 1;
    }
    /* Rows of an open group were promised to nobody: losing them proves nothing. */
    const uint64_t known = end->last_seq > flushed_seq ? end->last_seq : flushed_seq;
    const uint64_t log_bytes = end->log_bytes;
    if (in_group)
        *end = group_start;
    end->torn_bytes = log_bytes - end->log_bytes + log_torn_bytes(log, &walk, known);
    end->damaged = log_has_synced_record_behind(log, &walk, known);
}

static nanots_status groups_fail(uint64_t seq, struct nanots_error *error)
{
    return nts_fail(error, NANOTS_CORRUPT,
                    "log: the group before row %llu has no right begin or end",
                    (unsigned long long)seq);
}

nanots_status nts_wal_groups_follow(struct nts_wal_groups *groups,
                                    const struct nts_wal_record *record, struct nanots_error *error)
{
    const bool begins = record->kind == NTS_WAL_GROUP_BEGIN;
    const bool ends = record->kind == NTS_WAL_GROUP_COMMIT;
    if ((begins && groups->is_open) ||
        (ends && (!groups->is_open || nts_load_u64(record->payload) != groups->record_count)))
        return groups_fail(record->first_seq, error);
    if (begins || ends) {
        groups->is_open = begins;
        groups->record_count = 0;
    } else if (record->kind != NTS_WAL_SEAL && record->kind != NTS_WAL_PAD) {
        groups->record_count++;
    }
    return NANOTS_OK;
}

nanots_status nts_wal_groups_end(const struct nts_wal_groups *groups, struct nanots_error *error)
{
    return groups->is_open ? groups_fail(0, error) : NANOTS_OK;
}

nanots_status nts_wal_replay(const struct nts_wal_log *log, uint64_t record_count,
                             nts_wal_apply apply, void *context, struct nanots_error *error)
{
    struct nts_wal_groups groups = {0, false};
    struct wal_walk walk;
    struct nts_wal_record record;

    walk_begin(&walk, log);
    for (uint64_t i = 0; i < record_count; i++) {
        if (!walk_next(&walk, &record))
            return nts_fail(error, NANOTS_CORRUPT, "the log changed while it was read");
        NTS_TRY(nts_wal_groups_follow(&groups, &record, error));
        if (record.kind == NTS_WAL_ROWS || record.kind == NTS_WAL_SEGMENT ||
            record.kind == NTS_WAL_CREATE)
            NTS_TRY(apply(context, &record, error));
    }
    return nts_wal_groups_end(&groups, error);
}
