/* SPDX-License-Identifier: Apache-2.0 */
#include "view/place.h"

#include <errno.h>
#include <sys/stat.h>

#include "format/field.h"
#include "keys/digest.h"
#include "view/place_internal.h"

int
place_open_page(struct view_snap *s, const struct ref *ref,
	struct view_object *o, struct directory_page *page, struct fault *f)
{
	int err;

	err = view_object(s, ref, VIEW_TYPE(OBJECT_DIRPAGE), o, f);
	if (err < 0)
		return err;
	err = directory_page_open(o->content, page);
	if (err == 0 && page->slots == o->refs)
		return 0;
	view_object_put(o);
	if (err == -EPROTONOSUPPORT)
		return fault_set(f, FAULT_STORE_NEWER, "directory",
			"it has entries of a later format");
	return view_object_bad(ref, f, "the directory page does not read");
}

int
place_open_node(struct view_snap *s, const struct ref *ref, unsigned int level,
	struct view_object *o, struct directory_node *node, struct fault *f)
{
	int err;

	err = view_object(s, ref, VIEW_TYPE(OBJECT_DIRNODE), o, f);
	if (err < 0)
		return err;
	err = directory_node_open(o->content, node);
	/* Levels fall by one, so that a walk ends. */
	if (err == 0 && node->n == o->refs && node->level <= PLACE_LEVELS &&
		(level == 0 || node->level == level - 1))
		return 0;
	view_object_put(o);
	return view_object_bad(ref, f, "the directory node does not read");
}

void
place_fill(struct view_snap *s, struct place *ret, uint16_t path,
	uint64_t number, const struct dirent_rec *entry,
	const struct view_object *o)
{
	for (uint32_t i = 0; i < s->grafts; i++) {
		if (s->graft[i].outer == path && s->graft[i].number == number) {
			*ret = s->top[s->graft[i].path];
			return;
		}
	}
	*ret = (struct place){.path = path, .number = number, .entry = *entry};
	ret->entry.name = ret->entry.tags = span_of(NULL, 0);
	if (entry->content != 0)
		ret->content = view_object_ref(o, entry->content_slot);
	if (entry->flags & DIRENT_ATTRS)
		ret->attrs = view_object_ref(o, entry->attrs_slot);
}

void
place_top(struct view_snap *s, struct place *ret)
{
	if (s->aboves > 0)
		place_above_get(s, 0, ret);
	else
		*ret = s->top[0];
}

/* ---- one step down ---- */

/* What a step looks for: a name, or (name.n is 0) the entry at or above a
 * number. */
struct target {
	struct span name;
	uint64_t number;
};

/* Choose a child; *at comes in as the number of the node's first entry and
 * goes out as that of the child's. -ENOENT. */
static int
choose_child(const struct directory_node *node, const struct target *t,
	uint64_t *at, uint32_t *ret)
{
	struct directory_at it = directory_node_start(node);
	struct directory_child child;
	uint64_t next = *at;
	bool found = false;

	while (directory_node_next(&it, &child)) {
		if (t->name.n > 0 && field_cmp(child.name, t->name) > 0)
			break;
		*at = next;
		*ret = child.index;
		next += child.below;
		found = t->name.n > 0 || t->number - *at < child.below;
		if (t->name.n == 0 && found)
			break;
	}
	return found ? 0 : -ENOENT;
}

static int
choose_entry(struct view_snap *s, uint16_t path,
	const struct directory_page *page, const struct view_object *o,
	const struct target *t, uint64_t at, struct place *ret)
{
	struct directory_at it = directory_page_start(page);
	struct dirent_rec e;

	while (directory_page_next(&it, &e)) {
		int cmp = t->name.n > 0 ? field_cmp(e.name, t->name) : 0;

		if (cmp > 0)
			break;
		if (t->name.n > 0 ? cmp == 0 : t->number - at <= e.below) {
			place_fill(s, ret, path, at, &e, o);
			return 0;
		}
		at += 1 + e.below;
	}
	return -ENOENT;
}

/* -ENOENT without a fault when there is no such entry. */
static int
step(struct view_snap *s, const struct place *dir, const struct target *t,
	struct place *ret, struct fault *f)
{
	struct ref ref = dir->content;
	bool page = dir->entry.content == OBJECT_DIRPAGE;
	uint64_t at = dir->number + 1;
	unsigned int level = 0;
	int err;

	if (dir->entry.kind != FILE_DIRECTORY || dir->entry.content == 0)
		return -ENOENT;
	while (!page) {
		_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
		struct directory_node node;
		uint32_t child = 0;

		err = place_open_node(s, &ref, level, &o, &node, f);
		if (err == 0)
			err = choose_child(&node, t, &at, &child);
		if (err < 0)
			return err;
		ref = view_object_ref(&o, child);
		level = node.level;
		page = level == 1;
	}
	{
		_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
		struct directory_page p;

		err = place_open_page(s, &ref, &o, &p, f);
		if (err < 0)
			return err;
		return choose_entry(s, dir->path, &p, &o, t, at, ret);
	}
}

int
place_find(struct view_snap *s, const struct place *dir, struct span name,
	struct place *ret, struct fault *f)
{
	const struct target t = {name, 0};

	if (!field_name_ok(name))
		return -ENOENT;
	if (dir->path == PLACE_ABOVE)
		return place_above_find(s, (uint32_t)dir->number, name, ret);
	return step(s, dir, &t, ret, f);
}

int
place_number(struct view_snap *s, uint16_t path, uint64_t number,
	struct place *ret, struct place *ret_parent, struct fault *f)
{
	const struct target t = {{NULL, 0}, number};
	struct place at, next;
	int err;

