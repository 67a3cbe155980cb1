/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_strings.c - vectors of strings (codec/strings.h): what goes in comes out, small,
 * deterministic, inside its bytes and its memory; bad bytes never do worse than a status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "codec/strings.h"
#include "support/faultalloc.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT      NTS_VECTOR_ROWS
#define BYTES_MAX  (4u << 20)
#define KIND_COUNT 9u
#define BASE       1000

static uint64_t seed;
static struct faultalloc memory;
static struct nts_strings_work *work;
static uint8_t *text; /* BYTES_MAX */
static int32_t offsets[COUNT + 1];
static int32_t offsets_read[COUNT + 1];
static struct guard encoded;
static struct guard decoded;

static size_t text_size(size_t count)
{
    return (size_t)(offsets[count] - offsets[0]);
}

static void append(size_t i, const char *string, size_t size)
{
    memcpy(text + offsets[i], string, size);
    offsets[i + 1] = offsets[i] + (int32_t)size;
}

static void append_text(size_t i, const char *string)
{
    append(i, string, strlen(string));
}

static void append_kind(unsigned kind, size_t i)
{
    static const char *const states[] = {"running", "idle",
                                         ("fault: \xC3\xBC"
                                          "berhitzt"),
                                         "", "off"};
    static const char *const verbs[] = {"GET", "PUT", "POST", "DELETE"};
    const uint64_t random = seed_next(&seed);
    char line[4096];

    switch (kind) {
    case 0:
        append_text(i, states[random % 5]);
        return;
    case 1: /* steps */
        append_text(i, states[i / 100 % 5]);
        return;
    case 2: /* all empty */
        append_text(i, "");
        return;
    case 3: /* log lines */
        (void)snprintf(line, sizeof line,
                       "2026-11-22T21:%02u:%02u level=info host=web-%u %s /api/v1/"
                       "items/%u status=%u bytes=%u",
                       (unsigned)(i / 60 % 60), (unsigned)(i % 60), (unsigned)(random % 8),
                       verbs[random / 8 % 4], (unsigned)(random / 32 % 5000),
                       random % 20 == 0 ? 404u : 200u, (unsigned)(random >> 40) % 100000);
        append_text(i, line);
        return;
    case 4: /* identifiers */
        (void)snprintf(line, sizeof line, "%016llx", (unsigned long long)random);
        append_text(i, line);
        return;
    case 5: /* tags of some hosts */
        (void)snprintf(line, sizeof line, "datacenter-%u/rack-%02u/host-%03u",
                       (unsigned)(random % 200 % 3), (unsigned)(random % 200 % 7),
                       (unsigned)(random % 200));
        append_text(i, line);
        return;
    case 6: /* any lengths */
        memset(line, 'x', sizeof line);
        append(i, line, random % 50 == 0 ? random % sizeof line : random % 3);
        return;
    case 7: /* few, long, some alike */
        memset(line, 'a' + (int)(random % 3), sizeof line);
        append(i, line, i % 100 == 0 ? 3000 + random % 3 : 0);
        return;
    default: /* numbers that rise */
        (void)snprintf(line, sizeof line, "%u", (unsigned)i + 100000u);
        append_text(i, line);
        return;
    }
}

static void strings_fill(unsigned kind, size_t count, int32_t first)
{
    offsets[0] = first;
    for (size_t i = 0; i < count; i++)
        append_kind(kind, i);
}

static void check_decodes(const uint8_t *src, size_t size, size_t count)
{
    const size_t byte_count = text_size(count);
    uint8_t *const bytes = guard_at_end(&decoded, byte_count);
    uint64_t peeked = UINT64_MAX;

    assert_int_equal(nts_strings_peek(src, size, count, &peeked), NANOTS_OK);
    assert_int_equal(peeked, byte_count);
    assert_int_equal(
        nts_strings_decode(work, bytes, byte_count, offsets_read, BASE, count, src, size),
        NANOTS_OK);
    assert_memory_equal(bytes, text + offsets[0], byte_count);
    for (size_t i = 0; i <= count; i++)
        assert_int_equal(offsets_read[i] - BASE, offsets[i] - offsets[0]);
}

