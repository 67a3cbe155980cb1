/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_wal_replay.c - bytes of a log's extents in, its end and its records out.
 *
 *   0        1          2            3         4
 *   +--------+----------+------------+---------+-----------------------------+
 *   | repair | segments | head_off/8 | flushed | bytes of three equal extents|
 *   +--------+----------+------------+---------+-----------------------------+
 *   repair: so many records from the head on get a right checksum and chain
 *   segments: bit k: the k-th SEGMENT record is whole
 *
 * What was measured can be replayed, stays inside the extents, or has groups that are damage.
 */
#include <stdlib.h>
#include <string.h>

#include "util/checksum.h"
#include "wal/wal_replay.h"

#define EXTENT_COUNT 3u
#define FUZZ_SALT    11u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_log {
    uint8_t *bytes[EXTENT_COUNT];
    size_t extent_size;
    struct nts_wal_image images[EXTENT_COUNT];
    struct nts_wal_log log;
    unsigned whole_segments; /* bits */
    unsigned segment_count;
    uint64_t applied;
};

static bool fuzz_check(void *context, const struct nts_wal_record *record)
{
    struct fuzz_log *fuzz = context;
    if (record->kind != NTS_WAL_SEGMENT)
        abort();
    return (fuzz->whole_segments >> (fuzz->segment_count++ % 8) & 1) != 0;
}

static nanots_status fuzz_apply(void *context, const struct nts_wal_record *record,
                                struct nanots_error *error)
{
    struct fuzz_log *fuzz = context;
    volatile uint8_t last = 0;
    (void)error;
    if (record->size > NTS_WAL_RECORD_HEADER_SIZE)
        last = record->payload[record->size - NTS_WAL_RECORD_HEADER_SIZE - 1];
    (void)last;
    fuzz->applied++;
    return NANOTS_OK;
}

/* Makes a chain of the first `count` records, over SEALs. */
static void fuzz_repair(struct fuzz_log *fuzz, unsigned count)
{
    size_t extent = 0;
    size_t at = (size_t)(fuzz->log.head_off - fuzz->images[0].place.off);
    uint64_t chain = 0;
    for (unsigned i = 0; i < count; i++) {
        uint8_t *bytes = fuzz->bytes[extent] + at;
        if (at > fuzz->extent_size || fuzz->extent_size - at < NTS_WAL_RECORD_HEADER_SIZE)
            return;
        const size_t size = nts_load_u32(bytes + 8);
        if (size < NTS_WAL_RECORD_HEADER_SIZE || size > fuzz->extent_size - at)
            return;
        chain ^= nts_wal_payload_checksum(bytes + NTS_WAL_RECORD_HEADER_SIZE,
                                          size - NTS_WAL_RECORD_HEADER_SIZE, FUZZ_SALT);
        chain = nts_checksum_seeded(bytes + 8, NTS_WAL_RECORD_HEADER_SIZE - 8, chain);
        nts_store_u64(bytes, chain);
        at += size;
        if (bytes[12] == NTS_WAL_SEAL && size >= NTS_WAL_SEAL_SIZE) {
            extent = nts_load_u64(bytes + NTS_WAL_RECORD_HEADER_SIZE) / 65536 % EXTENT_COUNT;
            at = NTS_WAL_EXTENT_HEADER_SIZE;
        }
    }
}

static void fuzz_run(struct fuzz_log *fuzz, uint64_t flushed_seq)
{
    struct nts_wal_end end;
    nts_wal_measure(&fuzz->log, flushed_seq, fuzz_check, fuzz, &end);
    if (end.torn_bytes > EXTENT_COUNT * (uint64_t)fuzz->extent_size)
        abort();
    /* Groups that contradict themselves are damage. */
    const nanots_status status =
        nts_wal_replay(&fuzz->log, end.record_count, fuzz_apply, fuzz, NULL);
    if ((status != NANOTS_OK && status != NANOTS_CORRUPT) || fuzz->applied > end.record_count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_log fuzz;
    if (size < 4 + EXTENT_COUNT * 8)
        return 0;
    memset(&fuzz, 0, sizeof fuzz);
    fuzz.extent_size = (size - 4) / EXTENT_COUNT / 8 * 8;
    fuzz.whole_segments = data[1];
    for (size_t i = 0; i < EXTENT_COUNT; i++) {
        fuzz.bytes[i] = malloc(fuzz.extent_size);
        if (fuzz.bytes[i] == NULL)
            goto out;
        memcpy(fuzz.bytes[i], data + 4 + i * fuzz.extent_size, fuzz.extent_size);
        fuzz.images[i].place.off = 65536 * i;
        fuzz.images[i].place.size = fuzz.extent_size;
        fuzz.images[i].bytes = fuzz.bytes[i];
    }
    fuzz.log.images = fuzz.images;
    fuzz.log.image_count = EXTENT_COUNT;
    fuzz.log.salt = FUZZ_SALT;
    fuzz.log.head_off = 8ull * data[2];
    fuzz_repair(&fuzz, data[0]);
    fuzz_run(&fuzz, data[3]);
out:
    for (size_t i = 0; i < EXTENT_COUNT; i++)
        free(fuzz.bytes[i]);
    return 0;
}
