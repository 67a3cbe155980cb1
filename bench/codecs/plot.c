/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/plot.c - the Pareto picture: bits a value against the speed of decoding.
 *
 *   GB/s ^            x memcpy        up is faster, left is smaller; the line joins the codecs that
 *   log  |    o hot                   no other beats at both
 *        | x
 *        +------------------> bits a value
 */
#include "codecs/figures.h"

#include "measure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH        720.0
#define HEIGHT       460.0
#define LEFT         64.0
#define RIGHT        24.0
#define TOP          56.0
#define BOTTOM       52.0
#define RADIUS       5.0
#define CHAR_WIDTH   8.5 /* of a sans-serif font of 13 pixels, about */
#define LABEL_HEIGHT 15.0
#define SIDE_COUNT   4
#define OUR_COLOUR   "#c2410c"
#define PEER_COLOUR  "#475569"

/* x and y are those of the middle. */
struct plot_box {
    double x;
    double y;
    double width;
    double height;
};

struct plot_point {
    const char *name;
    double bits;
    double gbps;
    struct plot_box label;
    bool is_ours;
};

struct plot {
    FILE *file;
    struct plot_point points[CODEC_COUNT]; /* by bits, least first */
    size_t point_count;
    double bits_max;
    double gbps_min; /* of the axis */
    double gbps_max;
};

static double plot_x(const struct plot *plot, double bits)
{
    return LEFT + bits / plot->bits_max * (WIDTH - LEFT - RIGHT);
}

static double plot_y(const struct plot *plot, double gbps)
{
    double share = log(gbps / plot->gbps_min) / log(plot->gbps_max / plot->gbps_min);

    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

static int plot_compare(const void *left, const void *right)
{
    const struct plot_point *a = left;
    const struct plot_point *b = right;

    return (a->bits > b->bits) - (a->bits < b->bits);
}

static bool plot_overlaps(const struct plot_box *a, const struct plot_box *b)
{
    return fabs(a->x - b->x) * 2 < a->width + b->width &&
           fabs(a->y - b->y) * 2 < a->height + b->height;
}

static struct plot_box plot_dot(const struct plot *plot, const struct plot_point *point)
{
    return (struct plot_box){plot_x(plot, point->bits), plot_y(plot, point->gbps), 2 * RADIUS,
                             2 * RADIUS};
}

/* True if the label covers no dot and none of the labels of the first `placed` points. */
static bool plot_is_free(const struct plot *plot, const struct plot_box *label, size_t placed)
{
    if (label->x - label->width / 2 < LEFT || label->x + label->width / 2 > WIDTH)
        return false;
    for (size_t i = 0; i < plot->point_count; i++) {
        struct plot_box dot = plot_dot(plot, &plot->points[i]);

        if (plot_overlaps(label, &dot) ||
            (i < placed && plot_overlaps(label, &plot->points[i].label)))
            return false;
    }
    return true;
}

/* Each label goes to the first free place of right, left, above, below; to the right if none is. */
static void plot_place_labels(struct plot *plot)
{
    static const double sides[SIDE_COUNT][2] = {{1, 0}, {-1, 0}, {0, -1}, {0, 1}};

    for (size_t i = 0; i < plot->point_count; i++) {
        struct plot_point *point = &plot->points[i];
        struct plot_box dot = plot_dot(plot, point);
        struct plot_box label = {0, 0, (double)strlen(point->name) * CHAR_WIDTH, LABEL_HEIGHT};

        for (size_t side = 0; side <= SIDE_COUNT; side++) {
            label.x = dot.x + sides[side % SIDE_COUNT][0] * (RADIUS + 4 + label.width / 2);
            label.y = dot.y + sides[side % SIDE_COUNT][1] * (RADIUS + 4 + label.height / 2);
            if (plot_is_free(plot, &label, i))
                break;
        }
        point->label = label;
    }
}

static void plot_collect(struct plot *plot, const struct series_figures *mean)
{
    double least = (double)INFINITY;
    double most = 0.0;

    for (size_t i = 0; i < CODEC_COUNT; i++) {
        const struct codec_figures *figures = &mean->codecs[i];
        struct plot_point *point = &plot->points[plot->point_count];

        if (isnan(figures->decode_gbps))
            continue;
        point->name = codec_list[i].name;
        point->bits = figures->bits_per_value;
        point->gbps = figures->decode_gbps;
        point->is_ours = strncmp(point->name, "NanoTS", strlen("NanoTS")) == 0;
        plot->bits_max = fmax(plot->bits_max, point->bits);
        least = fmin(least, point->gbps);
        most = fmax(most, point->gbps);
        plot->point_count++;
    }
    if (plot->point_count == 0)
        die("nothing was measured that could be drawn");
    plot->bits_max = 8.0 * ceil(plot->bits_max / 8.0 + 0.5); /* room for the label of the last */
    plot->gbps_min = least / 2;
    plot->gbps_max = most * 1.5;
    qsort(plot->points, plot->point_count, sizeof plot->points[0], plot_compare);
    plot_place_labels(plot);
}

static void plot_text(const struct plot *plot, double x, double y, const char *anchor,
                      const char *colour, const char *text)
{
    fprintf(plot->file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n", x,
            y, anchor, colour, text);
}

static void plot_rule(const struct plot *plot, double x1, double y1, double x2, double y2)
{
    fprintf(plot->file,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e2e8f0\"/>\n", x1, y1,
            x2, y2);
}

static void plot_axes(const struct plot *plot)
{
    static const double steps[] = {1, 2, 5};
    char text[32];

    for (double bits = 0; bits <= plot->bits_max; bits += 8) {
        double x = plot_x(plot, bits);

        plot_rule(plot, x, TOP, x, HEIGHT - BOTTOM);
        snprintf(text, sizeof text, "%.0f", bits);
        plot_text(plot, x, HEIGHT - BOTTOM + 18, "middle", "#334155", text);
    }
    for (double decade = pow(10.0, floor(log10(plot->gbps_min))); decade <= plot->gbps_max;
         decade *= 10) {
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            double gbps = decade * steps[i];

            if (gbps < plot->gbps_min || gbps > plot->gbps_max)
                continue;
            plot_rule(plot, LEFT, plot_y(plot, gbps), WIDTH - RIGHT, plot_y(plot, gbps));
            snprintf(text, sizeof text, "%.3g", gbps);
            plot_text(plot, LEFT - 8, plot_y(plot, gbps) + 4, "end", "#334155", text);
        }
    }
    plot_text(plot, WIDTH / 2, HEIGHT - 12, "middle", "#334155", "bits a value (left is smaller)");
    plot_text(plot, LEFT, TOP - 10, "start", "#334155", "decode, GB/s (up is faster)");
}

