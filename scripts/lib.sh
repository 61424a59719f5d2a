# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the scripts share: saying what goes on, stopping with one line, and
# getting packages that are missing.

BUILD_PACKAGES='gcc libc6-dev pkg-config meson ninja-build libsodium-dev
	liblz4-dev librocksdb-dev libfuse3-dev libjansson-dev fuse3
	openssh-client python3'

step() {
	printf '== %s\n' "$*"
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# missing PACKAGE...: those that are not installed.
missing() {
	for _package in "$@"; do
		dpkg-query -W -f '${db:Status-Status}' "$_package" \
			2>/dev/null | grep -qx installed ||
			printf '%s ' "$_package"
	done
}

# packages PACKAGE...: install what is missing of them.
packages() {
	command -v dpkg-query >/dev/null ||
		die 'this is not Debian; see README.md for what a build needs'
	_wanted=$(missing "$@")
	[ -n "$_wanted" ] || return 0
	[ "$(id -u)" -eq 0 ] ||
		die "run it as root, or install first: $_wanted"
	step "installing $_wanted"
	_log=$(mktemp)
	# shellcheck disable=SC2086
	{
		apt-get update &&
			DEBIAN_FRONTEND=noninteractive apt-get install -y \
				--no-install-recommends $_wanted
	} >"$_log" 2>&1 || {
		tail -n 5 "$_log" >&2
		die "apt-get could not install the packages; its log: $_log"
	}
	rm -f "$_log"
}

# build DIR [OPTION...]: configure if need be, and compile.
build() {
	_dir=$1
	shift
	_log=$(mktemp)
	if [ ! -f "$_dir/build.ninja" ]; then
		rm -rf "$_dir"
		meson setup "$_dir" "$ROOT" "$@" >"$_log" 2>&1 || {
			tail -n 15 "$_log" >&2
			die "meson could not configure $_dir; its log: $_log"
		}
	fi
	meson compile -C "$_dir" >"$_log" 2>&1 || {
		grep -E -A 5 'error:|FAILED' "$_log" | head -n 40 >&2
		die "the build in $_dir failed; its log: $_log"
	}
	rm -f "$_log"
}
