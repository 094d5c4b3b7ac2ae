#!/usr/bin/python3
"""A client of the bus written from docs/PROTOCOL.md alone, held against the worked example.

It opens the envelope as each recipient, verifies its signature, seals the same envelope again to
the same bytes, opens and makes the rewrap, rebuilds the journal record and verifies the receipt and
the tlog-proof. Nothing of the project runs here: hashlib, hmac and `cryptography` do the work."""
import base64
import hashlib
import hmac
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import wire

NONCE = bytes(12)
BUCKETS = [256 << i for i in range(10)] + [131072 + 4096 - 16]


class Refused(Exception):
    pass


# ---- primitives ----------------------------------------------------------------------------------


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def lp(data):
    return struct.pack(">H", len(data)) + data


def u32(value):
    return struct.pack(">I", value)


def u64(value):
    return struct.pack(">Q", value)


def extract(salt, secret):
    return hmac.new(salt, secret, "sha256").digest()


def expand(prk, label, *fields):
    """32 bytes are one block of HKDF-Expand."""
    info = label + b"\0" + b"".join(lp(field) for field in fields)
    return hmac.new(prk, info + b"\x01", "sha256").digest()


def public_of(secret):
    key = X25519PrivateKey.from_private_bytes(secret).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def agree(secret, public):
    peer = X25519PublicKey.from_public_bytes(public)
    return X25519PrivateKey.from_private_bytes(secret).exchange(peer)  # refuses an all-zero result


def seal(key, ad, plain):
    return ChaCha20Poly1305(key).encrypt(NONCE, plain, ad)


def unseal(key, ad, cipher):
    try:
        return ChaCha20Poly1305(key).decrypt(NONCE, cipher, ad)
    except InvalidTag as error:
        raise Refused("does not decrypt") from error


