"""What the demo says, in the reader's language, and how it pauses between scenes."""
import os
import sys


def language():
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "en" if value.startswith("en") else "zh"
    return "zh"


LANG = language()
BOLD, DIM, RED, GREEN, RESET = ("\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[0m")
if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb" or "NO_COLOR" in os.environ:
    BOLD = DIM = RED = GREEN = RESET = ""
sys.stdout.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
sys.stderr.reconfigure(encoding="utf-8", errors="replace")


def t(zh, en):
    return en if LANG == "en" else zh


def of(thing, stem):
    """thing["stem_zh"] or thing["stem_en"], whichever the reader reads."""
    return thing.get(f"{stem}_{LANG}") or thing.get(f"{stem}_en") or thing.get(f"{stem}_zh") or ""


def say(zh, en):
    print(t(zh, en))


class Stage:
    """Numbers the scenes; with --tour it waits for Enter where somebody sits at the keyboard."""

    def __init__(self, tour):
        self.waits = tour and sys.stdin.isatty()
        self.number = 0

    def scene(self, zh, en):
        if self.waits and self.number:
            print(DIM + t("—— 按回车继续 ——", "-- press Enter --") + RESET, end="", flush=True)
            sys.stdin.readline()
        self.number += 1
        print(f"\n{BOLD}{self.number}. {t(zh, en)}{RESET}")
