/* SPDX-License-Identifier: Apache-2.0 */
/* muniment-mount: the snapshots of a store as a read-only file system. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include "fuse/detach.h"
#include "fuse/ops.h"
#include "fuse/point.h"
#include "keys/secmem.h"
#include "util/fds.h"
#include "util/mem.h"
#include "view/passphrase.h"
#include "view/session.h"

#define NAME "muniment-mount"
/* The verb is what people typed. */
#define SAYS "muniment mount"
#define STATUS_USAGE 2

/*
 * Blocks are taken by one thread and given back by another: with an arena
 * for each of them the heap grows to three times what the cache holds.
 */
#define ARENAS 2

static const char usage[] =
	"usage: " NAME " --store DIR MOUNTPOINT [--foreground]\n"
	"                      [--passphrase-file FILE]\n"
	"\n"
	"Shows all snapshots of the store, read-only, at MOUNTPOINT:\n"
	"  NAME/2026-11-22T03-00-00Z/...  a snapshot of source NAME\n"
	"  NAME/latest                    a link to its newest\n"
	"\n"
	"  --store DIR             the store (or MUNIMENT_STORE)\n"
	"  --passphrase-file FILE  read the passphrase there (or\n"
	"                          MUNIMENT_PASSPHRASE_FILE), do not ask\n"
	"  --foreground            stay; end on a signal or unmount\n"
	"\n"
	"It goes into the background once the mount answers, and ends with\n"
	"umount or fusermount3 -u.\n";

struct options {
	const char *store;
	const char *passphrase_file;
	const char *mountpoint;
	bool foreground;
	bool help;
};

/* Where complaints go once the terminal is gone. */
static bool to_syslog;

static void
print_fault(const struct fault *f)
{
	char text[FAULT_TEXT_SIZE];

	fault_text(f, text, sizeof(text));
	if (to_syslog)
		syslog(LOG_ERR, "%s", text);
	else
		fprintf(stderr, SAYS ": %s\n", text);
}

static int
take(const char **value, const char *name, struct fault *f)
{
	if (optarg[0] == '\0')
		return fault_set(
			f, FAULT_USAGE, name, "the option's value is empty");
	if (*value)
		return fault_set(
			f, FAULT_USAGE, name, "the option is given twice");
	*value = optarg;
	return 0;
}

static int
parse(int argc, char **argv, struct options *o, struct fault *f)
{
	static const struct option longs[] = {
		{"store", required_argument, NULL, 's'},
		{"passphrase-file", required_argument, NULL, 'p'},
		{"foreground", no_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *env = getenv("MUNIMENT_STORE");
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			if (take(&o->store, "store", f) < 0)
				return -EINVAL;
			break;
		case 'p':
			if (take(&o->passphrase_file, "passphrase-file", f) < 0)
				return -EINVAL;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 'h':
			o->help = true;
			return 0;
		default:
			return fault_set(f, FAULT_USAGE, argv[optind - 1],
				c == ':' ? "it needs a value"
					 : "there is no such option");
		}
	}
	if (!o->store && env && *env != '\0')
		o->store = env;
	if (optind == argc - 1)
		o->mountpoint = argv[optind];
	if (!o->mountpoint)
		return fault_set(
			f, FAULT_USAGE, NULL, "one mountpoint is needed");
	if (o->mountpoint[0] == '\0')
		return fault_set(f, FAULT_USAGE, "MOUNTPOINT", "it is empty");
	if (!o->store)
		return fault_set(f, FAULT_USAGE, NULL,
			"a store is needed: --store or MUNIMENT_STORE");
	return 0;
}

/* ---- secrets ---- */

static int
prepare_memory(struct fault *f)
{
	const struct rlimit none = {0, 0};
	int err;

	(void)setrlimit(RLIMIT_CORE, &none);
	err = secmem_init();
	if (err == -EPERM) {
		fprintf(stderr, SAYS ": warning: keys could not be locked "
				     "into memory and may reach the swap; "
				     "raise the limit of locked memory "
				     "[memory-lock]\n");
		return 0;
	}
	return err < 0 ? fault_errno(f, FAULT_NO_MEMORY, err, "keys",
				 "there is no memory for them")
		       : 0;
}

/* ---- complaints of the running mount ---- */

/* Faults that were told already: damage is met again at every read. */
#define TOLD 256U

static void
complain(const struct fault *f)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t told[TOLD]; /* protected by lock */
	static unsigned int next;   /* protected by lock */
	uint64_t h = 0xcbf29ce484222325U;
	bool known = false;

	for (const char *p = f->object; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3U;
	for (const char *p = f->detail; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3U;
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < TOLD && !known; i++)
		known = told[i] == h;
	if (!known)
		told[next++ % TOLD] = h;
	pthread_mutex_unlock(&lock);
	if (!known)
		print_fault(f);
}

