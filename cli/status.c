/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/catalog.h"
#include "cli/census.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/read.h"
#include "format/hex.h"
#include "util/clock.h"
#include "view/passphrase.h"

#define DAY 86400

/* Seconds that a clock may have been set back by since a pull. */
#define AHEAD 60

struct report {
	const char *dir;
	struct catalog catalog;
	struct census census;
	int64_t now;
};

/* ---- for people ---- */

static void
print_packs(const struct census *c)
{
	char bytes[OUT_BYTES], spare[OUT_BYTES], left[OUT_BYTES];

	out_bytes(bytes, c->pack_bytes);
	out_bytes(spare, c->free_bytes);
	out_bytes(left, c->incoming_bytes);
	printf("packs       %" PRIu64 ", %s: %" PRIu64 " immutable, %" PRIu64
	       " only read-only, %" PRIu64 " writable\n",
		c->packs, bytes, c->immutable, c->read_only, c->writable);
	printf("free        %s\n", spare);
	printf("incoming    %" PRIu64 " open pack%s, %s%s\n", c->incoming,
		c->incoming == 1 ? "" : "s", left,
		c->incoming > 0 ? " (of a running pull, or of one that broke "
				  "off: the next one sweeps them)"
				: "");
}

static void
print_source(const struct report *r, const struct snapshot *s, size_t count)
{
	const int64_t seconds = r->now - s->body.clock.s;
	char age[OUT_SPAN], day[OUT_TIME];

	out_span(age, seconds < -AHEAD ? -seconds : seconds);
	out_time(day, (int64_t)s->body.oldest_day * DAY);
	printf("source      %-20s %zu snapshot%s, newest %s %s%s", s->source,
		count, count == 1 ? "" : "s", age,
		seconds < -AHEAD ? "ahead of this clock" : "old",
		s->clear.flags & LEAF_COMPLETE ? "" : ", incomplete");
	if (s->body.files > 0)
		printf(", all read since %.10s", day);
	putchar('\n');
}

/* ---- the newest snapshot of each source ---- */

typedef void source_fn(void *ctx, const struct report *r,
	const struct snapshot *newest, size_t count);

static void
each_source(const struct report *r, source_fn *fn, void *ctx)
{
	const struct snapshot_list *l = &r->catalog.snapshots;
	size_t i, j, count;

	for (i = 0; i < l->n; i++) {
		count = 1;
		for (j = 0; j < i; j++)
			count += strcmp(l->v[j].source, l->v[i].source) == 0;
		for (j = i + 1; j < l->n; j++) {
			if (strcmp(l->v[j].source, l->v[i].source) == 0)
				break;
		}
		if (j == l->n)
			fn(ctx, r, &l->v[i], count);
	}
}

static void
print_each(void *ctx, const struct report *r, const struct snapshot *newest,
	size_t count)
{
	(void)ctx;
	print_source(r, newest, count);
}

static void
print_report(const struct report *r)
{
	const struct store_id *id = store_id_peek(r->catalog.store);
	char text[HEX_SIZE(sizeof(id->b))], fingerprint[OUT_FINGERPRINT];

	hex_encode(text, span_of(id->b, sizeof(id->b)));
	out_fingerprint(fingerprint, store_ledger_pk_peek(r->catalog.store));
	printf("store       ");
	out_name(stdout, span_str(r->dir));
	printf("\nid          %s\nledger key  %s\nledger      %" PRIu64
	       " leaves, %zu snapshot%s\n",
		text, fingerprint, store_leaves(r->catalog.store),
		r->catalog.snapshots.n, r->catalog.snapshots.n == 1 ? "" : "s");
	print_packs(&r->census);
	if (r->catalog.named)
		each_source(r, print_each, NULL);
}

/* ---- for programs ---- */

static void
add_each(void *ctx, const struct report *r, const struct snapshot *newest,
	size_t count)
{
	_cleanup_json_ struct json j = json_new();

	json_text(&j, "source", newest->source);
	json_number(&j, "snapshots", count);
	json_text(&j, "newest", newest->name);
	json_signed(&j, "age_seconds", r->now - newest->body.clock.s);
	json_bool(&j, "complete", (newest->clear.flags & LEAF_COMPLETE) != 0);
	json_number(&j, "problems", newest->body.problems);
	json_time(
		&j, "oldest_full_read", (int64_t)newest->body.oldest_day * DAY);
	json_add(ctx, "sources", &j);
}

static void
add_census(struct json *j, const struct census *c)
{
	json_number(j, "packs", c->packs);
	json_number(j, "pack_bytes", c->pack_bytes);
	json_number(j, "packs_immutable", c->immutable);
	json_number(j, "packs_read_only", c->read_only);
	json_number(j, "packs_writable", c->writable);
	json_number(j, "manifests", c->manifests);
	json_number(j, "incoming", c->incoming);
	json_number(j, "incoming_bytes", c->incoming_bytes);
	json_number(j, "cache_bytes", c->cache_bytes);
	json_number(j, "free_bytes", c->free_bytes);
}

static int
print_json(const struct report *r, struct fault *f)
{
	const struct store *st = r->catalog.store;
	_cleanup_json_ struct json j = json_new();
	char fingerprint[OUT_FINGERPRINT];

	out_fingerprint(fingerprint, store_ledger_pk_peek(st));
	json_name(&j, "store", span_str(r->dir));
	json_hex(&j, "id",
		span_of(store_id_peek(st)->b, sizeof(struct store_id)));
	json_text(&j, "ledger_key", fingerprint);
	json_number(&j, "leaves", store_leaves(st));
	json_number(&j, "snapshots", r->catalog.snapshots.n);
	add_census(&j, &r->census);
	json_bool(&j, "named", r->catalog.named);
	json_array_of(&j, "sources");
	if (r->catalog.named)
		each_source(r, add_each, &j);
	return json_print(&j, f);
}

static int
run(const char *dir, const char *file, bool as_json, struct fault *f)
{
	struct report r = {.dir = dir, .now = clock_wall().sec};
	int err;

	err = catalog_open(dir, file, &r.catalog, f);
	if (err == 0)
		err = census_take(store_dirfd(r.catalog.store), &r.census, f);
	if (err == 0 && !r.catalog.named)
		catalog_warn(&r.catalog);
	if (err == 0 && as_json)
		err = print_json(&r, f);
	else if (err == 0)
		print_report(&r);
	catalog_close(&r.catalog);
	return err < 0 ? err : STATUS_DONE;
}

int
status_main(int argc, char **argv, struct fault *f)
{
	const char *store = NULL, *file = NULL;
	bool as_json = false;
	const struct option_row row[] = {
		{.name = "store", .text = &store},
		{.name = "passphrase-file", .text = &file},
		{.name = "json", .flag = &as_json},
	};
	const struct options o = {.row = row, .rows = array_len(row)};
	int r;

	r = read_options(&o, argc, argv, &store, f);
	return r != 0 ? r : run(store, passphrase_file(file), as_json, f);
}
