"""A whole district on this machine: processes, their folders, and the agents' HTTP API.

Nothing waits by the clock alone: a process is ready when its log says so, a message has arrived when
the agent's long poll says so, and every wait has a deadline.
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.parse

START_S = 60
ARRIVE_S = 45
TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["LEADBUS_BUILD_DIR"]).resolve() / "bin"
PLAN = TOP / "proto" / "hedong-2022"


class Failed(Exception):
    """The demo does not hold; the words say where."""


def table(name):
    """Rows of one of the plan's tables, as dictionaries."""
    lines = [l for l in (PLAN / name).read_text("utf-8").splitlines() if l and not l.startswith("#")]
    head = lines[0].split("\t")
    return [dict(zip(head, line.split("\t"))) for line in lines[1:]]


def run(*words, ok=(0,), cwd=None):
    """One of the programs, to its end; gives the finished process."""
    done = subprocess.run([str(BIN / words[0]), *map(str, words[1:])], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, check=False)
    done.out = done.stdout.decode("utf-8", "replace")
    done.err = done.stderr.decode("utf-8", "replace")
    if ok is not None and done.returncode not in ok:
        raise Failed(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.out}{done.err}")
    return done


class Process:
    """A daemon whose log is read as it comes, written to a file, and waited on."""

    def __init__(self, words, log_path):
        self.log = open(log_path, "ab")
        self.lines = []
        self.heard = threading.Condition()
        self.ended = False
        self.words = [str(w) for w in words]
        self.child = subprocess.Popen(self.words, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stdout:
            self.log.write(line)
            self.log.flush()
            with self.heard:
                self.lines.append(line.decode("utf-8", "replace"))
                self.heard.notify_all()
        with self.heard:
            self.ended = True
            self.heard.notify_all()

    def wait_for(self, word, since=0):
        with self.heard:
            found = self.heard.wait_for(
                lambda: self.ended or any(word in line for line in self.lines[since:]), START_S)
        if not found or not any(word in line for line in self.lines[since:]):
            raise Failed(f"{self.words[0]} never said {word!r}:\n" + "".join(self.lines[-15:]))

    def stop(self, how=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(how)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(20)
        self.reader.join(20)
        self.log.close()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Refused(Exception):
    """A problem of the agent's API (RFC 9457)."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status = status
        self.problem = problem


class Agent:
    def __init__(self, district, unit):
        self.district = district
        self.unit = unit
        self.folder = district.folder / "agents" / unit["key"]
        self.socket = str(district.sockets / f"{unit['key']}.sock")
        self.process = None
        self.inbox = []  # every item in order, over restarts
        self.after = 0

    def start(self):
        self.process = Process([BIN / "leadbus-agent", "--config", self.folder / "agent.conf"],
                               self.folder / "agent.log")
        return self

    def ready(self):
        self.process.wait_for("event=started")
        self.process.wait_for("event=connected")

    def stop(self):
        if self.process:
            self.process.stop()
        self.process = None

    def call(self, method, path, body=None, timeout=70):
        connection = UnixConnection(self.socket, timeout)
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        answer = json.loads(text) if text[:1] in (b"{", b"[") else text
        if response.status >= 400:
            raise Refused(response.status, answer)
        return answer

    def upload(self, kind, name, content):
        """A file that a message will name: what the agent says of it."""
        path = f"/v1/attachments?kind={kind}&name={urllib.parse.quote(name)}"
        connection = UnixConnection(self.socket, 70)
        connection.request("POST", path, content)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        if response.status != 201:
            raise Refused(response.status, answer)
        return answer

    def fetch(self, wait_s=0):
        """Takes what is new in the inbox; waits for something new at most wait_s."""
        got = self.call("GET", f"/v1/inbox?after={self.after}&limit=500&wait={int(wait_s)}")
        self.inbox += got["items"]
        self.after = got["next_after"]
        return got["items"]

    def messages(self):
        return [item for item in self.inbox if item["type"] == "message"]

    def wait_for(self, ids):
        """Until every id is in the inbox, or the deadline."""
        missing = set(ids) - {item.get("id") for item in self.messages()}
        rounds = 0
        while missing and rounds < ARRIVE_S:
            self.fetch(1)
            rounds += 1
            missing = set(ids) - {item.get("id") for item in self.messages()}
        if missing:
            raise Failed(f"{self.unit['key']}: {len(missing)} messages did not arrive: {missing}")


class District:
    def __init__(self, folder):
        os.umask(0o077)  # whatever the user's: what others may write to is not taken
        self.folder = folder
        folder.mkdir(parents=True)
        # Socket paths are short by law of the kernel, checkouts are not.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="leadbus-"))
        self.endpoint = f"ipc://{self.sockets}/bus"
        self.units = table("units.tsv")
        self.agents = {unit["key"]: Agent(self, unit) for unit in self.units}
        self.broker = None
        self.broker_lines = 0

    def passphrase(self, folder, name):
        """What a person knows; stretched at every opening (Argon2id)."""
        return self._secret(folder / "passphrase", f"{name} {os.urandom(12).hex()}\n".encode())

    def machine_key(self, folder):
        """What a machine is given at its start, as a systemd credential is: 32 random bytes."""
        return self._secret(folder / "machine.key", os.urandom(32))

    @staticmethod
    def _secret(path, content):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        return path

    def write_configs(self):
        for agent in self.agents.values():
            (agent.folder / "agent.conf").write_text(
                f"[unit]\nkeyring = {agent.folder}/keyring\n"
                f"passphrase_file = {agent.folder}/machine.key\nstore = {agent.folder}/store.db\n"
                f"[trust]\nroot = {self.folder}/root.note\nbundle = {self.folder}/bundle\n"
                f"[broker]\nendpoint = {self.endpoint}\n[http]\nsocket = {agent.socket}\n")
        folder = self.folder / "broker"
        (folder / "state").mkdir(mode=0o700)
        (folder / "leadbusd.conf").write_text(
            f"[bus]\nname = hedong.leadbus\nstate = {folder}/state\n"
            f"root = {self.folder}/root.note\nbundle = {self.folder}/bundle\n"
            f"keyring = {folder}/keyring\npassphrase_file = {folder}/machine.key\n"
            f"[listen]\nendpoint = {self.endpoint}\n")

    def start_broker(self):
        folder = self.folder / "broker"
        begin = [] if (folder / "state" / "journal.db").exists() else ["--begin"]
        self.broker = Process([BIN / "leadbusd", "--config", folder / "leadbusd.conf", *begin],
                              folder / "leadbusd.log")
        self.broker.wait_for("event=started")

    def start_agents(self):
        for agent in self.agents.values():
            agent.start()
        for agent in self.agents.values():
            agent.ready()

    def close(self):
        for agent in self.agents.values():
            if agent.process and agent.process.child.poll() is None:
                agent.process.child.send_signal(signal.SIGTERM)
        for agent in self.agents.values():
            agent.stop()
        if self.broker:
            self.broker.stop()
        self.broker = None
        shutil.rmtree(self.sockets, ignore_errors=True)
