/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/cover_exit.c - _exit of test programs that measure coverage: what a child ran is written
 * down before it ends. Built and linked in the place of _exit by the preset cover only. */
#include <stdlib.h>

void __gcov_dump(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}
