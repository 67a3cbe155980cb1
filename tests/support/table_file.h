/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/table_file.h - a file that holds segments of one table and nothing else.
 *
 *     struct table_file table;
 *     table_file_open(&table, scratch->path, 2);          columns "c0" and "c1"
 *     table_file_add(&table, ts, columns, row_count, &entry);
 *     segment = nts_segment_new(&table.view, &entry, table.def);
 *     ...
 *     table_file_close(&table);
 *
 * The file lies behind a faultvfs, so that a test may take mappings away before it opens one.
 * Include after cmocka.h.
 */
#ifndef TABLE_FILE_H
#define TABLE_FILE_H

#include <stdio.h>

#include "base/bytes.h"
#include "segment/segment.h"
#include "segment/segment_writer.h"
#include "support/faultvfs.h"

#define TABLE_FILE_COLUMNS_MAX 8u
#define TABLE_FILE_SEED        77u

struct table_file {
    struct faultvfs faults;
    struct nanots_file *file;
    struct nts_file_view view;
    struct nts_extent_writer out;
    struct nts_segment_writer *writer;
    struct nts_table_def *def;
    uint64_t next_segment_id;
    uint64_t next_seq;
    uint64_t end;
};

static inline struct nts_table_def *table_file_def(uint32_t table_id, size_t column_count)
{
    struct nanots_column columns[TABLE_FILE_COLUMNS_MAX];
    char names[TABLE_FILE_COLUMNS_MAX][24];

    assert_in_range(column_count, 0, TABLE_FILE_COLUMNS_MAX);
    for (size_t c = 0; c < column_count; c++) {
        (void)snprintf(names[c], sizeof names[c], "c%zu", c);
        columns[c].name = names[c];
        columns[c].type = NANOTS_TYPE_F64;
        columns[c].flags = 0;
    }
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), table_id, 0, "plant", columns, column_count, NULL);
    assert_non_null(def);
    return def;
}

/* `table->faults` was initialised, and perhaps restricted, by the caller. */
static inline void table_file_open_faulty(struct table_file *table, const char *path,
                                          size_t column_count)
{
    const struct nanots_vfs *vfs = &table->faults.vfs;
    assert_int_equal(vfs->open(vfs, nts_alloc_libc(), path, NANOTS_VFS_CREATE, &table->file, NULL),
                     NANOTS_OK);
    nts_file_view_init(&table->view, nts_alloc_libc(), table->file);
    table->view.file_seed = TABLE_FILE_SEED;
    assert_int_equal(
        nts_extent_writer_init(&table->out, nts_alloc_libc(), table->file, false, NULL), NANOTS_OK);
    table->writer = nts_segment_writer_new(nts_alloc_libc());
    assert_non_null(table->writer);
    table->def = table_file_def(3, column_count);
    table->next_segment_id = 1;
    table->next_seq = 1;
    table->end = NTS_SUPERBLOCK_AREA;
}

static inline void table_file_open(struct table_file *table, const char *path, size_t column_count)
{
    faultvfs_init(&table->faults, nts_vfs_posix());
    table_file_open_faulty(table, path, column_count);
}

static inline void table_file_close(struct table_file *table)
{
    nts_segment_writer_free(table->writer);
    nts_extent_writer_deinit(&table->out);
    nts_file_view_deinit(&table->view);
    nts_free(table->def);
    table->file->ops->close(table->file);
    faultvfs_deinit(&table->faults);
}

/* Decodes a vector of an f64 column; `values` has room for NTS_VECTOR_ROWS. */
static inline nanots_status table_file_read_f64(struct nts_segment *segment,
                                                struct nts_segment_reader *reader, uint32_t column,
                                                uint32_t vector, double *values,
                                                struct nanots_error *error)
{
    struct nts_column_buffer buffer;
    NTS_TRY(nts_column_buffer_init(&buffer, reader->alloc, NANOTS_TYPE_F64, true, NTS_VECTOR_ROWS,
                                   error));
    const nanots_status status =
        nts_segment_read_column(segment, reader, column, vector, &buffer, 0, error);
    if (status == NANOTS_OK)
        memcpy(values, buffer.values, NTS_VECTOR_ROWS * sizeof *values);
    nts_column_buffer_deinit(&buffer);
    return status;
}

/* Writes `row_count` rows, sorted by time, as one segment in an extent of its own. */
static inline void table_file_add(struct table_file *table, const int64_t *ts,
                                  const double *const *columns, uint32_t row_count,
                                  struct nts_segment_entry *entry_out)
{
    struct nts_column group[TABLE_FILE_COLUMNS_MAX];
    const struct nts_segment_start start = {.def = table->def,
                                            .segment_id = table->next_segment_id++,
                                            .seq_first = table->next_seq,
                                            .seq_last = table->next_seq + row_count - 1,
                                            .file_seed = TABLE_FILE_SEED,
                                            .row_count = row_count};
    const struct nts_extent extent = {
        table->end, nts_round_up(nts_segment_size_max(table->def, row_count, 0), NTS_BLOCK_SIZE)};

    nts_extent_writer_begin(&table->out, extent);
    assert_int_equal(nts_segment_writer_begin(table->writer, &table->out, &start, NULL), NANOTS_OK);
    for (uint32_t row = 0; row < row_count; row += NTS_GROUP_ROWS) {
        const uint32_t left = row_count - row;
        for (uint32_t c = 0; c < table->def->column_count; c++)
            group[c] = (struct nts_column){.type = NANOTS_TYPE_F64, .values = columns[c] + row};
        assert_int_equal(nts_segment_writer_add_group(table->writer, ts + row, group,
                                                      left < NTS_GROUP_ROWS ? left : NTS_GROUP_ROWS,
                                                      NULL),
                         NANOTS_OK);
    }
    assert_int_equal(nts_segment_writer_finish(table->writer, entry_out, NULL), NANOTS_OK);
    assert_int_equal(nts_extent_writer_flush(&table->out, NULL), NANOTS_OK);
    assert_in_range(entry_out->size, 1, nts_segment_size_max(table->def, row_count, 0));
    table->next_seq += row_count;
    table->end = nts_round_up(entry_out->off + entry_out->size, NTS_BLOCK_SIZE);
}

#endif
