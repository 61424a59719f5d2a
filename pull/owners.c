/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/owners.h"

#include "util/mem.h"

#include <errno.h>
#include <string.h>

/* Both lists are sorted arrays: a source has a few hundred owners at most, and
 * a page a handful. */
static size_t
position(const struct owner *v, size_t n, enum owner_kind kind, uint32_t number)
{
	size_t lo = 0, hi = n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (v[mid].kind < kind ||
			(v[mid].kind == kind && v[mid].number < number))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
is_at(const struct owner *v, size_t n, size_t i, enum owner_kind kind,
	uint32_t number)
{
	return i < n && v[i].kind == kind && v[i].number == number;
}

static int
insert(struct owner **v, size_t *n, size_t *cap, size_t at,
	const struct owner *o)
{
	size_t more = *cap == 0 ? 8 : 2 * *cap;
	struct owner *bigger;

	if (*n == *cap) {
		bigger = mem_realloc_array(*v, more, sizeof(*bigger));
		if (bigger == NULL)
			return -ENOMEM;
		*v = bigger;
		*cap = more;
	}
	memmove(*v + at + 1, *v + at, (*n - at) * sizeof(**v));
	(*v)[at] = *o;
	(*n)++;
	return 0;
}

int
owners_add(struct owners *o, const struct owner *owner)
{
	size_t at = position(o->v, o->n, owner->kind, owner->number);
	struct owner copy = *owner;
	int r;

	if (is_at(o->v, o->n, at, owner->kind, owner->number))
		return 0;
	if (o->n >= OWNERS_MAX)
		return -EOVERFLOW;
	copy.name.p = mem_dup(owner->name.p, owner->name.n);
	if (copy.name.p == NULL)
		return -ENOMEM;
	r = insert(&o->v, &o->n, &o->cap, at, &copy);
	if (r != 0)
		cleanup_free(&copy.name.p);
	return r;
}

const struct owner *
owners_find(const struct owners *o, enum owner_kind kind, uint32_t number)
{
	size_t at = position(o->v, o->n, kind, number);

	return is_at(o->v, o->n, at, kind, number) ? &o->v[at] : NULL;
}

void
owners_free(struct owners *o)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		cleanup_free(&o->v[i].name.p);
	mem_free(o->v);
	*o = (struct owners){0};
}

static int
set_add(struct owner_set *s, const struct owner *o)
{
	size_t at;

	if (o == NULL)
		return 0;
	at = position(s->v, s->n, o->kind, o->number);
	if (is_at(s->v, s->n, at, o->kind, o->number))
		return 0;
	return insert(&s->v, &s->n, &s->cap, at, o);
}

int
owner_set_add(struct owner_set *s, const struct owners *all, uint32_t user,
	uint32_t group)
{
	int r = set_add(s, owners_find(all, OWNER_USER, user));

	return r != 0 ? r : set_add(s, owners_find(all, OWNER_GROUP, group));
}

void
owner_set_clear(struct owner_set *s)
{
	s->n = 0;
}

void
owner_set_free(struct owner_set *s)
{
	mem_free(s->v);
	*s = (struct owner_set){0};
}
