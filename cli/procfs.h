/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/procfs.h - this machine's load, memory, processor, disk and network figures from /proc.
 *
 * What /proc counts since boot (processor, disk, network) becomes a rate between two samples; what
 * it states (load, memory) is taken as it is.
 */
#ifndef NANOTS_CLI_PROCFS_H
#define NANOTS_CLI_PROCFS_H

#include "cli.h"

enum cli_proc_group {
    CLI_PROC_LOAD,
    CLI_PROC_MEMORY,
    CLI_PROC_CPU,
    CLI_PROC_DISK,
    CLI_PROC_NETWORK,
};
enum { CLI_PROC_GROUP_COUNT = 5, CLI_PROC_FIGURES_MAX = 8 };

/* Name of a group, and of its figures; they are tables and columns. */
struct cli_proc_schema {
    const char *name;
    size_t figure_count;
    const char *figures[CLI_PROC_FIGURES_MAX];
};
extern const struct cli_proc_schema cli_proc_schemas[CLI_PROC_GROUP_COUNT];

/* One reading of everything, counters as they are; NaN is a figure this system does not have. */
struct cli_proc_sample {
    double at_s; /* of the monotonic clock */
    double figures[CLI_PROC_GROUP_COUNT][CLI_PROC_FIGURES_MAX];
};

void cli_proc_read(struct cli_proc_sample *sample_out);

/* Figures for the time between two readings. */
void cli_proc_rates(const struct cli_proc_sample *before, const struct cli_proc_sample *now,
                    double rates_out[CLI_PROC_GROUP_COUNT][CLI_PROC_FIGURES_MAX]);

#endif
