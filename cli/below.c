/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A directory's open listing is large and holds blocks of the cache, and
 * trees can be deep: so one is open at a time, and the way back up is
 * a place and an index for each level, opened again there.
 */

#include "cli/below.h"

#include <errno.h>

#include "util/mem.h"

struct level {
	struct place dir;
	uint64_t next;	 /* entry to go on with */
	size_t path_len; /* of the directory's own path */
};

struct walk {
	const struct below_opts *o;
	struct level *v;
	size_t n, cap;
	struct buf path;
};

static int
out_of_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, "listing", NULL);
}

static int
enter(struct walk *w, const struct place *dir, struct fault *f)
{
	struct level *v;
	size_t cap;

	if (w->n == w->cap) {
		cap = w->cap * 2 + 16;
		v = mem_realloc_array(w->v, cap, sizeof(*v));
		if (!v)
			return out_of_memory(f);
		w->v = v;
		w->cap = cap;
	}
	w->v[w->n++] = (struct level){*dir, 0, w->path.n};
	return 0;
}

static int
append_name(struct walk *w, struct span name)
{
	if (w->path.n > 0 && buf_u8(&w->path, '/') != 0)
		return -ENOMEM;
	return buf_append(&w->path, name.p, name.n);
}

/* Tell entries until one is a directory to go into: then 1. 0 at the end. */
static int
list_on(struct walk *w, struct place_dir *d, struct level *l,
	struct place *below, struct fault *f)
{
	struct span name;
	int err;

	while ((err = place_dir_next(d, &name, below, f)) > 0) {
		l->next++;
		w->path.n = l->path_len;
		if (append_name(w, name) != 0)
			return out_of_memory(f);
		err = w->o->entry(w->o->ctx, buf_span(&w->path), below);
		if (err != 0)
			return err < 0 ? err : -ECANCELED;
		if (place_is_dir(below))
			return 1;
	}
	return err;
}

/* One step: down into a directory, or up out of one. */
static int
step(struct walk *w, struct fault *f)
{
	struct level *l = &w->v[w->n - 1];
	struct fault own = {0};
	struct place_dir d;
	struct place below;
	int err;

	err = place_dir_open(w->o->snap, &l->dir, l->next, &d, &own);
	if (err == 0) {
		err = list_on(w, &d, l, &below, &own);
		place_dir_close(&d);
	}
	if (err > 0)
		return enter(w, &below, f);
	if (err < 0 && (!w->o->damaged || own.code == FAULT_NONE ||
			       own.code == FAULT_NO_MEMORY)) {
		if (f && f->code == FAULT_NONE)
			*f = own;
		return err;
	}
	w->path.n = l->path_len;
	if (err < 0)
		w->o->damaged(w->o->ctx, buf_span(&w->path), &own);
	w->n--;
	return 0;
}

int
below_each(const struct below_opts *o, const struct place *dir, struct fault *f)
{
	struct walk w = {.o = o};
	int err;

	err = enter(&w, dir, f);
	while (err == 0 && w.n > 0)
		err = step(&w, f);
	mem_free(w.v);
	buf_free(&w.path);
	return err;
}
