/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/canvas.h - a grid of dots printed as characters.
 *
 *     braille, 2 x 4 dots a cell        ASCII, 1 x 2 dots a cell
 *     +-----+  bits of U+2800 + n       +---+
 *     | 0 3 |                           | ' |
 *     | 1 4 |                           | . |
 *     | 2 5 |                           +---+
 *     | 6 7 |                           both: ':'
 *     +-----+
 */
#ifndef NANOTS_CLI_CANVAS_H
#define NANOTS_CLI_CANVAS_H

#include "cli.h"

struct cli_canvas;

struct cli_canvas *cli_canvas_new(size_t column_count, size_t row_count, bool braille);
void cli_canvas_free(struct cli_canvas *canvas);

/* Size in dots; (0, 0) is at the top left. */
size_t cli_canvas_dot_columns(const struct cli_canvas *canvas);
size_t cli_canvas_dot_rows(const struct cli_canvas *canvas);
/* Row of characters that a dot lies in. */
size_t cli_canvas_row_of_dot(const struct cli_canvas *canvas, size_t y);

/* Draws a straight line, ends included; both ends lie on the canvas. */
void cli_canvas_line(struct cli_canvas *canvas, size_t x0, size_t y0, size_t x1, size_t y1);

void cli_canvas_print_row(const struct cli_canvas *canvas, size_t row, FILE *stream);

#endif
