/* SPDX-License-Identifier: Apache-2.0 */
#include "store/snapshots.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/catalog.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/read.h"
#include "format/hex.h"
#include "view/passphrase.h"

#define NANO UINT64_C(1000000000)

static void
print_one(const struct snapshot *s, bool named)
{
	char id[HEX_SIZE(sizeof(s->id.b))];
	char bytes[OUT_BYTES], stored[OUT_BYTES], when[OUT_TIME];
	bool complete = (s->clear.flags & LEAF_COMPLETE) != 0;

	hex_encode(id, span_of(s->id.b, sizeof(s->id.b)));
	if (!named) {
		out_time(when, (int64_t)(s->vault_time / NANO));
		printf("%.16s  %s  %s\n", id, when,
			complete ? "complete" : "incomplete");
		return;
	}
	out_bytes(bytes, s->body.bytes);
	out_bytes(stored, s->body.bytes_added);
	printf("%-36s  %.16s  %9" PRIu64 " files  %10s  +%10s  %5" PRIu32
	       " s  ",
		s->name, id, s->body.files, bytes, stored, s->body.duration);
	out_name(stdout, span_str(s->location));
	if (!complete)
		printf("  incomplete: %" PRIu64, s->body.problems);
	putchar('\n');
}

static void
add_body(struct json *j, const struct snapshot *s)
{
	const struct leaf_body *b = &s->body;

	json_text(j, "snapshot", s->name);
	json_text(j, "source", s->source);
	json_name(j, "location", span_str(s->location));
	json_time(j, "time", b->clock.s);
	json_hex(j, "root", span_of(b->root.id.b, sizeof(b->root.id.b)));
	json_number(j, "entries", b->entries);
	json_number(j, "files", b->files);
	json_number(j, "directories", b->directories);
	json_number(j, "bytes", b->bytes);
	json_number(j, "bytes_read", b->bytes_read);
	json_number(j, "bytes_stored", b->bytes_added);
	json_number(j, "problems", b->problems);
	json_time(j, "oldest_full_read", (int64_t)b->oldest_day * 86400);
	json_number(j, "seconds", b->duration);
}

static void
add_one(struct json *list, const struct snapshot *s, bool named)
{
	_cleanup_json_ struct json j = json_new();

	json_hex(&j, "id", span_of(s->id.b, sizeof(s->id.b)));
	json_number(&j, "number", s->number);
	json_time(&j, "vault_time", (int64_t)(s->vault_time / NANO));
	json_bool(&j, "complete", (s->clear.flags & LEAF_COMPLETE) != 0);
	json_bool(&j, "suspicious", (s->clear.flags & LEAF_SUSPICIOUS) != 0);
	if (named)
		add_body(&j, s);
	json_add(list, "snapshots", &j);
}

static int
print_all(const struct catalog *c, bool as_json, struct fault *f)
{
	_cleanup_json_ struct json j = json_new();

	if (!as_json) {
		for (size_t i = 0; i < c->snapshots.n; i++)
			print_one(&c->snapshots.v[i], c->named);
		return 0;
	}
	json_bool(&j, "named", c->named);
	json_array_of(&j, "snapshots");
	for (size_t i = 0; i < c->snapshots.n; i++)
		add_one(&j, &c->snapshots.v[i], c->named);
	return json_print(&j, f);
}

int
snapshots_main(int argc, char **argv, struct fault *f)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NONE;
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
	if (r != 0)
		return r;
	r = catalog_open(store, passphrase_file(file), &c, f);
	if (r < 0)
		return r;
	if (!c.named)
		catalog_warn(&c);
	r = print_all(&c, as_json, f);
	return r < 0 ? r : STATUS_DONE;
}
