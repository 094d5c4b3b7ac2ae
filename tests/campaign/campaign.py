#!/usr/bin/env python3
"""Real processes in bad surroundings: leads flow between the units of a small district while broker and agents are killed
and stopped, wires are cut, held, slowed and half closed, disks are full, clocks jump, strangers hold thousands of
connections, and everybody comes back at once. At the end everything heals, and then: every lead that an agent took is in
every recipient's inbox once, the figures of the broker add up, and the replay agrees.

Two hands are at work at once: one kills, the other does everything else. What each does follows from the seed; when the
machine runs what in between is its own. The counts go to a file."""
import argparse
import http.client
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "demo"))
import ceremony  # noqa: E402
import leads  # noqa: E402
from district import BIN, District, Failed, Process, Refused, UnixConnection, run  # noqa: E402
from disks import Disks  # noqa: E402
from nets import Nets  # noqa: E402
from relay import Relay  # noqa: E402
from words import t  # noqa: E402

UNITS = ("police-hedong", "procuratorate", "civil-affairs", "education", "health", "womens-federation",
         "joint-conference-office")
SENDERS = {"education": leads.MANDATORY, "civil-affairs": leads.MARRIAGE, "womens-federation": leads.SIGHTING,
           "health": leads.MANDATORY}
FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
DRAIN_S = 120
FULL_S = 15  # within which a program meets a full disk


class Bus(District):
    """The district with the units of the campaign alone, over TCP, each agent behind a wire of its own."""

    def __init__(self, folder):
        super().__init__(folder)
        self.units = [unit for unit in self.units if unit["key"] in UNITS]
        self.agents = {key: agent for key, agent in self.agents.items() if key in UNITS}
        self.nets = Nets(list(self.agents))
        self.disks = Disks()
        with socket.create_server((self.nets.host, 0)) as free:
            self.port = free.getsockname()[1]
        self.endpoint = f"tcp://{self.nets.host}:{self.port}"
        self.wires = {key: Relay(self.nets.host, (self.nets.host, self.port)) for key in self.agents}
        self.clock = folder / "clock"
        self.clock.write_text("+0\n")
        self.lock = threading.Lock()  # one hand at a time on a process

    def write_configs(self):
        super().write_configs()
        self.disks.make(self.folder / "broker" / "state")
        for key, agent in self.agents.items():
            path = agent.folder / "agent.conf"
            self.disks.make(agent.folder / "disk")
            path.write_text(path.read_text().replace(
                f"endpoint = {self.endpoint}", f"endpoint = tcp://{self.nets.host}:{self.wires[key].port}").replace(
                    f"store = {agent.folder}/store.db", f"store = {agent.folder}/disk/store.db"))

    def disk_of(self, key):
        """Of an agent, or (None) of the broker."""
        return self.agents[key].folder / "disk" if key else self.folder / "broker" / "state"

    def start_broker(self):
        folder = self.folder / "broker"
        begin = [] if (folder / "state" / "journal.db").exists() else ["--begin"]
        words = [BIN / "leadbusd", "--config", folder / "leadbusd.conf", *begin]
        if FAKETIME:
            words = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={self.clock}", "FAKETIME_NO_CACHE=1",
                     "DONT_FAKE_MONOTONIC=1", *words]
        self.broker = Process(words, folder / "leadbusd.log")
        self.broker.wait_for("event=started")

    def start_agent(self, key):
        agent = self.agents[key]
        agent.process = Process([*self.nets.within(key), BIN / "leadbus-agent", "--config", agent.folder / "agent.conf"],
                                agent.folder / "agent.log")
        agent.process.wait_for("event=started")

    def start(self, key):
        if key:
            self.start_agent(key)
        else:
            self.start_broker()

    def process_of(self, key):
        return self.agents[key].process if key else self.broker

    def close(self):
        super().close()
        for wire in self.wires.values():
            wire.close()
        self.nets.close()


class Load:
    """A unit's own system: one lead after the other, each under a key of its own, tried again until the agent took it."""

    def __init__(self, bus, key, draft, wait_s):
        self.agent, self.key, self.draft, self.wait_s = bus.agents[key], key, draft, wait_s
        self.taken = []  # (id, recipients)
        self.refused = []
        self.tries = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self):
        number = 0
        while not self.ending.wait(self.wait_s):
            number += 1
            body = json.dumps(self.draft, ensure_ascii=False)
            while not self._send(f"{self.key}-{number}", body) and not self.ending.wait(0.2):
                pass

    def _send(self, name, body):
        self.tries += 1
        try:
            connection = UnixConnection(self.agent.socket, 10)
            connection.request("POST", "/v1/messages", body.encode(),
                               {"Content-Type": "application/json", "Idempotency-Key": name})
            response = connection.getresponse()
            answer = json.loads(response.read())
            connection.close()
        except (OSError, ValueError, http.client.HTTPException):
            return False
        if response.status == 202:
            self.taken.append(answer["id"])
            return True
        if answer.get("retryable"):
            return False
        self.refused.append(answer)
        return True