/* Returns the size; the bytes are at the start of `encoded`. */
static size_t check_strings(size_t count)
{
    const size_t bound = nts_strings_bound(count, text_size(count));
    uint8_t *const room = guard_at_end(&encoded, bound);
    size_t size = 0;
    size_t again_size = 0;

    assert_int_equal(
        nts_strings_encode(work, room, &size, text, offsets, count, NTS_STRINGS_SMALLEST),
        NANOTS_OK);
    assert_in_range(size, 1, bound);
    uint8_t *const high = guard_at_end(&encoded, size);
    memmove(high, room, size);
    check_decodes(high, size, count);
    uint8_t *const copy = nts_alloc(nts_alloc_libc(), bound);
    assert_non_null(copy);
    assert_int_equal(
        nts_strings_encode(work, copy, &again_size, text, offsets, count, NTS_STRINGS_SMALLEST),
        NANOTS_OK);
    assert_int_equal(again_size, size);
    assert_memory_equal(copy, high, size);
    memmove(guard_at_start(&encoded), copy, size);
    nts_free(copy);
    return size;
}

static void strings_of_every_kind_round_trip(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        for (size_t step = 1; step <= 44; step++) {
            const size_t count = step <= 40 ? step : COUNT + step - 44;
            strings_fill(kind, count, (int32_t)(seed_next(&seed) % 50));
            (void)check_strings(count);
        }
}

static void strings_sizes_are_those_expected(void **state)
{
    static const struct {
        const char *name;
        const char *form;
        size_t size_max; /* of 1024 strings, with zstd where that is the form */
    } wanted[KIND_COUNT] = {
        {"states", "dictionary", 450},
        {"steps", "dictionary", 80},
        {"empty", "plain", 5},
        {"log lines", "plain+zstd", 25000},
        {"identifiers", "plain+zstd", 11000},
        {"hosts", "dictionary+zstd", 2500},
        {"any lengths", NULL, 4000},
        {"few, long", "dictionary+zstd", 200},
        {"numbers", "plain+zstd", 3500},
    };
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        strings_fill(kind, COUNT, 0);
        const size_t size = check_strings(COUNT);
        const char *const form = nts_strings_form_name(*guard_at_start(&encoded));
        (void)printf("# %-12s %-16s %8zu of %8zu bytes\n", wanted[kind].name, form, size,
                     text_size(COUNT));
        if (!nts_compress_is_built_in())
            continue;
        if (wanted[kind].form != NULL)
            assert_string_equal(form, wanted[kind].form);
        assert_in_range(size, 1, wanted[kind].size_max);
    }
    assert_null(nts_strings_form_name(4));
}

static void strings_of_megabytes_round_trip(void **state)
{
    (void)state;
    offsets[0] = 0;
    memset(text, 'z', BYTES_MAX);
    for (size_t i = 0; i < BYTES_MAX; i += 1 + seed_next(&seed) % 7)
        text[i] = (uint8_t)('a' + seed_next(&seed) % 26);
    offsets[1] = 1 << 20;
    offsets[2] = 1 << 20;
    offsets[3] = BYTES_MAX;
    (void)check_strings(3);
    offsets[0] = 1 << 20; /* nothing at all */
    (void)check_strings(1);
    size_t size;
    uint8_t nothing[16];
    offsets[0] = offsets[1] = 0;
    assert_int_equal(
        nts_strings_encode(work, nothing, &size, NULL, offsets, 1, NTS_STRINGS_SMALLEST),
        NANOTS_OK);
    assert_int_equal(nts_strings_decode(work, NULL, 0, offsets_read, 0, 1, nothing, size),
                     NANOTS_OK);
}

/* The worked examples of SPEC.md 7.11. */
static void check_golden(const char *const *strings, size_t count, const char *bytes, size_t size)
{
    uint8_t written[256];
    size_t written_size;

    offsets[0] = 0;
    for (size_t i = 0; i < count; i++)
        append_text(i, strings[i]);
    assert_int_equal(nts_strings_encode(work, written, &written_size, text, offsets, count,
                                        NTS_STRINGS_SMALLEST),
                     NANOTS_OK);
    assert_int_equal(written_size, size);
    assert_memory_equal(written, bytes, size);
    check_decodes(written, size, count);
}

