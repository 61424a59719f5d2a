/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/open.h"

#include "format/pack.h"
#include "keys/derive.h"
#include "keys/digest.h"
#include "keys/secmem.h"
#include "keys/wrap_internal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Intermediate secrets, kept in the arena and wiped on every path. */
struct opening {
	struct key sealing;
	struct key commitment;
	uint8_t shared[32];
	uint8_t plain[KEYBLOB_EPOCH_PAYLOAD];
	struct key part;
};

void
open_pair(struct secret_key *out, const struct key *secret)
{
	out->secret = *secret;
	crypto_scalarmult_base(out->pk.b, secret->b);
}

int
open_wrap(uint8_t *out, const struct secret_key *sk, const char *label,
	struct span context, struct span wrap)
{
	static const uint8_t nonce[AEAD_NONCE];
	_cleanup_secret_ struct opening *o = secmem_alloc(sizeof(*o));
	struct keyblob_wrap w;
	struct public_key ephemeral;

	if (o == NULL)
		return -ENOMEM;
	if (wrap.n < SEAL_WRAP_EXTRA ||
		keyblob_wrap_decode(wrap, wrap.n - SEAL_WRAP_EXTRA, &w) != 0)
		return -EBADMSG;
	memset(out, 0, wrap.n - SEAL_WRAP_EXTRA);
	memcpy(ephemeral.b, w.ephemeral.p, sizeof(ephemeral.b));
	if (crypto_scalarmult(o->shared, sk->secret.b, ephemeral.b) != 0)
		return -EBADMSG;
	wrap_keys(&o->sealing, &o->commitment, o->shared, &ephemeral, &sk->pk,
		label, context);
	if (!digest_equal(o->commitment.b, w.commitment.p, 32))
		return -EBADMSG;
	return aead_open(out, &o->sealing, nonce, context, w.sealed);
}

static int
blob_keys(struct opening *o, const struct keyblob_recipient *b,
	struct span passphrase, struct fault *f)
{
	if (wrap_passphrase_keys(&o->sealing, &o->commitment, passphrase,
		    b->salt, b->memory, b->passes) != 0)
		return fault_set(f, FAULT_NO_MEMORY, "passphrase",
			"Argon2id needs %llu MiB",
			(unsigned long long)(b->memory >> 20));
	if (!digest_equal(o->commitment.b, b->commitment, 32))
		return fault_set(f, FAULT_WRONG_PASSPHRASE, "passphrase",
			"it does not open recipient %u", b->recipient);
	return 0;
}

int
recipient_open(struct recipient *out, struct span blob, struct span passphrase,
	struct fault *f)
{
	_cleanup_secret_ struct opening *o = secmem_alloc(sizeof(*o));
	const struct span none = {NULL, 0};
	struct keyblob_recipient b;
	uint8_t ad[KEYBLOB_RECIPIENT_AD];
	int r;

	if (o == NULL)
		return fault_set(f, FAULT_NO_MEMORY, "passphrase", NULL);
	r = keyblob_recipient_decode(blob, &b);
	if (r != 0)
		return fault_set(f, FAULT_KEY_DAMAGED, "recipient blob",
			"it does not decode");
	r = blob_keys(o, &b, passphrase, f);
	if (r != 0)
		return r;
	keyblob_recipient_ad(&b, ad);
	r = aead_open(o->plain, &o->sealing, b.nonce,
		(struct span){ad, sizeof(ad)},
		(struct span){b.sealed, sizeof(b.sealed)});
	if (r != 0)
		return fault_set(f, FAULT_KEY_DAMAGED, "recipient blob",
			"its sealed part was changed");
	out->number = b.recipient;
	memcpy(out->ledger_pk, o->plain + 32, 32);
	memcpy(o->sealing.b, o->plain, 32);
	derive_key(&o->part, &o->sealing, "x25519", none);
	open_pair(&out->x25519, &o->part);
	return 0;
}

int
epoch_open(struct epoch *out, struct span record, const struct store_id *store,
	const struct recipient *r, struct fault *f)
{
	_cleanup_secret_ struct opening *o = secmem_alloc(sizeof(*o));
	uint8_t context[KEYBLOB_EPOCH_HEAD];
	struct keyblob_payload p;
	struct keyblob_epoch e;
	struct span wrap;
	char object[64];

	if (o == NULL)
		return fault_set(f, FAULT_NO_MEMORY, "epoch", NULL);
	if (keyblob_epoch_decode(record, &e) != 0)
		return fault_set(f, FAULT_KEY_DAMAGED, "epoch record",
			"it does not decode");
	snprintf(object, sizeof(object), "epoch %u of compartment %u", e.epoch,
		e.compartment);
	if (!store_id_equal(&e.store, store))
		return fault_set(f, FAULT_STORE_FOREIGN, object,
			"it belongs to another store");
	if (keyblob_epoch_find(&e, r->number, &wrap) != 0)
		return -ENOKEY;
	keyblob_epoch_context(&e, r->number, context);
	if (open_wrap(o->plain, &r->x25519, "epoch",
		    (struct span){context, sizeof(context)}, wrap) != 0 ||
		keyblob_payload_decode(
			(struct span){o->plain, sizeof(o->plain)}, &p) != 0)
		return fault_set(
			f, FAULT_KEY_DAMAGED, object, "its wrap does not open");
	memcpy(o->part.b, p.epoch_secret, 32);
	open_pair(&out->pair, &o->part);
	if (memcmp(out->pair.pk.b, e.x25519, 32) != 0)
		return fault_set(f, FAULT_KEY_DAMAGED, object,
			"its public key does not fit its secret");
	memcpy(out->compartment_secret.b, p.compartment_secret, 32);
	memcpy(out->log_key.b, p.log_key, 32);
	out->compartment = e.compartment;
	out->number = e.epoch;
	return 0;
}

int
pack_key_open(struct key *out, struct span header, const struct epoch *epoch)
{
	const struct span context = {header.p, PACK_CONTEXT_SIZE};
	struct pack_header h;
	uint32_t i;
	int r;

	r = pack_header_decode(header, &h);
	if (r != 0)
		return r;
	for (i = 0; i < h.wraps; i++) {
		r = open_wrap(out->b, &epoch->pair, "pack", context,
			(struct span){h.wrap[i], PACK_WRAP_SIZE});
		if (r == 0)
			return 0;
	}
	return -EBADMSG;
}
