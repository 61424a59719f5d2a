/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/pull.h"

#include "format/field.h"
#include "format/snaproot.h"
#include "pull/ingest.h"
#include "pull/location.h"
#include "pull/peer.h"
#include "pull/remember.h"
#include "pull/transport.h"
#include "store/folders.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/mem.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define COMPARTMENT 1u /* until compartments can be made */
#define DAY (24 * 60 * 60)
/* Seconds since 1970 that no clock comes to: in 34,000 years. */
#define CLOCK_MAX (INT64_C(1) << 40)
/* How long a signal that ended the agent may still be on its way to us. */
#define SIGNAL_MS 500

struct run {
	const struct pull_opts *o;
	struct clock_time started;
	uint64_t started_mono;
	struct location where;
	struct writer *w;
	struct ingest *ingest;
	struct remember *remember;
	struct transport transport;
	struct peer peer;
	bool connected;
	int64_t greeted, clock_skew;
	struct tree_result tree;
};

static int
out_of_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, "pull", NULL);
}

static uint32_t
today(const struct run *u)
{
	return u->started.sec < 0 ? 0 : (uint32_t)(u->started.sec / DAY);
}

/* ---- greeting ---- */

/* Of a clock that no kernel can have, so much as makes no sum overflow. */
static int64_t
possible(int64_t clock)
{
	if (clock > CLOCK_MAX)
		return CLOCK_MAX;
	return clock < -CLOCK_MAX ? -CLOCK_MAX : clock;
}

static int
receive_hello(struct run *u, struct fault *f)
{
	struct wire_hello hello;
	enum wire_type type = 0;
	struct span payload;
	int r;

	r = peer_next(&u->peer, &type, &payload, f);
	if (r != 0)
		return r;
	r = type == WIRE_AGENT_HELLO
		    ? wire_hello_decode(payload, WIRE_FROM_AGENT, &hello)
		    : -EBADMSG;
	if (r == -EPROTONOSUPPORT)
		return fault_set(f, FAULT_AGENT_VERSION, "agent",
			"it speaks another version of the protocol than %u",
			WIRE_PROTOCOL);
	if (r != 0)
		return fault_set(f, FAULT_AGENT_PROTOCOL, "agent",
			"it does not greet as an agent does");
	u->greeted = possible(hello.clock);
	u->clock_skew = u->greeted - clock_wall().sec;
	return 0;
}

static int
send_start(struct run *u, struct fault *f)
{
	_cleanup_buf_ struct buf own = BUF_INIT;
	_cleanup_free_ struct span *excludes =
		mem_array(u->o->nexcludes + 1, sizeof(*excludes));
	const struct span path = span_str(u->where.path);
	struct wire_start s = {.paths = 1, .credit = PEER_CREDIT};
	size_t i;
	int r;

	if (excludes == NULL ||
		location_exclude(&u->where, u->o->store, &own) != 0)
		return out_of_memory(f);
	for (i = 0; i < u->o->nexcludes; i++)
		excludes[s.excludes++] = span_str(u->o->excludes[i]);
	if (own.n > 0)
		excludes[s.excludes++] = buf_span(&own);
	if (u->o->cross_devices)
		s.options |= WIRE_CROSS_DEVICES;
	if (u->o->skip_cachedirs)
		s.options |= WIRE_SKIP_CACHEDIRS;
	r = wire_start_encode(peer_output(&u->peer), &s, &path, excludes);
	if (r == -EINVAL)
		return fault_set(f, FAULT_USAGE, u->o->location,
			"a path or exclude that is empty or too long");
	return r == 0 ? 0 : out_of_memory(f);
}

