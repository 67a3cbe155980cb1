/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cli_main.c - finds the command and runs it. */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "commands.h"

static const struct {
    const char *heading; /* of the group that begins here; NULL: goes on */
    const struct cli_command *command;
} main_commands[] = {
    {"Rows in", &cli_command_import},
    {NULL, &cli_command_append},
    {NULL, &cli_command_create},
    {NULL, &cli_command_collect},
    {"Rows out", &cli_command_query},
    {NULL, &cli_command_export},
    {NULL, &cli_command_tail},
    {NULL, &cli_command_plot},
    {"Looking inside", &cli_command_tables},
    {NULL, &cli_command_schema},
    {NULL, &cli_command_info},
    {NULL, &cli_command_stats},
    {"Upkeep", &cli_command_pack},
    {NULL, &cli_command_retain},
    {NULL, &cli_command_add_column},
    {NULL, &cli_command_rename},
    {NULL, &cli_command_drop},
    {"Safety", &cli_command_verify},
    {NULL, &cli_command_backup},
    {NULL, &cli_command_repair},
};
#define MAIN_COMMAND_COUNT (sizeof(main_commands) / sizeof(main_commands[0]))

static void main_help(FILE *stream)
{
    const char *bold = cli_style(stream, CLI_STYLE_BOLD);
    const char *plain = cli_style(stream, CLI_STYLE_NONE);
    fprintf(stream,
            "%sUsage:%s nanots COMMAND [options] DB ...\n\n"
            "Time series in one file: import, query, plot and keep them.\n",
            bold, plain);
    for (size_t i = 0; i < MAIN_COMMAND_COUNT; i++) {
        if (main_commands[i].heading != NULL)
            fprintf(stream, "\n%s%s%s\n", bold, main_commands[i].heading, plain);
        fprintf(stream, "  %-10s %s\n", main_commands[i].command->name,
                main_commands[i].command->summary);
    }
    fprintf(stream, "\nTry 'nanots COMMAND --help' for one of them, 'nanots --version' for the "
                    "version.\n"
                    "Exit status: 0 done, 1 failed, 2 wrong command line.\n");
}

static const struct cli_command *main_find(const char *name)
{
    for (size_t i = 0; i < MAIN_COMMAND_COUNT; i++)
        if (strcmp(main_commands[i].command->name, name) == 0)
            return main_commands[i].command;
    return NULL;
}

static int main_unknown(const char *name)
{
    const char *names[MAIN_COMMAND_COUNT];
    for (size_t i = 0; i < MAIN_COMMAND_COUNT; i++)
        names[i] = main_commands[i].command->name;
    const char *nearest = cli_nearest(name, names, MAIN_COMMAND_COUNT);
    if (nearest != NULL)
        return cli_usage("there is no command '%s'; did you mean %s?", name, nearest);
    return cli_usage("there is no command '%s'", name);
}

/* nanots help [COMMAND] */
static int main_run_help(int argc, char **argv)
{
    if (argc < 2) {
        main_help(stdout);
        return CLI_OK;
    }
    const struct cli_command *command = main_find(argv[1]);
    if (command == NULL)
        return main_unknown(argv[1]);
    cli_command_help(command, stdout);
    return CLI_OK;
}

static int main_run(int argc, char **argv)
{
    if (argc < 2) {
        main_help(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return main_run_help(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("nanots %s\n", nanots_version());
        return CLI_OK;
    }
    if (name[0] == '-')
        return cli_usage("the command comes first, then options such as %s", name);
    const struct cli_command *command = main_find(name);
    return command != NULL ? cli_args_run(command, argc - 1, argv + 1) : main_unknown(name);
}

int main(int argc, char **argv)
{
    /* Names in UTF-8 and braille need the locale's character type; numbers keep their point. */
    setlocale(LC_CTYPE, "");
    /* A reader that goes away (nanots query ... | head) shows as EPIPE, which ends quietly. */
    signal(SIGPIPE, SIG_IGN);
    return cli_finish_output(main_run(argc, argv));
}
