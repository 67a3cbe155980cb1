/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* golden/make_golden.c - writes golden files; run by hand when one is added:
 *
 *     build/tests/make_golden NAME FOLDER      e.g. make_golden tiny tests/golden
 *
 * It refuses to write over a file, since golden files are never made again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "golden.h"

/* The file without its empty sectors. */
static void sparse_write(const char *from, const char *to)
{
    static const uint8_t zeros[GOLDEN_SECTOR];
    size_t size = 0;
    uint8_t *bytes = db_file_read(from, &size);
    FILE *out = fopen(to, "wb");
    uint8_t number[8];

    assert_non_null(out);
    assert_int_equal(size % GOLDEN_SECTOR, 0);
    nts_store_u64(number, size);
    (void)fwrite(number, 1, sizeof number, out);
    for (size_t off = 0; off < size; off += GOLDEN_SECTOR) {
        if (memcmp(bytes + off, zeros, GOLDEN_SECTOR) == 0)
            continue;
        nts_store_u64(number, off);
        (void)fwrite(number, 1, sizeof number, out);
        (void)fwrite(bytes + off, 1, GOLDEN_SECTOR, out);
    }
    assert_int_equal(fclose(out), 0);
    test_free(bytes);
}

static void make(const struct golden_file *golden, const char *folder)
{
    char path[512];
    char work[520];
    char copy[520];

    (void)snprintf(path, sizeof path, "%s/%s.%s", folder, golden->name,
                   golden->is_live ? "blocks" : "ntt");
    (void)snprintf(work, sizeof work, "%s.work", path);
    (void)snprintf(copy, sizeof copy, "%s.copy", path);
    if (access(path, F_OK) == 0) {
        (void)fprintf(stderr, "%s is there already; golden files stay as they are\n", path);
        exit(1);
    }
    golden_write(golden, copy, work);
    if (golden->is_live)
        sparse_write(copy, path);
    else
        db_file_copy(copy, path);
    struct nanots_db *db = db_open_read_only(copy);
    (void)snprintf(path, sizeof path, "%s/%s.rows", folder, golden->name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    golden_dump(db, out);
    assert_int_equal(fclose(out), 0);
    db_close(db);
    (void)remove(copy);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < GOLDEN_COUNT; i++)
        if (strcmp(golden_files[i].name, argv[1]) == 0) {
            make(&golden_files[i], argv[2]);
            return 0;
        }
    (void)fprintf(stderr, "make_golden NAME FOLDER; names are those of golden.h\n");
    return 2;
}
