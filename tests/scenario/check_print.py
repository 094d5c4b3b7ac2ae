#!/usr/bin/env python3
"""A printed page: nothing of it comes from elsewhere or runs, whatever others wrote into it; it is well formed.

usage: check_print.py PAGE [WORD...]: each word is in the text of the page, as a reader sees it; !WORD is not in its source.
       check_print.py --checkpoint PAGE: prints the signed checkpoint of the page.
"""
import base64
import hashlib
import html.parser
import re
import sys

# Element -> the attributes that it may have.
ALLOWED = {
    "html": {"lang"}, "head": set(), "meta": {"charset", "http-equiv", "content", "name"}, "title": set(), "style": set(),
    "body": set(), "h1": set(), "h2": set(), "p": {"class"}, "span": {"lang"}, "small": {"lang"}, "bdi": set(), "code": set(),
    "pre": set(), "table": {"class"}, "thead": set(), "tbody": set(), "tr": set(), "th": {"colspan"}, "td": set(),
}
VOID = {"meta"}
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)
        print("FAILED:", what)


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.style, self.pre, self.meta = [], [], "", [], {}

    def handle_starttag(self, tag, attrs):
        check(tag in ALLOWED, f"element {tag}")
        for name, value in attrs:
            check(name in ALLOWED.get(tag, ()), f"attribute {tag} {name}={value!r}")
        given = dict(attrs)
        if tag == "meta" and "content" in given:
            self.meta[(given.get("http-equiv") or given.get("name") or "").lower()] = given["content"]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "pre":
            self.pre.append("")

    def handle_endtag(self, tag):
        check(bool(self.open) and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}")
        if self.open:
            self.open.pop()

    def handle_data(self, data):
        if self.open[-1:] == ["style"]:
            self.style += data
        else:
            self.text.append(data)
        if "pre" in self.open:
            self.pre[-1] += data

    def handle_decl(self, decl):
        check(decl == "DOCTYPE html", f"declaration {decl}")

    def handle_comment(self, data):
        check(False, f"comment {data!r}")

    def handle_pi(self, data):
        check(False, f"instruction {data!r}")


only_checkpoint = sys.argv[1] == "--checkpoint"
path = sys.argv[2 if only_checkpoint else 1]
source = open(path, "rb").read().decode("utf-8")
page = Page()
page.feed(source)
page.close()
if only_checkpoint:
    print(page.pre[-1], end="")
    sys.exit(0)
check(page.open == [], f"left open: {page.open}")
digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
check(page.meta.get("content-security-policy") ==
      f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
      f"policy: {page.meta.get('content-security-policy')}")
check("size:A4" in page.style and "@page" in page.style, "no A4")
check(not re.search(r"url\(|@import|expression", page.style, re.I), "the style wants something from elsewhere")
# Base64, which stands in the checkpoint and in the policy, may have two slashes.
plain = re.sub(r"<pre>.*?</pre>|'sha256-[^']*'", "", source, flags=re.S)
check(not re.search(r"https?:|javascript:", source, re.I) and not re.search(r"//[a-z]", plain, re.I), "an address")
text = "".join(page.text)
check(not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", source), "what is not seen")
for word in sys.argv[2:]:
    if word.startswith("!"):
        check(word[1:] not in source, f"{word[1:]!r} is in the source")
    else:
        check(word in text, f"no {word!r}")
sys.exit(1 if failures else 0)
