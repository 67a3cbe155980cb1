/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/json.h - writes JSON (RFC 8259), compact, into one block that the caller may keep.
 *
 *     struct nts_json json;
 *     nts_json_init(&json, alloc);
 *     nts_json_open(&json, '{');
 *     nts_json_key(&json, "rows");
 *     nts_json_u64(&json, 60);
 *     nts_json_close(&json, '}');
 *     status = nts_json_take(&json, &text, error);         -> {"rows":60}
 *
 * Commas come by themselves; brackets and keys are the caller's to get right. A failure is kept
 * until nts_json_take, so that nothing in between needs a check. Not shared between threads.
 */
#ifndef NTS_JSON_H
#define NTS_JSON_H

#include <stdbool.h>

#include "util/buf.h"

struct nts_json {
    struct nts_buf text;
    nanots_status failed; /* the first failure */
    bool needs_comma;     /* a value was written since the last bracket or key */
};

void nts_json_init(struct nts_json *json, const struct nanots_allocator *alloc);

/* `bracket` is one of { [ and one of } ]. */
void nts_json_open(struct nts_json *json, char bracket);
void nts_json_close(struct nts_json *json, char bracket);
void nts_json_key(struct nts_json *json, const char *key);

/* `text` is UTF-8. */
void nts_json_string(struct nts_json *json, const char *text);
void nts_json_u64(struct nts_json *json, uint64_t value);
/* The fewest digits that read back as the same double, in any locale; null if it is not finite. */
void nts_json_f64(struct nts_json *json, double value);
void nts_json_bool(struct nts_json *json, bool value);

/* Hands the text out, with a final NUL: release with nts_free. NO_MEMORY, or TOO_BIG above 64 MiB.
 * `json` is as new either way. */
NTS_CHECKED nanots_status nts_json_take(struct nts_json *json, char **text_out,
                                        struct nanots_error *error);

#endif
