/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_CONF_H
#define FORMAT_CONF_H

/* store.conf, docs/format.md section 4. */

#include "format/types.h"
#include "util/buf.h"

/* Bytes of the whole text in format 1, and of its check value. */
#define CONF_SIZE 186U
#define CONF_CHECK_SIZE 16U

struct conf {
	struct store_id store;
	uint8_t ledger_key[32];
};

/* Append the lines before the check line: what its hash covers. */
must_check int conf_encode(struct buf *b, const struct conf *conf);

/* Append the check line. */
must_check int conf_encode_check(
	struct buf *b, const uint8_t check[CONF_CHECK_SIZE]);

/*
 * *ret_check is the stored BLAKE2b-128. -EPROTONOSUPPORT for a text whose
 * first two lines are well-formed and name a later format, whatever follows,
 * or for another suite.
 */
must_check int conf_decode(
	struct span text, struct conf *ret, struct covered *ret_check);

#endif
