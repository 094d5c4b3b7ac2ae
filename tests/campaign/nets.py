"""A network namespace for each agent, on one bridge with the broker; where this machine lets us make them."""
import os
import subprocess


def _ip(*words):
    return subprocess.run(["ip", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)


class Nets:
    """names: of the agents. `host` is where the broker listens, as agents see it."""

    def __init__(self, names):
        self.prefix = f"lb{os.getpid() % 100000}"
        self.bridge = self.prefix
        self.names = {name: f"{self.prefix}-{i}" for i, name in enumerate(names)}
        self.wires = {name: f"{self.prefix}w{i}" for i, name in enumerate(names)}
        self.subnet = f"10.{os.getpid() % 100 + 100}.{os.getpid() // 100 % 250}"
        self.host = f"{self.subnet}.1"
        self.why = ""
        try:
            self.ready = self._make()
        except FileNotFoundError:
            self.ready, self.why = False, "ip is not installed"
        if not self.ready:
            self.close()
            self.host = "127.0.0.1"

    def _do(self, *words):
        done = _ip(*words)
        if done.returncode != 0:
            self.why = self.why or done.stderr.decode("utf-8", "replace").strip()
        return done.returncode == 0

    def _make(self):
        if not (self._do("link", "add", self.bridge, "type", "bridge")
                and self._do("addr", "add", f"{self.host}/24", "dev", self.bridge)
                and self._do("link", "set", self.bridge, "up")):
            return False
        for i, (name, space) in enumerate(self.names.items()):
            wire, inner = self.wires[name], f"{self.prefix}i{i}"
            if not (self._do("netns", "add", space)
                    and self._do("link", "add", wire, "type", "veth", "peer", "name", inner)
                    and self._do("link", "set", inner, "netns", space)
                    and self._do("link", "set", wire, "master", self.bridge, "up")
                    and self._do("-n", space, "addr", "add", f"{self.subnet}.{i + 2}/24", "dev", inner)
                    and self._do("-n", space, "link", "set", inner, "up")
                    and self._do("-n", space, "link", "set", "lo", "up")):
                return False
        return True

    def within(self, name):
        """What goes ahead of a command that is to run there."""
        return ["ip", "netns", "exec", self.names[name]] if self.ready else []

    def cut(self, name, off):
        return self._do("link", "set", self.wires[name], "down" if off else "up")

    def close(self):
        for name, space in self.names.items():
            _ip("link", "del", self.wires[name])
            _ip("netns", "del", space)
        _ip("link", "del", self.bridge)
