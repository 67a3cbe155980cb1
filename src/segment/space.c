/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/space.c - free runs of the file. Contract: space.h. */
#include "segment/space.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

void nts_space_init(struct nts_space *space, const struct nanots_allocator *alloc)
{
    memset(space, 0, sizeof *space);
    space->alloc = alloc;
    space->file_end = NTS_SUPERBLOCK_AREA;
    nts_mutex_init(&space->lock);
}

void nts_space_deinit(struct nts_space *space)
{
    nts_free(space->free_runs.items);
    nts_free(space->held.items);
    nts_mutex_deinit(&space->lock);
}

nanots_status nts_extent_list_add(struct nts_extent_list *list,
                                  const struct nanots_allocator *alloc, struct nts_extent extent)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        struct nts_extent *items = nts_realloc(alloc, list->items, capacity * sizeof *items);
        if (items == NULL)
            return NANOTS_NO_MEMORY;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = extent;
    return NANOTS_OK;
}

static void extent_list_remove(struct nts_extent_list *list, size_t index)
{
    memmove(&list->items[index], &list->items[index + 1],
            (list->count - index - 1) * sizeof list->items[0]);
    list->count--;
}

/* Replaces free run `index` by what [off, off + size) leaves of it on both sides. The list has room
 * for one more. */
static void free_run_cut(struct nts_extent_list *runs, size_t index, uint64_t off, uint64_t size)
{
    const struct nts_extent run = runs->items[index];
    const struct nts_extent before = {run.off, off - run.off};
    const struct nts_extent after = {off + size, run.off + run.size - off - size};

    if (before.size == 0 && after.size == 0) {
        extent_list_remove(runs, index);
        return;
    }
    runs->items[index] = before.size != 0 ? before : after;
    if (before.size == 0 || after.size == 0)
        return;
    memmove(&runs->items[index + 2], &runs->items[index + 1],
            (runs->count - index - 1) * sizeof runs->items[0]);
    runs->items[index + 1] = after;
    runs->count++;
}

/* Makes room for one more item without adding it. */
static nanots_status extent_list_grow(struct nts_extent_list *list,
                                      const struct nanots_allocator *alloc)
{
    const struct nts_extent none = {0, 0};
    NTS_TRY(nts_extent_list_add(list, alloc, none));
    list->count--;
    return NANOTS_OK;
}

/* Inserts a run in order and joins it with its neighbours. Dropping it for want of memory only
 * loses the space until the next rebuild. */
static void free_run_give(struct nts_space *space, struct nts_extent run)
{
    struct nts_extent_list *runs = &space->free_runs;
    if (run.size == 0 || extent_list_grow(runs, space->alloc) != NANOTS_OK)
        return;
    size_t at = 0;
    while (at < runs->count && runs->items[at].off < run.off)
        at++;
    if (at > 0 && runs->items[at - 1].off + runs->items[at - 1].size == run.off) {
        at--;
        runs->items[at].size += run.size;
    } else {
        memmove(&runs->items[at + 1], &runs->items[at], (runs->count - at) * sizeof runs->items[0]);
        runs->items[at] = run;
        runs->count++;
    }
    if (at + 1 < runs->count &&
        runs->items[at].off + runs->items[at].size == runs->items[at + 1].off) {
        runs->items[at].size += runs->items[at + 1].size;
        extent_list_remove(runs, at + 1);
    }
}

/* Where the free tail begins; the end of the file if there is none. */
static uint64_t space_live_end_locked(const struct nts_space *space)
{
    const struct nts_extent_list *runs = &space->free_runs;
    if (runs->count == 0)
        return space->file_end;
    const struct nts_extent last = runs->items[runs->count - 1];
    return last.off + last.size == space->file_end ? last.off : space->file_end;
}

/* Where what is taken at the end begins: the free tail grows into it, unless an older reader may
 * still see that tail. */
static uint64_t space_growth_start(const struct nts_space *space)
{
    return space->only_at_end ? space->file_end : space_live_end_locked(space);
}

/* The lowest free run with room, or the end of the file. */
static uint64_t space_find(const struct nts_space *space, uint64_t size, uint64_t alignment,
                           size_t *run_index_out)
{
    for (size_t i = 0; i < space->free_runs.count && !space->only_at_end; i++) {
        const struct nts_extent run = space->free_runs.items[i];
        const uint64_t off = nts_round_up(run.off, alignment);
        if (off - run.off <= run.size && run.size - (off - run.off) >= size) {
            *run_index_out = i;
            return off;
        }
    }
    *run_index_out = SIZE_MAX;
    return nts_round_up(space_growth_start(space), alignment);
}

