"""The parts of a proof: what each runs, what it counts, and how much of it is wanted."""
import collections
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading

from words import say
from work import Job, Violation

TOP = pathlib.Path(__file__).resolve().parents[2]


def folder(name, preset):
    """Of a build: as ./run and the tests say, or where ./run would have put it."""
    return pathlib.Path(os.environ.get(name, TOP / "build" / preset)).resolve()


BUILD = folder("LEADBUS_BUILD_DIR", "release")
FAULT_BUILD = folder("LEADBUS_FAULT_DIR", "dev")
FUZZ_BUILD = folder("LEADBUS_FUZZ_DIR", "fuzz")


class Part:
    """wanted: of each figure, how much; reached: how much there is. at_most: figures of which less is better."""

    slug = zh = en = ""
    wanted = {}
    at_most = ()

    def __init__(self):
        self.reached = {}
        self.seconds = 0
        self.missing = ""  # why it could not be run
        self.lock = threading.Lock()

    def count(self, figure, more):
        with self.lock:
            self.reached[figure] = self.reached.get(figure, 0) + more

    def enough(self):
        return all(self.good(figure) for figure in self.wanted)

    def good(self, figure):
        reached = self.reached.get(figure)
        if reached is None:
            return False
        return reached <= self.wanted[figure] if figure in self.at_most else reached >= self.wanted[figure]

    def state(self):
        """In a few words, while it runs."""
        return ", ".join(f"{self.reached.get(figure, 0):,}/{wanted:,}" for figure, wanted in self.wanted.items())

    def details(self):
        """What else prove.json has of it."""
        return {}


class Sim(Part):
    """Fresh seeds of the simulator, a number of them to a process."""

    slug, zh, en = "sim", "模拟", "simulator"
    wanted = {"seeds": 20000, "crash_points": 20000, "empty_cells": 0}
    at_most = ("empty_cells",)
    LEADS, KINDS = 200, 3
    SEEDS_IN_ONE = 20
    # Of the processes: every 64th has every unit of the plan, every 8th two dozen, the others four to ten.
    ALL_EVERY, MANY_EVERY, MANY = 64, 8, 24

    def __init__(self, seed):
        super().__init__()
        self.seed = seed
        self.program = BUILD / "bin" / "leadbus-sim"
        self.leads = self.records = self.short = self.drain_ms = 0
        self.units = collections.Counter()
        self.names = {"states": [], "faults": []}
        self.faults, self.cells = collections.Counter(), {}

    def run(self, workers, budget_s):
        if not self.program.exists():
            self.missing = say(f"没有 {self.program}", f"there is no {self.program}")
            return
        named = subprocess.run([self.program, "--cells"], stdout=subprocess.PIPE, check=True)
        self.names = json.loads(named.stdout)
        self.cells = {fault["slug"]: [0] * len(self.names["states"]) for fault in self.names["faults"]}
        in_one = max(1, min(self.SEEDS_IN_ONE, int(budget_s / 4)))
        workers.run(self, self.jobs(in_one), budget_s, self.enough)
        self.reached["empty_cells"] = len(self.empty())

    def enough(self):
        return all(self.good(figure) for figure in ("seeds", "crash_points"))

    def state(self):
        return f"{self.reached.get('seeds', 0):,}/{self.wanted['seeds']:,}"

    def units_of(self, number):
        if number % self.ALL_EVERY == self.ALL_EVERY - 1:
            return 0
        return self.MANY if number % self.MANY_EVERY == self.MANY_EVERY - 1 else 4 + number % 7

    def jobs(self, in_one):
        number, seed = 0, self.seed
        while True:
            units = self.units_of(number)
            yield Job([self.program, "--json", "--seed", seed, "--seeds", in_one, "--minutes", 1, "--units", units,
                       "--leads", self.LEADS], self.heard, self.ended)
            seed += in_one
            number += 1

    def heard(self, line):
        run = json.loads(line)
        if run["checker"]:
            return  # ended has the words
        enough = run["submitted"] >= self.LEADS and run["kinds"] >= self.KINDS
        with self.lock:
            self.reached["seeds"] = self.reached.get("seeds", 0) + enough
            self.reached["crash_points"] = self.reached.get("crash_points", 0) + run["crash_points"]
            self.short += not enough
            self.leads += run["submitted"]
            self.records += run["records"]
            self.units[run["units"]] += 1
            self.drain_ms = max(self.drain_ms, run["drain_ms"])
            for fault, times in run["faults"].items():
                self.faults[fault] += times
                self.cells[fault] = [a + b for a, b in zip(self.cells[fault], run["cells"][fault])]

    @staticmethod
    def ended(code, _out, said):
        if code == 0:
            return
        again = re.search(r"(?:again: |重现：)(\./run .*)", said)
        raise Violation(said.strip() or f"leadbus-sim: {code}", again.group(1) if again else "./run sim --seed N")

    def empty(self):
        """Cells that something could have filled, and nothing did."""
        states = [state["slug"] for state in self.names["states"]]
        return [(fault["slug"], state) for fault in self.names["faults"] for i, state in enumerate(states)
                if state not in fault["never"] and self.cells[fault["slug"]][i] == 0]

    def details(self):
        return {"leads": self.leads, "records": self.records, "short_seeds": self.short, "first_seed": self.seed,
                "drain_ms_simulated": self.drain_ms, "seeds_by_units": dict(sorted(self.units.items())), "names": self.names,
                "faults": dict(self.faults), "cells": self.cells, "empty": self.empty()}


