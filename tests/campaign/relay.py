"""A wire between an agent and the broker that can be cut, held, slowed and half closed."""
import selectors
import socket
import threading
import time

CHUNK = 16384
SLOW_BYTES_PER_S = 4000


class Relay:
    """One port; every connection to it goes on to the target. Modes: pass, refuse (new ones are closed, old ones too),
    hold (nothing is read or written, as on a dead line), slow (some bytes a second), half (what the broker says is
    dropped, so that one side is open and the other is not)."""

    def __init__(self, host, target):
        self.target = target
        self.mode = "pass"
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        self.pairs = set()
        self.lock = threading.Lock()
        self.ended = False
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def set(self, mode):
        self.mode = mode
        if mode == "refuse":
            self.cut()

    def cut(self):
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            for one in pair:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.ended = True
        # A listener that is only closed may stay in accept; one that is shut down does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
        self.thread.join(10)

    def _accept(self):
        while not self.ended:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                near.close()
                continue
            try:
                far = socket.create_connection(self.target, 10)
            except OSError:
                near.close()
                continue
            pair = (near, far)
            with self.lock:
                self.pairs.add(pair)
            threading.Thread(target=self._carry, args=(pair,), daemon=True).start()

    def _carry(self, pair):
        near, far = pair
        chooser = selectors.DefaultSelector()
        chooser.register(near, selectors.EVENT_READ, far)
        chooser.register(far, selectors.EVENT_READ, near)
        try:
            while True:
                if self.mode == "hold":
                    time.sleep(0.05)  # a dead line has no event to wait for
                    continue
                for key, _ in chooser.select(0.2):
                    if self.mode == "hold":
                        break
                    slow = self.mode == "slow"
                    data = key.fileobj.recv(SLOW_BYTES_PER_S // 10 if slow else CHUNK)
                    if not data:
                        return
                    if self.mode == "half" and key.fileobj is far:
                        continue
                    key.data.sendall(data)
                    if slow:
                        time.sleep(0.1)
        except OSError:
            return
        finally:
            chooser.close()
            near.close()
            far.close()
            with self.lock:
                self.pairs.discard(pair)