static nanots_status space_take_locked(struct nts_space *space, uint64_t size, uint64_t alignment,
                                       struct nts_extent *extent_out)
{
    size_t run = 0;
    NTS_TRY(extent_list_grow(&space->held, space->alloc));
    NTS_TRY(extent_list_grow(&space->free_runs, space->alloc));
    const uint64_t off = space_find(space, size, alignment, &run);
    if (off > NTS_FILE_SIZE_MAX - size)
        return NANOTS_TOO_BIG;
    if (run != SIZE_MAX) {
        free_run_cut(&space->free_runs, run, off, size);
    } else {
        const uint64_t start = space_growth_start(space);
        const struct nts_extent gap = {start, off - start};
        if (start < space->file_end)
            space->free_runs.count--; /* the tail */
        free_run_give(space, gap);
        space->file_end = off + size;
    }
    extent_out->off = off;
    extent_out->size = size;
    space->held.items[space->held.count++] = *extent_out;
    return NANOTS_OK;
}

nanots_status nts_space_take(struct nts_space *space, uint64_t size, uint64_t alignment,
                             struct nts_extent *extent_out, struct nanots_error *error)
{
    assert(size != 0);
    assert(alignment >= NTS_BLOCK_SIZE);
    nanots_status status = NANOTS_TOO_BIG;
    if (size <= NTS_FILE_SIZE_MAX) {
        nts_mutex_lock(&space->lock);
        status =
            space_take_locked(space, nts_round_up(size, NTS_BLOCK_SIZE), alignment, extent_out);
        nts_mutex_unlock(&space->lock);
    }
    if (status == NANOTS_TOO_BIG)
        return nts_fail(error, status, "the file would grow over its largest size");
    return status == NANOTS_OK ? status : nts_fail_memory(error, sizeof(struct nts_extent));
}

bool nts_space_fits(struct nts_space *space, uint64_t size, uint64_t end)
{
    size_t run = 0;
    const uint64_t blocks = nts_round_up(size, NTS_BLOCK_SIZE);
    nts_mutex_lock(&space->lock);
    const uint64_t off = space_find(space, blocks, NTS_BLOCK_SIZE, &run);
    nts_mutex_unlock(&space->lock);
    return off <= end && end - off >= blocks;
}

nanots_status nts_space_hold(struct nts_space *space, struct nts_extent extent,
                             struct nanots_error *error)
{
    nts_mutex_lock(&space->lock);
    const nanots_status status = nts_extent_list_add(&space->held, space->alloc, extent);
    nts_mutex_unlock(&space->lock);
    return status == NANOTS_OK ? status : nts_fail_memory(error, sizeof extent);
}

/* The blocks behind the first `used` bytes of a held extent are free again. */
static void space_cut_held(struct nts_space *space, uint64_t off, uint64_t used, bool stays_held)
{
    nts_mutex_lock(&space->lock);
    for (size_t i = 0; i < space->held.count; i++) {
        const struct nts_extent extent = space->held.items[i];
        if (extent.off != off)
            continue;
        const uint64_t kept = nts_round_up(used, NTS_BLOCK_SIZE);
        assert(kept <= extent.size);
        const struct nts_extent rest = {off + kept, extent.size - kept};
        if (stays_held)
            space->held.items[i].size = kept;
        else
            extent_list_remove(&space->held, i);
        free_run_give(space, rest);
        break;
    }
    nts_mutex_unlock(&space->lock);
}

void nts_space_settle(struct nts_space *space, uint64_t off, uint64_t used)
{
    space_cut_held(space, off, used, false);
}

void nts_space_trim(struct nts_space *space, uint64_t off, uint64_t used)
{
    assert(used != 0);
    space_cut_held(space, off, used, true);
}

void nts_space_give(struct nts_space *space, struct nts_extent extent)
{
    assert(extent.off % NTS_BLOCK_SIZE == 0);
    assert(extent.size % NTS_BLOCK_SIZE == 0);
    nts_mutex_lock(&space->lock);
    free_run_give(space, extent);
    nts_mutex_unlock(&space->lock);
}

static int extent_compare(const void *a, const void *b)
{
    const struct nts_extent *x = a;
    const struct nts_extent *y = b;
    return x->off < y->off ? -1 : x->off > y->off;
}

