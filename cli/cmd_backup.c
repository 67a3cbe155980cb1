/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_backup.c - nanots backup and nanots repair: whole files from files. */
#include <inttypes.h>
#include <unistd.h>

#include "commands.h"
#include "number.h"

/* A new file that was begun and not ended is of no use; one that was there before is left. */
static int backup_fail(const char *out_path, bool was_there, const struct nanots_error *error)
{
    if (!was_there)
        (void)unlink(out_path);
    return cli_fail_status(error);
}

/* ---- backup ------------------------------------------------------------------------------- */

struct backup_progress {
    unsigned percent_shown; /* 101: none yet */
    bool is_shown;
};

static void backup_show_progress(void *context, uint64_t done, uint64_t total)
{
    struct backup_progress *progress = context;
    const unsigned percent = total == 0 ? 100 : (unsigned)((double)done * 100 / (double)total);
    if (!cli_is_terminal(stderr) || percent == progress->percent_shown)
        return;
    progress->percent_shown = percent;
    progress->is_shown = true;
    fprintf(stderr, "\r%3u %%\033[K", percent);
}

static int backup_run(const struct cli_args *args)
{
    const char *path = args->operands[0];
    const char *out_path = args->operands[1];
    struct backup_progress progress = {.percent_shown = 101};
    struct nanots_backup_options options = {
        .struct_size = sizeof(options), .progress = backup_show_progress, .context = &progress};
    struct nanots_backup_report report = {.struct_size = sizeof(report)};
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char tables[CLI_QUANTITY_TEXT_SIZE];
    char copied[CLI_NUMBER_TEXT_SIZE];
    char bytes[CLI_NUMBER_TEXT_SIZE];
    const bool was_there = access(out_path, F_OK) == 0;

    if (cli_option(args, "incremental") != NULL && cli_option(args, "force") != NULL)
        return cli_usage("either --incremental or --force");
    if (cli_option(args, "incremental") != NULL)
        options.flags = NANOTS_BACKUP_INCREMENTAL;
    if (cli_option(args, "force") != NULL)
        options.flags = NANOTS_BACKUP_REPLACE;
    struct nanots_db *db = cli_open_read(path);
    if (db == NULL)
        return CLI_FAILURE;
    const nanots_status status = nanots_backup(db, out_path, &options, &report, &error);
    if (progress.is_shown)
        fputs("\r\033[K", stderr);
    if (status != NANOTS_OK)
        return cli_close(db, backup_fail(out_path, was_there, &error));
    cli_quantity_print(report.rows, "row", rows);
    cli_quantity_print(report.tables, "table", tables);
    cli_bytes_print(report.copied_bytes, copied);
    cli_bytes_print(report.bytes, bytes);
    printf("%s -> %s: %s in %s, %s of %s copied\n", path, out_path, rows, tables, copied, bytes);
    return cli_close(db, CLI_OK);
}

static const struct cli_option backup_option_table[] = {
    {'i', "incremental", NULL, "OUT is a former backup of DB: copy only what it lacks"},
    {'f', "force", NULL, "write over OUT if it is there"},
};

const struct cli_command cli_command_backup = {
    .name = "backup",
    .summary = "Copy a database, also one in use, to a closed file",
    .operands = "DB OUT",
    .operands_min = 2,
    .operands_max = 2,
    .options = backup_option_table,
    .option_count = sizeof(backup_option_table) / sizeof(backup_option_table[0]),
    .notes = "Whoever writes to DB goes on. A backup is a database as any other; one that was\n"
             "written to cannot be brought up to date any more.\n",
    .run = backup_run,
};

/* ---- repair ------------------------------------------------------------------------------- */

static void repair_print_damage(void *context, const char *message)
{
    (void)context;
    printf("%sdamage:%s %s\n", cli_style(stdout, CLI_STYLE_RED), cli_style(stdout, CLI_STYLE_NONE),
           message);
}

static void repair_print_table(void *context, const struct nanots_repair_table *table)
{
    char saved[CLI_QUANTITY_TEXT_SIZE];
    char lost[CLI_QUANTITY_TEXT_SIZE];
    (void)context;
    cli_quantity_print(table->rows, "row", saved);
    cli_quantity_print(table->rows_lost, "row", lost);
    printf("%s: %s saved", table->name, saved);
    if (table->segments_hurt > 0)
        printf(", %s lost in %" PRIu64 " of %" PRIu64 " segments", lost, table->segments_hurt,
               table->segments);
    if (table->values_nulled > 0)
        printf(", %" PRIu64 " values null now", table->values_nulled);
    printf("\n");
}

static int repair_run(const struct cli_args *args)
{
    const char *path = args->operands[0];
    const char *out_path = args->operands[1];
    struct nanots_repair_options options = {
        .struct_size = sizeof(options), .damage = repair_print_damage, .table = repair_print_table};
    struct nanots_repair_report report = {.struct_size = sizeof(report)};
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char lost[CLI_QUANTITY_TEXT_SIZE];
    char tables[CLI_QUANTITY_TEXT_SIZE];
    const bool was_there = access(out_path, F_OK) == 0;

    if (cli_option(args, "force") != NULL)
        options.flags |= NANOTS_REPAIR_REPLACE;
    if (cli_option(args, "null-lost") != NULL)
        options.flags |= NANOTS_REPAIR_NULL_LOST;
    if (nanots_repair(path, out_path, &options, &report, &error) != NANOTS_OK)
        return backup_fail(out_path, was_there, &error);
    cli_quantity_print(report.rows, "row", rows);
    cli_quantity_print(report.rows_lost, "row", lost);
    cli_quantity_print(report.tables, "table", tables);
    if (report.damage == 0)
        printf("%s is whole; %s has its %s in %s\n", path, out_path, rows, tables);
    else
        printf("%s -> %s: %s in %s saved, at least %s lost\n", path, out_path, rows, tables, lost);
    return CLI_OK;
}

static const struct cli_option repair_option_table[] = {
    {'n', "null-lost", NULL, "keep rows that lost values which may be null, as null"},
    {'f', "force", NULL, "write over OUT if it is there"},
};

const struct cli_command cli_command_repair = {
    .name = "repair",
    .summary = "Save what can be read of a damaged file in a new one",
    .operands = "DB OUT",
    .operands_min = 2,
    .operands_max = 2,
    .options = repair_option_table,
    .option_count = sizeof(repair_option_table) / sizeof(repair_option_table[0]),
    .notes = "DB stays as it is; nobody may write to it meanwhile. Names each place that is lost.\n"
             "Exits with 0 if OUT was made, whatever was lost.\n",
    .run = repair_run,
};
