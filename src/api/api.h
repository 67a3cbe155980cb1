/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api.h - what the public functions share: entry checks. */
#ifndef NTS_API_H
#define NTS_API_H

#include "engine/engine.h"
#include "query/scan.h"

/* Clears the error, refuses NULL handles and handles inherited through fork. */
NTS_CHECKED nanots_status nts_api_enter(const struct nanots_db *db, struct nanots_error *error);

/* The same, then looks the table up. */
NTS_CHECKED nanots_status nts_api_enter_table(struct nanots_db *db, const char *table,
                                              struct nanots_table **table_out,
                                              struct nanots_error *error);

/* The common checks of an append to a table handle, which clear the error; *rows gets the
 * definition. `values` is what must not be NULL beside ts. */
NTS_CHECKED nanots_status nts_api_check_rows(const struct nanots_table *table,
                                             struct nts_rows *rows, const void *values,
                                             size_t row_count, size_t column_count,
                                             struct nanots_error *error);

/* INVALID that says which argument must not be NULL. */
NTS_CHECKED nanots_status nts_api_no_null(const void *argument, const char *name,
                                          struct nanots_error *error);

/* Copies the options that a caller gave (may be NULL), of its struct_size, over `copy`, which is
 * zero. INVALID without a struct_size. */
NTS_CHECKED nanots_status nts_api_options(const void *given, void *copy, size_t size,
                                          const char *what, struct nanots_error *error);

/* A struct of the caller's that begins with its struct_size, `given`: INVALID if it is NULL or
 * smaller than `least`. What of `from`, of `size` bytes, it has room for is copied behind it. */
NTS_CHECKED nanots_status nts_api_sized_check(const void *out, size_t given, size_t least,
                                              const char *name, struct nanots_error *error);
void nts_api_sized_copy(void *out, const void *from, size_t given, size_t size);

/* Prepares the rows and appends them; none is no row, and the last seq stays. */
NTS_CHECKED nanots_status nts_api_append_rows(struct nanots_table *table, struct nts_rows *rows,
                                              uint64_t *seq_out, struct nanots_error *error);

/* The same, as rows of a group. */
NTS_CHECKED nanots_status nts_api_group_rows(struct nanots_group *group, struct nanots_table *table,
                                             struct nts_rows *rows, struct nanots_error *error);

/* What a scan has left out so far, into a struct of the caller's. */
NTS_CHECKED nanots_status nts_api_damage(const struct nts_scan *scan,
                                         struct nanots_damage_report *damage_out,
                                         struct nanots_error *error);

/* The scan of a cursor; lives as long. */
struct nts_scan *nts_api_cursor_scan(const struct nanots_cursor *cursor);

#endif
