/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/ordinals.h"

#include "util/mem.h"

#include <errno.h>
#include <string.h>

static int
room(struct ordinals *o)
{
	size_t cap = o->cap == 0 ? 4 : 2 * o->cap;
	uint32_t *v;

	if (o->n < o->cap)
		return 0;
	v = mem_realloc_array(o->v, cap, sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	o->v = v;
	o->cap = cap;
	return 0;
}

int
ordinals_add(struct ordinals *o, uint32_t ordinal)
{
	size_t i = o->n;

	/* From the end: packs are filled in order, so new ones are high. */
	while (i > 0 && o->v[i - 1] > ordinal)
		i--;
	if (i > 0 && o->v[i - 1] == ordinal)
		return 0;
	if (room(o) != 0)
		return -ENOMEM;
	memmove(o->v + i + 1, o->v + i, (o->n - i) * sizeof(*o->v));
	o->v[i] = ordinal;
	o->n++;
	return 0;
}

void
ordinals_clear(struct ordinals *o)
{
	o->n = 0;
}

void
ordinals_free(struct ordinals *o)
{
	mem_free(o->v);
	*o = (struct ordinals){0};
}

int
ordinals_encode(const struct ordinals *o, struct buf *out)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (buf_u32(out, o->v[i]) != 0)
			return -ENOMEM;
	return 0;
}

int
ordinal_map_set(struct ordinal_map *m, uint32_t ordinal)
{
	size_t word = ordinal / 64, n;
	uint64_t *words;

	if (word >= m->n) {
		n = word + 1 + m->n;
		words = mem_realloc_array(m->words, n, sizeof(*words));
		if (words == NULL)
			return -ENOMEM;
		memset(words + m->n, 0, (n - m->n) * sizeof(*words));
		m->words = words;
		m->n = n;
	}
	m->words[word] |= UINT64_C(1) << (ordinal % 64);
	return 0;
}

int
ordinal_map_add(struct ordinal_map *m, const struct ordinals *o)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (ordinal_map_set(m, o->v[i]) != 0)
			return -ENOMEM;
	return 0;
}

void
ordinal_map_free(struct ordinal_map *m)
{
	mem_free(m->words);
	*m = (struct ordinal_map){0};
}

int
ordinal_map_list(const struct ordinal_map *m, struct ordinals *o)
{
	uint64_t left;
	size_t i;

	for (i = 0; i < m->n; i++)
		for (left = m->words[i]; left != 0; left &= left - 1)
			if (ordinals_add(o, (uint32_t)(64 * i) +
						    (uint32_t)__builtin_ctzll(
							    left)) != 0)
				return -ENOMEM;
	return 0;
}