class Chaos:
    """The acts of one hand, by name, with how often each is drawn. Each ends healed or says what has to heal later."""

    KILLS = {"kill_broker": 4, "kill_agent": 8, "storm": 1}
    OTHERS = {"stop_broker": 2, "stop_agent": 4, "cut_wire": 6, "hold_wire": 4, "slow_wire": 4, "half_wire": 3, "strangers": 1}

    def __init__(self, bus, seed, acts, pause_s):
        self.bus, self.random, self.acts, self.pause_s = bus, random.Random(seed), dict(acts), pause_s
        self.counts = {}
        self.held = 0  # most connections that said nothing
        self.last = ""
        self.failure = None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        try:
            while not self.ending.is_set():
                self.last = " ".join(self.once())
                self.pause(0.1 * self.pause_s, self.pause_s)
        except Exception as why:  # pylint: disable=broad-exception-caught
            self.failure = why  # the campaign ends with it

    def once(self):
        name = self.random.choices(list(self.acts), list(self.acts.values()))[0]
        key = self.random.choice(UNITS)
        getattr(self, name)(key)
        self.counts[name] = self.counts.get(name, 0) + 1
        return name, key

    def pause(self, least, most):
        self.ending.wait(self.random.uniform(least, most))  # what happens meanwhile is what this is for

    def kill_broker(self, _key):
        with self.bus.lock:
            self.bus.broker.stop(signal.SIGKILL)
            self.bus.start_broker()

    def kill_agent(self, key):
        with self.bus.lock:
            self.bus.agents[key].process.stop(signal.SIGKILL)
            self.bus.start_agent(key)

    def _stop(self, child):
        child.send_signal(signal.SIGSTOP)
        self.pause(0.5, 4)
        child.send_signal(signal.SIGCONT)

    def stop_broker(self, _key):
        self._stop(self.bus.broker.child)

    def stop_agent(self, key):
        self._stop(self.bus.agents[key].process.child)

    def _wire(self, key, mode):
        self.bus.wires[key].set(mode)
        self.pause(0.5, 6)
        self.bus.wires[key].set("pass")

    def cut_wire(self, key):
        self._wire(key, "refuse")

    def hold_wire(self, key):
        self._wire(key, "hold")

    def slow_wire(self, key):
        self._wire(key, "slow")

    def half_wire(self, key):
        self._wire(key, "half")
        self.bus.wires[key].cut()  # a stream with a hole in it is of no use to anybody

    def cut_net(self, key):
        if not (self.bus.nets.cut(key, True) and self.bus.nets.cut(key, False) and self.bus.nets.cut(key, True)):
            raise Failed(f"the network of {key} cannot be cut: {self.bus.nets.why}")
        self.pause(0.5, 8)
        self.bus.nets.cut(key, False)

    def clock_jump(self, _key):
        with self.bus.lock:  # a broker believes the clock that it is started with
            self.bus.clock.write_text(self.random.choice(("-2d\n", "+40d\n", "-1h\n", "+1h\n")))
            self.pause(1, 4)
            self.bus.clock.write_text("+0\n")

    def full_disk(self, key):
        """The disk of an agent or of the broker is full until its program says so and ends, and has room again. What was
        taken and receipted before is looked for in the end, as everything is."""
        if self.random.randrange(3) == 0:
            key = None
        with self.bus.lock:
            process, disk = self.bus.process_of(key), self.bus.disk_of(key)
            deadline = time.monotonic() + FULL_S
            while process.child.poll() is None:
                self.bus.disks.fill(disk)
                if time.monotonic() > deadline:  # it has found room in its own files so far
                    process.stop(signal.SIGKILL)
                    break
                time.sleep(0.05)  # its next write is the event
            process.stop()
            said = any("disk_full" in line for line in process.lines)
            if not said:
                said = self._starts_full(key)
            self.bus.disks.free(disk)
            self.bus.start(key)
        if not said:
            raise Failed(f"{key or 'leadbusd'} met a full disk and did not say so")

    def _starts_full(self, key):
        """Started on it, or soon after: it says what is wrong and ends."""
        try:
            self.bus.start(key)
            self.bus.disks.fill(self.bus.disk_of(key))
            self.bus.process_of(key).child.wait(FULL_S)
        except (Failed, subprocess.TimeoutExpired):
            pass
        self.bus.process_of(key).stop(signal.SIGKILL)
        return any("disk_full" in line for line in self.bus.process_of(key).lines)

    def strangers(self, _key):
        """As many half-open connections as this machine lets us hold, up to 10,000: they say nothing."""
        held = []
        try:
            while len(held) < 10000:
                one = socket.socket()
                one.setblocking(False)
                held.append(one)
                one.connect_ex((self.bus.nets.host, self.bus.port))
        except OSError:
            pass
        self.held = max(self.held, len(held))
        self.pause(1, 4)
        for one in held:
            one.close()

    def storm(self, _key):
        """Everybody is gone, and comes back at once."""
        with self.bus.lock:
            for agent in self.bus.agents.values():
                agent.process.child.kill()
            for agent in self.bus.agents.values():
                agent.process.stop(signal.SIGKILL)
            for key, agent in self.bus.agents.items():
                agent.process = Process([*self.bus.nets.within(key), BIN / "leadbus-agent", "--config",
                                         agent.folder / "agent.conf"], agent.folder / "agent.log")
            for agent in self.bus.agents.values():
                agent.process.wait_for("event=started")


