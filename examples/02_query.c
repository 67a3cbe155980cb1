/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* examples/02_query.c - ten seconds of what 01_append wrote, through a cursor.
 *
 *     cc 02_query.c -lnanots && ./a.out plant.ntt
 */
#include <nanots.h>
#include <stdio.h>

#define BEGIN_MS 1714521600000 /* 2024-05-01T00:00:00Z */

static void print_batch(const struct nanots_batch *batch)
{
    const double *celsius = batch->columns[0].values;
    for (size_t i = 0; i < batch->row_count; i++)
        printf("%lld %.1f\n", (long long)batch->ts[i], celsius[i]);
}

/* A cursor hands out batches of up to 65536 rows, so memory does not grow with the result. */
static nanots_status print_range(struct nanots_db *db, struct nanots_error *error)
{
    const char *const columns[] = {"celsius"};
    const struct nanots_query query = {
        .struct_size = sizeof query,
        .flags = NANOTS_QUERY_FROM | NANOTS_QUERY_TO,
        .from = BEGIN_MS + 10000,
        .to = BEGIN_MS + 19000, /* both ends belong to the range */
        .columns = columns,
        .column_count = 1,
    };
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;

    nanots_status status = nanots_query_open(db, "boiler", &query, &cursor, error);
    if (status != NANOTS_OK)
        return status;
    while ((status = nanots_query_next(cursor, &batch, error)) == NANOTS_OK && batch != NULL)
        print_batch(batch);
    nanots_query_close(cursor);
    return status;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "plant.ntt";
    const struct nanots_open_options options = {
        .struct_size = sizeof options,
        .flags = NANOTS_OPEN_READ_ONLY,
    };
    struct nanots_db *db = NULL;
    struct nanots_error error = {0};

    nanots_status status = nanots_open(path, &options, &db, &error);
    if (status == NANOTS_OK)
        status = print_range(db, &error);
    if (status != NANOTS_OK)
        fprintf(stderr, "%s: %s\n", nanots_status_name(status), error.message);
    (void)nanots_close(db, NULL); /* a read-only handle has nothing to lose */
    return status == NANOTS_OK ? 0 : 1;
}
