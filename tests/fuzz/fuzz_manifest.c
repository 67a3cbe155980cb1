/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_manifest.c - bytes of a manifest in, edits or a status out.
 *
 * The first byte says whether the checksums are made right first, so that what they protect is
 * reached. Bodies are decoded as the engine does; a definition encodes to the bytes it came from.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "format/manifest.h"
#include "format/table_change.h"
#include "util/checksum.h"

#define FUZZ_SEED 7u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void manifest_repair(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; size - at >= NTS_EDIT_HEADER_SIZE;) {
        const size_t edit_size = nts_load_u32(bytes + at + 8);
        if (nts_load_u64(bytes + at) == 0) {
            at += 8;
            continue;
        }
        if (edit_size < NTS_EDIT_HEADER_SIZE || edit_size % 8 != 0 || edit_size > size - at)
            return;
        nts_store_u64(bytes + at, nts_checksum_seeded(bytes + at + 8, edit_size - 8, FUZZ_SEED));
        at += edit_size;
    }
}

static void definition_check(const struct nts_edit *edit)
{
    struct nts_table_def *def = NULL;
    size_t used = 0;
    const nanots_status status =
        nts_table_def_decode(nts_alloc_libc(), edit->body, edit->body_size, &def, &used, NULL);
    if (status != NANOTS_OK && status != NANOTS_CORRUPT)
        abort();
    if (status != NANOTS_OK)
        return;
    uint8_t *bytes = malloc(used);
    if (bytes != NULL && used == nts_table_def_encoded_size(def)) {
        nts_table_def_encode(def, bytes);
        if (memcmp(bytes, edit->body, used) != 0)
            abort();
    } else if (bytes != NULL) {
        abort();
    }
    free(bytes);
    nts_free(def);
}

static void entries_check(const struct nts_edit *edit)
{
    for (size_t at = 0; edit->body_size - at >= NTS_SEGMENT_ENTRY_SIZE;
         at += NTS_SEGMENT_ENTRY_SIZE) {
        struct nts_segment_entry entry;
        uint8_t bytes[NTS_SEGMENT_ENTRY_SIZE];
        if (!nts_segment_entry_decode(edit->body + at, &entry))
            continue;
        nts_segment_entry_encode(&entry, bytes);
        if (memcmp(bytes, edit->body + at, NTS_SEGMENT_ENTRY_SIZE - 8) != 0)
            abort();
    }
}

static void kept_log_check(const struct nts_edit *edit)
{
    struct nts_kept_log log;
    struct nts_buf buf;
    if (!nts_kept_log_decode(edit->body, edit->body_size, &log))
        return;
    nts_buf_init(&buf, nts_alloc_libc(), 1u << 16);
    if (nts_manifest_put_kept_log(&buf, FUZZ_SEED, &log) == NANOTS_OK) {
        uint8_t *body = buf.bytes + NTS_EDIT_HEADER_SIZE;
        memcpy(body + 44, edit->body + 44, 4); /* reserved */
        if (memcmp(body, edit->body, edit->body_size) != 0)
            abort();
    }
    nts_buf_deinit(&buf);
}

/* A change encodes to the bytes it came from, but for reserved ones, and applies or is refused. */
static void change_check(const struct nts_edit *edit)
{
    static const struct nanots_column columns[] = {{"value", NANOTS_TYPE_F64, 0},
                                                   {"note", NANOTS_TYPE_UTF8, 1}};
    struct nts_table_change change;
    struct nts_table_change again;
    struct nts_table_def *def = NULL;
    struct nts_table_def *made = NULL;
    struct nts_buf buf;
    if (!nts_table_change_decode(edit, &change))
        return;
    nts_buf_init(&buf, nts_alloc_libc(), 1u << 16);
    if (nts_table_change_put(&buf, FUZZ_SEED, &change) == NANOTS_OK) {
        const struct nts_edit copy = {.kind = change.kind,
                                      .body = buf.bytes + NTS_EDIT_HEADER_SIZE,
                                      .body_size = buf.size - NTS_EDIT_HEADER_SIZE};
        if (!nts_table_change_decode(&copy, &again) || memcmp(&change, &again, sizeof change) != 0)
            abort();
    }
    nts_buf_deinit(&buf);
    if (change.kind == NTS_EDIT_TABLE_DROP)
        return;
    def = nts_table_def_new(nts_alloc_libc(), 3, 0, "plant", columns, 2, NULL);
    if (def != NULL &&
        nts_table_change_apply(nts_alloc_libc(), def, &change, &made, NULL) == NANOTS_OK) {
        if (nts_table_def_check(made, NULL) != NANOTS_OK)
            abort();
        nts_free(made);
    }
    nts_free(def);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data + 1, size - 1);
    if ((data[0] & 1) != 0)
        manifest_repair(bytes, size - 1);
    struct nts_manifest_reader reader = {
        .bytes = bytes, .size = size - 1, .file_off = 8192, .seed = FUZZ_SEED};
    for (;;) {
        struct nts_edit edit;
        const nanots_status status = nts_manifest_next(&reader, &edit, NULL);
        if (status != NANOTS_OK && status != NANOTS_CORRUPT)
            abort();
        if (status != NANOTS_OK || edit.body == NULL)
            break;
        if (edit.kind == NTS_EDIT_TABLE)
            definition_check(&edit);
        if (edit.kind == NTS_EDIT_SEGMENTS_ADD)
            entries_check(&edit);
        if (edit.kind == NTS_EDIT_KEPT_LOG)
            kept_log_check(&edit);
        change_check(&edit);
    }
    free(bytes);
    return 0;
}
