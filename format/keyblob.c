/* SPDX-License-Identifier: Apache-2.0 */
#include "format/keyblob.h"

#include <assert.h>

#include "format/field.h"

static const char vault_magic[8] = {'M', 'U', 'N', 'I', 'V', 'K', 'E', 'Y'};

#define VAULT_HASH 32U
#define EPOCH_ROW (8U + KEYBLOB_EPOCH_WRAP)

static_assert(KEYBLOB_EPOCH_WRAP == 208, "wrap in an epoch record");

int
keyblob_wrap_decode(struct span bytes, size_t payload, struct keyblob_wrap *ret)
{
	struct rcur r = rcur_init(bytes);
	struct keyblob_wrap wrap;

	wrap.ephemeral = rcur_span(&r, 32);
	wrap.commitment = rcur_span(&r, 32);
	wrap.sealed = rcur_span(&r, payload + SEAL_TAG);
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = wrap;
	return 0;
}

int
keyblob_vault_decode(
	struct span bytes, struct keyblob_vault *ret, struct covered *ret_check)
{
	struct rcur r = rcur_init(bytes);
	struct covered check = {.n = VAULT_HASH};
	struct keyblob_vault vault = {0};
	uint32_t last = 0;
	int err;

	if (!span_eq(rcur_span(&r, 8), span_of(vault_magic, 8)))
		return -EBADMSG;
	err = field_get_version_suite(&r);
	if (err)
		return err;
	vault.n = rcur_u32(&r);
	field_get_store(&r, &vault.store);
	vault.log_key = rcur_span(&r, 32).p;
	vault.ledger_seed = rcur_span(&r, 32).p;
	if (vault.n == 0 || vault.n > KEYBLOB_COMPARTMENTS_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < vault.n; i++) {
		struct keyblob_compartment *c = &vault.compartment[i];

		c->compartment = rcur_u32(&r);
		rcur_zero(&r, 4);
		c->secret = rcur_span(&r, 32).p;
		if (c->compartment <= last)
			return -EBADMSG;
		last = c->compartment;
	}
	check.bytes = span_of(bytes.p, bytes.n - rcur_left(&r));
	rcur_bytes(&r, check.value, check.n);
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = vault;
	*ret_check = check;
	return 0;
}

int
keyblob_vault_encode(struct wcur *w, const struct keyblob_vault *vault)
{
	uint32_t last = 0;

	if (vault->n == 0 || vault->n > KEYBLOB_COMPARTMENTS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < vault->n; i++) {
		if (vault->compartment[i].compartment <= last)
			return -EINVAL;
		last = vault->compartment[i].compartment;
	}
	if (w->bad || w->n - w->at < KEYBLOB_VAULT_SIZE(vault->n) - VAULT_HASH)
		return -EINVAL;
	wcur_bytes(w, vault_magic, sizeof(vault_magic));
	wcur_u16(w, FORMAT_VERSION);
	wcur_u16(w, SUITE_1);
	wcur_u32(w, vault->n);
	wcur_bytes(w, vault->store.b, sizeof(vault->store.b));
	wcur_bytes(w, vault->log_key, 32);
	wcur_bytes(w, vault->ledger_seed, 32);
	for (uint32_t i = 0; i < vault->n; i++) {
		wcur_u32(w, vault->compartment[i].compartment);
		wcur_zero(w, 4);
		wcur_bytes(w, vault->compartment[i].secret, 32);
	}
	return 0;
}

void
keyblob_recipient_ad(const struct keyblob_recipient *recipient,
	uint8_t ad[KEYBLOB_RECIPIENT_AD])
{
	struct wcur w = wcur_init(ad, KEYBLOB_RECIPIENT_AD);

	wcur_u16(&w, FORMAT_VERSION);
	wcur_u16(&w, SUITE_1);
	wcur_u32(&w, recipient->recipient);
	wcur_u32(&w, recipient->kind);
	wcur_zero(&w, 4);
	wcur_bytes(&w, recipient->store.b, sizeof(recipient->store.b));
	wcur_bytes(&w, recipient->x25519, sizeof(recipient->x25519));
	wcur_bytes(&w, recipient->ed25519, sizeof(recipient->ed25519));
	wcur_bytes(&w, recipient->salt, sizeof(recipient->salt));
	wcur_u64(&w, recipient->memory);
	wcur_u32(&w, recipient->passes);
	wcur_u32(&w, 1);
	assert(!w.bad && w.at == KEYBLOB_RECIPIENT_AD);
}

