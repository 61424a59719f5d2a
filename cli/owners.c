/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/owners.h"

#include "util/mem.h"

static struct owners_row *
add(struct owners *o)
{
	struct owners_row *v;

	if (o->n == o->cap) {
		v = mem_realloc_array(o->v, o->cap * 2 + 8, sizeof(*v));
		if (!v)
			return NULL;
		o->v = v;
		o->cap = o->cap * 2 + 8;
	}
	o->v[o->n] = (struct owners_row){.name = BUF_INIT};
	return &o->v[o->n++];
}

int
owners_name(struct owners *o, struct view_snap *s, const struct place *p,
	enum owner_kind kind, struct span *ret, struct fault *f)
{
	uint32_t number = kind == OWNER_USER ? p->entry.user : p->entry.group;
	struct owners_row *row;
	int err;

	for (size_t i = 0; i < o->n; i++) {
		row = &o->v[i];
		if (row->kind == kind && row->number == number) {
			*ret = buf_span(&row->name);
			return 0;
		}
	}
	row = add(o);
	if (!row)
		return fault_set(f, FAULT_NO_MEMORY, "listing", NULL);
	row->kind = kind;
	row->number = number;
	err = place_owner(s, p, kind, &row->name, f);
	*ret = buf_span(&row->name);
	return err;
}

void
owners_free(struct owners *o)
{
	for (size_t i = 0; i < o->n; i++)
		buf_free(&o->v[i].name);
	mem_free(o->v);
	*o = (struct owners){NULL, 0, 0};
}
