"""curves: how throughput, processor time and memory grow with the units of the bus, with open threads, with the recipients of
a lead and with its length. Every point is a bus of its own, and states what the machine allowed in the minute before it, so
that ratios can be taken: a neighbour on the machine moves both."""
import os
import tempfile

import plot
from bus import Bus, Failed, run_json
from words import number, pad, pad_left, print_json, say

USUAL_RECIPIENTS, USUAL_BODY = 6, 1536

# Of each curve its points. A bus holds 512 units (LIMIT_UNIT_COUNT_MAX), a section 128 KiB (LIMIT_PLAINTEXT_BYTES_MAX).
POINTS = {"units": (10, 25, 50, 100, 250, 512), "threads": (1000, 10000, 100000, 1000000),
          "recipients": (1, 2, 6, 12, 24, 41), "body": (1024, 4096, 16384, 65536, 131072)}
POINTS_SHORT = {"units": (8, 12), "threads": (100, 1000), "recipients": (1, 3), "body": (1024, 16384)}
ACTS_MAX = 100000


def limits_of(said):
    return {**{f"limit_{name}": said[name] for name in ("fdatasync_p50_us", "sign_us", "verify_us",
                                                          "verify_all_cores_per_s")}, "load": round(os.getloadavg()[0], 2)}


def limits_now():
    with tempfile.TemporaryDirectory(prefix="leadbus-bench.") as folder:
        return limits_of(run_json("leadbus-bench-limits", "-d", folder))


def load_point(curve, value, leads, ipc, limits, receivers=USUAL_RECIPIENTS, recipients=USUAL_RECIPIENTS, body=USUAL_BODY):
    """One load on a bus of its own."""
    with Bus(ipc, max(receivers, 2), recipients) as bus:
        bus.start(begin=True)
        idle = bus.rss_mib()
        done = run_json("leadbus-bench-point", "-d", bus.folder, "-e", bus.endpoint, "-p", str(bus.broker.pid),
                        "--receivers", str(receivers), "--recipients", str(recipients), "--body", str(body),
                        "--leads", str(leads))
        bus.stop()
        journal_bytes = bus.journal_bytes()  # what stood in the write-ahead log is in the file now
    if done["deliveries"] != leads * recipients or done["twice"] != 0:
        raise Failed(f"{done['deliveries']} deliveries of {leads * recipients}, {done['twice']} twice")
    done.pop("receivers")
    return {"curve": curve, "value": value, "units": receivers + 1, **done,
            "deliveries_per_s": done["leads_per_s"] * recipients, "broker_rss_idle_mib": idle,
            "journal_bytes_per_lead": journal_bytes / leads, **limits,
            "broker_cpu_per_verify": done["broker_cpu_us"] / limits["limit_verify_us"],
            "recipient_cpu_per_verify": done["recipient_cpu_us"] / limits["limit_verify_us"]}


def threads_point(value, limits):
    """The core alone: what is decided and folded, and what a thread takes in memory."""
    done = run_json("leadbus-bench-acts", "--json", "--threads", str(value), "--acts", str(min(value, ACTS_MAX)))
    if done["threads"] != value:
        raise Failed(f"{done['threads']} threads, not {value}")
    return {"curve": "threads", "value": value, **done, **limits,
            "sign_per_verify": done["sign_us"] / limits["limit_verify_us"]}


def leads_for(leads, recipients=USUAL_RECIPIENTS, body=USUAL_BODY):
    """About as much work at every point, and a window of leads at least where there are so many."""
    share = min(1, USUAL_RECIPIENTS / recipients, 16384 / body)
    return max(min(leads, 300), int(leads * share))


def measure(leads, ipc, short, units_max):
    """Yields the points as they come. Limits are measured before each; in the short form, once."""
    points, once = POINTS_SHORT if short else POINTS, limits_now() if short else None
    for value in points["units"]:
        if value <= units_max:
            yield load_point("units", value, leads, ipc, once or limits_now(), receivers=value - 1)
    for value in points["recipients"]:
        yield load_point("recipients", value, leads_for(leads, recipients=value), ipc, once or limits_now(), receivers=value,
                         recipients=value)
    for value in points["body"]:
        yield load_point("body", value, leads_for(leads, body=value), ipc, once or limits_now(), body=value)
    for value in points["threads"]:
        yield threads_point(value, once or limits_now())


# Of each curve: its title, how a value is called, and its columns: label, figure, decimals.
LIMIT_COLUMNS = [(("验签/秒，全部核心", "verify/s, all cores"), "limit_verify_all_cores_per_s", 0),
                 (("验签（微秒）", "verify (us)"), "limit_verify_us", 1),
                 (("fdatasync（微秒）", "fdatasync (us)"), "limit_fdatasync_p50_us", 0), (("负载", "load"), "load", 1)]
LOAD_COLUMNS = [(("线索/秒", "leads/s"), "leads_per_s", 0), (("送达/秒", "deliveries/s"), "deliveries_per_s", 0),
                (("总线 CPU（次验签）", "broker CPU (verify)"), "broker_cpu_per_verify", 2),
                (("接收 CPU（次验签）", "recipient CPU (verify)"), "recipient_cpu_per_verify", 2)]
