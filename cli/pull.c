/* SPDX-License-Identifier: Apache-2.0 */

/* muniment-pull: one pull of one source, told to a terminal or a program. */

#include "pull/pull.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/pull_told.h"
#include "cli/stop.h"
#include "keys/secmem.h"
#include "store/caches.h"
#include "store/snapshots.h"
#include "store/store_read.h"
#include "store/vault_keys.h"

/* Two even on one core: one thread would wait for the other's writing. */
#define WORKERS_MIN 2
#define WORKERS_MAX 16

struct request {
	const char *store;
	const char *source;
	const char *location;
	const char *ssh_config;
	const char *agent;
	struct option_list excludes;
	bool exclude_caches;
	bool cross_file_systems;
	bool wait;
	bool json;
};

/*
 * The newest snapshot of a source, with the name that only the ledger can
 * tell: a second pull in one second gets a number. false when there is none or
 * it cannot be had: it is for show alone.
 */
static bool
newest(const struct request *q, struct snapshot *ret)
{
	_cleanup_store_ struct store *st = NULL;
	_cleanup_secret_ struct vault_keys *keys = NULL;
	_cleanup_snapshots_ struct snapshot_list list = {NULL, 0};

	if (store_open(q->store, &st, NULL) != 0 ||
		vault_keys_load(
			store_dirfd(st), store_id_peek(st), &keys, NULL) != 0 ||
		snapshots_load(st, &keys->log_key, &list, NULL) != 0)
		return false;
	for (size_t i = list.n; i-- > 0;) {
		if (strcmp(list.v[i].source, q->source) != 0)
			continue;
		*ret = list.v[i];
		return true;
	}
	return false;
}

struct show {
	const struct request *q;
	struct progress progress;
};

static void
show_start(struct show *s)
{
	struct snapshot last;

	progress_start(&s->progress);
	if (s->progress.shown && newest(s->q, &last))
		progress_expect(
			&s->progress, last.body.entries, last.body.bytes);
}

/* A pull that had to wait begins when the store is free, and after what
 * others have pulled meanwhile. */
static void
show_wait(void *ctx, const struct fault *busy)
{
	struct show *s = ctx;

	if (busy)
		progress_wait(&s->progress, busy);
	else
		show_start(s);
}

static unsigned int
workers(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n < WORKERS_MIN)
		return WORKERS_MIN;
	return n > WORKERS_MAX ? WORKERS_MAX : (unsigned int)n;
}

static int
pull(const struct request *q, struct fault *f)
{
	const atomic_bool *stop = stop_watch();
	struct show show = {.q = q};
	const struct writer_wait wait = {
		.stop = stop, .told = show_wait, .ctx = &show};
	const struct tree_sink sink = {.ctx = &show.progress,
		.problem = progress_problem,
		.progress = progress_counts};
	const struct pull_opts o = {.store = q->store,
		.source = q->source,
		.location = q->location,
		.ssh_config = q->ssh_config,
		.agent = q->agent,
		.excludes = q->excludes.v,
		.nexcludes = q->excludes.n,
		.cross_devices = q->cross_file_systems,
		.skip_cachedirs = q->exclude_caches,
		.workers = workers(),
		.sink = &sink,
		.stop = stop,
		.wait = q->wait ? &wait : NULL};
	struct pull_result result = {0};
	struct snapshot made;
	const char *name = "";
	int err;

	show_start(&show);
	err = pull_run(&o, &result, f);
	progress_end(&show.progress);
	if (err < 0)
		return err;
	if (newest(q, &made) && made.number == result.number)
		name = made.name;
	err = q->json ? pull_told_json(&result, name, f)
		      : pull_told(&result, name);
	if (err == 0)
		err = out_end(f);
	/* The snapshot is there, whatever became of the lines about it. */
	if (!result.complete)
		pull_told_incomplete(&result, name);
	if (err < 0)
		return pull_told_unheard(&result, name, err, f);
	return result.complete ? STATUS_DONE : STATUS_INCOMPLETE;
}

static int
read_request(struct request *q, int argc, char **argv, struct fault *f)
{
	const struct option_row row[] = {
		{.name = "store", .text = &q->store},
		{.name = "source", .text = &q->source},
		{.name = "exclude", .list = &q->excludes},
		{.name = "exclude-caches", .flag = &q->exclude_caches},
		{.name = "cross-file-systems", .flag = &q->cross_file_systems},
		{.name = "ssh-config", .text = &q->ssh_config},
		{.name = "agent", .text = &q->agent},
		{.name = "wait", .flag = &q->wait},
		{.name = "json", .flag = &q->json},
	};
	const struct options o = {.row = row,
		.rows = array_len(row),
		.operands = 1,
		.operand = &q->location,
		.operand_name = "LOCATION"};
	int r;

	r = options_read(&o, argc, argv, f);
	if (r != OPTIONS_GIVEN)
		return r;
	if (!q->source)
		return fault_set(f, FAULT_USAGE, "--source", "it is missing");
	if (q->excludes.n > PULL_EXCLUDES_MAX)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "--exclude",
			"there are more than %u", PULL_EXCLUDES_MAX);
	return options_store(&q->store, f);
}

static const char *written_to;

/* The caches' database ends the process (store/caches.h); it has said why. */
static void
on_abort(int sig)
{
	static const char text[] =
		"muniment pull: cache: its database gave up, for the reason "
		"above; packs and ledger are unharmed; mend that and pull "
		"again: what gives up twice is made anew [index-damaged]\n";

	(void)sig;
	caches_gave_up(written_to);
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(STATUS_FAILED);
}

int
main(int argc, char **argv)
{
	struct request q = {0};
	struct fault f = {0};
	int r;

	out_verb("pull");
	r = read_request(&q, argc, argv, &f);
	if (r == OPTIONS_HELP) {
		option_list_free(&q.excludes);
		return common_help("pull");
	}
	if (r == 0)
		r = common_start(&f);
	if (r == 0) {
		/* An agent or a terminal that has gone is an error of
		 * write(2). */
		signal(SIGPIPE, SIG_IGN);
		written_to = q.store;
		signal(SIGABRT, on_abort);
		r = pull(&q, &f);
	}
	option_list_free(&q.excludes);
	return r < 0 ? out_fail(&f) : r;
}
