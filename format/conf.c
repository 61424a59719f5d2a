/* SPDX-License-Identifier: Apache-2.0 */
#include "format/conf.h"

#include "format/field.h"
#include "format/hex.h"

#define CHECK_LINE (sizeof("check \n") - 1 + 2 * (size_t)CONF_CHECK_SIZE)

static void
put_text(struct wcur *w, const char *s)
{
	wcur_bytes(w, s, strlen(s));
}

/* KEY HEX and a newline; value has at most 32 bytes. */
static void
put_hex_line(struct wcur *w, const char *key, struct span value)
{
	char hex[HEX_SIZE(32)];

	hex_encode(hex, value);
	put_text(w, key);
	put_text(w, hex);
	put_text(w, "\n");
}

int
conf_encode(struct buf *b, const struct conf *conf)
{
	struct wcur w;
	int err = field_open(b, CONF_SIZE, &w);

	if (err)
		return err;
	put_text(&w, "muniment store\nformat 1\nsuite 1\n");
	put_hex_line(
		&w, "store ", span_of(conf->store.b, sizeof(conf->store.b)));
	put_hex_line(&w, "ledger-key ",
		span_of(conf->ledger_key, sizeof(conf->ledger_key)));
	field_commit(b, &w);
	return 0;
}

int
conf_encode_check(struct buf *b, const uint8_t check[CONF_CHECK_SIZE])
{
	struct wcur w;
	int err = field_open(b, CHECK_LINE, &w);

	if (err)
		return err;
	put_hex_line(&w, "check ", span_of(check, CONF_CHECK_SIZE));
	field_commit(b, &w);
	return 0;
}

/*
 * The rest of a line that begins with key, without its newline. Another key
 * or no newline: r fails.
 */
static struct span
get_line(struct rcur *r, const char *key)
{
	const uint8_t *end;
	struct span line;

	if (!span_eq(rcur_span(r, strlen(key)), span_str(key))) {
		rcur_fail(r);
		return span_of(NULL, 0);
	}
	end = rcur_left(r) > 0 ? memchr(r->p, '\n', r->n) : NULL;
	if (!end) {
		rcur_fail(r);
		return span_of(NULL, 0);
	}
	line = rcur_span(r, (size_t)(end - r->p));
	rcur_span(r, 1);
	return line;
}

static void
get_hex_line(struct rcur *r, const char *key, uint8_t *dst, size_t n)
{
	if (hex_decode(dst, n, get_line(r, key)) != 0)
		rcur_fail(r);
}

/*
 * A number without leading zeros: 0 for 1, -EPROTONOSUPPORT for more, however
 * long, and -EBADMSG for anything else.
 */
static int
number_is_one(struct span digits)
{
	if (digits.n == 0 || digits.p[0] == '0')
		return -EBADMSG;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return -EBADMSG;
	}
	if (span_eq(digits, span_str("1")))
		return 0;
	return -EPROTONOSUPPORT;
}

int
conf_decode(struct span text, struct conf *ret, struct covered *ret_check)
{
	struct rcur r = rcur_init(text);
	struct covered check = {.n = CONF_CHECK_SIZE};
	struct conf conf = {0};
	struct span line;
	int err;

	if (get_line(&r, "muniment store").n > 0)
		return -EBADMSG;
	line = get_line(&r, "format ");
	err = number_is_one(line);
	if (err)
		return err;
	line = get_line(&r, "suite ");
	err = number_is_one(line);
	if (err)
		return err;
	get_hex_line(&r, "store ", conf.store.b, sizeof(conf.store.b));
	get_hex_line(
		&r, "ledger-key ", conf.ledger_key, sizeof(conf.ledger_key));
	check.bytes = span_of(text.p, text.n - rcur_left(&r));
	get_hex_line(&r, "check ", check.value, check.n);
	err = rcur_end(&r);
	if (err)
		return err;
	*ret = conf;
	*ret_check = check;
	return 0;
}