class Fault(Part):
    """The sweeps: the thing at N goes wrong, for every N."""

    slug, zh, en = "fault", "逐点故障", "sweeps of faults"
    wanted = {"disk_faults": 1000, "failed_allocations": 3000}
    EVERY_S = 90  # with so much time every request for memory is refused once, otherwise some

    def run(self, workers, budget_s):
        step = 1 if budget_s >= self.EVERY_S else 37
        fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
        commands = [(["fault_memory", step, fast], "failed_allocations", r"(\d+) processes ran out"),
                    (["fault_store"], "disk_faults", r"^(\d+) faults"), (["fault_box"], "disk_faults", r"^(\d+) faults")]
        jobs = []
        for words, figure, shape in commands:
            program = FAULT_BUILD / "bin" / words[0]
            if not program.exists():
                self.missing = say(f"没有 {program}", f"there is no {program}")
                return
            jobs.append(Job([program, *words[1:]], self.hearer(figure, re.compile(shape)), self.ender(program, words)))
        workers.run(self, iter(jobs), budget_s)

    def hearer(self, figure, shape):
        def heard(line):
            found = shape.search(line)
            if found:
                self.count(figure, int(found.group(1)))
        return heard

    @staticmethod
    def ender(program, words):
        def ended(code, out, said):
            if code != 0:
                raise Violation(f"{words[0]}:\n{out}\n{said}".strip(), " ".join(map(str, [program, *words[1:]])))
        return ended


class Campaign(Part):
    """Real processes; it keeps to its time itself, and heals and drains after it."""

    slug, zh, en = "campaign", "真实进程", "real processes"
    wanted = {"kills": 500, "partitions": 50, "clock_jumps": 20, "full_disks": 20, "drain_s": 30}
    at_most = ("drain_s",)
    ACTS = {"kills": ("kill_agent", "kill_broker", "storm"), "partitions": ("cut_net", "cut_wire"),
            "clock_jumps": ("clock_jump",), "full_disks": ("full_disk",)}
    AROUND_S = 45  # for the ceremony before and the drain after

    def __init__(self, seed):
        super().__init__()
        self.seed = seed % (1 << 32)
        self.result = {}

    def state(self):
        return ""

    def run(self, workers, budget_s):
        minutes = round(max(6, budget_s - self.AROUND_S) / 60, 2)
        with tempfile.TemporaryDirectory() as place:
            out = pathlib.Path(place) / "reliability.json"
            words = ["--minutes", minutes, "--seed", self.seed, "--act-pause-ms", 800]
            job = Job([TOP / "tests" / "campaign" / "campaign", *words, "--out", out], lambda line: None,
                      self.ender(out, words), {"LEADBUS_BUILD_DIR": str(BUILD)}, own_time=True)
            workers.run(self, iter([job]), budget_s)

    def ender(self, out, words):
        def ended(code, said, errors):
            again = "./run campaign " + " ".join(map(str, words))
            if out.exists():
                self.result = json.loads(out.read_text("utf-8"))
                acts = self.result["acts"]
                for figure, names in self.ACTS.items():
                    self.reached[figure] = sum(acts.get(name, 0) for name in names)
                self.reached["drain_s"] = self.result["drain_s"]
            if code != 0:
                raise Violation(f"{said}\n{errors}".strip(), again)
            if self.result["drain_s"] > self.wanted["drain_s"]:
                raise Violation(say(f"恢复后 {self.result['drain_s']} 秒才送完", f"drained only after {self.result['drain_s']} s"),
                                again)
        return ended

    def details(self):
        return {"result": self.result}


class Fuzz(Part):
    """Two of ./run fuzz beside each other, each with half of the targets."""

    slug, zh, en = "fuzz", "模糊测试", "hostile bytes"
    wanted = {"executions": 20_000_000}
    AROUND_S = 3  # a target's start and end

    def __init__(self):
        super().__init__()
        self.runs = collections.Counter()
        self.program = TOP / "tests" / "fuzz" / "fuzz"

    def run(self, workers, budget_s):
        listed = subprocess.run([self.program, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        targets = [target for target in listed if (FUZZ_BUILD / "bin" / f"fuzz_{target}").exists()]
        if len(targets) < len(listed):
            self.missing = say(f"{FUZZ_BUILD} 中没有模糊测试目标", f"no targets in {FUZZ_BUILD}")
            return
        each_s = max(1, int(budget_s * workers.count / len(targets)) - self.AROUND_S)
        jobs = [Job([self.program, "--seconds", each_s, target], self.heard, self.ended, {"LEADBUS_BUILD_DIR": str(FUZZ_BUILD)})
                for target in targets]
        # No enough: the last target is worth as much as the first.
        workers.run(self, iter(jobs), budget_s + 30)

    def heard(self, line):
        found = re.match(r"(\S+) +(\d+) runs", line)
        if found:
            self.count("executions", int(found.group(2)))
            with self.lock:
                self.runs[found.group(1)] += int(found.group(2))

    @staticmethod
    def ended(code, out, said):
        if code == 0:
            return
        again = re.search(r"(\./run fuzz \S+ \S+)", said + out)
        raise Violation(f"{said}\n{out}".strip(), again.group(1) if again else "./run fuzz")

    def details(self):
        return {"executions_by_target": dict(sorted(self.runs.items()))}


def all_of(seed):
    return [Sim(seed), Fault(), Campaign(seed), Fuzz()]
