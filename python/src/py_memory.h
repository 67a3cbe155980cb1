/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_memory.h - the memory of one open file: malloc, and large blocks that are used again.
 *
 *   below 4 MiB   malloc
 *   from there    blocks of huge pages --release--> kept, up to 256 MiB --the next result--> again
 *                                                     +--another program wants it--> the system's
 *                                                     +--close of the file---------> freed
 *
 * A result of 10 M rows is written once into memory that was never touched: the system's clearing
 * of that costs as much as the decoding, by pages of 4 KiB several times as much. What is kept is
 * marked such that the system takes it whenever it is short of memory.
 *
 * Counted: blocks may outlive the file, as exported arrays do. Any thread; never waits.
 */
#ifndef PY_MEMORY_H
#define PY_MEMORY_H

#include "nanots.h"

struct py_memory;

/* NULL if there is none. */
struct py_memory *py_memory_new(void);
/* The allocator for nanots_open; good until py_memory_end and for all blocks after it. */
const struct nanots_allocator *py_memory_calls(struct py_memory *memory);
/* Frees what is kept, keeps nothing more and lets go; the last block frees the rest. */
void py_memory_end(struct py_memory *memory);

#endif
