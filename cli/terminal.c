/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/terminal.c - what the other end of a stream is and can show. */
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

bool cli_is_terminal(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

bool cli_has_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_color != NULL && no_color[0] != '\0')
        return false;
    if (term == NULL || strcmp(term, "dumb") == 0)
        return false;
    return cli_is_terminal(stream);
}

const char *cli_style(FILE *stream, enum cli_style style)
{
    if (!cli_has_colour(stream))
        return "";
    switch (style) {
    case CLI_STYLE_BOLD:
        return "\033[1m";
    case CLI_STYLE_DIM:
        return "\033[2m";
    case CLI_STYLE_RED:
        return "\033[31m";
    case CLI_STYLE_CYAN:
        return "\033[36m";
    case CLI_STYLE_NONE:
        break;
    }
    return "\033[0m";
}

bool cli_has_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

void cli_terminal_size(size_t *width_out, size_t *height_out)
{
    struct winsize size = {0};
    *width_out = 80;
    *height_out = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return;
    if (size.ws_col > 0)
        *width_out = size.ws_col;
    if (size.ws_row > 0)
        *height_out = size.ws_row;
}
