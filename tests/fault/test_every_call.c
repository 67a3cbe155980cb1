/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_every_call.c - every public call meets every failure of memory and disk (contract I1,
 * I2, I5, I7).
 *
 *   each call of support/every_call.h
 *     x  memory missing | EIO | a full disk | a write cut short | a failed sync | a failed mapping
 *     x  once | from then on
 *     x  at the 1st, 2nd, 3rd ... allocation or operation of the call
 *     -> a status that says so, with a sentence, or success
 *     -> handles close, nothing leaks
 *     -> the file opens, verifies, and is as before the call or as after it; the latter if the call
 *        succeeded; the same of a file that the call writes beside it
 *
 * STRIDE=<n> in the environment: every n-th place, beginning with one that the seed chooses (11).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "support/every_call.h"
#include "support/seed.h"
#include "support/typed_model.h"

#define USUAL 11u

struct fault_kind {
    const char *name;
    unsigned operations; /* FAULTVFS_*; 0: allocations */
    int os_errno;
    bool is_short;
};

static const struct fault_kind kinds[] = {
    {"no memory", 0, 0, false},
    {"EIO", FAULTVFS_ALL, EIO, false},
    {"ENOSPC", FAULTVFS_WRITE | FAULTVFS_TRUNCATE | FAULTVFS_ALLOCATE, ENOSPC, false},
    {"short write", FAULTVFS_WRITE, EIO, true},
    {"failed sync", FAULTVFS_SYNC, EIO, false},
    {"failed map", FAULTVFS_MAP | FAULTVFS_POPULATE, ENOMEM, false},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* One place of a failure. */
struct trial {
    const struct every_call *call;
    const struct fault_kind *kind;
    const struct memvfs *base;
    bool sticky;
    bool no_wal_map;
    uint64_t index;
    uint64_t before; /* digests of the file */
    uint64_t after;
};

static void trial_require(const struct trial *trial, bool holds, const char *what,
                          const char *detail)
{
    if (!holds)
        fail_msg("%s %s: %s %s at %llu, %s log: %s: %s", trial->call->name, trial->call->way,
                 trial->kind == NULL ? "nothing" : trial->kind->name,
                 trial->sticky ? "from" : "once", (unsigned long long)trial->index,
                 trial->no_wal_map ? "written" : "mapped", what, detail);
}

/* What a file holds, after a verification; false if it does not open. */
static bool trial_look(const struct trial *trial, struct memvfs *disk, const char *path,
                       uint32_t flags, uint64_t *digest_out)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .flags = flags, .vfs = &disk->vfs};
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_error error;
    struct nanots_db *db = NULL;
    *digest_out = 0;
    const nanots_status status = nanots_open(path, &options, &db, &error);
    trial_require(trial,
                  status == NANOTS_OK || status == NANOTS_NOT_FOUND || status == NANOTS_CORRUPT,
                  "open", error.message);
    if (status != NANOTS_OK)
        return false;
    trial_require(trial, typed_db_digest(db, digest_out, &error) == NANOTS_OK, "read",
                  error.message);
    trial_require(trial, nanots_verify(db, NULL, NULL, &report, &error) == NANOTS_OK, "verify",
                  error.message);
    trial_require(trial, report.damage == 0, "verify", "damage");
    trial_require(trial, nanots_close(db, &error) == NANOTS_OK, "close", error.message);
    return true;
}

static bool trial_arm(const struct trial *trial, struct every_call_stage *stage)
{
    if (trial->kind == NULL)
        return false;
    stage->faults.short_writes = trial->kind->is_short;
    if (trial->kind->operations == 0)
        faultalloc_fail(&stage->memory, trial->index, trial->sticky);
    else
        faultvfs_fail(&stage->faults, trial->kind->operations, trial->index, trial->kind->os_errno,
                      trial->sticky);
    return true;
}

static void trial_check_status(const struct trial *trial, bool failed, nanots_status status,
                               const struct nanots_error *error)
{
    if (status == NANOTS_OK)
        return;
    trial_require(trial, failed, "failed for nothing", error->message);
    trial_require(trial,
                  status == NANOTS_NO_MEMORY || status == NANOTS_IO || status == NANOTS_NO_SPACE ||
                      status == NANOTS_POISONED,
                  nanots_status_name(status), error->message);
    trial_require(trial, error->code == status && error->message[0] != '\0', "no sentence", "");
}

static void trial_check_files(const struct trial *trial, struct memvfs *disk, bool was_ok,
                              bool lost_rows)
{
    uint64_t digest = 0;
    const bool opens = trial_look(trial, disk, EVERY_CALL_PATH, 0, &digest);
    trial_require(trial, opens, "the file", "does not open");
    if (was_ok || !trial->call->in_parts)
        trial_require(trial, digest == trial->after || (!was_ok && digest == trial->before),
                      "the file", was_ok ? "is not as after the call" : "is in between");
    if (trial->call->out_path == NULL || lost_rows)
        return;
    uint64_t out = 0;
    const bool out_opens =
        trial_look(trial, disk, trial->call->out_path, NANOTS_OPEN_READ_ONLY, &out);
    trial_require(trial, !was_ok || (out_opens && out == trial->before), "the new file",
                  "is not what was copied");
}

/* Runs the call once with its failure; false if it came not so far. Without a failure, finds out
 * what the file holds before and after. */
