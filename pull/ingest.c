/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants are in ingest.h. */
#include "pull/ingest.h"

#include "chunker/block.h"
#include "format/pack.h"
#include "keys/digest.h"
#include "keys/seal.h"
#include "keys/secmem.h"
#include "pull/known.h"
#include "util/buf.h"
#include "util/mem.h"
#include "util/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Blocks under way between the thread that gathers and the file. Fixed,
 * because the decision that a pack is full looks exactly that far back: the
 * same input makes the same packs, however the workers are scheduled. */
#define FLIGHT 12u
#define JOBS (FLIGHT + 2u) /* and one being gathered for each pack */

#define PACK_DATA_FULL (64u * 1024u * 1024u)
#define PACK_META_FULL (16u * 1024u * 1024u)
#define PACK_ROWS_FULL (FORMAT_PACK_ROWS_MAX / 4)

struct lane;

/* A block on its way. */
struct job {
	struct ingest *in;
	struct lane *lane;
	struct draft *draft;
	const struct block_keys *keys;
	uint32_t number;
	struct buf plain;
	struct buf refs;
	struct buf sealed;
	struct draft_object *objects;
	uint32_t n, cap;
	enum codec codec;
	struct block_scratch scratch;
	int err;
	bool done;	  /* under ingest.lock */
	struct job *next; /* the free list or the queue; under lock */
};

/* An open pack and the block that is being gathered for it. */
struct lane {
	enum pack_kind kind;
	struct draft *draft;
	struct block_keys *keys;
	uint32_t ordinal;
	uint32_t rows;
	uint32_t blocks;
	uint64_t bytes; /* of blocks FLIGHT or more ago */
	struct known known;
	struct job *job;
};

/* What is remembered of the blocks under way, to count them late. */
struct flight {
	uint32_t ordinal;
	uint64_t bytes;
};

struct ingest {
	struct writer *w;
	uint32_t compartment;
	const char *source;
	uint64_t pull;
	bool pulling; /* pull is open */
	uint32_t epoch;
	struct public_key epoch_pk;
	struct id_keys *ids;
	struct pool *pool;
	struct lane data, meta;
	struct job jobs[JOBS];
	struct buf rows; /* scratch: references as they are stored */
	uint64_t submitted;
	uint32_t seals;
	uint64_t stored;

	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct job *free;	      /* under lock */
	struct job *head, **tail;     /* under lock: submitted, in order */
	uint64_t written;	      /* under lock */
	struct flight flight[FLIGHT]; /* under lock */
	bool writing;		      /* under lock: a worker writes the head */
	int err;		      /* under lock: sticky */
	struct fault fault;	      /* under lock until err is seen */
};

/* ---- workers ---- */

static int
write_job(struct job *j, struct fault *f)
{
	const struct draft_block b = {
		.sealed = buf_span(&j->sealed),
		.codec = j->codec,
		.plain_len = (uint32_t)j->plain.n,
		.objects = j->objects,
		.n = j->n,
		.refs = buf_span(&j->refs),
	};

	if (j->err == -EUCLEAN)
		return fault_set(f, FAULT_INTERNAL, "block",
			"what was sealed does not open to the same bytes: "
			"memory or processor is at fault");
	if (j->err != 0)
		return fault_set(f, FAULT_NO_MEMORY, "block", NULL);
	return draft_block(j->draft, &b, f);
}

/* Called with the lock held; writes what is done at the head of the queue. */
static void
write_done(struct ingest *in)
{
	struct job *j;
	struct flight *fl;
	int r;

	in->writing = true;
	while ((j = in->head) != NULL && j->done) {
		r = in->err;
		if (r == 0) {
			pthread_mutex_unlock(&in->lock);
			r = write_job(j, &in->fault);
			pthread_mutex_lock(&in->lock);
			in->err = r;
		}
		fl = &in->flight[in->written % FLIGHT];
		fl->ordinal = j->lane->ordinal;
		fl->bytes = j->sealed.n + j->refs.n;
		in->written++;
		in->head = j->next;
		if (in->head == NULL)
			in->tail = &in->head;
		j->next = in->free;
		in->free = j;
		pthread_cond_broadcast(&in->moved);
	}
	in->writing = false;
}

