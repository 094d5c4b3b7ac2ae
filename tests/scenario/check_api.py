#!/usr/bin/env python3
"""Compares docs/openapi.yaml with a running agent, and tries the edges of its HTTP.

usage: check_api.py SOURCE_DIR SOCKET THREAD_ID PORT TOKEN

Only the standard library: the parts of the YAML that are needed are read by their indentation.
"""
import contextlib
import hashlib
import http.client
import json
import pathlib
import re
import socket
import sys
import threading
import time
import urllib.parse

SOURCE, SOCKET, THREAD = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
PORT, TOKEN = int(sys.argv[4]), sys.argv[5]
failures = []


class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(SOCKET)  # waits for room in the backlog, which a timeout would refuse to do
        self.sock.settimeout(60)


def call(method, path, body=None, headers=None):
    connection = Local("localhost")
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, answer.headers, data


def check(holds, what):
    if not holds:
        failures.append(what)
        print("FAILED:", what)


def documented():
    """(method, path) -> documented statuses; schema name -> required properties, and all of them."""
    operations, required, properties = {}, {}, {}
    path = method = schema = None
    for line in (SOURCE / "docs/openapi.yaml").read_text("utf-8").splitlines():
        if match := re.fullmatch(r"  (/\S*):", line):
            path = match[1]
        elif match := re.fullmatch(r"    (get|post|put|delete):", line):
            method = match[1].upper()
            operations[method, path] = set()
        elif match := re.fullmatch(r'        ("(\d+)"|default):', line):
            operations[method, path].add(match[2] or "default")
        elif match := re.fullmatch(r"    (\w+):", line):
            schema = match[1]
        elif match := re.fullmatch(r"      required: \[(.*)\]", line):
            required[schema] = match[1].split(", ")
        elif match := re.fullmatch(r"        (\w+):", line):
            properties.setdefault(schema, set()).add(match[1])
    return operations, required, properties


def implemented():
    text = (SOURCE / "clients/agent/routes.c").read_text("utf-8")
    return set(re.findall(r'\{"([A-Z]+)", "([^"]+)"', text))


def check_problem(answer, status, code, what):
    got, headers, data = answer
    check(got == status, f"{what}: status {got}, not {status}: {data[:200]}")
    check(headers.get("Content-Type") == "application/problem+json", f"{what}: content type")
    problem = json.loads(data)
    check(problem.get("code") == code, f"{what}: {problem}")
    for name in REQUIRED["Problem"]:
        check(name in problem, f"{what}: no {name}")
    return problem


OPERATIONS, REQUIRED, PROPERTIES = documented()
check(len(OPERATIONS) > 10 and "Outgoing" in REQUIRED, "openapi.yaml was not understood")
check(set(OPERATIONS) == implemented(),
      f"documented and implemented differ: {set(OPERATIONS) ^ implemented()}")

# What is a closed list here is the table of the lifecycle there.
def enum_of(schema, name=None):
    text = (SOURCE / "docs/openapi.yaml").read_text("utf-8")
    text = text[text.index(f"\n    {schema}:\n"):]
    if name:
        text = text[text.index(f"\n        {name}:\n"):]
    return set(re.search(r"enum: \[(.*)\]", text)[1].split(", "))


LIFECYCLE = (SOURCE / "proto/plan/lifecycle.def").read_text("utf-8")
states = set(re.findall(r'^STATE\(\w+, \d+, "([^"]+)"', LIFECYCLE, re.M))
check(len(states) > 10 and enum_of("LegState") == states,
      f"states of a leg: documented and in the table differ: {enum_of('LegState') ^ states}")

# Every documented GET answers with a documented status.
for (method, path), statuses in OPERATIONS.items():
    if method != "GET":
        continue
    if path.endswith("/{n}"):
        continue  # below
    if path == "/v1/files/{id}":
        continue  # below
    if path.endswith("/print"):
        path += "?form=receipt"
    real = path.replace("{kind}", "lead.mandatory-report").replace("{id}", THREAD)
    status, headers, data = call("GET", real)
    check(str(status) in statuses or "default" in statuses, f"{path}: undocumented status {status}")
    if path != "/v1/inbox/{id}":
        check(status == 200, f"{path}: {status} {data[:200]}")
    check(headers.get("Cache-Control") == "no-store", f"{path}: may be cached")

