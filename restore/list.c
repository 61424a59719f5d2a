/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/list.h"

int
list_one(struct view_snap *s, struct span name, const struct place *p,
	list_fn *fn, void *ctx, struct fault *f)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	struct list_entry e = {.name = name, .place = p};
	struct fault damage = {0};
	int err;

	if (p->entry.kind == FILE_SYMLINK) {
		err = place_link(s, p, &o, &e.target, &damage);
		if (err < 0 && damage.code == FAULT_NO_MEMORY) {
			if (f)
				*f = damage;
			return err;
		}
		if (err < 0)
			e.damage = &damage;
	}
	return fn(ctx, &e);
}

static int
list_directory(struct view_snap *s, const struct place *dir, list_fn *fn,
	void *ctx, struct fault *f)
{
	struct place_dir d;
	struct place p;
	struct span name;
	int err;

	err = place_dir_open(s, dir, 0, &d, f);
	if (err < 0)
		return err;
	while ((err = place_dir_next(&d, &name, &p, f)) > 0) {
		err = list_one(s, name, &p, fn, ctx, f);
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
	struct span name;
	struct place p;
	int err;

	err = place_resolve(s, path, &p, &name, f);
	if (err < 0)
		return err;
	return place_is_dir(&p) ? list_directory(s, &p, fn, ctx, f)
				: list_one(s, name, &p, fn, ctx, f);
}
