/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_HOOK_H
#define UTIL_HOOK_H

/*
 * The fault hook: one question in front of each operation that can fail for
 * reasons outside the program, so that a test can make the n-th one fail, be
 * cut short, or be the last thing the process does. Unset, it costs one
 * relaxed load and a branch.
 *
 * In a build with the option "faults", a plan for hook_plan_parse in the
 * environment variable MUNIMENT_FAULT is armed at the first operation of the
 * process; a text that does not parse ends the process with status 99, so
 * that a misspelt plan cannot pass for a survived fault. Children inherit the
 * variable and count for themselves; a plan that names a program is for that
 * one alone. When a plan strikes first it appends a line to the file named by
 * MUNIMENT_FAULT_TOLD, if that is set: program, operation, which one it was,
 * what it did ("muniment-pull pwrite 17 EIO"). A plan that only tells, tells
 * each time.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"

enum hook_op {
	HOOK_OPEN,
	HOOK_READ,
	HOOK_PREAD,
	HOOK_WRITE,
	HOOK_PWRITE,
	HOOK_SEND, /* between vault and agent; a write of no file */
	HOOK_RECV,
	HOOK_FSYNC,
	HOOK_TRUNCATE,
	HOOK_RENAME,
	HOOK_LINK,
	HOOK_UNLINK,
	HOOK_MKDIR,
	HOOK_STAT,
	HOOK_MMAP,
	HOOK_ALLOC,
	HOOK_SPAWN,
	HOOK_OPS
};

/*
 * A hook: 0 to let the operation happen, or the negative errno to return
 * instead of doing it. len is NULL, or the number of bytes about to be moved
 * (never 0), which the hook may lower to 1 or more. Called from any thread;
 * it must not use the operations that it watches.
 */
typedef int hook_fn(void *ctx, enum hook_op op, size_t *len);

/*
 * Arm a hook (NULL disarms). Tests only, and only while no other thread is
 * inside an operation. ctx must live until the hook is disarmed.
 */
void hook_set(hook_fn *fn, void *ctx);

extern atomic_bool hook_armed;
int hook_ask(enum hook_op op, size_t *len);

/* 0, or the negative errno to return instead of doing op. */
must_check static inline int
hook_check(enum hook_op op)
{
	if (!atomic_load_explicit(&hook_armed, memory_order_relaxed))
		return 0;
	return hook_ask(op, NULL);
}

/* The same for an operation over *len bytes; *len may come back shorter. */
must_check static inline int
hook_check_len(enum hook_op op, size_t *len)
{
	if (!atomic_load_explicit(&hook_armed, memory_order_relaxed))
		return 0;
	return hook_ask(op, *len > 0 ? len : NULL);
}

/* What a plan does when its operation comes. */
enum hook_act {
	HOOK_FAIL,  /* return err */
	HOOK_SHORT, /* move half of the bytes, at least one */
	HOOK_KILL,  /* SIGKILL to the own process: a power cut without one */
	HOOK_TELL   /* do nothing but tell */
};

/* Longest name of a program, and its NUL. */
#define HOOK_PROGRAM 32

/*
 * The ready-made hook: hook_set(hook_plan_run, &plan). The at-th operation
 * (from 1) of kind op, or of any kind when op is HOOK_OPS, meets act; with
 * sticky all later ones too. But no kernel interrupts a call for ever: of a
 * sticky EINTR each thread meets every other one, so that what is tried again
 * goes through.
 */
struct hook_plan {
	enum hook_op op;
	enum hook_act act;
	int err; /* negative */
	bool sticky;
	unsigned long at;
	char program[HOOK_PROGRAM]; /* for the environment: empty, or whose */
	const char *told;	    /* the file that is told; NULL: none */
	atomic_ulong seen;	    /* operations of this kind so far */
	atomic_bool struck;
};

int hook_plan_run(void *plan, enum hook_op op, size_t *len);

/*
 * Read "[PROGRAM/]OP:N:ERRNO[:sticky]". OP is a name of enum hook_op in lower
 * or upper case ("pwrite"), or "any"; N counts from 1; ERRNO is a name ("EIO")
 * or number, or "SHORT", "KILL" or "TELL"; PROGRAM is a program's own name
 * ("muniment-pull"). 0, or -EINVAL and *ret unchanged.
 */
must_check int hook_plan_parse(const char *text, struct hook_plan *ret);

#endif
