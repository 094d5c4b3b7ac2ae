#!/usr/bin/env python3
"""The long proof with tiny numbers: its figures are there and add up, what was not run is said, and a violation is one."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SEED = 7001


def prove(place, *words, **environment):
    out = place / "prove.json"
    out.unlink(missing_ok=True)
    done = subprocess.run([HERE / "prove", "--out", out, "--seed", str(SEED), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=dict(os.environ, LANG="en_US.UTF-8", LC_ALL="en_US.UTF-8", **environment), check=False)
    return done, json.loads(out.read_text("utf-8")) if out.exists() else {}


def holds(place):
    """Seeds; and no fuzz targets in this folder, which must be said."""
    done, figures = prove(place, "--minutes", "0.15", "--only", "sim", "--only", "fuzz", LEADBUS_FUZZ_DIR=str(place / "none"))
    print(done.stdout)
    sim, rows = figures["parts"]["sim"], figures["figures"]
    met = [fault for fault, cells in sim["cells"].items() if sum(cells)]
    assert done.returncode == 0, done.stderr
    assert figures["holds"] and not figures["reached"] and rows["violations"]["reached"] == 0
    assert sim["first_seed"] == SEED and rows["seeds"]["reached"] >= 1 and sim["short_seeds"] == 0
    assert sim["leads"] >= 200 * rows["seeds"]["reached"] and len(met) >= 3
    assert rows["empty_cells"]["reached"] == len(sim["empty"]) > 0
    assert rows["kills"]["reached"] is None and not rows["kills"]["good"]
    assert rows["executions"]["reached"] is None and "hostile bytes was not run" in done.stdout
    assert "not everything wanted was reached" in done.stdout


def is_swept(place):
    """Some of the sweeps."""
    done, figures = prove(place, "--minutes", "0.3", "--only", "fault")
    rows = figures["figures"]
    print(rows["crash_points"], rows["failed_allocations"])
    assert done.returncode == 0, done.stderr
    assert rows["crash_points"]["reached"] >= 100 and 40 <= rows["failed_allocations"]["reached"] < 3000


def is_found(place):
    """A simulator that finds something: exit code 1, and the command that repeats it."""
    (place / "bin").mkdir()
    program = place / "bin" / "leadbus-sim"
    program.write_text("#!/bin/sh\ncase $1 in --cells) echo '{\"states\":[],\"faults\":[]}'; exit 0;; esac\n"
                       "echo 'seed 5 failed at 9 ms (step 1). Checker once: it is there twice' >&2\n"
                       "echo 'again: ./run sim --seed 5 --minutes 1' >&2\nexit 1\n", "utf-8")
    program.chmod(0o755)
    done, figures = prove(place, "--minutes", "0.1", "--only", "sim", LEADBUS_BUILD_DIR=str(place))
    assert done.returncode == 1 and not figures["holds"], done.stdout
    assert figures["violation"]["again"] == "./run sim --seed 5 --minutes 1"
    assert re.search(r"again: \./run sim --seed 5 --minutes 1\n", done.stderr), done.stderr


def main():
    with tempfile.TemporaryDirectory() as folder:
        holds(pathlib.Path(folder))
        is_swept(pathlib.Path(folder))
        is_found(pathlib.Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
