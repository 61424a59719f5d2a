/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot of several paths: the directories above its roots, made up from
 * the paths' components, and grafts for roots that lie below another root
 * (another file system that was not entered, then pulled by its own path).
 */
#include <errno.h>

#include "format/field.h"
#include "util/mem.h"
#include "view/place_internal.h"

/* Directories above all roots: what 64 KiB of paths can make at the most. */
#define ABOVES_MAX 65536U

void
place_above_get(struct view_snap *s, uint32_t i, struct place *ret)
{
	const struct view_above *a = &s->above[i];

	if (a->is_root) {
		*ret = s->top[a->path];
		return;
	}
	*ret = (struct place){.path = PLACE_ABOVE, .number = i};
	ret->entry.kind = FILE_DIRECTORY;
	ret->entry.mode = 0555;
	ret->entry.mtime = ret->entry.ctime = s->clock;
}

bool
place_above_next(struct view_snap *s, uint32_t parent, uint32_t *at,
	struct span *name, struct place *ret)
{
	/* 0 is the top: nobody's child. */
	for (uint32_t i = *at > 0 ? *at : 1; i < s->aboves; i++) {
		if (s->above[i].parent != parent)
			continue;
		*name = s->above[i].name;
		place_above_get(s, i, ret);
		*at = i + 1;
		return true;
	}
	*at = s->aboves;
	return false;
}

/* Index of a child; 0: none. */
static uint32_t
child_of(const struct view_snap *s, uint32_t parent, struct span name)
{
	for (uint32_t i = 1; i < s->aboves; i++) {
		if (s->above[i].parent == parent &&
			span_eq(s->above[i].name, name))
			return i;
	}
	return 0;
}

int
place_above_find(struct view_snap *s, uint32_t parent, struct span name,
	struct place *ret)
{
	uint32_t i = child_of(s, parent, name);

	if (i == 0)
		return -ENOENT;
	place_above_get(s, i, ret);
	return 0;
}

/* Component by component; path is absolute. */
static bool
component(struct span *path, struct span *ret)
{
	size_t n = 0;

	while (path->n > 0 && path->p[0] == '/') {
		path->p++;
		path->n--;
	}
	while (n < path->n && path->p[n] != '/')
		n++;
	*ret = span_of(path->p, n);
	path->p += n;
	path->n -= n;
	return n > 0;
}

/* True when inner lies below outer. */
static bool
lies_below(struct span inner, struct span outer)
{
	struct span a, b;

	while (component(&outer, &b)) {
		if (!component(&inner, &a) || !span_eq(a, b))
			return false;
	}
	return component(&inner, &a);
}

/* The deepest other root above path i; paths for none. */
static uint32_t
outer_of(const struct view_snap *s, uint32_t i)
{
	uint32_t best = s->paths;

	for (uint32_t j = 0; j < s->paths; j++) {
		if (j != i && lies_below(s->path[i], s->path[j]) &&
			(best == s->paths ||
				lies_below(s->path[j], s->path[best])))
			best = j;
	}
	return best;
}

/* Put root i in the place of its own entry in root j. */
static int
add_graft(struct view_snap *s, uint32_t i, uint32_t j, struct fault *f)
{
	struct span outer = s->path[j], inner = s->path[i], name;
	struct place at = s->top[j], next;
	int err;

	while (component(&outer, &name))
		(void)component(&inner, &name);
	while (component(&inner, &name)) {
		err = place_find(s, &at, name, &next, f);
		/* Nothing stands for it in the outer one: it stays out. */
		if (err < 0)
			return err == -ENOENT ? 0 : err;
		at = next;
	}
	s->graft[s->grafts].outer = (uint16_t)j;
	s->graft[s->grafts].number = at.number;
	s->graft[s->grafts].path = (uint16_t)i;
	s->grafts++;
	return 0;
}

static int
add_above(struct view_snap *s, uint32_t i, struct fault *f)
{
	struct span rest = s->path[i], name;
	uint32_t at = 0, child;

	while (component(&rest, &name)) {
		child = child_of(s, at, name);
		if (child == 0) {
			struct view_above *more;

			if (s->aboves == ABOVES_MAX)
				return fault_set(f, FAULT_LIMIT_EXCEEDED,
					"snapshot", "its paths are too deep");
			more = mem_realloc_array(
				s->above, s->aboves + 1, sizeof(*more));
			if (!more)
				return fault_set(
					f, FAULT_NO_MEMORY, NULL, NULL);
			s->above = more;
			child = s->aboves++;
			s->above[child] =
				(struct view_above){.parent = at, .name = name};
		}
		at = child;
	}
	s->above[at].is_root = true;
	s->above[at].path = (uint16_t)i;
	return 0;
}

int
place_arrange(struct view_snap *s, struct fault *f)
{
	int err = 0;

	if (s->paths == 1)
		return 0;
	s->above = mem_zalloc(sizeof(*s->above));
	s->graft = mem_array(s->paths, sizeof(*s->graft));
	if (!s->above || !s->graft)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	s->aboves = 1;
	for (uint32_t i = 0; err == 0 && i < s->paths; i++) {
		if (outer_of(s, i) == s->paths)
			err = add_above(s, i, f);
	}
	for (uint32_t i = 0; err == 0 && i < s->paths; i++) {
		uint32_t j = outer_of(s, i);

		if (j < s->paths)
			err = add_graft(s, i, j, f);
	}
	return err;
}
