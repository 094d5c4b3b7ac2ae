"""backlog: leads wait for six units that are off line. What that costs the broker in memory and disk, how long it takes
to be there again after kill -9, and how long to hand everything out."""
from budget import Budget, print_budgets
from bus import Bus, Failed, run_json
from words import number, print_json, rows, say

RECIPIENTS = 6


def measure(lead_count, ipc):
    with Bus(ipc) as bus:
        bus.start(begin=True)
        figures = {"schema": 1, "recipients": RECIPIENTS, "leads_count": lead_count, **bus.limits()}
        figures["broker_rss_idle_mib"] = bus.rss_mib()
        disk_before = bus.journal_bytes()
        ends = ("-d", bus.folder, "-e", bus.endpoint)
        sent = run_json("leadbus-bench-backlog", *ends, "--send", str(lead_count))
        figures["receipted_per_s"] = lead_count / sent["seconds"]
        figures["receipt_p50_us"], figures["receipt_p99_us"] = sent["receipt_p50_us"], sent["receipt_p99_us"]
        figures["broker_rss_waiting_mib"] = bus.rss_mib()
        figures["journal_bytes_per_lead"] = (bus.journal_bytes() - disk_before) / lead_count
        bus.kill()
        figures["restart_after_kill_s"] = bus.start()
        figures["broker_rss_restarted_mib"] = bus.rss_mib()
        drained = run_json("leadbus-bench-backlog", *ends, "--drain", str(lead_count))
        figures["drain_s"] = drained["seconds"]
        figures["deliveries_count"], figures["effects_twice"] = drained["deliveries"], drained["twice"]
        figures["drained_per_s"] = drained["deliveries"] / drained["seconds"]
        figures["broker_rss_drained_mib"] = bus.rss_mib()
        bus.stop()
    if figures["deliveries_count"] != RECIPIENTS * lead_count or figures["effects_twice"] != 0:
        raise Failed(f"{figures['deliveries_count']} deliveries of {RECIPIENTS * lead_count}, "
                     f"{figures['effects_twice']} twice")
    return figures


def budgets_of(figures):
    budgets = [Budget("idle", say("空载内存", "memory when idle"), figures["broker_rss_idle_mib"], 12, "MiB")]
    if figures["leads_count"] == 100000:
        budgets.append(Budget("waiting", say("10 万条待六个单位取走时的内存", "memory, 100,000 leads waiting for six"),
                              figures["broker_rss_waiting_mib"], 80, "MiB"))
    return budgets


def main(lead_count, ipc, as_json):
    figures = measure(lead_count, ipc)
    budgets = budgets_of(figures)
    if as_json:
        print_json({**figures, "budgets": [budget.as_json() for budget in budgets]})
        return
    print(say(f"{lead_count:,} 条线索，六个单位均不在线；随后 kill -9、重启、全部取走\n",
              f"{lead_count:,} leads for six units that are off line; then kill -9, a restart, and all goes out\n"))
    rows([
        (say("收下并回执（条/秒）", "receipted (leads/s)"), number(figures["receipted_per_s"])),
        (say("回执 p50 / p99（毫秒，在途 256）", "receipt p50 / p99 (ms, 256 in flight)"),
         f"{figures['receipt_p50_us'] / 1e3:.1f} / {figures['receipt_p99_us'] / 1e3:.1f}"),
        (say("总线内存：空载 / 积压 / 重启后 / 取走后（MiB）",
             "broker RSS: idle / waiting / restarted / drained"),
         " / ".join(number(figures[f"broker_rss_{when}_mib"], 1) for when in ("idle", "waiting", "restarted", "drained"))),
        (say("每条线索占用磁盘（字节）", "journal, bytes a lead"), number(figures["journal_bytes_per_lead"])),
        (say("kill -9 后恢复服务（秒）", "serves again after kill -9 (s)"),
         number(figures["restart_after_kill_s"], 2)),
        (say("全部取走（秒）", "until all six have all (s)"), number(figures["drain_s"], 1)),
        (say("送达/秒", "deliveries/s"), number(figures["drained_per_s"])),
        (say("应送达 / 已送达 / 重复", "deliveries due / made / twice"),
         f"{RECIPIENTS * lead_count:,} / {figures['deliveries_count']:,} / {figures['effects_twice']}"),
    ], 50)
    print_budgets(budgets)