static nanots_status space_rebuild_locked(struct nts_space *space, struct nts_extent *live,
                                          size_t live_count)
{
    struct nts_extent_list *held = &space->held;
    uint64_t free_from = NTS_SUPERBLOCK_AREA;
    size_t h = 0;

    if (live_count > 1)
        qsort(live, live_count, sizeof *live, extent_compare);
    if (held->count > 1)
        qsort(held->items, held->count, sizeof held->items[0], extent_compare);
    space->free_runs.count = 0;
    for (size_t i = 0; i < live_count || h < held->count;) {
        const bool from_live =
            i < live_count && (h == held->count || live[i].off <= held->items[h].off);
        const struct nts_extent next = from_live ? live[i++] : held->items[h++];
        const uint64_t start = nts_round_down(next.off, NTS_BLOCK_SIZE);
        const uint64_t end = nts_round_up(next.off + next.size, NTS_BLOCK_SIZE);
        const struct nts_extent gap = {free_from, start > free_from ? start - free_from : 0};
        if (gap.size != 0)
            NTS_TRY(nts_extent_list_add(&space->free_runs, space->alloc, gap));
        free_from = end > free_from ? end : free_from;
        space->file_end = free_from > space->file_end ? free_from : space->file_end;
    }
    if (space->file_end > free_from) {
        const struct nts_extent tail = {free_from, space->file_end - free_from};
        NTS_TRY(nts_extent_list_add(&space->free_runs, space->alloc, tail));
    }
    return NANOTS_OK;
}

nanots_status nts_space_rebuild(struct nts_space *space, struct nts_extent *live, size_t live_count,
                                uint64_t file_end, struct nanots_error *error)
{
    nts_mutex_lock(&space->lock);
    space->file_end = nts_round_up(file_end, NTS_BLOCK_SIZE);
    if (space->file_end < NTS_SUPERBLOCK_AREA)
        space->file_end = NTS_SUPERBLOCK_AREA;
    const nanots_status status = space_rebuild_locked(space, live, live_count);
    nts_mutex_unlock(&space->lock);
    return status == NANOTS_OK ? status : nts_fail_memory(error, sizeof(struct nts_extent));
}

bool nts_space_is_only_at_end(struct nts_space *space)
{
    nts_mutex_lock(&space->lock);
    const bool only_at_end = space->only_at_end;
    nts_mutex_unlock(&space->lock);
    return only_at_end;
}

void nts_space_use_all(struct nts_space *space)
{
    nts_mutex_lock(&space->lock);
    space->only_at_end = false;
    nts_mutex_unlock(&space->lock);
}

uint64_t nts_space_file_end(struct nts_space *space)
{
    nts_mutex_lock(&space->lock);
    const uint64_t end = space->file_end;
    nts_mutex_unlock(&space->lock);
    return end;
}

uint64_t nts_space_live_end(struct nts_space *space)
{
    nts_mutex_lock(&space->lock);
    const uint64_t end = space_live_end_locked(space);
    nts_mutex_unlock(&space->lock);
    return end;
}

uint64_t nts_space_free_bytes(struct nts_space *space)
{
    uint64_t total = 0;
    nts_mutex_lock(&space->lock);
    for (size_t i = 0; i < space->free_runs.count; i++)
        total += space->free_runs.items[i].size;
    nts_mutex_unlock(&space->lock);
    return total;
}

static void free_runs_cut_at(struct nts_extent_list *runs, uint64_t end)
{
    while (runs->count != 0 && runs->items[runs->count - 1].off >= end)
        runs->count--;
    if (runs->count == 0)
        return;
    struct nts_extent *last = &runs->items[runs->count - 1];
    if (last->off + last->size > end)
        last->size = end - last->off;
}

nanots_status nts_space_truncate(struct nts_space *space, struct nanots_file *file, uint64_t end,
                                 struct nanots_error *error)
{
    nanots_status status = NANOTS_OK;
    nts_mutex_lock(&space->lock);
    if (space_live_end_locked(space) <= nts_round_up(end, NTS_BLOCK_SIZE)) {
        status = file->ops->truncate(file, end, error);
        if (status == NANOTS_OK) {
            space->file_end = nts_round_up(end, NTS_BLOCK_SIZE);
            free_runs_cut_at(&space->free_runs, space->file_end);
        }
    }
    nts_mutex_unlock(&space->lock);
    return status;
}

void nts_space_punch(struct nts_space *space, struct nanots_file *file, uint64_t size_min)
{
    nts_mutex_lock(&space->lock);
    for (size_t i = 0; i < space->free_runs.count; i++) {
        const struct nts_extent run = space->free_runs.items[i];
        if (run.size >= size_min)
            (void)file->ops->punch(file, run.off, run.size, NULL);
    }
    nts_mutex_unlock(&space->lock);
}
