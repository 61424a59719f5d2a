/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_LIMITS_H
#define UTIL_LIMITS_H

/*
 * Every number that someone outside can make grow, with its reason. Checked
 * before memory is asked for; beyond one of them the fault is
 * FAULT_LIMIT_EXCEEDED.
 */

/* Bytes of one file name: NAME_MAX of every filesystem that Linux mounts. */
#define LIMIT_NAME 255

/*
 * Directories above an inode. Deeper trees can be built with relative calls,
 * but no tool can name them (PATH_MAX holds at most 2048 levels); eight times
 * that is beyond honest use, and a walk's state for it stays under 8 MiB.
 */
#define LIMIT_PATH_DEPTH 16384

/*
 * Names and values of all extended attributes of one inode. The kernel takes
 * up to 64 KiB per value and 64 KiB of names; a filesystem may hold many
 * values, but they must fit in memory at once to be stored as one record.
 */
#define LIMIT_XATTR_TOTAL (1024 * 1024)

/* Bytes of a symbolic link's target: PATH_MAX without the NUL. */
#define LIMIT_LINK_TARGET 4095

/*
 * Bytes of a passphrase or passphrase file: beyond any phrase or key file, a
 * small part of the arena for secrets.
 */
#define LIMIT_PASSPHRASE (64 * 1024)

#endif
