/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_recover.c - what a SEGMENT record of the log says is checked before it is believed
 * (engine/recover.c, contract I5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "format/manifest.h"
#include "support/bare_db.h"
#include "support/faultvfs.h"
#include "support/scratch.h"

#define SEGMENT_OFF 4096u

/* Whether the log goes on behind a record that names one segment of `size` bytes; its file ends
 * behind the first 8 of them, which are right. Nothing of it may be read or held in memory. */
static bool recover_believes(const char *path, uint64_t size)
{
    static const uint8_t magic[] = "NTSSEG1\n";
    const struct nts_segment_entry entry = {.table_id = 1,
                                            .row_count = 10,
                                            .segment_id = 7,
                                            .off = SEGMENT_OFF,
                                            .size = size,
                                            .seq_first = 1,
                                            .seq_last = 10};
    uint8_t payload[NTS_SEGMENT_ENTRY_SIZE];
    const struct nts_wal_record record = {.size = NTS_WAL_RECORD_HEADER_SIZE + sizeof payload,
                                          .kind = NTS_WAL_SEGMENT,
                                          .first_seq = 1,
                                          .table_id = 1,
                                          .row_count = 10,
                                          .payload = payload};
    struct faultvfs faults;
    struct bare_db bare;

    nts_segment_entry_encode(&entry, payload);
    faultvfs_init(&faults, nts_vfs_posix());
    bare_db_open(&bare);
    assert_int_equal(faults.vfs.open(&faults.vfs, nts_alloc_libc(), path, NANOTS_VFS_CREATE,
                                     &bare.db.file, NULL),
                     NANOTS_OK);
    struct nanots_file *file = bare.db.file;
    assert_int_equal(file->ops->write_at(file, magic, 8, SEGMENT_OFF, false, NULL), NANOTS_OK);
    faultalloc_fail(&bare.memory, UINT64_MAX, false);
    const bool is_believed = nts_recover_check_segments(&bare.db, &record);
    assert_int_equal(bare.memory.call_count, 0);
    assert_int_equal(faultvfs_count(&faults, FAULTVFS_READ), 0);
    assert_int_equal(nts_recover_check_result(&bare.db, NULL), NANOTS_OK);
    file->ops->close(file);
    bare_db_close(&bare);
    faultvfs_deinit(&faults);
    return is_believed;
}

/* Goal: sizes below those of a header, or beyond the file, end the log, and cost nothing. */
static void recover_segments_of_impossible_size_end_the_log(void **state)
{
    const struct scratch *scratch = *state;
    const uint64_t sizes[] = {8, 72, 80, 104, 4096, 1ull << 32, (1ull << 32) + 8, 1ull << 61};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_false(recover_believes(scratch->path, sizes[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(recover_segments_of_impossible_size_end_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
