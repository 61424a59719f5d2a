/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/exit.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/read.h"
#include "keys/secmem.h"
#include "store/vault_keys.h"
#include "view/passphrase.h"

#define CACHE (32U * 1024U * 1024U)
/* Snapshots that a line names; JSON names all. */
#define SHOWN 3U
/* A text with two numbers. */
#define COUNT_TEXT 128

static void
clear_line(struct verify *v)
{
	if (v->line)
		fputs("\r\033[K", stderr);
	v->line = false;
}

void
verify_progress(struct verify *v, uint64_t done, uint64_t total)
{
	char now[OUT_BYTES], all[OUT_BYTES];

	if (!v->terminal)
		return;
	out_bytes(now, done);
	out_bytes(all, total);
	if (total > 0)
		fprintf(stderr, "\r\033[K%s of %s", now, all);
	else
		fprintf(stderr, "\r\033[K%s opened", now);
	fflush(stderr);
	v->line = true;
}

/* NULL when the snapshot is not known. */
static const struct snapshot *
snapshot_of(const struct verify *v, uint64_t number)
{
	for (size_t i = 0; v->names && i < v->names->n; i++) {
		if (v->names->v[i].number == number)
			return &v->names->v[i];
	}
	return NULL;
}

static void
snapshot_name(const struct verify *v, uint64_t number, char name[SNAPSHOT_NAME])
{
	const struct snapshot *s = snapshot_of(v, number);

	if (s)
		snprintf(name, SNAPSHOT_NAME, "%s", s->name);
	else
		snprintf(name, SNAPSHOT_NAME, "leaf %" PRIu64, number);
}

/* The disk, the memory or the user's rights failed: it may be whole. */
static bool
is_unread(const struct fault *why)
{
	return why->code == FAULT_IO || why->code == FAULT_NO_MEMORY ||
	       why->code == FAULT_STORE_FULL || why->code == FAULT_STORE_DENIED;
}

/* Where to count it. Of equally grave ones the first gives its name. */
static struct verify_count *
weigh(struct verify *v, const struct fault *why, bool needed)
{
	enum verify_weight weight = needed ? VERIFY_NEEDED : VERIFY_DAMAGED;

	if (is_unread(why))
		weight = VERIFY_UNREAD;
	if (weight > v->weight) {
		v->weight = weight;
		v->gravest = why->code;
	}
	return weight == VERIFY_UNREAD ? &v->unread : &v->damaged;
}

static const char *
word_for(const struct fault *why)
{
	return is_unread(why) ? "not read" : "damaged";
}

static void
print_finding(const struct verify *v, const struct scrub_finding *d)
{
	char text[FAULT_TEXT_SIZE], name[SNAPSHOT_NAME];

	fault_text(&d->fault, text, sizeof(text));
	printf("%s: %s\n", d->harmless ? "note" : word_for(&d->fault), text);
	for (size_t i = 0; i < d->n && i < SHOWN; i++) {
		snapshot_name(v, d->snapshots[i], name);
		printf("  needed by %s\n", name);
	}
	if (d->n > SHOWN)
		printf("  and by %zu more snapshots\n", d->n - SHOWN);
}

static void
collect_finding(struct verify *v, const struct scrub_finding *d)
{
	_cleanup_json_ struct json j = json_new();
	char name[SNAPSHOT_NAME], text[FAULT_TEXT_SIZE];

	fault_text(&d->fault, text, sizeof(text));
	json_text(&j, "code", fault_name(d->fault.code));
	json_name(&j, "object", span_str(d->fault.object));
	json_text(&j, "text", text);
	json_bool(&j, "harmless", d->harmless);
	json_array_of(&j, "snapshots");
	for (size_t i = 0; i < d->n; i++) {
		_cleanup_json_ struct json one = json_new();

		snapshot_name(v, d->snapshots[i], name);
		json_number(&one, "number", d->snapshots[i]);
		json_text(&one, "snapshot", name);
		json_add(&j, "snapshots", &one);
	}
	json_add(&v->report, "findings", &j);
}

void
verify_finding(struct verify *v, const struct scrub_finding *d)
{
	clear_line(v);
	if (!d->harmless)
		weigh(v, &d->fault, d->n > 0)->objects++;
	if (v->as_json)
		collect_finding(v, d);
	else
		print_finding(v, d);
}

void
verify_file(struct verify *v, const struct snapshot *s, struct span path,
	const struct fault *why)
{
	_cleanup_json_ struct json j = {NULL, false};
	char text[FAULT_TEXT_SIZE];

	clear_line(v);
	weigh(v, why, true)->files++;
	fault_text(why, text, sizeof(text));
	if (!v->as_json) {
		printf("%s: %s:/", word_for(why), s->name);
		out_name(stdout, path);
		printf(": %s\n", text);
		return;
	}
	j = json_new();
	json_text(&j, "snapshot", s->name);
	json_name(&j, "name", path);
	json_text(&j, "code", fault_name(why->code));
	json_text(&j, "text", text);
	json_add(&v->report, "files", &j);
}

static void
on_finding(void *ctx, const struct scrub_finding *finding)
{
	verify_finding(ctx, finding);
}

static void
on_progress(void *ctx, uint64_t done, uint64_t total)
{
	verify_progress(ctx, done, total);
}

/* ---- the end ---- */

