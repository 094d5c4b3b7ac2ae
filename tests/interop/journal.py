#!/usr/bin/env python3
"""Verifies a journal from docs/JOURNAL.md alone: journal.py JOURNAL [ROOT-NOTE-SHA256-HEX]

Tree, checkpoints, manifests, signatures of every unit, blobs, and the lanes behind every
acknowledgement. Exit 0: all holds. Otherwise the first bad record or checkpoint is named.

    journal.py --test TRACE-PROGRAM TRACE-FILE   makes a journal, verifies it, then changes it byte
                                                 by byte and sees every change found"""
import base64
import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import wire

SIGNED = {1: ("body", "b"), 2: ("signature", "b")}
GENESIS = {1: ("origin", "s"), 2: ("bus", "s"), 3: ("root", "b"), 4: ("store_version", "u"),
           5: ("previous_origin", "s"), 6: ("previous_checkpoint", "b")}
BUNDLE = {1: ("version", "u"), 2: ("manifest", "b"), 3: ("parts", [wire.DIGEST]), 4: ("root", "b")}
CONFIGURED = {n: ("setting%d" % n, "u") for n in range(1, 8)}
STARTED = {1: ("version", "s"), 2: ("state_digest", "b")}
RESTORED = {1: ("origin", "s"), 2: ("previous_origin", "s"), 3: ("previous_checkpoint", "b"),
            4: ("reason", "s")}
RECORD = {1: ("rules", "u"), 2: ("time_ms", "u"), 3: ("genesis", GENESIS), 4: ("bundle", BUNDLE),
          5: ("configured", CONFIGURED), 6: ("started", STARTED), 7: ("accepted", wire.ACCEPTED),
          8: ("acknowledged", SIGNED), 9: ("key_published", SIGNED), 10: ("tick", wire.TICK),
          11: ("rewrapped", SIGNED), 12: ("restored", RESTORED)}
WHATS = [RECORD[n][0] for n in range(3, 13)]
CERTIFICATE = {1: ("serial", "u"), 2: ("unit", "s"), 3: ("role", "u"), 4: ("not_before_ms", "u"),
               5: ("not_after_ms", "u"), 6: ("suites", ["u"]), 7: ("identity", "b"),
               8: ("witness", "b"), 9: ("transport", "b")}
DIRECTORY = {1: ("certificates", [CERTIFICATE]), 2: ("epoch_keys", [SIGNED])}
REVOCATIONS = {1: ("number", "u"),
               2: ("revoked", [{1: ("serial", "u"), 2: ("time_ms", "u"), 3: ("reason", "s")}])}
ROLE_BROKER = 2


class Bad(Exception):
    pass


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def need(condition, text):
    if not condition:
        raise Bad(text)


def verify(public_key, message, signature, what):
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Bad("signature of " + what) from error


def note_signers(note, keys):
    """Text of a signed note and the public keys, of {name: key}, that signed it."""
    head, separator, tail = note.decode().rpartition("\n\n")
    need(separator, "no signed note")
    text, signers = head + "\n", set()
    for line in tail.splitlines():
        dash, name, blob = line.split(" ")
        need(dash == "\u2014", "no signature line")
        blob = base64.b64decode(blob, validate=True)
        key = keys.get(name)
        if key and blob[:4] == sha256(name.encode(), b"\n\x01", key)[:4]:
            verify(key, text.encode(), blob[4:], "note by " + name)
            signers.add(key)
    return text, signers


def read_root(note):
    lines = note.decode().partition("\n\n")[0].split("\n")
    fields = dict(line.split(" ", 1) for line in lines[1:] if not line.startswith("key "))
    keys = {}
    for line in lines:
        if line.startswith("key "):
            name, _, encoded = line[4:].split("+", 2)
            keys[name] = base64.b64decode(encoded, validate=True)[1:]
    need(lines[0] == "leadbus/root/v1", "no root note")
    need(len(note_signers(note, keys)[1]) >= int(fields["threshold-root"]), "root below threshold")
    return keys, int(fields["threshold-bundle"])


