/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/header_alone.h - what a language makes of the public headers; C and C++ must agree. */
#ifndef HEADER_ALONE_H
#define HEADER_ALONE_H

#include <stddef.h>

/* Sizes of the structs that cross the boundary, and one offset deep inside each options struct. */
struct header_view {
    size_t error_size;
    size_t open_options_size;
    size_t retention_offset;
    size_t schema_size;
    size_t query_size;
    size_t limit_offset;
    size_t batch_size;
    size_t series_size;
    size_t table_stats_size;
    size_t diagnosis_size;
    size_t verify_report_size;
    size_t status_size;
    int last_status;
    size_t arrow_options_size;
    size_t arrow_append_options_size;
    size_t arrow_schema_size;
    size_t arrow_array_size;
    size_t arrow_stream_size;
};

#define HEADER_VIEW                                                                                \
    {                                                                                              \
        sizeof(struct nanots_error), sizeof(struct nanots_open_options),                           \
            offsetof(struct nanots_open_options, retention_ms), sizeof(struct nanots_schema),      \
            sizeof(struct nanots_query), offsetof(struct nanots_query, limit),                     \
            sizeof(struct nanots_batch), sizeof(struct nanots_series),                             \
            sizeof(struct nanots_table_stats), sizeof(struct nanots_diagnosis),                    \
            sizeof(struct nanots_verify_report), sizeof(nanots_status), NANOTS_TYPE_MISMATCH,      \
            sizeof(struct nanots_arrow_options), sizeof(struct nanots_arrow_append_options),       \
            sizeof(struct ArrowSchema), sizeof(struct ArrowArray), sizeof(struct ArrowArrayStream) \
    }

#endif
