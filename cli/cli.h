/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cli.h - what every command of the tool shares: exit codes, messages, terminal, memory.
 *
 * The tool is a client of nanots.h alone. Rules that hold for all of it:
 * - results go to standard output, sentences about them to standard error;
 * - a terminal gets colour, alignment and progress, a pipe gets plain text;
 * - memory comes from cli_alloc, which ends the process when there is none, so that callers need no
 *   path for it; one command runs per process.
 */
#ifndef NANOTS_CLI_H
#define NANOTS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "nanots.h"

#define CLI_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILURE = 1, /* input/output, damage, not found, bad data */
    CLI_USAGE = 2,   /* the command line itself is wrong */
    CLI_LEFT_OUT = 3 /* done, but for rows that cannot be read (--skip-damaged) */
};

/* ---- messages (message.c) ----------------------------------------------------------------- */

/* Prints `nanots: sentence` to standard error. */
void cli_warn(const char *format, ...) CLI_PRINTF(1, 2);
/* The same, and returns CLI_FAILURE. */
int cli_fail(const char *format, ...) CLI_PRINTF(1, 2);
/* Prints the library's sentence and returns CLI_FAILURE. */
int cli_fail_status(const struct nanots_error *error);
/* The same as cli_fail, followed by where the help is; returns CLI_USAGE. */
int cli_usage(const char *format, ...) CLI_PRINTF(1, 2);
/* Names the running command in what cli_usage prints. */
void cli_usage_command(const char *name);

/* Flushes standard output. A reader that went away is no failure; a full disk is. */
int cli_finish_output(int exit_code);
/* Whether nothing that is still printed can arrive. */
bool cli_output_broken(FILE *stream);

/* ---- terminal (terminal.c) ---------------------------------------------------------------- */

enum cli_style { CLI_STYLE_NONE, CLI_STYLE_BOLD, CLI_STYLE_DIM, CLI_STYLE_RED, CLI_STYLE_CYAN };

bool cli_is_terminal(FILE *stream);
/* Whether to colour: a terminal that is not dumb, and NO_COLOR is not set. */
bool cli_has_colour(FILE *stream);
/* The escape sequence that begins a style on `stream`; "" where there is no colour. */
const char *cli_style(FILE *stream, enum cli_style style);
bool cli_has_utf8(void);
/* Size of the terminal behind standard output; 80 x 24 when there is none. */
void cli_terminal_size(size_t *width_out, size_t *height_out);

/* ---- memory and names (memory.c) ---------------------------------------------------------- */

void *cli_alloc(size_t count, size_t element_size);
void *cli_resize(void *block, size_t count, size_t element_size);
char *cli_copy_text(const char *text);
void cli_free(void *block);

/* Splits "a,b,c" into names; one block, release with cli_free. */
char **cli_split(const char *text, size_t *count_out);
/* The name nearest to `name` by edit distance, or NULL if none is near. */
const char *cli_nearest(const char *name, const char *const *names, size_t count);

/* ---- the file (database.c) ---------------------------------------------------------------- */

/* Open for reading; the rows of this moment. On failure prints and returns NULL. */
struct nanots_db *cli_open_read(const char *path);
/* Open for writing. On failure prints and returns NULL. */
struct nanots_db *cli_open_write(const char *path);
/* The same, with a limit of its size; 0: none. */
struct nanots_db *cli_open_limited(const char *path, uint64_t max_bytes);
/* The same, and makes the file if there is none; `made_out` says so. */
struct nanots_db *cli_open_or_make(const char *path, uint64_t max_bytes, bool *made_out);
/* Closes and passes `exit_code` on; a close that fails makes it CLI_FAILURE. */
int cli_close(struct nanots_db *db, int exit_code);
/* The same; a file that the command made, and put no row into before it failed, goes again. */
int cli_close_made(struct nanots_db *db, const char *path, bool made, int exit_code);
uint64_t cli_file_size(const char *path);

#endif
