#!/usr/bin/env python3
"""check_bench.py BENCH: a short run of the load, in its form for programs. What it says of the work is held against what
was asked for; how fast it was is nobody's business here."""
import json
import subprocess
import sys

COUNT, COUNT_1 = 64, 16
run = subprocess.run([sys.argv[1], "--json", "--ipc", "--leads", str(COUNT), "--leads-window-1", str(COUNT_1)],
                     stdout=subprocess.PIPE, text=True, check=False)
if run.returncode != 0:
    sys.exit(f"exit {run.returncode}")
said = json.loads(run.stdout)
wanted = {"schema": 1, "recipients": 6, "leads_count": COUNT, "leads_window_1_count": COUNT_1, "effects_twice": 0}
for key, value in wanted.items():
    if said.get(key) != value:
        sys.exit(f"{key}: {said.get(key)!r}, not {value!r}")
for key in ("leads_per_s", "deliveries_per_s", "leads_per_s_window_1", "receipt_p50_us", "receipt_p99_us",
            "delivery_p50_us", "delivery_p99_us", "receipt_window_256_p50_us", "delivery_window_256_p50_us",
            "broker_cpu_per_lead_us", "broker_rss_idle_mib", "broker_rss_loaded_mib", "limit_fdatasync_p50_us",
            "limit_sign_us", "limit_verify_us", "receipt_p50_per_fdatasync_ratio", "broker_cpu_per_verify_ratio"):
    if not isinstance(said.get(key), (int, float)) or said[key] <= 0:
        sys.exit(f"{key}: {said.get(key)!r}")
if said["receipt_p50_us"] > said["receipt_p99_us"] or said["delivery_p50_us"] > said["delivery_p99_us"]:
    sys.exit("a median above its 99th part")
print(f"{len(said)} figures of {COUNT + 2 * COUNT_1} leads")
