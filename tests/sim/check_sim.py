#!/usr/bin/env python3
"""Tests of and with the simulator.

check_sim.py short BIN           a few fixed seeds hold
check_sim.py kept BIN            so do the seeds of seeds.txt, which once showed something
check_sim.py twice BIN           a seed gives the same run twice, another one another
check_sim.py mutants FOLDER [NAME...]
                                 every build with a safeguard taken out is noticed within the seeds that mutate.py states
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SHORT = {"seed": 1, "seeds": 5, "minutes": 1}
TWICE_SEEDS, TWICE_MINUTES = (11, 12), 1
MUTANT_MINUTES, MUTANT_UNITS = 1, 8


def run(program, seed, minutes, units=0, seeds=1):
    """Exit status, one object for each seed, and what it said."""
    command = [program, "--json", "--lang", "en", "--seed", str(seed), "--seeds", str(seeds)]
    command += ["--minutes", str(minutes), "--units", str(units)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def short(program):
    status, runs, said = run(program, SHORT["seed"], SHORT["minutes"], seeds=SHORT["seeds"])
    sys.stderr.write(said)
    for one in runs:
        print(f"seed {one['seed']}: {one['submitted']} sent, {one['records']} records, {one['bus_crashes']} crashes")
    # A simulator in which nothing happens finds nothing.
    busy = all(one["submitted"] > 50 and one["receipts"] > 50 and one["deliveries"] > 200 for one in runs)
    broken = sum(one["bus_crashes"] + one["unit_crashes"] + one["disk_faults"] + one["partitions"] for one in runs)
    return status == 0 and len(runs) == SHORT["seeds"] and busy and broken > 10


def kept(program):
    good, count = True, 0
    with open(os.path.join(HERE, "seeds.txt"), encoding="utf-8") as file:
        for line in file:
            fields = line.split("#")[0].split()
            if not fields:
                continue
            status, runs, said = run(program, *map(int, fields))
            count += 1
            print(line.strip(), "->", *(f"{one['records']} records, {one['ticks']} ticks" for one in runs))
            if status != 0:
                good = False
                sys.stderr.write(f"{line}{said}")
    print(f"{count} seeds kept")
    return good and count > 0


def twice(program):
    runs = [run(program, seed, TWICE_MINUTES)[1][0] for seed in TWICE_SEEDS + TWICE_SEEDS]
    print(*(one["digest"][:16] for one in runs))
    return runs[0] == runs[2] and runs[1] == runs[3] and runs[0]["digest"] != runs[1]["digest"]


def notice(program, within):
    """The first seed that shows it, and what it said; None."""
    for seed in range(1, within + 1):
        status, _, said = run(program, seed, MUTANT_MINUTES, MUTANT_UNITS)
        if status != 0:
            return seed, said.splitlines()[0] if said else f"status {status}"
    return None


def mutants(folder, *wanted):
    listed = subprocess.run([os.path.join(HERE, "mutate.py"), "--list"], capture_output=True, text=True, check=True)
    good, count = True, 0
    for line in listed.stdout.splitlines():
        name, within = line.split()[:2]
        if wanted and name not in wanted:
            continue
        count += 1
        noticed = notice(os.path.join(folder, f"leadbus-sim-{name}"), int(within))
        good = good and noticed is not None
        print(f"{name}: " + (f"seed {noticed[0]}: {noticed[1]}" if noticed else f"NOT within {within} seeds"), flush=True)
    return good and count > 0


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("short", "kept", "twice", "mutants"):
        sys.exit(__doc__)
    sys.exit(0 if globals()[sys.argv[1]](*sys.argv[2:]) else 1)
