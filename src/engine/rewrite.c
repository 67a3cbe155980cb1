/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/rewrite.c - segments to segments. Contract: rewrite.h. */
#include "engine/rewrite.h"
#include "engine/catalog.h"

#include <string.h>

#include "base/check.h"
#include "engine/extents.h"
#include "query/scan.h"
#include "segment/segment_writer.h"

/* Rows come from the scan in batches, and leave in row groups and segments. */
struct rewriter {
    struct nts_rewrite *job;
    struct nts_scan *scan;
    const struct nanots_batch *batch; /* rows [batch_row, ..) are not taken yet */
    size_t batch_row;
    int64_t *ts;                       /* of one row group, as the next two */
    struct nts_column_buffer *buffers; /* [column_count] */
    struct nts_column *columns;        /* [column_count], views of the buffers */
    uint32_t column_count;
    struct nts_segment_writer *writer;
    struct nts_extent_writer out;
    struct nts_exchange *exchange;
    uint64_t seq_first;
    uint64_t seq_last;
    uint64_t text_bytes;
    const struct nts_table_def *def; /* the outputs' */
};

/* Over the first `column_count` columns. */
static nanots_status rewriter_open_scan(struct rewriter *rewriter, int64_t from,
                                        uint32_t column_count, struct nts_scan **scan_out,
                                        struct nanots_error *error)
{
    const struct nts_rewrite *job = rewriter->job;
    const struct nanots_allocator *alloc = job->table->db->alloc;
    struct nts_source_spec *sources = nts_alloc_array(alloc, job->input_count, sizeof *sources);
    uint32_t *columns = nts_alloc_array(alloc, column_count + 1u, sizeof *columns);
    nanots_status status = NANOTS_NO_MEMORY;

    *scan_out = NULL;
    if (sources != NULL && columns != NULL) {
        for (uint32_t c = 0; c < column_count; c++)
            columns[c] = c;
        memset(sources, 0, job->input_count * sizeof *sources);
        for (size_t i = 0; i < job->input_count; i++) {
            sources[i].segment = nts_segment_ref(job->inputs[i]);
            sources[i].ts_min = job->inputs[i]->entry.ts_min;
            sources[i].ts_max = job->inputs[i]->entry.ts_max;
        }
        const struct nts_scan_spec spec = {.def = rewriter->def,
                                           .sources = sources,
                                           .source_count = job->input_count,
                                           .from = from,
                                           .to = INT64_MAX,
                                           .columns = columns,
                                           .column_count = column_count};
        status = nts_scan_new(alloc, &spec, scan_out, error);
    } else {
        (void)nts_fail_memory(error, job->input_count * sizeof *sources);
    }
    nts_free(sources);
    nts_free(columns);
    return status;
}

/* The same where rows of equal time are merged: only a scan can tell. */
static nanots_status rewriter_count_merged(struct rewriter *rewriter, uint64_t *rows_out,
                                           struct nanots_error *error)
{
    const struct nanots_batch *batch = NULL;
    struct nts_scan *scan = NULL;
    nanots_status status = rewriter_open_scan(rewriter, rewriter->job->from, 0, &scan, error);

    *rows_out = 0;
    do {
        if (status == NANOTS_OK)
            status = nts_scan_next(scan, &batch, error);
        *rows_out += status == NANOTS_OK && batch != NULL ? batch->row_count : 0;
    } while (status == NANOTS_OK && batch != NULL);
    nts_scan_free(scan);
    return status;
}

/* Rows of the inputs with ts >= from. All but those of straddling segments are known beforehand. */
static nanots_status rewriter_count_rows(struct rewriter *rewriter, uint64_t *rows_out,
                                         struct nanots_error *error)
{
    const struct nts_rewrite *job = rewriter->job;
    struct nts_segment_reader *reader = nts_alloc(job->table->db->alloc, sizeof *reader);
    int64_t *ts = nts_alloc_array(job->table->db->alloc, NTS_VECTOR_ROWS, sizeof *ts);
    nanots_status status = NANOTS_OK;