CURVES = {
    "units": (("连接总线的单位数", "units connected"), [
        *LOAD_COLUMNS[:3], (("内存：连接后（MiB）", "RSS connected (MiB)"), "broker_rss_connected_mib", 1),
        (("负载后（MiB）", "loaded (MiB)"), "broker_rss_loaded_mib", 1)]),
    "recipients": (("每条线索的接收单位", "recipients of a lead"), [
        *LOAD_COLUMNS, (("日志字节/线索", "journal B a lead"), "journal_bytes_per_lead", 0)]),
    "body": (("正文字节", "bytes of the body"), [
        *LOAD_COLUMNS, (("日志字节/线索", "journal B a lead"), "journal_bytes_per_lead", 0)]),
    "threads": (("线索总数（仅核心）", "open threads (core alone)"), [
        (("建立（微秒）", "open (us)"), "open_us", 2), (("签收（微秒）", "sign (us)"), "sign_us", 2),
        (("受理（微秒）", "accept (us)"), "accept_us", 2), (("到期（微秒）", "term (us)"), "term_us", 2),
        (("每条已分配字节", "B allocated a thread"), "allocated_per_thread", 0)]),
}


def print_curve(name, points):
    title, columns = CURVES[name]
    columns = [*columns, *LIMIT_COLUMNS]
    labels = [say(*label) for label, _, _ in columns]
    wide = [max(len(label.encode("gb18030")), 8) for label in labels]  # two columns a character where there are two bytes
    print(pad(say(*title), 26) + "  ".join(pad_left(label, width) for label, width in zip(labels, wide)))
    for point in points:
        cells = [pad_left(number(point[key], decimals), width) for (_, key, decimals), width in zip(columns, wide)]
        print(pad(number(point["value"]), 26) + "  ".join(cells))
    print()


def note_of(points):
    verify = [point["limit_verify_us"] for point in points]
    sync = [point["limit_fdatasync_p50_us"] for point in points]
    load = [point["load"] for point in points]
    return (f"同时测得：验签 {min(verify):.0f}–{max(verify):.0f} 微秒，fdatasync {min(sync):.0f}–{max(sync):.0f} 微秒，"
            f"机器负载 {min(load):.1f}–{max(load):.1f}",
            f"measured with it: verify {min(verify):.0f}–{max(verify):.0f} us, fdatasync {min(sync):.0f}–{max(sync):.0f} us, "
            f"load {min(load):.1f}–{max(load):.1f}")


def panels_of(name, points):
    def of(key):
        return [point[key] for point in points]
    if name == "threads":
        return [plot.Panel("核心用时（微秒）", "time of the core (us)", [
            plot.Series("建立", "open", of("open_us")), plot.Series("签收", "sign", of("sign_us")),
            plot.Series("受理", "accept", of("accept_us")), plot.Series("到期", "term", of("term_us"))]),
                plot.Panel("每条线索的内存（字节）", "memory of a thread (B)", [
                    plot.Series("已分配", "allocated", of("allocated_per_thread"))])]
    throughput = plot.Panel("每秒", "per second", [plot.Series("线索", "leads", of("leads_per_s")),
                                                    plot.Series("送达", "deliveries", of("deliveries_per_s"))],
                            log_y=name != "units")
    if name == "units":
        return [throughput, plot.Panel("总线内存（MiB）", "memory of the broker (MiB)", [
            plot.Series("全部连接", "all connected", of("broker_rss_connected_mib")),
            plot.Series("负载后", "after the load", of("broker_rss_loaded_mib"))])]
    return [throughput, plot.Panel("处理器用时，以次验签计", "processor time, in verifications", [
        plot.Series("总线，每条线索", "broker, a lead", of("broker_cpu_per_verify")),
        plot.Series("接收单位，每次送达", "recipient, a delivery", of("recipient_cpu_per_verify"))])]


def titles_of(name):
    return {"units": ("单位数", "units"), "threads": ("线索总数，仅核心", "open threads, the core alone"),
            "recipients": ("接收单位数", "recipients"), "body": ("正文长度", "length of the body")}[name]


def write_plots(folder, figures):
    os.makedirs(folder, exist_ok=True)
    for name, (axis, _) in CURVES.items():
        points = [point for point in figures["points"] if point["curve"] == name]
        picture = plot.draw(titles_of(name), note_of(points), [point["value"] for point in points], axis,
                            panels_of(name, points))
        with open(os.path.join(folder, f"{name}.svg"), "w", encoding="utf-8") as file:
            file.write(picture)


def main(leads, units_max, ipc, as_json, short, folder):
    points = []
    for point in measure(leads, ipc, short, units_max):
        points.append(point)
        if not as_json:
            print(say(f"{point['curve']} {point['value']:,} ……", f"{point['curve']} {point['value']:,} ..."), flush=True)
    figures = {"schema": 1, "recipients": USUAL_RECIPIENTS, "body_bytes": USUAL_BODY, "leads": leads, "points": points}
    if folder:
        write_plots(folder, figures)
    if as_json:
        print_json(figures)
        return
    print()
    for name in CURVES:
        print_curve(name, [point for point in points if point["curve"] == name])