class Verifier:
    def __init__(self, db, root_hash=None, root_note=None):
        self.db, self.root_hash, self.root_note = db, root_hash, root_note
        self.nodes, self.size, self.roots = [], 0, {}
        self.rules = 1
        self.passed, self.passed_by, self.ids = set(), {}, {}
        self.time_ms, self.certificates, self.revoked, self.stated = 0, {}, {}, {}
        self.lanes, self.acked, self.leads, self.waiting, self.late = {}, {}, {}, {}, set()
        self.unkeyed, self.office, self.version, self.erased = set(), None, 0, 0
        self.ends = {}  # of origins before, with the record that ended each

    def blob(self, seq, ordinal):
        row = self.db.execute("SELECT bytes FROM blobs WHERE id = ?", (seq * 64 + ordinal,)).fetchone()
        return row[0] if row else None

    def grow(self, data, hashes):
        """Step 2: the row's hashes, from the last full node of each level."""
        node, made, level, i = sha256(b"\0", data), [], 0, self.size
        made.append(node)
        while i & 1:
            node = sha256(b"\1", self.nodes[level], node)
            made.append(node)
            level, i = level + 1, i >> 1
        need(hashes == b"".join(made), "hashes")
        for k, value in enumerate(made):
            if k == len(self.nodes):
                self.nodes.append(value)
            self.nodes[k] = value
        self.size += 1

    def root(self):
        root, value, level = None, self.size, 0
        while value:
            if value & 1:
                root = self.nodes[level] if root is None else sha256(b"\1", self.nodes[level], root)
            level, value = level + 1, value >> 1
        return root

    def speaker(self, serial, unit):
        certificate = self.certificates.get(serial)
        need(certificate and certificate["unit"] == unit, "no certificate %d of %s" % (serial, unit))
        need(self.time_ms < self.revoked.get(serial, self.time_ms + 1), "certificate %d is revoked" % serial)
        need(certificate["not_before_ms"] <= self.time_ms < certificate["not_after_ms"],
             "certificate %d is expired" % serial)
        return certificate["identity"]

    def signed(self, record, label, name, who):
        body = wire.decode(wire.BODIES[name] if name != "RewrapBody" else wire.REWRAP_BODY,
                           record["body"])
        verify(self.speaker(body["serial"], body[who]), label + b"\0" + sha256(record["body"]),
               record["signature"], name)
        return body

    def queue(self, unit, lane, index, item, kind="lead"):
        self.lanes.setdefault((unit, lane), []).append((index, item, kind))

    def notify(self, units, index, leaf, lane=1):
        for unit in dict.fromkeys(units):
            self.queue(unit, lane, index, leaf, "notice")

    def genesis(self, i, body, leaf):
        need(i == 0, "a second genesis")
        self.origin = body["origin"]
        need(self.root_hash in (None, body["root"]), "another root of trust")
        self.root_hash = body["root"]

    def follow(self, text, version):
        """What a manifest states goes on from the one before."""
        stated = dict(line.split(" ", 1) for line in text.split("\n")[1:10])
        need(int(stated["version"]) == version, "another version than the manifest's")
        for name in ("root", "issued", "revocation"):
            need(int(stated[name]) >= int(self.stated.get(name, 0)), name + " goes back")
        if version == self.version + 1 and self.stated:
            need(stated["previous"] == self.stated["text"], "another manifest before it")
        self.stated = dict(stated, text=sha256(text.encode()).hex())

    def bundle(self, i, body, leaf):
        need(body["version"] > self.version, "version")
        self.follow(body["manifest"].decode().rpartition("\n\n")[0] + "\n", body["version"])
        self.version = body["version"]
        note = body["root"] or self.root_note
        lines = body["manifest"].decode().partition("\n\n")[0].split("\n")
        need(lines[0] == "leadbus/bundle/v1", "no manifest")
        if note is not None:
            need(sha256(note) == self.root_hash, "root note")
            keys, threshold = read_root(note)
            need(len(note_signers(body["manifest"], keys)[1]) >= threshold, "below threshold")
        stated = [line.split(" ")[1:] for line in lines if line.startswith("part ")]
        need(len(stated) == len(body["parts"]), "parts")
        parts = {}
        for k, (name, digest, length) in enumerate(stated):
            content = self.blob(i, k)
            need(content is not None, "part %s is missing" % name)
            need(sha256(content).hex() == digest and len(content) == int(length), "part " + name)
            need(body["parts"][k] == {"sha256": sha256(content), "size": len(content)}, "digest")
            parts[name] = content
        directory = wire.decode(DIRECTORY, parts["directory"])
        self.certificates = {c["serial"]: c for c in directory["certificates"]}
        revoked = {r["serial"]: r["time_ms"] for r in wire.decode(REVOCATIONS, parts["revocations"])["revoked"]}
        need(all(revoked.get(serial, since + 1) <= since for serial, since in self.revoked.items()),
             "a revocation is taken back")
        self.revoked = revoked
        rows = [line.split("\t") for line in parts["plan/units.tsv"].decode().splitlines()
                if line and not line.startswith("#")]
        key, duty = rows[0].index("key"), rows[0].index("duty")
        self.office = next(row[key] for row in rows[1:] if row[duty] == "office")
        successor = rows[0].index("successor")
        self.successors = {row[key]: row[successor] for row in rows[1:] if row[successor] not in ("", "-")}

    def accepted(self, i, body, leaf):
        head = wire.decode(wire.HEADER, body["header"])
        header_hash = sha256(b"leadbus/1 header\0", body["header"])
        identity = self.speaker(head["serial"], head["from"])
        verify(identity, b"leadbus/1 envelope\0" + header_hash + sha256(body["wraps"]) +
               b"".join(body["commits"]) + sha256(body["manifest"]), body["signature"], "envelope")
        if head["seen_size"]:
            need(head["seen_size"] <= i and self.roots[head["seen_size"]] == head["seen_root"],
                 "the sender has seen another journal")
        for k, digest in enumerate(wire.decode(wire.MANIFEST, body["manifest"])["sections"]):
            content = self.blob(i, k)
            if content is None:
                self.erased += 1
            else:
                need(sha256(content) == digest["sha256"] and len(content) == digest["size"],
                     "section %s" % head["sections"][k])
        lane = 0 if head["urgency"] == 1 else 1
        self.leads[i] = {"from": head["from"], "expired": False, "hash": header_hash, "lane": lane}
        # What a transfer passes on, and to whom: its parent, or what an earlier transfer passed on.
        if any(recipient["citation"] == "duty:target" for recipient in head["recipients"]):
            passed = self.passed_by.get(head["parent"], head["parent"])
            self.passed_by[head["id"]] = passed
            self.passed.add((head["target"], passed))
        self.ids[header_hash] = head["id"]
        for recipient in head["recipients"]:
            self.queue(recipient["unit"], lane, i, header_hash)
            if recipient["epoch"] == 0:
                self.unkeyed.add((recipient["unit"], lane, i))

    def acknowledged(self, i, record, leaf):
        body = self.signed(record, b"leadbus/1 ack", "AckBody", "unit")
        need(body["origin"] == self.origin, "origin")
        where = (body["unit"], body["lane"])
        position, running = self.acked.get(where, (0, bytes(32)))
        need(position <= body["position"] <= len(self.lanes.get(where, [])), "position")
        need(position < body["position"] or body["late"], "nothing new")
        exceptions, told = {e["position"]: e["index"] for e in body["exceptions"]}, []
        for index, item, kind in self.lanes.get(where, [])[position:body["position"]]:
            position += 1
            running = sha256(b"leadbus/1 lane\0", self.origin.encode(), b"\0", running,
                             index.to_bytes(8, "big"), item)
            self.unkeyed.discard((*where, index))
            if position in exceptions:
                need(exceptions.pop(position) == index, "exception")
                if kind == "lead" and not self.leads[index]["expired"]:
                    told.append(self.leads[index]["from"])
        need(not exceptions, "exceptions")
        need(running == body["running"], "running hash")
        self.acked[where] = (position, running)
        taken = {index for index, _, kind in self.lanes.get(where, [])[:position] if kind == "lead"}
        late = [one["index"] for one in body["late"]]
        need(late == sorted(set(late)) and not any(one["position"] for one in body["late"]), "order of late")
        for index in late:
            need(index in taken and (where, index) not in self.late, "late")
            self.late.add((where, index))
            told.append(self.leads[index]["from"])
        if told:
            self.notify(told + [self.office], i, leaf)

    def key_published(self, i, record, leaf):
        body = self.signed(record, b"leadbus/1 epoch", "EpochKeyBody", "unit")
        waiting = sorted((lane, index) for unit, lane, index in self.unkeyed if unit == body["unit"])
        self.notify([self.leads[index]["from"] for _, index in waiting], i, leaf)

    def rewrapped(self, i, record, leaf):
        body = self.signed(record, b"leadbus/1 rewrap", "RewrapBody", "from")
        originals = [k for k, lead in self.leads.items() if lead["hash"] == body["header_hash"]]
        need(originals, "no such original")
        for lane in (0, 1):
            self.unkeyed.discard((body["unit"], lane, originals[0]))
        passed = (body["unit"], self.ids[body["header_hash"]]) in self.passed
        self.notify([body["unit"]], i, leaf, self.leads[originals[0]]["lane"] if passed else 1)

    def current(self, unit):
        """What a unit has become."""
        while unit in self.successors:
            unit = self.successors[unit]
        return unit

    def tick(self, i, body, leaf):
        alarm = body["alarm"]
        need(bool(body["expired"]) + bool(body["missed"]) + bool(alarm) == 1, "none or several")
        if alarm:
            need(alarm["index"] in self.leads and 1 <= alarm["what"] <= 5, "no alarm of a message")
            need(alarm["from_ms"] <= alarm["until_ms"] <= self.time_ms, "not due yet")
            need(alarm["told"] and len(set(alarm["told"])) == len(alarm["told"]), "told to nobody, or twice")
            self.notify(alarm["told"], i, leaf)
        need(bool(body["missed"]) == bool(body["unit"]), "whose clocks")
        places = [(missed["index"], missed["clock"]) for missed in body["missed"]]
        need(places == sorted(set(places)), "not ascending")
        for missed in body["missed"]:
            need(missed["index"] in self.leads and 1 <= missed["clock"] <= 6, "no clock of a leg")
            need(missed["due_ms"] <= self.time_ms, "not due yet")
        if body["missed"]:
            self.notify([self.current(body["unit"]), self.office], i, leaf)
        need(body["expired"] == sorted(set(body["expired"])), "not ascending")
        for index in body["expired"]:
            need(index in self.leads and not self.leads[index]["expired"], "expired twice")
            self.leads[index]["expired"] = True
        self.notify([self.leads[index]["from"] for index in body["expired"]], i, leaf)

    def configured(self, i, body, leaf):
        pass

    def started(self, i, body, leaf):
        pass

    def record(self, i, data, hashes):
        need(i == self.size, "record %d is missing" % self.size)
        self.grow(data, hashes)
        self.roots[self.size] = self.root()
        record = wire.decode(RECORD, data)
        need(wire.encode(RECORD, record) == data, "not canonical")
        need(self.rules <= record["rules"] <= 2, "rules")
        self.rules = record["rules"]
        need(record["time_ms"] >= self.time_ms, "time")
        self.time_ms = record["time_ms"]
        whats = [name for name in WHATS if record[name] is not None]
        need(len(whats) == 1 and (i > 0 or whats == ["genesis"]), "body")
        getattr(self, whats[0])(i, record[whats[0]], self.nodes[0])

    def restored(self, i, body, leaf):
        """The head of the backup is the journal's own; from here on the origin is another one."""
        need(body["previous_origin"] == self.origin, "previous origin")
        need(body["origin"] not in [*self.ends, self.origin], "an origin that was there before")
        need(0 < len(body["reason"].encode()) < 256 and "\n" not in body["reason"], "reason")
        self.checkpoint(i, body["previous_checkpoint"])
        self.ends[self.origin], self.origin = i, body["origin"]

    def checkpoint(self, size, note):
        # Heads over no more than what stood before a restoration have the name from before it.
        origin = next((name for name, end in self.ends.items() if size <= end), self.origin)
        keys = {origin: c["witness"] for c in self.certificates.values()
                if c["role"] == ROLE_BROKER}
        text, signers = note_signers(note, keys)
        need(signers, "not signed by the broker")
        lines = text.split("\n")
        need(lines[0] == origin and int(lines[1]) == size, "origin or size")
        need(self.roots.get(size) == base64.b64decode(lines[2], validate=True), "root")

    def run(self):
        meta = dict(self.db.execute("SELECT key, value FROM meta"))
        need(meta == {"format": "leadbus journal", "version": "1"}, "no journal of version 1")
        for seq, data, hashes in self.db.execute("SELECT seq, bytes, hashes FROM records ORDER BY seq"):
            try:
                self.record(seq, data, hashes)
            except (Bad, wire.BadForm, KeyError, ValueError, StopIteration) as error:
                raise Bad("record %d: %s" % (seq, error)) from error
        count = 0
        for size, note in self.db.execute("SELECT size, note FROM checkpoints ORDER BY size"):
            try:
                self.checkpoint(size, note)
            except (Bad, ValueError) as error:
                raise Bad("checkpoint %d: %s" % (size, error)) from error
            count = size
        need(count == self.size, "the last records stand under no checkpoint")


