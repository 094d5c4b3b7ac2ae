#!/usr/bin/env python3
"""check_bench.py BENCH FORM: a short run of the bench, in its form for programs. What it says of the work is held against
what was asked for; how fast it was is nobody's business here."""
import json
import subprocess
import sys

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
}

arguments, wanted, above_zero = FORMS[sys.argv[2]]
run = subprocess.run([sys.argv[1], *arguments, "--json", "--ipc"], stdout=subprocess.PIPE, text=True, check=False)
if run.returncode != 0:
    sys.exit(f"exit {run.returncode}")
said = json.loads(run.stdout)
for key, value in wanted.items():
    if said.get(key) != value:
        sys.exit(f"{key}: {said.get(key)!r}, not {value!r}")
for key in above_zero:
    if not isinstance(said.get(key), (int, float)) or said[key] <= 0:
        sys.exit(f"{key}: {said.get(key)!r}")
if "receipt_p50_us" in said and said["receipt_p50_us"] > said["receipt_p99_us"]:
    sys.exit("a median above its 99th part")
print(f"{len(said)} figures of {' '.join(arguments)}")