    *rows_out = 0;
    if (reader == NULL || ts == NULL) {
        nts_free(reader);
        nts_free(ts);
        return nts_fail_memory(error, sizeof *reader);
    }
    status = nts_segment_reader_init(reader, job->table->db->alloc, error);
    for (size_t i = 0; i < job->input_count && status == NANOTS_OK; i++) {
        struct nts_segment *segment = job->inputs[i];
        const uint32_t vectors = nts_vector_count(segment->entry.row_count);
        if (segment->entry.ts_min >= job->from) {
            *rows_out += segment->entry.row_count;
            continue;
        }
        for (uint32_t v = 0; v < vectors && status == NANOTS_OK; v++) {
            status = nts_segment_read_ts(segment, reader, v, ts, error);
            const uint32_t rows = nts_vector_rows(segment->entry.row_count, v);
            for (uint32_t row = 0; row < rows && status == NANOTS_OK; row++)
                *rows_out += ts[row] >= job->from;
        }
    }
    nts_segment_reader_deinit(reader);
    nts_free(reader);
    nts_free(ts);
    return status;
}

/* Fills the row group with `count` rows of the scan. */
static nanots_status rewriter_fill_group(struct rewriter *rewriter, uint32_t count,
                                         struct nanots_error *error)
{
    for (uint32_t c = 0; c < rewriter->column_count; c++)
        nts_column_buffer_clear(&rewriter->buffers[c]);
    for (uint32_t done = 0; done < count;) {
        if (rewriter->batch == NULL || rewriter->batch_row == rewriter->batch->row_count) {
            NTS_TRY(nts_scan_next(rewriter->scan, &rewriter->batch, error));
            rewriter->batch_row = 0;
            if (rewriter->batch == NULL)
                return nts_fail(error, NANOTS_CORRUPT,
                                "table '%.80s' has fewer rows than its index", rewriter->def->name);
        }
        const size_t left = rewriter->batch->row_count - rewriter->batch_row;
        const size_t rows = left < count - done ? left : count - done;
        memcpy(rewriter->ts + done, rewriter->batch->ts + rewriter->batch_row, rows * 8);
        for (uint32_t c = 0; c < rewriter->column_count; c++) {
            const struct nts_column from = nts_column_of_batch(&rewriter->batch->columns[c]);
            NTS_TRY(nts_column_buffer_put(&rewriter->buffers[c], done, &from, rewriter->batch_row,
                                          rows, false, error));
        }
        rewriter->batch_row += rows;
        done += (uint32_t)rows;
    }
    for (uint32_t c = 0; c < rewriter->column_count; c++)
        rewriter->columns[c] = nts_column_buffer_view(&rewriter->buffers[c]);
    return NANOTS_OK;
}

static nanots_status rewriter_add_output(struct rewriter *rewriter,
                                         const struct nts_segment_entry *entry,
                                         struct nanots_error *error)
{
    struct nts_segment *segment =
        nts_segment_new(&rewriter->job->table->db->view, entry, rewriter->def);
    if (segment == NULL)
        return nts_fail_memory(error, sizeof *segment);
    const nanots_status status =
        nts_exchange_add(rewriter->exchange, rewriter->job->table, segment, error);
    if (status != NANOTS_OK)
        nts_segment_unref(segment);
    return status;
}

/* What was written for size stays so. */
static enum nts_tier rewriter_tier(const struct rewriter *rewriter)
{
    const struct nts_rewrite *job = rewriter->job;
    bool is_cold = job->is_cold;

    for (size_t i = 0; i < job->input_count; i++)
        is_cold |= (job->inputs[i]->entry.flags & NTS_SEGMENT_PACKED) != 0;
    return nts_segment_tier(rewriter->def, is_cold);
}

