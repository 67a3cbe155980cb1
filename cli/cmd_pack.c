/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_pack.c - nanots pack and nanots retain: the upkeep of a file. */
#include <inttypes.h>

#include "commands.h"
#include "humantime.h"
#include "number.h"
#include "rows.h"

static int pack_table(struct nanots_db *db, const char *table, uint64_t target_rows)
{
    struct nanots_table_stats before = {.struct_size = sizeof(before)};
    struct nanots_table_stats after = {.struct_size = sizeof(after)};
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char was[CLI_NUMBER_TEXT_SIZE];
    char is[CLI_NUMBER_TEXT_SIZE];
    if (nanots_flush(db, &error) != NANOTS_OK ||
        nanots_stats(db, table, &before, &error) != NANOTS_OK ||
        nanots_pack_table(db, table, target_rows, &error) != NANOTS_OK ||
        nanots_stats(db, table, &after, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    cli_quantity_print(after.rows, "row", rows);
    cli_bytes_print(before.disk_bytes, was);
    cli_bytes_print(after.disk_bytes, is);
    printf("%s: %s, %" PRIu64 " -> %" PRIu64 " segments, %s -> %s\n", table, rows, before.segments,
           after.segments, was, is);
    fflush(stdout);
    return CLI_OK;
}

static int pack_all(struct nanots_db *db, uint64_t target_rows)
{
    struct nanots_table_list list;
    struct nanots_error error;
    int exit_code = CLI_OK;
    if (nanots_list_tables(db, &list, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    for (size_t i = 0; i < list.count && exit_code == CLI_OK; i++)
        exit_code = pack_table(db, list.names[i], target_rows);
    nanots_free(list.block);
    return exit_code;
}

static int pack_run(const struct cli_args *args)
{
    uint64_t target_rows = 0;
    char was[CLI_NUMBER_TEXT_SIZE];
    char is[CLI_NUMBER_TEXT_SIZE];
    const char *path = args->operands[0];
    int exit_code = cli_option_count(args, "target-rows", &target_rows);
    if (exit_code != CLI_OK)
        return exit_code;
    cli_bytes_print(cli_file_size(path), was);
    struct nanots_db *db = cli_open_write(path);
    if (db == NULL)
        return CLI_FAILURE;
    if (args->operand_count == 2)
        exit_code = pack_table(db, args->operands[1], target_rows);
    else
        exit_code = pack_all(db, target_rows);
    exit_code = cli_close(db, exit_code);
    cli_bytes_print(cli_file_size(path), is);
    if (exit_code == CLI_OK)
        printf("%s: %s -> %s\n", path, was, is);
    return exit_code;
}

static const struct cli_option pack_option_table[] = {
    {0, "target-rows", "N", "rows of a segment; the largest unless given"},
};

const struct cli_command cli_command_pack = {
    .name = "pack",
    .summary = "Rewrite a table, or all, as few sorted segments",
    .operands = "DB [TABLE]",
    .operands_min = 1,
    .operands_max = 2,
    .options = pack_option_table,
    .option_count = sizeof(pack_option_table) / sizeof(pack_option_table[0]),
    .notes = "Rows are stored for size then, which takes longer and reads slower; not those of a\n"
             "table of --tier hot (nanots create).\n",
    .run = pack_run,
};

/* ---- retain ------------------------------------------------------------------------------- */

/* In ticks of a table's unit. */
static int retain_cutoff(const struct cli_args *args, enum cli_time_unit unit, int64_t *cutoff_out)
{
    const char *before = cli_option(args, "before");
    const char *keep = cli_option(args, "keep");
    enum cli_time_unit number_unit;
    int64_t age = 0;
    int exit_code = cli_unit_option(args, &number_unit);
    if (exit_code != CLI_OK)
        return exit_code;
    if ((before == NULL) == (keep == NULL))
        return cli_usage("say what goes: either --before TIME or --keep AGE, or --max-size SIZE");
    if (before != NULL)
        return cli_time_argument("--before", before, number_unit, unit, false, cutoff_out);
    exit_code = cli_duration_option(args, "keep", &age);
    if (exit_code == CLI_OK)
        cli_duration_parse(keep, unit, &age);
    *cutoff_out = cli_now(unit) - age;
    return exit_code;
}

static int retain_table(const struct cli_args *args, struct nanots_db *db, const char *table,
                        uint64_t *removed_out, char time_out[CLI_TIME_TEXT_SIZE])
{
    struct nanots_error error;
    enum cli_time_unit unit;
    int64_t cutoff = 0;
    int exit_code = cli_table_unit(db, table, &unit);
    if (exit_code == CLI_OK)
        exit_code = retain_cutoff(args, unit, &cutoff);
    if (exit_code != CLI_OK)
        return exit_code;
    if (nanots_compact_retention(db, table, cutoff, removed_out, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    cli_time_print(cutoff, unit, cli_time_style_for(cutoff, unit), time_out);
    return CLI_OK;
}

static int retain_all(const struct cli_args *args, struct nanots_db *db)
{
    struct nanots_table_list list;
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char time[CLI_TIME_TEXT_SIZE] = "then";
    uint64_t total = 0;
    int exit_code = CLI_OK;
    if (nanots_list_tables(db, &list, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    for (size_t i = 0; i < list.count && exit_code == CLI_OK; i++) {
        uint64_t removed = 0;
        exit_code = retain_table(args, db, list.names[i], &removed, time);
        total += removed;
    }
    nanots_free(list.block);
    cli_quantity_print(total, "row", rows);
    if (exit_code == CLI_OK)
        printf("%s before %s removed\n", rows, time);
    return exit_code;
}

static int retain_one(const struct cli_args *args, struct nanots_db *db, const char *table)
{
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char time[CLI_TIME_TEXT_SIZE];
    uint64_t removed = 0;
    int exit_code = retain_table(args, db, table, &removed, time);
    cli_quantity_print(removed, "row", rows);
    if (exit_code == CLI_OK)
        printf("%s before %s removed from table '%s'\n", rows, time, table);
    return exit_code;
}

/* The oldest rows of all tables, until the file is small enough. */
static int retain_size(struct nanots_db *db, const char *size)
{
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    uint64_t removed = 0;
    if (nanots_compact_retention_now(db, &removed, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    cli_quantity_print(removed, "row", rows);
    printf("%s removed to fit %s\n", rows, size);
    return CLI_OK;
}

static int retain_age(const struct cli_args *args, struct nanots_db *db)
{
    return args->operand_count == 2 ? retain_one(args, db, args->operands[1])
                                    : retain_all(args, db);
}

/* Before the file is opened: the command line is wrong or right whatever the file holds. */
static int retain_check(const struct cli_args *args, bool by_age, uint64_t *max_bytes)
{
    int64_t ignored;
    int exit_code = cli_option_bytes(args, "max-size", max_bytes);
    if (exit_code == CLI_OK && cli_option(args, "max-size") != NULL && args->operand_count == 2)
        return cli_usage("--max-size is for the whole file, not for a table");
    if (exit_code == CLI_OK && (by_age || cli_option(args, "max-size") == NULL))
        exit_code = retain_cutoff(args, CLI_UNIT_US, &ignored);
    return exit_code;
}

static int retain_run(const struct cli_args *args)
{
    const bool by_age = cli_option(args, "before") != NULL || cli_option(args, "keep") != NULL;
    const char *size = cli_option(args, "max-size");
    uint64_t max_bytes = 0;
    int exit_code = retain_check(args, by_age, &max_bytes);
    if (exit_code != CLI_OK)
        return exit_code;
    struct nanots_db *db = cli_open_limited(args->operands[0], max_bytes);
    if (db == NULL)
        return CLI_FAILURE;
    if (by_age)
        exit_code = retain_age(args, db);
    if (exit_code == CLI_OK && size != NULL)
        exit_code = retain_size(db, size);
    return cli_close(db, exit_code);
}

static const struct cli_option retain_option_table[] = {
    {'b', "before", "TIME", "remove the rows before TIME"},
    {'k', "keep", "AGE", "remove the rows older than AGE: 12h, 30d, 52w"},
    {'m', "max-size", "SIZE", "remove the oldest rows until the file fits: 500MiB, 2GiB"},
    {'u', "unit", "UNIT", "what a plain number is as TIME: s, ms, us or ns"},
};

const struct cli_command cli_command_retain = {
    .name = "retain",
    .summary = "Remove old rows from a table, or from all, by age or by size",
    .operands = "DB [TABLE]",
    .operands_min = 1,
    .operands_max = 2,
    .options = retain_option_table,
    .option_count = sizeof(retain_option_table) / sizeof(retain_option_table[0]),
    .notes =
        "A TIME is as in nanots help query; a row exactly at it stays. --max-size may come with\n"
        "either: age first. It takes the segments whose last row is oldest, whatever table they\n"
        "are in, until the whole file fits in SIZE, which is at least 1MiB.\n",
    .run = retain_run,
};