static bool
recipient_ok(const struct keyblob_recipient *recipient)
{
	return recipient->recipient > 0 &&
	       recipient->kind == KEYBLOB_PASSPHRASE &&
	       recipient->memory >= KEYBLOB_ARGON_MEMORY_MIN &&
	       recipient->memory <= KEYBLOB_ARGON_MEMORY_MAX &&
	       recipient->passes > 0 &&
	       recipient->passes <= KEYBLOB_ARGON_PASSES_MAX;
}

int
keyblob_recipient_encode(
	struct buf *b, const struct keyblob_recipient *recipient)
{
	uint8_t ad[KEYBLOB_RECIPIENT_AD];
	struct wcur w;
	int err;

	if (!recipient_ok(recipient))
		return -EINVAL;
	err = field_open(b, KEYBLOB_RECIPIENT_SIZE, &w);
	if (err)
		return err;
	keyblob_recipient_ad(recipient, ad);
	wcur_bytes(&w, ad, sizeof(ad));
	wcur_bytes(&w, recipient->nonce, sizeof(recipient->nonce));
	wcur_bytes(&w, recipient->commitment, sizeof(recipient->commitment));
	wcur_bytes(&w, recipient->sealed, sizeof(recipient->sealed));
	field_commit(b, &w);
	return 0;
}

int
keyblob_recipient_decode(struct span bytes, struct keyblob_recipient *ret)
{
	struct rcur r = rcur_init(bytes);
	struct keyblob_recipient recipient = {0};
	int err = field_get_version_suite(&r);

	if (err)
		return err;
	recipient.recipient = rcur_u32(&r);
	recipient.kind = rcur_u32(&r);
	rcur_zero(&r, 4);
	field_get_store(&r, &recipient.store);
	rcur_bytes(&r, recipient.x25519, sizeof(recipient.x25519));
	rcur_bytes(&r, recipient.ed25519, sizeof(recipient.ed25519));
	rcur_bytes(&r, recipient.salt, sizeof(recipient.salt));
	recipient.memory = rcur_u64(&r);
	recipient.passes = rcur_u32(&r);
	if (rcur_u32(&r) != 1)
		return -EBADMSG;
	rcur_bytes(&r, recipient.nonce, sizeof(recipient.nonce));
	rcur_bytes(&r, recipient.commitment, sizeof(recipient.commitment));
	rcur_bytes(&r, recipient.sealed, sizeof(recipient.sealed));
	if (rcur_end(&r) != 0 || !recipient_ok(&recipient))
		return -EBADMSG;
	*ret = recipient;
	return 0;
}

/* Bytes 0 to 11 of a record. */
static void
epoch_put_names(struct wcur *w, const struct keyblob_epoch *epoch)
{
	wcur_u16(w, FORMAT_VERSION);
	wcur_u16(w, SUITE_1);
	wcur_u32(w, epoch->compartment);
	wcur_u32(w, epoch->epoch);
}

/* Bytes 16 to 63. */
static void
epoch_put_keys(struct wcur *w, const struct keyblob_epoch *epoch)
{
	wcur_bytes(w, epoch->x25519, sizeof(epoch->x25519));
	wcur_bytes(w, epoch->store.b, sizeof(epoch->store.b));
}

void
keyblob_epoch_context(const struct keyblob_epoch *epoch, uint32_t recipient,
	uint8_t context[KEYBLOB_EPOCH_HEAD])
{
	struct wcur w = wcur_init(context, KEYBLOB_EPOCH_HEAD);

	epoch_put_names(&w, epoch);
	epoch_put_keys(&w, epoch);
	wcur_u32(&w, recipient);
	assert(!w.bad && w.at == KEYBLOB_EPOCH_HEAD);
}