static nanots_status rewriter_write_rows(struct rewriter *rewriter, uint32_t rows,
                                         struct nts_segment_entry *entry,
                                         struct nanots_error *error)
{
    struct nanots_db *db = rewriter->job->table->db;
    struct nts_segment_start start = {.def = rewriter->def,
                                      .seq_first = rewriter->seq_first,
                                      .seq_last = rewriter->seq_last,
                                      .file_seed = db->file_seed,
                                      .row_count = rows,
                                      .tier = rewriter_tier(rewriter)};
    nts_mutex_lock(&db->write_lock);
    start.segment_id = db->next_segment_id++;
    nts_mutex_unlock(&db->write_lock);
    NTS_TRY(nts_segment_writer_begin(rewriter->writer, &rewriter->out, &start, error));
    for (uint32_t row = 0; row < rows; row += NTS_GROUP_ROWS) {
        const uint32_t count = rows - row < NTS_GROUP_ROWS ? rows - row : NTS_GROUP_ROWS;
        if (rewriter->job->pulse != NULL)
            NTS_TRY(rewriter->job->pulse(db, error));
        NTS_TRY(rewriter_fill_group(rewriter, count, error));
        NTS_TRY(nts_segment_writer_add_group(rewriter->writer, rewriter->ts, rewriter->columns,
                                             count, error));
    }
    NTS_TRY(nts_segment_writer_finish(rewriter->writer, entry, error));
    return nts_extent_writer_flush(&rewriter->out, error);
}

static nanots_status rewriter_write_output(struct rewriter *rewriter, uint32_t rows,
                                           struct nanots_error *error)
{
    struct nanots_db *db = rewriter->job->table->db;
    struct nts_segment_entry entry;
    struct nts_extent extent;

    NTS_TRY(nts_extents_obtain(db, nts_segment_size_max(rewriter->def, rows, rewriter->text_bytes),
                               NTS_BLOCK_SIZE, &extent, error));
    nts_extent_writer_begin(&rewriter->out, extent);
    nanots_status status = rewriter_write_rows(rewriter, rows, &entry, error);
    if (status == NANOTS_OK)
        status = rewriter_add_output(rewriter, &entry, error);
    if (status == NANOTS_OK) /* the next output goes behind it: room was taken for the worst */
        nts_space_trim(&db->space, extent.off, entry.size);
    rewriter->out.buffer_used = 0;
    if (status != NANOTS_OK)
        nts_space_settle(&db->space, extent.off, 0);
    return status;
}

static nanots_status rewriter_make_buffers(struct rewriter *rewriter, uint64_t rows,
                                           struct nanots_error *error)
{
    const struct nanots_allocator *alloc = rewriter->job->table->db->alloc;
    const size_t capacity = rows < NTS_GROUP_ROWS ? (size_t)rows : NTS_GROUP_ROWS;
    const uint32_t count = rewriter->def->column_count;

    rewriter->ts = nts_alloc_array(alloc, capacity, sizeof *rewriter->ts);
    rewriter->columns = nts_alloc_zeroed(alloc, count * sizeof *rewriter->columns);
    rewriter->buffers = nts_alloc_zeroed(alloc, count * sizeof *rewriter->buffers);
    if (rewriter->ts == NULL || rewriter->columns == NULL || rewriter->buffers == NULL)
        return nts_fail_memory(error, capacity * sizeof *rewriter->ts);
    for (uint32_t c = 0; c < count; c++) {
        const struct nts_column_def *column = &rewriter->def->columns[c];
        NTS_TRY(nts_column_buffer_init(&rewriter->buffers[c], alloc, column->type,
                                       nts_column_is_nullable(column), capacity, error));
        rewriter->column_count = c + 1;
    }
    return NANOTS_OK;
}

static void rewriter_free_buffers(struct rewriter *rewriter)
{
    for (uint32_t c = 0; c < rewriter->column_count; c++)
        nts_column_buffer_deinit(&rewriter->buffers[c]);
    nts_free(rewriter->buffers);
    nts_free(rewriter->columns);
    nts_free(rewriter->ts);
}

