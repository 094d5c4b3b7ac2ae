"""compare: leadbus and other brokers at the same work, one after the other in each round, each with a fresh folder. A
ratio is taken within a round, between runs of the same minutes; shown is the median of the rounds, and their spread."""
import json
import os
import shutil
import statistics
import tempfile

import backlog
from budget import Budget, print_budgets
from bus import Bus, Failed, run_json
from servers import ALL, make_certificate
from words import number, pad, pad_left, print_json, say

# What is compared: name, words, decimals, and whether more is better.
METRICS = [
    ("messages_per_s", ("条/秒", "messages/s"), 0, True),
    ("confirm_p50_us", ("确认 p50 微秒", "confirm p50 us"), 0, False),
    ("confirm_p99_us", ("确认 p99 微秒", "confirm p99 us"), 0, False),
    ("broker_cpu_us", ("CPU 微秒/条", "CPU us/message"), 1, False),
    ("broker_rss_mib", ("内存 MiB", "RSS MiB"), 1, False),
]
LEADBUS = "leadbus"


def run_leadbus(lead_count, lead_count_1):
    with Bus() as bus:
        bus.start(begin=True)
        said = run_json("leadbus-bench", "-d", bus.folder, "-e", bus.endpoint, "-p", str(bus.broker.pid), "-1",
                        str(lead_count_1), "-n", str(lead_count), "-j")
        bus.stop()
    return {"messages_per_s": said["leads_per_s"], "confirm_p50_us": said["receipt_equal_p50_us"],
            "confirm_p99_us": said["receipt_equal_p99_us"], "broker_cpu_us": said["broker_cpu_per_lead_us"],
            "broker_rss_mib": said["broker_rss_loaded_mib"], "missing": 0, "twice": said["effects_twice"]}


def run_server(server, lead_count, lead_count_1):
    """Confirmations one by one, the rest with 256 in flight."""
    try:
        server.start()
        server.drive("setup")
        said = [json.loads(server.drive("run", "--broker", str(server.pid), "--count", str(count), "--window", window))
                for count, window in ((lead_count_1, "1"), (lead_count, "256"))]
    finally:
        server.stop()
    one, many = said
    return {"messages_per_s": many["messages_per_s"], "confirm_p50_us": one["confirm_p50_us"],
            "confirm_p99_us": one["confirm_p99_us"], "broker_cpu_us": many["broker_cpu_us"],
            "broker_rss_mib": many["broker_rss_mib"], "missing": one["missing"] + many["missing"],
            "twice": one["twice"] + many["twice"]}


def backlog_of_server(server, count):
    """Messages that nobody takes yet, kill -9, and what is still there."""
    try:
        server.start()
        server.drive("setup")
        filled = json.loads(server.drive("fill", "--broker", str(server.pid), "--count", str(count), "--window", "256"))
        server.kill()
        restart_s = server.start()
        drained = json.loads(server.drive("drain", "--broker", str(server.pid), "--count", str(count)))
    finally:
        server.stop()
    return {"confirmed_per_s": filled["confirmed_per_s"], "broker_rss_waiting_mib": filled["broker_rss_mib"],
            "restart_after_kill_s": restart_s, "missing": drained["missing"], "twice": drained["twice"]}


def backlog_of_leadbus(count):
    figures = backlog.measure(count, ipc=False)
    return {"confirmed_per_s": figures["receipted_per_s"], "broker_rss_waiting_mib": figures["broker_rss_waiting_mib"],
            "restart_after_kill_s": figures["restart_after_kill_s"],
            "missing": 6 * count - figures["deliveries_count"], "twice": figures["effects_twice"]}


class Comparison:
    def __init__(self, counts, rounds):
        self.counts, self.rounds = counts, rounds
        self.results = {name: [] for name in [LEADBUS, *(kind.name for kind in ALL)]}
        self.backlogs, self.left_out = {}, {}

    def attempt(self, folder, certificate, key, kind, what, action):
        """What the action gives, or None where this server cannot do it here: that is named with its reason."""
        if (kind.name, what) in self.left_out:
            return None
        place = tempfile.mkdtemp(dir=folder)
        try:
            return action(kind(os.path.join(place, "server"), certificate, key))
        except Failed as failed:
            self.left_out[kind.name, what] = str(failed)
            return None
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def run(self):
        folder = tempfile.mkdtemp(prefix="leadbus-rivals.")
        try:
            place = (folder, *make_certificate(folder))
            for turn in range(self.rounds):
                self.round(place, turn)
            if self.counts["backlog"]:
                self.backlogs[LEADBUS] = backlog_of_leadbus(self.counts["backlog"])
                for kind in ALL:
                    if kind.keeps:
                        done = self.attempt(*place, kind, "backlog",
                                            lambda s: backlog_of_server(s, self.counts["backlog"]))
                        if done:
                            self.backlogs[kind.name] = done
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def round(self, place, turn):
        """Everyone once; who is first changes from round to round."""
        order = [None, *ALL]
        order = order[turn % len(order):] + order[:turn % len(order)]
        counts = (self.counts["leads"], self.counts["leads-window-1"])
        for kind in order:
            if kind is None:
                self.results[LEADBUS].append(run_leadbus(*counts))
            else:
                self.results[kind.name].append(
                    self.attempt(*place, kind, "load", lambda s: run_server(s, *counts)))

    def values(self, name, metric):
        return [result[metric] for result in self.results[name] if result]

    def ratios(self, name, metric):
        """leadbus's figure through the other's, round by round."""
        return [ours[metric] / theirs[metric] for ours, theirs in zip(self.results[LEADBUS], self.results[name])
                if theirs and theirs[metric]]

    def budgets(self):
        """Against the floor: its clear form for what the broker does, its sealed form for the whole of the work, since
        there too six readers verify and open every message on the same cores."""
        wanted = [
            ("cpu", say("总线 CPU / 下限", "broker CPU / floor"), "floor", "broker_cpu_us", 1.5, False),
            ("receipt", say("逐条回执 p50 / 下限", "receipt p50, one by one / floor"), "floor", "confirm_p50_us", 1.25,
             False),
            ("throughput", say("吞吐 / 封装下限", "throughput / floor, sealed"), "floor, sealed", "messages_per_s", 0.75,
             True),
        ]
        return [Budget(key, label, statistics.median(ratios), bound, "x", at_least)
                for key, label, name, metric, bound, at_least in wanted if (ratios := self.ratios(name, metric))]


