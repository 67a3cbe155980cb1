/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/segment_check.h - whether the bytes of a segment are whole, without its table: for the
 * log's SEGMENT records and for finding segments without a manifest. Any thread. */
#ifndef NTS_SEGMENT_CHECK_H
#define NTS_SEGMENT_CHECK_H

#include "format/segment_layout.h"

/* Checks every chunk of the segment at bytes[0..header->size) against its checksum; header and
 * footer were decoded from the same bytes. False also when out of memory. */
NTS_CHECKED bool nts_segment_chunks_are_whole(const struct nts_alloc *alloc, const uint8_t *bytes,
                                              const struct nts_segment_header *header,
                                              const struct nts_footer *footer);

#endif
