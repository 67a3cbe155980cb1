/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* wal/wal_tail.c - reading what a live log has gained. Contract: wal_tail.h. */
#include "wal/wal_tail.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

#define TAIL_PROBE_SIZE                                                                            \
    4096u /* read where nothing is published; doubled as long as it is used up */

/* One reading: the tail on its way, and where an open group began. */
struct tail_read {
    struct nts_wal_tail tail;
    struct nanots_file *file;
    struct nts_buf *buf;
    nts_wal_segment_check check;
    void *context;
    struct nts_wal_tail group_tail;
    size_t group_size; /* of the buffer */
    bool in_group;
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

size_t nts_wal_tail_size_max(const struct nts_wal_tail *tail)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < tail->extent_count; i++)
        size += tail->extents[i].size;
    return size < SIZE_MAX ? (size_t)size : SIZE_MAX;
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
static bool tail_take(struct tail_read *read, const uint8_t *bytes, size_t size,
                      struct nts_wal_record *record)
{
    struct nts_wal_tail next = read->tail;
    if (!nts_wal_record_decode(bytes, size, next.salt, next.chain, record) ||
        !nts_wal_record_is_consistent(record) ||
        (record->kind == NTS_WAL_SEGMENT && !read->check(read->context, record)))
        return false;
    next.at += record->size;
    next.chain = record->checksum;
    if (record->kind == NTS_WAL_SEAL && !tail_follow_seal(&next, record))
        return false;
    if (record->kind == NTS_WAL_GROUP_BEGIN) {
        read->group_tail = read->tail;
        read->group_size = read->buf->size;
        read->in_group = true;
    }
    if (record->kind == NTS_WAL_GROUP_COMMIT)
        read->in_group = false;
    read->tail = next;
    read->buf->size += record->size;
    return true;
}

/* How many bytes to read: up to the published end, or `probe` if nothing sensible is published. */
static nanots_status tail_want(const struct tail_read *read, uint64_t probe, uint64_t *want_out,
                               bool *is_published_out, struct nanots_error *error)
{
    const struct nts_extent *place = &read->tail.extents[read->tail.extent];
    const uint64_t left = place->size > read->tail.at ? place->size - read->tail.at : 0;
    uint8_t header[8];

    NTS_TRY(read->file->ops->read_at(read->file, header, sizeof header, place->off, error));
    const uint64_t published = nts_load_u64(header);
    *is_published_out = published >= read->tail.at && published <= place->size;
    *want_out = *is_published_out ? published - read->tail.at : probe < left ? probe : left;
    return NANOTS_OK;
}

/* Reads one piece and takes what is whole in it. *more_out: it pays to read on, `*probe` bytes. */
static nanots_status tail_read_piece(struct tail_read *read, uint64_t *probe, bool *more_out,
                                     struct nanots_error *error)
{
    const struct nts_extent place = read->tail.extents[read->tail.extent];
    const uint64_t from = read->tail.at;
    struct nts_wal_record record;
    uint64_t want = 0;
    bool is_published = false;

    *more_out = false;
    NTS_TRY(tail_want(read, *probe, &want, &is_published, error));
    if (want < NTS_WAL_RECORD_HEADER_SIZE)
        return NANOTS_OK;
    uint8_t *bytes = nts_buf_reserve(read->buf, (size_t)want);
    if (bytes == NULL)
        return nts_fail_memory(error, (size_t)want);
    NTS_TRY(read->file->ops->read_at(read->file, bytes, (size_t)want, place.off + from, error));
    size_t done = 0;
    while (tail_take(read, bytes + done, (size_t)want - done, &record)) {
        done += record.size;
        if (record.kind == NTS_WAL_SEAL) {
            *more_out = true;
            return NANOTS_OK;
        }
    }
    /* Without a published end the piece may have cut a record, or ended with one. */
    const uint64_t left = place.size - from;
    if (is_published || want == left)
        return NANOTS_OK;
    const size_t rest = (size_t)want - done;
    *more_out =
        done != 0 || (nts_wal_record_peek(bytes, (size_t)left, &record) && record.size > rest);
    *probe *= 2;
    while (*more_out && done == 0 && *probe < record.size)
        *probe *= 2;
    return NANOTS_OK;
}

/* What was taken begins and ends outside of groups. */
static nanots_status tail_check_groups(const struct nts_buf *buf, size_t from,
                                       struct nanots_error *error)
{
    struct nts_wal_groups groups = {0, false};
    struct nts_wal_record record;
    while (nts_wal_tail_next(buf, &from, &record))
        NTS_TRY(nts_wal_groups_follow(&groups, &record, error));
    return nts_wal_groups_end(&groups, error);
}

nanots_status nts_wal_tail_read(struct nts_wal_tail *tail, struct nanots_file *file,
                                nts_wal_segment_check check, void *context, struct nts_buf *buf,
                                struct nanots_error *error)
{
    struct tail_read read = {
        .tail = *tail, .file = file, .buf = buf, .check = check, .context = context};
    const size_t from = buf->size;
    uint64_t probe = TAIL_PROBE_SIZE;
    bool more = tail->extent_count != 0;

    while (more)
        NTS_TRY(tail_read_piece(&read, &probe, &more, error));
    if (read.in_group) {
        read.tail = read.group_tail;
        buf->size = read.group_size;
    }
    NTS_TRY(tail_check_groups(buf, from, error));
    *tail = read.tail;
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
