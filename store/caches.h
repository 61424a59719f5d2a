/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_CACHES_H
#define STORE_CACHES_H

/*
 * Caches that end the process which uses them: RocksDB aborts when it lacks
 * memory or threads, at some errors of the disk, and at some flipped bits. What
 * ends two pulls running is not used a third time.
 */

/*
 * For a handler of SIGABRT in a program that has the store in dir open for
 * writing: note it in cache/, and at the second time have the next opening make
 * both databases anew. Calls only what may be called in a handler.
 */
void caches_gave_up(const char *dir);

/* They were closed in order: the next time is the first. Internal to store/. */
void caches_held(int storefd);

#endif