static void
run_job(void *arg)
{
	struct job *j = arg;
	struct ingest *in = j->in;

	j->err = block_seal(&j->sealed, &j->codec, j->keys, j->number,
		buf_span(&j->plain), &j->scratch);
	pthread_mutex_lock(&in->lock);
	j->done = true;
	if (!in->writing)
		write_done(in);
	pthread_mutex_unlock(&in->lock);
}

/* ---- the gathering side, one thread ---- */

/* Wait until at most `under_way` blocks are; the sticky error. */
static int
wait_written(struct ingest *in, uint64_t under_way, struct fault *f)
{
	int r;

	pthread_mutex_lock(&in->lock);
	while (in->submitted - in->written > under_way)
		pthread_cond_wait(&in->moved, &in->lock);
	r = in->err;
	if (r != 0 && f != NULL)
		*f = in->fault;
	pthread_mutex_unlock(&in->lock);
	return r;
}

static struct job *
take_job(struct ingest *in, struct lane *l)
{
	struct job *j;

	pthread_mutex_lock(&in->lock);
	while (in->free == NULL)
		pthread_cond_wait(&in->moved, &in->lock);
	j = in->free;
	in->free = j->next;
	pthread_mutex_unlock(&in->lock);
	buf_clear(&j->plain);
	buf_clear(&j->refs);
	j->n = 0;
	j->lane = l;
	j->done = false;
	j->next = NULL;
	return j;
}

/* Hand the gathered block to the workers; count the one that left the window. */
static int
submit(struct ingest *in, struct lane *l, struct fault *f)
{
	struct job *j = l->job;
	const struct flight *old;
	int r;

	r = wait_written(in, FLIGHT - 1, f);
	if (r != 0)
		return r;
	if (in->submitted >= FLIGHT) {
		old = &in->flight[in->submitted % FLIGHT];
		if (old->ordinal == in->data.ordinal)
			in->data.bytes += old->bytes;
		else if (old->ordinal == in->meta.ordinal)
			in->meta.bytes += old->bytes;
	}
	j->draft = l->draft;
	j->keys = l->keys;
	j->number = l->blocks++;
	l->job = NULL;
	pthread_mutex_lock(&in->lock);
	*in->tail = j;
	in->tail = &j->next;
	in->submitted++;
	pthread_mutex_unlock(&in->lock);
	pool_submit(in->pool, run_job, j);
	return 0;
}

int
ingest_pull(struct ingest *in, uint64_t *pull, struct fault *f)
{
	int r = 0;

	if (!in->pulling)
		r = writer_pull(
			in->w, in->source, in->compartment, &in->pull, f);
	in->pulling = r == 0;
	*pull = in->pull;
	return r;
}

static int
open_lane(struct ingest *in, struct lane *l, struct fault *f)
{
	uint8_t wrap[PACK_WRAP_SIZE];
	struct span context;
	uint64_t pull;
	int r;

	r = ingest_pull(in, &pull, f);
	if (r == 0)
		r = draft_begin(
			in->w, l->kind, in->compartment, pull, &l->draft, f);
	if (r != 0)
		return r;
	context = draft_header_context(l->draft);
	memcpy(l->keys->context, context.p, PACK_CONTEXT_SIZE);
	random_bytes(l->keys->pack.b, sizeof(l->keys->pack.b));
	r = seal_wrap(wrap, &in->epoch_pk, "pack", context,
		span_of(l->keys->pack.b, sizeof(l->keys->pack.b)));
	if (r != 0)
		return fault_set(f, FAULT_KEY_DAMAGED, "epoch",
			"its public key is of low order");
	l->ordinal = draft_ordinal(l->draft);
	l->rows = 0;
	l->blocks = 0;
	l->bytes = 0;
	return draft_wrap(l->draft, span_of(wrap, sizeof(wrap)), f);
}

static int
seal_lane(struct ingest *in, struct lane *l, struct fault *f)
{
	struct draft *d;
	uint64_t bytes = 0;
	int r;

	if (l->draft == NULL)
		return 0;
	r = l->job != NULL ? submit(in, l, f) : 0;
	if (r == 0)
		r = wait_written(in, 0, f);
	if (r != 0)
		return r;
	d = l->draft;
	l->draft = NULL;
	l->ordinal = 0;
	secmem_wipe(l->keys, sizeof(*l->keys));
	known_clear(&l->known);
	r = draft_seal(in->w, d, &bytes, f);
	in->seals++;
	in->stored += bytes;
	return r;
}

