/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: flips STORE PASSPHRASE-FILE SEED SCRUB-SECONDS READ-SECONDS FORGED-SECONDS
 *
 * Every byte of the files of a store gets one random bit flipped, in place, and
 * back. cache/, incoming/ and run/ are not looked at: another wall is for
 * the first, and the others hold nothing of a store at rest.
 *
 * scrub   the keyless scrub names the file, and no file that is whole
 * read    of all objects of all snapshots each is given as it was, or refused by
 *         name
 * forged  the same for bytes of packs where hashes and signatures were made
 *         anew over the flipped bit: what keys/vault can forge
 *
 * As many bytes are left out as the seconds ask for (0: none), but for what is
 * short in a pack and not noise; each of the three begins at a byte drawn by
 * the seed. The last line is JSON.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "keys/secmem.h"
#include "tests/lib/closure.h"
#include "tests/unit/store/lib.h"
#include "tests/walls/resign.h"
#include "view/session.h"

#define FILES_MAX 256U
/* Bytes of opened blocks: more than the store has. */
#define CACHE (32U << 20)
/* Refusals of one pack, after which the rest of it is not asked for in the
 * same reading: each hashes the damaged slice again. */
#define REFUSALS_ENOUGH 8U

/* A file whose bytes are flipped. */
struct target {
	char name[160];
	int fd;
	uint64_t size;
	bool alone; /* others cannot be judged while it is damaged */
	bool pack;
	/* While a scrub runs. */
	uint64_t at;
	bool flipped, named;
	uint64_t total, detected;
};

enum outcome {
	RIGHT,
	REFUSED,
	WRONG,
	OUTCOMES
};

/* What one of the three came to. */
struct tally {
	uint64_t k, bytes;
	uint64_t outcome[OUTCOMES]; /* of readings */
};

/* An object as it was read from the whole store. */
struct object {
	struct ref ref;
	enum object_type type;
	struct span content, rows;
};

/* A snapshot as it was, with the objects that none before it has. */
struct known {
	struct snapshot snapshot;
	struct object *object;
	size_t n;
};

struct flips {
	const char *dir, *pass;
	char forged[LIB_PATH];
	uint64_t seed;
	struct target file[FILES_MAX];
	size_t files;
	struct known *known;
	size_t snapshots;
	uint64_t violations;
};

static struct flips flips;

static void
violation(const struct target *t, const char *what)
{
	printf("VIOLATION: %s: byte %" PRIu64 ": %s\n", t->name, t->at, what);
	flips.violations++;
}