static void
print_result(const struct verify *v, const struct scrub_result *r)
{
	char bytes[OUT_BYTES];

	out_bytes(bytes, r->bytes);
	printf("checked: %" PRIu64 " leaves, %" PRIu64 " manifests, %" PRIu64
	       " packs, %s\n",
		r->leaves, r->manifests, r->packs, bytes);
	if (v->objects > 0) {
		out_bytes(bytes, v->object_bytes);
		printf("opened: %" PRIu64 " objects, %s\n", v->objects, bytes);
	}
	if (v->weight == VERIFY_WELL)
		puts("all is well");
}

/* "2 objects of the store and 1 files are damaged". */
static void
tell_count(char dst[COUNT_TEXT], const struct verify_count *n, const char *how)
{
	snprintf(dst, COUNT_TEXT,
		"%" PRIu64 " objects of the store and %" PRIu64 " files %s",
		n->objects, n->files, how);
}

/* The line with which a check that found something fails. */
static void
say_end(const struct verify *v)
{
	char damaged[COUNT_TEXT], unread[COUNT_TEXT];
	const char *name = fault_name(v->gravest);

	tell_count(damaged, &v->damaged, "are damaged");
	tell_count(unread, &v->unread, "could not be read");
	if (v->weight == VERIFY_UNREAD)
		out_warn("%s, as told above; what was read is unharmed [%s]",
			unread, name);
	else if (v->unread.objects == 0 && v->unread.files == 0)
		out_warn("%s, as told above; what is not named is unharmed "
			 "[%s]",
			damaged, name);
	else
		out_warn("%s, and %s, as told above; what was read and is not "
			 "named is unharmed [%s]",
			damaged, unread, name);
}

static int
print_json(struct verify *v, const struct scrub_result *r, struct fault *f)
{
	struct json *j = &v->report;

	json_array_of(j, "findings");
	json_array_of(j, "files");
	json_bool(j, "ok", v->weight == VERIFY_WELL);
	json_number(j, "leaves", r->leaves);
	json_number(j, "snapshots", r->snapshots);
	json_number(j, "manifests", r->manifests);
	json_number(j, "packs", r->packs);
	json_number(j, "bytes", r->bytes);
	json_number(j, "objects", v->objects);
	json_number(j, "object_bytes", v->object_bytes);
	return json_print(j, f);
}

/* ---- names without a passphrase ---- */

/* Without names leaf numbers are told: no reason to fail here. */
static void
load_names(struct store *st, struct snapshot_list *list)
{
	_cleanup_secret_ struct vault_keys *keys = NULL;

	if (vault_keys_load(store_dirfd(st), store_id_peek(st), &keys, NULL) ==
		0)
		(void)!snapshots_load(st, &keys->log_key, list, NULL);
}

struct request {
	const char *store;
	const char *file;
	bool read_data;
	bool json;
};

/*
 * Where the store is too damaged to be unlocked, what the keyless scrub finds
 * is worth more than the refusal; it comes last then.
 */
static bool
can_scrub(const struct fault *f)
{
	return f->code != FAULT_PASSPHRASE_MISSING &&
	       f->code != FAULT_WRONG_PASSPHRASE &&
	       f->code != FAULT_INTERRUPTED && f->code != FAULT_NO_MEMORY;
}

static int
check(struct verify *v, const struct request *q, struct session *s,
	struct scrub_result *result, struct fault *f)
{
	_cleanup_store_ struct store *st = NULL;
	_cleanup_snapshots_ struct snapshot_list names = {NULL, 0};
	struct fault locked = {0};
	const struct scrub_sink sink = {
		.ctx = v, .finding = on_finding, .progress = on_progress};
	int err, unlocked = -1;

	err = store_open(q->store, &st, f);
	if (err < 0)
		return err;
	if (q->read_data)
		unlocked = session_open(
			q->store, passphrase_file(q->file), CACHE, s, &locked);
	if (q->read_data && unlocked < 0 && !can_scrub(&locked)) {
		*f = locked;
		return unlocked;
	}
	if (unlocked < 0)
		load_names(st, &names);
	v->names = unlocked < 0 ? &names : &s->snapshots;
	err = scrub_store(st, &sink, result, f);
	if (err == 0 && unlocked == 0)
		err = verify_data(v, s, f);
	v->names = NULL;
	clear_line(v);
	if (err == 0 && q->read_data && unlocked < 0) {
		*f = locked;
		return unlocked;
	}
	return err;
}

static int
run(const struct request *q, struct fault *f)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct verify v = {.as_json = q->json,
		.terminal = isatty(STDERR_FILENO) == 1,
		.report = json_new()};
	struct scrub_result result = {0};
	int err, r;

	err = check(&v, q, &s, &result, f);
	if (err == 0)
		r = q->json ? print_json(&v, &result, f) : 0;
	else
		r = err;
	if (err == 0 && !q->json)
		print_result(&v, &result);
	json_end(&v.report);
	if (r < 0)
		return r;
	if (v.weight == VERIFY_WELL)
		return STATUS_DONE;
	fflush(stdout);
	say_end(&v);
	return STATUS_FAILED;
}

int
verify_main(int argc, char **argv, struct fault *f)
{
	struct request q = {0};
	const struct option_row row[] = {
		{.name = "store", .text = &q.store},
		{.name = "passphrase-file", .text = &q.file},
		{.name = "read-data", .flag = &q.read_data},
		{.name = "json", .flag = &q.json},
	};
	const struct options o = {.row = row, .rows = array_len(row)};
	int r;

	r = read_options(&o, argc, argv, &q.store, f);
	return r != 0 ? r : run(&q, f);
}