int
ingest_seal(struct ingest *in, struct fault *f)
{
	int r;

	r = seal_lane(in, &in->data, f);
	return r != 0 ? r : seal_lane(in, &in->meta, f);
}

static bool
full(const struct lane *l)
{
	return l->rows >= PACK_ROWS_FULL ||
	       l->bytes >=
		       (l->kind == PACK_DATA ? PACK_DATA_FULL : PACK_META_FULL);
}

/* Make sure that the lane has a block with room for n bytes. */
static int
make_room(struct ingest *in, struct lane *l, size_t n, struct fault *f)
{
	size_t limit = l->kind == PACK_DATA ? BLOCK_DATA : BLOCK_METADATA;
	int r = 0;

	if (l->job != NULL && l->job->plain.n > 0 &&
		l->job->plain.n + n > limit) {
		r = submit(in, l, f);
		/* Invariant 1: metadata goes with the data before it. */
		if (r == 0 && full(l))
			r = l->kind == PACK_DATA ? seal_lane(in, l, f)
						 : ingest_seal(in, f);
	}
	if (r == 0 && l->draft == NULL)
		r = open_lane(in, l, f);
	if (r == 0 && l->job == NULL)
		l->job = take_job(in, l);
	return r;
}

static int
add_object(struct job *j, const struct draft_object *o, struct span content,
	struct span rows)
{
	struct draft_object *bigger;

	if (j->n == j->cap) {
		bigger = mem_realloc_array(
			j->objects, 2 * j->cap + 64, sizeof(*bigger));
		if (bigger == NULL)
			return -ENOMEM;
		j->objects = bigger;
		j->cap = 2 * j->cap + 64;
	}
	if (buf_reserve(&j->plain, content.n) != 0 ||
		buf_append(&j->refs, rows.p, rows.n) != 0)
		return -ENOMEM;
	j->objects[j->n++] = *o;
	return buf_append(&j->plain, content.p, content.n);
}

/* The references as they are stored, in in->rows. */
static int
encode_rows(struct ingest *in, const struct ref *refs, uint32_t nrefs)
{
	uint32_t i;

	buf_clear(&in->rows);
	if (buf_reserve(&in->rows, (size_t)nrefs * PACK_REF_SIZE) != 0)
		return -ENOMEM;
	for (i = 0; i < nrefs; i++)
		pack_ref_encode(&refs[i], in->rows.p + i * PACK_REF_SIZE);
	in->rows.n = (size_t)nrefs * PACK_REF_SIZE;
	return 0;
}

static int
store_new(struct ingest *in, struct lane *l, enum object_type type,
	struct span content, const uint8_t digest[16], struct ref *ref,
	struct fault *f)
{
	struct draft_object o = {.id = ref->id,
		.type = type,
		.length = (uint32_t)content.n,
		.nrefs = (uint32_t)(in->rows.n / PACK_REF_SIZE)};
	int r;

	r = make_room(in, l, content.n, f);
	if (r != 0)
		return r;
	o.offset = (uint32_t)l->job->plain.n;
	if (add_object(l->job, &o, content, buf_span(&in->rows)) != 0 ||
		known_add(&l->known, &ref->id, digest, l->rows) != 0)
		return fault_set(f, FAULT_NO_MEMORY, "pull", NULL);
	ref->addr.ordinal = l->ordinal;
	ref->addr.row = l->rows++;
	return 0;
}

int
ingest_put(struct ingest *in, enum object_type type, struct span content,
	const struct ref *refs, uint32_t nrefs, struct ref *ret,
	struct fault *f)
{
	struct lane *l = type == OBJECT_CHUNK ? &in->data : &in->meta;
	uint8_t digest[16] = {0};
	struct span rows;
	struct ref ref;
	int r;

