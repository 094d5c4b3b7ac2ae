"""start: a journal of very many records. How long the broker folds it at start, once from the disk and once after kill -9
with the file in memory, what it takes in memory, and how fast the audit decides all of it again."""
import resource
import subprocess
import time

from budget import Budget, print_budgets
from bus import BIN, Bus, Failed, run_json
from processes import cpu_s
from words import number, print_json, rows, say

SERVED_COUNT = 100  # leads between the start and the kill: it serves, and is killed with work behind it


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def replay(bus):
    """The audit of the journal, which says itself whether all holds: seconds, and seconds of the processors."""
    before, cpu_before = time.monotonic(), children_cpu_s()
    done = subprocess.run([f"{BIN}/leadbus-replay", "replay", "--root", bus.path("root.note"), bus.journal],
                          stdout=subprocess.PIPE, text=True, check=False)
    spent, cpu = time.monotonic() - before, children_cpu_s() - cpu_before
    if done.returncode != 0:
        raise Failed(f"leadbus-replay: exit {done.returncode}\n{done.stdout}")
    return spent, cpu


def measure(record_count, ipc):
    with Bus(ipc) as bus:
        bus.start(begin=True)
        figures = {"schema": 1, "broker_rss_idle_mib": bus.rss_mib()}
        bus.stop()
        made = run_json("leadbus-bench-journal", "-c", bus.path("broker.conf"), "-d", bus.folder, "--records",
                        str(record_count))
        figures.update(bus.limits())
        figures["records_count"], figures["leads_count"] = made["records"], made["leads"]
        figures["journal_bytes"] = bus.journal_bytes()
        figures["replay_s"], figures["replay_cpu_s"] = replay(bus)
        bus.forget_cache()
        figures["start_from_disk_s"] = bus.start()
        figures["broker_rss_folded_mib"] = bus.rss_mib()
        run_json("leadbus-bench-backlog", "-d", bus.folder, "-e", bus.endpoint, "--send", str(SERVED_COUNT))
        bus.kill()
        figures["start_after_kill_s"] = bus.start()
        figures["start_cpu_s"] = cpu_s(bus.broker.pid)
        drained = run_json("leadbus-bench-backlog", "-d", bus.folder, "-e", bus.endpoint, "--drain", str(SERVED_COUNT))
        bus.stop()
    if drained["deliveries"] != 6 * SERVED_COUNT:
        raise Failed(f"{drained['deliveries']} deliveries of {6 * SERVED_COUNT} after the kill")
    figures["deliveries_after_kill"] = drained["deliveries"]
    figures["bytes_per_lead_in_memory"] = ((figures["broker_rss_folded_mib"] - figures["broker_rss_idle_mib"])
                                           * 1048576 / figures["leads_count"])
    figures["replayed_per_s"] = figures["records_count"] / figures["replay_s"]
    figures["replayed_per_verify_all_cores"] = figures["replayed_per_s"] / figures["verify_all_cores_per_s"]
    return figures


def budgets_of(figures):
    """Only of a journal as long as the design speaks of; a short one shows the fixed costs alone."""
    if figures["records_count"] < 1000000:
        return []
    return [
        Budget("fold", say("百万条记录的启动", "start over 1,000,000 records"), figures["start_after_kill_s"], 5, "s"),
        # 512 bytes, and 16 for each of its entries in six queues.
        Budget("lead", say("每条线索连同其线程与六个队列项所占内存", "memory: a lead, its thread, six queue entries"),
               figures["bytes_per_lead_in_memory"], 512 + 6 * 16, "B"),
        Budget("replay", say("重放速度 / 全部核心的裸验签速度", "replay / bare verification, all cores"),
               figures["replayed_per_verify_all_cores"], 0.7, "", at_least=True),
    ]


def main(record_count, ipc, as_json):
    figures = measure(record_count, ipc)
    budgets = budgets_of(figures)
    if as_json:
        print_json({**figures, "budgets": [budget.as_json() for budget in budgets]})
        return
    print(say(f"日志共 {figures['records_count']:,} 条记录，其中线索 {figures['leads_count']:,} 条，其余为签收的累计确认\n",
              f"a journal of {figures['records_count']:,} records: {figures['leads_count']:,} leads for six, the rest "
              f"cumulative acknowledgements\n"))
    rows([
        (say("日志大小（MiB）", "journal (MiB)"), number(figures["journal_bytes"] / 1048576)),
        (say("启动：自磁盘读取（秒）", "start, read from the disk (s)"), number(figures["start_from_disk_s"], 2)),
        (say("启动：kill -9 之后（秒；其中处理器）", "start after kill -9 (s; of the processor)"),
         f"{figures['start_after_kill_s']:.2f}; {figures['start_cpu_s']:.2f}"),
        (say("总线内存：空载 / 读入后（MiB）", "broker RSS: idle / folded (MiB)"),
         f"{figures['broker_rss_idle_mib']:,.1f} / {figures['broker_rss_folded_mib']:,.1f}"),
        (say("每条线索占用内存（字节）", "memory, bytes a lead"), number(figures["bytes_per_lead_in_memory"])),
        (say("重放：秒；其中处理器；每秒记录", "replay: seconds; of the processors; records/s"),
         f"{figures['replay_s']:.2f}; {figures['replay_cpu_s']:.2f}; {figures['replayed_per_s']:,.0f}"),
        (say("本次所测裸验签（每秒，全部核心）", "bare verification in this run (per second, all cores)"),
         number(figures["verify_all_cores_per_s"])),
        (say("kill -9 之后送达", "delivered after kill -9"), str(figures["deliveries_after_kill"])),
    ], 54)
    if budgets:
        print_budgets(budgets)
