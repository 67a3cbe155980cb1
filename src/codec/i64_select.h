/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/i64_select.h - looks at all codecs for a vector of integers, by samples.
 *
 * Pure; any thread, one scratch a thread. Tests: unit/test_i64_select.c.
 */
#ifndef NTS_I64_SELECT_H
#define NTS_I64_SELECT_H

#include "codec/i64_scheme.h"

/* Plans the vector in the scheme that suits it best, exactly, the scratch as that plan leaves it.
 * 2 <= count <= 1024. */
void nts_i64_select(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                    const uint64_t *src, size_t count);

#endif
