#!/usr/bin/env python3
"""docs/MISSION.md: every row once, every test it names there, and nothing said at its top that its table does not say.

usage: check_table.py SOURCE-FOLDER
"""
import pathlib
import re
import sys

ROWS = range(1, 105)
# What no software sees to; whoever moves a row in here or out of here changes this line and its reviewers see it.
BY_PEOPLE = {19, 40, 48, 70, 73, 82, 87, 94, 103, 104}
PARTS = {"clocks", "console", "custody", "chains", "supervision", "figures", "exports", "links"}
STATES = {"enforced": "enforced", "by people": "people", "not enforced": "not"}
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$")
TEST = re.compile(r"`([a-z_/]+\.c):(\w+)`")


def state_of(text):
    """One of enforced, people, not, awaiting; and the parts that are awaited."""
    if "awaiting" in text:
        parts = {part.split()[-1] for part in text.split(":", 1)[1].split(",")}
        return "awaiting", parts
    for words, state in sorted(STATES.items(), key=lambda item: -len(item[0])):
        if text.endswith(words):
            return state, set()
    return None, set()


def check_row(number, text, tests, sources, say):
    state, parts = state_of(text)
    if state is None:
        say(f"row {number}: no such status: {text}")
    if not parts <= PARTS or (state == "awaiting" and not parts):
        say(f"row {number}: no such part: {text}")
    own = [name for path, name in tests if path.startswith("mission/")]
    if state != "people" and not own:
        say(f"row {number}: no test of its own")
    for name in own:
        if not name.startswith(f"row_{number:03d}_"):
            say(f"row {number}: {name} is of another row")
    for path, name in tests:
        source = sources / "tests" / path
        if not source.is_file():
            say(f"row {number}: no file tests/{path}")
            continue
        content = source.read_text(encoding="utf-8")
        runs = re.search(rf"\(\s*{name}\s*[,)]", content)
        if f"static void {name}(void **" not in content or not runs:
            say(f"row {number}: tests/{path} runs no {name}")
    return state


def main():
    sources = pathlib.Path(sys.argv[1])
    page = (sources / "docs" / "MISSION.md").read_text(encoding="utf-8")
    faults = []
    say = faults.append
    states = {}
    named = set()
    for line in page.splitlines():
        match = ROW.match(line)
        if not match:
            if re.match(r"^\| *\d", line):
                say(f"not a row: {line[:60]}")
            continue
        number = int(match.group(1))
        if number in states:
            say(f"row {number} stands twice")
        if ("Missing: " in line) != any(word in match.group(3) for word in ("awaiting", "not enforced")):
            say(f"row {number}: what is missing is said where something is, and only there")
        tests = TEST.findall(match.group(5))
        if match.group(5).count("`") != 2 * len(tests):
            say(f"row {number}: a test is not named as file:name")
        named.update(tests)
        states[number] = check_row(number, match.group(3), tests, sources, say)
    if list(states) != list(ROWS):
        say(f"rows missing or out of order: {sorted(set(ROWS) - set(states))}")
    sets = {state: {n for n, s in states.items() if s == state}
            for state in ("enforced", "people", "not", "awaiting")}
    if sets["people"] != BY_PEOPLE:
        say(f"left to people: {sorted(sets['people'] ^ BY_PEOPLE)}")
    # The top of the page: how many of each, and which.
    for words, state in (("已落实 enforced", "enforced"), ("待建 awaiting", "awaiting"),
                         ("未落实 not enforced", "not"), ("由人负责 by people", "people")):
        top = re.search(rf"^- \*\*{words}\*\* \((\d+)\)(?:.*Rows ([\d, ]+)\.)?", page, re.M)
        if not top:
            say(f"the top does not say {words}")
            continue
        if int(top.group(1)) != len(sets[state]):
            say(f"{words}: {top.group(1)} at the top, {len(sets[state])} in the table")
        if state != "enforced" and sets[state] and top.group(2) is None:
            say(f"{words}: the top does not list them")
        if top.group(2) and {int(n) for n in top.group(2).split(",")} != sets[state]:
            say(f"{words}: the top lists others than the table")
    for path in sorted((sources / "tests" / "mission").glob("test_*.c")):
        for name in re.findall(r"static void (row_\d+_\w+)\(void \*\*", path.read_text(encoding="utf-8")):
            if (f"mission/{path.name}", name) not in named:
                say(f"{name} shows a row that does not name it")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(", ".join(f"{state} {len(rows)}" for state, rows in sets.items()))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
