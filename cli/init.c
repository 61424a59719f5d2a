/* SPDX-License-Identifier: Apache-2.0 */

/*
 * muniment-init: draws the secrets of a new store, seals them to the
 * passphrase, and creates it. It is the one program that ever holds all of
 * them, so it reads no foreign bytes and ends.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/common.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/out.h"
#include "format/hex.h"
#include "keys/digest.h"
#include "keys/recipient.h"
#include "keys/secmem.h"
#include "keys/sign.h"
#include "store/store_write.h"
#include "store/vault_keys.h"
#include "view/passphrase.h"

#define SHORT_PASSPHRASE 12U

/* Better said before somebody has thought of a passphrase. */
static int
look_first(const char *dir, struct fault *f)
{
	char conf[4096];
	struct stat st;

	if (snprintf(conf, sizeof(conf), "%s/store.conf", dir) >=
		(int)sizeof(conf))
		return fault_set(
			f, FAULT_USAGE, "--store", "the path is too long");
	if (lstat(conf, &st) == 0)
		return fault_set(
			f, FAULT_STORE_EXISTS, dir, "there is a store already");
	return 0;
}

static int
read_twice(const char *file, struct passphrase *p, struct fault *f)
{
	_cleanup_secret_ struct passphrase *again = NULL;
	int err;

	err = passphrase_read(file, "New passphrase: ", p, f);
	if (err < 0 || file)
		return err;
	again = secmem_alloc(sizeof(*again));
	if (!again)
		return fault_set(f, FAULT_NO_MEMORY, "passphrase",
			"there is no locked memory left");
	err = passphrase_read(NULL, "The same again: ", again, f);
	if (err < 0)
		return err;
	if (p->n != again->n || !digest_equal(p->b, again->b, p->n))
		return fault_set(f, FAULT_WRONG_PASSPHRASE, "passphrase",
			"the two differ");
	return 0;
}

static int
read_new(const char *file, struct passphrase *p, struct fault *f)
{
	int err = read_twice(file, p, f);

	if (err == 0 && p->n < SHORT_PASSPHRASE)
		out_warn("a passphrase of %zu bytes is soon guessed; five "
			 "words drawn by dice are not",
			p->n);
	return err;
}

static void
draw(struct vault_keys *keys)
{
	random_bytes(&keys->store, sizeof(keys->store));
	random_bytes(&keys->log_key, sizeof(keys->log_key));
	random_bytes(&keys->ledger_seed, sizeof(keys->ledger_seed));
	keys->n = 1;
	keys->compartment[0] = 1;
	random_bytes(&keys->secret[0], sizeof(keys->secret[0]));
}

static int
create(const char *dir, const struct vault_keys *keys, const uint8_t pk[32],
	struct span passphrase, struct fault *f)
{
	_cleanup_buf_ struct buf recipient = BUF_INIT, epoch = BUF_INIT;
	struct epoch_recipient to = {.number = 1};
	struct store_seed seed = {.keys = keys};
	int err;

	err = recipient_make(&recipient, &to.pk, to.number, &keys->store, pk,
		passphrase, &recipient_cost_default);
	if (err == 0)
		err = epoch_make(&epoch, keys->compartment[0], 1, &keys->store,
			&keys->secret[0], &keys->log_key, &to, 1);
	if (err == -ENOMEM)
		return fault_set(f, FAULT_NO_MEMORY, "keys",
			"making them takes 128 MiB");
	if (err < 0)
		return fault_errno(f, FAULT_INTERNAL, err, "keys", "making");
	seed.recipient = buf_span(&recipient);
	seed.epoch = buf_span(&epoch);
	return store_create(dir, &seed, f);
}

static void
tell(const char *dir, const struct vault_keys *keys, const uint8_t pk[32])
{
	char id[HEX_SIZE(sizeof(keys->store.b))];
	char fingerprint[OUT_FINGERPRINT];

	hex_encode(id, span_of(keys->store.b, sizeof(keys->store.b)));
	out_fingerprint(fingerprint, pk);
	printf("store       ");
	out_name(stdout, span_str(dir));
	printf("\nid          %s\nledger key  %s\n\n", id, fingerprint);
	printf("Write the passphrase down and keep it away from this machine: "
	       "without it\nnothing can be restored, by anyone. With it and "
	       "the disks everything can.\n\n"
	       "Next:  muniment pull --store ");
	out_name(stdout, span_str(dir));
	printf(" --source NAME LOCATION\n");
}

static int
init(const char *dir, const char *file, struct fault *f)
{
	_cleanup_secret_ struct passphrase *p = NULL;
	_cleanup_secret_ struct vault_keys *keys = NULL;
	uint8_t pk[32];
	int err;

	err = look_first(dir, f);
	if (err < 0)
		return err;
	p = secmem_alloc(sizeof(*p));
	keys = secmem_alloc(sizeof(*keys));
	if (!p || !keys)
		return fault_set(f, FAULT_NO_MEMORY, "keys",
			"there is no locked memory left");
	err = read_new(file, p, f);
	if (err < 0)
		return err;
	draw(keys);
	sign_public(pk, &keys->ledger_seed);
	err = create(dir, keys, pk, passphrase_span(p), f);
	if (err < 0)
		return err;
	tell(dir, keys, pk);
	err = out_end(f);
	return err < 0 ? out_unheard("the store", err, f) : 0;
}

int
main(int argc, char **argv)
{
	const char *store = NULL, *file = NULL;
	const struct option_row row[] = {
		{.name = "store", .text = &store},
		{.name = "passphrase-file", .text = &file},
	};
	const struct options o = {.row = row, .rows = array_len(row)};
	struct fault f = {0};
	int r;

	out_verb("init");
	r = options_read(&o, argc, argv, &f);
	if (r == OPTIONS_HELP)
		return common_help("init");
	if (r == OPTIONS_GIVEN)
		r = options_store(&store, &f);
	if (r == 0)
		r = common_start(&f);
	if (r == 0)
		r = init(store, passphrase_file(file), &f);
	return r == 0 ? STATUS_DONE : out_fail(&f);
}
