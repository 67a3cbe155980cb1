/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_table_change.c - changes of definitions (format/table_change.h, SPEC.md 4): bytes and
 * back, what becomes of a definition, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "format/table_change.h"
#include "support/faultalloc.h"

#define CHANGE_SEED 0xF11Eu

static const struct nanots_column sample_columns[] = {{"power", NANOTS_TYPE_F64, 0},
                                                      {"state", NANOTS_TYPE_UTF8, 1}};
static const struct nanots_table_options sample_options = {
    .unit = NANOTS_UNIT_NS, .duplicates = NANOTS_DUPLICATES_KEEP_LAST};

static struct nts_table_def *def_new(void)
{
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), 9, 1234, "boiler", sample_columns, 2, &sample_options);
    assert_non_null(def);
    return def;
}

/* The edit of a change; its body lives in `buf`. */
static struct nts_edit edit_of(const struct nts_table_change *change, struct nts_buf *buf)
{
    struct nts_edit edit = {.body = NULL};
    nts_buf_init(buf, nts_alloc_libc(), 1u << 16);
    assert_int_equal(nts_table_change_put(buf, CHANGE_SEED, change), NANOTS_OK);
    struct nts_manifest_reader reader = {
        .bytes = buf->bytes, .size = buf->size, .seed = CHANGE_SEED};
    assert_int_equal(nts_manifest_next(&reader, &edit, NULL), NANOTS_OK);
    assert_non_null(edit.body);
    assert_int_equal(edit.kind, change->kind);
    return edit;
}

static const enum nts_edit_kind kinds[] = {NTS_EDIT_COLUMN, NTS_EDIT_TABLE_DROP,
                                           NTS_EDIT_TABLE_RENAME, NTS_EDIT_COLUMN_RENAME};

/* A change of the kind, with all that an edit of it carries. */
static struct nts_table_change change_of(enum nts_edit_kind kind, size_t name_size)
{
    struct nts_table_change change = {.kind = kind, .table_id = 9};
    if (kind != NTS_EDIT_TABLE_DROP)
        memset(change.name, 'n', name_size);
    if (kind == NTS_EDIT_COLUMN || kind == NTS_EDIT_TABLE_DROP)
        change.seq = 0x123456789ABCDEFu;
    if (kind == NTS_EDIT_COLUMN_RENAME)
        change.column = 1;
    if (kind == NTS_EDIT_COLUMN) {
        change.type = NANOTS_TYPE_I32;
        change.flags = NANOTS_COLUMN_NULLABLE | NANOTS_COLUMN_CODEC(NANOTS_CODEC_DELTA2);
    }
    return change;
}

static void change_round_trips(void **state)
{
    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (size_t name_size = 1; name_size <= NTS_NAME_SIZE_MAX; name_size++) {
            const struct nts_table_change change = change_of(kinds[k], name_size);
            struct nts_table_change out;
            struct nts_buf buf;
            const struct nts_edit edit = edit_of(&change, &buf);
            assert_true(nts_table_change_decode(&edit, &out));
            assert_memory_equal(&out, &change, sizeof out);
            nts_buf_deinit(&buf);
        }
}

/* Goal: the bytes are those of SPEC.md 4. */
static void change_has_the_bytes_of_the_spec(void **state)
{
    static const uint8_t column[] = {9,    0,    0,    0,    0,    0, 0,    0, 0xEF, 0xCD, 0xAB,
                                     0x89, 0x67, 0x45, 0x23, 0x01, 4, 0x11, 2, 'n',  'n'};
    static const uint8_t renamed[] = {9, 0, 0, 0, 1, 0, 0, 0, 2, 'n', 'n', 0, 0, 0, 0, 0};
    struct nts_table_change change = change_of(NTS_EDIT_COLUMN, 2);
    struct nts_buf buf;
    (void)state;
    struct nts_edit edit = edit_of(&change, &buf);
    assert_memory_equal(edit.body, column, sizeof column);
    nts_buf_deinit(&buf);
    change = change_of(NTS_EDIT_COLUMN_RENAME, 2);
    edit = edit_of(&change, &buf);
    assert_int_equal(edit.body_size, sizeof renamed);
    assert_memory_equal(edit.body, renamed, sizeof renamed);
    nts_buf_deinit(&buf);
}

