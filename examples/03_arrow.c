/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* examples/03_arrow.c - what 01_append wrote, as Arrow columns: read, then given to a new table.
 *
 *     cc 03_arrow.c $(pkg-config --cflags --libs nanots) && ./a.out plant.ntt
 *
 * The same struct ArrowArrayStream is what pyarrow, Polars, DuckDB and others take and give.
 */
#include <nanots_arrow.h>
#include <stdio.h>

static void print_schema(const struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        printf("%s: %s\n", schema->children[i]->name, schema->children[i]->format);
}

/* The mean of the first value column, batch by batch; each is released when it has been read. */
static int print_mean(struct ArrowArrayStream *stream)
{
    double sum = 0.0;
    int64_t count = 0;
    int code;

    for (;;) {
        struct ArrowArray batch;
        code = stream->get_next(stream, &batch);
        if (code != 0 || batch.release == NULL)
            break;
        const double *celsius = batch.children[1]->buffers[1];
        for (int64_t i = 0; i < batch.length; i++)
            sum += celsius[i];
        count += batch.length;
        batch.release(&batch);
    }
    if (code != 0)
        fprintf(stderr, "%s\n", stream->get_last_error(stream));
    else
        printf("%lld rows, %.2f on average\n", (long long)count, sum / (double)count);
    return code;
}

/* A stream goes from one table to another; the call takes it over, whatever comes of it. */
static nanots_status copy_table(struct nanots_db *db, const char *from, const char *to,
                                struct nanots_error *error)
{
    const struct nanots_arrow_append_options options = {.struct_size = sizeof options,
                                                        .flags = NANOTS_ARROW_CREATE};
    struct ArrowArrayStream stream;
    nanots_status status = nanots_query_arrow_stream(db, from, NULL, NULL, &stream, error);
    if (status == NANOTS_OK)
        status = nanots_append_arrow_stream(db, to, &stream, &options, NULL, error);
    return status;
}

int main(int argc, char **argv)
{
    struct nanots_db *db = NULL;
    struct nanots_error error = {.message = ""};
    struct ArrowSchema schema;
    struct ArrowArrayStream stream;
    int code = 1;

    nanots_status status = nanots_open(argc > 1 ? argv[1] : "plant.ntt", NULL, &db, &error);
    if (status == NANOTS_OK)
        status = nanots_table_arrow_schema(db, "boiler", NULL, &schema, &error);
    if (status == NANOTS_OK) {
        print_schema(&schema);
        schema.release(&schema);
        status = nanots_query_arrow_stream(db, "boiler", NULL, NULL, &stream, &error);
    }
    if (status == NANOTS_OK) {
        code = print_mean(&stream);
        stream.release(&stream);
        status = copy_table(db, "boiler", "boiler_copy", &error);
    }
    if (status != NANOTS_OK)
        fprintf(stderr, "%s\n", error.message);
    const nanots_status closed = nanots_close(db, &error);
    return status == NANOTS_OK && closed == NANOTS_OK && code == 0 ? 0 : 1;
}
