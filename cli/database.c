/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/database.c - opening and closing the file with its errors told. */
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

static nanots_status database_try(const char *path, uint32_t flags, uint64_t max_bytes,
                                  struct nanots_db **db_out, struct nanots_error *error)
{
    struct nanots_open_options options = {
        .struct_size = sizeof(options), .flags = flags, .max_bytes = max_bytes};
    return nanots_open(path, &options, db_out, error);
}

static struct nanots_db *database_open(const char *path, uint32_t flags, uint64_t max_bytes)
{
    struct nanots_error error;
    struct nanots_db *db = NULL;
    if (database_try(path, flags, max_bytes, &db, &error) != NANOTS_OK)
        cli_fail_status(&error);
    return db;
}

struct nanots_db *cli_open_read(const char *path)
{
    return database_open(path, NANOTS_OPEN_READ_ONLY | NANOTS_OPEN_NO_CREATE, 0);
}

struct nanots_db *cli_open_write(const char *path)
{
    return cli_open_limited(path, 0);
}

struct nanots_db *cli_open_limited(const char *path, uint64_t max_bytes)
{
    return database_open(path, NANOTS_OPEN_NO_CREATE, max_bytes);
}

struct nanots_db *cli_open_or_make(const char *path, uint64_t max_bytes, bool *made_out)
{
    struct nanots_error error;
    struct nanots_db *db = NULL;
    const nanots_status status = database_try(path, NANOTS_OPEN_EXCLUSIVE, max_bytes, &db, &error);
    *made_out = status == NANOTS_OK;
    if (status == NANOTS_EXISTS)
        return database_open(path, 0, max_bytes);
    if (status != NANOTS_OK)
        cli_fail_status(&error);
    return db;
}

int cli_close(struct nanots_db *db, int exit_code)
{
    struct nanots_error error;
    if (nanots_close(db, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    return exit_code;
}

int cli_close_made(struct nanots_db *db, const char *path, bool made, int exit_code)
{
    /* Before the close: until then the lock keeps other writers out of the file. */
    if (made && exit_code != CLI_OK && unlink(path) != 0)
        cli_warn("%s holds no row, but cannot be removed", path);
    return cli_close(db, exit_code);
}

uint64_t cli_file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}
