/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* wal/wal_tail.c - reading what a live log has gained. Contract: wal_tail.h. */
#include "wal/wal_tail.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

#define TAIL_PROBE_SIZE 4096u         /* read first where nothing is published */
#define TAIL_PIECE_SIZE (128u * 1024) /* read at once, unless a record or a group is larger */

/* One piece on its way: the tail, and where an open group began. */
struct tail_piece {
    struct nts_wal_reading *reading;
    struct nts_wal_tail tail;
    struct nts_wal_tail group_tail;
    size_t group_size; /* of the buffer */
    struct nts_wal_groups groups;
    bool more; /* it pays to read on */
};

void nts_wal_tail_begin(struct nts_wal_tail *tail, const struct nts_superblock *sb)
{
    memset(tail, 0, sizeof *tail);
    memcpy(tail->extents, sb->wal_extents, sizeof tail->extents);
    tail->extent_count = sb->wal_count;
    tail->salt = sb->wal_salt;
    tail->chain = sb->wal_chain;
    tail->at = sb->wal_count == 0 ? 0 : sb->wal_head_off - sb->wal_extents[0].off;
    tail->visited = 1;
}

void nts_wal_tail_skip(struct nts_wal_tail *tail, const struct nts_wal_end *end)
{
    tail->extent = end->image;
    tail->visited = end->visited;
    tail->at = end->at;
    tail->chain = end->chain;
}

/* Follows a SEAL; false if it names no extent, or one that the log came through. */
static bool tail_follow_seal(struct nts_wal_tail *tail, const struct nts_wal_record *record)
{
    if (record->size != NTS_WAL_SEAL_SIZE)
        return false;
    const uint64_t off = nts_load_u64(record->payload);
    for (uint32_t i = 0; i < tail->extent_count; i++) {
        if (tail->extents[i].off != off || (tail->visited >> i & 1) != 0)
            continue;
        tail->extent = i;
        tail->at = NTS_WAL_EXTENT_HEADER_SIZE;
        tail->visited |= 1u << i;
        return true;
    }
    return false;
}

/* Takes the record that stands at `bytes`; false if the log ends before it. */
static bool tail_take(struct tail_piece *piece, const uint8_t *bytes, size_t size,
                      struct nts_wal_record *record)
{
    struct nts_wal_reading *reading = piece->reading;
    const struct nts_wal_tail *tail = &piece->tail;
    if (!nts_wal_record_decode(bytes, size, tail->salt, tail->chain, record) ||
        !nts_wal_record_is_consistent(record) ||
        (record->kind == NTS_WAL_SEGMENT && !reading->check(reading->context, record)))
        return false;
    if (record->kind == NTS_WAL_GROUP_BEGIN) {
        piece->group_tail = *tail;
        piece->group_size = reading->buf.size;
    }
    if (record->kind == NTS_WAL_SEAL) {
        if (!tail_follow_seal(&piece->tail, record))
            return false;
    } else {
        piece->tail.at += record->size;
    }
    piece->tail.chain = record->checksum;
    reading->buf.size += record->size;
    return true;
}

/* How far the extent can be read: to the published end, or to its own if nothing sensible is
 * published. */
static nanots_status tail_limit(const struct tail_piece *piece, uint64_t *limit_out,
                                bool *is_published_out, struct nanots_error *error)
{
    struct nanots_file *file = piece->reading->file;
    const struct nts_extent *place = &piece->tail.extents[piece->tail.extent];
    uint8_t header[8];

    NTS_TRY(file->ops->read_at(file, header, sizeof header, place->off, error));
    const uint64_t published = nts_load_u64(header);
    *is_published_out = published >= piece->tail.at && published <= place->size;
    const uint64_t end = *is_published_out ? published : place->size;
    *limit_out = end > piece->tail.at ? end - piece->tail.at : 0;
    return NANOTS_OK;
}

/* Where a piece of `size` bytes, of which `done` were taken, ended before the limit it may have cut
 * a record, or ended with one: then there is more, and the next piece shall hold that record. */
