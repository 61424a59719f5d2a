/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util/hook.h"

/* Names of enum hook_op, in its order; the last one is HOOK_OPS. */
static const char *const op_names[] = {
	[HOOK_OPEN] = "open",
	[HOOK_READ] = "read",
	[HOOK_PREAD] = "pread",
	[HOOK_WRITE] = "write",
	[HOOK_PWRITE] = "pwrite",
	[HOOK_SEND] = "send",
	[HOOK_RECV] = "recv",
	[HOOK_FSYNC] = "fsync",
	[HOOK_TRUNCATE] = "truncate",
	[HOOK_RENAME] = "rename",
	[HOOK_LINK] = "link",
	[HOOK_UNLINK] = "unlink",
	[HOOK_MKDIR] = "mkdir",
	[HOOK_STAT] = "stat",
	[HOOK_MMAP] = "mmap",
	[HOOK_ALLOC] = "alloc",
	[HOOK_SPAWN] = "spawn",
	[HOOK_OPS] = "any",
};

/* Above every errno of every Linux architecture. */
#define ERRNO_END 4096

static _Atomic(hook_fn *) hook_now;
static _Atomic(void *) hook_ctx;

#ifdef MUNIMENT_FAULTS

/* Armed from the start, so that the first operation reads the plan. */
atomic_bool hook_armed = true;

static pthread_once_t env_once = PTHREAD_ONCE_INIT;
static struct hook_plan env_plan;

static void
env_read(void)
{
	const char *text = secure_getenv("MUNIMENT_FAULT");

	if (!text) {
		atomic_store(&hook_armed, false);
		return;
	}
	if (hook_plan_parse(text, &env_plan) < 0)
		_exit(99);
	if (env_plan.program[0] != '\0' &&
		strcmp(env_plan.program, program_invocation_short_name) != 0) {
		atomic_store(&hook_armed, false);
		return;
	}
	env_plan.told = secure_getenv("MUNIMENT_FAULT_TOLD");
	atomic_store(&hook_ctx, &env_plan);
	atomic_store(&hook_now, hook_plan_run);
}

static void
read_env_once(void)
{
	pthread_once(&env_once, env_read);
}

#else

atomic_bool hook_armed;

static void
read_env_once(void)
{
}

#endif

void
hook_set(hook_fn *fn, void *ctx)
{
	/* First, or a later read of the environment would replace fn. */
	read_env_once();
	atomic_store(&hook_ctx, ctx);
	atomic_store(&hook_now, fn);
	atomic_store(&hook_armed, fn != NULL);
}

int
hook_ask(enum hook_op op, size_t *len)
{
	hook_fn *fn;

	read_env_once();
	fn = atomic_load(&hook_now);
	return fn ? fn(atomic_load(&hook_ctx), op, len) : 0;
}

static const char *
act_name(const struct hook_plan *plan)
{
	const char *name;

	switch (plan->act) {
	case HOOK_SHORT:
		return "SHORT";
	case HOOK_KILL:
		return "KILL";
	case HOOK_TELL:
		return "TELL";
	case HOOK_FAIL:
		break;
	}
	name = strerrorname_np(-plan->err);
	return name ? name : "unnamed";
}

