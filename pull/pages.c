/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/pages.h"

#include "keys/id.h"
#include "util/buf.h"
#include "util/mem.h"

#include <errno.h>
#include <string.h>

#define PAGE_MIN 4096u
#define PAGE_MASK 0x7fu
#define PAGE_MAX 65536u
#define NODE_MIN 32u
#define NODE_SHIFT 8
#define NODE_MASK 0x3fu
#define LEVELS 8u /* 32^7 pages: more than 10^12 entries */

/* A child of a node: a page, or a node of the level below. */
struct child {
	struct directory_child c;
	struct ref ref;
	uint8_t name[LIMIT_NAME];
};

struct level {
	struct child *v;
	size_t n;
	size_t cap;
};

struct pages_state {
	struct buf entries; /* of the page under way */
	uint32_t n;
	struct ref *refs;
	uint32_t nrefs, refs_cap;
	struct child sum; /* of the page under way */
	struct owner_set owners;
	struct level level[LEVELS];
	struct ordinals packs;
	struct buf object; /* scratch */
};

static int
out_of_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, "directory", NULL);
}

void
pages_init(struct pages *p, struct ingest *in, const struct owners *owners)
{
	p->in = in;
	p->owners = owners;
	p->state = NULL;
}

void
pages_free(struct pages *p)
{
	struct pages_state *s = p->state;
	size_t i;

	if (s == NULL)
		return;
	buf_free(&s->entries);
	buf_free(&s->object);
	mem_free(s->refs);
	owner_set_free(&s->owners);
	for (i = 0; i < LEVELS; i++)
		mem_free(s->level[i].v);
	ordinals_free(&s->packs);
	mem_free(s);
	p->state = NULL;
}

static int push_child(
	struct pages *p, size_t level, const struct child *c, struct fault *f);

static int
put(struct pages *p, enum object_type type, const struct ref *refs,
	uint32_t nrefs, struct ref *ret, struct fault *f)
{
	struct pages_state *s = p->state;
	int r;

	r = ingest_put(p->in, type, buf_span(&s->object), refs, nrefs, ret, f);
	if (r == 0 && ordinals_add(&s->packs, ret->addr.ordinal) != 0)
		return out_of_memory(f);
	return r;
}

/* Store the page under way and begin another. */
static int
close_page(struct pages *p, struct fault *f)
{
	struct pages_state *s = p->state;
	int r;

	buf_clear(&s->object);
	r = directory_page_encode(&s->object, s->owners.v, s->owners.n,
		buf_span(&s->entries), s->n);
	if (r != 0)
		return fault_errno(f, FAULT_INTERNAL, r, "directory", "page");
	r = put(p, OBJECT_DIRPAGE, s->refs, s->nrefs, &s->sum.ref, f);
	if (r == 0)
		r = push_child(p, 0, &s->sum, f);
	buf_clear(&s->entries);
	owner_set_clear(&s->owners);
	s->n = s->nrefs = 0;
	memset(&s->sum, 0, sizeof(s->sum));
	return r;
}

/* Store level's children as a node; what the node is as a child. */
static int
close_node(struct pages *p, size_t level, struct child *up, struct fault *f)
{
	struct level *l = &p->state->level[level];
	_cleanup_free_ struct directory_child *rows =
		mem_array(l->n, sizeof(*rows));
	_cleanup_free_ struct ref *refs = mem_array(l->n, sizeof(*refs));
	size_t i;
	int r;

	if (rows == NULL || refs == NULL)
		return out_of_memory(f);
	memset(up, 0, sizeof(*up));
	for (i = 0; i < l->n; i++) {
		rows[i] = l->v[i].c;
		rows[i].name.p = l->v[i].name;
		refs[i] = l->v[i].ref;
		up->c.direct += rows[i].direct;
		up->c.below += rows[i].below;
		up->c.bytes = add64_max(up->c.bytes, rows[i].bytes);
	}
	up->c.name.n = rows[0].name.n;
	memcpy(up->name, rows[0].name.p, rows[0].name.n);
	buf_clear(&p->state->object);
	r = directory_node_encode(
		&p->state->object, (uint8_t)(level + 1), rows, l->n);
	if (r != 0)
		return fault_errno(f, FAULT_INTERNAL, r, "directory", "node");
	r = put(p, OBJECT_DIRNODE, refs, (uint32_t)l->n, &up->ref, f);
	l->n = 0;
	return r;
}

static bool
ends_node(const struct pages *p, const struct level *l)
{
	const struct child *last = &l->v[l->n - 1];
	uint64_t h;

	if (l->n >= DIRECTORY_WRITE_MAX)
		return true;
	if (l->n < NODE_MIN)
		return false;
	h = id_page_hash(
		ingest_id_keys(p->in), span_of(last->name, last->c.name.n));
	return ((h >> NODE_SHIFT) & NODE_MASK) == 0;
}

static int
push_child(
	struct pages *p, size_t level, const struct child *c, struct fault *f)
{
	struct level *l = &p->state->level[level];
	struct child *bigger, up;
	int r;