/* By bits from the least on, a codec is on the front if it is faster than all before. */
static void plot_front(const struct plot *plot)
{
    double fastest = 0.0;

    fprintf(plot->file, "<polyline fill=\"none\" stroke=\"#94a3b8\" stroke-width=\"1.5\" "
                        "stroke-dasharray=\"5 4\" points=\"");
    for (size_t i = 0; i < plot->point_count; i++) {
        const struct plot_point *point = &plot->points[i];

        if (point->gbps <= fastest)
            continue;
        fastest = point->gbps;
        fprintf(plot->file, "%.1f,%.1f ", plot_x(plot, point->bits), plot_y(plot, point->gbps));
    }
    fprintf(plot->file, "\"/>\n");
}

static void plot_points(const struct plot *plot)
{
    for (size_t i = 0; i < plot->point_count; i++) {
        const struct plot_point *point = &plot->points[i];
        const char *colour = point->is_ours ? OUR_COLOUR : PEER_COLOUR;

        fprintf(plot->file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.0f\" fill=\"%s\"/>\n",
                plot_x(plot, point->bits), plot_y(plot, point->gbps), RADIUS, colour);
        plot_text(plot, point->label.x, point->label.y + 4, "middle", colour, point->name);
    }
}

void figures_plot(const struct figures *figures, const char *path)
{
    struct plot plot = {.file = NULL};
    size_t count;
    struct series_figures mean = figures_mean(figures, SERIES_F64, &count);
    const char *kind = " of float64";
    char title[96];

    if (count == 0) {
        mean = figures_mean(figures, FIGURES_ANY_KIND, &count);
        kind = "";
    }
    plot_collect(&plot, &mean);
    plot.file = fopen(path, "w");
    if (plot.file == NULL)
        die("cannot write %s: %s", path, strerror(errno));
    fprintf(plot.file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" font-family=\"sans-serif\" font-size=\"13\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    snprintf(title, sizeof title, "Size and speed of decoding: geometric means over %zu series%s",
             count, kind);
    plot_text(&plot, WIDTH / 2, 24, "middle", "#0f172a", title);
    plot_axes(&plot);
    plot_front(&plot);
    plot_points(&plot);
    fprintf(plot.file, "</svg>\n");
    if (ferror(plot.file) || fclose(plot.file) != 0)
        die("cannot write %s: %s", path, strerror(errno));
}