/* Bytes of all strings of the inputs: what the outputs may need beside their rows. */
static nanots_status rewriter_count_text(struct rewriter *rewriter, struct nanots_error *error)
{
    const struct nts_rewrite *job = rewriter->job;
    struct nts_segment_reader reader;
    nanots_status status = nts_segment_reader_init(&reader, job->table->db->alloc, error);

    for (uint32_t c = 0; c < rewriter->def->column_count; c++) {
        if (rewriter->def->columns[c].type != NANOTS_TYPE_UTF8)
            continue;
        for (size_t i = 0; i < job->input_count && status == NANOTS_OK; i++) {
            uint64_t bytes = 0;
            status = nts_segment_text_bytes(job->inputs[i], &reader, c + 1, &bytes, error);
            rewriter->text_bytes += bytes;
        }
    }
    nts_segment_reader_deinit(&reader);
    return status;
}

static nanots_status rewriter_write(struct rewriter *rewriter, struct nanots_error *error)
{
    struct nts_rewrite *job = rewriter->job;
    struct nanots_db *db = job->table->db;
    uint64_t rows = 0;

    rewriter->seq_first = job->inputs[0]->entry.seq_first;
    for (size_t i = 0; i < job->input_count; i++)
        if (rewriter->seq_last < job->inputs[i]->entry.seq_last)
            rewriter->seq_last = job->inputs[i]->entry.seq_last;
    NTS_TRY(rewriter->def->duplicates == NTS_DUPLICATES_KEEP_ALL
                ? rewriter_count_rows(rewriter, &rows, error)
                : rewriter_count_merged(rewriter, &rows, error));
    job->rows_written = rows;
    if (rows == 0)
        return NANOTS_OK;
    rewriter->writer = nts_segment_writer_new(db->alloc);
    if (rewriter->writer == NULL)
        return nts_fail_memory(error, 0);
    NTS_TRY(nts_extent_writer_init(&rewriter->out, db->alloc, db->file, false, error));
    NTS_TRY(rewriter_make_buffers(rewriter, rows, error));
    NTS_TRY(rewriter_count_text(rewriter, error));
    NTS_TRY(rewriter_open_scan(rewriter, job->from, rewriter->def->column_count, &rewriter->scan,
                               error));
    while (rows != 0) {
        const uint64_t count = rows < job->target_rows ? rows : job->target_rows;
        NTS_TRY(rewriter_write_output(rewriter, (uint32_t)count, error));
        rows -= count;
    }
    return NANOTS_OK;
}

nanots_status nts_rewrite_into(struct nts_rewrite *rewrite, struct nts_exchange *exchange,
                               struct nanots_error *error)
{
    struct rewriter rewriter;
    nanots_status status = NANOTS_OK;

    assert(rewrite->input_count != 0);
    assert(rewrite->target_rows != 0);
    memset(&rewriter, 0, sizeof rewriter);
    rewriter.job = rewrite;
    rewriter.exchange = exchange;
    rewriter.def = rewrite->table->def;
    for (size_t i = 0; i < rewrite->input_count && status == NANOTS_OK; i++)
        status = nts_exchange_remove(exchange, rewrite->table, rewrite->inputs[i], error);
    if (status == NANOTS_OK)
        status = rewriter_write(&rewriter, error);
    nts_scan_free(rewriter.scan);
    rewriter_free_buffers(&rewriter);
    nts_extent_writer_deinit(&rewriter.out);
    nts_segment_writer_free(rewriter.writer);
    return status;
}

nanots_status nts_rewrite_run(struct nts_rewrite *rewrite, struct nanots_error *error)
{
    struct nts_exchange exchange;
    nts_exchange_begin(&exchange, rewrite->table->db);
    nanots_status status = nts_rewrite_into(rewrite, &exchange, error);
    if (status == NANOTS_OK)
        status = nts_exchange_commit(&exchange, error);
    rewrite->is_stale = exchange.is_stale;
    nts_exchange_end(&exchange);
    return status;
}