/* ---- numbers ---- */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The same for the same seed, whatever k is (splitmix64). */
static uint64_t
drawn(uint64_t a, uint64_t b)
{
	uint64_t x = flips.seed + a * 0x9e3779b97f4a7c15ULL + b;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static uint64_t
every(uint64_t points, double cost, double seconds)
{
	double k = seconds > 0 ? (double)points * cost / seconds : 0;

	return k < 1 ? 1 : (uint64_t)k + 1;
}

/* ---- the files ---- */

static void
add_file(const char *name)
{
	struct target *t = &flips.file[flips.files++];
	char path[LIB_PATH];
	struct stat sb;

	lib_path(path, flips.dir, name);
	t->pack = strncmp(name, "packs/", 6) == 0;
	t->alone = strncmp(name, "ledger/", 7) == 0 ||
		   strcmp(name, "store.conf") == 0;
	snprintf(t->name, sizeof(t->name), "%s", name);
	(void)chmod(path, 0600);
	t->fd = open(path, O_RDWR | O_CLOEXEC);
	if (t->fd < 0 || fstat(t->fd, &sb) < 0 || flips.files == FILES_MAX) {
		fprintf(stderr, "flips: %s cannot be changed\n", path);
		exit(2);
	}
	t->size = (uint64_t)sb.st_size;
}

static void
add_folder(const char *folder)
{
	char path[LIB_PATH], name[LIB_PATH];
	struct dirent **v;
	int n;

	lib_path(path, flips.dir, folder);
	n = scandir(path, &v, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		lib_path(name, folder, v[i]->d_name);
		if (v[i]->d_type == DT_DIR && v[i]->d_name[0] != '.')
			add_folder(name);
		else if (v[i]->d_type == DT_REG)
			add_file(name);
		free(v[i]);
	}
	free(v);
}

/* Flip the bit of t->at that the seed draws; again: back. */
static void
flip(struct target *t)
{
	uint64_t bit = drawn((uint64_t)(t - flips.file) + 1, t->at) % 8;
	uint8_t byte = 0;
	bool good = pread(t->fd, &byte, 1, (off_t)t->at) == 1;

	byte ^= (uint8_t)(1U << bit);
	if (!good || pwrite(t->fd, &byte, 1, (off_t)t->at) != 1) {
		fprintf(stderr, "flips: %s cannot be written\n", t->name);
		exit(2);
	}
	t->flipped = !t->flipped;
}

/* ---- scrub ---- */

/* A fault names a file as its object or behind it ("... leaf 7"); that of
 * a store.conf of a later format tells of it. */
static bool
names(const struct fault *f, const char *name)
{
	size_t n = strlen(name);

	return (strncmp(f->object, name, n) == 0 &&
		       (f->object[n] == '\0' || f->object[n] == ' ')) ||
	       (f->code == FAULT_STORE_NEWER && strstr(f->detail, name));
}

static void
on_finding(void *ctx, const struct scrub_finding *finding)
{
	bool blamed = false;

	(void)ctx;
	if (finding->harmless)
		return;
	for (size_t i = 0; i < flips.files; i++) {
		struct target *t = &flips.file[i];

		if (!names(&finding->fault, t->name))
			continue;
		t->named = true;
		blamed = blamed || t->flipped;
	}
	/* What a damaged ledger does not tell any more may be reported too. */
	for (size_t i = 0; i < flips.files; i++)
		blamed = blamed ||
			 (flips.file[i].alone && flips.file[i].flipped);
	if (!blamed) {
		printf("VIOLATION: %s is blamed, and whole\n",
			finding->fault.object);
		flips.violations++;
	}
}

/* As verify does it. */
static void
scrub(void)
{
	const struct scrub_sink sink = {.finding = on_finding};
	struct scrub_finding finding = {.harmless = false};
	_cleanup_store_ struct store *st = NULL;
	struct scrub_result r;

	if (store_open(flips.dir, &st, &finding.fault) < 0 ||
		scrub_store(st, &sink, &r, &finding.fault) < 0)
		on_finding(NULL, &finding);
}

/* Scrub with all that is flipped, which is then put back. */
static void
judge(void)
{
	scrub();
	for (size_t i = 0; i < flips.files; i++) {
		struct target *t = &flips.file[i];

		if (!t->flipped)
			continue;
		flip(t);
		t->total++;
		t->detected += t->named;
		if (!t->named)
			violation(t, "no finding names it");
		t->named = false;
	}
}

/* Files that are judged each for itself are flipped in the same scrub. */
static void
scrub_round(bool packs, uint64_t at, bool from_end)
{
	for (size_t i = 0; i < flips.files; i++) {
		struct target *t = &flips.file[i];

		if (t->alone || t->pack != packs || at >= t->size)
			continue;
		t->at = from_end ? t->size - 1 - at : at;
		flip(t);
	}
	judge();
}

static void
scrub_together(bool packs, uint64_t k, uint64_t from, uint64_t most)
{
	for (uint64_t at = from; at < most; at += k)
		scrub_round(packs, at, false);
}

/* Of packs all of what is short and not noise: what the header says, trailer,
 * slice tree, tail. Returns the rounds that it took. */
static uint64_t
scrub_borders(void)
{
	const uint64_t header = 256, tail = PACK_TAIL_SIZE;
	const uint64_t around = SLICE - 256, tree = SLICE + 128;

	for (uint64_t at = 0; at < header; at++)
		scrub_round(true, at, false);
	for (uint64_t at = 0; at < tail; at++)
		scrub_round(true, at, true);
	for (uint64_t at = around; at < tree; at++)
		scrub_round(true, at, true);
	return header + tail + tree - around;
}

static void
scrub_alone(uint64_t k, uint64_t from)
{
	for (size_t i = 0; i < flips.files; i++) {
		struct target *t = &flips.file[i];

		for (t->at = from; t->alone && t->at < t->size; t->at += k) {
			flip(t);
			judge();
		}
	}
}

/* Packs have most of the bytes; the others get a third of the time. */
static void
scrub_all(double seconds, uint64_t *k_packs, uint64_t *k_others)
{
	uint64_t points = 0, most[2] = {0, 0}, k;
	double began = now(), cost, left;

	for (size_t i = 0; i < flips.files; i++) {
		const struct target *t = &flips.file[i];

		if (t->alone)
			points += t->size;
		else if (t->size > most[t->pack])
			most[t->pack] = t->size;
	}
	/* Of the whole store: nothing may be found. */
	for (unsigned int i = 0; i < 20; i++)
		scrub();
	cost = (now() - began) / 20;
	*k_others = k = every(points + most[false], cost, seconds / 3);
	scrub_alone(k, drawn(1, 0) % k);
	scrub_together(false, k, drawn(2, 0) % k, most[false]);
	left = seconds * 2 / 3 - cost * (double)scrub_borders();
	if (seconds > 0 && left < 1)
		left = 1;
	*k_packs = k = every(most[true], cost, seconds > 0 ? left : 0);
	scrub_together(true, k, drawn(3, 0) % k, most[true]);
}

/* ---- reading ---- */

static struct span
copy(struct span s)
{
	uint8_t *p = malloc(s.n + 1);

	if (p && s.n > 0)
		memcpy(p, s.p, s.n);
	return span_of(p, s.n);
}

static void
on_bad(void *ctx, const struct ref *ref, const struct fault *why)
{
	(void)ctx;
	fprintf(stderr, "flips: object %u.%u of the whole store: %s\n",
		ref->addr.ordinal, ref->addr.row, fault_name(why->code));
	exit(2);
}

static bool
is_known(const struct known *known, const struct ref *ref)
{
	for (size_t i = 0; i < known->n; i++)
		if (ref_equal(&known->object[i].ref, ref))
			return true;
	return false;
}

static bool
is_known_before(const struct known *known, const struct ref *ref)
{
	for (const struct known *k = flips.known; k < known; k++)
		if (is_known(k, ref))
			return true;
	return false;
}

static void
learn_object(struct view_snap *snap, const struct ref *ref, struct object *ret)
{
	struct view_object v = VIEW_OBJECT_NONE;
	struct fault f = {.code = FAULT_NONE};

	if (view_object(snap, ref, VIEW_ANY_TYPE, &v, &f) != 0)
		on_bad(NULL, ref, &f);
	*ret = (struct object){*ref, v.type, copy(v.content), copy(v.rows)};
	view_object_put(&v);
}

static void
learn_snapshot(
	struct session *s, const struct snapshot *snapshot, struct known *known)
{
	_cleanup_view_snap_ struct view_snap *snap = NULL;
	_cleanup_closure_ struct closure all = CLOSURE_NONE;
	struct fault f = {.code = FAULT_NONE};

	known->snapshot = *snapshot;
	if (view_snap_open(s->view, snapshot, &snap, &f) != 0)
		on_bad(NULL, &snapshot->body.root, &f);
	closure_walk(snap, &snapshot->body.root, on_bad, NULL, &all);
	known->object = calloc(all.n, sizeof(*known->object));
	for (size_t i = 0; i < all.n; i++)
		if (!is_known_before(known, &all.v[i]))
			learn_object(
				snap, &all.v[i], &known->object[known->n++]);
}

static void
learn(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct fault f = {.code = FAULT_NONE};

	if (session_open(flips.dir, flips.pass, CACHE, &s, &f) != 0) {
		fprintf(stderr, "flips: %s\n", fault_name(f.code));
		exit(2);
	}
	flips.snapshots = s.snapshots.n;
	flips.known = calloc(s.snapshots.n, sizeof(*flips.known));
	for (size_t i = 0; i < s.snapshots.n; i++)
		learn_snapshot(&s, &s.snapshots.v[i], &flips.known[i]);
}

/* Damage has a name of its own: it is no trouble with a disk, nor a bug. */
static bool
named_fault(const struct fault *f)
{
	return f->code != FAULT_NONE && f->code != FAULT_IO &&
	       f->code != FAULT_INTERNAL && f->code != FAULT_NO_MEMORY;
}

static bool
same_object(const struct object *o, const struct view_object *v)
{
	return v->type == o->type && span_eq(v->content, o->content) &&
	       span_eq(v->rows, o->rows);
}

/* A forged ledger has other leaves, with the same to say. */
static bool
same_snapshot(const struct snapshot *a, const struct snapshot *b)
{
	return a->number == b->number && a->clear.pull == b->clear.pull &&
	       a->clear.flags == b->clear.flags &&
	       strcmp(a->name, b->name) == 0 &&
	       strcmp(a->location, b->location) == 0 &&
	       ref_equal(&a->body.root, &b->body.root) &&
	       a->body.entries == b->body.entries &&
	       a->body.bytes == b->body.bytes &&
	       a->body.problems == b->body.problems;
}

static enum outcome
read_object(struct view_snap *snap, const struct object *o)
{
	struct view_object v = VIEW_OBJECT_NONE;
	struct fault f = {.code = FAULT_NONE};
	bool same;

	if (view_object(snap, &o->ref, VIEW_ANY_TYPE, &v, &f) != 0)
		return named_fault(&f) ? REFUSED : WRONG;
	same = same_object(o, &v);
	view_object_put(&v);
	return same ? RIGHT : WRONG;
}

/* All objects, from one on that is another each time. */
static enum outcome
read_objects(struct view_snap *snap, const struct known *k)
{
	static uint64_t readings;
	unsigned int refused[FILES_MAX] = {0};
	uint64_t from = drawn(6, readings++);
	enum outcome outcome = RIGHT, one;

	for (size_t i = 0; i < k->n; i++) {
		const struct object *o = &k->object[(from + i) % k->n];
		unsigned int *of_pack =
			&refused[o->ref.addr.ordinal % FILES_MAX];

		if (*of_pack == REFUSALS_ENOUGH)
			continue;
		one = read_object(snap, o);
		if (one == WRONG)
			return WRONG;
		if (one == REFUSED) {
			*of_pack += 1;
			outcome = REFUSED;
		}
	}
	return outcome;
}

static enum outcome
read_snapshot(struct session *s, const struct snapshot *snapshot,
	const struct known *k)
{
	_cleanup_view_snap_ struct view_snap *snap = NULL;
	struct fault f = {.code = FAULT_NONE};

	if (!same_snapshot(snapshot, &k->snapshot))
		return WRONG;
	if (view_snap_open(s->view, snapshot, &snap, &f) != 0)
		return named_fault(&f) ? REFUSED : WRONG;
	return read_objects(snap, k);
}

static enum outcome
read_store(const char *dir)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct fault f = {.code = FAULT_NONE};
	enum outcome outcome = RIGHT, one;

	if (session_open(dir, flips.pass, CACHE, &s, &f) != 0)
		return named_fault(&f) ? REFUSED : WRONG;
	if (s.snapshots.n != flips.snapshots)
		return WRONG;
	for (size_t i = 0; i < s.snapshots.n && outcome != WRONG; i++) {
		one = read_snapshot(&s, &s.snapshots.v[i], &flips.known[i]);
		if (one > outcome)
			outcome = one;
	}
	return outcome;
}