	if (path == PLACE_ABOVE && number < s->aboves) {
		place_above_get(s, (uint32_t)number, ret);
		if (ret_parent)
			place_above_get(s, s->above[number].parent, ret_parent);
		return 0;
	}
	if (path >= s->paths || number > s->top[path].entry.below)
		return -ESTALE;
	next = at = s->top[path];
	for (unsigned int depth = 0; next.number != number; depth++) {
		at = next;
		if (depth > LIMIT_PATH_DEPTH)
			return -ESTALE;
		err = step(s, &at, &t, &next, f);
		if (err < 0)
			return err == -ENOENT ? -ESTALE : err;
		/* Another root stands in front of what lay here. */
		if (next.path != path)
			return -ESTALE;
	}
	*ret = next;
	if (ret_parent)
		*ret_parent = at;
	return 0;
}

/* ---- paths ---- */

/* The next component that is not "."; false at the end. */
static bool
next_component(struct span *path, struct span *ret)
{
	while (path->n > 0) {
		size_t n = 0;

		while (n < path->n && path->p[n] != '/')
			n++;
		*ret = span_of(path->p, n);
		path->p += n;
		path->n -= n;
		if (path->n > 0) {
			path->p++;
			path->n--;
		}
		if (n > 0 && !(n == 1 && ret->p[0] == '.'))
			return true;
	}
	return false;
}

static int
unknown(struct span path, struct fault *f)
{
	char text[160];
	size_t n = path.n < sizeof(text) ? path.n : sizeof(text) - 1;

	memcpy(text, path.p, n);
	text[n] = '\0';
	return fault_set(
		f, FAULT_PATH_UNKNOWN, text, "the snapshot has no such path");
}

int
place_resolve(struct view_snap *s, struct span path, struct place *ret,
	struct span *ret_name, struct fault *f)
{
	struct span rest = path, name, last = {NULL, 0};
	struct place at, next;
	int err;

	place_top(s, &at);
	while (next_component(&rest, &name)) {
		err = place_find(s, &at, name, &next, f);
		if (err == -ENOENT)
			return unknown(path, f);
		if (err < 0)
			return err;
		at = next;
		last = name;
	}
	*ret = at;
	if (ret_name)
		*ret_name = last;
	return 0;
}

/* ---- links and attributes ---- */

int
place_link(struct view_snap *s, const struct place *p, struct view_object *o,
	struct span *ret, struct fault *f)
{
	int err;

	if (p->entry.kind != FILE_SYMLINK)
		return -EINVAL;
	if (p->entry.content == 0) {
		*o = VIEW_OBJECT_NONE;
		*ret = span_of(NULL, 0);
		return 0;
	}
	err = view_object(s, &p->content, VIEW_TYPE(OBJECT_LINK), o, f);
	if (err < 0)
		return err;
	if (o->content.n == 0 || o->content.n > LIMIT_LINK_TARGET ||
		!field_no_nul(o->content)) {
		view_object_put(o);
		return view_object_bad(
			&p->content, f, "it is no target of a link");
	}
	*ret = o->content;
	return 0;
}

void
place_link_group(const struct place *p, uint8_t group[16])
{
	const struct dirent_rec *e = &p->entry;
	uint8_t numbers[42];
	const struct ref *content = e->content != 0 ? &p->content : NULL;
	const struct ref *attrs = e->flags & DIRENT_ATTRS ? &p->attrs : NULL;
	struct wcur w = wcur_init(numbers, sizeof(numbers));
	struct span parts[4] = {span_of(e->link_group, sizeof(e->link_group))};

	wcur_u8(&w, (uint8_t)e->kind);
	wcur_u8(&w, e->content);
	wcur_u16(&w,
		(uint16_t)(e->flags & (DIRENT_ATTRS | DIRENT_ATTRS_UNREAD)));
	wcur_u16(&w, e->mode);
	wcur_u32(&w, e->user);
	wcur_u32(&w, e->group);
	wcur_i64(&w, e->mtime.s);
	wcur_u32(&w, e->mtime.ns);
	wcur_u64(&w, e->size);
	wcur_u32(&w, e->major);
	wcur_u32(&w, e->minor);
	parts[1] = span_of(numbers, w.at);
	if (content)
		parts[2] = span_of(content->id.b, sizeof(content->id.b));
	if (attrs)
		parts[3] = span_of(attrs->id.b, sizeof(attrs->id.b));
	digest_blake2b(group, 16, parts, array_len(parts));
}

int
place_attrs(struct view_snap *s, const struct place *p, struct view_object *o,
	struct attrs *ret, struct fault *f)
{
	int err;

	if (!(p->entry.flags & DIRENT_ATTRS)) {
		*o = VIEW_OBJECT_NONE;
		*ret = (struct attrs){0, {NULL, 0}};
		return 0;
	}
	err = view_object(s, &p->attrs, VIEW_TYPE(OBJECT_ATTRS), o, f);
	if (err < 0)
		return err;
	if (attrs_open(o->content, ret) != 0) {
		view_object_put(o);
		return view_object_bad(
			&p->attrs, f, "the attribute set does not read");
	}
	return 0;
}

mode_t
place_type(enum file_kind kind)
{
	switch (kind) {
	case FILE_DIRECTORY:
		return S_IFDIR;
	case FILE_SYMLINK:
		return S_IFLNK;
	case FILE_FIFO:
		return S_IFIFO;
	case FILE_SOCKET:
		return S_IFSOCK;
	case FILE_CHAR:
		return S_IFCHR;
	case FILE_BLOCK:
		return S_IFBLK;
	case FILE_REGULAR:
	default:
		return S_IFREG;
	}
}
