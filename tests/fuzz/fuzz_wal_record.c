/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_wal_record.c - bytes in, a record or none out: as they are, and with the checksum made
 * right. What decodes encodes to the same header. */
#include <stdlib.h>
#include <string.h>

#include "format/wal_record.h"
#include "util/checksum.h"

#define FUZZ_SALT  9u
#define FUZZ_CHAIN 0x1234u
#define RECORD_LAG 13

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void record_repair(uint8_t *bytes, size_t size)
{
    if (size < NTS_WAL_RECORD_HEADER_SIZE)
        return;
    const size_t record_size = nts_load_u32(bytes + 8);
    if (record_size < NTS_WAL_RECORD_HEADER_SIZE || record_size > size)
        return;
    const uint64_t payload = nts_wal_payload_checksum(
        bytes + NTS_WAL_RECORD_HEADER_SIZE, record_size - NTS_WAL_RECORD_HEADER_SIZE, FUZZ_SALT);
    nts_store_u64(bytes, nts_checksum_seeded(bytes + 8, NTS_WAL_RECORD_HEADER_SIZE - 8,
                                             payload ^ FUZZ_CHAIN));
}

static void record_check(const uint8_t *bytes, size_t size)
{
    struct nts_wal_record record;
    uint8_t header[NTS_WAL_RECORD_HEADER_SIZE];
    if (!nts_wal_record_decode(bytes, size, FUZZ_SALT, FUZZ_CHAIN, &record))
        return;
    if (record.size > size || record.payload != bytes + NTS_WAL_RECORD_HEADER_SIZE)
        abort();
    const uint64_t payload = nts_wal_payload_checksum(
        record.payload, record.size - NTS_WAL_RECORD_HEADER_SIZE, FUZZ_SALT);
    nts_wal_record_encode(&record, payload, header);
    /* A lag that reaches back behind the first row has many forms. */
    if (record.synced_seq == 0)
        return;
    if (memcmp(header, bytes, sizeof header) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    record_check(data, size);
    record_repair(bytes, size);
    record_check(bytes, size);
    free(bytes);
    return 0;
}
