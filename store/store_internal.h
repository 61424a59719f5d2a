/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

/* For the scrub, which looks at the ledger's files and not only at leaves, and
 * for the caches, which reflect it. */

#include "store/ledger.h"
#include "store/store_read.h"

/* Owned by st. */
struct ledger *store_ledger_peek(struct store *st);

#endif
