/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listing holds the nodes between the directory and its page, each with
 * where it stands, and the page. Numbers come along as it goes.
 */
#include <errno.h>

#include "view/place_internal.h"

/* Hold what ref names and stand at its start; level as in place_open_node. */
static int
descend(struct place_dir *d, const struct ref *ref, bool page,
	unsigned int level, struct fault *f)
{
	struct place_level *l;
	int err;

	if (page) {
		err = place_open_page(
			d->snap, ref, &d->page_object, &d->page, f);
		if (err < 0)
			return err;
		d->at = directory_page_start(&d->page);
		d->in_page = true;
		return 0;
	}
	if (d->depth == PLACE_LEVELS)
		return view_object_bad(ref, f, "it has too many levels");
	l = &d->level[d->depth];
	err = place_open_node(d->snap, ref, level, &l->object, &l->node, f);
	if (err < 0)
		return err;
	l->at = directory_node_start(&l->node);
	d->depth++;
	return 0;
}

static void
pop(struct place_dir *d)
{
	view_object_put(&d->level[--d->depth].object);
}

/*
 * Go on to the next page, passing over whole children while there are *skip
 * entries to skip. 0, also at the end: then not in a page.
 */
static int
next_page(struct place_dir *d, uint64_t *skip, struct fault *f)
{
	int err;

	while (!d->in_page && d->depth > 0) {
		struct place_level *l = &d->level[d->depth - 1];
		struct directory_child child;
		struct ref ref;

		if (!directory_node_next(&l->at, &child)) {
			pop(d);
			continue;
		}
		if (*skip >= child.direct) {
			*skip -= child.direct;
			d->index += child.direct;
			d->number += child.below;
			continue;
		}
		ref = view_object_ref(&l->object, child.index);
		err = descend(d, &ref, l->node.level == 1, l->node.level, f);
		if (err < 0)
			return err;
	}
	return 0;
}

static bool
next_entry(struct place_dir *d, struct dirent_rec *e)
{
	if (directory_page_next(&d->at, e)) {
		d->index++;
		d->number += 1 + e->below;
		return true;
	}
	view_object_put(&d->page_object);
	d->in_page = false;
	return false;
}

static int
skip_entries(struct place_dir *d, uint64_t skip, struct fault *f)
{
	struct dirent_rec e;
	int err;

	while (skip > 0) {
		err = next_page(d, &skip, f);
		if (err < 0)
			return err;
		if (!d->in_page)
			break;
		while (skip > 0 && next_entry(d, &e))
			skip--;
	}
	return 0;
}

int
place_dir_open(struct view_snap *s, const struct place *dir, uint64_t index,
	struct place_dir *d, struct fault *f)
{
	int err;

	if (dir->entry.kind != FILE_DIRECTORY)
		return -ENOTDIR;
	d->snap = s;
	d->path = dir->path;
	d->number = dir->number + 1;
	d->index = 0;
	d->in_page = false;
	d->whole = !(dir->entry.flags & (DIRENT_UNREAD | DIRENT_NOT_ENTERED));
	d->depth = 0;
	d->above = 0;
	d->parent = (uint32_t)dir->number;
	d->page_object = VIEW_OBJECT_NONE;
	if (dir->path == PLACE_ABOVE) {
		struct span name;
		struct place p;

		while (d->index < index &&
			place_above_next(s, d->parent, &d->above, &name, &p))
			d->index++;
		return 0;
	}
	if (dir->entry.content == 0)
		return 0;
	err = descend(
		d, &dir->content, dir->entry.content == OBJECT_DIRPAGE, 0, f);
	if (err == 0)
		err = skip_entries(d, index, f);
	if (err < 0)
		place_dir_close(d);
	return err;
}

int
place_dir_next(struct place_dir *d, struct span *name, struct place *ret,
	struct fault *f)
{
	uint64_t skip = 0;
	struct dirent_rec e;
	int err;

	if (d->path == PLACE_ABOVE) {
		if (!place_above_next(d->snap, d->parent, &d->above, name, ret))
			return 0;
		d->index++;
		return 1;
	}
	for (;;) {
		err = next_page(d, &skip, f);
		if (err < 0)
			return err;
		if (!d->in_page)
			return 0;
		if (next_entry(d, &e))
			break;
	}
	*name = e.name;
	place_fill(d->snap, ret, d->path, d->number - 1 - e.below, &e,
		&d->page_object);
	return 1;
}

void
place_dir_close(struct place_dir *d)
{
	view_object_put(&d->page_object);
	d->in_page = false;
	while (d->depth > 0)
		pop(d);
}

/* The name in the page that holds the entry with this number. */
static int
owner_in(struct place_dir *d, const struct place *p, enum owner_kind kind,
	struct buf *ret, struct fault *f)
{
	uint32_t number = kind == OWNER_USER ? p->entry.user : p->entry.group;
	struct span name;
	struct place at;
	int err;

	do {
		err = place_dir_next(d, &name, &at, f);
	} while (err > 0 && at.number != p->number);
	if (err <= 0 ||
		directory_owners_find(&d->page.owners, kind, number, &name))
		return err < 0 ? err : 0;
	if (buf_append(ret, name.p, name.n) != 0)
		return fault_set(f, FAULT_NO_MEMORY, "owner", NULL);
	return 0;
}

int
place_owner(struct view_snap *s, const struct place *p, enum owner_kind kind,
	struct buf *name, struct fault *f)
{
	struct place same, parent;
	struct place_dir d;
	int err;

	if (p->path == PLACE_ABOVE || p->number == 0)
		return 0;
	err = place_number(s, p->path, p->number, &same, &parent, f);
	if (err < 0)
		return err == -ESTALE ? 0 : err;
	err = place_dir_open(s, &parent, 0, &d, f);
	if (err < 0)
		return err;
	err = owner_in(&d, p, kind, name, f);
	place_dir_close(&d);
	return err;
}
