/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/copy_footer.c - the footer of a segment without a header. Contract: copy_rows.h.
 *
 *   |x header x| chunks ...      |ts_min ts_max seed|...|       the entry knows these 24 bytes and the
 *                                ^ footer_off                   checksum of what they begin
 */
#include <string.h>

#include "base/bytes.h"
#include "copy/copy_rows.h"
#include "format/segment_layout.h"

#define FOOTER_MARK_SIZE   24u
#define FOOTER_WINDOW_SIZE (256u << 10)
#define FOOTER_MATCHES_MAX 16u /* each is hashed to the segment's end */

struct footer_search {
    struct nts_segment *segment;
    uint8_t mark[FOOTER_MARK_SIZE];
    unsigned matches;
};

/* Tries every place of the window that the mark stands at. */
static nanots_status footer_try_window(struct footer_search *search, const uint8_t *bytes,
                                       size_t size, uint64_t base, bool *found_out,
                                       struct nanots_error *error)
{
    for (size_t at = 0; at + FOOTER_MARK_SIZE <= size; at++) {
        if (bytes[at] != search->mark[0] || memcmp(bytes + at, search->mark, FOOTER_MARK_SIZE) != 0)
            continue;
        if (++search->matches > FOOTER_MATCHES_MAX)
            return NANOTS_OK;
        const nanots_status status = nts_segment_load_footer_at(search->segment, base + at, NULL);
        if (status == NANOTS_NO_MEMORY)
            return nts_fail_memory(error, (size_t)(search->segment->entry.size - base));
        *found_out = status == NANOTS_OK;
        if (*found_out)
            return NANOTS_OK;
    }
    return NANOTS_OK;
}

nanots_status nts_copy_find_footer(struct nts_target *target, struct nts_segment *segment,
                                   bool *found_out, struct nanots_error *error)
{
    const struct nts_segment_entry *entry = &segment->entry;
    struct nanots_file *file = segment->view->file;
    struct footer_search search = {.segment = segment};
    nanots_status status = NANOTS_OK;
    uint8_t *window = nts_alloc(target->db->alloc, FOOTER_WINDOW_SIZE);

    *found_out = false;
    if (window == NULL)
        return nts_fail_memory(error, FOOTER_WINDOW_SIZE);
    nts_store_i64(search.mark, entry->ts_min);
    nts_store_i64(search.mark + 8, entry->ts_max);
    nts_store_u64(search.mark + 16, segment->view->file_seed);
    for (uint64_t at = NTS_SEGMENT_HEADER_SIZE;
         status == NANOTS_OK && !*found_out && search.matches <= FOOTER_MATCHES_MAX &&
         at + NTS_FOOTER_HEAD_SIZE <= entry->size;
         at += FOOTER_WINDOW_SIZE - FOOTER_MARK_SIZE) {
        const uint64_t left = entry->size - at;
        const size_t size = left < FOOTER_WINDOW_SIZE ? (size_t)left : FOOTER_WINDOW_SIZE;
        if (file->ops->read_at(file, window, size, entry->off + at, NULL) == NANOTS_OK)
            status = footer_try_window(&search, window, size, at, found_out, error);
    }
    nts_free(window);
    return status;
}
