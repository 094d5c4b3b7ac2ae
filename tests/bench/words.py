"""words: what is said in the reader's language, and lines that stand under each other in both."""
import json
import os
import unicodedata

LOCALE = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""


def say(zh, en):
    return en if LOCALE.startswith("en") else zh


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def pad(text, columns):
    return text + " " * max(0, columns - width(text))


def pad_left(text, columns):
    return " " * max(0, columns - width(text)) + text


def rows(lines, label_columns=44):
    """Each line a label and a value, both texts."""
    for label, value in lines:
        print(pad(label, label_columns) + value)


def number(value, decimals=0):
    return f"{value:,.{decimals}f}"


def print_json(figures):
    print(json.dumps(figures, indent=2, ensure_ascii=False))
