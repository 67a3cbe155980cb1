/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/options.h - the caller's options with defaults filled in and limits checked. */
#ifndef NTS_OPTIONS_H
#define NTS_OPTIONS_H

#include "engine/db.h"

/* `given` may be NULL. INVALID names the option, its value and what was expected. */
NTS_CHECKED nanots_status nts_options_fill(const struct nanots_open_options *given,
                                           struct nts_options *options, uint32_t *flags_out,
                                           struct nanots_error *error);

#endif
