/* SPDX-License-Identifier: Apache-2.0 */
#include "format/checkpoint.h"

#include <assert.h>

#include "format/base64.h"
#include "format/field.h"
#include "format/hex.h"

static const char origin[] = "muniment.invalid/";
/* Em dash in UTF-8 and a space: how a signature line begins. */
static const char dash[] = "\xe2\x80\x94 ";

#define SIGNED_SIZE (4U + 64U)
#define KEY_ED25519 0x01U
/* Digits of the largest u64. */
#define DECIMAL_MAX 20U

void
checkpoint_name(const struct store_id *store, uint8_t dst[CHECKPOINT_NAME_SIZE])
{
	char hex[HEX_SIZE(sizeof(store->b))];
	struct wcur w = wcur_init(dst, CHECKPOINT_NAME_SIZE);

	hex_encode(hex, span_of(store->b, sizeof(store->b)));
	wcur_bytes(&w, origin, strlen(origin));
	wcur_bytes(&w, hex, strlen(hex));
	assert(!w.bad && w.at == CHECKPOINT_NAME_SIZE);
}

void
checkpoint_key_input(const struct store_id *store, const uint8_t public_key[32],
	uint8_t dst[CHECKPOINT_KEY_INPUT])
{
	struct wcur w = wcur_init(dst, CHECKPOINT_KEY_INPUT);

	checkpoint_name(store, dst);
	wcur_reserve(&w, CHECKPOINT_NAME_SIZE);
	wcur_u8(&w, '\n');
	wcur_u8(&w, KEY_ED25519);
	wcur_bytes(&w, public_key, 32);
	assert(!w.bad && w.at == CHECKPOINT_KEY_INPUT);
}

static void
put_name(struct wcur *w, const struct store_id *store)
{
	uint8_t name[CHECKPOINT_NAME_SIZE];

	checkpoint_name(store, name);
	wcur_bytes(w, name, sizeof(name));
}

static void
put_base64(struct wcur *w, struct span bytes)
{
	uint8_t *p = wcur_reserve(w, BASE64_SIZE(bytes.n));

	if (p)
		base64_encode((char *)p, bytes);
}

static void
put_decimal(struct wcur *w, uint64_t v)
{
	uint8_t digit[DECIMAL_MAX];
	size_t i = sizeof(digit);

	do {
		digit[--i] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	wcur_bytes(w, digit + i, sizeof(digit) - i);
}

int
checkpoint_encode_text(struct buf *b, const struct checkpoint *checkpoint)
{
	struct wcur w;
	int err = field_open(b, CHECKPOINT_SIZE_MAX, &w);

	if (err)
		return err;
	put_name(&w, &checkpoint->store);
	wcur_u8(&w, '\n');
	put_decimal(&w, checkpoint->size);
	wcur_u8(&w, '\n');
	put_base64(&w, span_of(checkpoint->root, sizeof(checkpoint->root)));
	wcur_u8(&w, '\n');
	field_commit(b, &w);
	return 0;
}

int
checkpoint_encode_signature(struct buf *b, const struct checkpoint *checkpoint)
{
	uint8_t both[SIGNED_SIZE];
	struct wcur w;
	int err = field_open(b, CHECKPOINT_SIZE_MAX, &w);

	if (err)
		return err;
	memcpy(both, checkpoint->key_hash, 4);
	memcpy(both + 4, checkpoint->signature, 64);
	wcur_u8(&w, '\n');
	wcur_bytes(&w, dash, strlen(dash));
	put_name(&w, &checkpoint->store);
	wcur_u8(&w, ' ');
	put_base64(&w, span_of(both, sizeof(both)));
	wcur_u8(&w, '\n');
	field_commit(b, &w);
	return 0;
}

static void
get_text(struct rcur *r, const char *text)
{
	if (!span_eq(rcur_span(r, strlen(text)), span_str(text)))
		rcur_fail(r);
}

static void
get_name(struct rcur *r, struct store_id *ret)
{
	get_text(r, origin);
	if (hex_decode(ret->b, sizeof(ret->b),
		    rcur_span(r, 2 * sizeof(ret->b))) != 0)
		rcur_fail(r);
}

static void
get_base64(struct rcur *r, uint8_t *dst, size_t n)
{
	struct span text = rcur_span(r, BASE64_SIZE(n));

	if (!rcur_ok(r) || base64_decode(dst, n, text) != 0)
		rcur_fail(r);
}

/* Digits up to a newline, which is taken too; no leading zeros. */
static uint64_t
get_decimal(struct rcur *r)
{
	uint64_t v = 0;

	for (size_t i = 0; i <= DECIMAL_MAX; i++) {
		uint8_t c = rcur_u8(r);

		if (c == '\n' && i > 0)
			return v;
		if (c < '0' || c > '9' || (i > 0 && v == 0) ||
			!mul64_ok(v, 10, &v) ||
			!add64_ok(v, (uint64_t)(c - '0'), &v))
			break;
	}
	rcur_fail(r);
	return 0;
}

int
checkpoint_decode(struct span note, struct checkpoint *ret)
{
	struct rcur r = rcur_init(note);
	struct checkpoint c = {0};
	struct store_id signer = {{0}};
	uint8_t both[SIGNED_SIZE] = {0};

	get_name(&r, &c.store);
	get_text(&r, "\n");
	c.size = get_decimal(&r);
	get_base64(&r, c.root, sizeof(c.root));
	get_text(&r, "\n");
	c.text = span_of(note.p, note.n - rcur_left(&r));
	get_text(&r, "\n");
	get_text(&r, dash);
	get_name(&r, &signer);
	get_text(&r, " ");
	get_base64(&r, both, sizeof(both));
	get_text(&r, "\n");
	if (rcur_end(&r) != 0 || !store_id_equal(&signer, &c.store))
		return -EBADMSG;
	memcpy(c.key_hash, both, 4);
	memcpy(c.signature, both + 4, 64);
	*ret = c;
	return 0;
}
