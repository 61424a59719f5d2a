#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the manual pages say what the programs say: each option of each verb
stands in one page and is described once, and no other; so do the variables of
the environment that the code reads, the files of a store, the names of
errors; pages are well-formed, installed, and say nothing twice. And the
README's map of the tree is right.

usage: manpages.py SOURCE_ROOT BUILD
       manpages.py --examples PAGE             the commands of its EXAMPLES
       manpages.py --examples README SECTION   those of a section
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

OPTION = re.compile(r"^  --([a-z-]+)(?: ([A-Z]+))?  ", re.M)
MACRO = re.compile(r"Fl Fl ([a-z-]+)(?: Ar ([A-Z]+))?")
GETENV = re.compile(r"\bgetenv\(\s*(?:\"(\w+)\")?")

bad = []


def same(what, page, truth):
    """Two sets are the same; else each difference is a complaint."""
    bad.extend(f"{what}: {x} is not on the page" for x in truth - page)
    bad.extend(f"{what}: {x} is only on the page" for x in page - truth)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          check=False)
    return done.returncode, done.stdout


def text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def section(page, name):
    found = re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", page,
                      re.M | re.S)
    return found[1] if found else ""


def synopsis(page):
    """{"muniment ls": {("store", "DIR"), ...}, ...}"""
    parts = re.split(r"^\.Nm ?(.*)\n", section(page, "SYNOPSIS"), flags=re.M)
    told = {}
    for name, body in zip(parts[1::2], parts[2::2]):
        told.setdefault(name, set()).update(MACRO.findall(body))
    return told


def check_verbs(pages, muniment, mount):
    """Returns the options of all verbs, each with the page it belongs to."""
    wanted = {}
    verbs = set(re.findall(r"^  ([a-z]+)  ", run(muniment, "--help")[1],
                           re.M))
    same("verbs", set(re.findall(r"^\.It Cm ([a-z]+)$", pages["muniment.1"],
                                 re.M)), verbs)
    told = {}
    for name, page in pages.items():
        for verb, options in synopsis(page).items():
            told.setdefault(verb, (name, set()))[1].update(options)
    for verb in verbs:
        options = set(OPTION.findall(run(muniment, "help", verb)[1]))
        name, page = told.get(f"muniment {verb}", ("no page", set()))
        same(f"{name}, {verb}", page - {("help", "")}, options)
        for option, argument in options:
            wanted.setdefault(option, set()).add(name)
            words = [f"--{option}"] + ["x"] * (argument != "")
            if run(muniment, verb, *words, "--help")[0] != 0:
                bad.append(f"{verb} does not know --{option}")
        if run(muniment, verb, "--no-such", "--help")[0] != 2:
            bad.append(f"{verb} takes anything")
    # Which has a help of its own.
    same("muniment-mount --help", told["muniment mount"][1] - {("help", "")},
         set(OPTION.findall(run(mount, "--help")[1])))
    return wanted


def check_described(pages, wanted):
    """Each option has one item: in its page, or in muniment(1) where the
    verbs share it."""
    items = {}
    for name, page in pages.items():
        for option, _ in re.findall(r"^\.It " + MACRO.pattern, page, re.M):
            items.setdefault(option, []).append(name)
    items.pop("version", None)
    items.pop("help", None)
    same("options described", set(items), set(wanted))
    for option, names in items.items():
        if len(names) != 1:
            bad.append(f"--{option} is described in {', '.join(names)}")
        elif names[0] != "muniment.1" and {names[0]} != wanted.get(option):
            bad.append(f"--{option} is described in {names[0]} only")


def check_usage(page, program):
    usage = run(program, "--help")[1].splitlines()[0]
    same(os.path.basename(program), {o for o, _ in MACRO.findall(
        section(page, "SYNOPSIS"))}, set(re.findall(r"--([a-z]+)", usage)))


def check_environment(pages, root):
    read = set()
    for path in glob.glob(os.path.join(root, "*/*.c")):
        where = os.path.relpath(path, root)
        # It reads its plan in builds for tests only.
        if where.startswith("tests/") or where == "util/hook.c":
            continue
        for name in GETENV.findall(text(path)):
            read.add(name or f"a name that {where} computes")
    said = [v for page in pages.values()
            for v in re.findall(r"^\.It Ev (\w+)$", page, re.M)]
    same("environment", set(said), read)
    if len(said) != len(set(said)):
        bad.append("a variable is described twice")


def check_files(page, root):
    block = re.search(r"^## 3\..*?```\n(.*?)```", text(
        os.path.join(root, "docs/format.md")), re.M | re.S)[1]
    same("files of a store", set(re.findall(
        r"^\.It Pa (\S+)$", section(page, "FILES"), re.M)),
         set(re.findall(r"^(\S+)", block, re.M)))


