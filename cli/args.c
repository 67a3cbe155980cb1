/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/args.c - getopt_long driven by a command's table, and the help made from it. */
#include "args.h"
#include "number.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* getopt_long reports an option of the table as this plus its index: past every letter. */
#define ARGS_LONG_BASE 256
#define ARGS_LONG_HELP 255

struct args_tables {
    struct option longs[CLI_OPTIONS_MAX + 2];
    char letters[2 * CLI_OPTIONS_MAX + 4];
};

static void args_build(const struct cli_command *command, struct args_tables *tables)
{
    size_t length = 0;
    assert(command->option_count <= CLI_OPTIONS_MAX);
    memset(tables, 0, sizeof(*tables));
    tables->letters[length++] = command->operands_literal ? '+' : ':';
    if (command->operands_literal)
        tables->letters[length++] = ':';
    tables->letters[length++] = 'h';
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        tables->longs[i].name = option->name;
        tables->longs[i].has_arg = option->value != NULL ? required_argument : no_argument;
        tables->longs[i].val = ARGS_LONG_BASE + (int)i;
        if (option->letter != 0) {
            tables->letters[length++] = option->letter;
            if (option->value != NULL)
                tables->letters[length++] = ':';
        }
    }
    tables->longs[command->option_count].name = "help";
    tables->longs[command->option_count].val = ARGS_LONG_HELP;
}

static size_t args_index_of_letter(const struct cli_command *command, int letter)
{
    size_t i = 0;
    while (i < command->option_count && command->options[i].letter != letter)
        i++;
    return i;
}

static int args_complain(const struct cli_command *command, char **argv, int found)
{
    const char *word = argv[optind - 1];
    if (found == ':')
        return cli_usage("the option %s needs a value", word);
    if (strncmp(word, "--", 2) != 0)
        return cli_usage("%s has no option -%c", command->name, optopt);

    const char *names[CLI_OPTIONS_MAX];
    for (size_t i = 0; i < command->option_count; i++)
        names[i] = command->options[i].name;
    if (optopt >= ARGS_LONG_BASE)
        return cli_usage("the option --%s takes no value", names[optopt - ARGS_LONG_BASE]);
    const char *nearest = cli_nearest(word + 2, names, command->option_count);
    if (nearest != NULL)
        return cli_usage("%s has no option %s; did you mean --%s?", command->name, word, nearest);
    return cli_usage("%s has no option %s", command->name, word);
}

static int args_check_operands(const struct cli_args *args)
{
    const struct cli_command *command = args->command;
    if (args->operand_count < command->operands_min)
        return cli_usage("too few arguments: nanots %s %s", command->name, command->operands);
    if (command->operands_max >= 0 && args->operand_count > command->operands_max)
        return cli_usage("too many arguments, from '%s' on: nanots %s %s",
                         args->operands[command->operands_max], command->name, command->operands);
    return CLI_OK;
}

int cli_args_run(const struct cli_command *command, int argc, char **argv)
{
    struct args_tables tables;
    struct cli_args args = {.command = command};
    int found;

    cli_usage_command(command->name);
    args_build(command, &tables);
    opterr = 0;
    optind = 0;
    while ((found = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        if (found == 'h' || found == ARGS_LONG_HELP) {
            cli_command_help(command, stdout);
            return CLI_OK;
        }
        if (found == '?' || found == ':')
            return args_complain(command, argv, found);
        size_t index = found >= ARGS_LONG_BASE ? (size_t)(found - ARGS_LONG_BASE)
                                               : args_index_of_letter(command, found);
        args.values[index] = optarg != NULL ? optarg : "";
    }
    args.operands = argv + optind;
    args.operand_count = argc - optind;
    int exit_code = args_check_operands(&args);
    return exit_code == CLI_OK ? command->run(&args) : exit_code;
}

const char *cli_option(const struct cli_args *args, const char *name)
{
    const struct cli_command *command = args->command;
    for (size_t i = 0; i < command->option_count; i++)
        if (strcmp(command->options[i].name, name) == 0)
            return args->values[i];
    assert(false);
    return NULL;
}

int cli_option_count(const struct cli_args *args, const char *name, uint64_t *value_out)
{
    const char *text = cli_option(args, name);
    char *end = NULL;
    if (text == NULL)
        return CLI_OK;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
        return cli_usage("--%s takes a whole number, not '%s'", name, text);
    *value_out = value;
    return CLI_OK;
}

int cli_option_bytes(const struct cli_args *args, const char *name, uint64_t *value_out)
{
    const char *text = cli_option(args, name);
    if (text == NULL || cli_bytes_parse(text, value_out))
        return CLI_OK;
    return cli_usage("--%s takes a size such as 500MiB or 2GiB, not '%s'", name, text);
}

static void args_print_option(FILE *stream, const struct cli_option *option)
{
    enum { HELP_COLUMN = 26 };
    char head[64];
    int width =
        snprintf(head, sizeof(head), "  %c%c%c --%s%s%s", option->letter ? '-' : ' ',
                 option->letter ? option->letter : ' ', option->letter ? ',' : ' ', option->name,
                 option->value ? " " : "", option->value ? option->value : "");
    fprintf(stream, "%s", head);
    if (width + 1 >= HELP_COLUMN)
        fprintf(stream, "\n%*s", HELP_COLUMN, "");
    else
        fprintf(stream, "%*s", HELP_COLUMN - width, "");
    for (const char *line = option->help; line != NULL;) {
        int length = (int)strcspn(line, "\n");
        fprintf(stream, "%.*s\n", length, line);
        line = line[length] == '\n' ? line + length + 1 : NULL;
        if (line != NULL)
            fprintf(stream, "%*s", HELP_COLUMN, "");
    }
}

void cli_command_help(const struct cli_command *command, FILE *stream)
{
    static const struct cli_option help = {'h', "help", NULL, "show this text"};
    fprintf(stream, "%sUsage:%s nanots %s%s %s\n\n%s.\n\n%sOptions:%s\n",
            cli_style(stream, CLI_STYLE_BOLD), cli_style(stream, CLI_STYLE_NONE), command->name,
            command->option_count > 0 ? " [options]" : "", command->operands, command->summary,
            cli_style(stream, CLI_STYLE_BOLD), cli_style(stream, CLI_STYLE_NONE));
    for (size_t i = 0; i < command->option_count; i++)
        args_print_option(stream, &command->options[i]);
    args_print_option(stream, &help);
    if (command->notes != NULL)
        fprintf(stream, "\n%s", command->notes);
}
