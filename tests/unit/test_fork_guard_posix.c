/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_fork_guard_posix.c - a byte that tells a process from its children
 * (os/fork_guard.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fork_guard.h"

/* Goal: the byte is 1 here and 0 in a child and in the child's child. */
static void fork_guard_is_0_in_children(void **state)
{
    const volatile uint8_t *guard = nts_fork_guard_new();
    int status = -1;
    (void)state;
    if (guard == NULL)
        skip(); /* a system without such memory */
    assert_int_equal(*guard, 1);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const pid_t grandchild = fork();
        int inner = 1;
        if (grandchild == 0)
            _exit(*guard);
        if (grandchild < 0 || waitpid(grandchild, &inner, 0) != grandchild)
            _exit(2);
        _exit(*guard != 0 || inner != 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(*guard, 1);
    nts_fork_guard_free(guard);
    nts_fork_guard_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fork_guard_is_0_in_children)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
