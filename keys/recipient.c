/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/recipient.h"

#include "format/keyblob.h"
#include "keys/derive.h"
#include "keys/digest.h"
#include "keys/secmem.h"
#include "keys/sign.h"
#include "keys/wrap_internal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

const struct recipient_cost recipient_cost_default = {
	.memory = UINT64_C(128) * 1024 * 1024,
	.passes = 3,
};

struct making {
	struct key secret;
	struct key sealing;
	struct key commitment;
	struct key part;
	uint8_t plain[64];
};

static void
public_halves(struct keyblob_recipient *r, struct making *m)
{
	const struct span none = {NULL, 0};

	derive_key(&m->part, &m->secret, "x25519", none);
	crypto_scalarmult_base(r->x25519, m->part.b);
	derive_key(&m->part, &m->secret, "ed25519", none);
	sign_public(r->ed25519, &m->part);
}

int
recipient_make(struct buf *blob, struct public_key *pk, uint32_t number,
	const struct store_id *store, const uint8_t ledger_pk[32],
	struct span passphrase, const struct recipient_cost *cost)
{
	_cleanup_secret_ struct making *m = secmem_alloc(sizeof(*m));
	struct keyblob_recipient r = {.recipient = number,
		.kind = KEYBLOB_PASSPHRASE,
		.store = *store,
		.memory = cost->memory,
		.passes = cost->passes};
	uint8_t ad[KEYBLOB_RECIPIENT_AD];

	if (m == NULL)
		return -ENOMEM;
	random_bytes(m->secret.b, sizeof(m->secret.b));
	random_bytes(r.salt, sizeof(r.salt));
	random_bytes(r.nonce, sizeof(r.nonce));
	public_halves(&r, m);
	if (wrap_passphrase_keys(&m->sealing, &m->commitment, passphrase,
		    r.salt, r.memory, r.passes) != 0)
		return -ENOMEM;
	memcpy(r.commitment, m->commitment.b, sizeof(r.commitment));
	memcpy(m->plain, m->secret.b, 32);
	memcpy(m->plain + 32, ledger_pk, 32);
	keyblob_recipient_ad(&r, ad);
	aead_seal(r.sealed, &m->sealing, r.nonce, (struct span){ad, sizeof(ad)},
		(struct span){m->plain, sizeof(m->plain)});
	memcpy(pk->b, r.x25519, sizeof(pk->b));
	return keyblob_recipient_encode(blob, &r);
}

/* One wrap of the epoch's payload. */
static int
wrap_to(uint8_t wrap[KEYBLOB_EPOCH_WRAP], const struct keyblob_epoch *e,
	const struct epoch_recipient *to,
	const uint8_t payload[KEYBLOB_EPOCH_PAYLOAD])
{
	uint8_t context[KEYBLOB_EPOCH_HEAD];

	keyblob_epoch_context(e, to->number, context);
	return seal_wrap(wrap, &to->pk, "epoch",
		(struct span){context, sizeof(context)},
		(struct span){payload, KEYBLOB_EPOCH_PAYLOAD});
}

struct epoch_secrets {
	struct key secret;
	uint8_t payload[KEYBLOB_EPOCH_PAYLOAD];
};

int
epoch_make(struct buf *record, uint32_t compartment, uint32_t number,
	const struct store_id *store, const struct key *compartment_secret,
	const struct key *log_key, const struct epoch_recipient *to, size_t n)
{
	_cleanup_secret_ struct epoch_secrets *s = secmem_alloc(sizeof(*s));
	uint8_t wraps[KEYBLOB_EPOCH_WRAPS_MAX][KEYBLOB_EPOCH_WRAP];
	struct keyblob_epoch_wrap rows[KEYBLOB_EPOCH_WRAPS_MAX];
	struct keyblob_epoch e = {
		.compartment = compartment, .epoch = number, .store = *store};
	size_t i;
	int r;

	if (s == NULL)
		return -ENOMEM;
	if (n == 0 || n > KEYBLOB_EPOCH_WRAPS_MAX)
		return -EINVAL;
	random_bytes(s->secret.b, sizeof(s->secret.b));
	crypto_scalarmult_base(e.x25519, s->secret.b);
	keyblob_payload_encode(
		&(struct keyblob_payload){.epoch_secret = s->secret.b,
			.compartment_secret = compartment_secret->b,
			.log_key = log_key->b},
		s->payload);
	for (i = 0; i < n; i++) {
		r = wrap_to(wraps[i], &e, &to[i], s->payload);
		if (r != 0)
			return r;
		rows[i].recipient = to[i].number;
		rows[i].wrap = (struct span){wraps[i], KEYBLOB_EPOCH_WRAP};
	}
	return keyblob_epoch_encode(record, &e, rows, n);
}
