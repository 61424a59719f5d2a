/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_TRANSPORT_H
#define PULL_TRANSPORT_H

#include "util/child.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Reaching the agent: a child of ours over a socket pair for a path of this
 * machine, the system's ssh for user@host:/path.
 */
struct transport {
	struct child child;
	bool local;
	int in;	       /* from the agent */
	int out;       /* to it; the same as in for a local one */
	int err;       /* messages of ssh, or of a local agent; -1: at an end */
	bool answered; /* something came from the agent */
	bool killed;   /* a signal ended the child, or may have ended ssh */
	char said[512]; /* the end of them */
	size_t nsaid;
};

struct transport_opts {
	const char *host;	/* user@host, or NULL: this machine */
	const char *agent;	/* path of the agent there; NULL: the usual */
	const char *ssh_config; /* NULL: the caller's own */
};

/* Faults: agent-missing, ssh-failed, no-memory, io. */
must_check int transport_start(
	struct transport *t, const struct transport_opts *o, struct fault *f);

/*
 * Read some of what is said on err, without waiting, and keep the end of it. To
 * be called as long as there is something: ssh that cannot pass on what a login
 * script says there passes on nothing else either. A negative errno when it
 * cannot be read; there is nothing more then.
 */
must_check int transport_hear(struct transport *t);

/*
 * End the connection and the child. When the pull failed because the agent
 * went away, f says that in general: with `failed` the story is told more
 * exactly, from the child's status and from what ssh or a local agent said
 * within seconds (host-key-unknown, ssh-failed, agent-missing, agent-died).
 */
void transport_end(struct transport *t, bool failed, struct fault *f);

#endif
