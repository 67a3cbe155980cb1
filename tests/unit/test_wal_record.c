/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_wal_record.c - one record of the log (format/wal_record.h, SPEC.md 5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/limits.h"
#include "format/wal_record.h"
#include "support/guard.h"
#include "util/checksum.h"

#define SALT         0x5A17u
#define PREV         0x0102030405060708u
#define PAYLOAD_SIZE 72u
#define RECORD_SIZE  (NTS_WAL_RECORD_HEADER_SIZE + PAYLOAD_SIZE)

static struct nts_wal_record record_sample(uint8_t bytes[RECORD_SIZE])
{
    struct nts_wal_record record = {.size = RECORD_SIZE,
                                    .kind = NTS_WAL_ROWS,
                                    .column_count = 2,
                                    .prev_checksum = PREV,
                                    .first_seq = 1000,
                                    .synced_seq = 900,
                                    .table_id = 7,
                                    .row_count = 3};
    for (size_t i = 0; i < PAYLOAD_SIZE; i++)
        bytes[NTS_WAL_RECORD_HEADER_SIZE + i] = (uint8_t)(i * 7);
    nts_wal_record_encode(
        &record, nts_wal_payload_checksum(bytes + NTS_WAL_RECORD_HEADER_SIZE, PAYLOAD_SIZE, SALT),
        bytes);
    return record;
}

/* Goal: every field comes back from the place that SPEC.md gives it. */
static void wal_record_round_trips_every_field(void **state)
{
    uint8_t bytes[RECORD_SIZE];
    struct nts_wal_record out;
    (void)state;
    const struct nts_wal_record record = record_sample(bytes);
    assert_int_equal(nts_load_u32(bytes + 8), RECORD_SIZE);
    assert_int_equal(bytes[12], 1);
    assert_int_equal(bytes[13], 7); /* 900 lies 100 rows before 1000: 2^7 reach there */
    assert_int_equal(nts_load_u16(bytes + 14), 2);
    assert_int_equal(nts_load_u64(bytes + 16), 1000);
    assert_int_equal(nts_load_u32(bytes + 24), 7);
    assert_int_equal(nts_load_u32(bytes + 28), 3);
    const uint64_t payload = nts_checksum_seeded(bytes + 32, PAYLOAD_SIZE, SALT);
    assert_int_equal(nts_load_u64(bytes), nts_checksum_seeded(bytes + 8, 24, payload ^ PREV));
    assert_true(nts_wal_record_decode(bytes, sizeof bytes, SALT, PREV, &out));
    assert_int_equal(out.checksum, record.checksum);
    assert_int_equal(out.size, record.size);
    assert_int_equal(out.kind, record.kind);
    assert_int_equal(out.column_count, 2);
    assert_int_equal(out.prev_checksum, record.prev_checksum);
    assert_int_equal(out.first_seq, 1000);
    assert_int_equal(out.synced_seq, 1000 - 128);
    assert_int_equal(out.table_id, 7);
    assert_int_equal(out.row_count, 3);
    assert_ptr_equal(out.payload, bytes + 32);
}

/* Goal: no flipped bit passes. Method: every bit of header and payload. */
static void wal_record_any_flipped_bit_is_detected(void **state)
{
    uint8_t bytes[RECORD_SIZE];
    struct nts_wal_record out;
    (void)state;
    (void)record_sample(bytes);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(nts_wal_record_decode(bytes, sizeof bytes, SALT, PREV, &out));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(nts_wal_record_decode(bytes, sizeof bytes, SALT, PREV, &out));
}

/* Goal: a record under another salt or behind another record, or one that is not whole, is none,
 * and no read leaves the bytes given. Method: every size up to the record's, at a guard page. */
static void wal_record_of_another_salt_or_cut_short_is_none(void **state)
{
    struct guard guard = guard_open(RECORD_SIZE);
    uint8_t bytes[RECORD_SIZE];
    struct nts_wal_record out;
    (void)state;
    (void)record_sample(bytes);
    assert_false(nts_wal_record_decode(bytes, sizeof bytes, SALT + 1, PREV, &out));
    assert_false(nts_wal_record_decode(bytes, sizeof bytes, SALT, PREV + 1, &out));
    for (size_t size = 0; size <= RECORD_SIZE; size++) {
        uint8_t *cut = guard_at_end(&guard, size);
        memcpy(cut, bytes, size);
        assert_int_equal(nts_wal_record_decode(cut, size, SALT, PREV, &out), size == RECORD_SIZE);
    }
    guard_close(&guard);
}

/* Goal: kinds, sizes and seqs that no version writes are refused though the checksum is right. */
static void wal_record_impossible_header_is_none(void **state)
{
    (void)state;
    for (unsigned field = 0; field < 8; field++) {
        uint8_t bytes[RECORD_SIZE];
        struct nts_wal_record out;
        (void)record_sample(bytes);
        size_t payload_size = PAYLOAD_SIZE;
        if (field == 0 || field == 1)
            bytes[12] = field == 0 ? 0 : NTS_WAL_KIND_END;
        if (field == 2)
            bytes[13] = 64;
        if (field >= 6)
            nts_store_u64(bytes + 16, field == 6 ? 0 : NTS_NUMBER_MAX + 1);
        if (field >= 3 && field < 6) {
            static const uint32_t sizes[] = {RECORD_SIZE - 4, 24, RECORD_SIZE + 8};
            nts_store_u32(bytes + 8, sizes[field - 3]);
            payload_size = field == 3 ? PAYLOAD_SIZE - 4 : field == 4 ? 0 : PAYLOAD_SIZE;
        }
        const uint64_t payload = nts_wal_payload_checksum(bytes + 32, payload_size, SALT);
        nts_store_u64(bytes, nts_checksum_seeded(bytes + 8, 24, payload ^ PREV));
        assert_false(nts_wal_record_decode(bytes, sizeof bytes, SALT, PREV, &out));
    }
}

/* Goal: what a record says of durable rows is never more than what was known, and exact for the
 * first record after a sync. */
static void wal_record_synced_seq_is_never_overstated(void **state)
{
    (void)state;
    for (uint64_t first_seq = 1; first_seq < 300; first_seq++) {
        for (uint64_t synced_seq = 0; synced_seq < first_seq; synced_seq++) {
            uint8_t bytes[NTS_WAL_RECORD_HEADER_SIZE];
            struct nts_wal_record out;
            struct nts_wal_record record = {.size = sizeof bytes,
                                            .kind = NTS_WAL_GROUP_BEGIN,
                                            .first_seq = first_seq,
                                            .synced_seq = synced_seq};
            nts_wal_record_encode(&record, 0, bytes);
            assert_true(nts_wal_record_peek(bytes, sizeof bytes, &out));
            assert_true(out.synced_seq <= synced_seq);
            const uint64_t reach = 2 * (first_seq - synced_seq);
            assert_true(first_seq <= reach || out.synced_seq >= first_seq - reach);
            if (synced_seq == first_seq - 1)
                assert_int_equal(out.synced_seq, synced_seq);
        }
    }
}

/* Goal: the next record of such rows is told from any other by its header; checksum and lag may be
 * what they will. Method: every bit of the header, every size that is too small. */
static void wal_record_is_alike_but_for_its_rows(void **state)
{
    uint8_t bytes[RECORD_SIZE];
    (void)state;
    const struct nts_wal_record record = record_sample(bytes);
    assert_true(nts_wal_record_is_alike(bytes, sizeof bytes, &record, 1000));
    assert_false(nts_wal_record_is_alike(bytes, sizeof bytes, &record, 1001));
    for (size_t size = 0; size < sizeof bytes; size++)
        assert_false(nts_wal_record_is_alike(bytes, size, &record, 1000));
    for (size_t bit = 0; bit < 8 * NTS_WAL_RECORD_HEADER_SIZE; bit++) {
        const bool is_compared = bit / 8 >= 8 && bit / 8 != 13;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(nts_wal_record_is_alike(bytes, sizeof bytes, &record, 1000), !is_compared);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wal_record_round_trips_every_field),
        cmocka_unit_test(wal_record_any_flipped_bit_is_detected),
        cmocka_unit_test(wal_record_of_another_salt_or_cut_short_is_none),
        cmocka_unit_test(wal_record_impossible_header_is_none),
        cmocka_unit_test(wal_record_synced_seq_is_never_overstated),
        cmocka_unit_test(wal_record_is_alike_but_for_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
