/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* base/status.h - how failures travel: a status by return value, the sentence by `error`.
 *
 * Every function that can fail takes `struct nanots_error *error` last (may be NULL) and fills it
 * at the place that knows the names. NTS_TRY and NTS_TRY_OUT are the only macros with control flow;
 * they rely on a local `nanots_status status` (TRY_OUT) and a label `out`.
 */
#ifndef NTS_STATUS_H
#define NTS_STATUS_H

#include "base/compiler.h"
#include "nanots.h"

/* Returns the status of `call` if it is not OK. For functions that own nothing yet. */
#define NTS_TRY(call)                                                                              \
    do {                                                                                           \
        const nanots_status nts_try_status = (call);                                               \
        if (NTS_UNLIKELY(nts_try_status != NANOTS_OK))                                             \
            return nts_try_status;                                                                 \
    } while (0)

/* Sets `status` and jumps to `out` if `call` failed. */
#define NTS_TRY_OUT(call)                                                                          \
    do {                                                                                           \
        status = (call);                                                                           \
        if (NTS_UNLIKELY(status != NANOTS_OK))                                                     \
            goto out;                                                                              \
    } while (0)

/* Fills `error` (may be NULL) with a sentence and returns `code`. */
nanots_status nts_fail(struct nanots_error *error, nanots_status code, const char *format, ...)
    NTS_PRINTF(3, 4);

/* The same for a failed system call: maps `os_errno` to a status (ENOSPC, EDQUOT and EFBIG to
 * NO_SPACE, EACCES, EPERM and EROFS to PERMISSION, ENOENT to NOT_FOUND, EEXIST to EXISTS, ENOMEM to
 * NO_MEMORY, else IO) and ends the sentence with its text. */
nanots_status nts_fail_os(struct nanots_error *error, int os_errno, const char *format, ...)
    NTS_PRINTF(3, 4);

/* The sentence for an allocation that failed. */
nanots_status nts_fail_memory(struct nanots_error *error, size_t size);

/* Passes a failure on that was filled elsewhere; returns its code. */
nanots_status nts_fail_as(struct nanots_error *error, const struct nanots_error *detail);

void nts_error_clear(struct nanots_error *error);

#endif
