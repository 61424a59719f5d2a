/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: mkstore DIR PASSPHRASE-FILE
 *
 * A new store, as muniment-init makes it, but for what a guess of its
 * passphrase costs: a wall opens thousands of stores, and a third of a second
 * each would be all that it does.
 */
#include <stdio.h>

#include "keys/digest.h"
#include "keys/recipient.h"
#include "keys/secmem.h"
#include "keys/sign.h"
#include "store/store_write.h"
#include "store/vault_keys.h"
#include "view/passphrase.h"

static const struct recipient_cost cheap = {.memory = 8U << 10, .passes = 1};

static int
create(const char *dir, struct vault_keys *keys, struct span passphrase,
	struct fault *f)
{
	_cleanup_buf_ struct buf recipient = BUF_INIT, epoch = BUF_INIT;
	struct epoch_recipient to = {.number = 1};
	struct store_seed seed = {.keys = keys};
	uint8_t pk[32];
	int err;

	random_bytes(keys, sizeof(*keys));
	keys->n = 1;
	keys->compartment[0] = 1;
	sign_public(pk, &keys->ledger_seed);
	err = recipient_make(&recipient, &to.pk, to.number, &keys->store, pk,
		passphrase, &cheap);
	if (err == 0)
		err = epoch_make(&epoch, 1, 1, &keys->store, &keys->secret[0],
			&keys->log_key, &to, 1);
	if (err < 0)
		return fault_errno(f, FAULT_INTERNAL, err, "keys", "making");
	seed.recipient = buf_span(&recipient);
	seed.epoch = buf_span(&epoch);
	return store_create(dir, &seed, f);
}

int
main(int argc, char **argv)
{
	_cleanup_secret_ struct passphrase *p = NULL;
	_cleanup_secret_ struct vault_keys *keys = NULL;
	char text[FAULT_TEXT_SIZE];
	struct fault f = {0};

	if (argc != 3) {
		fputs("usage: mkstore DIR PASSPHRASE-FILE\n", stderr);
		return 2;
	}
	if (secmem_init() < 0)
		return 1;
	p = secmem_alloc(sizeof(*p));
	keys = secmem_alloc(sizeof(*keys));
	if (!p || !keys)
		return 1;
	if (passphrase_read(argv[2], NULL, p, &f) == 0 &&
		create(argv[1], keys, passphrase_span(p), &f) == 0)
		return 0;
	fault_text(&f, text, sizeof(text));
	fprintf(stderr, "mkstore: %s\n", text);
	return 1;
}
