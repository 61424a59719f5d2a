#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: completion in a real bash on a terminal, with and without
bash-completion, offers what the help of each verb lists, the snapshots and
sources of the store that is meant, and files where files belong; it expands
nothing that a store or a line says, asks for no passphrase, and does not wait
for a store that hangs.

usage: completion.py BUILD COMPLETION_FILE
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

FRAMEWORK = "/usr/share/bash-completion/bash_completion"
OPTION = re.compile(r"^  (--[a-z-]+)(?: ([A-Z]+))?  ", re.M)
ALL = "\x1b*"   # insert all that there is
SAY = "\x18d"   # tell the line
INPUTRC = r"""
set bell-style none
set enable-bracketed-paste off
set completion-query-items 0
set page-completions off
"\t": complete
"""
# What a store that lies, and one that hangs, could say; and what a program
# that is asked for names is given.
FAKE = r"""#!/bin/sh
case $1 in
help | --help) exec "$REAL" "$@" ;;
esac
env >"$SPY/env"; echo "$@" >"$SPY/args"; readlink /proc/self/fd/0 >"$SPY/stdin"
[ ! -e "$SPY/hang" ] || sleep 60
cat <<'END'
{"named":true,"snapshots":[
{"snapshot":"good@2026-11-22T03:00:00Z","source":"good"},
{"snapshot":"$(touch pwned)@2026-11-22T03:00:00Z"},
{"snapshot":"`touch pwned`@latest"},
{"snapshot":"a;touch pwned;@2026-11-22T03:00:00Z"},
{"snapshot":"a b@2026-11-22T03:00:00Z"},
{"snapshot":"-rf@2026-11-22T03:00:00Z"},
{"snapshot":"*@2026-11-22T03:00:00Z"},
{"snapshot":"\u001b[31m@2026-11-22T03:00:00Z"},
{"snapshot":"x@$(touch pwned)"},
{"location":"\"snapshot\":\"forged@2026-11-22T03:00:00Z\""}]}
END
"""


class Bash:
    """An interactive bash of its own on a terminal of its own."""

    def __init__(self, scratch, env, setup):
        self.scratch = scratch
        rc = os.path.join(scratch, "inputrc")
        with open(rc, "w", encoding="ascii") as f:
            f.write(INPUTRC)
        self.said, say = os.pipe()
        self.pid, self.tty = pty.fork()
        if self.pid == 0:
            os.dup2(say, 9)
            os.chdir(scratch)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"],
                      dict(env, INPUTRC=rc, PS1="", TERM="dumb"))
        os.close(say)
        self.screen = b""
        self.type(setup + "\n")
        self.type("bind -x '\"\\C-xd\": printf \"%s\\n\" \"$READLINE_LINE\" "
                  ">&9'; bind '\"\\e*\": insert-completions'\n")
        self.type("echo ready >&9\n")
        self.line(10)

    def type(self, text):
        os.write(self.tty, text.encode())

    def line(self, seconds):
        """What bash tells on descriptor 9; reads the screen meanwhile."""
        until = time.monotonic() + seconds
        got = b""
        while not got.endswith(b"\n"):
            left = until - time.monotonic()
            ready = select.select([self.tty, self.said], [], [],
                                  max(0, left))[0]
            if not ready:
                sys.exit(f"no answer; the terminal shows:\n"
                         f"{self.screen[-3000:].decode(errors='replace')}")
            if self.tty in ready:
                self.screen += os.read(self.tty, 65536)
            if self.said in ready:
                got += os.read(self.said, 65536)
        return got.decode()[:-1]

    def after(self, keys, seconds=20):
        """The line as it is after these keys."""
        self.type(keys + SAY)
        line = self.line(seconds)
        self.type("\x05\x15")
        return line

    def offered(self, line):
        """The set of words that are offered at the end of a line."""
        kept = line.rsplit(" ", 1)[0]
        return set(self.after(line + ALL)[len(kept):].split())

    def end(self):
        os.kill(self.pid, signal.SIGHUP)
        os.close(self.tty)
        os.waitpid(self.pid, 0)


class Checks:
    def __init__(self):
        self.done = self.bad = 0

    def equal(self, what, got, want):
        self.done += 1
        if got != want:
            self.bad += 1
            print(f"{what}:\n  got    {got!r}\n  wanted {want!r}")


