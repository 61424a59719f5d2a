/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: ended DIR PULL CAUSE
 *
 * Say in a store's ledger that a pull ended without a snapshot: the one type
 * of leaf that every reader must know and that no program writes yet.
 */
#include <stdio.h>
#include <stdlib.h>

#include "keys/secmem.h"
#include "store/ledger_append.h"
#include "store/store_read.h"
#include "store/vault_keys.h"
#include "tests/fuzz/encode.h"

static int
no_leaf(void *ctx, const struct leaf *leaf, const struct root *hash,
	struct fault *f)
{
	(void)ctx, (void)leaf, (void)hash, (void)f;
	return 0;
}

static int
put(struct store *st, const struct vault_keys *keys, uint64_t pull,
	struct span cause, struct fault *f)
{
	_cleanup_append_ struct append *a = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT;
	const struct append_keys with = {.store = *store_id_peek(st),
		.log_key = &keys->log_key,
		.ledger_seed = &keys->ledger_seed};
	const struct leaf_ended ended = {pull};
	uint8_t clear[LEAF_ENDED_SIZE];
	int err;

	encode_ended(&ended, clear);
	err = cause.n > LEAF_TEXT_MAX ? -EINVAL
				      : buf_u16(&body, (uint16_t)cause.n);
	if (err == 0)
		err = buf_append(&body, cause.p, cause.n);
	if (err < 0)
		return fault_errno(f, FAULT_INTERNAL, err, "cause", "encoding");
	err = append_open(st, &with, no_leaf, NULL, &a, f);
	if (err == 0)
		err = append_put(a, LEAF_ENDED, span_of(clear, sizeof(clear)),
			buf_span(&body), NULL, NULL, f);
	return err == 0 ? append_sign(a, f) : err;
}

int
main(int argc, char **argv)
{
	_cleanup_store_ struct store *st = NULL;
	_cleanup_secret_ struct vault_keys *keys = NULL;
	char text[FAULT_TEXT_SIZE];
	struct fault f = {0};

	if (argc != 4) {
		fputs("usage: ended DIR PULL CAUSE\n", stderr);
		return 2;
	}
	if (secmem_init() == 0 && store_open(argv[1], &st, &f) == 0 &&
		vault_keys_load(
			store_dirfd(st), store_id_peek(st), &keys, &f) == 0 &&
		put(st, keys, strtoull(argv[2], NULL, 10), span_str(argv[3]),
			&f) == 0)
		return 0;
	fault_text(&f, text, sizeof(text));
	fprintf(stderr, "ended: %s\n", text);
	return 1;
}
