/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/series.h - the columns of a folder, as `nanots-bench codecs` measures them.
 *
 *   NAME.f64   raw little-endian float64
 *   NAME.ts    raw little-endian int64
 *   NAME.csv   one column of numbers, read as float64; a first line that is no number is its name;
 *              NA, nan, null and "" are NaN; blank lines are skipped
 *
 * Other files, subfolders and CSVs of several columns are left alone, the last with a note.
 */
#ifndef BENCH_CODECS_SERIES_H
#define BENCH_CODECS_SERIES_H

#include <stddef.h>
#include <stdint.h>

#define SERIES_NAME_SIZE 256

enum series_kind {
    SERIES_F64,
    SERIES_I64,
};

struct series {
    char name[SERIES_NAME_SIZE]; /* of the file, with its extension */
    enum series_kind kind;
    size_t count;
    uint64_t *values; /* bits of float64 or int64 */
};

struct series_list {
    struct series *items; /* in order of names */
    size_t count;
};

/* Dies, naming the file and the line, if a file cannot be read or understood. */
void series_load_folder(const char *folder, struct series_list *list_out);

void series_free(struct series_list *list);

#endif
