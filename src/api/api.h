/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api.h - what the public functions share: entry checks. */
#ifndef NTS_API_H
#define NTS_API_H

#include "engine/engine.h"

/* Clears the error, refuses NULL handles and handles inherited through fork. */
NTS_CHECKED nanots_status nts_api_enter(const struct nanots_db *db, struct nanots_error *error);

/* The same, then looks the table up. */
NTS_CHECKED nanots_status nts_api_enter_table(struct nanots_db *db, const char *table,
                                              struct nanots_table **table_out,
                                              struct nanots_error *error);

/* INVALID that says which argument must not be NULL. */
NTS_CHECKED nanots_status nts_api_no_null(const void *argument, const char *name,
                                          struct nanots_error *error);

#endif