# What is required is there, and nothing is there that is not documented.
def fits(schema, answer, *more):
    for name in REQUIRED[schema]:
        check(name in answer, f"{schema} has no {name}")
    for name in set(answer) - PROPERTIES[schema] - set(more):
        check(False, f"{schema}: {name} is not documented")
    return answer


def get(path):
    status, _, data = call("GET", path)
    check(status == 200, f"{path}: {status}")
    return json.loads(data)


item = fits("Item", get(f"/v1/messages/{THREAD}"), "recipients", "outbox", "attachments")
for name in ("sections", "attachments", "recipients"):
    check(name in item, f"Message has no {name}")
fits("Outgoing", item["outbox"])
for one in item["recipients"]:
    fits("Recipient", one)
thread = fits("Thread", get(f"/v1/threads/{THREAD}"))
for one in thread["timeline"]:
    fits("Item", one)
    check(("sections" in one) == one["kind"].startswith("receipt."), "sections of an act")
for one in thread["legs"]:
    fits("Leg", one)
for one in get("/v1/inbox")["items"]:
    fits("Item", one)
    if "leg" in one:
        fits("OwnLeg", one["leg"])
        for told in one["leg"].get("told", []):
            fits("Told", told)
for one in get("/v1/messages")["items"]:
    fits("Outgoing", one)
for one in get("/v1/threads")["items"]:
    fits("ThreadSummary", one)
roster = fits("Roster", get("/v1/roster"))
if roster["configured"]:
    check([one["rank"] for one in roster["ranks"]] == ["duty", "deputy", "head"], f"roster: {roster}")
    for one in roster["ranks"]:
        fits("RosterRank", one)
        for row in one["now"]:
            fits("RosterRow", row)
    for one in roster["gaps"]:
        fits("RosterGap", one)
for one in get("/v1/files")["items"]:
    fits("FileSummary", one)
check(get("/v1/inbox?order=due")["unsigned"] == [], "alerts where there are none")
check(get("/v1/inbox?order=due")["visits"] == [], "visits of a unit without files")
check_problem(call("GET", f"/v1/files/{THREAD}?officer=A7&purpose=aid"), 404, "not_found", "a file that is not there")
check_problem(call("POST", "/v1/files", {"purpose": "aid"}), 422, "missing_field", "a file that nobody opens")
stats = fits("Stats", get("/v1/stats?by=unit,task,kind&why=all"), "legs", "more")
check(stats["rows"] and stats["legs"], "stats has no rows")
for one in stats["rows"]:
    fits("StatsRow", one)
for one in stats["legs"]:
    fits("StatsLeg", one)
    for term in one["terms"]:
        fits("StatsTerm", term)
for one in stats["limits"]:
    fits("StatsLimit", one)
    check(one["name"] in enum_of("StatsLimit", "name"), f"StatsLimit: {one['name']}")
check_problem(call("GET", "/v1/stats?why=luck"), 422, "bad_value", "stats of what is no figure")
status = fits("Status", get("/v1/status"))
fits("RosterStatus", status.get("roster", {"file": "", "gaps": [], "told": 0, "failed": 0}))
fits("BusStatus", status["bus"])
fits("TrustStatus", status["trust"])
fits("InboxStatus", status["inbox"])
fits("AttachmentStatus", status["attachments"])
kinds = get("/v1/kinds")["items"]
for kind in kinds:
    fits("Kind", kind)
    fits("Senders", kind["senders"])
    for one in kind["topics"]:
        fits("Topic", one)
    for one in kind["sections"]:
        fits("Section", one)

# Pages, either way round.
newest = get("/v1/inbox?order=newest&limit=2")
check(newest["more"] and len(newest["items"]) == 2, "newest: two, and more")
check(newest["items"][0]["number"] == newest["last"], "newest: not the last one first")
older = get(f"/v1/inbox?order=newest&limit=500&before={newest['next_before']}")
check(not older["more"], "newest: no end")
numbers = [one["number"] for one in newest["items"] + older["items"]]
oldest = [one["number"] for one in get("/v1/inbox?limit=500")["items"]]
check(numbers == oldest[::-1], f"the two orders differ: {numbers} {oldest}")
due = get("/v1/inbox?order=due")
check("next_page" not in due and not due["more"], "due: one page is all")
for one in due["items"]:
    fits("Item", one)
    check(not one["leg"]["done"], f"due: done: {one}")