/* What a reading is tried on: which store, and how many bytes of each file. */
struct probe {
	const char *(*store)(void);
	void (*done)(void);
	uint64_t (*bytes)(const struct target *t);
};

/* Read with all that is flipped, which is then put back. */
static void
judge_reading(const struct probe *p, struct tally *tally)
{
	enum outcome outcome = read_store(p->store());

	p->done();
	tally->outcome[outcome]++;
	for (size_t i = 0; i < flips.files; i++) {
		struct target *t = &flips.file[i];

		if (!t->flipped)
			continue;
		flip(t);
		tally->bytes++;
		if (outcome == WRONG)
			violation(t, "it was not read as it was, nor refused "
				     "by name");
	}
}

static const char *
as_it_is(void)
{
	return flips.dir;
}

static void
nothing(void)
{
}

static uint64_t
whole(const struct target *t)
{
	return t->size;
}

static const char *
forge(void)
{
	resign_store(flips.dir, flips.forged);
	return flips.forged;
}

static void
remove_forged(void)
{
	lib_remove_tree(flips.forged);
}

/* The bytes that a forger hashes: those before the slice tree, which with what
 * is behind it is one slice long in packs as small as these. */
static uint64_t
hashed(const struct target *t)
{
	return t->pack ? t->size - SLICE : 0;
}