static void change_cut_short_is_none(void **state)
{
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        const struct nts_table_change change = change_of(kinds[k], 30);
        struct nts_table_change out;
        struct nts_buf buf;
        struct nts_edit edit = edit_of(&change, &buf);
        const size_t used = kinds[k] == NTS_EDIT_TABLE_DROP ? 16u
                            : kinds[k] == NTS_EDIT_COLUMN   ? 49u
                                                            : 39u;
        for (edit.body_size = 0; edit.body_size < used; edit.body_size++)
            assert_false(nts_table_change_decode(&edit, &out));
        assert_true(nts_table_change_decode(&edit, &out));
        nts_buf_deinit(&buf);
    }
}

/* Goal: types and flags that no added column has, names with a zero or of no UTF-8, bytes behind
 * the end, and edits of other kinds are refused. */
static void change_that_cannot_be_is_none(void **state)
{
    static const struct {
        enum nts_edit_kind kind;
        size_t at;
        uint8_t value;
    } wrong[] = {{NTS_EDIT_COLUMN, 16, 0},           {NTS_EDIT_COLUMN, 16, 7},
                 {NTS_EDIT_COLUMN, 17, 2},           {NTS_EDIT_COLUMN, 17, 0xFF},
                 {NTS_EDIT_COLUMN, 18, 0},           {NTS_EDIT_COLUMN, 18, 200},
                 {NTS_EDIT_COLUMN, 19, 0},           {NTS_EDIT_COLUMN, 19, 0xFF},
                 {NTS_EDIT_COLUMN, 22, 1},           {NTS_EDIT_TABLE_RENAME, 8, 0},
                 {NTS_EDIT_TABLE_RENAME, 8, 8},      {NTS_EDIT_TABLE_RENAME, 9, 0},
                 {NTS_EDIT_COLUMN_RENAME, 10, 0x80}, {NTS_EDIT_COLUMN_RENAME, 15, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct nts_table_change change = change_of(wrong[i].kind, 2);
        struct nts_table_change out;
        struct nts_buf buf;
        const struct nts_edit edit = edit_of(&change, &buf);
        assert_in_range(wrong[i].at, 0, edit.body_size - 1);
        buf.bytes[NTS_EDIT_HEADER_SIZE + wrong[i].at] = wrong[i].value;
        if (nts_table_change_decode(&edit, &out))
            fail_msg("wrong[%zu] passes", i);
        nts_buf_deinit(&buf);
    }
    const uint8_t body[32] = {9};
    for (int kind = 0; kind < 256; kind++) {
        const struct nts_edit edit = {
            .kind = (enum nts_edit_kind)kind, .body = body, .body_size = 32};
        struct nts_table_change out;
        assert_false(nts_table_change_decode(&edit, &out));
    }
}

static nanots_status apply(const struct nts_table_change *change, struct nts_table_def **def_out,
                           struct nanots_error *error)
{
    struct nts_table_def *def = def_new();
    const nanots_status status =
        nts_table_change_apply(nts_alloc_libc(), def, change, def_out, error);
    nts_free(def);
    return status;
}

/* Goal: what a change does not name stays: id, seq, unit, rule for duplicates, other columns. */
static void change_applies_to_what_it_names(void **state)
{
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        struct nts_table_change change = change_of(kinds[k], 2);
        struct nts_table_def *made = NULL;
        const bool adds = change.kind == NTS_EDIT_COLUMN;
        if (change.kind == NTS_EDIT_TABLE_DROP)
            continue;
        assert_int_equal(apply(&change, &made, NULL), NANOTS_OK);
        assert_int_equal(made->table_id, 9);
        assert_int_equal(made->created_seq, 1234);
        assert_int_equal(made->unit, NTS_UNIT_NS);
        assert_int_equal(made->duplicates, NTS_DUPLICATES_KEEP_LAST);
        assert_int_equal(made->column_count, adds ? 3 : 2);
        assert_string_equal(made->name, change.kind == NTS_EDIT_TABLE_RENAME ? "nn" : "boiler");
        assert_string_equal(made->columns[0].name, "power");
        assert_string_equal(made->columns[1].name,
                            change.kind == NTS_EDIT_COLUMN_RENAME ? "nn" : "state");
        assert_int_equal(made->columns[1].type, NANOTS_TYPE_UTF8);
        assert_int_equal(made->columns[1].flags, NTS_COLUMN_NULLABLE);
        assert_int_equal(made->nullable_count, adds ? 2 : 1);
        assert_false(made->is_plain);
        if (adds) {
            assert_string_equal(made->columns[2].name, "nn");
            assert_int_equal(made->columns[2].type, NANOTS_TYPE_I32);
            assert_int_equal(made->columns[2].nullable_index, 1);
        }
        nts_free(made);
    }
}

