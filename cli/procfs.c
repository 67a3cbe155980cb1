/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/procfs.c - this machine's figures from /proc.
 *
 *     /proc/loadavg    0.52 0.58 0.59 1/467 12345          load
 *     /proc/meminfo    MemTotal:  16384 kB                 memory, in bytes
 *     /proc/stat       cpu user nice system idle ...       cpu, in percent of all processors
 *     /proc/diskstats  8 0 sda reads . sectors ...         disk, whole disks added up
 *     /proc/net/dev    eth0: bytes packets ...             network, without the loopback
 */
#include "procfs.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DISK_SECTOR_SIZE 512.0 /* what /proc/diskstats counts in, whatever the device has */

const struct cli_proc_schema cli_proc_schemas[CLI_PROC_GROUP_COUNT] = {
    [CLI_PROC_LOAD] = {"load", 5, {"load1", "load5", "load15", "running", "processes"}},
    [CLI_PROC_MEMORY] = {"memory",
                         6,
                         {"total", "available", "free", "cached", "swap_total", "swap_free"}},
    [CLI_PROC_CPU] = {"cpu", 6, {"user", "system", "idle", "iowait", "irq", "steal"}},
    [CLI_PROC_DISK] = {"disk",
                       5,
                       {"reads_per_s", "read_bytes_per_s", "writes_per_s", "written_bytes_per_s",
                        "busy_percent"}},
    [CLI_PROC_NETWORK] = {"network",
                          4,
                          {"received_bytes_per_s", "received_packets_per_s", "sent_bytes_per_s",
                           "sent_packets_per_s"}},
};

static void proc_read_load(double figures[CLI_PROC_FIGURES_MAX])
{
    FILE *file = fopen("/proc/loadavg", "r");
    if (file == NULL)
        return;
    double read[5];
    if (fscanf(file, "%lf %lf %lf %lf/%lf", &read[0], &read[1], &read[2], &read[3], &read[4]) == 5)
        memcpy(figures, read, sizeof(read));
    fclose(file);
}

static void proc_read_memory(double figures[CLI_PROC_FIGURES_MAX])
{
    static const char *const keys[] = {
        "MemTotal:", "MemAvailable:", "MemFree:", "Cached:", "SwapTotal:", "SwapFree:"};
    char line[256];
    char key[64];
    double kib;
    FILE *file = fopen("/proc/meminfo", "r");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "%63s %lf", key, &kib) != 2)
            continue;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            if (strcmp(key, keys[i]) == 0)
                figures[i] = kib * 1024;
    }
    fclose(file);
}

/* Ticks of all processors together; nice counts as user, both kinds of interrupt as irq. */
static void proc_read_cpu(double figures[CLI_PROC_FIGURES_MAX])
{
    double user, nice, system, idle, iowait, irq, softirq, steal;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL)
        return;
    if (fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &iowait,
               &irq, &softirq, &steal) == 8) {
        figures[0] = user + nice;
        figures[1] = system;
        figures[2] = idle;
        figures[3] = iowait;
        figures[4] = irq + softirq;
        figures[5] = steal;
    }
    fclose(file);
}

/* Whole disks only: partitions, loops and mappings would count the same bytes again. */
static bool proc_is_disk(const char *name)
{
    static const char *const layers[] = {"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"};
    char path[128];
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
        if (strncmp(name, layers[i], strlen(layers[i])) == 0)
            return false;
    snprintf(path, sizeof(path), "/sys/block/%s", name);
    return access(path, F_OK) == 0;
}

static void proc_read_disk(double figures[CLI_PROC_FIGURES_MAX])
{
    char line[512];
    char name[64];
    double reads, read_sectors, writes, written_sectors, busy_ms;
    FILE *file = fopen("/proc/diskstats", "r");
    if (file == NULL)
        return;
    memset(figures, 0, 5 * sizeof(double));
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "%*u %*u %63s %lf %*u %lf %*u %lf %*u %lf %*u %*u %lf", name, &reads,
                   &read_sectors, &writes, &written_sectors, &busy_ms) != 6)
            continue;
        if (!proc_is_disk(name))
            continue;
        figures[0] += reads;
        figures[1] += read_sectors * DISK_SECTOR_SIZE;
        figures[2] += writes;
        figures[3] += written_sectors * DISK_SECTOR_SIZE;
        figures[4] += busy_ms / 10; /* percent seconds: the busiest of several may pass 100 */
    }
    fclose(file);
}

static void proc_read_network(double figures[CLI_PROC_FIGURES_MAX])
{
    char line[512];
    char name[64];
    double read[4];
    FILE *file = fopen("/proc/net/dev", "r");
    if (file == NULL)
        return;
    memset(figures, 0, 4 * sizeof(double));
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, " %63[^:]: %lf %lf %*u %*u %*u %*u %*u %*u %lf %lf", name, &read[0],
                   &read[1], &read[2], &read[3]) != 5)
            continue;
        if (strcmp(name, "lo") == 0)
            continue;
        for (size_t i = 0; i < 4; i++)
            figures[i] += read[i];
    }
    fclose(file);
}

void cli_proc_read(struct cli_proc_sample *sample_out)
{
    struct timespec now;
    for (size_t group = 0; group < CLI_PROC_GROUP_COUNT; group++)
        for (size_t i = 0; i < CLI_PROC_FIGURES_MAX; i++)
            sample_out->figures[group][i] = NAN;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sample_out->at_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    proc_read_load(sample_out->figures[CLI_PROC_LOAD]);
    proc_read_memory(sample_out->figures[CLI_PROC_MEMORY]);
    proc_read_cpu(sample_out->figures[CLI_PROC_CPU]);
    proc_read_disk(sample_out->figures[CLI_PROC_DISK]);
    proc_read_network(sample_out->figures[CLI_PROC_NETWORK]);
}

/* Two decimals: the figures are no better than that, and short decimals are stored small. */
static double proc_round(double value)
{
    return nearbyint(value * 100) / 100;
}

void cli_proc_rates(const struct cli_proc_sample *before, const struct cli_proc_sample *now,
                    double rates_out[CLI_PROC_GROUP_COUNT][CLI_PROC_FIGURES_MAX])
{
    double elapsed_s = now->at_s - before->at_s;
    double ticks = 0;
    memcpy(rates_out, now->figures, sizeof(now->figures));
    for (size_t i = 0; i < cli_proc_schemas[CLI_PROC_CPU].figure_count; i++)
        ticks += now->figures[CLI_PROC_CPU][i] - before->figures[CLI_PROC_CPU][i];
    for (size_t group = CLI_PROC_CPU; group < CLI_PROC_GROUP_COUNT; group++) {
        double unit = group == CLI_PROC_CPU ? ticks / 100 : elapsed_s;
        for (size_t i = 0; i < cli_proc_schemas[group].figure_count; i++) {
            double change = now->figures[group][i] - before->figures[group][i];
            /* A counter that went back is that of a device which was taken out. */
            rates_out[group][i] = unit > 0 && change >= 0 ? proc_round(change / unit) : NAN;
        }
    }
}
