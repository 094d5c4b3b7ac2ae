"""processes: what /proc says of a process, and a process that is ours to end."""
import os
import re
import signal
import subprocess

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def rss_mib(pid, field="VmRSS"):
    """field VmHWM: the most it ever was."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.M)[1]) / 1024


def cpu_s(pid):
    """User and system time of all its threads."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def end(process, how=signal.SIGTERM, timeout_s=60):
    """Ends it and waits; its exit status. One that does not end in time is killed."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