/* By bare system calls: those of util/io are watched. */
static void
tell(struct hook_plan *plan, enum hook_op op, unsigned long nth)
{
	char line[HOOK_PROGRAM + 64];
	int fd, n, saved = errno;

	if (!plan->told || (atomic_exchange(&plan->struck, true) &&
				   plan->act != HOOK_TELL))
		return;
	n = snprintf(line, sizeof(line), "%.31s %s %lu %s\n",
		program_invocation_short_name, op_names[op], nth,
		act_name(plan));
	fd = open(plan->told, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	/* A line that is missing says that the plan did not strike: then
	 * better no more of this process. */
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		_exit(98);
	close(fd);
	errno = saved;
}

/* Of a sticky EINTR: this thread was interrupted just now and tries again. */
static bool
goes_through(const struct hook_plan *plan)
{
	static _Thread_local const struct hook_plan *interrupted;
	bool again = interrupted == plan;

	if (!plan->sticky || plan->err != -EINTR)
		return false;
	interrupted = again ? NULL : plan;
	return again;
}

int
hook_plan_run(void *arg, enum hook_op op, size_t *len)
{
	struct hook_plan *plan = arg;
	unsigned long nth;

	if (plan->op != HOOK_OPS && plan->op != op)
		return 0;
	nth = atomic_fetch_add(&plan->seen, 1) + 1;
	if (nth != plan->at && !(plan->sticky && nth > plan->at))
		return 0;
	tell(plan, op, nth);
	switch (plan->act) {
	case HOOK_FAIL:
		return goes_through(plan) ? 0 : plan->err;
	case HOOK_SHORT:
		if (len && *len > 1)
			*len /= 2;
		return 0;
	case HOOK_KILL:
		kill(getpid(), SIGKILL);
		return -EIO; /* not reached */
	case HOOK_TELL:
		return 0;
	}
	return 0;
}

/* A word ends at ':' or at the end of the text. */
static bool
word_is(const char *word, size_t n, const char *name)
{
	return strlen(name) == n && strncasecmp(word, name, n) == 0;
}

static bool
parse_op(const char *word, size_t n, struct hook_plan *plan)
{
	for (size_t i = 0; i < array_len(op_names); i++) {
		if (word_is(word, n, op_names[i])) {
			plan->op = (enum hook_op)i;
			return true;
		}
	}
	return false;
}

/* Decimal digits only, from 1 to max. */
static bool
parse_number(const char *word, size_t n, unsigned long max, unsigned long *ret)
{
	unsigned long v = 0;

	for (size_t i = 0; i < n; i++) {
		if (word[i] < '0' || word[i] > '9')
			return false;
		v = v * 10 + (unsigned long)(word[i] - '0');
		if (v > max)
			return false;
	}
	if (v == 0)
		return false;
	*ret = v;
	return true;
}

static bool
parse_act(const char *word, size_t n, struct hook_plan *plan)
{
	unsigned long number;

	plan->act = HOOK_FAIL;
	if (word_is(word, n, "short")) {
		plan->act = HOOK_SHORT;
		return true;
	}
	if (word_is(word, n, "kill")) {
		plan->act = HOOK_KILL;
		return true;
	}
	if (word_is(word, n, "tell")) {
		plan->act = HOOK_TELL;
		return true;
	}
	if (parse_number(word, n, ERRNO_END - 1, &number)) {
		plan->err = -(int)number;
		return true;
	}
	for (int e = 1; e < ERRNO_END; e++) {
		const char *name = strerrorname_np(e);

		if (name && word_is(word, n, name)) {
			plan->err = -e;
			return true;
		}
	}
	return false;
}

/* "PROGRAM/" in front, if it is there: what follows it, or NULL. */
static const char *
parse_program(const char *text, struct hook_plan *plan)
{
	size_t n = strcspn(text, "/:");

	if (text[n] != '/')
		return text;
	if (n == 0 || n >= sizeof(plan->program))
		return NULL;
	memcpy(plan->program, text, n);
	plan->program[n] = '\0';
	return text + n + 1;
}

int
hook_plan_parse(const char *text, struct hook_plan *ret)
{
	struct hook_plan plan = {.sticky = false};
	const char *op, *at, *act, *rest;
	size_t op_n, at_n, act_n;

	op = parse_program(text, &plan);
	if (!op)
		return -EINVAL;
	op_n = strcspn(op, ":");
	if (op[op_n] == '\0')
		return -EINVAL;
	at = op + op_n + 1;
	at_n = strcspn(at, ":");
	if (at[at_n] == '\0')
		return -EINVAL;
	act = at + at_n + 1;
	act_n = strcspn(act, ":");
	rest = act + act_n;
	if (*rest != '\0' && strcmp(rest, ":sticky") != 0)
		return -EINVAL;
	if (!parse_op(op, op_n, &plan) ||
		!parse_number(at, at_n, UINT32_MAX, &plan.at) ||
		!parse_act(act, act_n, &plan))
		return -EINVAL;
	plan.sticky = *rest != '\0';
	ret->op = plan.op;
	ret->act = plan.act;
	ret->err = plan.err;
	ret->sticky = plan.sticky;
	ret->at = plan.at;
	memcpy(ret->program, plan.program, sizeof(ret->program));
	ret->told = NULL;
	atomic_store(&ret->seen, 0);
	atomic_store(&ret->struck, false);
	return 0;
}
