/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* base/check.h - asserts. Wrong bytes, wrong arguments and full disks are statuses, never asserts.
 *
 * assert: a mistake of ours; on in debug builds, tests and fuzzing.
 * NTS_CHECK: a cheap invariant that guards what is about to become durable; always on; the caller
 * turns false into NANOTS_POISONED.
 */
#ifndef NTS_CHECK_H
#define NTS_CHECK_H

#include <assert.h>

#include "base/compiler.h"

#define NTS_CHECK(condition) NTS_LIKELY(condition)

#endif
