#!/usr/bin/python3
"""Compares the tables of docs/PROTOCOL.md with limits.h and errors.def; with --print, prints them."""
import pathlib
import re
import sys


def number(text):
    text = re.sub(r"(?<=\d)ull\b", "", text).strip()
    if not re.fullmatch(r"[0-9+*() -]+", text):
        raise SystemExit("limits.h: not a number: " + text)
    return eval(text)  # digits and operators only, as just checked


def limits(root):
    source = (root / "proto/base/limits.h").read_text(encoding="utf-8")
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    found = re.findall(r"^\s*(LIMIT_\w+)\s*=\s*([^,]+),", source, re.M)
    found += re.findall(r"^#define\s+(LIMIT_\w+)\s+(.+)$", source, re.M)
    return {name: number(text) for name, text in found}


def errors(root):
    source = (root / "proto/base/errors.def").read_text(encoding="utf-8")
    rows = re.findall(r'^X\((\w+), (\d+), (\w+), (\w+), "[^"]*", "([^"]*)"\)', source, re.M)
    if len(rows) != source.count("\nX("):
        raise SystemExit("errors.def: a row that this script does not read")
    return [(int(code), name.lower(), kind.lower(), "yes" if again == "true" else "no", text)
            for name, code, kind, again, text in rows]


def table(lines, heading):
    at = lines.index(heading)
    rows = []
    for line in lines[at + 1:]:
        if line.startswith("## "):
            break
        if line.startswith("|"):
            rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows[2:]


def main():
    root = pathlib.Path(sys.argv[1])
    wanted_limits = [[name, "{:,}".format(value)] for name, value in limits(root).items()]
    wanted_errors = [[str(cell) for cell in row] for row in errors(root)]
    if "--print" in sys.argv:
        for name, value in wanted_limits:
            print("| `%s` | %s | |" % (name, value))
        for code, name, kind, again, text in wanted_errors:
            print("| %s | `%s` | %s | %s | %s |" % (code, name, kind, again, text))
        return 0
    lines = (root / "docs/PROTOCOL.md").read_text(encoding="utf-8").splitlines()
    wrong = 0
    for heading, wanted, width in (("## Limits", wanted_limits, 2), ("## Errors", wanted_errors, 5)):
        found = [row[:width] for row in table(lines, heading)]
        for row in wanted:
            if row not in found:
                print("docs/PROTOCOL.md, %s: missing or different: %s" % (heading, " | ".join(row)))
                wrong += 1
        for row in found:
            if row not in wanted:
                print("docs/PROTOCOL.md, %s: no such row in the source: %s" % (heading, " | ".join(row)))
                wrong += 1
    if not wrong:
        print("%d limits and %d errors as documented" % (len(wanted_limits), len(wanted_errors)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
