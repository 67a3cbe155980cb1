/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_rows_payload.c - bytes in, rows of any types out: what the check lets pass goes through
 * a memtable and comes back as the same bytes.
 *
 *   0            2      3         4
 *   +------------+------+---------+--------- ...
 *   | columns u16| rows | missing | payload        columns: bit k: 0..5 types, 6..11 nullable ones
 *   +------------+------+---------+--------- ...   missing: so many came later than the rows
 */
#include <stdlib.h>
#include <string.h>

#include "engine/append_rows.h"
#include "format/rows_payload.h"
#include "memtable/memtable.h"

#define FUZZ_HEAD    4u
#define FUZZ_COLUMNS 12u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nts_table_def *fuzz_def(unsigned mask)
{
    static const char *const names[FUZZ_COLUMNS] = {"a", "b", "c", "d", "e", "f",
                                                    "g", "h", "i", "j", "k", "l"};
    struct nanots_column columns[FUZZ_COLUMNS];
    size_t count = 0;
    for (unsigned k = 0; k < FUZZ_COLUMNS; k++) {
        if ((mask >> k & 1) == 0)
            continue;
        columns[count].name = names[k];
        columns[count].type = (nanots_type)(NANOTS_TYPE_F64 + k % 6);
        columns[count++].flags = k < 6 ? 0 : NANOTS_COLUMN_NULLABLE;
    }
    return count == 0 ? NULL
                      : nts_table_def_new(nts_alloc_libc(), 1, 0, "fuzz", columns, count, NULL);
}

/* The memtable's rows as a batch, and that as a payload again. */
static void fuzz_compare(const struct nts_memtable *memtable, const uint8_t *payload, size_t size)
{
    const struct nts_table_def *def = memtable->def;
    struct nts_column_buffer buffers[FUZZ_COLUMNS];
    struct nanots_batch_column batch[FUZZ_COLUMNS];
    const uint32_t count = memtable->row_count;
    int64_t *ts = malloc((size_t)count * sizeof *ts);
    struct nts_rows rows = {
        .ts = ts, .batch = batch, .row_count = count, .column_count = def->column_count};

    nts_memtable_gather_ts(memtable, NULL, 0, count, ts);
    for (uint32_t c = 0; c < def->column_count; c++) {
        const struct nts_column_def *column = &def->columns[c];
        if (nts_column_buffer_init(&buffers[c], nts_alloc_libc(), column->type,
                                   nts_column_is_nullable(column), count, NULL) != NANOTS_OK ||
            nts_memtable_gather(memtable, NULL, 0, count, c, &buffers[c], 0, NULL) != NANOTS_OK)
            abort();
        const struct nts_column view = nts_column_buffer_view(&buffers[c]);
        batch[c].type = (nanots_type)view.type;
        batch[c].values = view.values;
        batch[c].validity = view.validity;
        batch[c].offsets = view.offsets;
    }
    if (nts_rows_prepare(&rows, def, NULL) != NANOTS_OK || rows.payload_size != size)
        abort();
    uint8_t *again = malloc(size);
    nts_rows_encode(&rows, def, again);
    if (memcmp(again, payload, size) != 0)
        abort();
    free(again);
    for (uint32_t c = 0; c < def->column_count; c++)
        nts_column_buffer_deinit(&buffers[c]);
    free(ts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < FUZZ_HEAD)
        return 0;
    struct nts_table_def *def = fuzz_def(nts_load_u16(data));
    const uint32_t row_count = data[2];
    const uint8_t *payload = data + FUZZ_HEAD;
    uint64_t text_size = 0;
    if (def == NULL)
        return 0;
    const uint32_t column_count = def->column_count - (uint32_t)data[3] % def->column_count;
    if (row_count != 0 && nts_rows_payload_check(def, column_count, row_count, payload,
                                                 size - FUZZ_HEAD, &text_size, NULL) == NANOTS_OK) {
        struct nts_memtable *memtable = nts_memtable_new(nts_alloc_libc(), def);
        if (memtable == NULL || nts_memtable_reserve(memtable, row_count, text_size) != NANOTS_OK)
            abort();
        nts_memtable_append_columns(memtable, payload, column_count, row_count, 1);
        if (column_count == def->column_count)
            fuzz_compare(memtable, payload, size - FUZZ_HEAD);
        nts_memtable_unref(memtable);
    }
    nts_free(def);
    return 0;
}