static void strings_examples_of_the_spec_match(void **state)
{
    static const char *const plain[] = {"on", "", "\xC3\xBC"};
    static const char *const states[] = {"open", "open", "shut", "open", "shut", "open"};
    (void)state;
    check_golden(plain, 3, "\x00\x04\x04\x05\x02\x00\x22on\xC3\xBC", 11);
    check_golden(states, 6, "\x01\x18\x02\x02\x01\x08\x04\x05\x01\x00\x14openshut", 19);
}

static void check_refused(nanots_status wanted, const char *bytes, size_t size, size_t count)
{
    uint8_t *const src = guard_at_end(&encoded, size);
    uint64_t byte_count = 0;

    memcpy(src, bytes, size);
    nanots_status status = nts_strings_peek(src, size, count, &byte_count);
    if (status == NANOTS_OK && byte_count <= 1000)
        status = nts_strings_decode(work, guard_at_end(&decoded, byte_count), (size_t)byte_count,
                                    offsets_read, 0, count, src, size);
    assert_int_equal(status, wanted);
}

static void check_corrupt(const char *bytes, size_t size, size_t count)
{
    check_refused(NANOTS_CORRUPT, bytes, size, count);
}

static void strings_bytes_against_the_rules_are_corrupt(void **state)
{
    static const char plain[] = "\x00\x04\x04\x05\x02\x00\x22on\xC3\xBC";
    static const char states[] = "\x01\x18\x02\x02\x01\x08\x04\x05\x01\x00\x14openshut";
    (void)state;
    check_refused(NANOTS_OK, plain, 11, 3);
    check_refused(NANOTS_OK, states, 19, 6);
    for (size_t cut = 0; cut < 11; cut++)
        check_corrupt(plain, cut, 3);
    for (size_t cut = 0; cut < 19; cut++)
        check_corrupt(states, cut, 6);
    check_corrupt(plain, 12, 3);
    check_corrupt(states, 20, 6);
    check_corrupt("\x04\x04\x04\x05\x02\x00\x22on\xC3\xBC", 11, 3); /* form */
    check_corrupt("\x00\x03\x04\x05\x02\x00\x22on\xC3", 10, 3);     /* total */
    check_corrupt("\x00\x05\x04\x05\x02\x00\x22on\xC3\xBCx", 12, 3);
    check_corrupt("\x00\x04\x04\x05\x02\x00\x22on\xC3\x3C", 11, 3); /* UTF-8 */
    check_corrupt("\x00\x04\x04\x05\x02\x00\x15on\xC3\xBC", 11, 3); /* cut inside of a character */
    check_corrupt("\x00\x04\x05\x05\x02\x00\x22o\xC3\xBC", 10, 3);
    check_corrupt("\x00\x01\x02\x01\x01x", 6, 1);            /* length of -1 */
    check_corrupt("\x00\xff\xff\xff\xff\x0f\x01\x01", 8, 1); /* gigabytes */
    check_corrupt("\x02\xff\xff\xff\xff\x07\x01\x01\x28\xb5\x2f\xfd", 12, 1);
    check_corrupt("\x01\x18\x00\x02\x01\x08\x04\x05\x01\x00\x14openshut", 19, 6); /* no entries */
    check_corrupt("\x01\x18\x07\x02\x01\x08\x04\x05\x01\x00\x14openshut", 19, 6);
    check_corrupt("\x01\x18\x02\x02\x01\x08\x04\x05\x01\x00\x15openshut", 19, 6); /* 1 before 0 */
    check_corrupt("\x01\x18\x02\x02\x01\x08\x01\x01openshut", 16, 6); /* an entry without rows */
    check_corrupt("\x01\x18\x02\x02\x01\x08\x02\x01\x04openshut", 17, 6); /* code of no entry */
    check_corrupt("\x01\x17\x02\x02\x01\x08\x04\x05\x01\x00\x14openshut", 19, 6);
}

static void strings_without_zstd_are_told_from_damage(void **state)
{
    (void)state;
    /* "abababab" in a frame of one raw block. */
    static const char bytes[] = "\x02\x08\x02\x01\x10\x28\xb5\x2f\xfd\x20\x08\x41\x00\x00"
                                "abababab";
    const bool can = nts_compress_is_built_in();
    check_refused(can ? NANOTS_OK : NANOTS_UNSUPPORTED, bytes, sizeof bytes - 1, 1);
    check_refused(can ? NANOTS_CORRUPT : NANOTS_UNSUPPORTED, bytes, sizeof bytes - 2, 1);
    check_refused(can ? NANOTS_CORRUPT : NANOTS_UNSUPPORTED, "\x02\x00\x01\x01", 4, 1);
    check_corrupt("\x02\xff\xff\xff\xff\x07\x01\x01\x28\xb5\x2f\xfd", 12, 1); /* gigabytes */
}

