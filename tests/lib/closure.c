/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/closure.h"

#include "util/mem.h"
#include "util/span.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
grown(void *p, size_t n, size_t size)
{
	p = mem_realloc_array(p, n, size);
	if (!p) {
		fputs("closure: no memory\n", stderr);
		abort();
	}
	return p;
}

/* Where ref stands in the hash table, or would. */
static size_t *
slot_of(const struct closure *c, const struct ref *ref)
{
	/* Ids are as good as random; one id may have several addresses. */
	size_t at = le32_get(ref->id.b) + ref->addr.ordinal + ref->addr.row;

	for (;; at++) {
		size_t *slot = &c->slot[at % c->slots];

		if (*slot == 0 || ref_equal(&c->v[*slot - 1], ref))
			return slot;
	}
}

static void
widen(struct closure *c)
{
	c->cap = 2 * c->cap + 256;
	c->v = grown(c->v, c->cap, sizeof(*c->v));
	c->slots = 2 * c->cap;
	c->slot = grown(c->slot, c->slots, sizeof(*c->slot));
	memset(c->slot, 0, c->slots * sizeof(*c->slot));
	for (size_t i = 0; i < c->n; i++)
		*slot_of(c, &c->v[i]) = i + 1;
}

static void
add_pack(struct closure *c, uint32_t ordinal)
{
	size_t i = c->packs;

	while (i > 0 && c->pack[i - 1] > ordinal)
		i--;
	if (i > 0 && c->pack[i - 1] == ordinal)
		return;
	c->pack = grown(c->pack, c->packs + 1, sizeof(*c->pack));
	memmove(c->pack + i + 1, c->pack + i,
		(c->packs - i) * sizeof(*c->pack));
	c->pack[i] = ordinal;
	c->packs++;
}

static void
meet(struct closure *c, const struct ref *ref)
{
	size_t *slot;

	if (c->n == c->cap)
		widen(c);
	slot = slot_of(c, ref);
	if (*slot != 0)
		return;
	add_pack(c, ref->addr.ordinal);
	c->v[c->n++] = *ref;
	*slot = c->n;
}

void
closure_walk(struct view_snap *snap, const struct ref *root,
	closure_bad_fn *bad, void *ctx, struct closure *ret)
{
	meet(ret, root);
	for (size_t i = 0; i < ret->n; i++) {
		const struct ref ref = ret->v[i];
		struct view_object o = VIEW_OBJECT_NONE;
		struct fault why = {.code = FAULT_NONE};

		if (view_object(snap, &ref, VIEW_ANY_TYPE, &o, &why) != 0) {
			bad(ctx, &ref, &why);
			continue;
		}
		for (uint32_t k = 0; k < o.refs; k++) {
			const struct ref child = view_object_ref(&o, k);

			meet(ret, &child);
		}
		view_object_put(&o);
	}
}

void
closure_free(struct closure *c)
{
	mem_free(c->v);
	mem_free(c->slot);
	mem_free(c->pack);
	*c = CLOSURE_NONE;
}