moments = [one["leg"].get("due_at", "9999") for one in due["items"]]
check(moments == sorted(moments), f"due: not in order: {moments}")
pages, page = [], ""
while page is not None and len(pages) < 1000:
    one = get("/v1/inbox?order=due&limit=1" + (page and "&page=" + page))
    pages += one["items"]
    page = one.get("next_page")
check([one["id"] for one in pages] == [one["id"] for one in due["items"]], "due: pages differ from the whole")
for query, field in (("order=due&after=1", "after"), ("order=due&wait=1", "wait"), ("page=x", "page"),
                     ("order=newest&page=x", "page"), ("order=due&page=x", "page"), ("order=due&page=1.2.3", "page"),
                     (f"order=due&page=1.{THREAD}.{THREAD}x", "page"), ("order=up", "order")):
    problem = check_problem(call("GET", "/v1/inbox?" + query), 422, "bad_value", query)
    check(problem["field"] == field, f"{query}: {problem}")
check(get("/v1/inbox?limit=1")["more"] and not get("/v1/inbox?limit=500")["more"], "oldest: more")
check(get("/v1/messages?limit=1")["more"] == (len(get("/v1/messages")["items"]) > 1), "outbox: more")

# A page of paper has the policy in its header too.
status, headers, data = call("GET", f"/v1/messages/{THREAD}/print?form=receipt")
check(status == 200 and headers["Content-Type"] == "text/html; charset=utf-8", f"print: {status}")
check(f'content="{headers["Content-Security-Policy"]}"'.replace("'", "&#39;") in data.decode(), "print: policies differ")
check_problem(call("GET", f"/v1/messages/{THREAD}/print"), 422, "missing_field", "print without a form")
check_problem(call("GET", f"/v1/messages/{THREAD}/print?form=letter"), 422, "bad_value", "print in another form")
check_problem(call("GET", f"/v1/messages/{THREAD[:-1]}{int(THREAD[-1], 16) ^ 1:x}/print?form=receipt"), 404, "not_found", "print of nothing")
check_problem(call("GET", f"/v1/messages/{THREAD}/print?form=handover"), 422, "bad_value", "print of no handover")

# A template is to be filled in: none of its blanks is taken.
template = get("/v1/kinds/lead.mandatory-report")["template"]
for name in ("area", "reporter"):
    problem = check_problem(call("POST", "/v1/messages", template), 422, "missing_field", "template")
    template.pop("area", None)
    template["sections"].pop("reporter", None)
check(problem["field"].startswith("summary."), f"blank of a section: {problem}")
topical = get("/v1/kinds/handoff.service-referral?topic=legal-aid")["template"]
check(topical["topic"] == "legal-aid" == topical["sections"]["summary"]["service"], "template: topic")
check(get("/v1/kinds/handoff.service-referral?topic=relief")["example"]["sections"]["summary"]["service"]
      == "relief", "example: topic")

# The example of every kind, and of every topic, that this unit may open passes its own checks.
for kind in kinds:
    if kind["position"] == "follows":
        continue
    for topic in [""] + [one["topic"] for one in kind["topics"] if one["may_send"]]:
        if not topic and not kind["may_send"]:
            continue
        path = "/v1/kinds/" + kind["kind"] + ("?topic=" + topic if topic else "")
        status, _, data = call("POST", "/v1/preview", get(path)["example"])
        check(status == 200, f"example of {path}: {status} {data[:300]}")

# Errors.
check_problem(call("GET", "/v1/nothing"), 404, "not_found", "unknown path")
check_problem(call("DELETE", "/v1/inbox"), 405, "usage", "wrong method")
check_problem(call("GET", "/v1/messages/17"), 422, "bad_value", "not a UUID")
check_problem(call("GET", "/v1/messages/00000000-0000-4000-8000-000000000000"), 404, "not_found",
              "unknown id")
