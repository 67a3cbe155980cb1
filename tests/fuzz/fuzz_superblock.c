/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_superblock.c - the first byte chooses, the rest are the first bytes of a file.
 *
 *   0        1
 *   +--------+----------------------------------+
 *   | repair | bytes of the file, at most 8192  |   repair bit k: copy k gets magic and checksum
 *   +--------+----------------------------------+
 *
 * What is chosen is possible: it encodes to a copy that decodes to the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "format/superblock.h"
#include "util/checksum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void copy_repair(uint8_t *bytes)
{
    static const uint8_t magic[8] = {0x89, 'N', 'T', 'T', '\r', '\n', 0x1a, '\n'};
    memcpy(bytes, magic, sizeof magic);
    nts_store_u64(bytes + 248, nts_checksum(bytes, 248));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t places[] = {0, NTS_SECTOR_SIZE, NTS_SLOT_SIZE,
                                    NTS_SLOT_SIZE + NTS_SECTOR_SIZE};
    struct nts_superblock sb;
    struct nts_superblock again;
    uint8_t bytes[NTS_SUPERBLOCK_SIZE];

    if (size < 1 || size - 1 > NTS_SUPERBLOCK_AREA)
        return 0;
    uint8_t *file = malloc(size);
    if (file == NULL)
        return 0;
    memcpy(file, data + 1, size - 1);
    for (size_t i = 0; i < 4; i++)
        if ((data[0] >> i & 1) != 0 && places[i] + NTS_SUPERBLOCK_SIZE <= size - 1)
            copy_repair(file + places[i]);
    const nanots_status status = nts_superblock_choose(file, size - 1, &sb, NULL);
    free(file);
    if (status == NANOTS_OK && sb.generation != 0) {
        nts_superblock_encode(&sb, bytes);
        if (nts_superblock_decode(bytes, &again, NULL) != NANOTS_OK ||
            again.generation != sb.generation || again.file_end != sb.file_end ||
            again.wal_count != sb.wal_count || again.tiny != sb.tiny)
            abort();
    } else if (status != NANOTS_OK && status != NANOTS_CORRUPT && status != NANOTS_NEWER_FORMAT &&
               status != NANOTS_NOT_A_DATABASE) {
        abort();
    }
    return 0;
}
