/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/args.h - commands, their options, and what was given of them.
 *
 * One table per command is the source of both the parser and the --help text.
 */
#ifndef NANOTS_CLI_ARGS_H
#define NANOTS_CLI_ARGS_H

#include "cli.h"

#define CLI_OPTIONS_MAX 24

struct cli_args;

struct cli_option {
    char letter; /* 0: long form only */
    const char *name;
    const char *value; /* what stands for the value in the help; NULL: a switch without one */
    const char *help;  /* may hold line breaks */
};

struct cli_command {
    const char *name;
    const char *summary;  /* one line, for the list of commands */
    const char *operands; /* as the usage line shows them */
    int operands_min;
    int operands_max;      /* -1: any number */
    bool operands_literal; /* options end at the first operand, so that -1.5 is a number */
    const struct cli_option *options;
    size_t option_count;
    const char *notes; /* printed below the options; NULL: none */
    int (*run)(const struct cli_args *args);
};

struct cli_args {
    const struct cli_command *command;
    const char *values[CLI_OPTIONS_MAX]; /* as options; NULL: not given; "" for a switch */
    char **operands;
    int operand_count;
};

/* Parses argv, whose first element is the command's name, and runs the command. */
int cli_args_run(const struct cli_command *command, int argc, char **argv);

/* Value of the option `name`, or NULL if it was not given. The option must be in the table. */
const char *cli_option(const struct cli_args *args, const char *name);

/* A whole number of an option; `*value_out` is left as it is if the option was not given.
 * Returns CLI_OK or CLI_USAGE after saying what is wrong. */
int cli_option_count(const struct cli_args *args, const char *name, uint64_t *value_out);

/* The same for a number of bytes: 64KiB, 2GiB. */
int cli_option_bytes(const struct cli_args *args, const char *name, uint64_t *value_out);

void cli_command_help(const struct cli_command *command, FILE *stream);

#endif