def recipients_of(bus, key, draft):
    answer = bus.agents[key].call("POST", "/v1/preview", draft)
    units = [one["unit"] for one in answer["recipients"]]
    strangers = set(units) - set(UNITS)
    if strangers:
        raise Failed(f"{draft['kind']} from {key} goes to {strangers}, who are not here")
    return units


def drained(bus, loads, recipients):
    """Fetches until everybody has everything; what is missing, doubled or made up, by unit."""
    expected = {key: [] for key in UNITS}
    for load in loads:
        for unit in recipients[load.key]:
            expected[unit] += load.taken
    deadline = time.monotonic() + DRAIN_S
    for key, ids in expected.items():
        agent = bus.agents[key]
        while True:
            try:
                agent.fetch(1)
            except (OSError, Refused):
                pass
            have = [item["id"] for item in agent.messages()]
            if not set(ids) - set(have) or time.monotonic() > deadline:
                break
    result = {}
    for key, ids in expected.items():
        have = [item["id"] for item in bus.agents[key].messages()]
        result[key] = {"expected_count": len(ids), "lost_count": len(set(ids) - set(have)),
                       "doubled_count": len(have) - len(set(have)), "strange_count": len(set(have) - set(ids))}
    return result


def settled(bus):
    """Waits until the broker says that nothing waits any more; its figures by unit."""
    path = bus.folder / "broker" / "state" / "status.json"
    deadline = time.monotonic() + DRAIN_S
    while True:
        units = {unit["unit"]: unit for unit in json.loads(path.read_text("utf-8"))["units"]}
        if all(units[key]["waiting"] == 0 for key in UNITS if key in units) or time.monotonic() > deadline:
            return units
        time.sleep(1)  # it is written once a second


def balanced(unit):
    return unit["accepted"] == sum(unit[name] for name in ("delivered", "waiting", "expired", "undeliverable", "withdrawn"))


def hands_of(bus, arguments):
    """One kills, the other does everything else."""
    others = dict(Chaos.OTHERS)
    if bus.nets.ready:
        others["cut_net"] = 8
    if FAKETIME:
        others["clock_jump"] = 5
    if bus.disks.ready:
        others["full_disk"] = 5
    pause_s = arguments.act_pause_ms / 1000
    return [Chaos(bus, arguments.seed, Chaos.KILLS, pause_s), Chaos(bus, arguments.seed + 1, others, pause_s)]