static bool trial_run(struct trial *trial)
{
    struct every_call_stage *stage = calloc(1, sizeof *stage);
    struct nanots_error error = {NANOTS_OK, 0, ""};
    assert_non_null(stage);
    memvfs_branch(trial->base, MEMVFS_KEEP_ALL, &stage->disk);
    every_call_begin(stage, trial->call->needs, trial->no_wal_map);
    const bool is_armed = trial_arm(trial, stage);
    const nanots_status status = trial->call->run(stage, &error);
    const bool failed = stage->faults.failed || stage->memory.failed;
    faultvfs_heal(&stage->faults);
    faultalloc_heal(&stage->memory);
    trial_check_status(trial, failed, status, &error);
    every_call_end(stage);
    if (is_armed)
        trial_check_files(trial, &stage->disk, status == NANOTS_OK, stage->lost_rows);
    else
        (void)trial_look(trial, &stage->disk, EVERY_CALL_PATH, 0, &trial->after);
    memvfs_deinit(&stage->disk);
    free(stage);
    return failed;
}

/* What the file holds without the call. */
static void trial_measure(struct trial *trial)
{
    struct every_call_stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    trial->kind = NULL;
    memvfs_branch(trial->base, MEMVFS_KEEP_ALL, &stage->disk);
    every_call_begin(stage, trial->call->needs, trial->no_wal_map);
    every_call_end(stage);
    (void)trial_look(trial, &stage->disk, EVERY_CALL_PATH, 0, &trial->before);
    memvfs_deinit(&stage->disk);
    free(stage);
    assert_false(trial_run(trial));
}

static uint64_t trial_everywhere(struct trial *trial, uint64_t stride, uint64_t *random)
{
    uint64_t failures = 0;
    trial_measure(trial);
    for (size_t k = 0; k < 2 * KINDS; k++) {
        trial->kind = &kinds[k / 2];
        trial->sticky = k % 2 != 0;
        for (trial->index = seed_next(random) % stride; trial_run(trial); trial->index += stride)
            failures++;
    }
    return failures;
}

static void every_call_survives_every_failure(bool no_wal_map)
{
    uint64_t random = seed_of_run();
    const uint64_t stride = seed_amount("STRIDE", USUAL);
    struct memvfs base;
    uint64_t failures = 0;
    memvfs_init(&base);
    every_call_make_file(&base);
    for (size_t i = 0; i < every_call_count; i++) {
        struct trial trial = {.call = &every_calls[i], .base = &base, .no_wal_map = no_wal_map};
        failures += trial_everywhere(&trial, stride, &random);
    }
    memvfs_deinit(&base);
    (void)printf("# %zu calls, %llu failures\n", every_call_count, (unsigned long long)failures);
    assert_true(failures > 100);
}

static void every_call_with_a_mapped_log(void **state)
{
    (void)state;
    every_call_survives_every_failure(false);
}

static void every_call_with_a_written_log(void **state)
{
    (void)state;
    every_call_survives_every_failure(true);
}

/* ---- completeness ------------------------------------------------------------------------- */

/* That give no status, or touch neither memory nor disk. */
static const char *const exempt[] = {
    "nanots_status_name", "nanots_status_text",    "nanots_version",     "nanots_type_name",
    "nanots_free",        "nanots_time_unit_name", "nanots_query_close", "nanots_codec_name",
    "nanots_tier_name",   "nanots_batch_rollback", "nanots_vfs_default",
};

static bool is_covered(const char *name)
{
    for (size_t i = 0; i < sizeof exempt / sizeof exempt[0]; i++)
        if (strcmp(exempt[i], name) == 0)
            return true;
    for (size_t i = 0; i < every_call_count; i++)
        if (strcmp(every_calls[i].name, name) == 0)
            return true;
    return false;
}

/* A declaration begins with NANOTS_API and has its name before the first bracket. */
static unsigned check_header(const char *path)
{
    static char text[200000];
    unsigned count = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t size = fread(text, 1, sizeof text - 1, file);
    assert_int_equal(fclose(file), 0);
    text[size] = '\0';
    for (const char *at = strstr(text, "NANOTS_API "); at != NULL;
         at = strstr(at + 1, "NANOTS_API ")) {
        const char *end = strchr(at, '(');
        if (end == NULL || strncmp(at - 8, "#define ", 8) == 0)
            continue;
        const char *begin = end;
        while (begin > at && (begin[-1] == '_' || (begin[-1] >= 'a' && begin[-1] <= 'z')))
            begin--;
        char name[80] = "";
        assert_true((size_t)(end - begin) < sizeof name);
        memcpy(name, begin, (size_t)(end - begin));
        if (!is_covered(name))
            fail_msg("%s is in no list of support/every_call.c", name);
        count++;
    }
    return count;
}

static void every_call_of_the_headers_is_tried(void **state)
{
    (void)state;
    const unsigned count = check_header(NANOTS_SOURCE_DIR "/include/nanots.h") +
                           check_header(NANOTS_SOURCE_DIR "/include/nanots_arrow.h");
    (void)printf("# %u declarations\n", count);
    assert_true(count >= 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_with_a_mapped_log),
        cmocka_unit_test(every_call_with_a_written_log),
        cmocka_unit_test(every_call_of_the_headers_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
