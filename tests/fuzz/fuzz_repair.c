/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_repair.c - a whole file in; out comes a repaired one that verifies, or a status.
 *
 * The input is that of support/file_image.h, which may put checksums right; bit 2 of byte 0: lost
 * values become null. The file is also opened as it is, read-only, and verified. Both files lie in
 * memory.
 */
#include <stdlib.h>

#include "nanots.h"
#include "support/file_image.h"
#include "support/memfile.h"

#define OUT_SIZE_MAX (64u << 20) /* the repaired file may be larger than the input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Rows that a verification counts, and places that are damaged. */
static uint64_t file_verify(struct memfile_disk *disk, const char *path, uint64_t *damage_out,
                            nanots_status *status_out)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .flags = NANOTS_OPEN_READ_ONLY, .vfs = &disk->vfs};
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_db *db = NULL;
    *damage_out = 0;
    *status_out = nanots_open(path, &options, &db, NULL);
    if (*status_out != NANOTS_OK)
        return 0;
    *status_out = nanots_verify(db, NULL, NULL, &report, NULL);
    if (nanots_close(db, NULL) != NANOTS_OK)
        abort();
    *damage_out = report.damage;
    return report.rows;
}

static void file_repair(struct memfile_disk *disk, uint32_t flags)
{
    const struct nanots_repair_options options = {
        .struct_size = sizeof options, .flags = flags, .vfs = &disk->vfs};
    struct nanots_repair_report report = {.struct_size = sizeof report};
    nanots_status status = nanots_repair("in", "out", &options, &report, NULL);
    uint64_t damage = 0;
    if (status != NANOTS_OK && status != NANOTS_NOT_A_DATABASE && status != NANOTS_CORRUPT &&
        status != NANOTS_NEWER_FORMAT && status != NANOTS_NO_SPACE && status != NANOTS_NO_MEMORY &&
        status != NANOTS_TOO_BIG && status != NANOTS_UNSUPPORTED)
        abort();
    if (status != NANOTS_OK)
        return;
    const uint64_t rows = file_verify(disk, "out", &damage, &status);
    if (status != NANOTS_OK || damage != 0 || rows != report.rows)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memfile_disk disk;
    struct file_image image;
    uint64_t damage = 0;
    nanots_status status;
    if (!file_image_load(&image, data, size))
        return 0;
    if ((data[0] & FILE_IMAGE_RESEAL) != 0)
        file_image_reseal(&image);
    memfile_init(&disk, OUT_SIZE_MAX);
    memfile_put(&disk, "in", image.bytes, image.size)->is_frozen = true;
    file_image_free(&image);
    (void)file_verify(&disk, "in", &damage, &status);
    file_repair(&disk, (data[0] & 4) != 0 ? NANOTS_REPAIR_NULL_LOST : 0);
    memfile_deinit(&disk);
    return 0;
}
