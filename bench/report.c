/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/report.c - see report.h. */
#include "report.h"

#include "measure.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define FIGURES_MAX  64
#define SYSTEMS_MAX  10
#define RUNS_MAX     32
#define HEADINGS_MAX 12
#define NAME_SIZE    40
#define TITLE_SIZE   88

struct figure_system {
    char name[NAME_SIZE];
    double values[RUNS_MAX];
    size_t value_count;
    double goal;       /* NAN: none */
    double ratio_goal; /* NAN: none */
};

struct figure {
    char title[TITLE_SIZE];
    const char *unit;
    enum report_better better;
    struct figure_system systems[SYSTEMS_MAX];
    size_t system_count;
    const char *note;
};

struct report_heading {
    char name[NAME_SIZE];
    char text[TITLE_SIZE];
};

static struct {
    struct figure figures[FIGURES_MAX];
    size_t figure_count;
    struct report_heading headings[HEADINGS_MAX];
    size_t heading_count;
    bool json;
} report;

void report_use_json(bool json)
{
    report.json = json;
}

void report_heading(const char *name, const char *text)
{
    struct report_heading *heading;

    if (report.heading_count == HEADINGS_MAX)
        die("too many headings");
    heading = &report.headings[report.heading_count++];
    snprintf(heading->name, sizeof heading->name, "%s", name);
    snprintf(heading->text, sizeof heading->text, "%s", text);
    if (!report.json)
        printf("%-10s %s\n", name, text);
}

struct figure *report_figure(const char *title, const char *unit, enum report_better better)
{
    struct figure *figure;

    if (report.figure_count == FIGURES_MAX)
        die("too many figures");
    figure = &report.figures[report.figure_count++];
    snprintf(figure->title, sizeof figure->title, "%s", title);
    figure->unit = unit;
    figure->better = better;
    return figure;
}

static struct figure_system *report_system(struct figure *figure, const char *name)
{
    struct figure_system *system;

    for (size_t i = 0; i < figure->system_count; i++) {
        if (strcmp(figure->systems[i].name, name) == 0)
            return &figure->systems[i];
    }
    if (figure->system_count == SYSTEMS_MAX)
        die("too many systems in the figure '%s'", figure->title);
    system = &figure->systems[figure->system_count++];
    snprintf(system->name, sizeof system->name, "%s", name);
    system->goal = (double)NAN;
    system->ratio_goal = (double)NAN;
    return system;
}

void report_value(struct figure *figure, const char *system_name, double value)
{
    struct figure_system *system = report_system(figure, system_name);

    if (system->value_count == RUNS_MAX)
        die("too many runs of '%s'", figure->title);
    system->values[system->value_count++] = value;
}

void report_goal(struct figure *figure, const char *system, double value)
{
    report_system(figure, system)->goal = value;
}

void report_ratio_goal(struct figure *figure, const char *system, double ratio)
{
    report_system(figure, system)->ratio_goal = ratio;
}

void report_note(struct figure *figure, const char *text)
{
    figure->note = text;
}

/* Median, least and greatest of the values that are numbers; NAN if none is. */
static void report_spread(const double *values, size_t count, double *median_out, double *min_out,
                          double *max_out)
{
    double sorted[RUNS_MAX];
    size_t sorted_count = 0;

    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i]))
            sorted[sorted_count++] = values[i];
    }
    *median_out = *min_out = *max_out = (double)NAN;
    if (sorted_count == 0)
        return;
    *median_out = measure_percentile(sorted, sorted_count, 0.5);
    *min_out = sorted[0];
    *max_out = sorted[sorted_count - 1];
}

/* How many times better the subject is, run by run, then the median. */
static double report_ratio(const struct figure *figure, const struct figure_system *system)
{
    const struct figure_system *subject = &figure->systems[0];
    size_t count =
        system->value_count < subject->value_count ? system->value_count : subject->value_count;
    double ratios[RUNS_MAX];
    double median;
    double min;
    double max;

    for (size_t i = 0; i < count; i++) {
        if (figure->better == REPORT_MORE)
            ratios[i] = subject->values[i] / system->values[i];
        else
            ratios[i] = system->values[i] / subject->values[i];
    }
    report_spread(ratios, count, &median, &min, &max);
    return median;
}

