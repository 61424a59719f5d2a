/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/known.h"

#include "util/le.h"
#include "util/mem.h"

#include <errno.h>
#include <string.h>

#define KNOWN_START 4096u

/* The slot of an id, or the free one where it belongs. */
static struct known_entry *
slot(const struct known *k, const struct id *id)
{
	size_t i = (size_t)le64_get(id->b) & (k->cap - 1);

	while (k->v[i].used && !id_equal(&k->v[i].id, id))
		i = (i + 1) & (k->cap - 1);
	return &k->v[i];
}

bool
known_find(const struct known *k, const struct id *id, const uint8_t refs[16],
	uint32_t *row)
{
	const struct known_entry *e;

	if (k->n == 0)
		return false;
	e = slot(k, id);
	if (!e->used || memcmp(e->refs, refs, sizeof(e->refs)) != 0)
		return false;
	*row = e->row;
	return true;
}

static int
grow(struct known *k)
{
	struct known bigger = {.cap = k->cap == 0 ? KNOWN_START : 2 * k->cap};
	size_t i;

	bigger.v = mem_array(bigger.cap, sizeof(*bigger.v));
	if (bigger.v == NULL)
		return -ENOMEM;
	for (i = 0; i < k->cap; i++)
		if (k->v[i].used)
			*slot(&bigger, &k->v[i].id) = k->v[i];
	bigger.n = k->n;
	mem_free(k->v);
	*k = bigger;
	return 0;
}

int
known_add(struct known *k, const struct id *id, const uint8_t refs[16],
	uint32_t row)
{
	struct known_entry *e;

	if (2 * (k->n + 1) > k->cap && grow(k) != 0)
		return -ENOMEM;
	e = slot(k, id);
	if (!e->used)
		k->n++;
	e->used = true;
	e->id = *id;
	e->row = row;
	memcpy(e->refs, refs, sizeof(e->refs));
	return 0;
}

void
known_clear(struct known *k)
{
	if (k->v != NULL)
		memset(k->v, 0, k->cap * sizeof(*k->v));
	k->n = 0;
}

void
known_free(struct known *k)
{
	mem_free(k->v);
	*k = (struct known){0};
}