	if (l->n == l->cap) {
		bigger = mem_realloc_array(
			l->v, 2 * l->cap + 4, sizeof(*bigger));
		if (bigger == NULL)
			return out_of_memory(f);
		l->v = bigger;
		l->cap = 2 * l->cap + 4;
	}
	l->v[l->n++] = *c;
	if (!ends_node(p, l))
		return 0;
	if (level + 1 == LEVELS)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "directory",
			"number of entries");
	r = close_node(p, level, &up, f);
	return r != 0 ? r : push_child(p, level + 1, &up, f);
}

static int
add_refs(struct pages_state *s, const struct dirent_rec *e,
	const struct ref *content, const struct ref *attrs)
{
	struct ref *bigger;

	if (s->nrefs + 2 > s->refs_cap) {
		bigger = mem_realloc_array(
			s->refs, 2 * s->refs_cap + 64, sizeof(*bigger));
		if (bigger == NULL)
			return -ENOMEM;
		s->refs = bigger;
		s->refs_cap = 2 * s->refs_cap + 64;
	}
	if (e->content != 0)
		s->refs[s->nrefs++] = *content;
	if ((e->flags & DIRENT_ATTRS) != 0)
		s->refs[s->nrefs++] = *attrs;
	return 0;
}

int
pages_add(struct pages *p, const struct dirent_rec *e,
	const struct ref *content, const struct ref *attrs, struct fault *f)
{
	struct pages_state *s = p->state;
	uint64_t h;
	int r;

	if (s == NULL)
		s = p->state = mem_zalloc(sizeof(*s));
	if (s == NULL)
		return out_of_memory(f);
	r = directory_entry_encode(&s->entries, e);
	if (r == -EINVAL)
		return fault_errno(f, FAULT_INTERNAL, r, "directory", "entry");
	if (r != 0 || add_refs(s, e, content, attrs) != 0 ||
		owner_set_add(&s->owners, p->owners, e->user, e->group) != 0)
		return out_of_memory(f);
	if (s->n == 0) {
		s->sum.c.name.n = e->name.n;
		memcpy(s->sum.name, e->name.p, e->name.n);
	}
	s->n++;
	s->sum.c.direct++;
	s->sum.c.below += 1 + e->below;
	if (e->kind == FILE_REGULAR || e->kind == FILE_DIRECTORY)
		s->sum.c.bytes = add64_max(s->sum.c.bytes, e->size);
	h = id_page_hash(ingest_id_keys(p->in), e->name);
	if ((s->entries.n >= PAGE_MIN && (h & PAGE_MASK) == 0) ||
		s->entries.n >= PAGE_MAX)
		return close_page(p, f);
	return 0;
}

/* A directory without entries is a page without entries. */
static int
end_empty(struct pages *p, struct pages_result *ret, struct fault *f)
{
	struct pages_state *s = p->state;
	int r;

	buf_clear(&s->object);
	r = directory_page_encode(&s->object, NULL, 0, span_of(NULL, 0), 0);
	if (r != 0)
		return fault_errno(f, FAULT_INTERNAL, r, "directory", "page");
	ret->type = OBJECT_DIRPAGE;
	return put(p, OBJECT_DIRPAGE, NULL, 0, &ret->ref, f);
}

/* Levels are added until one child is left: the directory's object. */
static int
end_tree(struct pages *p, struct child *root, size_t *level, struct fault *f)
{
	struct pages_state *s = p->state;
	struct child up;
	size_t i, above;
	int r;

	for (i = 0; i < LEVELS; i++) {
		for (above = i + 1; above < LEVELS; above++)
			if (s->level[above].n != 0)
				break;
		if (above == LEVELS && s->level[i].n == 1) {
			*root = s->level[i].v[0];
			*level = i;
			return 0;
		}
		if (s->level[i].n == 0)
			continue;
		r = close_node(p, i, &up, f);
		if (r == 0 && i + 1 < LEVELS)
			r = push_child(p, i + 1, &up, f);
		if (r != 0)
			return r;
	}
	return fault_set(
		f, FAULT_LIMIT_EXCEEDED, "directory", "number of entries");
}

int
pages_end(struct pages *p, struct pages_result *ret, struct fault *f)
{
	struct child root = {0};
	size_t level = 0;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	if (p->state == NULL)
		p->state = mem_zalloc(sizeof(*p->state));
	if (p->state == NULL)
		return out_of_memory(f);
	ret->packs = &p->state->packs;
	if (p->state->n > 0)
		r = close_page(p, f);
	if (r != 0)
		return r;
	if (p->state->level[0].n == 0 && p->state->packs.n == 0)
		return end_empty(p, ret, f);
	r = end_tree(p, &root, &level, f);
	if (r != 0)
		return r;
	ret->ref = root.ref;
	ret->type = level == 0 ? OBJECT_DIRPAGE : OBJECT_DIRNODE;
	ret->below = root.c.below;
	ret->bytes = root.c.bytes;
	return 0;
}
