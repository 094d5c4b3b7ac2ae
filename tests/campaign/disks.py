"""Small disks (tmpfs) for the broker and the agents, so that one can be full; where this machine lets us make them."""
import os
import subprocess

SIZE = "192m"
BALLAST = "ballast"


def _do(*words):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)


class Disks:
    def __init__(self):
        self.folders = []
        self.ready = True
        self.why = ""

    def make(self, folder):
        """The folder is made, and is a disk of its own where that may be."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if not self.ready:
            return
        try:
            done = _do("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700,nosuid,nodev,noexec", "leadbus", str(folder))
        except FileNotFoundError:
            self.ready, self.why = False, "mount is not installed"
            return
        if done.returncode != 0:
            self.ready, self.why = False, done.stderr.decode("utf-8", "replace").strip()
            return
        self.folders.append(folder)

    @staticmethod
    def fill(folder):
        """Until there is room for nothing. What its programs take or free meanwhile is met by calling this again."""
        with open(folder / BALLAST, "ab") as file:
            have = os.fstat(file.fileno()).st_size
            room = os.statvfs(folder)
            free = room.f_bavail * room.f_bsize
            while free > 0:
                try:
                    os.posix_fallocate(file.fileno(), have, free)
                    return
                except OSError:
                    free //= 2  # somebody was faster

    @staticmethod
    def free(folder):
        (folder / BALLAST).unlink(missing_ok=True)

    def close(self):
        for folder in self.folders:
            _do("umount", "-l", str(folder))
        self.folders = []
