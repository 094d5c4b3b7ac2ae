"""servers: the other brokers, each started by us in a folder of its own on loopback, with TLS, and ended by us.

The services that their packages bring are never used. A class says how its server is started; `durable` is what its
confirmation means, as found by counting its calls of fsync."""
import os
import pathlib
import signal
import socket
import subprocess
import time

from bus import BIN, Failed
from processes import end
from words import say

PING_S, DRIVE_S = 120, 180


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(folder):
    """Of this run: certificate and key."""
    certificate, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                    "-out", certificate], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return certificate, key


class Server:
    name = driver = variant = ""
    durable = True  # a confirmation means that it is on the disk
    keeps = True    # messages for consumers that are not there

    def __init__(self, folder, certificate, key):
        self.folder, self.certificate, self.key = folder, certificate, key
        self.port = free_port()
        self.process = None
        os.makedirs(folder)
        self.prepare()

    def prepare(self):
        """Configuration, once."""

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        pathlib.Path(self.path(name)).write_text(text, encoding="utf-8")

    @property
    def pid(self):
        """Of the process that does the work."""
        return self.process.pid

    def start(self):
        """The seconds until it answers its protocol."""
        before = time.monotonic()
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, start_new_session=True,
                                            cwd=self.folder, env={**os.environ, **self.environment()})
        self.drive("ping", timeout=PING_S)
        return time.monotonic() - before

    def stop(self, how=signal.SIGTERM):
        if self.process:
            end(self.process, how)
        self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    def drive(self, what, *arguments, timeout=DRIVE_S):
        """Runs its driver; what it printed."""
        command = [os.path.join(BIN, f"leadbus-rival-{self.driver}"), "--do", what, "--port", str(self.port), "--ca",
                   self.certificate, *(["--variant", self.variant] if self.variant else []), *arguments]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=timeout)
        except (subprocess.TimeoutExpired, FileNotFoundError) as error:
            raise Failed(f"{self.name}: {error}\n{self.log_end()}") from None
        if done.returncode != 0:
            raise Failed(f"{self.name}: {what}: exit {done.returncode}\n{self.log_end()}")
        return done.stdout

    def log_end(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-10:])


class Floor(Server):
    name, driver, keeps = "floor", "floor", False

    def command(self):
        return [os.path.join(BIN, "leadbus-rival-floor-broker"), str(self.port), self.folder]


class FloorSealed(Floor):
    name, variant = "floor, sealed", "sealed"


class Nats(Server):
    name, driver, durable = "NATS JetStream", "nats", False

    def prepare(self):
        os.makedirs(self.path("store"))
        self.write("nats.conf", f'host: 127.0.0.1\nport: {self.port}\n'
                                f'jetstream {{ store_dir: "{self.path("store")}", max_file_store: 20G, '
                                f'max_memory_store: 1G }}\n'
                                f'tls {{ cert_file: "{self.certificate}", key_file: "{self.key}", timeout: 5 }}\n')

    def command(self):
        return ["nats-server", "-c", self.path("nats.conf")]


class NatsSynced(Nats):
    """This version has no setting for it: the attribute S of its folder makes every write synchronous."""
    name, durable = "NATS JetStream, synced", True

    def prepare(self):
        super().prepare()
        if subprocess.run(["chattr", "-R", "+S", self.path("store")], check=False).returncode != 0:
            raise Failed(say("chattr +S 不可用（需 root 与 ext4）", "chattr +S is not possible (needs root and ext4)"))


class Redis(Server):
    name, driver = "Redis streams, always", "redis"

    def command(self):
        return ["redis-server", "--bind", "127.0.0.1", "--port", "0", "--tls-port", str(self.port), "--tls-cert-file",
                self.certificate, "--tls-key-file", self.key, "--tls-ca-cert-file", self.certificate,
                "--tls-auth-clients", "no", "--dir", self.folder, "--appendonly", "yes", "--appendfsync", "always",
                "--save", ""]


class Mosquitto(Server):
    name, driver, durable = "Mosquitto QoS 1", "mosquitto", False

    def prepare(self):
        self.write("mosquitto.conf",
                   f"user root\npersistence true\npersistence_location {self.folder}/\nmax_queued_messages 0\n"
                   f"max_inflight_messages 1024\nallow_anonymous true\nset_tcp_nodelay true\n"
                   f"listener {self.port} 127.0.0.1\ncertfile {self.certificate}\nkeyfile {self.key}\n")

    def command(self):
        return ["mosquitto", "-c", self.path("mosquitto.conf")]

    def environment(self):
        return {"PATH": os.environ["PATH"] + ":/usr/sbin"}


class RabbitMq(Server):
    name, driver = "RabbitMQ quorum", "rabbitmq"

    def prepare(self):
        self.epmd_port, self.node_port = free_port(), free_port()
        self.write("rabbitmq.conf",
                   f"listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:{self.port}\n"
                   f"ssl_options.cacertfile = {self.certificate}\nssl_options.certfile = {self.certificate}\n"
                   f"ssl_options.keyfile = {self.key}\nssl_options.verify = verify_none\n"
                   f"ssl_options.fail_if_no_peer_cert = false\ndisk_free_limit.absolute = 1GB\n")
        self.write("env.conf", "")
        self.write("plugins", "[].\n")

    def command(self):
        found = sorted(pathlib.Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
        if not found:
            raise Failed("rabbitmq-server")
        return [str(found[-1])]

    def environment(self):
        return {"HOME": self.folder, "ERL_EPMD_PORT": str(self.epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODENAME": "bench@localhost", "RABBITMQ_MNESIA_BASE": self.path("mnesia"),
                "RABBITMQ_LOG_BASE": self.path("logs"), "RABBITMQ_CONFIG_FILE": self.path("rabbitmq.conf"),
                "RABBITMQ_CONF_ENV_FILE": self.path("env.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": self.path("plugins"), "RABBITMQ_DIST_PORT": str(self.node_port)}

    @property
    def pid(self):
        """The virtual machine, a child of the script that was started."""
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                before, after = (folder / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)
            except OSError:
                continue
            if before.endswith("(beam.smp") and int(after.split()[1]) == self.process.pid:
                return int(folder.name)
        return self.process.pid

    def stop(self, how=signal.SIGTERM):
        if self.process:
            os.kill(self.pid, how)
            end(self.process, 0)
        subprocess.run(["epmd", "-port", str(self.epmd_port), "-kill"], check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)  # the name server that it started
        self.process = None


ALL = [Floor, FloorSealed, Redis, NatsSynced, Nats, RabbitMq, Mosquitto]
