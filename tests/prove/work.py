"""Programs that run beside each other until the time of their part is over."""
import os
import signal
import subprocess
import tempfile
import threading
import time


class Violation(Exception):
    """Something does not hold; `again` is the command that shows it."""

    def __init__(self, what, again):
        super().__init__(what)
        self.what, self.again = what, again


class Job:
    """A program to run. heard: called with each line of its output. ended: called with its exit code, its output and
    what it said on stderr, unless it was stopped; raises Violation. own_time: it keeps to its time itself."""

    def __init__(self, words, heard, ended, environment=None, own_time=False):
        self.words = [str(word) for word in words]
        self.heard, self.ended, self.own_time = heard, ended, own_time
        self.environment = dict(os.environ, **(environment or {}))
        self.child = None
        self.stopped = False

    def run(self):
        lines = []
        with tempfile.TemporaryFile() as said:
            self.child = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
                                          env=self.environment, start_new_session=True)
            for line in self.child.stdout:
                text = line.decode("utf-8", "replace").rstrip("\n")
                lines.append(text)
                self.heard(text)
            code = self.child.wait()
            said.seek(0)
            words = said.read().decode("utf-8", "replace")
        if not self.stopped:
            self.ended(code, "\n".join(lines[-40:]), words[-4000:])

    def stop(self, how=signal.SIGINT):
        self.stopped = True
        if self.child and self.child.poll() is None:
            try:
                os.killpg(self.child.pid, how)
            except ProcessLookupError:
                pass


class Workers:
    """So many jobs at once. progress: called with a part about once a second."""

    STOP_S = 60

    def __init__(self, count, progress):
        self.count, self.progress = count, progress
        self.lock = threading.Lock()
        self.running = []
        self.failure = None
        self.ending = False

    def _work(self, jobs, enough):
        while True:
            with self.lock:
                job = None if self.ending or self.failure or enough() else next(jobs, None)
                if job is None:
                    return
                self.running.append(job)
            try:
                job.run()
            except Exception as why:  # pylint: disable=broad-exception-caught
                with self.lock:
                    self.failure = self.failure or why
            with self.lock:
                self.running.remove(job)

    def run(self, part, jobs, seconds, enough=lambda: False):
        """Until the jobs are done, it is enough, or the time is over. Raises what a job raised."""
        self.ending, self.failure = False, None
        deadline = time.monotonic() + seconds
        threads = [threading.Thread(target=self._work, args=(jobs, enough), daemon=True) for _ in range(self.count)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(0.5 / len(threads))
            late = time.monotonic() > deadline
            if late or self.failure:
                self.stop(all_of_them=self.failure is not None)
            self.progress(part, max(0, deadline - time.monotonic()))
        if self.failure:
            raise self.failure

    def stop(self, all_of_them=True):
        with self.lock:
            self.ending = True
            for job in self.running:
                if not job.stopped and (all_of_them or not job.own_time):
                    job.stop()
                    timer = threading.Timer(self.STOP_S, job.stop, (signal.SIGKILL,))
                    timer.daemon = True
                    timer.start()
