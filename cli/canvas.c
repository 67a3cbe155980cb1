/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/canvas.c - a grid of dots printed as characters. */
#include "canvas.h"

#include <assert.h>
#include <stdlib.h>

struct cli_canvas {
    size_t column_count;
    size_t row_count;
    size_t dots_across; /* of a cell */
    size_t dots_down;
    bool braille;
    unsigned char *cells; /* bits of the dots set, row after row */
};

struct cli_canvas *cli_canvas_new(size_t column_count, size_t row_count, bool braille)
{
    struct cli_canvas *canvas = cli_alloc(1, sizeof(*canvas));
    canvas->column_count = column_count;
    canvas->row_count = row_count;
    canvas->dots_across = braille ? 2 : 1;
    canvas->dots_down = braille ? 4 : 2;
    canvas->braille = braille;
    canvas->cells = cli_alloc(column_count * row_count, 1);
    return canvas;
}

void cli_canvas_free(struct cli_canvas *canvas)
{
    cli_free(canvas->cells);
    cli_free(canvas);
}

size_t cli_canvas_dot_columns(const struct cli_canvas *canvas)
{
    return canvas->column_count * canvas->dots_across;
}

size_t cli_canvas_dot_rows(const struct cli_canvas *canvas)
{
    return canvas->row_count * canvas->dots_down;
}

size_t cli_canvas_row_of_dot(const struct cli_canvas *canvas, size_t y)
{
    return y / canvas->dots_down;
}

static void canvas_set(struct cli_canvas *canvas, size_t x, size_t y)
{
    static const unsigned char braille_bits[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    assert(x < cli_canvas_dot_columns(canvas));
    assert(y < cli_canvas_dot_rows(canvas));
    size_t cell = y / canvas->dots_down * canvas->column_count + x / canvas->dots_across;
    unsigned bits = canvas->braille ? braille_bits[y % 4][x % 2] : 1u << (y % 2);
    canvas->cells[cell] = (unsigned char)(canvas->cells[cell] | bits);
}

/* Bresenham's line: the error says on which side of the true line the next dot would lie. */
void cli_canvas_line(struct cli_canvas *canvas, size_t x0, size_t y0, size_t x1, size_t y1)
{
    long x = (long)x0;
    long y = (long)y0;
    long across = labs((long)x1 - x);
    long down = -labs((long)y1 - y);
    long step_x = x1 > x0 ? 1 : -1;
    long step_y = y1 > y0 ? 1 : -1;
    long error = across + down;
    for (;;) {
        canvas_set(canvas, (size_t)x, (size_t)y);
        if (x == (long)x1 && y == (long)y1)
            return;
        long twice = 2 * error;
        if (twice >= down) {
            error += down;
            x += step_x;
        }
        if (twice <= across) {
            error += across;
            y += step_y;
        }
    }
}

static void canvas_print_braille(unsigned bits, FILE *stream)
{
    /* U+2800 + bits in UTF-8. */
    if (bits == 0) {
        fputc(' ', stream);
        return;
    }
    fputc(0xE2, stream);
    fputc((int)(0xA0 | bits >> 6), stream);
    fputc((int)(0x80 | (bits & 0x3F)), stream);
}

void cli_canvas_print_row(const struct cli_canvas *canvas, size_t row, FILE *stream)
{
    const unsigned char *cells = canvas->cells + row * canvas->column_count;
    size_t end = canvas->column_count;
    while (end > 0 && cells[end - 1] == 0)
        end--;
    for (size_t i = 0; i < end; i++) {
        if (canvas->braille)
            canvas_print_braille(cells[i], stream);
        else
            fputc(" '.:"[cells[i]], stream);
    }
}
