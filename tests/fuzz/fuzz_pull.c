/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A whole pull, from the agent's first frame to the commit, with objects and
 * memory in place of a store: u8 (packs with that number modulo 8 are lost
 * between two pulls), then what the agent says, and behind its DONE what it
 * says in a second pull.
 *
 * Whatever an agent does is its own fault and never the store's. What a pull
 * commits reads without damage, by every way (tour.h); its manifest names all
 * packs that are needed; it counts what is there; and a first pull holds what the
 * agent told, all of it in its turn (told.h).
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/pack.h"
#include "format/statrec.h"
#include "keys/stat.h"
#include "pull/pull.h"
#include "pull/transport.h"
#include "tests/fuzz/entry.h"
#include "tests/fuzz/objects.h"
#include "tests/fuzz/told.h"
#include "tests/fuzz/tour.h"
#include "tests/fuzz/units.h"
#include "util/clock.h"
#include "util/io.h"

const struct units units = {.skip = 1, .head = WIRE_HEAD_SIZE, .width = 4};

#define SOURCE "fuzz"

static const struct vault_keys vault_keys = {.n = 1, .compartment = {1}};
static struct id_keys id_keys;
static int from_agent = -1, to_agent = -1;
static uint8_t lost;  /* packs of the pull before */
static size_t before; /* objects of it */
static size_t sealed; /* objects in sealed packs */
static uint32_t seals;
static struct told told;
static bool first, committed;

/* ---- what stands for the store ---- */

int __wrap_writer_open(const char *dir, const struct writer_wait *wait,
	struct writer **ret, struct fault *f);
void __wrap_writer_close(struct writer *w);
const struct vault_keys *__wrap_writer_keys_peek(const struct writer *w);
bool __wrap_writer_open_to_hits(const struct writer *w, uint32_t ordinal);
struct writer_stats __wrap_writer_stats(const struct writer *w);
int __wrap_writer_stat_get(struct writer *w, struct span key, struct buf *out);
void __wrap_writer_stat_put(
	struct writer *w, struct span key, struct span value);
void __wrap_writer_stat_flush(struct writer *w);
int __wrap_writer_commit(struct writer *w, uint64_t pull, uint32_t compartment,
	uint32_t flags, const uint32_t *ordinals, size_t n,
	const struct leaf_body *body, uint64_t *number, struct root *id,
	struct fault *f);
int __wrap_ingest_open(
	const struct ingest_opts *opts, struct ingest **ret, struct fault *f);
void __wrap_ingest_close(struct ingest *in);
const struct id_keys *__wrap_ingest_id_keys(const struct ingest *in);
int __wrap_ingest_pull(struct ingest *in, uint64_t *pull, struct fault *f);
int __wrap_ingest_put(struct ingest *in, enum object_type type,
	struct span content, const struct ref *refs, uint32_t nrefs,
	struct ref *ret, struct fault *f);
int __wrap_ingest_seal(struct ingest *in, struct fault *f);
bool __wrap_ingest_sealed(const struct ingest *in, uint32_t ordinal);
uint32_t __wrap_ingest_seals(const struct ingest *in);
uint64_t __wrap_ingest_stored(const struct ingest *in);
int __wrap_transport_start(
	struct transport *t, const struct transport_opts *o, struct fault *f);
void __wrap_transport_end(struct transport *t, bool failed, struct fault *f);
struct clock_time __wrap_clock_wall(void);

/* Records of memory, in the order in which they were written. */
static struct {
	struct buf key, value;
} records[256];
static size_t n_records;

int
__wrap_writer_open(const char *dir, const struct writer_wait *wait,
	struct writer **ret, struct fault *f)
{
	(void)dir;
	(void)wait;
	(void)f;
	*ret = NULL;
	return 0;
}

void
__wrap_writer_close(struct writer *w)
{
	(void)w;
}

const struct vault_keys *
__wrap_writer_keys_peek(const struct writer *w)
{
	(void)w;
	return &vault_keys;
}

/* A lost pack is one of the pull before. */
bool
__wrap_writer_open_to_hits(const struct writer *w, uint32_t ordinal)
{
	(void)w;
	TRIP_MUST(ordinal > 0 && (ordinal - 1) * OBJECTS_PER_PACK < objects_n);
	return (ordinal - 1) * OBJECTS_PER_PACK >= before ||
	       ordinal % 8 != lost;
}

