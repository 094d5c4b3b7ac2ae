#!/usr/bin/env python3
"""check_bench.py BENCH FORM: a short run of the bench, in its form for programs. What it says of the work is held against
what was asked for; how fast it was is nobody's business here."""
import json
import os
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

COUNT, COUNT_1, RECORDS = 64, 16, 700

# Of each form: the arguments, what must be said exactly, and which figures must be there and above zero.
FORMS = {
    "short": (["--leads", str(COUNT), "--leads-window-1", str(COUNT_1)],
              {"schema": 1, "recipients": 6, "leads_count": COUNT, "leads_window_1_count": COUNT_1, "effects_twice": 0},
              ["leads_per_s", "deliveries_per_s", "leads_per_s_window_1", "receipt_p50_us", "receipt_p99_us",
               "delivery_p50_us", "delivery_p99_us", "receipt_window_256_p50_us", "delivery_window_256_p50_us",
               "broker_rss_idle_mib", "broker_rss_loaded_mib", "limit_fdatasync_p50_us", "limit_sign_us",
               "limit_verify_us", "receipt_p50_per_fdatasync_ratio", "broker_cpu_per_lead_us",
               "broker_cpu_per_verify_ratio"]),
    "backlog": (["backlog", "--leads", str(COUNT)],
                {"schema": 1, "recipients": 6, "leads_count": COUNT, "deliveries_count": 6 * COUNT, "effects_twice": 0},
                ["receipted_per_s", "receipt_p50_us", "receipt_p99_us", "broker_rss_idle_mib", "broker_rss_waiting_mib",
                 "broker_rss_drained_mib", "journal_bytes_per_lead", "restart_after_kill_s", "drain_s", "drained_per_s",
                 "fdatasync_p50_us", "verify_us"]),
    # 64 leads and six acknowledgements a round, after what the broker wrote when it began.
    "start": (["start", "--records", str(RECORDS)],
              {"schema": 1, "records_count": RECORDS, "deliveries_after_kill": 600},
              ["leads_count", "journal_bytes", "replay_s", "replay_cpu_s", "start_cpu_s", "replayed_per_s", "start_from_disk_s", "start_after_kill_s",
               "broker_rss_folded_mib", "verify_all_cores_per_s", "replayed_per_verify_all_cores"]),
    "curves": (["curves", "--short"], {"schema": 1, "leads": COUNT}, []),
    "stages": (["stages", "--short"], {"schema": 1, "leads_count": COUNT, "deliveries_count": 6 * COUNT},
               ["broker_cpu_us", "recipient_cpu_us", "verify_us", "fdatasync_p50_us"]),
}
PLOTS = ("body", "recipients", "threads", "units")
# A sanitizer's allocator does not say what it gave.
OF_THREADS = ["sign_us"] if os.environ.get("LEADBUS_SANITIZE") else ["sign_us", "allocated_per_thread"]


def wrong_curves(said, plots):
    """Every point with its limits and its work, every curve drawn with all of its points."""
    values = {name: [point["value"] for point in said["points"] if point["curve"] == name] for name in PLOTS}
    if values != {"units": [8, 12], "recipients": [1, 3], "body": [1024, 16384], "threads": [100, 1000]}:
        return f"points {values}"
    for point in said["points"]:
        needed = ["limit_fdatasync_p50_us", "limit_verify_us", "limit_verify_all_cores_per_s"]
        needed += (OF_THREADS if point["curve"] == "threads" else
                   ["leads_per_s", "broker_cpu_per_verify", "recipient_cpu_per_verify", "broker_rss_loaded_mib"])
        missing = [key for key in needed if point.get(key, 0) <= 0]
        if missing or (point["curve"] != "threads" and point["deliveries"] != point["leads"] * point["recipients"]):
            return f"{point}: {missing}"
    for name in PLOTS:
        marks = [at for at in ElementTree.parse(os.path.join(plots, f"{name}.svg")).iter() if at.tag.endswith("polyline")]
        if not marks or any(len(mark.get("points").split()) != len(values[name]) for mark in marks):
            return f"{name}.svg has not all points"
    return None


def wrong_stages(said, _):
    """What every lead goes through was counted for every lead, and took time."""
    least = {"broker": dict.fromkeys(("curve", "decode", "hash", "verify", "admit", "apply", "tree", "receipt"), 1),
             "recipient": dict.fromkeys(("curve", "decode", "prove", "verify", "hash", "judge", "key", "open", "fold", "seal",
                                         "store", "same", "engine"), 1)}
    least["broker"].update({"proof": 6, "checkpoint": 1 / COUNT, "append": 1 / COUNT, "deliver": 1 / COUNT})
    least["recipient"].update({"ack": 1 / COUNT, "commit": 1 / COUNT / 6})
    for side, stages in least.items():
        if set(said[side]) != {*stages, "rest"}:
            return f"{side}: {sorted(said[side])}"
        for name, calls in stages.items():
            stage = said[side][name]
            if stage["calls"] < calls or stage["cpu_us"] <= 0 or stage["wall_us_per_call"] <= 0:
                return f"{side} {name}: {stage}"
    for name in ("open", "seal", "judge"):
        if said["recipient"][name]["calls"] != 1:
            return f"{name}: {said['recipient'][name]['calls']} times a delivery"
    return None


WRONG = {"curves": wrong_curves, "stages": wrong_stages}

arguments, wanted, above_zero = FORMS[sys.argv[2]]
with tempfile.TemporaryDirectory(prefix="leadbus-bench.") as folder:
    drawn = ["--plots", folder] if sys.argv[2] == "curves" else []
    run = subprocess.run([sys.argv[1], *arguments, *drawn, "--json", "--ipc"], stdout=subprocess.PIPE, text=True,
                         check=False)
    if run.returncode != 0:
        sys.exit(f"exit {run.returncode}")
    said = json.loads(run.stdout)
    wrong = WRONG[sys.argv[2]](said, folder) if sys.argv[2] in WRONG else None
    if wrong:
        sys.exit(wrong)
for key, value in wanted.items():
    if said.get(key) != value:
        sys.exit(f"{key}: {said.get(key)!r}, not {value!r}")
for key in above_zero:
    if not isinstance(said.get(key), (int, float)) or said[key] <= 0:
        sys.exit(f"{key}: {said.get(key)!r}")
if "receipt_p50_us" in said and said["receipt_p50_us"] > said["receipt_p99_us"]:
    sys.exit("a median above its 99th part")
print(f"{len(said)} figures of {' '.join(arguments)}")
