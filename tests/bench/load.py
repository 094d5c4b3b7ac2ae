"""load: one sender, six receivers, a real broker, everything on; leads one by one and 256 at once."""
import os
import subprocess

from bus import BIN, Bus, Failed


def main(lead_count, lead_count_window_1, ipc, as_json):
    with Bus(ipc) as bus:
        bus.start(begin=True)
        command = [os.path.join(BIN, "leadbus-bench"), "-d", bus.folder, "-e", bus.endpoint, "-p", str(bus.broker.pid),
                   "-1", str(lead_count_window_1), "-n", str(lead_count), *(["-j"] if as_json else [])]
        status = subprocess.run(command, check=False).returncode
        if status != 0:
            raise Failed(f"leadbus-bench: exit {status}\n" + bus.log_end())