struct writer_stats
__wrap_writer_stats(const struct writer *w)
{
	(void)w;
	return (struct writer_stats){0};
}

int
__wrap_writer_stat_get(struct writer *w, struct span key, struct buf *out)
{
	(void)w;
	buf_clear(out);
	for (size_t i = n_records; i-- > 0;) {
		if (span_eq(buf_span(&records[i].key), key))
			return buf_append(
				out, records[i].value.p, records[i].value.n);
	}
	return -ENOENT;
}

static void
check_sealed(const struct statrec_ordinals *packs)
{
	for (uint32_t i = 0; i < packs->n; i++)
		TRIP_MUST(
			__wrap_ingest_sealed(NULL, statrec_ordinal(packs, i)));
}

/* A record is written when all packs that it names are sealed. */
static void
check_record(struct span key, struct span value)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	struct stat_keys keys;
	struct statrec rec;
	struct statrec_entry e;
	struct rcur at;

	stat_keys_derive(&keys, &vault_keys.secret[0], span_str(SOURCE));
	TRIP_MUST(stat_open(&plain, &keys, key, value) == 0);
	TRIP_MUST(statrec_open(buf_span(&plain), &rec) == 0);
	if (rec.first)
		check_sealed(&rec.directory.packs);
	at = rcur_init(rec.entries);
	while (statrec_next(&at, &e))
		check_sealed(&e.packs);
}

void
__wrap_writer_stat_put(struct writer *w, struct span key, struct span value)
{
	(void)w;
	check_record(key, value);
	if (n_records == array_len(records))
		return;
	TRIP_MUST(buf_append(&records[n_records].key, key.p, key.n) == 0);
	TRIP_MUST(buf_append(&records[n_records].value, value.p, value.n) == 0);
	n_records++;
}

void
__wrap_writer_stat_flush(struct writer *w)
{
	(void)w;
}

int
__wrap_ingest_open(
	const struct ingest_opts *opts, struct ingest **ret, struct fault *f)
{
	(void)opts;
	(void)f;
	/* Something to be told from none at all. */
	*ret = (struct ingest *)&sealed;
	return 0;
}

void
__wrap_ingest_close(struct ingest *in)
{
	(void)in;
}

const struct id_keys *
__wrap_ingest_id_keys(const struct ingest *in)
{
	(void)in;
	return &id_keys;
}

int
__wrap_ingest_pull(struct ingest *in, uint64_t *pull, struct fault *f)
{
	(void)in;
	(void)f;
	*pull = 1;
	return 0;
}

static bool
known(const struct id *id, struct span rows, struct ref *ret)
{
	for (size_t i = 0; i < objects_n; i++) {
		*ret = objects_ref(i);
		if (id_equal(&ret->id, id) &&
			span_eq(buf_span(&objects[i].rows), rows) &&
			__wrap_writer_open_to_hits(NULL, ret->addr.ordinal))
			return true;
	}
	return false;
}

int
__wrap_ingest_put(struct ingest *in, enum object_type type, struct span content,
	const struct ref *refs, uint32_t nrefs, struct ref *ret,
	struct fault *f)
{
	_cleanup_buf_ struct buf rows = BUF_INIT;
	uint8_t row[PACK_REF_SIZE];
	struct id id;

	(void)in;
	(void)f;
	for (uint32_t i = 0; i < nrefs; i++) {
		pack_ref_encode(&refs[i], row);
		TRIP_MUST(buf_append(&rows, row, sizeof(row)) == 0);
	}
	id_compute(&id, &id_keys, type, refs, nrefs, content);
	if (known(&id, buf_span(&rows), ret))
		return 0;
	*ret = objects_add(type, &id, content, buf_span(&rows));
	if (objects_n % OBJECTS_PER_PACK == 0) {
		sealed = objects_n;
		seals++;
	}
	return 0;
}

/* The open pack ends: the next object begins another. */
int
__wrap_ingest_seal(struct ingest *in, struct fault *f)
{
	static const struct id none;

	(void)in;
	(void)f;
	while (objects_n % OBJECTS_PER_PACK != 0)
		(void)objects_add(0, &none, span_of(NULL, 0), span_of(NULL, 0));
	sealed = objects_n;
	seals++;
	return 0;
}

bool
__wrap_ingest_sealed(const struct ingest *in, uint32_t ordinal)
{
	(void)in;
	return (size_t)ordinal * OBJECTS_PER_PACK <= sealed;
}

