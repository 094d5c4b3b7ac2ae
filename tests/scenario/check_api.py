#!/usr/bin/env python3
"""Compares docs/openapi.yaml with a running agent, and tries the edges of its HTTP.

usage: check_api.py SOURCE_DIR SOCKET THREAD_ID PORT TOKEN

Only the standard library: the parts of the YAML that are needed are read by their indentation.
"""
import http.client
import json
import pathlib
import re
import socket
import sys
import time

SOURCE, SOCKET, THREAD = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
PORT, TOKEN = int(sys.argv[4]), sys.argv[5]
failures = []


class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(SOCKET)


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
    """(method, path) -> documented statuses, and schema name -> required properties."""
    operations, required = {}, {}
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
    return operations, required


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


OPERATIONS, REQUIRED = documented()
check(len(OPERATIONS) > 10 and "Outgoing" in REQUIRED, "openapi.yaml was not understood")
check(set(OPERATIONS) == implemented(),
      f"documented and implemented differ: {set(OPERATIONS) ^ implemented()}")

# Every documented GET answers with a documented status.
for (method, path), statuses in OPERATIONS.items():
    if method != "GET":
        continue
    real = path.replace("{kind}", "lead.mandatory-report").replace("{id}", THREAD)
    status, headers, data = call("GET", real)
    check(str(status) in statuses or "default" in statuses, f"{path}: undocumented status {status}")
    if path != "/v1/inbox/{id}":
        check(status == 200, f"{path}: {status} {data[:200]}")
    check(headers.get("Cache-Control") == "no-store", f"{path}: may be cached")

# What is required is there.
item = json.loads(call("GET", f"/v1/messages/{THREAD}")[2])
for name in REQUIRED["Item"] + ["sections", "recipients"]:
    check(name in item, f"Message has no {name}")
for name in REQUIRED["Outgoing"]:
    check(name in item["outbox"], f"Outgoing has no {name}")
for one in item["recipients"]:
    for name in REQUIRED["Recipient"]:
        check(name in one, f"Recipient has no {name}")
thread = json.loads(call("GET", f"/v1/threads/{THREAD}")[2])
for name in REQUIRED["Thread"]:
    check(name in thread, f"Thread has no {name}")
kinds = json.loads(call("GET", "/v1/kinds")[2])["items"]
for kind in kinds:
    for name in REQUIRED["Kind"]:
        check(name in kind, f"Kind has no {name}")

# The example of every kind that this unit may open passes its own checks.
for kind in kinds:
    if not kind["may_send"] or kind["position"] == "follows":
        continue
    example = json.loads(call("GET", "/v1/kinds/" + kind["kind"])[2])["example"]
    status, _, data = call("POST", "/v1/preview", example)
    check(status == 200, f"example of {kind['kind']}: {status} {data[:300]}")

# Errors.
check_problem(call("GET", "/v1/nothing"), 404, "not_found", "unknown path")
check_problem(call("DELETE", "/v1/inbox"), 405, "usage", "wrong method")
check_problem(call("GET", "/v1/messages/17"), 422, "bad_value", "not a UUID")
check_problem(call("GET", "/v1/messages/00000000-0000-4000-8000-000000000000"), 404, "not_found",
              "unknown id")
check_problem(call("GET", "/v1/inbox?limit=501"), 422, "bad_value", "limit above its bound")
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
# One that does not say its length is cut off at the bound.
try:
    status = call("POST", "/v1/messages", iter([b" " * 65536] * 20),
                  {"Transfer-Encoding": "chunked"})[0]
    check(status >= 400, f"endless body: {status}")
except (ConnectionError, http.client.HTTPException):
    pass
check(call("GET", "/livez")[0] == 200, "after an endless body")

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

# A token where there is a port; probes are open.
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

# Metrics are Prometheus text, and no label has an id.
for line in call("GET", "/metrics")[2].decode().splitlines():
    check(re.fullmatch(r'#.*|[a-z_]+(\{[a-z]+="[a-z0-9]+"\})? \d+', line), f"metric: {line}")

sys.exit(1 if failures else 0)
