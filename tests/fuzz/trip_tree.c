/* SPDX-License-Identifier: Apache-2.0 */

/* Codecs of objects and of stat records. */

#include <stdlib.h>

#include "format/attrs.h"
#include "format/content.h"
#include "format/directory.h"
#include "format/problem.h"
#include "format/snaproot.h"
#include "format/statrec.h"
#include "tests/fuzz/rules.h"

/* The plain way to say what entry e is, to compare with the quick one. */
static void
check_entry(const struct content *node, const struct content_entry *e,
	uint32_t *slot, uint64_t *piece)
{
	switch (e->kind) {
	case CONTENT_DATA:
		*piece = e->end - e->start;
		TRIP_MUST(e->slot == *slot && e->piece == *piece);
		(*slot)++;
		break;
	case CONTENT_REPEAT:
		TRIP_MUST(e->slot == *slot - 1 && e->piece == *piece);
		TRIP_MUST((e->end - e->start) % *piece == 0);
		break;
	case CONTENT_HOLE:
		TRIP_MUST(e->slot == 0 && e->piece == 0);
		break;
	}
	TRIP_MUST(content_find(node, e->start).index == e->index);
	TRIP_MUST(content_find(node, e->end - 1).index == e->index);
}

int
trip_content(struct span in, struct buf *again)
{
	struct content_piece *piece;
	struct content node;
	uint32_t slot = 0;
	uint64_t last = 0, end = 0;
	int err = content_open(in, &node);

	if (err)
		return err;
	piece = trip_array(node.n, sizeof(*piece));
	for (uint32_t i = 0; i < node.n; i++) {
		struct content_entry e = content_at(&node, i);

		TRIP_MUST(e.start == end && e.index == i);
		rule_content(&node, &e);
		check_entry(&node, &e, &slot, &last);
		piece[i] = (struct content_piece){e.kind, e.end};
		end = e.end;
	}
	TRIP_MUST(slot == node.slots && end == node.length);
	err = content_encode(again, node.level, node.cutter, piece, node.n);
	free(piece);
	TRIP_MUST(err == (node.n > CONTENT_WRITE_MAX ? -EINVAL : 0));
	return err ? TRIP_LOSSY : TRIP_EXACT;
}

/* All owners, in an array to be freed. */
static struct owner *
owners_of(const struct directory_owners *owners)
{
	struct owner *list = trip_array(owners->n, sizeof(*list));
	struct rcur at = rcur_init(owners->bytes);
	struct span name;
	uint32_t n = 0;

	while (directory_owners_next(&at, &list[n])) {
		rule_owner(&list[n]);
		TRIP_MUST(n == 0 || list[n].kind > list[n - 1].kind ||
			  (list[n].kind == list[n - 1].kind &&
				  list[n].number > list[n - 1].number));
		n++;
		TRIP_MUST(n <= owners->n);
	}
	TRIP_MUST(n == owners->n);
	if (n > 0) {
		TRIP_MUST(directory_owners_find(owners, list[n - 1].kind,
				  list[n - 1].number, &name) == 0);
		TRIP_MUST(span_eq(name, list[n - 1].name));
	}
	return list;
}

int
trip_page(struct span in, struct buf *again)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;
	struct span last = {NULL, 0};
	struct directory_page page;
	struct dirent_rec e;
	struct directory_at at;
	struct owner *owner;
	uint32_t n = 0;
	int err = directory_page_open(in, &page);

	if (err)
		return err;
	at = directory_page_start(&page);
	while (directory_page_next(&at, &e)) {
		rule_entry(&e, false);
		if (n > 0)
			rule_ascends(last, e.name);
		last = e.name;
		n++;
		TRIP_MUST(directory_entry_encode(&entries, &e) == 0);
	}
	TRIP_MUST(n == page.n && at.slot == page.slots && at.slot <= 8192);
	TRIP_MUST(span_eq(buf_span(&entries), page.entries));
	owner = owners_of(&page.owners);
	TRIP_MUST(directory_page_encode(again, owner, page.owners.n,
			  page.entries, page.n) == 0);
	free(owner);
	return TRIP_EXACT;
}

int
trip_node(struct span in, struct buf *again)
{
	struct directory_child *child;
	struct directory_node node;
	struct directory_at at;
	uint64_t direct = 0, below = 0;
	uint32_t n = 0;
	int err = directory_node_open(in, &node);

	if (err)
		return err;
	child = trip_array(node.n, sizeof(*child));
	at = directory_node_start(&node);
	while (directory_node_next(&at, &child[n])) {
		TRIP_MUST(child[n].index == n);
		TRIP_MUST(child[n].direct >= 1 &&
			  child[n].below >= child[n].direct);
		rule_name(child[n].name);
		if (n > 0)
			rule_ascends(child[n - 1].name, child[n].name);
		TRIP_MUST(add64_ok(direct, child[n].direct, &direct));
		TRIP_MUST(add64_ok(below, child[n].below, &below));
		n++;
	}
	TRIP_MUST(n == node.n && direct == node.direct);
	TRIP_MUST(n >= 1 && n <= 8192 && node.level >= 1);
	err = directory_node_encode(again, node.level, child, n);
	free(child);
	TRIP_MUST(err == (n > DIRECTORY_WRITE_MAX ? -EINVAL : 0));
	return err ? TRIP_LOSSY : TRIP_EXACT;
}