static int
greet(struct run *u, struct fault *f)
{
	const struct transport_opts to = {.host = u->where.host,
		.agent = u->o->agent,
		.ssh_config = u->o->ssh_config};
	const struct wire_hello hello = {0};
	int r;

	r = transport_start(&u->transport, &to, f);
	if (r != 0)
		return r;
	u->connected = true;
	r = peer_init(&u->peer, &u->transport, u->o->stop);
	if (r != 0)
		return fault_errno(f, FAULT_IO, r, "agent", "fcntl");
	if (wire_hello_encode(peer_output(&u->peer), WIRE_FROM_VAULT, &hello) !=
		0)
		return out_of_memory(f);
	r = receive_hello(u, f);
	return r != 0 ? r : send_start(u, f);
}

/* ---- the tree ---- */

static int
run_tree(struct run *u, struct fault *f)
{
	const struct ingest_opts io = {.writer = u->w,
		.compartment = COMPARTMENT,
		.source = u->o->source,
		.workers = u->o->workers};
	struct remember_opts ro = {.writer = u->w,
		.compartment = COMPARTMENT,
		.source = u->o->source,
		.today = today(u)};
	struct tree_opts to = {.peer = &u->peer,
		.sink = u->o->sink,
		.paths = 1,
		.location = u->o->location,
		.today = today(u),
		.greeted = u->greeted,
		.clock_skew = u->clock_skew};
	int r;

	r = ingest_open(&io, &u->ingest, f);
	if (r != 0)
		return r;
	ro.ingest = u->ingest;
	if (remember_open(&ro, &u->remember) != 0)
		return out_of_memory(f);
	to.ingest = u->ingest;
	/* Another machine's numbers mean nothing here. */
	if (u->where.host == NULL)
		folders_learn(&to.store, u->o->store);
	to.remember = u->remember;
	return tree_run(&to, &u->tree, f);
}

/* ---- the commit ---- */

/* Store the snapshot root; its references in the order of its slots. */
static int
store_root(struct run *u, struct ref *ret, struct fault *f)
{
	_cleanup_buf_ struct buf object = BUF_INIT;
	const struct tree_root *root = &u->tree.root[0];
	const struct snaproot_path path = {
		span_str(u->where.path), root->entry};
	struct owner_set owners = {0};
	struct snaproot_parts parts = {.path = &path,
		.paths = 1,
		.problems = u->tree.counts.problems + u->tree.counts.changed};
	struct ref refs[3];
	uint32_t n = 0;
	int r;

	if (parts.problems != 0)
		refs[n++] = u->tree.problems;
	if (root->entry.content != 0)
		refs[n++] = root->content;
	if ((root->entry.flags & DIRENT_ATTRS) != 0)
		refs[n++] = root->attrs;
	r = owner_set_add(
		&owners, &u->tree.owners, root->entry.user, root->entry.group);
	parts.owner = owners.v;
	parts.owners = owners.n;
	if (r == 0)
		r = snaproot_encode(&object, &parts);
	owner_set_free(&owners);
	if (r != 0)
		return fault_errno(f, FAULT_INTERNAL, r, "snapshot", "root");
	r = ingest_put(
		u->ingest, OBJECT_SNAPROOT, buf_span(&object), refs, n, ret, f);
	if (r == 0 && ordinal_map_set(&u->tree.packs, ret->addr.ordinal) != 0)
		return out_of_memory(f);
	return r;
}

static void
fill_body(const struct run *u, const struct ref *root, struct leaf_body *b)
{
	const struct tree_counts *c = &u->tree.counts;

	*b = (struct leaf_body){
		.source = span_str(u->o->source),
		.location = span_str(
			u->where.host == NULL ? u->where.path : u->o->location),
		.clock = {u->started.sec, u->started.nsec},
		.root = *root,
		.entries = c->entries,
		.files = c->files,
		.directories = c->directories,
		.bytes = c->bytes,
		.bytes_read = c->bytes_read,
		.bytes_added = ingest_stored(u->ingest),
		.problems = c->problems,
		.oldest_day = c->oldest_day,
		.duration = (uint32_t)((clock_mono_ns() - u->started_mono) /
				       UINT64_C(1000000000)),
	};
}

