"""What a proof says while it goes on, and its figures at the end."""
import sys

from words import pad, pad_left, say, width

LABELS = {
    "seeds": ("模拟种子（各至少 200 件线索、3 类故障）", "simulator seeds (200 leads, 3 kinds of fault or more in each)"),
    "crash_points": ("崩溃点（模拟断电、杀进程、写盘失败；含逐点故障）", "crash points (simulated power cuts, kills, failing writes; and sweeps)"),
    "empty_cells": ("故障与状态对照表中的空格", "empty cells of faults and states"),
    "disk_faults": ("逐点磁盘故障", "disk faults, one at each operation"),
    "failed_allocations": ("被拒绝的内存申请", "failed allocations"),
    "kills": ("真实进程 kill -9", "kill -9 of real processes"),
    "partitions": ("真实进程断网", "partitions of real processes"),
    "clock_jumps": ("真实进程时钟跳变", "clock jumps of real processes"),
    "full_disks": ("真实进程磁盘写满", "full disks of real processes"),
    "drain_s": ("恢复后送完所需秒数（至多）", "seconds to drain after healing (at most)"),
    "executions": ("模糊测试执行次数", "fuzz executions"),
    "violations": ("违反", "violations"),
}


def progress(part, left_s):
    if sys.stderr.isatty():
        print(f"\r\033[K{say(part.zh, part.en)}  {part.state()}  " + say(f"还有 {left_s:.0f} 秒", f"{left_s:.0f} s left"),
              end="", file=sys.stderr, flush=True)


def begins(part, budget_s):
    print(say(f"{part.zh}：至多 {budget_s / 60:.1f} 分钟……", f"{part.en}: {budget_s / 60:.1f} minutes at most ..."), file=sys.stderr)


def ended(part):
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    what = part.missing or ", ".join(
        f"{label(figure)} {shown(value)}" for figure, value in part.reached.items())
    print(f"{clear}{say(part.zh, part.en)}{say('：', ': ')}{what} ({part.seconds:.0f} s)", file=sys.stderr)


def label(figure):
    return say(*LABELS[figure])


def shown(value):
    return say("无", "none") if value is None else f"{value:,}"


def figures(arguments, every, wanted, violation, seconds):
    """Everything, as prove.json has it."""
    rows = {}
    for part in every:
        for figure, want in part.wanted.items():
            rows[figure] = {"reached": part.reached.get(figure), "wanted": want, "good": part.good(figure)}
    sweeps = rows.pop("disk_faults")
    if sweeps["reached"]:
        rows["crash_points"]["reached"] = (rows["crash_points"]["reached"] or 0) + sweeps["reached"]
        rows["crash_points"]["good"] = rows["crash_points"]["reached"] >= rows["crash_points"]["wanted"]
    rows["violations"] = {"reached": int(violation is not None), "wanted": 0, "good": violation is None}
    return {"schema": 1, "minutes": arguments.minutes, "seed": arguments.seed, "seconds": round(seconds, 1),
            "holds": violation is None, "reached": all(row["good"] for row in rows.values()), "figures": rows,
            "violation": {"what": violation.what, "again": violation.again} if violation else None,
            "parts": {part.slug: dict({"seconds": round(part.seconds, 1), "run": part in wanted and not part.missing,
                                       "missing": part.missing}, **part.details()) for part in every}}


# ---- tables ----------------------------------------------------------------------------------------------------


def short(count):
    """In five columns."""
    for size, unit in ((10 ** 9, "G"), (10 ** 6, "M"), (10 ** 4, "k")):
        if count >= size:
            return f"{count // (size if size != 10 ** 4 else 1000)}{unit}"
    return str(count)


def show_cells(details):
    names = details["names"]
    if not names["faults"]:
        return
    states = [say(state["zh"], state["en"]) for state in names["states"]]
    columns = [max(6, width(state) + 1) for state in states]
    faults = [(fault, say(fault["zh"], fault["en"])) for fault in names["faults"]]
    first = max(width(text) for _, text in faults) + 1
    print(say("故障（行）遇到线索的何种状态（列），遇到的次数；-：不可能；!：可能而未遇到",
              "faults (rows) that met leads in a state (columns), how often; -: nothing can; !: could, and did not"))
    print(pad("", first) + pad_left(say("次数", "times"), 7) + "".join(pad_left(text, n) for text, n in zip(states, columns)))
    for fault, text in faults:
        line = pad(text, first) + pad_left(short(details["faults"].get(fault["slug"], 0)), 7)
        for state, count, n in zip(names["states"], details["cells"][fault["slug"]], columns):
            line += pad_left("-" if state["slug"] in fault["never"] else short(count) if count else "!", n)
        print(line)
    print()


def show(result, every):
    sim = next(part for part in every if part.slug == "sim")
    show_cells(sim.details())
    if sim.leads:
        sizes = sim.details()["seeds_by_units"]
        print(say(f"模拟：{sim.leads:,} 件线索，{sim.records:,} 条日志，{min(sizes)} 至 {max(sizes)} 个单位；"
                  f"恢复后最久 {sim.drain_ms / 1000:.1f} 秒送完（模拟时间）；不足数的种子 {sim.short} 个；起始种子 {sim.seed}",
                  f"simulator: {sim.leads:,} leads, {sim.records:,} records, {min(sizes)} to {max(sizes)} units; drained within "
                  f"{sim.drain_ms / 1000:.1f} simulated seconds; {sim.short} seeds with too little in them; first seed {sim.seed}"))
        print()
    labels = {figure: label(figure) for figure in result["figures"]}
    first = max(width(text) for text in labels.values()) + 2
    print(pad("", first) + pad_left(say("达到", "reached"), 13) + pad_left(say("要求", "wanted"), 13))
    for figure, row in result["figures"].items():
        print(pad(labels[figure], first) + pad_left(shown(row["reached"]), 13) + pad_left(f"{row['wanted']:,}", 13)
              + ("" if row["good"] else say("  未达到", "  not reached")))
    print()
    for part in every:
        if part.missing:
            print(say(f"{part.zh}未进行：{part.missing}", f"{part.en} was not run: {part.missing}"))
    if not result["holds"]:
        print(say("不成立。", "It does not hold."))
    elif result["reached"]:
        print(say("全部成立，全部达到。", "Everything holds, and everything wanted was reached."))
    else:
        print(say("进行过的全部成立；有未达到之数，见上（可加长 --minutes）。",
                  "What was run holds; not everything wanted was reached, see above (--minutes longer)."))