int
trip_attrs(struct span in, struct buf *again)
{
	struct attrs attrs;
	struct attr *list;
	struct span value;
	struct rcur at;
	uint32_t n = 0;
	int err = attrs_open(in, &attrs);

	if (err)
		return err;
	list = trip_array(attrs.n, sizeof(*list));
	at = rcur_init(attrs.rows);
	for (; attrs_next(&at, &list[n]); n++) {
		rule_text(list[n].name, 255);
		if (n > 0)
			rule_ascends(list[n - 1].name, list[n].name);
	}
	TRIP_MUST(n == attrs.n);
	if (n > 0) {
		TRIP_MUST(attrs_find(&attrs, list[n - 1].name, &value) == 0);
		TRIP_MUST(span_eq(value, list[n - 1].value));
	}
	TRIP_MUST(attrs_encode(again, list, n) == 0);
	free(list);
	return TRIP_EXACT;
}

int
trip_problem(struct span in, struct buf *again)
{
	struct problems problems;
	struct problem p;
	struct rcur at;
	uint32_t n = 0;
	int err = problem_open(in, &problems);

	if (err)
		return err;
	at = rcur_init(problems.rows);
	while (problem_next(&at, &p)) {
		n++;
		TRIP_MUST(p.reason >= 1 && p.reason <= 8);
		if (p.name.n > 0)
			rule_text(p.name, 65535);
		TRIP_MUST(problem_add(again, &p) == 0);
	}
	TRIP_MUST(n == problems.n);
	if (n == 0)
		TRIP_MUST(buf_u32(again, 0) == 0);
	return TRIP_EXACT;
}

/* Parts ascend; those that are not known must not be critical. */
static void
check_parts(struct span in)
{
	struct rcur r = rcur_init(in);
	uint32_t n = rcur_u16(&r), least = 0;

	(void)rcur_u16(&r);
	for (; n > 0; n--) {
		uint16_t kind = rcur_u16(&r);

		(void)rcur_u16(&r);
		if (kind == 4)
			TRIP_MUST(rcur_u32(&r) == 8 && rcur_u64(&r) != 0);
		else
			(void)rcur_span(&r, rcur_u32(&r));
		TRIP_MUST(kind >= least && (kind < 0x8000 || kind == 0x8001));
		least = kind + 1U;
	}
	TRIP_MUST(rcur_end(&r) == 0);
}

int
trip_snaproot(struct span in, struct buf *again)
{
	struct snaproot_parts parts = {0};
	struct snaproot_path *path;
	struct snaproot root;
	struct directory_at at;
	struct owner *owner;
	int err = snaproot_open(in, &root);

	if (err)
		return err;
	check_parts(in);
	path = trip_array(root.paths, sizeof(*path));
	owner = owners_of(&root.owners);
	at = snaproot_start(&root);
	for (; snaproot_next(&at, &path[parts.paths]); parts.paths++) {
		rule_text(path[parts.paths].path, 4095);
		TRIP_MUST(path[parts.paths].path.p[0] == '/');
		rule_entry(&path[parts.paths].entry, true);
	}
	TRIP_MUST(root.slots <= 8192);
	TRIP_MUST(parts.paths == root.paths && at.slot <= root.slots);
	parts.path = path;
	parts.owner = owner;
	parts.owners = root.owners.n;
	parts.problems = root.problems;
	TRIP_MUST(snaproot_encode(again, &parts) == 0);
	free(path);
	free(owner);
	/* Parts that this version passes over are not written again. */
	if (le16_get(in.p) != le16_get(again->p))
		return TRIP_LOSSY;
	return TRIP_EXACT;
}

int
trip_statrec(struct span in, struct buf *again)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;
	uint8_t last[16] = {0};
	struct statrec_entry e;
	struct statrec rec;
	struct rcur at;
	uint32_t n = 0;
	int err = statrec_open(in, &rec);

	if (err)
		return err;
	at = rcur_init(rec.entries);
	if (rec.first) {
		TRIP_MUST(rec.directory.type == 3 || rec.directory.type == 4);
		rule_ref(&rec.directory.ref);
		rule_ordinals(&rec.directory.packs);
	}
	while (statrec_next(&at, &e)) {
		rule_remembered(&e);
		TRIP_MUST(n++ == 0 || memcmp(last, e.hash, 16) < 0);
		memcpy(last, e.hash, 16);
		TRIP_MUST(statrec_entry_encode(&entries, &e) == 0);
	}
	TRIP_MUST(n == rec.n);
	TRIP_MUST(span_eq(buf_span(&entries), rec.entries));
	TRIP_MUST(statrec_encode(again, &rec) == 0);
	return TRIP_EXACT;
}
