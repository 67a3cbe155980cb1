/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/run.c - runs: what one flush takes.
 *
 *   active --freeze--> frozen, oldest first --flush--> gone
 *
 * A run lists the tables that were touched while it was active; which of a table's parts belong to
 * it their run_number says. All of it needs write_lock.
 */
#include "base/check.h"
#include "engine/engine.h"
#include "engine/maintain.h"
#include "os/clock.h"

struct nts_run *nts_run_new(const struct nanots_allocator *alloc, uint64_t number)
{
    struct nts_run *run = nts_alloc_zeroed(alloc, sizeof *run);
    if (run != NULL)
        run->number = number;
    return run;
}

void nts_run_free(struct nts_run *run)
{
    if (run == NULL)
        return;
    nts_free(run->tables);
    nts_free(run);
}

nanots_status nts_run_touch(struct nanots_table *table)
{
    struct nts_run *run = table->db->run;
    if (table->touched_run == run->number)
        return NANOTS_OK;
    if (run->table_count == run->table_capacity) {
        const size_t capacity = run->table_capacity == 0 ? 8 : run->table_capacity * 2;
        struct nanots_table **tables =
            nts_realloc(table->db->alloc, run->tables, capacity * sizeof(struct nanots_table *));
        if (tables == NULL)
            return NANOTS_NO_MEMORY;
        run->tables = tables;
        run->table_capacity = capacity;
    }
    if (run->table_count == 0)
        run->born_ms = nts_clock_coarse_ms();
    run->tables[run->table_count++] = table;
    table->touched_run = run->number;
    return NANOTS_OK;
}

nanots_status nts_run_freeze(struct nanots_db *db)
{
    struct nts_run *run = db->run;
    if (run->table_count == 0)
        return NANOTS_OK;
    struct nts_run *next = nts_run_new(db->alloc, run->number + 1);
    if (next == NULL)
        return NANOTS_NO_MEMORY;
    run->end = db->wal.end;
    run->seq_last = db->last_seq;
    for (size_t i = 0; i < run->table_count; i++)
        run->tables[i]->active = NULL;
    if (db->frozen_last == NULL)
        db->frozen_first = run;
    else
        db->frozen_last->next = run;
    db->frozen_last = run;
    db->run = next;
    db->flush_is_due = !db->upkeep.is_running; /* else it is the thread's duty */
    nts_upkeep_wake(db);
    return NANOTS_OK;
}
