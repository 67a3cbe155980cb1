/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api.c - entry checks of the public functions, and what needs no handle. */
#include "api/api.h"
#include "engine/catalog.h"

#include <string.h>

#include "codec/codec.h"
#include "codec/strings.h"

const char *nanots_version(void)
{
    return NANOTS_VERSION;
}

const char *nanots_status_name(nanots_status status)
{
    switch (status) {
#define API_STATUS_NAME(name, number, text)                                                        \
    case NANOTS_##name:                                                                            \
        return "NANOTS_" #name;
        NANOTS_STATUS_LIST(API_STATUS_NAME)
#undef API_STATUS_NAME
    }
    return "NANOTS_UNKNOWN";
}

const char *nanots_status_text(nanots_status status)
{
    switch (status) {
#define API_STATUS_TEXT(name, number, text)                                                        \
    case NANOTS_##name:                                                                            \
        return text;
        NANOTS_STATUS_LIST(API_STATUS_TEXT)
#undef API_STATUS_TEXT
    }
    return "unknown status";
}

const char *nanots_codec_name(unsigned codec)
{
    return codec < NTS_CODEC_STRINGS ? nts_codec_name(codec)
                                     : nts_strings_form_name(codec - NTS_CODEC_STRINGS);
}

const struct nanots_vfs *nanots_vfs_default(void)
{
    return nts_vfs_posix();
}

void nanots_free(void *block)
{
    nts_free(block);
}

nanots_status nts_api_no_null(const void *argument, const char *name, struct nanots_error *error)
{
    return argument != NULL ? NANOTS_OK : nts_fail(error, NANOTS_INVALID, "%s is NULL", name);
}

nanots_status nts_api_enter(const struct nanots_db *db, struct nanots_error *error)
{
    nts_error_clear(error);
    NTS_TRY(nts_api_no_null(db, "the database handle", error));
    return nts_db_check_process(db, error);
}

nanots_status nts_api_enter_table(struct nanots_db *db, const char *table,
                                  struct nanots_table **table_out, struct nanots_error *error)
{
    *table_out = NULL;
    NTS_TRY(nts_api_enter(db, error));
    return nts_catalog_get(db, table, table_out, error);
}

nanots_status nts_api_options(const void *given, void *copy, size_t size, const char *what,
                              struct nanots_error *error)
{
    size_t given_size = 0;
    if (given == NULL)
        return NANOTS_OK;
    memcpy(&given_size, given, sizeof given_size);
    if (given_size < sizeof given_size)
        return nts_fail(error, NANOTS_INVALID, "struct_size of %s is not set", what);
    memcpy(copy, given, given_size < size ? given_size : size);
    return NANOTS_OK;
}

nanots_status nts_api_sized_check(const void *out, size_t given, size_t least, const char *name,
                                  struct nanots_error *error)
{
    NTS_TRY(nts_api_no_null(out, name, error));
    return given >= least ? NANOTS_OK
                          : nts_fail(error, NANOTS_INVALID, "struct_size of %s is not set", name);
}

void nts_api_sized_copy(void *out, const void *from, size_t given, size_t size)
{
    memcpy((uint8_t *)out + sizeof(size_t), (const uint8_t *)from + sizeof(size_t),
           (given < size ? given : size) - sizeof(size_t));
}
