#!/usr/bin/env python3
"""Checks proofs.json with nothing of the project: RFC 6962 and RFC 8032 written down again.

Ed25519 verification below is slow and plain, fit for a handful of public signatures only."""
import base64
import hashlib
import json
import pathlib
import struct
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def x_of(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P:
        raise ValueError("not on the curve")
    return P - x if x & 1 != sign else x


def point(data):
    number = int.from_bytes(data, "little")
    y = number & (1 << 255) - 1
    return x_of(y, number >> 255), y


def add(a, b):
    k = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + k, P - 2, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, P - 2, P)
    return x % P, y % P


def times(scalar, p):
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, p)
        p = add(p, p)
        scalar >>= 1
    return result


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (x_of(BASE_Y, 0), BASE_Y)


def encode(p):
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


def public_of(seed):
    number = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return encode(times(number & ~7 & (1 << 254) - 1 | 1 << 254, BASE))


def signature_holds(public, message, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % L
    return s < L and times(s, BASE) == add(point(r), times(k, point(public)))


def root(leaves):
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return sha256(b"\0", leaves[0])
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1", root(leaves[:k]), root(leaves[k:]))


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m < k:
        return path(m, leaves[:k]) + [root(leaves[k:])]
    return path(m - k, leaves[k:]) + [root(leaves[:k])]


def subproof(m, leaves, known):
    if m == len(leaves):
        return [] if known else [root(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m <= k:
        return subproof(m, leaves[:k], known) + [root(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [root(leaves[:k])]


def check_key(key, kind):
    public = public_of(bytes.fromhex(key["seed"]))
    identity = sha256(key["name"].encode(), b"\n", kind, public)[:4]
    assert key["public_key"] == public.hex()
    assert key["key_id"] == identity.hex()
    assert key["vkey"] == "+".join(
        (key["name"], identity.hex(), base64.b64encode(kind + public).decode()))
    return public, identity


def check_tree(data, leaves):
    hexes = lambda hashes: [h.hex() for h in hashes]
    nodes = {}
    for node in data["nodes"]:
        level, index = node["level"], node["index"]
        full = leaves[index << level:(index + 1) << level]
        assert len(full) == 1 << level and node["hash"] == root(full).hex()
        row = data["rows"][node["row"]]["hashes"]
        assert row[2 * node["offset"]:2 * node["offset"] + 64] == node["hash"]
        nodes[level, index] = node["hash"]
    assert sum(len(row["hashes"]) for row in data["rows"]) == 64 * len(nodes)
    assert data["roots"] == hexes(root(leaves[:size]) for size in range(len(leaves) + 1))
    for item in data["inclusion"]:
        assert item["proof"] == hexes(path(item["index"], leaves[:item["size"]]))
    for item in data["consistency"]:
        assert item["proof"] == hexes(subproof(item["size1"], leaves[:item["size2"]], True))
    assert len(data["inclusion"]) == len(data["consistency"]) == 28


def check_texts(data, leaves):
    public, identity = check_key(data["log_key"], b"\x01")
    name = data["log_key"]["name"]
    text = "%s\n%d\n%s\n" % (name, len(leaves), base64.b64encode(root(leaves)).decode())
    head, tail = data["checkpoint"].split("\n\n")
    assert head + "\n" == text
    prefix = "\u2014 %s " % name
    assert tail.startswith(prefix) and tail.endswith("\n")
    signature = base64.b64decode(tail[len(prefix):-1], validate=True)
    assert signature[:4] == identity and len(signature) == 68
    assert signature_holds(public, text.encode(), signature[4:])
    assert not signature_holds(public, text.encode() + b"x", signature[4:])

    public, identity = check_key(data["witness_key"], b"\x04")
    assert data["cosigned_checkpoint"].startswith(data["checkpoint"])
    prefix = "\u2014 %s " % data["witness_key"]["name"]
    tail = data["cosigned_checkpoint"][len(data["checkpoint"]):]
    assert tail.startswith(prefix) and tail.endswith("\n")
    signature = base64.b64decode(tail[len(prefix):-1], validate=True)
    time_s = struct.unpack(">Q", signature[4:12])[0]
    assert signature[:4] == identity and time_s == data["cosigned_s"] and len(signature) == 76
    message = "cosignature/v1\ntime %d\n%s" % (time_s, text)
    assert signature_holds(public, message.encode(), signature[12:])

    lines = [base64.b64encode(h).decode() + "\n" for h in path(5, leaves)]
    body = "index 5\n" + "".join(lines) + "\n" + data["checkpoint"]
    assert data["tlog_proof_of_record_5"] == "c2sp.org/tlog-proof@v1\n" + body
    assert data["tlog_proof_of_record_5_with_extra"] == (
        "c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\n" + body)


def main():
    file = pathlib.Path(__file__).with_name("proofs.json")
    data = json.loads(file.read_text(encoding="utf-8"))
    leaves = [bytes(range(i)) for i in range(7)]
    assert [row["record_hex"] for row in data["rows"]] == [leaf.hex() for leaf in leaves]
    check_tree(data, leaves)
    check_texts(data, leaves)
    print("proofs.json: every hash, proof and signature holds")


if __name__ == "__main__":
    sys.exit(main())