static const struct probe probe_read = {as_it_is, nothing, whole};
static const struct probe probe_forged = {forge, remove_forged, hashed};

/* An object is read out of one pack, so a byte of each pack is flipped for the
 * same reading. */
static void
read_packs(const struct probe *p, uint64_t at, struct tally *tally)
{
	for (size_t i = 0; i < flips.files; i++) {
		struct target *t = &flips.file[i];

		if (!t->pack || at >= p->bytes(t))
			continue;
		t->at = at;
		flip(t);
	}
	judge_reading(p, tally);
}

/* Any other file may be needed for all of them. */
static void
read_alone(
	const struct probe *p, uint64_t k, uint64_t from, struct tally *tally)
{
	for (size_t i = 0; i < flips.files; i++) {
		struct target *t = &flips.file[i];

		for (t->at = from; !t->pack && t->at < p->bytes(t);
			t->at += k) {
			flip(t);
			judge_reading(p, tally);
		}
	}
}

/* Try every k-th of the bytes of a probe. */
static struct tally
try_all(const struct probe *p, uint64_t salt, double seconds)
{
	uint64_t points = 0, most = 0, k;
	struct tally tally = {0};
	double began;

	for (size_t i = 0; i < flips.files; i++) {
		const struct target *t = &flips.file[i];

		if (!t->pack)
			points += p->bytes(t);
		else if (p->bytes(t) > most)
			most = p->bytes(t);
	}
	/* Some are tried twice, to learn what one costs. */
	began = now();
	for (uint64_t i = 0; i < 20; i++)
		read_packs(p, drawn(salt, i) % most, &tally);
	k = every(points + most, (now() - began) / 20, seconds);
	tally = (struct tally){.k = k};
	read_alone(p, k, drawn(salt, 98) % k, &tally);
	for (uint64_t at = drawn(salt, 99) % k; at < most; at += k)
		read_packs(p, at, &tally);
	/* Both must happen. */
	flips.violations += tally.outcome[RIGHT] == 0;
	flips.violations += tally.outcome[REFUSED] == 0;
	return tally;
}