def verify_file(path, root_hash=None, root_note=None):
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    try:
        verifier = Verifier(db, root_hash, root_note)
        verifier.run()
        return verifier
    finally:
        db.close()


def change(path, table, key, column, row, at):
    db = sqlite3.connect(path)
    value = bytearray(db.execute("SELECT %s FROM %s WHERE %s = ?" % (column, table, key), (row,))
                      .fetchone()[0])
    if value:
        value[at % len(value)] ^= 0x20
    else:
        value.append(0x20)
    db.execute("UPDATE %s SET %s = ? WHERE %s = ?" % (table, column, key), (bytes(value), row))
    db.commit()
    db.close()


def self_test(program, trace):
    with tempfile.TemporaryDirectory(prefix="leadbus-journal-") as folder:
        path = os.path.join(folder, "journal.db")
        subprocess.run([program, "--journal", path, trace], check=True)
        with open(path + "-root", "rb") as file:
            note = file.read()
        verifier = verify_file(path, sha256(note), note)
        whole = open(path, "rb").read()
        changes = 0
        for table, key, column in (("records", "seq", "bytes"), ("records", "seq", "hashes"),
                                   ("blobs", "id", "bytes"), ("checkpoints", "size", "note")):
            db = sqlite3.connect(path)
            rows = [row[0] for row in db.execute("SELECT %s FROM %s" % (key, table))]
            db.close()
            for n, row in enumerate(rows):
                changed = os.path.join(folder, "changed.db")
                with open(changed, "wb") as file:
                    file.write(whole)
                change(changed, table, key, column, row, 7919 * (n + 1))
                try:
                    verify_file(changed, sha256(note), note)
                except Bad:
                    changes += 1
                    continue
                raise SystemExit("a change of %s %s went unnoticed" % (table, row))
        try:
            verify_file(path, bytes(32), note)
            raise SystemExit("another root of trust went unnoticed")
        except Bad:
            pass
        print("%d records verified, %d changes found" % (verifier.size, changes))


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--test":
        self_test(sys.argv[2], sys.argv[3])
        return 0
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        verifier = verify_file(sys.argv[1], bytes.fromhex(sys.argv[2]) if sys.argv[2:] else None)
    except Bad as error:
        print(error)
        return 1
    print("%d records, root %s, %d sections erased" %
          (verifier.size, verifier.root().hex(), verifier.erased))
    return 0


if __name__ == "__main__":
    sys.exit(main())