static void expect_refused(enum nts_edit_kind kind, uint32_t column, const char *name,
                           const char *part)
{
    struct nts_table_change change = change_of(kind, 0);
    struct nts_table_def *made = NULL;
    struct nanots_error error;
    change.column = column;
    (void)snprintf(change.name, sizeof change.name, "%s", name);
    assert_int_equal(apply(&change, &made, &error), NANOTS_INVALID);
    assert_null(made);
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' has no '%s'", error.message, part);
}

static void change_that_breaks_a_rule_is_refused(void **state)
{
    (void)state;
    expect_refused(NTS_EDIT_COLUMN, 0, "power", "column 'power' is given twice");
    expect_refused(NTS_EDIT_COLUMN, 0, "ts_ns", "reserved");
    expect_refused(NTS_EDIT_COLUMN, 0, "a\nb", "control character");
    expect_refused(NTS_EDIT_COLUMN_RENAME, 0, "state", "column 'state' is given twice");
    expect_refused(NTS_EDIT_COLUMN_RENAME, 2, "n", "'boiler' has no column 2");
    expect_refused(NTS_EDIT_COLUMN_RENAME, UINT32_MAX, "n", "no column");
    expect_refused(NTS_EDIT_COLUMN_RENAME, 1, "ts", "reserved");
    expect_refused(NTS_EDIT_TABLE_RENAME, 0, "nanots_log", "reserved");
}

static void change_of_the_widest_table_is_refused(void **state)
{
    static struct nanots_column columns[NTS_COLUMNS_MAX];
    static char names[NTS_COLUMNS_MAX][8];
    const struct nts_table_change change = change_of(NTS_EDIT_COLUMN, 9);
    struct nts_table_def *made = NULL;
    struct nanots_error error;
    (void)state;
    for (size_t i = 0; i < NTS_COLUMNS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "c%zu", i);
        columns[i] = (struct nanots_column){names[i], NANOTS_TYPE_BOOL, 0};
    }
    for (size_t count = NTS_COLUMNS_MAX - 1; count <= NTS_COLUMNS_MAX; count++) {
        struct nts_table_def *def =
            nts_table_def_new(nts_alloc_libc(), 1, 0, "wide", columns, count, NULL);
        assert_non_null(def);
        assert_int_equal(nts_table_change_apply(nts_alloc_libc(), def, &change, &made, &error),
                         count < NTS_COLUMNS_MAX ? NANOTS_OK : NANOTS_INVALID);
        assert_int_equal(made != NULL, count < NTS_COLUMNS_MAX);
        nts_free(made);
        nts_free(def);
    }
    assert_non_null(strstr(error.message, "'wide' has 1024 columns"));
}

static void change_without_memory_is_a_status(void **state)
{
    struct faultalloc memory;
    struct nts_table_def *def = def_new();
    (void)state;
    faultalloc_init(&memory);
    for (size_t k = 0; k < 4; k++)
        for (uint64_t call = 0;; call++) {
            const struct nts_table_change change = change_of(kinds[k], 200);
            struct nts_table_def *made = NULL;
            struct nts_buf buf;
            nts_buf_init(&buf, &memory.alloc, 1u << 16);
            faultalloc_fail(&memory, call, false);
            nanots_status status = nts_table_change_put(&buf, CHANGE_SEED, &change);
            if (status == NANOTS_OK && change.kind != NTS_EDIT_TABLE_DROP)
                status = nts_table_change_apply(&memory.alloc, def, &change, &made, NULL);
            assert_int_equal(status, memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
            nts_buf_deinit(&buf);
            nts_free(made);
            assert_int_equal(memory.block_count, 0);
            if (!memory.failed)
                break;
        }
    faultalloc_deinit(&memory);
    nts_free(def);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(change_round_trips),
        cmocka_unit_test(change_has_the_bytes_of_the_spec),
        cmocka_unit_test(change_cut_short_is_none),
        cmocka_unit_test(change_that_cannot_be_is_none),
        cmocka_unit_test(change_applies_to_what_it_names),
        cmocka_unit_test(change_that_breaks_a_rule_is_refused),
        cmocka_unit_test(change_of_the_widest_table_is_refused),
        cmocka_unit_test(change_without_memory_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
