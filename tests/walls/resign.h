/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_WALLS_RESIGN_H
#define TESTS_WALLS_RESIGN_H

/*
 * A store as one could forge it who holds keys/vault and writes to its disk:
 * what was changed in packs and manifests is hashed and signed anew, so that
 * slice trees, names, manifests, ledger and checkpoint say it was always so.
 * What still stands in the way is what a reader holds and the vault does not.
 */

#include <stdint.h>

#include "format/types.h"
#include "keys/aead.h"
#include "util/buf.h"

/*
 * Make the store dst (not there) of src, whose ledger and keys are whole and
 * whose packs and manifests lie under their old names with whatever bytes; a
 * pack must have the size and the tail that it had. Packs and manifests that no
 * leaf names are left out. Ends the process when it cannot be done.
 */
void resign_store(const char *src, const char *dst);

/* Hash a whole pack, in memory, anew: its slice tree, its tail, its root. */
void resign_pack(struct buf *file, struct root *ret);

/*
 * Put a record of the next epoch of compartment 1 into a store's ledger, sealed
 * to its first recipient: what no command does yet.
 */
void resign_add_epoch(const char *dir);

#endif