check_problem(call("GET", "/v1/inbox?limit=501"), 422, "bad_value", "limit above its bound")
check_problem(call("GET", "/v1/inbox?limit=0"), 422, "bad_value", "limit below its bound")
check_problem(call("GET", "/v1/inbox?order=newest&after=1"), 422, "bad_value", "after with newest first")
check_problem(call("GET", "/v1/inbox?before=1"), 422, "bad_value", "before with oldest first")
check_problem(call("GET", "/v1/inbox?order=random"), 422, "bad_value", "order")
check_problem(call("GET", "/v1/kinds/lead.online?topic=x"), 422, "topic_unknown", "a topic it has not")
check_problem(call("GET", "/v1/inbox?after=-1"), 422, "bad_value", "negative number")
check_problem(call("POST", "/v1/messages", '{"kind":'), 400, "bad_json", "broken JSON")
check_problem(call("POST", "/v1/messages", '{"kind":"a","kind":"b"}'), 400, "bad_json", "duplicate")
check_problem(call("POST", "/v1/messages", b'{"kind":"\xff"}'), 400, "bad_json", "not UTF-8")
check_problem(call("POST", "/v1/messages", "[" * 100000), 400, "bad_json", "too deep")
check_problem(call("POST", "/v1/messages", ""), 400, "bad_json", "empty body")
problem = check_problem(call("POST", "/v1/messages", {"kind": "x", "to": "police"}), 422,
                        "unknown_field", "unknown field")
check(problem["field"] == "to", "unknown field is not named")
check_problem(call("POST", "/v1/messages", {"kind": "x.y"}), 422, "kind_unknown", "unknown kind")
check_problem(call("POST", f"/v1/threads/{THREAD}/acts", {"act": "dance"}), 422, "bad_value", "act")
check_problem(call("POST", f"/v1/threads/{THREAD}/acts", {"act": "sign"}), 403, "lifecycle_role",
              "the sender has no leg")

# A body above its bound is refused by its length, before it is read.
connection = Local("localhost")
connection.putrequest("POST", "/v1/messages")
connection.putheader("Content-Length", "1048577")
connection.endheaders()
answer = connection.getresponse()
check_problem((answer.status, answer.headers, answer.read()), 413, "too_large", "body above the bound")
connection.close()
# One that does not say its length is told so as well; one without an end is cut off.
got = call("POST", "/v1/messages", iter([b" " * 65536] * 32))
check_problem(got, 413, "too_large", "chunks above the bound")
try:
    call("POST", "/v1/messages", iter([b" " * 65536] * 4096))
    check(False, "256 MiB were read")
except (ConnectionError, http.client.HTTPException):
    pass
check(call("GET", "/livez")[0] == 200, "after an endless body")


# Bytes as no client of a library sends them.
def raw(data, where=SOCKET):
    over = socket.socket(socket.AF_UNIX) if where == SOCKET else socket.socket()
    over.settimeout(60)
    over.connect(where)
    over.sendall(data)
    answer = http.client.HTTPResponse(over)
    answer.begin()
    got = answer.status, answer.headers, answer.read()
    over.close()
    return got


