/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/list.h"

struct listing_run {
	struct view_snap *snap;
	list_fn *fn;
	void *ctx;
	struct fault *f;
	int damage; /* of a target */
};

static int
tell(struct listing_run *l, struct span name, const struct place *p)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	struct list_entry e = {name, p, {NULL, 0}};
	int err;

	if (p->entry.kind == FILE_SYMLINK) {
		err = place_link(l->snap, p, &o, &e.target, l->f);
		if (err < 0)
			l->damage = err;
	}
	return l->fn(l->ctx, &e);
}

static int
tell_directory(struct listing_run *l, const struct place *dir)
{
	struct place_dir d;
	struct place p;
	struct span name;
	int err;

	err = place_dir_open(l->snap, dir, 0, &d, l->f);
	if (err < 0)
		return err;
	while ((err = place_dir_next(&d, &name, &p, l->f)) > 0) {
		err = tell(l, name, &p);
		if (err != 0)
			break;
	}
	place_dir_close(&d);
	return err;
}

int
list_path(struct view_snap *s, struct span path, list_fn *fn, void *ctx,
	struct fault *f)
{
	struct listing_run l = {s, fn, ctx, f, 0};
	struct span name;
	struct place p;
	int err;

	err = place_resolve(s, path, &p, &name, f);
	if (err < 0)
		return err;
	err = place_is_dir(&p) ? tell_directory(&l, &p) : tell(&l, name, &p);
	return err != 0 ? err : l.damage;
}
