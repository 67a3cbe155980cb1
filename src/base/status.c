/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* base/status.c - filling the caller's error object. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void error_set(struct nanots_error *error, nanots_status code, int os_errno,
                      const char *format, va_list args)
{
    if (error == NULL)
        return;
    error->code = code;
    error->os_errno = os_errno;
    (void)vsnprintf(error->message, sizeof error->message, format, args);
}

nanots_status nts_fail(struct nanots_error *error, nanots_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_set(error, code, 0, format, args);
    va_end(args);
    return code;
}

static nanots_status status_of_errno(int os_errno)
{
    switch (os_errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return NANOTS_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return NANOTS_PERMISSION;
    case ENOENT:
        return NANOTS_NOT_FOUND;
    case EEXIST:
        return NANOTS_EXISTS;
    case ENOMEM:
        return NANOTS_NO_MEMORY;
    default:
        return NANOTS_IO;
    }
}

/* strerror_r comes in two kinds, and the feature macros of whoever builds us choose: GNU's returns
 * the text and may leave the room alone, that of POSIX returns 0 and fills the room. */
static inline const char *error_text_gnu(const char *text, const char *room)
{
    (void)room;
    return text;
}

static inline const char *error_text_posix(int failed, const char *room)
{
    return failed == 0 ? room : "unknown error";
}

static const char *error_text(int os_errno, char *room, size_t size)
{
    return _Generic(strerror_r(os_errno, room, size),
                    char *: error_text_gnu,
                    int: error_text_posix)(strerror_r(os_errno, room, size), room);
}

nanots_status nts_fail_os(struct nanots_error *error, int os_errno, const char *format, ...)
{
    const nanots_status code = status_of_errno(os_errno);
    va_list args;
    va_start(args, format);
    error_set(error, code, os_errno, format, args);
    va_end(args);
    if (error != NULL) {
        const size_t used = strlen(error->message);
        char room[96] = "";
        (void)snprintf(error->message + used, sizeof error->message - used, ": %s",
                       error_text(os_errno, room, sizeof room));
    }
    return code;
}

nanots_status nts_fail_memory(struct nanots_error *error, size_t size)
{
    return nts_fail(error, NANOTS_NO_MEMORY, "out of memory: %zu bytes wanted", size);
}

nanots_status nts_fail_as(struct nanots_error *error, const struct nanots_error *detail)
{
    if (error != NULL)
        *error = *detail;
    return detail->code;
}

void nts_error_clear(struct nanots_error *error)
{
    if (error == NULL)
        return;
    error->code = NANOTS_OK;
    error->os_errno = 0;
    error->message[0] = '\0';
}