def head(line, *headers):
    return "\r\n".join([line + " HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


for target in ("/livez%00/x", "/v1/inbox/1%00zzz", "/v1/inbox?after=0%001", "/livez%4", "/livez%zz"):
    check_problem(raw(head("GET " + target)), 400, "bad_form", target)
post = "POST /v1/messages"
for name, data in {
        "two lengths": head(post, "Content-Length: 2", "Content-Length: 3") + b"{}",
        "the same twice": head(post, "Content-Length: 2", "Content-Length: 2") + b"{}",
        "length and chunks": head(post, "Content-Length: 2", "Transfer-Encoding: chunked")
                             + b"2\r\n{}\r\n0\r\n\r\n",
        "another encoding": head(post, "Transfer-Encoding: gzip"),
        "two keys": head(post, "Idempotency-Key: a", "Idempotency-Key: b", "Content-Length: 2")
                    + b"{}"}.items():
    got = raw(data)
    check_problem(got, 400, "bad_form", name)
    check(got[1].get("Connection", "").lower() == "close", f"{name}: goes on reading")

# HEAD is GET without the body; a 405 says what is allowed.
connection = Local("localhost")
for path in ("/livez", "/v1/status", f"/v1/messages/{THREAD}"):
    connection.request("HEAD", path)
    answer = connection.getresponse()
    check(answer.status == 200 and answer.read() == b"", f"HEAD {path}: {answer.status}")
    check(int(answer.headers["Content-Length"]) > 0, f"HEAD {path}: length")
connection.close()
check(call("DELETE", "/v1/messages")[1].get("Allow") == "POST, GET, HEAD", "Allow")

# Parameters: those that the path has, each once, with a value.
for target, name, code in (("/v1/inbox?aftre=5", "aftre", "unknown_field"),
                           ("/livez?x=1", "x", "unknown_field"),
                           ("/v1/inbox?after=5&after=0", "after", "bad_value"),
                           ("/v1/inbox?after", "after", "bad_value")):
    problem = check_problem(call("GET", target), 400, code, target)
    check(problem.get("field") == name, f"{target}: {problem}")
check_problem(call("POST", "/v1/preview?complete=yes", {"kind": "lead.mandatory-report"}), 422, "bad_value",
              "preview: complete")
check_problem(call("POST", "/v1/preview?complete=true", {"kind": "lead.mandatory-report"}), 422, "missing_field",
              "preview: complete, without sections")
check_problem(call("POST", "/v1/preview?wait=receipt", {}), 400, "unknown_field", "preview waits")

# Headers above their bound.
status = call("GET", "/livez", headers={"X-Long": "x" * 65536})[0]
check(status >= 400, f"headers above the bound: {status}")

# A long poll waits, and ends.
last = json.loads(call("GET", "/v1/inbox?limit=1")[2])["last"]
began = time.monotonic()
answer = json.loads(call("GET", f"/v1/inbox?after={last}&wait=1")[2])
check(answer["items"] == [] and time.monotonic() - began >= 0.9, "long poll did not wait")

# A client that goes away while it waits disturbs nobody.
gone = Local("localhost")
gone.request("GET", f"/v1/inbox?after={last}&wait=30")
gone.close()
check(call("GET", "/livez")[0] == 200, "after a client went away")

# However many poll, there is room for who does not.
polls = []
for _ in range(70):
    poll = Local("localhost")
    poll.request("GET", f"/v1/inbox?after={last}&wait=60")
    polls.append(poll)
refused = [poll.getresponse() for poll in polls[64:]]
for answer in refused:
    check(answer.headers.get("Retry-After") is not None, "busy without Retry-After")
    check_problem((answer.status, answer.headers, answer.read()), 503, "busy", "poll 65 and on")
check(call("GET", "/livez")[0] == 200, "livez while many poll")
check(call("POST", "/v1/preview", {"kind": "lead.mandatory-report"})[0] == 200, "POST while many poll")
for poll in polls:
    poll.close()
check(call("GET", f"/v1/inbox?after={last}&wait=1")[0] == 200, "those who left keep their places")

# Who connects and says nothing makes room.
silent = [socket.socket(socket.AF_UNIX) for _ in range(256)]
for one in silent:
    one.connect(SOCKET)
check(call("GET", "/livez")[0] == 200, "livez behind a crowd of the silent")
for one in silent:
    one.close()

# Nor does who sends a head byte by byte keep a place for ever.
slow, enough = [socket.socket(socket.AF_UNIX) for _ in range(256)], threading.Event()
for one in slow:
    one.connect(SOCKET)
    one.sendall(b"GET /livez HTTP/1.1\r\nX-Slow: ")


def trickle():
    while not enough.wait(0.2):
        for one in slow:
            with contextlib.suppress(OSError):
                one.send(b"x")


trickler = threading.Thread(target=trickle)
trickler.start()
check(call("GET", "/livez")[0] == 200, "livez behind a crowd that trickles")
enough.set()
trickler.join()
for one in slow:
    one.close()

# A file: taken in pieces, listed, handed out as it is, taken back.
NAME, TEXT = "照片 \"1\" 100%.txt", "needle\r\n".encode() * 500000
UPLOAD = "/v1/attachments?kind=lead.mandatory-report&name=" + urllib.parse.quote(NAME)


def upload(body=TEXT, path=UPLOAD, headers=None):
    return call("POST", path, body, headers)


status, headers, data = upload()
file = json.loads(data)
check(status == 201, f"upload: {status} {data}")
for name in REQUIRED["Uploaded"]:
    check(name in file, f"Uploaded has no {name}")
check(file["sha256"] == hashlib.sha256(TEXT).hexdigest() and file["size"] == len(TEXT), f"upload: {file}")
check(file["media_type"] == "text/plain" and not file["confirm_no_dna"], f"upload: {file}")
status, _, data = upload(iter([TEXT[at:at + 7000] for at in range(0, len(TEXT), 7000)]),
                         headers={"Content-Type": "image/jpeg"})  # chunked: no length is known
again = json.loads(data)
check(status == 201 and again["sha256"] == file["sha256"] and again["media_type"] == "text/plain",
      f"upload in pieces: {status} {data}")
check(again["id"] != file["id"], "two uploads, one id")
check_problem(upload(path="/v1/attachments?name=a.txt"), 422, "missing_field", "upload without a kind")
check_problem(upload(path="/v1/attachments?kind=x.y&name=a"), 422, "kind_unknown", "upload for no kind")
check_problem(upload(path=UPLOAD.replace("lead.mandatory-report", "receipt.signed")), 422,
              "attachment_not_allowed", "upload for a kind without files")
for name in ("", "a/b", "..", "a%0Ab", "a" * 256):
    got = upload(path="/v1/attachments?kind=lead.mandatory-report&name=" + name)
    check_problem(got, 422, "bad_value" if name else "missing_field", f"upload as {name[:9]!r}")
check_problem(upload(b""), 422, "bad_value", "empty upload")
check_problem(upload(b"PK\x03\x04 broken"), 403, "content_unexaminable", "a broken zip")
check_problem(upload(b"D3S1358 15,16 vWA 14,18 FGA 21,24 TH01 7,9"), 403, "forbidden_content", "a profile")
check_problem(upload(headers={"Content-Type": "multipart/form-data; boundary=x"}), 400, "bad_form",
              "a form")
check_problem(call("DELETE", "/v1/attachments/" + THREAD), 404, "not_found", "no such upload")
check(call("DELETE", "/v1/attachments/" + again["id"])[0] == 204, "upload taken back")
check_problem(call("DELETE", "/v1/attachments/" + again["id"]), 404, "not_found", "taken back twice")


def report(attachments):
    example = json.loads(call("GET", "/v1/kinds/lead.mandatory-report")[2])["example"]
    return call("POST", "/v1/messages", {**example, "attachments": attachments})


problem = check_problem(report([{"id": again["id"]}]), 404, "not_found", "what was taken back")
check(problem["field"] == "attachments[0].id", f"unknown upload: {problem}")
problem = check_problem(report([{"id": file["id"]}, {"id": 7}]), 422, "bad_value", "id of a number")
check(problem["field"] == "attachments[1].id", f"bad id: {problem}")
check_problem(report([{"id": file["id"], "confirm": True}]), 422, "unknown_field", "unknown member")
check_problem(report([{"id": file["id"]}] * 17), 413, "too_large", "17 files")
check_problem(report({"id": file["id"]}), 422, "bad_value", "no list")
status, _, data = report([{"id": file["id"], "confirm_no_dna": False}])
check(status == 202, f"report with a file: {status} {data}")
MESSAGE = f"/v1/messages/{json.loads(data)['id']}/attachments"
check_problem(report([{"id": file["id"]}]), 422, "attachment_not_allowed", "a file that another message has")
check_problem(call("DELETE", "/v1/attachments/" + file["id"]), 422, "attachment_not_allowed", "drop it now")
listed = json.loads(call("GET", MESSAGE)[2])
for name in REQUIRED["Attachment"]:
    check(name in listed[0], f"Attachment has no {name}")
check(len(listed) == 1 and listed[0]["name"] == NAME and listed[0]["n"] == 1, f"list: {listed}")
status, headers, data = call("GET", MESSAGE + "/1")
check(status == 200 and data == TEXT, f"download: {status}, {len(data)} bytes")
check(headers["Content-Type"] == "text/plain", f"download: {headers['Content-Type']}")
check(headers["Content-Length"] == str(len(TEXT)), "download: length")
check(headers["X-Content-Type-Options"] == "nosniff", "download: nosniff")
check("sandbox" in headers["Content-Security-Policy"], "download: no sandbox")
check(headers["Content-Disposition"].startswith("attachment; filename=\"") and headers["Content-Disposition"].isascii(),
      f"download: {headers['Content-Disposition']}")
check(headers["Content-Disposition"].endswith("filename*=UTF-8''" + urllib.parse.quote(NAME, safe="")),
      f"download: {headers['Content-Disposition']}")
for n, code in ((0, "not_found"), (2, "not_found"), ("x", "bad_value"), (99999, "bad_value")):
    check_problem(call("GET", f"{MESSAGE}/{n}"), 404 if code == "not_found" else 422, code, f"attachment {n}")

# As many at a time as there is memory for; a HEAD is soon over.
slow = []
for _ in range(16):
    connection = Local("localhost")
    connection.request("GET", MESSAGE + "/1")
    slow.append((connection, connection.getresponse()))
check_problem(call("GET", MESSAGE + "/1"), 503, "busy", "a seventeenth download")
for connection, answer in slow:
    check(answer.read() == TEXT, "one of sixteen downloads")
    connection.close()
status, headers, data = call("HEAD", MESSAGE + "/1")
check(status == 200 and headers["Content-Length"] == str(len(TEXT)) and data == b"", f"HEAD: {status}")

# A document above its bound is refused before it is read, and said so where the rest is short.
connection = Local("localhost")
connection.putrequest("POST", UPLOAD)
connection.putheader("Content-Length", str((64 << 20) + 65536))
connection.endheaders()
try:
    for _ in range(64 * 16 + 1):
        connection.send(b"x" * 65536)
    answer = connection.getresponse()
    check_problem((answer.status, answer.headers, answer.read()), 413, "too_large", "a document above 64 MiB")
except ConnectionError:
    check(False, "a document above 64 MiB: cut off")
connection.close()

# Only so many at a time, and who goes away leaves nothing behind.
held = [Local("localhost") for _ in range(8)]
for connection in held:
    connection.putrequest("POST", UPLOAD)
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"x" * 500)
check_problem(upload(), 503, "busy", "a ninth upload")
for connection in held:
    connection.close()
for _ in range(200):
    if upload()[0] == 201:
        break
else:
    check(False, "uploads that went away still count")

# Nor do those that dawdle keep their places for ever, however often they send something.
slow, enough = [Local("localhost") for _ in range(8)], threading.Event()
for connection in slow:
    connection.putrequest("POST", UPLOAD)
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"x" * 500)