static void tail_read_on(struct tail_piece *piece, const uint8_t *bytes, size_t size, size_t done,
                         uint64_t limit)
{
    struct nts_wal_reading *reading = piece->reading;
    struct nts_wal_record record;
    if (reading->probe < TAIL_PIECE_SIZE)
        reading->probe *= 2;
    piece->more = done != 0;
    if (piece->more || !nts_wal_record_peek(bytes, (size_t)limit, &record) || record.size <= size)
        return;
    piece->more = true;
    reading->probe = record.size;
}

/* Reads one piece behind the tail and takes what is whole in it. */
static nanots_status tail_read_piece(struct tail_piece *piece, struct nanots_error *error)
{
    struct nts_wal_reading *reading = piece->reading;
    const uint64_t from = piece->tail.extents[piece->tail.extent].off + piece->tail.at;
    struct nts_wal_record record;
    uint64_t limit = 0;
    bool is_published = false;

    piece->more = false;
    NTS_TRY(tail_limit(piece, &limit, &is_published, error));
    if (limit < NTS_WAL_RECORD_HEADER_SIZE)
        return NANOTS_OK;
    const uint64_t wanted =
        is_published && reading->probe < TAIL_PIECE_SIZE ? TAIL_PIECE_SIZE : reading->probe;
    const size_t size = (size_t)(wanted < limit ? wanted : limit);
    uint8_t *bytes = nts_buf_reserve(&reading->buf, size);
    if (bytes == NULL)
        return nts_fail_memory(error, size);
    NTS_TRY(reading->file->ops->read_at(reading->file, bytes, size, from, error));
    size_t done = 0;
    while (tail_take(piece, bytes + done, size - done, &record)) {
        done += record.size;
        NTS_TRY(nts_wal_groups_follow(&piece->groups, &record, error));
        if (record.kind == NTS_WAL_SEAL) {
            piece->more = true;
            return NANOTS_OK;
        }
    }
    if (size < limit)
        tail_read_on(piece, bytes, size, done, limit);
    return NANOTS_OK;
}

/* The most that one reading can give: all extents, each entered once. */
static size_t tail_size_max(const struct nts_wal_tail *tail)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < tail->extent_count; i++)
        size += tail->extents[i].size;
    return size < SIZE_MAX ? (size_t)size : SIZE_MAX;
}

void nts_wal_reading_init(struct nts_wal_reading *reading, const struct nts_wal_tail *tail,
                          struct nanots_file *file, nts_wal_segment_check check, void *context,
                          const struct nanots_allocator *alloc)
{
    *reading = (struct nts_wal_reading){.tail = *tail,
                                        .file = file,
                                        .check = check,
                                        .context = context,
                                        .probe = TAIL_PROBE_SIZE,
                                        .is_over = tail->extent_count == 0};
    nts_buf_init(&reading->buf, alloc, tail_size_max(tail));
}

void nts_wal_reading_deinit(struct nts_wal_reading *reading)
{
    nts_buf_deinit(&reading->buf);
}

nanots_status nts_wal_reading_next(struct nts_wal_reading *reading, struct nanots_error *error)
{
    struct tail_piece piece = {.reading = reading, .tail = reading->tail};

    reading->buf.size = 0;
    while (!reading->is_over && (reading->buf.size == 0 || piece.groups.is_open)) {
        NTS_TRY(tail_read_piece(&piece, error));
        reading->is_over = !piece.more;
    }
    if (piece.groups.is_open) {
        piece.tail = piece.group_tail;
        reading->buf.size = piece.group_size;
    }
    reading->tail = piece.tail;
    return NANOTS_OK;
}

bool nts_wal_tail_next(const struct nts_buf *buf, size_t *at, struct nts_wal_record *record)
{
    if (*at == buf->size || !nts_wal_record_peek(buf->bytes + *at, buf->size - *at, record))
        return false;
    *at += record->size;
    return true;
}

nanots_status nts_wal_tail_counter(const struct nts_wal_tail *tail, struct nanots_file *file,
                                   uint64_t *counter_out, struct nanots_error *error)
{
    *counter_out = 0;
    for (uint32_t i = 0; i < tail->extent_count; i++) {
        uint8_t header[16];
        NTS_TRY(file->ops->read_at(file, header, sizeof header, tail->extents[i].off, error));
        const uint64_t counter = nts_load_u64(header + 8);
        if (nts_load_u64(header) != 0 && counter > *counter_out)
            *counter_out = counter;
    }
    return NANOTS_OK;
}