/* ---- libfuse ---- */

/* What libfuse would print goes into the fault instead. */
static char fuse_said[200];

printf_like(2, 0) static void on_fuse_log(
	enum fuse_log_level level, const char *fmt, va_list ap)
{
	if (level > FUSE_LOG_WARNING)
		return;
	vsnprintf(fuse_said, sizeof(fuse_said), fmt, ap);
	fuse_said[strcspn(fuse_said, "\n")] = '\0';
}

static int
mount_failed(const char *point, struct fault *f)
{
	return fault_set(f, FAULT_MOUNT_FAILED, point, "%s",
		fuse_said[0] != '\0' ? fuse_said : "FUSE refuses it");
}

/* A session that is mounted; NULL and a fault otherwise. */
static struct fuse_session *
mount_session(struct mount *m, const char *point, struct fault *f)
{
	char program[] = NAME, o[] = "-o",
	     user[] = "ro,nosuid,nodev,noexec,default_permissions,"
		      "fsname=muniment,subtype=muniment";
	char root[sizeof(user) + 16];
	char *argv[] = {program, o, user, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_session *se;

	snprintf(root, sizeof(root), "%s,allow_other", user);
	if (geteuid() == 0)
		argv[2] = root;
	fuse_set_log_func(on_fuse_log);
	se = fuse_session_new(&args, &ops_table, sizeof(ops_table), m);
	fuse_opt_free_args(&args);
	if (!se) {
		mount_failed(point, f);
		return NULL;
	}
	if (fuse_set_signal_handlers(se) != 0 ||
		fuse_session_mount(se, point) != 0) {
		fuse_remove_signal_handlers(se);
		fuse_session_destroy(se);
		mount_failed(point, f);
		return NULL;
	}
	return se;
}

/* Into the background, if we are to go there. */
static int
get_ready(const char *point, int *ready, struct fault *f)
{
	int err;

	if (*ready < 0)
		return 0;
	err = detach_ready(take_fd(ready));
	if (err < 0)
		return fault_errno(f, FAULT_MOUNT_FAILED, err, point,
			"nobody can be told of it");
	openlog(NAME, LOG_PID, LOG_DAEMON);
	to_syslog = true;
	return 0;
}

static int
serve(struct mount *m, const char *point, int *ready, struct fault *f)
{
	struct fuse_loop_config *config = NULL;
	struct fuse_session *se;
	int r;

	se = mount_session(m, point, f);
	if (!se)
		return -EIO;
	r = get_ready(point, ready, f);
	if (r == 0)
		config = fuse_loop_cfg_create();
	if (r == 0)
		r = config ? fuse_session_loop_mt(se, config) : -ENOMEM;
	fuse_loop_cfg_destroy(config);
	fuse_session_unmount(se);
	fuse_remove_signal_handlers(se);
	fuse_session_destroy(se);
	/* Above 0: the signal that asked for the end. */
	return r < 0 ? mount_failed(point, f) : 0;
}

/* Unlock and serve; threads start only here, behind the fork. */
static int
run(const struct options *o, const char *point, int *ready, struct fault *f)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct mount m = {.complain = complain};
	int err;

	err = prepare_memory(f);
	if (err == 0)
		err = session_open(o->store,
			passphrase_file(o->passphrase_file), VIEW_CACHE_MOUNT,
			&s, f);
	if (err == 0)
		err = point_clear_of_sources(point, &s.snapshots, f);
	if (err < 0)
		return err;
	err = inodes_create(&s, &m.inodes);
	if (err == 0)
		err = ahead_create(&m.ahead);
	if (err < 0)
		fault_errno(f, FAULT_NO_MEMORY, err, o->store, NULL);
	else
		err = serve(&m, point, ready, f);
	ahead_free(m.ahead);
	inodes_free(m.inodes);
	return err;
}

int
main(int argc, char **argv)
{
	_cleanup_free_ char *point = NULL;
	_cleanup_close_ int ready = -1;
	struct options o = {0};
	struct fault f = {0};
	int err;

	(void)mallopt(M_ARENA_MAX, ARENAS);
	if (parse(argc, argv, &o, &f) < 0) {
		print_fault(&f);
		return STATUS_USAGE;
	}
	if (o.help) {
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	err = fds_prepare(&f);
	if (err == 0)
		err = point_check(o.mountpoint, o.store, &point, &f);
	if (err == 0 && !o.foreground) {
		err = detach_fork(point, &ready);
		if (err < 0)
			fault_errno(&f, FAULT_MOUNT_FAILED, err, point,
				"no process can be started");
	}
	if (err == 0)
		err = run(&o, point, &ready, &f);
	if (err < 0) {
		print_fault(&f);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