def dawdle():
    while not enough.wait(0.2):
        for one in slow:
            with contextlib.suppress(OSError):
                one.sock.send(b"x")


dawdler = threading.Thread(target=dawdle)
dawdler.start()
began, got = time.monotonic(), 0
while got != 201 and time.monotonic() - began < 50:
    got = upload()[0]
enough.set()
dawdler.join()
check(got == 201, f"an upload behind eight that dawdle: {got}")
for connection in slow:
    connection.close()

# A token where there is a port; the probe is open.
def over_tcp(path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, answer.headers, data


for given in ({}, {"Authorization": "Bearer " + TOKEN[:-1]}, {"Authorization": "Basic " + TOKEN}):
    got = over_tcp("/v1/status", given)
    check_problem(got, 401, "token_invalid", f"token {given}")
    check(got[1].get("WWW-Authenticate") == "Bearer", "401 without WWW-Authenticate")
check(over_tcp("/v1/nothing", {})[0] == 401, "paths are told without a token")
check(over_tcp("/v1/status", {"Authorization": "Bearer " + TOKEN})[0] == 200, "right token")
check(over_tcp("/livez", {})[0] == 200, "probe")
for path in ("/readyz", "/metrics"):
    check_problem(over_tcp(path, {}), 401, "token_invalid", path)
# A name that was made to point here is none of ours.
for host, status in (("localhost:8437", 200), ("127.0.0.1", 200), ("127.1.2.3:1", 200), ("[::1]:80", 200),
                     ("LOCALHOST", 200), ("evil.example", 403), ("localhost.evil.example", 403),
                     ("127.0.0.1.evil.example", 403), ("128.0.0.1", 403), ("[::2]", 403), ("", 403),
                     ("localhost:80/", 403)):
    for path in ("/livez", "/v1/status"):
        got = over_tcp(path, {"Host": host, "Authorization": "Bearer " + TOKEN})
        check(got[0] == status, f"host {host}: {path}: {got[0]}")
check_problem(raw(b"GET /livez HTTP/1.1\r\n\r\n", ("127.0.0.1", PORT)), 403, "host_not_allowed", "no host")

# Without it nothing of a file is read.
connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
connection.putrequest("POST", UPLOAD)
connection.putheader("Content-Length", str(1 << 30))
connection.endheaders()
answer = connection.getresponse()
check_problem((answer.status, answer.headers, answer.read()), 401, "token_invalid", "upload without a token")
connection.close()

# Metrics are Prometheus text, and no label has an id.
metrics = call("GET", "/metrics")[2].decode().splitlines()
for name in ("owed{term=\"passed\"}", "roster_told_total", "roster_again_total", "alerts_repeated_total"):
    check(any(line.startswith(f"leadbus_agent_{name} ") for line in metrics), f"metrics: no {name}")
for line in metrics:
    check(re.fullmatch(r'#.*|[a-z_]+(\{[a-z]+="[a-z0-9]+"\})? \d+', line), f"metric: {line}")

sys.exit(1 if failures else 0)