	if (encode_rows(in, refs, nrefs) != 0)
		return fault_set(f, FAULT_NO_MEMORY, "pull", NULL);
	rows = buf_span(&in->rows);
	if (nrefs != 0)
		digest_blake2b(digest, sizeof(digest), &rows, 1);
	id_compute(&ref.id, in->ids, type, refs, nrefs, content);
	if (l->draft != NULL &&
		known_find(&l->known, &ref.id, digest, &ref.addr.row)) {
		ref.addr.ordinal = l->ordinal;
		*ret = ref;
		return 0;
	}
	r = writer_lookup(in->w, in->compartment, &ref.id, rows, &ref.addr);
	if (r < 0)
		return fault_errno(f, FAULT_IO, r, "index", "look-up");
	if (r == LOOKUP_MISS) {
		r = store_new(in, l, type, content, digest, &ref, f);
		if (r != 0)
			return r;
	}
	*ret = ref;
	return 0;
}

bool
ingest_sealed(const struct ingest *in, uint32_t ordinal)
{
	return ordinal != in->data.ordinal && ordinal != in->meta.ordinal;
}

uint32_t
ingest_seals(const struct ingest *in)
{
	return in->seals;
}

uint64_t
ingest_stored(const struct ingest *in)
{
	return in->stored;
}

const struct id_keys *
ingest_id_keys(const struct ingest *in)
{
	return in->ids;
}

/* ---- life ---- */

static int
init(struct ingest *in, const struct ingest_opts *o, struct fault *f)
{
	const struct key *secret;
	size_t i;
	int r;

	secret = vault_keys_secret(writer_keys_peek(o->writer), o->compartment);
	if (secret == NULL)
		return fault_set(f, FAULT_KEY_MISSING, "keys/vault",
			"it has no secret of compartment %u", o->compartment);
	in->ids = secmem_alloc(sizeof(*in->ids));
	in->data.keys = secmem_alloc(sizeof(*in->data.keys));
	in->meta.keys = secmem_alloc(sizeof(*in->meta.keys));
	if (in->ids == NULL || in->data.keys == NULL || in->meta.keys == NULL)
		return fault_set(f, FAULT_NO_MEMORY, "locked memory", NULL);
	id_keys_derive(in->ids, secret);
	in->data.kind = PACK_DATA;
	in->meta.kind = PACK_META;
	for (i = 0; i < JOBS; i++) {
		in->jobs[i].in = in;
		in->jobs[i].next = in->free;
		in->free = &in->jobs[i];
	}
	r = writer_epoch(in->w, in->compartment, &in->epoch, in->epoch_pk.b, f);
	if (r != 0)
		return r;
	r = pool_create(o->workers, JOBS, &in->pool);
	return r == 0 ? 0 : fault_errno(f, FAULT_NO_MEMORY, r, "threads", NULL);
}

int
ingest_open(
	const struct ingest_opts *opts, struct ingest **ret, struct fault *f)
{
	struct ingest *in = mem_zalloc(sizeof(*in));
	int r;

	if (in == NULL)
		return fault_set(f, FAULT_NO_MEMORY, "pull", NULL);
	pthread_mutex_init(&in->lock, NULL);
	pthread_cond_init(&in->moved, NULL);
	in->tail = &in->head;
	in->w = opts->writer;
	in->compartment = opts->compartment;
	in->source = opts->source;
	r = init(in, opts, f);
	if (r != 0)
		ingest_close(in);
	else
		*ret = in;
	return r;
}

static void
close_lane(struct lane *l)
{
	draft_drop(l->draft);
	secmem_free(l->keys);
	known_free(&l->known);
}

void
ingest_close(struct ingest *in)
{
	size_t i;

	if (in == NULL)
		return;
	pool_free(in->pool);
	close_lane(&in->data);
	close_lane(&in->meta);
	for (i = 0; i < JOBS; i++) {
		buf_free(&in->jobs[i].plain);
		buf_free(&in->jobs[i].refs);
		buf_free(&in->jobs[i].sealed);
		block_scratch_free(&in->jobs[i].scratch);
		mem_free(in->jobs[i].objects);
	}
	buf_free(&in->rows);
	secmem_free(in->ids);
	pthread_cond_destroy(&in->moved);
	pthread_mutex_destroy(&in->lock);
	mem_free(in);
}