static int
commit(struct run *u, struct pull_result *ret, struct fault *f)
{
	struct ordinals packs = {0};
	struct leaf_body body;
	struct ref root;
	uint64_t pull;
	int r;

	r = store_root(u, &root, f);
	if (r == 0)
		r = ingest_seal(u->ingest, f);
	if (r == 0)
		r = ingest_pull(u->ingest, &pull, f);
	if (r != 0)
		return r;
	remember_sealed(u->remember);
	writer_stat_flush(u->w);
	fill_body(u, &root, &body);
	ret->complete = u->tree.counts.problems == 0;
	if (ordinal_map_list(&u->tree.packs, &packs) != 0)
		r = out_of_memory(f);
	else
		r = writer_commit(u->w, pull, COMPARTMENT,
			ret->complete ? LEAF_COMPLETE : LEAF_INCOMPLETE,
			packs.v, packs.n, &body, &ret->number, &ret->id, f);
	ret->root = root.id;
	ret->counts = u->tree.counts;
	ret->stored = body.bytes_added;
	ret->packs = (uint32_t)packs.n;
	ret->seconds = body.duration;
	ret->stats = writer_stats(u->w);
	ordinals_free(&packs);
	return r;
}

/* ---- all of it ---- */

/* Keep what was read, so that the next pull goes on from there. Whether that
 * works changes nothing: the pull has failed and said why. */
static void
keep_what_there_is(struct run *u)
{
	struct fault ignored = {0};

	if (u->remember == NULL || ingest_seal(u->ingest, &ignored) != 0)
		return;
	remember_sealed(u->remember);
	writer_stat_flush(u->w);
}

static bool
source_failed(const struct fault *f)
{
	return f->code == FAULT_AGENT_DIED || f->code == FAULT_INTERRUPTED ||
	       f->code == FAULT_SSH_FAILED;
}

/* A signal to a whole group of processes ends agent or ssh too, and that may
 * be noticed first: it is an interruption all the same. */
static bool
interrupted(const struct run *u, const struct fault *f)
{
	if (f->code != FAULT_AGENT_DIED && f->code != FAULT_SSH_FAILED)
		return false;
	if (u->transport.killed && !*u->o->stop)
		(void)poll(NULL, 0, SIGNAL_MS);
	return *u->o->stop;
}

/* Whether the agent went away may be told better by how it ended. */
static int
disconnect(struct run *u, int r, struct fault *f)
{
	transport_end(&u->transport, r != 0, f);
	if (r == 0 || !interrupted(u, f))
		return r;
	*f = (struct fault){0};
	return fault_set(f, FAULT_INTERRUPTED, "pull", "by a signal");
}

static int
run(struct run *u, struct pull_result *ret, struct fault *f)
{
	int r;

	r = writer_open(u->o->store, u->o->wait, &u->w, f);
	if (r != 0)
		return r;
	u->started = clock_wall();
	u->started_mono = clock_mono_ns();
	r = greet(u, f);
	if (r == 0)
		r = run_tree(u, f);
	if (r == 0)
		return commit(u, ret, f);
	if (u->ingest != NULL && source_failed(f))
		keep_what_there_is(u);
	return r;
}

int
pull_run(const struct pull_opts *o, struct pull_result *ret, struct fault *f)
{
	struct run u = {.o = o};
	struct fault own = {0};
	int r;

	if (f == NULL)
		f = &own;
	if (!field_source_ok(span_str(o->source)))
		return fault_set(f, FAULT_SOURCE_NAME, o->source,
			"not a name for a source");
	r = location_parse(&u.where, o->location, f);
	if (r == 0)
		r = location_outside(&u.where, o->store, f);
	if (r == 0)
		r = run(&u, ret, f);
	if (u.connected)
		r = disconnect(&u, r, f);
	peer_free(&u.peer);
	tree_free(&u.tree);
	remember_close(u.remember);
	ingest_close(u.ingest);
	writer_close(u.w);
	location_free(&u.where);
	return r;
}
