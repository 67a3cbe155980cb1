/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/f64.h - vectors of doubles. Those that stand alone are codec/codec.h's, whose functions for
 * doubles live in f64.c too.
 *
 * Pure; any thread, one scratch a thread. Bytes are untrusted. Tests: unit/test_f64.c.
 */
#ifndef NTS_F64_H
#define NTS_F64_H

#include "codec/codec.h"

#endif
