/* SPDX-License-Identifier: Apache-2.0 */
#include "view/view.h"

#include <errno.h>
#include <string.h>

#include "format/snaproot.h"
#include "keys/secmem.h"
#include "util/mem.h"
#include "view/object_internal.h"
#include "view/view_internal.h"

/* Open pack files: far below the usual limit of 1,024 descriptors. */
#define PACKS_OPEN 128U

int
view_open(const struct store *st, const struct access *access, size_t cache,
	struct view **ret, struct fault *f)
{
	_cleanup_view_ struct view *v = mem_zalloc(sizeof(*v));

	if (!v)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	pthread_mutex_init(&v->lock, NULL);
	v->storefd = store_dirfd(st);
	v->store = *store_id_peek(st);
	v->access = access;
	if (cache_create(cache, &v->cache) != 0 ||
		packset_create(v->storefd, &v->store, access, PACKS_OPEN,
			&v->packs) != 0)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	*ret = take_ptr(&v);
	return 0;
}

void
view_close(struct view *v)
{
	if (!v)
		return;
	while (v->scratch) {
		struct scratch *s = v->scratch;

		v->scratch = s->next;
		if (s->packed.p)
			secmem_wipe(s->packed.p, s->packed.cap);
		buf_free(&s->packed);
		buf_free(&s->sealed);
		mem_free(s);
	}
	cache_free(v->cache);
	packset_free(v->packs);
	pthread_mutex_destroy(&v->lock);
	mem_free(v);
}

/* ---- snapshots ---- */

static struct place
root_place(
	const struct view_object *o, uint32_t i, const struct snaproot_path *p)
{
	struct place at = {.path = (uint16_t)i, .entry = p->entry};

	at.entry.name = at.entry.tags = span_of(NULL, 0);
	if (p->entry.content != 0)
		at.content = view_object_ref(o, p->entry.content_slot);
	if (p->entry.flags & DIRENT_ATTRS)
		at.attrs = view_object_ref(o, p->entry.attrs_slot);
	return at;
}

static int
take_paths(struct view_snap *s, const struct view_object *o,
	const struct snaproot *root, struct fault *f)
{
	struct directory_at at = snaproot_start(root);
	struct snaproot_path p;
	size_t used = 0;

	s->paths = root->paths;
	s->text = mem_alloc(root->rows.n);
	s->top = mem_array(root->paths, sizeof(*s->top));
	s->path = mem_array(root->paths, sizeof(*s->path));
	if (!s->text || !s->top || !s->path)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	for (uint32_t i = 0; snaproot_next(&at, &p); i++) {
		/* All paths lie in the rows, so they fit. */
		memcpy(s->text + used, p.path.p, p.path.n);
		s->path[i] = span_of(s->text + used, p.path.n);
		used += p.path.n;
		s->top[i] = root_place(o, i, &p);
	}
	return 0;
}

static int
load_root(struct view_snap *s, struct fault *f)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	struct snaproot root;
	int err;

	err = view_object(s, &s->root, VIEW_TYPE(OBJECT_SNAPROOT), &o, f);
	if (err < 0)
		return err;
	err = snaproot_open(o.content, &root);
	if (err == -EPROTONOSUPPORT)
		return fault_set(f, FAULT_STORE_NEWER, "snapshot",
			"it has parts of a later format");
	if (err < 0 || root.slots != o.refs)
		return view_object_bad(
			&s->root, f, "the snapshot's root does not read");
	if (root.paths > PLACE_PATHS_MAX || root.paths == 0)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "snapshot",
			"it has more than %u paths", PLACE_PATHS_MAX);
	s->problems = root.problems;
	if (root.problems > 0)
		s->problem_list = view_object_ref(&o, root.problems_slot);
	return take_paths(s, &o, &root, f);
}

int
view_snap_open(struct view *v, const struct snapshot *snapshot,
	struct view_snap **ret, struct fault *f)
{
	_cleanup_view_snap_ struct view_snap *s = mem_zalloc(sizeof(*s));
	struct root hash;
	int err;

	if (!s)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	s->view = v;
	s->compartment = snapshot->clear.compartment;
	s->clock = snapshot->body.clock;
	s->root = snapshot->body.root;
	memcpy(hash.b, snapshot->clear.manifest, sizeof(hash.b));
	err = manifests_load(v->storefd, &v->store, &hash, &s->manifest, f);
	if (err == 0)
		err = load_root(s, f);
	if (err == 0)
		err = place_arrange(s, f);
	if (err < 0)
		return err;
	*ret = take_ptr(&s);
	return 0;
}

void
view_snap_close(struct view_snap *s)
{
	if (!s)
		return;
	manifests_free(&s->manifest);
	mem_free(s->graft);
	mem_free(s->above);
	mem_free(s->path);
	mem_free(s->top);
	mem_free(s->text);
	mem_free(s);
}

uint32_t
view_packs(const struct view_snap *s)
{
	return s->manifest.m.n;
}

uint32_t
view_pack_ordinal(const struct view_snap *s, uint32_t i)
{
	return manifest_at(&s->manifest.m, i).ordinal;
}

uint32_t
view_paths(const struct view_snap *s)
{
	return s->paths;
}

struct span
view_path(const struct view_snap *s, uint32_t i)
{
	return s->path[i];
}

/* ---- problems ---- */

int
view_problems_each(
	struct view_snap *s, view_problem_fn *fn, void *ctx, struct fault *f)
{
	struct ref ref = s->problem_list;
	bool more = s->problems > 0;

	while (more) {
		_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
		struct problems list;
		struct problem p;
		struct rcur at;
		int err;

		err = view_object(s, &ref, VIEW_TYPE(OBJECT_PROBLEMS), &o, f);
		if (err < 0)
			return err;
		if (problem_open(o.content, &list) != 0 || o.refs > 1)
			return view_object_bad(
				&ref, f, "the problem list does not read");
		at = rcur_init(list.rows);
		while (problem_next(&at, &p)) {
			err = fn(ctx, &p);
			if (err != 0)
				return err;
		}
		/* Ids make a chain of lists that ends. */
		more = o.refs == 1;
		if (more)
			ref = view_object_ref(&o, 0);
	}
	return 0;
}