def check_errors(pages, root):
    known = set(re.findall(r"^\| `([a-z-]+)` \|", text(
        os.path.join(root, "docs/errors.md")), re.M))
    for name, page in pages.items():
        for error in re.findall(r"^\.It Bq ([a-z-]+)$", page, re.M):
            if error not in known:
                bad.append(f"{name}: there is no error {error}")


def check_references(pages, root):
    known = {tuple(n.rsplit(".", 1)) for n in pages}
    for name, page in pages.items():
        for where in re.findall(r"^\.Xr (muniment\S*) (\d)", page, re.M):
            if where not in known:
                bad.append(f"{name}: there is no page {where}")
    for program in set(re.findall(r'^\t\t"\w+", "(\S+)",$', text(
            os.path.join(root, "cli/verbs.c")), re.M)):
        if program + ".1" not in pages:
            bad.append(f"{program} has no page")


def check_installed(root, build):
    told = json.loads(text(os.path.join(build,
                                        "meson-info/intro-installed.json")))
    installed = {os.path.relpath(p, root): to for p, to in told.items()}
    for path in (glob.glob(root + "/docs/man/*")
                 + glob.glob(root + "/docs/completion/*")
                 + [root + "/docs/" + page for page in (
                     "errors.md", "format.md", "threat-model.md")]):
        path = os.path.relpath(path, root)
        if path not in installed:
            bad.append(f"{path} is not installed")


def check_map(root):
    """The README's table of folders, and the folders."""
    table = text(os.path.join(root, "README.md")).partition(
        "## What lies where")[2]
    said = {p for row in re.findall(r"^\| (`.*?) \|", table, re.M)
            for p in re.findall(r"`([^`]+)`", row)}
    there = {os.path.relpath(os.path.dirname(p), root) + "/"
             for p in glob.glob(root + "/*/*")
             + glob.glob(root + "/tests/*/*") + glob.glob(root + "/docs/*/*")}
    same("README", said, {p for p in there
                          if not p.startswith("build") and p != "tests/"}
         | {"meson.build", "meson_options.txt"})


def check_twice(paths):
    """No sentence of some length stands in two pages, or twice in one."""
    seen = {}
    for path in paths:
        page = re.sub(r".\x08", "", run("mandoc", "-T", "ascii", path)[1])
        # Header and footer aside.
        for paragraph in page.strip().split("\n\n")[1:-1]:
            words = " ".join(paragraph.split())
            for s in re.split(r"(?<=[.:;]) ", words):
                if len(s.split()) >= 5:
                    seen.setdefault(s, []).append(os.path.basename(path))
    bad.extend(f"{' and '.join(names)}: {s}" for s, names in seen.items()
               if len(names) > 1)


def check_form(paths):
    bad.extend(run("mandoc", "-T", "lint", "-W", "warning",
                   *paths)[1].splitlines())


def examples(path, heading=None):
    """As a shell would get them."""
    if heading:
        lines = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text(path),
                          re.M | re.S)[1]
        return "".join(re.findall(r"^```\n(.*?)^```$", lines, re.M | re.S))
    lines = section(text(path), "EXAMPLES")
    blocks = re.findall(r"^\.Bd .*?\n(.*?)^\.Ed$|^\.Dl (.*?)$", lines,
                        re.M | re.S)
    return "".join(a or b + "\n" for a, b in blocks).replace("\\e", "\\")


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "--examples":
        print(examples(*sys.argv[2:]), end="")
        return
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    root, build = map(os.path.abspath, sys.argv[1:])
    paths = sorted(glob.glob(os.path.join(root, "docs/man/*.[1-9]")))
    pages = {os.path.basename(p): text(p) for p in paths}
    muniment = os.path.join(build, "cli/muniment")
    wanted = check_verbs(pages, muniment, os.path.join(build,
                                                       "fuse/muniment-mount"))
    check_described(pages, wanted)
    check_usage(pages["muniment.1"], muniment)
    check_usage(pages["muniment-agent.1"],
                os.path.join(build, "agent/muniment-agent"))
    check_environment(pages, root)
    check_files(pages["muniment-store.5"], root)
    check_errors(pages, root)
    check_references(pages, root)
    check_installed(root, build)
    check_map(root)
    if shutil.which("mandoc"):
        check_form(paths)
        check_twice(paths)
    print("\n".join(bad + [f"{len(pages)} pages, {len(wanted)} options, "
                           f"{len(bad)} complaints"]))
    if bad:
        sys.exit(1)
    if not shutil.which("mandoc"):
        print("mandoc is not installed: form not checked")
        sys.exit(77)


if __name__ == "__main__":
    main()