def read(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def make_store(build, scratch, name, *sources):
    """A store with two snapshots of each of these sources."""
    store = os.path.join(scratch, name)
    phrase = os.path.join(scratch, "phrase")
    source = os.path.join(scratch, "source")
    os.makedirs(source, exist_ok=True)
    with open(phrase, "w", encoding="ascii") as f:
        f.write("completion has no secrets\n")
    subprocess.run([os.path.join(build, "tests/walls/mkstore"), store,
                    phrase], check=True)
    for one in sources + sources:
        read(os.path.join(build, "cli/muniment"), "pull", "--store", store,
             "--source", one, source)
    return store


def names_of(build, store):
    told = json.loads(read(os.path.join(build, "cli/muniment"), "snapshots",
                           "--json", "--store", store))
    return [s["snapshot"] for s in told["snapshots"]]


def check_help(c, bash, muniment):
    verbs = re.findall(r"^  ([a-z]+)  ", read(muniment, "--help"), re.M)
    c.equal("verbs", bash.offered("muniment "),
            set(verbs) | {"help", "--help", "--version"})
    c.equal("help of", bash.offered("muniment help "), set(verbs))
    for verb in verbs:
        options = OPTION.findall(read(muniment, "help", verb))
        c.equal(f"options of {verb}", bash.offered(f"muniment {verb} --"),
                {o for o, _ in options} | {"--help"})


def check_names(c, bash, build, store, other):
    names = names_of(build, store)
    sources = {n.split("@")[0] for n in names}
    latest = {s + "@latest" for s in sources}
    for verb in ("ls", "restore"):
        c.equal(f"snapshots for {verb}",
                bash.offered(f"muniment {verb} --store {store} "),
                set(names) | latest)
    c.equal("with =, and begun",
            bash.after(f"muniment ls --store={store} files2@lat\t"),
            f"muniment ls --store={store} files2@latest")
    begun = names[1][:names[1].rindex(":") + 1]
    c.equal("behind a colon",
            bash.after(f"muniment ls --store {store} {begun}\t"),
            f"muniment ls --store {store} " + os.path.commonprefix(
                [n for n in names if n.startswith(begun)]))
    c.equal("a second operand", bash.offered(
        f"muniment ls --store {store} files1@latest "), set())
    c.equal("sources", bash.offered(
        f"muniment pull --store {store} --source "), sources)
    c.equal("of MUNIMENT_STORE", bash.offered("muniment pull --source "),
            {n.split("@")[0] for n in names_of(build, other)})
    c.equal("in quotes", bash.after(
        f"muniment ls --store '{store}' files2@la\t"),
        f"muniment ls --store '{store}' files2@latest")
    c.equal("no store", bash.offered("muniment ls --store /nowhere "), set())
    # A variable is not looked up, and the other store is not meant.
    c.equal("a variable", bash.offered("muniment ls --store $HOME/x "),
            set())


def check_files(c, bash, scratch):
    folder = os.path.join(scratch, "files")
    os.makedirs(os.path.join(folder, "with space"))
    with open(os.path.join(folder, "withheld"), "w", encoding="ascii"):
        pass
    spaced = folder + "/with\\ space/"
    for line in ("restore --target ", "ls --store ", "mount ",
                 "pull --source s ", "ls --store="):
        c.equal(f"a directory: {line}",
                bash.after(f"muniment {line}{folder}/wi\t"),
                f"muniment {line}{spaced}")
    for line in ("ls --passphrase-file ", "pull --ssh-config ",
                 "pull --agent "):
        c.equal(f"a file: {line}",
                bash.after(f"muniment {line}{folder}/withh\t"),
                f"muniment {line}{folder}/withheld ")
    c.equal("nothing is known of a pattern", bash.after(
        "muniment pull --exclude wi\t"), "muniment pull --exclude wi")


def check_hostile(c, bash, scratch, spy):
    """With the program that lies, and with lines that would do harm."""
    for line in ("ls ", "restore --target x "):
        c.equal("of a store that lies", bash.offered(f"muniment {line}"),
                {"good@latest", "good@2026-11-22T03:00:00Z"})
    c.equal("sources that lie", bash.offered("muniment pull --source "),
            {"good"})
    for store in ("$(touch pwned)", "`touch pwned`", "'$(touch pwned)'",
                  "\"$(touch pwned)\"", "a;touch", "~/$(touch pwned)"):
        bash.after(f"muniment ls --store {store} g\t")
        bash.after(f"muniment ls --store={store} g\t")
        bash.after(f"muniment ls {store}\t")
    c.equal("nothing was run", [p for p in os.listdir(scratch)
                                if p.startswith("pwned")], [])
    with open(os.path.join(spy, "env"), encoding="utf-8") as f:
        phrase = [e for e in f.read().splitlines()
                  if e.startswith("MUNIMENT_PASSPHRASE_FILE=")]
    c.equal("no passphrase file", phrase, ["MUNIMENT_PASSPHRASE_FILE="])
    for name, want in (("args", "snapshots --json\n"),
                       ("stdin", "/dev/null\n")):
        with open(os.path.join(spy, name), encoding="utf-8") as f:
            c.equal(name, f.read(), want)
    with open(os.path.join(spy, "hang"), "w", encoding="ascii"):
        pass
    began = time.monotonic()
    c.equal("of a store that hangs", bash.offered("muniment ls "), set())
    c.equal("it does not wait for it", time.monotonic() - began < 15, True)
    os.unlink(os.path.join(spy, "hang"))


def check_silent(c, bash, store):
    """Without keys/vault, names take a passphrase."""
    os.rename(store + "/keys/vault", store + "/vault")
    before = len(bash.screen)
    c.equal("names without a key",
            bash.offered(f"muniment ls --store {store} "), set())
    c.equal("asked for a passphrase",
            b"assphrase:" in bash.screen[before:], False)
    os.rename(store + "/vault", store + "/keys/vault")


def run(c, build, scratch, setup, store, other):
    muniment = os.path.join(build, "cli/muniment")
    spy = os.path.join(scratch, "spy")
    os.makedirs(spy)
    with open(os.path.join(spy, "muniment"), "w", encoding="ascii") as f:
        f.write(FAKE)
    os.chmod(os.path.join(spy, "muniment"), 0o755)
    env = {"PATH": f"{build}/cli:/usr/bin:/bin:/usr/sbin:/sbin",
           "HOME": scratch, "LC_ALL": "C.UTF-8", "MUNIMENT_STORE": other,
           "MUNIMENT_PASSPHRASE_FILE": os.path.join(scratch, "phrase"),
           "REAL": muniment, "SPY": spy}
    bash = Bash(scratch, env, setup)
    check_help(c, bash, muniment)
    check_names(c, bash, build, store, other)
    check_files(c, bash, scratch)
    check_silent(c, bash, store)
    if "bash_completion" in setup and shutil.which("sudo"):
        c.equal("behind sudo", bash.after(
            f"sudo muniment ls --store {store} files2@la\t"),
            f"sudo muniment ls --store {store} files2@latest")
    bash.end()
    bash = Bash(scratch, dict(env, PATH=f"{spy}:{env['PATH']}"), setup)
    check_hostile(c, bash, scratch, spy)
    bash.end()
    shutil.rmtree(spy)
    shutil.rmtree(os.path.join(scratch, "files"))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, script = map(os.path.abspath, sys.argv[1:])
    scratch = os.path.realpath(tempfile.mkdtemp(prefix="mun-completion."))
    c = Checks()
    try:
        store = make_store(build, scratch, "store", "files1", "files2")
        other = make_store(build, scratch, "other", "mail")
        run(c, build, scratch, f"source {script}", store, other)
        if os.path.exists(FRAMEWORK):
            # As it is installed: found by the name of the command.
            folder = os.path.join(scratch, "user", "completions")
            os.makedirs(folder)
            shutil.copy(script, os.path.join(folder, "muniment"))
            run(c, build, scratch,
                f"BASH_COMPLETION_USER_DIR={scratch}/user; "
                f"source {FRAMEWORK}", store, other)
        elif os.environ.get("TESTS_NEED_ALL"):
            c.bad += 1
            print("bash-completion is not installed")
        else:
            print("bash-completion is not installed: without it only")
    finally:
        subprocess.run(["chattr", "-R", "-f", "-i", scratch], check=False,
                       stderr=subprocess.DEVNULL)
        shutil.rmtree(scratch)
    print(f"{c.done} checks, {c.bad} failed")
    sys.exit(1 if c.bad or not c.done else 0)


if __name__ == "__main__":
    main()
