/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/segment_check.h - whether the bytes of a segment are what its entry means, and whole
 * (SPEC.md 4.2, 6): for reading, for the log's SEGMENT records and for finding segments without
 * a manifest. Nothing here needs its table. Any thread. Tests: unit/test_segment_check.c. */
#ifndef NTS_SEGMENT_CHECK_H
#define NTS_SEGMENT_CHECK_H

#include "format/manifest.h"
#include "format/segment_layout.h"

/* Whether the header is the one that the entry means. */
NTS_CHECKED bool nts_segment_header_is_of(const struct nts_segment_header *header,
                                          const struct nts_segment_entry *entry);
/* NULL if the footer is that of the entry and of a file with this seed, else what is wrong. */
NTS_CHECKED const char *nts_segment_footer_fault(const struct nts_footer *footer,
                                                 const struct nts_segment_entry *entry,
                                                 uint64_t file_seed);

/* Checks every chunk of the segment at bytes[0..header->size) against its checksum; header,
 * footer and its definition were decoded from the same bytes. CORRUPT or NO_MEMORY. */
NTS_CHECKED nanots_status nts_segment_check_chunks(const struct nanots_allocator *alloc,
                                                   const uint8_t *bytes,
                                                   const struct nts_segment_header *header,
                                                   const struct nts_footer *footer,
                                                   const struct nts_table_def *def);

#endif
