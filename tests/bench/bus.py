"""bus: a whole bus in a temporary folder: a ceremony as in a district (three authorities, two signatures, every unit's own
keys) and a real leadbusd on this machine."""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from processes import end, rss_mib

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.join(os.environ.get("LEADBUS_BUILD_DIR") or os.path.join(HERE, "../../build/release"), "bin")
PLAN = os.path.join(HERE, "plan")
READY_S = 600


class Failed(Exception):
    """Something did not do its work; the text says what."""


def run(program, *arguments, **options):
    """A program of the build; its output."""
    done = subprocess.run([os.path.join(BIN, program), *arguments], stdout=subprocess.PIPE, text=True, check=False,
                          **options)
    if done.returncode != 0:
        raise Failed(f"{program} {' '.join(arguments)}: exit {done.returncode}")
    return done.stdout


def run_json(program, *arguments):
    return json.loads(run(program, *arguments))


def receiver(number):
    return f"receiver-{number}"


def write_table(folder, name, rows):
    """The table of that name with these rows under its head."""
    with open(os.path.join(PLAN, name), encoding="utf-8") as file:
        head = file.readline()
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(head + "".join("\t".join(row) + "\n" for row in rows))


def write_plan(folder, receivers, recipients):
    """The bench's plan for so many receiving units, the first of which are the recipients of every lead."""
    shutil.copytree(PLAN, folder)
    duties = {1: "police", 2: "office"}
    write_table(folder, "units.tsv", [("sender", "发送", "Sender", "-", "bureau", "-", "-", "-", "-")] +
                [(receiver(i), f"接收{i}", f"Receiver {i}", "-", "bureau", "-", duties.get(i, "-"), "-", "-")
                 for i in range(1, receivers + 1)])
    names = [receiver(i) for i in range(1, recipients + 1)]
    write_table(folder, "tasks.tsv", [("1.1.1", ",".join(names), "-", "负载", "Load", "-")])
    write_table(folder, "routes.tsv", [("lead.bench", "*", "always", f"lead:1.1.1={name}", "one", "sign", "all", "负载",
                                        "load") for name in names])


class Bus:
    """with Bus(...) as bus: the folder and the broker end with it. receivers: 2 to 511; recipients: of these, 1 to 64."""

    def __init__(self, ipc=False, receivers=6, recipients=6, program="leadbusd", environment=None):
        self.broker = None
        self.program, self.environment = program, {} if environment is None else environment
        self.receivers, self.recipients = receivers, recipients
        self.folder = tempfile.mkdtemp(prefix="leadbus-bench.")
        self.endpoint = f"ipc://{self.folder}/broker" if ipc else f"tcp://127.0.0.1:{random.randint(20000, 29999)}"
        self.journal = os.path.join(self.folder, "state", "journal.db")

    def __enter__(self):
        try:
            self.ceremony()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_):
        if self.broker:
            end(self.broker)
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def ceremony(self):
        with open(self.path("key"), "xb") as file:
            file.write(os.urandom(32))
        os.chmod(self.path("key"), 0o600)
        with open(self.path("ceremony.log"), "w", encoding="utf-8") as log:
            try:
                self.ceremony_steps(log)
            except Failed as failed:
                with open(log.name, encoding="utf-8") as said:
                    raise Failed(f"{failed}\n{said.read()}") from None
        shutil.copy(self.path("authority/root.note"), self.path("root.note"))
        with open(self.path("broker.conf"), "x", encoding="utf-8") as file:
            file.write(f"[bus]\nname = bench.leadbus\nstate = {self.folder}/state\nroot = {self.folder}/root.note\n"
                       f"bundle = {self.folder}/bundle\nkeyring = {self.folder}/broker.keyring\n"
                       f"passphrase_file = {self.folder}/key\n"
                       f"[listen]\nendpoint = {self.endpoint}\n[limits]\ncredit_max = 1024\n")

    def ceremony_steps(self, log):
        plan, units = self.path("plan"), ["sender"] + [receiver(i) for i in range(1, self.receivers + 1)]
        write_plan(plan, self.receivers, self.recipients)

        def step(*arguments):
            log.write(run("leadbus-ca", *arguments, cwd=self.folder, stderr=log))

        key = ("--key-file", "key")
        step("init", "--bus", "bench.leadbus", "--out", "authority", "--threshold", "2", *key)
        step("request", "--unit", "broker", "--role", "broker", "--keyring", "broker.keyring", "--out",
             "broker.request", *key)
        for unit in units:
            step("request", "--unit", unit, "--keyring", f"{unit}.keyring", "--out", f"{unit}.request", *key)
        everybody = ["broker", *units]
        step("issue", "--plan", plan, "--directory", "draft", *(f"{name}.request" for name in everybody))
        step("bundle", "--plan", plan, "--directory", "draft", "--root", "authority/root.note", "--broker",
             f"broker={self.endpoint}", "--out", "bundle")
        for authority in ("1", "2"):
            step("sign", "--key", f"authority/authority-{authority}.key", *key, "bundle")
        step("adopt", "--root", "authority/root.note", "--bundle", "bundle", *key,
             *(f"{name}.keyring" for name in everybody))

    def start(self, begin=False):
        """Starts the broker; the seconds until it said that it serves."""
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(self.path("notify"))
        told.settimeout(0.5)
        before = time.monotonic()
        with open(self.path("broker.log"), "ab") as log:
            self.broker = subprocess.Popen(
                [os.path.join(BIN, self.program), "--config", self.path("broker.conf"), *(["--begin"] if begin else [])],
                stderr=log, env={**os.environ, **self.environment, "NOTIFY_SOCKET": self.path("notify")})
        try:
            while time.monotonic() - before < READY_S:
                try:
                    if "READY=1" in told.recv(4096).decode():
                        return time.monotonic() - before
                except TimeoutError:
                    if self.broker.poll() is not None:
                        break
        finally:
            told.close()
            os.unlink(self.path("notify"))
        raise Failed("leadbusd did not start\n" + self.log_end())

    def stop(self):
        status = end(self.broker)
        self.broker = None
        if status != 0:
            raise Failed(f"leadbusd: exit {status}\n" + self.log_end())

    def kill(self):
        end(self.broker, signal.SIGKILL)
        self.broker = None

    def log_end(self):
        with open(self.path("broker.log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-20:])

    def rss_mib(self):
        return rss_mib(self.broker.pid)

    def journal_bytes(self):
        """The journal with its write-ahead log."""
        return sum(os.path.getsize(path) for path in (self.journal, self.journal + "-wal") if os.path.exists(path))

    def forget_cache(self):
        """Has the next reader of the journal read it from the disk."""
        fd = os.open(self.journal, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)

    def limits(self):
        return run_json("leadbus-bench-limits", "-d", self.folder)
