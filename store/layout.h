/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LAYOUT_H
#define STORE_LAYOUT_H

/* Names of the files of a store, docs/format.md section 3, below its folder. */

#include "format/types.h"

#include <stdint.h>

#define LAYOUT_CONF "store.conf"
#define LAYOUT_KEYS "keys"
#define LAYOUT_VAULT "vault"
#define LAYOUT_PACKS "packs"
#define LAYOUT_MANIFESTS "manifests"
#define LAYOUT_LEDGER "ledger"
#define LAYOUT_CHECKPOINT "checkpoint"
#define LAYOUT_INCOMING "incoming"
#define LAYOUT_CACHE "cache"
#define LAYOUT_INDEX "cache/index"
#define LAYOUT_STAT "cache/stat"
#define LAYOUT_GAVE_UP "cache/gave-up"
#define LAYOUT_RUN "run"

/* All folders, the store itself first; an initializer. */
#define LAYOUT_FOLDERS                                                         \
	{                                                                      \
		".", LAYOUT_KEYS, LAYOUT_PACKS, LAYOUT_MANIFESTS,              \
			LAYOUT_LEDGER, LAYOUT_INCOMING, LAYOUT_CACHE,          \
			LAYOUT_RUN                                             \
	}
#define LAYOUT_NFOLDERS 8

/* Room for each of the names below and its NUL. */
#define LAYOUT_NAME 96

/* "packs/RR/ROOT" */
void layout_pack(char dst[LAYOUT_NAME], const struct root *root);
/* "packs/RR" */
void layout_pack_folder(char dst[LAYOUT_NAME], const struct root *root);
/* "manifests/HASH" */
void layout_manifest(char dst[LAYOUT_NAME], const struct root *hash);
/* "incoming/PACKID" */
void layout_incoming(char dst[LAYOUT_NAME], const struct pack_id *pack);
/* Below ledger/: "leaves-NNNNNNNN", "hash-L". */
void layout_leaves(char dst[LAYOUT_NAME], uint64_t file);
void layout_hashes(char dst[LAYOUT_NAME], unsigned int level);
/* Below keys/: "recipient-N", "epoch-C-E". */
void layout_recipient(char dst[LAYOUT_NAME], uint32_t number);
void layout_epoch(char dst[LAYOUT_NAME], uint32_t compartment, uint32_t epoch);

/* The last component of a name that one of the calls above made. */
const char *layout_base(const char *name);

#endif
