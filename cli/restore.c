/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/eta.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/read.h"
#include "cli/stop.h"
#include "restore/inside.h"
#include "util/clock.h"
#include "view/passphrase.h"
#include "view/session.h"

#define SHOWN 20U

struct request {
	const char *store;
	const char *file;
	const char *what;
	const char *target;
	bool overwrite;
	bool json;
};

struct told {
	bool terminal;
	bool line;
	uint64_t problems;
	uint64_t started_ns;
};

static void
clear_line(struct told *t)
{
	if (t->line)
		fputs("\r\033[K", stderr);
	t->line = false;
}

/*
 * Whoever restores sees the names that he asked for, on a terminal or not:
 * they lie in the target in clear.
 */
static void
tell_problem(void *ctx, struct span path, const struct fault *why)
{
	struct told *t = ctx;

	if (++t->problems > SHOWN)
		return;
	clear_line(t);
	out_about(path, why);
}

static void
tell_progress(void *ctx, const struct restore_progress *p)
{
	const struct eta e = {
		p->entries, p->entries_total, p->bytes, p->bytes_total};
	char done[OUT_BYTES], total[OUT_BYTES], eta[ETA_TEXT];
	struct told *t = ctx;

	if (!t->terminal)
		return;
	out_bytes(done, p->bytes);
	out_bytes(total, p->bytes_total);
	eta_text(eta, &e, clock_mono_ns() - t->started_ns);
	fprintf(stderr,
		"\r\033[K%" PRIu64 " of %" PRIu64 " entries, %s of %s%s",
		p->entries, p->entries_total, done, total, eta);
	fflush(stderr);
	t->line = true;
}

static void
print_report(const struct restore_report *r, double seconds)
{
	char bytes[OUT_BYTES];

	out_bytes(bytes, r->bytes);
	printf("%" PRIu64 " files, %" PRIu64 " directories, %" PRIu64
	       " symlinks, %" PRIu64 " hard links, %" PRIu64
	       " others, %s, %.1f s\n",
		r->files, r->directories, r->symlinks, r->hard_links,
		r->specials, bytes, seconds);
	if (r->failed > 0)
		printf("left out: %" PRIu64 "\n", r->failed);
	if (r->unread > 0)
		printf("not read at the source: %" PRIu64 "\n", r->unread);
	if (r->cut > 0)
		printf("of these in part, as far as it was read: %" PRIu64 "\n",
			r->cut);
	if (r->attrs_damaged > 0)
		printf("without attributes, which are damaged: %" PRIu64 "\n",
			r->attrs_damaged);
	if (r->attrs_unread > 0)
		printf("without attributes, which the source could not read: "
		       "%" PRIu64 "\n",
			r->attrs_unread);
	if (r->changed > 0)
		printf("changed while they were read: %" PRIu64 "\n",
			r->changed);
	for (int i = 0; i < RESTORE_KINDS; i++) {
		if (r->lost[i] > 0)
			printf("without %s: %" PRIu64 " (%s)\n",
				restore_kind_name((enum restore_kind)i),
				r->lost[i], strerror(-r->why[i]));
	}
}

static void
add_lost(struct json *j, const struct restore_report *r)
{
	json_array_of(j, "lost");
	for (int i = 0; i < RESTORE_KINDS; i++) {
		_cleanup_json_ struct json item = {NULL, false};

		if (r->lost[i] == 0)
			continue;
		item = json_new();
		json_text(
			&item, "what", restore_kind_name((enum restore_kind)i));
		json_number(&item, "count", r->lost[i]);
		json_text(&item, "why", strerror(-r->why[i]));
		json_add(j, "lost", &item);
	}
}

static int
print_json(const struct restore_report *r, bool complete, struct fault *f)
{
	_cleanup_json_ struct json j = json_new();

	json_bool(&j, "complete", complete);
	json_number(&j, "files", r->files);
	json_number(&j, "directories", r->directories);
	json_number(&j, "symlinks", r->symlinks);
	json_number(&j, "specials", r->specials);
	json_number(&j, "hard_links", r->hard_links);
	json_number(&j, "bytes", r->bytes);
	json_number(&j, "failed", r->failed);
	json_number(&j, "unread", r->unread);
	json_number(&j, "cut", r->cut);
	json_number(&j, "attributes_damaged", r->attrs_damaged);
	json_number(&j, "attributes_unread", r->attrs_unread);
	json_number(&j, "changed", r->changed);
	add_lost(&j, r);
	return json_print(&j, f);
}

static int
run(struct view_snap *snap, struct span path, const struct request *q,
	struct fault *f)
{
	struct told told = {.terminal = isatty(STDERR_FILENO) == 1,
		.started_ns = clock_mono_ns()};
	const struct restore_opts o = {.snap = snap,
		.path = path,
		.target = q->target,
		.store = q->store,
		.overwrite = q->overwrite,
		.problem = tell_problem,
		.progress = tell_progress,
		.ctx = &told,
		.stop = stop_watch()};
	struct restore_report report = {0};
	uint64_t start = clock_mono_ns();
	bool incomplete;
	int err, r;

	err = restore_run(&o, &report, f);
	clear_line(&told);
	if (told.problems > SHOWN)
		fprintf(stderr, "and %" PRIu64 " more\n",
			told.problems - SHOWN);
	incomplete = err < 0 && f->code == FAULT_RESTORE_INCOMPLETE;
	if (err < 0 && !incomplete)
		return err;
	if (q->json) {
		r = print_json(&report, !incomplete, f);
		if (r < 0)
			return r;
	} else {
		print_report(&report, (double)(clock_mono_ns() - start) / 1e9);
	}
	if (!incomplete)
		return STATUS_DONE;
	/* Said by name, but it is no failure of the program. */
	(void)out_fail(f);
	return STATUS_INCOMPLETE;
}

static int
read_request(struct request *q, int argc, char **argv, struct fault *f)
{
	const struct option_row row[] = {
		{.name = "store", .text = &q->store},
		{.name = "passphrase-file", .text = &q->file},
		{.name = "target", .text = &q->target},
		{.name = "overwrite", .flag = &q->overwrite},
		{.name = "json", .flag = &q->json},
	};
	const struct options o = {.row = row,
		.rows = array_len(row),
		.operands = 1,
		.operand = &q->what,
		.operand_name = "SNAPSHOT"};
	int r;

	r = options_read(&o, argc, argv, f);
	if (r == OPTIONS_HELP)
		return READ_HELP;
	if (r < 0)
		return r;
	if (!q->target)
		return fault_set(f, FAULT_USAGE, "--target", "it is missing");
	return options_store(&q->store, f);
}

int
restore_main(int argc, char **argv, struct fault *f)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct request q = {0};
	struct view_snap *snap = NULL;
	struct span path;
	int r;

	r = read_request(&q, argc, argv, f);
	if (r != 0)
		return r;
	r = inside_refuse(q.target, q.store, f);
	if (r == 0)
		r = session_open(q.store, passphrase_file(q.file),
			VIEW_CACHE_RESTORE, &s, f);
	if (r == 0)
		r = session_snapshot(&s, q.what, &snap, NULL, &path, f);
	if (r < 0)
		return r;
	r = run(snap, path, &q, f);
	view_snap_close(snap);
	return r;
}