int
keyblob_epoch_encode(struct buf *b, const struct keyblob_epoch *epoch,
	const struct keyblob_epoch_wrap *wrap, size_t n)
{
	struct keyblob_epoch check;
	struct wcur w;
	int err;

	if (n > KEYBLOB_EPOCH_WRAPS_MAX)
		return -EINVAL;
	err = field_open(b, KEYBLOB_EPOCH_HEAD + n * EPOCH_ROW, &w);
	if (err)
		return err;
	epoch_put_names(&w, epoch);
	wcur_u32(&w, (uint32_t)n);
	epoch_put_keys(&w, epoch);
	for (size_t i = 0; i < n; i++) {
		if (wrap[i].wrap.n != KEYBLOB_EPOCH_WRAP)
			return -EINVAL;
		wcur_u32(&w, wrap[i].recipient);
		wcur_u16(&w, SUITE_1);
		wcur_u16(&w, KEYBLOB_EPOCH_WRAP);
		wcur_bytes(&w, wrap[i].wrap.p, wrap[i].wrap.n);
	}
	if (keyblob_epoch_decode(field_written(&w), &check) != 0)
		return -EINVAL;
	field_commit(b, &w);
	return 0;
}

/* One row; err as of field_suite, or -EBADMSG. */
static int
epoch_get_row(struct rcur *r, struct keyblob_epoch_wrap *ret)
{
	uint16_t suite, length;

	ret->recipient = rcur_u32(r);
	suite = rcur_u16(r);
	length = rcur_u16(r);
	ret->wrap = rcur_span(r, length);
	if (!rcur_ok(r))
		return -EBADMSG;
	if (suite != SUITE_1)
		return field_suite(suite);
	return length == KEYBLOB_EPOCH_WRAP ? 0 : -EBADMSG;
}

int
keyblob_epoch_decode(struct span bytes, struct keyblob_epoch *ret)
{
	struct rcur r = rcur_init(bytes);
	struct keyblob_epoch epoch = {0};
	uint32_t last = 0;
	int err = field_get_version_suite(&r);

	if (err)
		return err;
	epoch.compartment = rcur_u32(&r);
	epoch.epoch = rcur_u32(&r);
	epoch.n = rcur_u32(&r);
	rcur_bytes(&r, epoch.x25519, sizeof(epoch.x25519));
	field_get_store(&r, &epoch.store);
	if (epoch.compartment == 0 || epoch.epoch == 0)
		return -EBADMSG;
	if (epoch.n == 0 || epoch.n > KEYBLOB_EPOCH_WRAPS_MAX)
		return -EBADMSG;
	epoch.wraps = span_of(r.p, rcur_left(&r));
	for (uint32_t i = 0; i < epoch.n; i++) {
		struct keyblob_epoch_wrap row;

		err = epoch_get_row(&r, &row);
		if (err)
			return err;
		if (row.recipient <= last)
			return -EBADMSG;
		last = row.recipient;
	}
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = epoch;
	return 0;
}

struct keyblob_epoch_wrap
keyblob_epoch_wrap(const struct keyblob_epoch *epoch, size_t i)
{
	struct keyblob_epoch_wrap row = {0};
	struct rcur r = rcur_init(epoch->wraps);

	int err;

	assert(i < epoch->n);
	rcur_span(&r, i * EPOCH_ROW);
	err = epoch_get_row(&r, &row);
	assert(err == 0);
	return row;
}

int
keyblob_epoch_find(
	const struct keyblob_epoch *epoch, uint32_t recipient, struct span *ret)
{
	for (size_t i = 0; i < epoch->n; i++) {
		struct keyblob_epoch_wrap row = keyblob_epoch_wrap(epoch, i);

		if (row.recipient == recipient) {
			*ret = row.wrap;
			return 0;
		}
	}
	return -ENOENT;
}

void
keyblob_payload_encode(const struct keyblob_payload *payload,
	uint8_t dst[KEYBLOB_EPOCH_PAYLOAD])
{
	memcpy(dst, payload->epoch_secret, 32);
	memcpy(dst + 32, payload->compartment_secret, 32);
	memcpy(dst + 64, payload->log_key, 32);
	memset(dst + 96, 0, 32);
}

int
keyblob_payload_decode(struct span bytes, struct keyblob_payload *ret)
{
	struct rcur r = rcur_init(bytes);
	struct keyblob_payload payload;

	payload.epoch_secret = rcur_span(&r, 32).p;
	payload.compartment_secret = rcur_span(&r, 32).p;
	payload.log_key = rcur_span(&r, 32).p;
	rcur_zero(&r, 32);
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = payload;
	return 0;
}