def spread(values, decimals):
    if not values:
        return "-"
    return f"{number(statistics.median(values), decimals)} [{number(min(values), decimals)}..{number(max(values), decimals)}]"


def print_tables(comparison):
    names = [name for name in comparison.results if comparison.values(name, "messages_per_s")]
    durable = {LEADBUS: True, **{kind.name: kind.durable for kind in ALL}}
    print(say(f"{comparison.rounds} 轮，逐轮交替；每条 1536 字节送六个持久消费者并逐一确认。中位数 [最小..最大]\n"
              f"leadbus 另含：每条端到端封装，六个接收单位逐条核验、开封并落盘\n",
              f"{comparison.rounds} rounds, in turn; 1,536 bytes to six durable consumers that acknowledge. Median "
              f"[least..most]\nleadbus also: sealed end to end, verified, opened and made durable by all six\n"))
    heads = [say(*words) for _, words, _, _ in METRICS]
    print(pad("", 24) + pad_left(say("先落盘", "on disk"), 8) + "".join(pad_left(head, 25) for head in heads))
    for name in names:
        cells = [spread(comparison.values(name, metric), decimals) for metric, _, decimals, _ in METRICS]
        print(pad(name, 24) + pad_left(say("是", "yes") if durable[name] else say("否", "NO"), 8) +
              "".join(pad_left(cell, 25) for cell in cells))
    print("\n" + say("比值：leadbus / 对方（同一轮内）", "ratios: leadbus / the other, within a round"))
    for name in names[1:]:
        cells = [spread(comparison.ratios(name, metric), 2) for metric, _, _, _ in METRICS]
        print(pad(name, 32) + "".join(pad_left(cell, 25) for cell in cells))
    print_backlogs(comparison)
    for name in comparison.results:
        lost = sum(comparison.values(name, "missing")), sum(comparison.values(name, "twice"))
        if any(lost):
            print(say(f"{name}：丢失 {lost[0]}，重复 {lost[1]}", f"{name}: {lost[0]} LOST, {lost[1]} TWICE"))
    for (name, what), reason in comparison.left_out.items():
        part = say({"load": "负载", "backlog": "积压"}[what], what)
        print(say(f"未比较 {name}（{part}）：{reason}", f"left out: {name} ({part}): {reason}"))


def print_backlogs(comparison):
    if not comparison.backlogs:
        return
    count = comparison.counts["backlog"]
    print("\n" + say(f"{count:,} 条积压而无人取走，随后 kill -9（六个消费者应各收 {count:,} 条）",
                     f"{count:,} that nobody takes yet, then kill -9 (each of six is due {count:,})"))
    heads = [say("确认/秒", "confirmed/s"), say("内存 MiB", "RSS MiB"), say("恢复 秒", "again after s"),
             say("丢失", "lost"), say("重复", "twice")]
    print(pad("", 24) + "".join(pad_left(head, 15) for head in heads))
    for name, figures in comparison.backlogs.items():
        cells = [number(figures["confirmed_per_s"]), number(figures["broker_rss_waiting_mib"], 1),
                 number(figures["restart_after_kill_s"], 2), number(figures["missing"]), number(figures["twice"])]
        print(pad(name, 24) + "".join(pad_left(cell, 15) for cell in cells))


def main(numbers, as_json):
    comparison = Comparison(numbers, numbers["rounds"])
    comparison.run()
    budgets = comparison.budgets()
    if as_json:
        ratios = {name: {metric: comparison.ratios(name, metric) for metric, *_ in METRICS}
                  for name in comparison.results if name != LEADBUS}
        print_json({"schema": 1, "rounds": comparison.rounds, "leads_count": numbers["leads"],
                    "leads_window_1_count": numbers["leads-window-1"], "results": comparison.results, "ratios": ratios,
                    "backlog_count": numbers["backlog"], "backlogs": comparison.backlogs,
                    "left_out": [{"name": name, "what": what, "reason": reason}
                                 for (name, what), reason in comparison.left_out.items()], "budgets": [budget.as_json() for budget in budgets]})
    else:
        print_tables(comparison)
        print_budgets(budgets)
    if sum(comparison.values(LEADBUS, "twice")):
        raise Failed("leadbus took a lead twice")
