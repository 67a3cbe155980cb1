/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/manifest_load.h - the manifest's edits applied to an empty catalog. */
#ifndef NTS_MANIFEST_LOAD_H
#define NTS_MANIFEST_LOAD_H

#include "engine/db.h"

/* Reads the manifest that db->sb names and fills the catalog with tables and versions. CORRUPT
 * names the offset, or the segment that leaves the file. */
NTS_CHECKED nanots_status nts_manifest_load(struct nanots_db *db, struct nanots_error *error);

#endif