/* Goal: damage is CORRUPT or other strings, never more memory than promised. */
static void strings_damaged_bytes_do_no_harm(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 4000; round++) {
        const size_t count = 1 + seed_next(&seed) % (round % 10 ? 40 : COUNT);
        strings_fill(round % KIND_COUNT, count, 0);
        size_t size = 0;
        uint64_t byte_count;
        uint8_t *const room = guard_at_start(&encoded);
        assert_int_equal(
            nts_strings_encode(work, room, &size, text, offsets, count, NTS_STRINGS_SMALLEST),
            NANOTS_OK);
        for (uint64_t flips = 1 + seed_next(&seed) % 3; flips > 0; flips--)
            room[seed_next(&seed) % (size < 40 || flips == 1 ? size : 40)] ^=
                (uint8_t)(1 + seed_next(&seed) % 255);
        size -= seed_next(&seed) % 8 == 0;
        uint8_t *const src = guard_at_end(&encoded, size);
        memmove(src, room, size);
        if (nts_strings_peek(src, size, count, &byte_count) != NANOTS_OK || byte_count > BYTES_MAX)
            continue;
        const nanots_status status =
            nts_strings_decode(work, guard_at_end(&decoded, byte_count), (size_t)byte_count,
                               offsets_read, 0, count, src, size);
        assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT ||
                    (status == NANOTS_UNSUPPORTED && !nts_compress_is_built_in()));
        assert_int_equal(nts_strings_decode(work, guard_at_end(&decoded, byte_count + 1),
                                            (size_t)byte_count + 1, offsets_read, 0, count, src,
                                            size),
                         NANOTS_CORRUPT);
    }
}

static void strings_every_allocation_may_fail(void **state)
{
    size_t size;
    (void)state;
    strings_fill(5, COUNT, 0);
    for (uint64_t k = 0; k < 100; k++) {
        nts_strings_work_deinit(work);
        assert_int_equal(memory.block_count, 0);
        faultalloc_fail(&memory, k, false);
        uint8_t *const room = guard_at_end(&encoded, nts_strings_bound(COUNT, text_size(COUNT)));
        nanots_status status =
            nts_strings_encode(work, room, &size, text, offsets, COUNT, NTS_STRINGS_SMALLEST);
        if (status == NANOTS_OK) {
            nts_compressor_deinit(&work->compressor);
            status = nts_strings_decode(work, guard_at_end(&decoded, text_size(COUNT)),
                                        text_size(COUNT), offsets_read, 0, COUNT, room, size);
        }
        assert_int_equal(status, memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
        if (!memory.failed)
            break;
        assert_in_range(k, 0, 98);
    }
    faultalloc_fail(&memory, UINT64_MAX, false);
}

static int open_all(void **state)
{
    (void)state;
    seed = seed_of_run();
    faultalloc_init(&memory);
    work = nts_alloc(nts_alloc_libc(), sizeof *work);
    text = nts_alloc(nts_alloc_libc(), BYTES_MAX);
    if (work == NULL || text == NULL)
        return 1;
    nts_strings_work_init(work, &memory.alloc);
    encoded = guard_open(nts_strings_bound(COUNT, BYTES_MAX));
    decoded = guard_open(BYTES_MAX + 1);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    nts_strings_work_deinit(work);
    const bool leaks = memory.block_count != 0;
    nts_free(work);
    nts_free(text);
    faultalloc_deinit(&memory);
    guard_close(&encoded);
    guard_close(&decoded);
    return leaks;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_of_every_kind_round_trip),
        cmocka_unit_test(strings_sizes_are_those_expected),
        cmocka_unit_test(strings_of_megabytes_round_trip),
        cmocka_unit_test(strings_examples_of_the_spec_match),
        cmocka_unit_test(strings_bytes_against_the_rules_are_corrupt),
        cmocka_unit_test(strings_without_zstd_are_told_from_damage),
        cmocka_unit_test(strings_damaged_bytes_do_no_harm),
        cmocka_unit_test(strings_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
