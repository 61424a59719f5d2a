/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/rules.h"

#define MIB (1024U * 1024U)
#define FILE_LONGEST ((uint64_t)INT64_MAX)

void
rule_text(struct span s, size_t max)
{
	TRIP_MUST(s.n > 0 && s.n <= max);
	for (size_t i = 0; i < s.n; i++)
		TRIP_MUST(s.p[i] != 0);
}

void
rule_name(struct span s)
{
	rule_text(s, 255);
	for (size_t i = 0; i < s.n; i++)
		TRIP_MUST(s.p[i] != '/');
	TRIP_MUST(s.p[0] != '.' || (s.n > 1 && s.p[1] != '.') || s.n > 2);
}

void
rule_ascends(struct span a, struct span b)
{
	size_t i = 0;

	while (i < a.n && i < b.n && a.p[i] == b.p[i])
		i++;
	TRIP_MUST(i < b.n && (i == a.n || a.p[i] < b.p[i]));
}

void
rule_when(struct when t)
{
	TRIP_MUST(t.ns <= 999999999);
}

void
rule_ref(const struct ref *ref)
{
	TRIP_MUST(ref->addr.ordinal > 0 && ref->addr.row < 1U << 20);
}

void
rule_owner(const struct owner *o)
{
	TRIP_MUST(o->kind == 1 || o->kind == 2);
	rule_text(o->name, 255);
}

/* ---- the wire ---- */

void
rule_listing(const struct listing *l, bool root)
{
	if (root)
		TRIP_MUST(l->name.n == 0);
	else
		rule_name(l->name);
	TRIP_MUST(l->kind <= 7 && (l->kind > 0 || (l->flags & 8)));
	TRIP_MUST(l->flags <= 15 && l->mode <= 07777);
	/* Only a directory is entered or not, and only one of the two. */
	TRIP_MUST(!(l->flags & 7) || l->kind == 2);
	TRIP_MUST(!(l->flags & 1) || !(l->flags & 6));
	TRIP_MUST(l->size <= FILE_LONGEST);
	rule_when(l->mtime);
	rule_when(l->ctime);
}

void
rule_batch(const struct wire_batch *b)
{
	TRIP_MUST(b->n <= 1024 && b->flags <= 3);
	if (b->batch == 0)
		TRIP_MUST(b->parent == 0xFFFFFFFF && b->parent_entry == 0);
	else
		TRIP_MUST(b->parent < b->batch && b->parent_entry < 1024);
}

/* ---- objects ---- */

static void
rule_kind(unsigned int kind, unsigned int content, unsigned int flags)
{
	static const uint8_t contents[8][2] = {
		[1] = {1, 2}, [2] = {3, 4}, [3] = {6, 6}};

	TRIP_MUST(kind >= 1 && kind <= 7 && flags <= 63);
	TRIP_MUST(content == 0 || content == contents[kind][0] ||
		  content == contents[kind][1]);
	TRIP_MUST(kind != 2 || !(flags & 2));
}

/* u16 tag, u16 length, bytes; ascending, none that must be known. */
static void
rule_tags(struct span tags)
{
	struct rcur r = rcur_init(tags);
	uint32_t least = 0;

	while (rcur_left(&r) > 0) {
		uint16_t tag = rcur_u16(&r);

		(void)rcur_span(&r, rcur_u16(&r));
		TRIP_MUST(rcur_ok(&r) && tag >= least && tag < 0x8000);
		least = tag + 1U;
	}
}

void
rule_entry(const struct dirent_rec *e, bool root)
{
	if (root)
		TRIP_MUST(e->name.n == 0);
	else
		rule_name(e->name);
	rule_kind(e->kind, e->content, e->flags);
	TRIP_MUST(e->mode <= 07777);
	TRIP_MUST(e->kind != 1 || e->size <= FILE_LONGEST);
	TRIP_MUST(e->kind != 3 || e->size <= 4095);
	TRIP_MUST(e->kind != 2 || e->content != 0 ||
		  (e->size == 0 && e->below == 0));
	TRIP_MUST(e->kind <= 3 || e->size == 0);
	rule_when(e->mtime);
	rule_when(e->ctime);
	rule_tags(e->tags);
}

void
rule_content(const struct content *node, const struct content_entry *e)
{
	TRIP_MUST(node->cutter >= 1 && node->cutter <= 3);
	TRIP_MUST(node->n >= 1 && node->n <= 8192);
	TRIP_MUST(node->length <= FILE_LONGEST && e->end <= node->length);
	TRIP_MUST(e->kind >= 1 && e->kind <= 3 && e->end > e->start);
	TRIP_MUST(e->kind != 3 || node->level == 0);
	TRIP_MUST(e->kind != 1 || node->level > 0 ||
		  e->end - e->start <= 256 * 1024);
}

void
rule_ordinals(const struct statrec_ordinals *o)
{
	for (uint32_t i = 0; i < o->n; i++)
		TRIP_MUST(statrec_ordinal(o, i) >
			  (i > 0 ? statrec_ordinal(o, i - 1) : 0));
}

void
rule_remembered(const struct statrec_entry *e)
{
	rule_kind(e->kind, e->content, e->flags);
	TRIP_MUST(e->has_attrs == (e->flags & 1) && !(e->flags & 2));
	rule_when(e->mtime);
	rule_when(e->ctime);
	if (e->content != 0)
		rule_ref(&e->content_ref);
	if (e->has_attrs)
		rule_ref(&e->attrs_ref);
	rule_ordinals(&e->packs);
}

/* ---- packs and leaves ---- */

void
rule_block(const struct pack_block *b)
{
	TRIP_MUST(b->offset >= 4096 && b->plain >= 1 && b->plain <= MIB);
	TRIP_MUST((uint64_t)b->offset + b->sealed + b->refs_sealed < 1U << 30);
	if (b->codec == 0)
		TRIP_MUST(b->sealed == b->plain + 16);
	else
		TRIP_MUST(b->codec == 1 && b->sealed > 16 &&
			  b->sealed < b->plain + 16);
	if (b->refs_sealed != 0)
		TRIP_MUST(b->refs_sealed > 16 &&
			  (b->refs_sealed - 16) % 40 == 0 &&
			  (b->refs_sealed - 16) / 40 <= 1U << 18);
}

void
rule_row(const struct pack_row *row)
{
	TRIP_MUST(row->type >= 1 && row->type <= 8 && row->block < 1U << 18);
	TRIP_MUST(row->length <= (row->type == 1 ? 256 * 1024 : MIB));
	TRIP_MUST((uint64_t)row->offset + row->length <= MIB);
	TRIP_MUST(row->refs <= 8192);
	/* Chunks, attributes and link targets refer to nothing. */
	if (row->type == 1 || row->type == 5 || row->type == 6)
		TRIP_MUST(row->refs == 0);
	for (size_t i = 0; row->refs == 0 && i < sizeof(row->digest); i++)
		TRIP_MUST(row->digest[i] == 0);
}

void
rule_header(const struct pack_header *h)
{
	TRIP_MUST(h->kind == 1 || h->kind == 2);
	TRIP_MUST(h->compartment > 0 && h->epoch > 0 && h->ordinal > 0);
	TRIP_MUST(h->wraps >= 1 && h->wraps <= 4);
}

void
rule_source(struct span name)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	TRIP_MUST(name.n >= 1 && name.n <= 63);
	for (size_t i = 0; i < name.n; i++) {
		bool letter = memchr(alphabet, name.p[i], 36) != NULL;

		TRIP_MUST(letter ||
			  (i > 0 && memchr("._-", name.p[i], 3) != NULL));
	}
}