/* ---- the end ---- */

static void
tell_scrubbed(uint64_t k_packs, uint64_t k_others)
{
	static const char *const areas[] = {
		"store.conf", "keys/", "ledger/", "manifests/", "packs/"};

	printf("{\"scrub\": {\"k_packs\": %" PRIu64 ", \"k_others\": %" PRIu64,
		k_packs, k_others);
	for (size_t a = 0; a < array_len(areas); a++) {
		uint64_t total = 0, detected = 0;

		for (size_t i = 0; i < flips.files; i++) {
			const struct target *t = &flips.file[i];

			if (strncmp(t->name, areas[a], strlen(areas[a])) != 0)
				continue;
			total += t->total;
			detected += t->detected;
		}
		printf(", \"%s\": \"%" PRIu64 "/%" PRIu64 "\"", areas[a],
			detected, total);
		/* Each kind is there, or the store is not what it should be. */
		flips.violations += total == 0;
	}
	printf("}");
}

static void
tell_read(const char *name, const struct tally *t)
{
	printf(", \"%s\": {\"k\": %" PRIu64 ", \"bytes\": %" PRIu64
	       ", \"readings_refused\": %" PRIu64
	       ", \"readings_unharmed\": %" PRIu64
	       ", \"readings_wrong\": %" PRIu64 "}",
		name, t->k, t->bytes, t->outcome[REFUSED], t->outcome[RIGHT],
		t->outcome[WRONG]);
}

int
main(int argc, char **argv)
{
	struct tally read, forged;
	uint64_t k_packs, k_others;

	if (argc != 7) {
		fputs("usage: flips STORE PASSPHRASE-FILE SEED SCRUB-SECONDS "
		      "READ-SECONDS FORGED-SECONDS\n",
			stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	flips.dir = argv[1];
	flips.pass = argv[2];
	flips.seed = strtoull(argv[3], NULL, 10);
	snprintf(flips.forged, sizeof(flips.forged), "%s.forged", flips.dir);
	if (secmem_init() == -EIO)
		return 2;
	add_file("store.conf");
	add_folder("keys");
	add_folder("ledger");
	add_folder("manifests");
	add_folder("packs");
	learn();
	printf("%zu files, %zu snapshots\n", flips.files, flips.snapshots);
	scrub_all(atof(argv[4]), &k_packs, &k_others);
	puts("scrubbed");
	read = try_all(&probe_read, 4, atof(argv[5]));
	puts("read");
	forged = try_all(&probe_forged, 5, atof(argv[6]));
	tell_scrubbed(k_packs, k_others);
	tell_read("read", &read);
	tell_read("forged", &forged);
	printf(", \"violations\": %" PRIu64 "}\n", flips.violations);
	return flips.violations > 0;
}
