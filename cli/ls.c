/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/below.h"
#include "cli/entry.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/owners.h"
#include "cli/read.h"
#include "cli/reason.h"
#include "view/passphrase.h"
#include "view/session.h"

#define CACHE (16U * 1024U * 1024U)

struct request {
	const char *store;
	const char *file;
	const char *what;
	bool recursive;
	bool problems;
	bool json;
};

struct listing {
	const struct request *q;
	struct view_snap *snap;
	struct owners owners;
	struct fault *f;
	uint64_t damaged; /* directories, links */
	struct fault first;
};

static int
tell(struct listing *l, const struct list_entry *e)
{
	struct entry_owner o;
	int err;

	err = owners_name(
		&l->owners, l->snap, e->place, OWNER_USER, &o.user, l->f);
	if (err == 0)
		err = owners_name(&l->owners, l->snap, e->place, OWNER_GROUP,
			&o.group, l->f);
	if (err < 0)
		return err;
	if (l->q->json)
		return entry_json(e, &o, l->f);
	entry_print(e, &o);
	return 0;
}

/* The rest is listed all the same. */
static void
tell_damaged(void *ctx, struct span path, const struct fault *why)
{
	struct listing *l = ctx;

	if (l->damaged++ == 0)
		l->first = *why;
	out_about(path, why);
}

static int
tell_entry(void *ctx, const struct list_entry *e)
{
	if (e->damage)
		tell_damaged(ctx, e->name, e->damage);
	return tell(ctx, e);
}

static int
tell_walked(void *ctx, struct span path, const struct place *p)
{
	struct listing *l = ctx;

	return list_one(l->snap, path, p, tell_entry, l, l->f);
}

static int
list_all(struct listing *l, struct span path, struct fault *f)
{
	const struct below_opts o = {.snap = l->snap,
		.entry = tell_walked,
		.damaged = tell_damaged,
		.ctx = l};
	struct place top;
	int err;

	err = place_resolve(l->snap, path, &top, NULL, f);
	if (err < 0)
		return err;
	return place_is_dir(&top) ? below_each(&o, &top, f)
				  : list_path(l->snap, path, tell_entry, l, f);
}

static int
list_entries(struct listing *l, struct span path, struct fault *f)
{
	int err = l->q->recursive ? list_all(l, path, f)
				  : list_path(l->snap, path, tell_entry, l, f);

	if (err < 0 || l->damaged == 0)
		return err;
	return fault_set(f, l->first.code, l->q->what,
		"%" PRIu64 " directories or links, told above, could not be "
		"read to their end; all else is listed",
		l->damaged);
}

static int
tell_problem(void *ctx, const struct problem *p)
{
	_cleanup_json_ struct json j = {NULL, false};
	const struct listing *l = ctx;

	if (!l->q->json) {
		out_name(stdout, p->name.n > 0 ? p->name : span_str("."));
		printf(": %s", reason_text(p->reason, p->err));
		printf(p->err != 0 ? ": %s\n" : "\n", strerror((int)p->err));
		return 0;
	}
	j = json_new();
	json_name(&j, "name", p->name);
	json_text(&j, "reason", reason_text(p->reason, p->err));
	json_number(&j, "errno", p->err);
	return json_print(&j, l->f);
}

static int
list(struct session *s, const struct request *q, struct fault *f)
{
	_cleanup_view_snap_ struct view_snap *snap = NULL;
	struct listing l = {.q = q, .f = f};
	struct span path;
	int err;

	err = session_snapshot(s, q->what, &snap, NULL, &path, f);
	if (err < 0)
		return err;
	l.snap = snap;
	if (q->problems)
		return view_problems_each(snap, tell_problem, &l, f);
	err = list_entries(&l, path, f);
	owners_free(&l.owners);
	return err;
}

int
ls_main(int argc, char **argv, struct fault *f)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct request q = {0};
	const struct option_row row[] = {
		{.name = "store", .text = &q.store},
		{.name = "passphrase-file", .text = &q.file},
		{.name = "recursive", .flag = &q.recursive},
		{.name = "problems", .flag = &q.problems},
		{.name = "json", .flag = &q.json},
	};
	const struct options o = {.row = row,
		.rows = array_len(row),
		.operands = 1,
		.operand = &q.what,
		.operand_name = "SNAPSHOT"};
	int r;

	r = read_options(&o, argc, argv, &q.store, f);
	if (r != 0)
		return r;
	r = session_open(q.store, passphrase_file(q.file), CACHE, &s, f);
	if (r == 0)
		r = list(&s, &q, f);
	return r < 0 ? r : STATUS_DONE;
}
