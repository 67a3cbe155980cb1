/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/commands.h - the commands of the tool, each in its cmd_*.c. */
#ifndef NANOTS_CLI_COMMANDS_H
#define NANOTS_CLI_COMMANDS_H

#include "args.h"

extern const struct cli_command cli_command_add_column;
extern const struct cli_command cli_command_append;
extern const struct cli_command cli_command_backup;
extern const struct cli_command cli_command_collect;
extern const struct cli_command cli_command_create;
extern const struct cli_command cli_command_drop;
extern const struct cli_command cli_command_export;
extern const struct cli_command cli_command_import;
extern const struct cli_command cli_command_info;
extern const struct cli_command cli_command_pack;
extern const struct cli_command cli_command_plot;
extern const struct cli_command cli_command_query;
extern const struct cli_command cli_command_rename;
extern const struct cli_command cli_command_repair;
extern const struct cli_command cli_command_retain;
extern const struct cli_command cli_command_schema;
extern const struct cli_command cli_command_stats;
extern const struct cli_command cli_command_tables;
extern const struct cli_command cli_command_tail;
extern const struct cli_command cli_command_verify;

#endif