/* "3.41 M", "45.1 k", "0.35", "n/a": three digits, at most eight characters. */
static const char *report_number(char *text, size_t text_size, double value)
{
    double size = fabs(value);
    const char *suffix = size >= 999.5e3 ? " M" : size >= 9995.0 ? " k" : "";
    int decimals = 2;

    if (isnan(value)) {
        snprintf(text, text_size, "n/a");
        return text;
    }
    if (size >= 999.5e3)
        value /= 1e6;
    else if (size >= 9995.0)
        value /= 1e3;
    size = fabs(value);
    if (size >= 99.95)
        decimals = 0;
    else if (size >= 9.995)
        decimals = 1;
    else if (size > 0.0 && size < 0.095)
        decimals = 4;
    snprintf(text, text_size, "%.*f%s", decimals, value, suffix);
    return text;
}

static bool report_met(enum report_better better, double value, double goal)
{
    return better == REPORT_MORE ? value >= goal : value <= goal;
}

static const char *report_verdict(double value, bool met)
{
    if (isnan(value))
        return "not measured";
    return met ? "met" : "missed";
}

static void report_print_system(const struct figure *figure, const struct figure_system *system)
{
    char median_text[16];
    char min_text[16];
    char max_text[16];
    char goal_text[16];
    double median;
    double min;
    double max;
    double ratio;

    report_spread(system->values, system->value_count, &median, &min, &max);
    printf("  %-30s %9s  %8s .. %-8s", system->name,
           report_number(median_text, sizeof median_text, median),
           report_number(min_text, sizeof min_text, min),
           report_number(max_text, sizeof max_text, max));
    ratio = report_ratio(figure, system);
    if (system == &figure->systems[0] || isnan(ratio))
        printf(" %9s", "");
    else
        printf(" %8.*fx", ratio < 9.995 ? 2 : ratio < 99.95 ? 1 : 0, ratio);
    if (!isnan(system->goal))
        printf("  goal %s %s: %s", figure->better == REPORT_MORE ? ">=" : "<=",
               report_number(goal_text, sizeof goal_text, system->goal),
               report_verdict(median, report_met(figure->better, median, system->goal)));
    if (!isnan(system->ratio_goal) && system != &figure->systems[0])
        printf("  goal >= %.3gx: %s", system->ratio_goal,
               report_verdict(ratio, ratio >= system->ratio_goal));
    putchar('\n');
}

void report_print(struct figure *figure)
{
    static bool head_printed;

    if (report.json)
        return;
    if (!head_printed)
        printf("\n%-32s %9s  %20s  %9s\n", "", "median", "least .. greatest", "we are");
    head_printed = true;
    printf("\n%s, %s (%s is better)\n", figure->title, figure->unit,
           figure->better == REPORT_MORE ? "more" : "less");
    for (size_t i = 0; i < figure->system_count; i++)
        report_print_system(figure, &figure->systems[i]);
    if (figure->note != NULL)
        printf("  (%s)\n", figure->note);
    fflush(stdout);
}

void report_json_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ') {
            printf("\\u%04x", (unsigned)*text);
            continue;
        }
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void report_json_number(const char *name, double value)
{
    if (isnan(value))
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %.9g", name, value);
}

static void report_json_system(const struct figure *figure, const struct figure_system *system)
{
    double median;
    double min;
    double max;

    report_spread(system->values, system->value_count, &median, &min, &max);
    printf("    {\"figure\": ");
    report_json_string(figure->title);
    printf(", \"unit\": ");
    report_json_string(figure->unit);
    printf(", \"better\": \"%s\", \"system\": ", figure->better == REPORT_MORE ? "more" : "less");
    report_json_string(system->name);
    report_json_number("median", median);
    report_json_number("min", min);
    report_json_number("max", max);
    printf(", \"runs\": %zu", system->value_count);
    report_json_number("ratio", report_ratio(figure, system));
    report_json_number("goal", system->goal);
    report_json_number("ratio_goal", system->ratio_goal);
    putchar('}');
}

void report_finish(void)
{
    const char *separator = "\n";

    if (!report.json)
        return;
    puts("{");
    for (size_t i = 0; i < report.heading_count; i++) {
        printf("  ");
        report_json_string(report.headings[i].name);
        printf(": ");
        report_json_string(report.headings[i].text);
        puts(",");
    }
    printf("  \"figures\": [");
    for (size_t i = 0; i < report.figure_count; i++) {
        for (size_t j = 0; j < report.figures[i].system_count; j++) {
            fputs(separator, stdout);
            report_json_system(&report.figures[i], &report.figures[i].systems[j]);
            separator = ",\n";
        }
    }
    puts("\n  ]\n}");
}