def sign(seed, message):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def verify(public, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature as error:
        raise Refused("signature") from error


def ed25519_public(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


# ---- keys of an envelope -------------------------------------------------------------------------


def kek_of(own_secret, peer_public, session, epoch_public, sender, serial, unit, epoch, suite=1):
    prk = extract(b"leadbus/1 kem", agree(own_secret, peer_public))
    return expand(prk, b"leadbus/1 kek", u32(suite), session, epoch_public, sender.encode(),
                  u64(serial), unit.encode(), u64(epoch))


def section_keys(key, salt, name, header_hash):
    prk = extract(salt, key)
    return (expand(prk, b"leadbus/1 body", name.encode(), header_hash),
            expand(prk, b"leadbus/1 commit", name.encode(), header_hash))


def fingerprint(epoch_public):
    return sha256(epoch_public)[:16]


def signed_message(header_hash, wraps, commits, manifest):
    return (b"leadbus/1 envelope\0" + header_hash + sha256(wraps) + b"".join(commits) +
            sha256(manifest))


def split_wraps(wraps, count):
    out = []
    for _ in range(count):
        if len(wraps) < 2:
            raise Refused("wraps")
        length = struct.unpack(">H", wraps[:2])[0]
        if len(wraps) - 2 < length:
            raise Refused("wraps")
        out.append(wraps[2:2 + length])
        wraps = wraps[2 + length:]
    if wraps:
        raise Refused("wraps")
    return out


# ---- receiving -----------------------------------------------------------------------------------


def receive(data, identity):
    """Decodes, verifies the signature and the ciphertexts: what stands before any opening."""
    envelope = wire.decode(wire.ENVELOPE, data)
    head = wire.decode(wire.HEADER, envelope["header"])
    manifest = wire.decode(wire.MANIFEST, envelope["manifest"])
    header_hash = sha256(b"leadbus/1 header\0", envelope["header"])
    commits = [section["commit"] for section in envelope["sections"]]
    verify(identity, signed_message(header_hash, envelope["wraps"], commits, envelope["manifest"]),
           envelope["signature"])
    if not len(commits) == len(head["sections"]) == len(manifest["sections"]):
        raise Refused("counts")
    for section, digest in zip(envelope["sections"], manifest["sections"]):
        cipher = section["ciphertext"]
        if cipher and (len(cipher) != digest["size"] or sha256(cipher) != digest["sha256"]):
            raise Refused("section hash")
    return {"head": head, "hash": header_hash, "envelope": envelope, "manifest": manifest,
            "wraps": split_wraps(envelope["wraps"], len(head["recipients"]))}


def open_sections(received, bits, keys):
    opened = {}
    for i, name in enumerate(received["head"]["sections"]):
        if not bits >> i & 1:
            continue
        key, keys = keys[:32], keys[32:]
        section = received["envelope"]["sections"][i]
        body, commit = section_keys(key, received["head"]["salt"], name, received["hash"])
        if not hmac.compare_digest(commit, section["commit"]):
            raise Refused("commit")
        plain = unseal(body, received["hash"], section["ciphertext"])
        length = struct.unpack(">I", plain[32:36])[0]
        if plain[:32] != received["hash"]:
            raise Refused("copy of the header's hash")
        if len(plain) not in BUCKETS or 36 + length > len(plain) or any(plain[36 + length:]):
            raise Refused("padding")
        opened[name] = plain[36:36 + length]
    if keys:
        raise Refused("keys left over")
    return opened


def open_as(received, unit, epoch_secret):
    """(payloads by section name, pair sequence, H of the sender's previous envelope to us)"""
    head = received["head"]
    index = [recipient["unit"] for recipient in head["recipients"]].index(unit)
    recipient = head["recipients"][index]
    epoch_public = public_of(epoch_secret)
    if recipient["epoch_key"] != fingerprint(epoch_public):
        raise Refused("another epoch key")
    kek = kek_of(epoch_secret, head["session_key"], head["session_key"], epoch_public,
                 head["from"], head["serial"], unit, recipient["epoch"])
    plain = unseal(expand(kek, b"leadbus/1 wrap", received["hash"]), received["hash"],
                   received["wraps"][index])
    keys, tail = plain[:-40], plain[-40:]
    return (open_sections(received, recipient["sections"], keys),
            struct.unpack(">Q", tail[:8])[0], tail[8:])


def open_rewrapped(received, body, epoch_secret):
    if body["header_hash"] != received["hash"]:
        raise Refused("another original")
    epoch_public = public_of(epoch_secret)
    kek = kek_of(epoch_secret, body["session_key"], body["session_key"], epoch_public,
                 body["from"], body["serial"], body["unit"], body["epoch"])
    key = expand(kek, b"leadbus/1 rewrap", received["hash"], body["salt"])
    return open_sections(received, body["sections"], unseal(key, received["hash"], body["wrap"]))


# ---- sending -------------------------------------------------------------------------------------


def seal_envelope(fields, salt, sections, recipients, session_secret, identity_seed):
    """sections: (name, key, payload); recipients: dicts as in the worked example."""
    session = public_of(session_secret)
    rows = [{"unit": r["unit"], "act": r["act"], "citation": r["citation"],
             "sections": r["sections"], "epoch": r["epoch"],
             "epoch_key": fingerprint(r["epoch_public"]) if r["epoch"] else b""}
            for r in recipients]
    flags = fields["flags"] & ~8 | (8 if any(not r["epoch"] for r in recipients) else 0)
    head = dict(fields, flags=flags, session_key=session, salt=salt, recipients=rows,
                sections=[name for name, _, _ in sections])
    header = wire.encode(wire.HEADER, head)
    header_hash = sha256(b"leadbus/1 header\0", header)
    carried = []
    for name, key, payload in sections:
        body, commit = section_keys(key, salt, name, header_hash)
        plain = header_hash + u32(len(payload)) + payload
        plain = plain.ljust(next(size for size in BUCKETS if size >= len(plain)), b"\0")
        carried.append({"commit": commit, "ciphertext": seal(body, header_hash, plain)})
    wraps = b""
    for r in recipients:
        wrap = b""
        if r["epoch"]:
            kek = kek_of(session_secret, r["epoch_public"], session, r["epoch_public"],
                         fields["from"], fields["serial"], r["unit"], r["epoch"])
            keys = b"".join(key for i, (_, key, _) in enumerate(sections) if r["sections"] >> i & 1)
            wrap = seal(expand(kek, b"leadbus/1 wrap", header_hash), header_hash,
                        keys + u64(r["pair_seq"]) + r["previous_hash"])
        wraps += lp(wrap)
    manifest = wire.encode(wire.MANIFEST, {"sections": [
        {"sha256": sha256(section["ciphertext"]), "size": len(section["ciphertext"])}
        for section in carried]})
    signature = sign(identity_seed, signed_message(
        header_hash, wraps, [section["commit"] for section in carried], manifest))
    return wire.encode(wire.ENVELOPE, {"header": header, "wraps": wraps, "sections": carried,
                                       "manifest": manifest, "signature": signature})


def make_rewrap(received, data, keys, identity_seed):
    session = public_of(data["session_secret"])
    kek = kek_of(data["session_secret"], data["epoch_public"], session, data["epoch_public"],
                 data["from"], data["serial"], data["unit"], data["epoch"])
    key = expand(kek, b"leadbus/1 rewrap", received["hash"], data["salt"])
    chosen = b"".join(k for i, k in enumerate(keys) if data["sections"] >> i & 1)
    body = wire.encode(wire.REWRAP_BODY, {
        "suite": 1, "header_hash": received["hash"], "from": data["from"],
        "serial": data["serial"], "unit": data["unit"], "epoch": data["epoch"],
        "epoch_key": fingerprint(data["epoch_public"]), "sections": data["sections"],
        "session_key": session, "salt": data["salt"],
        "wrap": seal(key, received["hash"], chosen), "created_ms": data["created_ms"]})
    return body, sign(identity_seed, b"leadbus/1 rewrap\0" + sha256(body))


# ---- the journal ---------------------------------------------------------------------------------


def accepted_record(received, rules, time_ms, flags):
    envelope = received["envelope"]
    return wire.encode(wire.RECORD, {"rules": rules, "time_ms": time_ms, "accepted": {
        "header": envelope["header"], "wraps": envelope["wraps"],
        "commits": [section["commit"] for section in envelope["sections"]],
        "manifest": envelope["manifest"], "signature": envelope["signature"], "flags": flags}})


def root_from_inclusion(leaf, index, size, proof):
    """RFC 9162 section 2.1.3.2."""
    if index >= size:
        raise Refused("index outside the tree")
    node, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Refused("a hash too many")
        if node & 1 or node == last:
            value = sha256(b"\x01", sibling, value)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            value = sha256(b"\x01", value, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise Refused("a hash too few")
    return value


def open_checkpoint(note, vkey):
    """(tree size, root) of a signed note under the log's key."""
    name, key_id, encoded = vkey.split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    if key[:1] != b"\x01" or sha256(name.encode(), b"\n", key)[:4].hex() != key_id:
        raise Refused("verifier key")
    text, _, tail = note.rpartition("\n\n")
    text += "\n"
    for line in tail.splitlines():
        dash, signer, signature = line.split(" ")
        blob = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and signer == name and blob[:4].hex() == key_id:
            verify(key[1:], text.encode(), blob[4:])
            lines = text.split("\n")
            if lines[0] != name:
                raise Refused("origin")
            return int(lines[1]), base64.b64decode(lines[2], validate=True)
    raise Refused("not signed by the log")


def check_receipt(receipt, record, vkey):
    size, root = open_checkpoint(receipt["checkpoint"].decode(), vkey)
    leaf = sha256(b"\0", record)
    if root_from_inclusion(leaf, receipt["index"], size, receipt["inclusion"]) != root:
        raise Refused("inclusion")


def check_tlog_proof(text, record, vkey):
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1" or not lines[1].startswith("index "):
        raise Refused("tlog-proof")
    proof = [base64.b64decode(line, validate=True) for line in lines[2:]]
    check_receipt({"checkpoint": note.encode(), "index": int(lines[1][6:]), "inclusion": proof},
                  record, vkey)


# ---- the worked example --------------------------------------------------------------------------

TEXT = {"about", "name", "unit", "citation", "kind", "topic", "from", "officer", "area", "purpose",
        "origin", "log_vkey", "checkpoint", "tlog_proof", "label", "message", "tags"}


def unhex(value, name=""):
    if isinstance(value, dict):
        return {key: unhex(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [unhex(item, name) for item in value]
    return bytes.fromhex(value) if isinstance(value, str) and name not in TEXT else value


def refused(function, *args):
    try:
        function(*args)
    except (Refused, wire.BadForm, UnicodeDecodeError, ValueError):
        return True
    return False


def check_opening(data, received):
    sections = {section["name"]: section["payload"] for section in data["sections"]}
    for recipient, wrap in zip(data["recipients"], received["wraps"]):
        assert wrap == recipient["wrap"]
        if not recipient["epoch"]:
            assert wrap == b""
            continue
        opened, pair_seq, previous = open_as(received, recipient["unit"], recipient["epoch_secret"])
        allowed = [s["name"] for i, s in enumerate(data["sections"]) if recipient["sections"] >> i & 1]
        assert opened == {name: sections[name] for name in allowed}
        assert (pair_seq, previous) == (recipient["pair_seq"], recipient["previous_hash"])
        assert refused(open_as, received, recipient["unit"], bytes(31) + b"\x01")
    for recipient in data["recipients"][:1]:
        for other in data["recipients"][1:2]:
            assert refused(open_as, received, recipient["unit"], other["epoch_secret"])


def check_changes(data, identity):
    """A flipped bit anywhere does not get past the signature, the hashes or the form."""
    whole = data["envelope"]
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        assert refused(receive, bytes(changed), identity), at
        assert refused(receive, whole[:at], identity), at


def check_sealing(data):
    sections = [(s["name"], s["key"], s["payload"]) for s in data["sections"]]
    sealed = seal_envelope(data["header_fields"], data["salt"], sections, data["recipients"],
                           data["sender"]["session_secret"], data["sender"]["identity_seed"])
    assert sealed == data["envelope"]


def check_rewrap(data, received):
    rewrap = data["rewrap"]
    body = wire.decode(wire.REWRAP_BODY, rewrap["body"])
    verify(data["sender"]["identity_public"], b"leadbus/1 rewrap\0" + sha256(rewrap["body"]),
           rewrap["signature"])
    opened = open_rewrapped(received, body, rewrap["epoch_secret"])
    assert opened == {s["name"]: s["payload"] for s in data["sections"]}
    made = make_rewrap(received, rewrap, [s["key"] for s in data["sections"]],
                       data["sender"]["identity_seed"])
    assert made == (rewrap["body"], rewrap["signature"])


def check_journal(data, received):
    journal = data["journal"]
    receipt = wire.decode(wire.FRAME, journal["receipt_frame"])["receipt"]
    record = accepted_record(received, receipt["rules"], receipt["time_ms"],
                             receipt["accepted_flags"])
    assert receipt["header_hash"] == received["hash"] and receipt["id"] == received["head"]["id"]
    assert record == journal["records"][journal["index"]]
    assert sha256(b"\0", record) == journal["leaf_hash"]
    for other in journal["records"]:
        decoded = wire.decode(wire.RECORD, other)
        decoded = {name: value for name, value in decoded.items() if value is not None}
        assert wire.encode(wire.RECORD, decoded) == other
    check_receipt(receipt, record, journal["log_vkey"])
    check_tlog_proof(journal["tlog_proof"], record, journal["log_vkey"])
    assert refused(check_receipt, receipt, record + b"\0", journal["log_vkey"])
    assert refused(check_receipt, dict(receipt, index=1), record, journal["log_vkey"])
    forged = receipt["checkpoint"].replace(b"\n5\n", b"\n6\n")
    assert refused(check_receipt, dict(receipt, checkpoint=forged), record, journal["log_vkey"])


def check_lane(data):
    running = bytes(32)
    for item in data["lane"]["items"]:
        running = sha256(b"leadbus/1 lane\0", data["lane"]["origin"].encode(), b"\0", running,
                         u64(item["index"]), item["item_hash"])
        assert running == item["running"]


def check_signed_bodies(data):
    for item in data["signed_bodies"]:
        message = item["label"].encode() + b"\0" + sha256(item["body"])
        verify(data["sender"]["identity_public"], message, item["signature"])
        schema = wire.BODIES[item["message"]]
        assert wire.encode(schema, wire.decode(schema, item["body"])) == item["body"]
    assert len({item["label"] for item in data["signed_bodies"]}) == 4


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = unhex(json.load(file))
    identity = data["sender"]["identity_public"]
    assert ed25519_public(data["sender"]["identity_seed"]) == identity
    received = receive(data["envelope"], identity)
    assert received["hash"] == data["header_hash"]
    for name, value in data["header_fields"].items():
        assert received["head"][name] == (value | 8 if name == "flags" else value), name
    check_opening(data, received)
    check_changes(data, identity)
    check_sealing(data)
    check_rewrap(data, received)
    check_journal(data, received)
    check_lane(data)
    check_signed_bodies(data)
    print("envelope, rewrap, receipt and signed bodies hold; the envelope sealed here is the same")


if __name__ == "__main__":
    sys.exit(main())
