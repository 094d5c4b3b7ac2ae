#!/usr/bin/env python3
"""Shipped sources with one safeguard taken out, so that it is seen whether the simulator notices.

mutate.py --list            name, seeds within which it must be noticed, sources
mutate.py NAME TOP FOLDER   writes FOLDER/NAME-<source's name> for each of its sources

What is replaced must be there exactly once: a mutant that changes nothing would prove nothing. A safeguard that stands
twice (the fold of the broker does not take what its own decision should have refused) is taken out in both places.
"""
import os
import sys

SUBMIT = "broker/core/admit_submit.c"
FOLD = "broker/core/apply_accepted.c"
SEEN = "        return error_say(error, E_SEQ_REPLAYED, \"seq\", "

# name: (seeds, {source: [(what stands there, what instead)]})
MUTANTS = {
    "fsync": (
        8,
        {
            "broker/store/sqlite.c": [
                ("PRAGMA synchronous = FULL;", "PRAGMA synchronous = OFF;"),
                ('synchronous", "2"', 'synchronous", "0"'),
            ]
        },
    ),
    "fsync-unit": (
        8,
        {
            "proto/host/sqlite.c": [
                ('"PRAGMA synchronous=FULL"', '"PRAGMA synchronous=OFF"'),
                ('"PRAGMA synchronous", "2"', '"PRAGMA synchronous", "0"'),
            ]
        },
    ),
    "clock": (
        8,
        {"broker/shell/clock.c": [("if (departs(departure_locked())) the_clock.suspect = true;", "(void)departs(departure_locked());")]},
    ),
    "fencing": (8, {"broker/store/sqlite.c": [("flock(fd, LOCK_EX | LOCK_NB) == 0", "fd >= 0")]}),
    "dedupe": (
        8,
        {
            SUBMIT: [("    if (seen) {\n", "    if (seen && false) {\n"), ("    if (known == CORE_NONE) return 0;\n", "    return 0;\n")],
            FOLD: [
                (
                    "core_sender_seen(sender, letter->lane, letter->seq) ||\n"
                    "        core_message_place(core, letter->id_hash, letter->id) != CORE_NONE",
                    "false",
                )
            ],
        },
    ),
    "sequence": (
        8,
        {
            SUBMIT: [
                (SEEN, SEEN.replace("return", "(void)")),
                ("head->seq > highest + LIMIT_SEQ_WINDOW", "head->seq > highest + 1000000000"),
            ],
            FOLD: [
                ("letter->seq > highest + LIMIT_SEQ_WINDOW", "letter->seq > highest + 1000000000"),
                ("core_sender_seen(sender, letter->lane, letter->seq) ||", "false ||"),
            ],
        },
    ),
    "signature": (
        8,
        {
            "broker/shell/verify.c": [
                ("code = envelope_verify(envelope, entry->identity);", "code = 0;"),
                (
                    "    int code = signed_body_verify(label, bytes_of(body.data, body.len),\n"
                    "                                  bytes_of(signature.data, signature.len), entry->identity);\n",
                    "    int code = 0;\n    (void)body;\n    (void)signature;\n",
                ),
            ]
        },
    ),
    "route": (8, {SUBMIT: [("if (r == 0) r = check_route(&s);", "if (r == 0 && false) r = check_route(&s);")]}),
    "expiry": (8, {SUBMIT: [("if (head->expires_ms <= s->now_ms)", "if (false)")]}),
}


def mutate(name, top, folder):
    for source, changes in MUTANTS[name][1].items():
        with open(os.path.join(top, source), encoding="utf-8") as file:
            text = file.read()
        for old, new in changes:
            if text.count(old) != 1:
                sys.exit(f"mutate.py: {name}: {source} has this {text.count(old)} times, not once: {old}")
            text = text.replace(old, new)
        with open(os.path.join(folder, f"{name}-{os.path.basename(source)}"), "w", encoding="utf-8") as file:
            file.write(f'/* Broken on purpose: {name}. Made by tests/sim/mutate.py. */\n#line 1 "{source}"\n{text}')


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        for mutant, (seeds, sources) in MUTANTS.items():
            print(mutant, seeds, *sources)
    elif len(sys.argv) == 4 and sys.argv[1] in MUTANTS:
        mutate(*sys.argv[1:])
    else:
        sys.exit(__doc__)
