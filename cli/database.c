/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/database.c - opening and closing the file with its errors told. */
#include <sys/stat.h>

#include "cli.h"

static struct nanots_db *database_open(const char *path, uint32_t flags)
{
    struct nanots_open_options options = {.struct_size = sizeof(options)};
    struct nanots_error error;
    struct nanots_db *db = NULL;
    options.flags = flags;
    if (nanots_open(path, &options, &db, &error) != NANOTS_OK) {
        cli_fail_status(&error);
        return NULL;
    }
    return db;
}

struct nanots_db *cli_open_read(const char *path)
{
    return database_open(path, NANOTS_OPEN_READ_ONLY | NANOTS_OPEN_NO_CREATE);
}

struct nanots_db *cli_open_write(const char *path, bool create)
{
    return database_open(path, create ? 0 : NANOTS_OPEN_NO_CREATE);
}

int cli_close(struct nanots_db *db, int exit_code)
{
    struct nanots_error error;
    if (nanots_close(db, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    return exit_code;
}

uint64_t cli_file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}
