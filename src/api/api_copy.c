/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api_copy.c - backup and repair: the public functions, thin. */
#include <string.h>

#include "api/api.h"
#include "copy/copy.h"

nanots_status nanots_backup(struct nanots_db *db, const char *out_path,
                            const struct nanots_backup_options *options,
                            struct nanots_backup_report *report_out, struct nanots_error *error)
{
    struct nanots_backup_options filled;
    struct nanots_backup_report report;
    memset(&filled, 0, sizeof filled);
    memset(&report, 0, sizeof report);
    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(nts_api_no_null(out_path, "out_path", error));
    NTS_TRY(nts_api_options(options, &filled, sizeof filled, "the backup options", error));
    if (report_out != NULL)
        NTS_TRY(nts_api_sized_check(report_out, report_out->struct_size, sizeof(size_t) + 8,
                                    "report_out", error));
    if (filled.flags > NANOTS_BACKUP_REPLACE)
        return nts_fail(error, NANOTS_INVALID, "unknown backup flags 0x%x", filled.flags);
    const nanots_status status = nts_backup(db, out_path, &filled, &report, error);
    if (report_out != NULL)
        nts_api_sized_copy(report_out, &report, report_out->struct_size, sizeof report);
    return status;
}

nanots_status nanots_repair(const char *in_path, const char *out_path,
                            const struct nanots_repair_options *options,
                            struct nanots_repair_report *report_out, struct nanots_error *error)
{
    struct nanots_repair_options filled;
    struct nanots_repair_report report;
    nts_error_clear(error);
    memset(&filled, 0, sizeof filled);
    memset(&report, 0, sizeof report);
    NTS_TRY(nts_api_no_null(in_path, "in_path", error));
    NTS_TRY(nts_api_no_null(out_path, "out_path", error));
    NTS_TRY(nts_api_options(options, &filled, sizeof filled, "the repair options", error));
    if (report_out != NULL)
        NTS_TRY(nts_api_sized_check(report_out, report_out->struct_size, sizeof(size_t) + 8,
                                    "report_out", error));
    if (filled.flags > (NANOTS_REPAIR_REPLACE | NANOTS_REPAIR_NULL_LOST))
        return nts_fail(error, NANOTS_INVALID, "unknown repair flags 0x%x", filled.flags);
    const nanots_status status = nts_repair(in_path, out_path, &filled, &report, error);
    if (report_out != NULL)
        nts_api_sized_copy(report_out, &report, report_out->struct_size, sizeof report);
    return status;
}
