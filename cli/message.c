/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/message.c - sentences for the person: errors, warnings, and the state of standard output. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli.h"

static const char *message_command = NULL;

static void message_print(const char *format, va_list arguments)
{
    fflush(stdout);
    fprintf(stderr, "%snanots:%s ", cli_style(stderr, CLI_STYLE_RED),
            cli_style(stderr, CLI_STYLE_NONE));
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void cli_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    message_print(format, arguments);
    va_end(arguments);
}

int cli_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    message_print(format, arguments);
    va_end(arguments);
    return CLI_FAILURE;
}

int cli_fail_status(const struct nanots_error *error)
{
    const char *text = error->message;
    return cli_fail("%s", text[0] != '\0' ? text : nanots_status_text(error->code));
}

void cli_usage_command(const char *name)
{
    message_command = name;
}

int cli_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    message_print(format, arguments);
    va_end(arguments);
    if (message_command != NULL)
        fprintf(stderr, "Try 'nanots %s --help'.\n", message_command);
    else
        fprintf(stderr, "Try 'nanots --help'.\n");
    return CLI_USAGE;
}

bool cli_output_broken(FILE *stream)
{
    return ferror(stream) != 0;
}

int cli_finish_output(int exit_code)
{
    /* errno of the write that failed first may be gone; EPIPE comes again on every try. */
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (failed) {
        clearerr(stdout);
        fputc('\n', stdout);
    }
    if (fflush(stdout) != 0)
        failed = true;
    if (!failed || errno == EPIPE)
        return exit_code;
    return cli_fail("cannot write to standard output: %s", strerror(errno != 0 ? errno : EIO));
}
