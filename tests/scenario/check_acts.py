#!/usr/bin/env python3
"""Every act of the lifecycle is a command, in --help of both languages, in the manual, in the completion and in the API.

usage: check_acts.py SOURCE_DIR LEADBUS
"""
import os
import pathlib
import re
import subprocess
import sys

SOURCE, LEADBUS = pathlib.Path(sys.argv[1]), sys.argv[2]
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)
        print("FAILED:", what)


def text(path):
    return (SOURCE / path).read_text("utf-8")


def run(lang, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LEADBUS_"))}
    done = subprocess.run([LEADBUS, *arguments], capture_output=True, env={**environment, "LANG": lang}, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# Delivering is the machine's; nothing else is.
rows = re.findall(r'^ACT\(\w+, (\d+), "([^"]+)", "([^"]*)", "([^"]*)", \w+\)', text("proto/plan/lifecycle.def"), re.M)
acts = {slug: (zh, en) for number, slug, zh, en in rows if slug not in ("none", "deliver")}
check(len(acts) > 15, "lifecycle.def was not understood")
man = text("docs/man/leadbus.1")
completion = re.search(r'local commands="([^"]*)"', text("clients/cli/completion.bash"))[1].split()
api = text("docs/openapi.yaml")
api = api[api.index("\n    Act:\n"):]
check(set(re.search(r"enum: \[(.*)\]", api)[1].split(", ")) == set(acts), "openapi.yaml: acts")
listed = {lang: run(lang, "--help")[1] for lang in ("zh_CN.UTF-8", "en_US.UTF-8")}
commands = set(re.findall(r"^  ([a-z-]+) ", listed["en_US.UTF-8"], re.M))
check(commands == set(completion), f"completion: {commands ^ set(completion)}")
for act in acts:
    check(re.search(rf'^\.BI .*(?<![a-z-]){act}"? " ID"', man, re.M), f"{act}: not in the manual")
    for lang, other in (("zh_CN.UTF-8", "用法"), ("en_US.UTF-8", "Usage")):
        check(re.search(rf"^  {act} ", listed[lang], re.M), f"{act}: not in --help ({lang})")
        status, out, err = run(lang, act, "--help")
        check(status == 0 and f"leadbus {act}" in out and other in out and not err, f"{act} --help ({lang}): {status} {err}")
        for option in ("--set", "--wait", "--json", "--officer"):
            check(option in out, f"{act} --help ({lang}): no {option}")
        chinese = re.search(r"[\u4e00-\u9fff]", out) is not None
        check(chinese == (lang[:2] == "zh"), f"{act} --help: not in {lang}")
    own = re.search(rf'^    (?:[a-z-]+ \| )*{act}(?: \| [a-z-]+)*\) own="([^"]*)"', text("clients/cli/completion.bash"), re.M)
    check(own is not None, f"{act}: no options to complete")
    offered = set(re.findall(r"--[a-z]+", run("en", act, "--help")[1])) - {
        "--agent", "--token-file", "--token", "--officer", "--json", "--lang", "--help", "--version"}
    if own:
        check(set(own[1].split()) == offered, f"{act}: completed {own[1]}, taken {offered}")
    check(run("en", act)[0] == 64, f"{act} without an ID")
    if act != "go-out":  # whose contents stand in sections
        status, out, err = run("en", act, "1", "--set", "act=none")
        check(status == 65 and "[bad_value]" in err and "act" in err, f"{act} as another act: {status} {err}")

sys.exit(1 if failures else 0)