def show(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def replay(folder, result):
    done = run("leadbus-replay", "replay", "--root", folder / "root.note", folder / "broker" / "state" / "journal.db", ok=None)
    result["replay_agrees"] = done.returncode == 0
    if done.returncode != 0:
        result["replay_said"] = (done.out + done.err)[-2000:]


def campaign(folder, arguments):
    bus = Bus(folder)
    result = {"schema": 1, "seed": arguments.seed, "namespaces": bus.nets.ready, "clock_jumps": FAKETIME is not None,
              "small_disks": False}
    loads = []
    try:
        out, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
        try:
            ceremony.hold(bus)
        finally:
            sys.stdout = out
        bus.write_configs()
        result["small_disks"] = bus.disks.ready
        bus.start_broker()
        for key in bus.agents:
            bus.start_agent(key)
        for agent in bus.agents.values():
            agent.process.wait_for("event=connected")
        recipients = {key: recipients_of(bus, key, draft) for key, draft in SENDERS.items()}
        hands = hands_of(bus, arguments)
        loads = [Load(bus, key, draft, arguments.pause_ms / 1000) for key, draft in SENDERS.items()]
        begun = time.monotonic()
        for hand in hands:
            hand.thread.start()
        while time.monotonic() - begun < arguments.minutes * 60 and all(hand.thread.is_alive() for hand in hands):
            time.sleep(0.2)  # the hands do what is to be done
            show(f"{time.monotonic() - begun:5.0f} s  {sum(len(load.taken) for load in loads)} leads  "
                 + ", ".join(hand.last for hand in hands))
        for hand in hands:
            hand.ending.set()
        for hand in hands:
            hand.thread.join(120)
        show("")
        for hand in hands:
            if hand.failure or hand.thread.is_alive():
                raise hand.failure or Failed(f"{hand.last} and then nothing")
        for load in loads:
            load.ending.set()
        for load in loads:
            load.thread.join(60)
        healed = time.monotonic()
        result["units"] = drained(bus, loads, recipients)
        figures = settled(bus)
        result["drain_s"] = round(time.monotonic() - healed, 1)
        result["unbalanced_count"] = sum(not balanced(unit) for unit in figures.values())
        result["waiting_count"] = sum(figures[key]["waiting"] for key in UNITS if key in figures)
        result["acts"] = dict(sorted(act for hand in hands for act in hand.counts.items()))
        result["stranger_connection_count"] = max(hand.held for hand in hands)
        result["lead_count"] = sum(len(load.taken) for load in loads)
        result["refusals"] = [refusal for load in loads for refusal in load.refused][:20]
        result["seconds"] = round(time.monotonic() - begun, 1)
    finally:
        for load in loads:
            load.ending.set()
        try:
            bus.close()
            if "seconds" in result:
                replay(folder, result)
        finally:
            bus.disks.close()
    return result


def holds(result):
    bad = ("lost_count", "doubled_count", "strange_count")
    return (all(unit[name] == 0 for unit in result["units"].values() for name in bad) and result["lead_count"] > 0
            and result["unbalanced_count"] == 0 and result["waiting_count"] == 0 and not result["refusals"]
            and result["replay_agrees"])


def main():
    parser = argparse.ArgumentParser(prog="./run campaign", description=t(
        "真实进程在恶劣环境中运行：杀进程、断网、时钟跳变、连接风暴；结束后核对无丢失、无重复，并由审计重放。",
        "Real processes in bad surroundings: kills, cuts, clocks that jump, storms of connections. At the end nothing is "
        "lost or doubled, and the replay agrees."))
    parser.add_argument("--minutes", type=float, default=5, help=t("时长，默认 5", "how long (5)"))
    parser.add_argument("--seed", type=int, default=None, help=t("随机种子，默认新取", "of what happens; a new one by itself"))
    parser.add_argument("--pause-ms", type=int, default=100, help=t("各单位两次发送的间隔", "between two leads of a unit (100)"))
    parser.add_argument("--act-pause-ms", type=int, default=1500,
                        help=t("两次破坏之间最长的间隔", "the longest pause between two acts of a hand (1500)"))
    parser.add_argument("--out", default="reliability.json", help=t("结果文件", "where the counts go (reliability.json)"))
    parser.add_argument("--keep", action="store_true", help=t("保留运行目录", "keep the folder of the run"))
    arguments = parser.parse_args()
    if arguments.minutes <= 0 or arguments.pause_ms < 0 or arguments.act_pause_ms < 0:
        parser.error("--minutes, --pause-ms, --act-pause-ms")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="leadbus-campaign-"))
    print(t(f"种子 {arguments.seed}", f"seed {arguments.seed}"), file=sys.stderr)
    try:
        result = campaign(folder / "bus", arguments)
        good = holds(result)
    except Failed as why:
        print(why, file=sys.stderr)
        print(t(f"重现：./run campaign --seed {arguments.seed}；日志：{folder}",
                f"again: ./run campaign --seed {arguments.seed}; logs: {folder}"), file=sys.stderr)
        return 1
    pathlib.Path(arguments.out).write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", "utf-8")
    acts = ", ".join(f"{name} {count}" for name, count in result["acts"].items())
    units = result["units"].values()
    print(t(f"{result['lead_count']} 条线索，{sum(u['expected_count'] for u in units)} 次送达，{acts}；恢复后 {result['drain_s']} 秒送完；",
            f"{result['lead_count']} leads, {sum(u['expected_count'] for u in units)} deliveries; {acts}; drained in "
            f"{result['drain_s']} s; ")
          + t("无丢失、无重复，重放一致" if good else "不成立", "nothing lost or doubled, the replay agrees" if good else "does not hold")
          + t(f"（{arguments.out}）", f" ({arguments.out})"))
    if good and not arguments.keep:
        shutil.rmtree(folder)
    elif not good:
        print(t(f"重现：./run campaign --seed {arguments.seed}；日志：{folder}",
                f"again: ./run campaign --seed {arguments.seed}; logs: {folder}"), file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