uint32_t
__wrap_ingest_seals(const struct ingest *in)
{
	(void)in;
	return seals;
}

uint64_t
__wrap_ingest_stored(const struct ingest *in)
{
	(void)in;
	return 0;
}

int
__wrap_transport_start(
	struct transport *t, const struct transport_opts *o, struct fault *f)
{
	(void)o;
	(void)f;
	*t = (struct transport){.in = from_agent, .out = to_agent, .err = -1};
	return 0;
}

void
__wrap_transport_end(struct transport *t, bool failed, struct fault *f)
{
	(void)t;
	(void)failed;
	(void)f;
}

/* Far from any time that a seed names. */
struct clock_time
__wrap_clock_wall(void)
{
	return (struct clock_time){.sec = 1900000000};
}

/* ---- what must hold ---- */

int
__wrap_writer_commit(struct writer *w, uint64_t pull, uint32_t compartment,
	uint32_t flags, const uint32_t *ordinals, size_t n,
	const struct leaf_body *body, uint64_t *number, struct root *id,
	struct fault *f)
{
	struct tour t = {.honest = true};

	(void)w;
	(void)pull;
	(void)compartment;
	(void)f;
	TRIP_MUST(flags ==
		  (body->problems == 0 ? LEAF_COMPLETE : LEAF_INCOMPLETE));
	for (size_t i = 0; i < n; i++)
		TRIP_MUST((i == 0 || ordinals[i] > ordinals[i - 1]) &&
			  __wrap_ingest_sealed(NULL, ordinals[i]) &&
			  __wrap_writer_open_to_hits(NULL, ordinals[i]));
	objects_manifest = ordinals;
	objects_manifest_n = n;
	TRIP_MUST(objects_open(&body->root, &t.snap, NULL) == 0);
	tour_all(&t);
	view_snap_close(t.snap);
	objects_manifest = NULL;
	committed = true;
	*number = 1;
	memset(id, 0, sizeof(*id));
	TRIP_MUST(!first || told.legal);
	if (t.cut)
		return 0;
	TRIP_MUST(t.entries == body->entries && t.files == body->files &&
		  t.directories == body->directories && t.bytes == body->bytes);
	if (first)
		TRIP_MUST(t.sum == told.sum && t.entries == told.entries);
	return 0;
}

/* An agent's fault, by name. */
static bool
is_the_agents(enum fault_code code)
{
	return code == FAULT_AGENT_PROTOCOL || code == FAULT_AGENT_DIED ||
	       code == FAULT_AGENT_VERSION || code == FAULT_LIMIT_EXCEEDED ||
	       code == FAULT_SOURCE_MISSING || code == FAULT_SOURCE_UNREADABLE;
}

static bool
pull(struct span frames)
{
	static const atomic_bool stop;
	const struct pull_opts o = {.store = "/store",
		.source = SOURCE,
		.location = "/",
		.stop = &stop};
	struct pull_result result;
	struct fault f = {0};
	int err;

	TRIP_MUST(ftruncate(from_agent, 0) == 0 &&
		  io_pwrite_full(from_agent, frames.p, frames.n, 0) == 0 &&
		  lseek(from_agent, 0, SEEK_SET) == 0);
	committed = false;
	err = pull_run(&o, &result, &f);
	TRIP_MUST((err == 0) == committed);
	TRIP_MUST(err == 0 || is_the_agents(f.code));
	return err == 0;
}

static void
clear(void)
{
	while (n_records > 0) {
		n_records--;
		buf_free(&records[n_records].key);
		buf_free(&records[n_records].value);
	}
	objects_clear();
	sealed = before = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span frames, second;

	if (size == 0)
		return 0;
	if (from_agent < 0) {
		from_agent = memfd_create("agent", MFD_CLOEXEC);
		to_agent = open("/dev/null", O_WRONLY | O_CLOEXEC);
		TRIP_MUST(from_agent >= 0 && to_agent >= 0);
		id_keys_derive(&id_keys, &vault_keys.secret[0]);
	}
	lost = data[0];
	frames = span_of(data + 1, size - 1);
	told_read(&told, frames);
	second = span_of(frames.p + told.n, frames.n - told.n);
	first = true;
	if (pull(span_of(frames.p, told.n)) && second.n > 0) {
		first = false;
		before = objects_n;
		(void)pull(second);
	}
	clear();
	return 0;
}
