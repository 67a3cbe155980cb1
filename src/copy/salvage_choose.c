/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/salvage_choose.c - choosing among segments. Contract: salvage_choose.h.
 *
 * Intervals that hold each other or are apart form a forest. Sorted by (first, longest first) its
 * nodes come in preorder, so that one stack gives each its subtree; then one walk from the top
 * takes a node or goes on into it.
 */
#include "copy/salvage_choose.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/status.h"

/* One interval: candidates [begin, own_end) have it, [own_end, end) lie inside. */
struct choose_node {
    uint64_t first;
    uint64_t last;
    size_t begin;
    size_t own_end;
    size_t end;
    size_t next; /* node behind the subtree */
    uint64_t own_rows;
    uint64_t inner_rows;
    uint64_t own_id; /* greatest of its own that is chosen */
    uint64_t inner_id;
    size_t parent;
    bool takes_own;
};

#define NO_PARENT SIZE_MAX

static int choose_compare(const void *a, const void *b)
{
    const struct nts_segment_entry *x = &((const struct nts_candidate *)a)->entry;
    const struct nts_segment_entry *y = &((const struct nts_candidate *)b)->entry;
    if (x->seq_first != y->seq_first)
        return x->seq_first < y->seq_first ? -1 : 1;
    if (x->seq_last != y->seq_last)
        return x->seq_last > y->seq_last ? -1 : 1;
    if (x->segment_id != y->segment_id)
        return x->segment_id > y->segment_id ? -1 : 1;
    return x->off < y->off ? -1 : x->off > y->off;
}

/* A whole one is worth a row more than a damaged one: so that of equals the whole one stays. */
static uint64_t candidate_worth(const struct nts_candidate *item)
{
    return item->is_sound ? item->entry.row_count : item->entry.row_count - 1u;
}

/* Rule 2, over candidates of one interval in falling order of id. An output of the same rewrite
 * lies before those that are chosen, or behind them, and shares a time only with its neighbour. */
static void choose_own(struct choose_node *node, struct nts_candidate *items)
{
    const uint64_t seqs = node->last - node->first + 1;
    uint64_t rows = 0;
    uint64_t before_id = 0;
    int64_t ts_min = 0;
    int64_t ts_max = 0;

    for (size_t i = node->begin; i < node->own_end; i++) {
        const struct nts_segment_entry *entry = &items[i].entry;
        const bool is_first = rows == 0;
        const bool is_neighbour = entry->segment_id + 1 == before_id;
        const bool is_before = entry->ts_max < ts_min || (entry->ts_max == ts_min && is_neighbour);
        if (!is_first && !is_before && entry->ts_min <= ts_max)
            continue;
        if (entry->row_count > seqs - rows)
            continue;
        items[i].is_chosen = true;
        rows += entry->row_count;
        node->own_rows += candidate_worth(&items[i]);
        if (is_first || entry->ts_min < ts_min)
            ts_min = entry->ts_min;
        if (is_first || entry->ts_max > ts_max)
            ts_max = entry->ts_max;
        if (is_first)
            node->own_id = entry->segment_id;
        before_id = entry->segment_id;
    }
}

/* The node is complete: its worth goes to its parent. */
static void choose_close(struct choose_node *nodes, size_t index, size_t end, size_t next)
{
    struct choose_node *node = &nodes[index];
    node->end = end;
    node->next = next;
    node->takes_own =
        node->own_rows != 0 && node->own_id >= node->inner_id && node->own_rows >= node->inner_rows;
    if (node->parent == NO_PARENT)
        return;
    struct choose_node *parent = &nodes[node->parent];
    parent->inner_rows += node->takes_own ? node->own_rows : node->inner_rows;
    if (parent->inner_id < node->own_id)
        parent->inner_id = node->own_id;
    if (parent->inner_id < node->inner_id)
        parent->inner_id = node->inner_id;
}

/* Rule 1: the new interval begins inside of open ones and ends behind them. They become mere
 * brackets around their inner ones if the new one is newer than all of them; false if it is not. */
static bool choose_break(struct choose_node *nodes, size_t top, const struct choose_node *added)
{
    size_t at;
    for (at = top; at != NO_PARENT && nodes[at].last < added->last; at = nodes[at].parent)
        if (nodes[at].own_id > added->own_id)
            return false;
    for (at = top; at != NO_PARENT && nodes[at].last < added->last; at = nodes[at].parent) {
        nodes[at].last = added->last;
        nodes[at].own_rows = 0;
    }
    return true;
}

/* Whether the candidates of the node count; false leaves none of them chosen. */
static bool choose_enter(struct choose_node *nodes, size_t *top, size_t count,
                         struct choose_node *node)
{
    while (*top != NO_PARENT && nodes[*top].last < node->first) {
        const size_t parent = nodes[*top].parent;
        choose_close(nodes, *top, node->begin, count);
        *top = parent;
    }
    return *top == NO_PARENT || nodes[*top].last >= node->last || choose_break(nodes, *top, node);
}

static size_t choose_build(struct choose_node *nodes, struct nts_candidate *items, size_t count)
{
    size_t node_count = 0;
    size_t top = NO_PARENT;
    for (size_t i = 0; i < count;) {
        struct choose_node node = {.first = items[i].entry.seq_first,
                                   .last = items[i].entry.seq_last,
                                   .begin = i,
                                   .own_end = i};
        while (node.own_end < count && items[node.own_end].entry.seq_first == node.first &&
               items[node.own_end].entry.seq_last == node.last)
            node.own_end++;
        i = node.own_end;
        choose_own(&node, items);
        const bool is_entered = choose_enter(nodes, &top, node_count, &node);
        node.parent = top;
        nodes[node_count] = node;
        if (is_entered)
            top = node_count;
        node_count++;
    }
    while (top != NO_PARENT) {
        const size_t parent = nodes[top].parent;
        choose_close(nodes, top, count, node_count);
        top = parent;
    }
    return node_count;
}

static void choose_drop(struct nts_candidate *items, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        items[i].is_chosen = false;
}

nanots_status nts_salvage_choose(const struct nanots_allocator *alloc, struct nts_candidate *items,
                                 size_t count)
{
    struct choose_node *nodes = nts_alloc_array(alloc, count + 1, sizeof *nodes);
    if (nodes == NULL)
        return NANOTS_NO_MEMORY;
    if (count > 1)
        qsort(items, count, sizeof *items, choose_compare);
    choose_drop(items, 0, count);
    const size_t node_count = choose_build(nodes, items, count);
    for (size_t n = 0; n < node_count;) {
        if (nodes[n].takes_own) {
            choose_drop(items, nodes[n].own_end, nodes[n].end);
            n = nodes[n].next;
        } else {
            choose_drop(items, nodes[n].begin, nodes[n].own_end);
            n++;
        }
    }
    nts_free(nodes);
    return NANOTS_OK;
}
