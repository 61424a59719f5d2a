/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_LOG_H
#define KEYS_LOG_H

#include "keys/aead.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

/* Bodies of ledger leaves, under the log key. clear is the leaf up to the
 * nonce (docs/format.md 9.1). */

/* Append nonce and sealed body to out. 0 or -ENOMEM. */
int log_seal(struct buf *out, const struct key *log_key, struct span clear,
	struct span body);

/* sealed = nonce and body as in the leaf. out is cleared first. -EBADMSG when
 * it does not belong to clear, -ENOMEM. */
must_check int log_open(struct buf *out, const struct key *log_key,
	struct span clear, struct span sealed);

#endif
