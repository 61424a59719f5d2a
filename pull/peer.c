/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/peer.h"

#include "util/clock.h"
#include "util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Reads are large: one system call for many small frames. */
#define READ_SIZE (256u * 1024u)

#define SECOND_NS UINT64_C(1000000000)
#define SILENCE_NS (PEER_SILENCE_S * SECOND_NS)

static int
nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return -errno;
	return 0;
}

int
peer_init(struct peer *p, struct transport *t, const atomic_bool *stop)
{
	int r;

	*p = (struct peer){.t = t, .stop = stop};
	r = nonblocking(t->in);
	return r != 0 || t->in == t->out ? r : nonblocking(t->out);
}

void
peer_free(struct peer *p)
{
	buf_free(&p->input);
	buf_free(&p->output);
}

struct buf *
peer_output(struct peer *p)
{
	return &p->output;
}

static int
died(struct fault *f)
{
	return fault_set(f, FAULT_AGENT_DIED, "agent",
		"the connection ended before the pull was done");
}

/* Write what fits. An agent that reads no more may have said all it had to
 * say: whether that was enough is decided by reading to the end. One that still
 * reads would wait for what could not be written. */
static int
send_some(struct peer *p, struct fault *f)
{
	ssize_t n;

	n = io_send_some(
		p->t->out, p->output.p + p->sent, p->output.n - p->sent);
	if (n == -EAGAIN)
		return 0;
	if (n < 0 && n != -EPIPE && n != -ECONNRESET)
		return fault_errno(f, FAULT_AGENT_DIED, (int)n, "agent",
			"the connection cannot be written");
	if (n < 0)
		p->deaf = true;
	else
		p->sent += (size_t)n;
	if (p->deaf || p->sent == p->output.n) {
		buf_clear(&p->output);
		p->sent = 0;
	}
	return 0;
}

/* Read what there is. */
static int
receive_some(struct peer *p, struct fault *f)
{
	ssize_t n;

	/* Move what is left to the front: less than one frame. */
	if (p->at > 0) {
		memmove(p->input.p, p->input.p + p->at, p->input.n - p->at);
		p->input.n -= p->at;
		p->at = 0;
	}
	if (buf_reserve(&p->input, READ_SIZE) != 0)
		return fault_set(f, FAULT_NO_MEMORY, "pull", NULL);
	n = io_recv_some(p->t->in, p->input.p + p->input.n, READ_SIZE);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return fault_errno(f, FAULT_AGENT_DIED, (int)n, "agent",
			"the connection cannot be read");
	if (n == 0)
		return died(f);
	p->input.n += (size_t)n;
	p->t->answered = true;
	return 0;
}

/* As poll(2), for a second at most: a signal that came after stop was looked at
 * ends it as well, unless another thread took it. */
static int
wait_for(struct peer *p, struct pollfd fds[3], bool *stopped)
{
	const struct timespec second = {.tv_sec = 1};
	const uint64_t began = clock_mono_ns();
	sigset_t all, before;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	*stopped = *p->stop;
	if (!*stopped)
		r = ppoll(fds, 3, &second, &before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	p->silent += clock_mono_ns() - began;
	if (r > 0 && (fds[0].revents != 0 || fds[1].revents != 0))
		p->silent = 0;
	return r;
}

/* Wait for the peer; send and receive what goes without blocking. */
static int
exchange(struct peer *p, struct fault *f)
{
	struct pollfd fds[3] = {{.fd = p->t->in, .events = POLLIN},
		{.fd = p->t->out, .events = POLLOUT},
		{.fd = p->t->err, .events = POLLIN}};
	bool stopped;
	int r;

	if (p->deaf)
		buf_clear(&p->output);
	if (p->sent == p->output.n)
		fds[1].fd = -1;
	if (p->output.n - p->sent > PEER_UNREAD_MAX)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "agent",
			"it does not read what it is answered");
	r = wait_for(p, fds, &stopped);
	if (stopped)
		return fault_set(f, FAULT_INTERRUPTED, "pull", "by a signal");
	if (r < 0)
		return errno == EINTR ? 0
				      : fault_errno(f, FAULT_IO, -errno,
						"agent", "poll");
	if (p->silent >= SILENCE_NS)
		return fault_set(f, FAULT_AGENT_DIED, "agent",
			"it has been silent for %d minutes",
			PEER_SILENCE_S / 60);
	r = fds[2].revents != 0 ? transport_hear(p->t) : 0;
	if (r != 0)
		return fault_errno(f, FAULT_AGENT_DIED, r, "agent",
			"what it says cannot be read");
	r = fds[1].revents != 0 ? send_some(p, f) : 0;
	if (r != 0)
		return r;
	return fds[0].revents != 0 ? receive_some(p, f) : 0;
}

/* A whole frame at the front of the input: 1; 0 when more must come. */
static int
take(struct peer *p, enum wire_type *type, struct span *payload,
	struct fault *f)
{
	struct wire_head head;

	if (p->input.n - p->at < WIRE_HEAD_SIZE)
		return 0;
	if (wire_head_decode(span_of(p->input.p + p->at, WIRE_HEAD_SIZE),
		    WIRE_FROM_AGENT, &head) != 0)
		return fault_set(f, FAULT_AGENT_PROTOCOL, "agent",
			"it sent what is not a frame (does a login script "
			"print something there?)");
	if (p->input.n - p->at < WIRE_HEAD_SIZE + head.length)
		return 0;
	*type = head.type;
	*payload = span_of(p->input.p + p->at + WIRE_HEAD_SIZE, head.length);
	p->at += WIRE_HEAD_SIZE + head.length;
	return 1;
}

/* Give credit back in large pieces. */
static int
count(struct peer *p, enum wire_type type, struct span payload, struct fault *f)
{
	if (wire_counts(type))
		p->worked_off += payload.n;
	if (p->worked_off < PEER_CREDIT / 4)
		return 0;
	if (wire_credit_encode(&p->output, p->worked_off) != 0)
		return fault_set(f, FAULT_NO_MEMORY, "pull", NULL);
	p->worked_off = 0;
	return 0;
}

int
peer_next(struct peer *p, enum wire_type *type, struct span *payload,
	struct fault *f)
{
	int r;

	while ((r = take(p, type, payload, f)) == 0) {
		r = exchange(p, f);
		if (r != 0)
			return r;
	}
	if (r < 0)
		return r;
	return count(p, *type, *payload, f);
}
