/* SPDX-License-Identifier: Apache-2.0 */
#include "store/snapshots.h"

#include "format/hex.h"
#include "keys/log.h"
#include "store/layout.h"
#include "util/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ID_PREFIX_MIN 8U

/* Text of n bytes, cut to fit. */
static void
take_text(char *dst, size_t size, struct span text)
{
	size_t n = text.n < size ? text.n : size - 1;

	if (n > 0)
		memcpy(dst, text.p, n);
	dst[n] = '\0';
}

static int
open_body(struct snapshot *s, const struct leaf *leaf,
	const struct key *log_key, struct fault *f)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	int err;

	err = log_open(&plain, log_key, leaf->ad,
		span_of(leaf->nonce.p, leaf->nonce.n + leaf->sealed.n));
	if (err == 0)
		err = leaf_body_decode(buf_span(&plain), &s->body);
	if (err == -ENOMEM)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
	if (err < 0)
		return fault_set(f, FAULT_LEDGER_DAMAGED, LAYOUT_LEDGER,
			"the body of snapshot leaf %" PRIu64 " does not open",
			leaf->number);
	take_text(s->source, sizeof(s->source), s->body.source);
	take_text(s->location, sizeof(s->location), s->body.location);
	/* They borrow plain, which ends here. */
	s->body.source = s->body.location = span_of(NULL, 0);
	return 0;
}

static int
load_one(struct store *st, uint64_t n, const struct key *log_key,
	struct snapshot *ret, struct fault *f)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct snapshot s = {.number = n};
	struct leaf leaf;
	int err;

	err = store_leaf(st, n, &b, &leaf, &s.id, f);
	if (err < 0)
		return err;
	if (leaf.type != LEAF_SNAPSHOT ||
		leaf_snapshot_decode(leaf.clear, &s.clear) != 0)
		return fault_set(f, FAULT_LEDGER_DAMAGED, LAYOUT_LEDGER,
			"leaf %" PRIu64 " is not of a snapshot", n);
	s.vault_time = leaf.time;
	if (log_key) {
		err = open_body(&s, &leaf, log_key, f);
		if (err < 0)
			return err;
	}
	*ret = s;
	return 0;
}

static void
name_by_id(struct snapshot *s)
{
	hex_encode(s->name, span_of(s->id.b, 8));
}

/* How many before it have the same source and second. */
static unsigned int
same_before(const struct snapshot_list *list, const struct snapshot *s)
{
	unsigned int n = 0;

	for (const struct snapshot *p = list->v; p < s; p++) {
		if (p->body.clock.s == s->body.clock.s &&
			strcmp(p->source, s->source) == 0)
			n++;
	}
	return n;
}

static void
name_by_time(const struct snapshot_list *list, struct snapshot *s)
{
	time_t at = (time_t)s->body.clock.s;
	unsigned int n = same_before(list, s);
	char when[40];
	struct tm tm;

	if (!gmtime_r(&at, &tm) ||
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(when, sizeof(when), "%" PRId64, s->body.clock.s);
	if (n == 0)
		snprintf(s->name, sizeof(s->name), "%s@%s", s->source, when);
	else
		snprintf(s->name, sizeof(s->name), "%s@%s-%u", s->source, when,
			n + 1);
}

/* Numbers of all snapshot leaves, the newest first. */
static int
collect(struct store *st, struct buf *numbers, struct fault *f)
{
	uint64_t n = UINT64_MAX;
	int err;

	for (;;) {
		err = store_leaf_before(st, LEAF_SNAPSHOT, n, &n, f);
		if (err == -ENOENT)
			return 0;
		if (err == 0 && buf_u64(numbers, n) != 0)
			err = fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
		if (err < 0)
			return err;
	}
}

int
snapshots_load(struct store *st, const struct key *log_key,
	struct snapshot_list *ret, struct fault *f)
{
	_cleanup_snapshots_ struct snapshot_list list = {NULL, 0};
	_cleanup_buf_ struct buf numbers = BUF_INIT;
	size_t n;
	int err;

	err = collect(st, &numbers, f);
	if (err < 0)
		return err;
	n = numbers.n / 8;
	list.v = mem_array(n, sizeof(*list.v));
	if (!list.v)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	for (; list.n < n; list.n++) {
		uint64_t number = le64_get(numbers.p + 8 * (n - 1 - list.n));
		struct snapshot *s = &list.v[list.n];

		err = load_one(st, number, log_key, s, f);
		if (err < 0)
			return err;
		if (log_key)
			name_by_time(&list, s);
		else
			name_by_id(s);
	}
	*ret = list;
	list = (struct snapshot_list){NULL, 0};
	return 0;
}

void
snapshots_free(struct snapshot_list *list)
{
	if (!list)
		return;
	mem_free(list->v);
	*list = (struct snapshot_list){NULL, 0};
}

static const struct snapshot *
find_latest(const struct snapshot_list *list, const char *source, size_t n)
{
	for (size_t i = list->n; i-- > 0;) {
		const struct snapshot *s = &list->v[i];

		if (strlen(s->source) == n && memcmp(s->source, source, n) == 0)
			return s;
	}
	return NULL;
}

static bool
is_prefix(const char *what)
{
	size_t n = strspn(what, "0123456789abcdef");

	return what[n] == '\0' && n >= ID_PREFIX_MIN && n <= 64;
}

static int
find_prefix(const struct snapshot_list *list, const char *what,
	const struct snapshot **ret, struct fault *f)
{
	const struct snapshot *found = NULL;

	for (size_t i = 0; i < list->n; i++) {
		char hex[HEX_SIZE(32)];

		hex_encode(hex, span_of(list->v[i].id.b, 32));
		if (strncmp(hex, what, strlen(what)) != 0)
			continue;
		if (found)
			return fault_set(f, FAULT_SNAPSHOT_AMBIGUOUS, what,
				"more than one id begins so");
		found = &list->v[i];
	}
	if (!found)
		return fault_set(f, FAULT_SNAPSHOT_UNKNOWN, what,
			"no snapshot's id begins so");
	*ret = found;
	return 0;
}

int
snapshots_find(const struct snapshot_list *list, const char *what,
	const struct snapshot **ret, struct fault *f)
{
	const struct snapshot *found = NULL;
	const char *at = strrchr(what, '@');

	if (!at && is_prefix(what))
		return find_prefix(list, what, ret, f);
	if (at && strcmp(at, "@latest") == 0) {
		found = find_latest(list, what, (size_t)(at - what));
	} else if (at) {
		for (size_t i = 0; i < list->n && !found; i++) {
			if (strcmp(list->v[i].name, what) == 0)
				found = &list->v[i];
		}
	}
	if (!found && strstr(what, "@latest:"))
		return fault_set(f, FAULT_SNAPSHOT_UNKNOWN, what,
			"a path in a snapshot begins with '/'");
	if (!found)
		return fault_set(f, FAULT_SNAPSHOT_UNKNOWN, what, NULL);
	*ret = found;
	return 0;
}
