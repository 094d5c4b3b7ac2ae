#!/usr/bin/python3
"""Attachments as docs/PROTOCOL.md describes them, held against tests/vectors/attachment.json.

Makes every file of the example into the same chunks, leaves and root; opens the envelope as its
reader, finds the files in its section, checks the manifest and opens their chunks. Chunks that were
changed, exchanged, cut or continued are refused."""
import hashlib
import json
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

import interop
import wire
from interop import Refused, refused, sha256, u32, unhex

CHUNK = 1 << 20
SIZE_MAX = 1 << 30


def stream_size(size):
    """Padded as the page says: the leading bits stay, the rest is rounded up."""
    if not 0 < size <= SIZE_MAX:
        raise Refused("size")
    if size < 1024:
        return 1024
    exponent = size.bit_length() - 1
    low = exponent - exponent.bit_length()
    return (size + (1 << low) - 1) >> low << low


def chunk_count(stream):
    return -(-stream // CHUNK)


def nonce(number, last):
    return number.to_bytes(11, "big") + bytes([last])


def seal_file(key, content):
    stream = content.ljust(stream_size(len(content)), b"\0")
    count = chunk_count(len(stream))
    return [ChaCha20Poly1305(key).encrypt(nonce(i, i == count - 1), stream[i * CHUNK:(i + 1) * CHUNK],
                                          None) for i in range(count)]


def leaf_of(chunk):
    return sha256(b"\0", chunk)


def root_of(leaves):
    """RFC 6962 section 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01", root_of(leaves[:split]), root_of(leaves[split:]))


def open_file(entry, manifest_row, leaves, chunks):
    """The file's bytes from its chunks, nothing of them believed before its hash stands under the
    signed root."""
    stream = stream_size(entry["size"])
    if (manifest_row["root"], manifest_row["size"]) != (entry["root"], stream):
        raise Refused("manifest")
    if manifest_row["chunks"] != chunk_count(stream) or len(leaves) != manifest_row["chunks"]:
        raise Refused("count")
    if root_of(leaves) != entry["root"]:
        raise Refused("root")
    plain = b""
    for number, chunk in enumerate(chunks):
        if leaf_of(chunk) != leaves[number]:
            raise Refused("leaf")
        try:
            plain += ChaCha20Poly1305(entry["key"]).decrypt(
                nonce(number, number == len(leaves) - 1), chunk, None)
        except InvalidTag as error:
            raise Refused("chunk") from error
    if len(plain) != stream or any(plain[entry["size"]:]):
        raise Refused("padding")
    content = plain[:entry["size"]]
    if sha256(content) != entry["sha256"]:
        raise Refused("file")
    return content


def example_file(number, size):
    blocks = (hashlib.sha256(b"leadbus example" + u32(number) + u32(block)).digest()
              for block in range(-(-size // 32)))
    return b"".join(blocks)[:size]


def check_file(number, row):
    content = example_file(number, row["size"])
    chunks = seal_file(row["key"], content)
    assert stream_size(row["size"]) == row["stream_size"]
    assert sha256(content) == row["sha256"]
    assert len(chunks) == len(row["chunks"])
    for chunk, shown in zip(chunks, row["chunks"]):
        assert len(chunk) == shown["size"]
        assert leaf_of(chunk) == shown["leaf"]
        assert chunk.startswith(shown.get("bytes", shown.get("begins")))
    assert root_of([shown["leaf"] for shown in row["chunks"]]) == row["root"]
    return content, chunks


def check_message(message, files):
    received = interop.receive(message["envelope"], message["identity_public"])
    opened, _, _ = interop.open_as(received, message["unit"], message["epoch_secret"])
    assert opened["full"] == message["payload"]
    entries = wire.decode(wire.LEAD_FULL, opened["full"])["attachments"]
    rows = received["manifest"]["attachments"]
    assert len(entries) == len(rows) == 2
    for entry, row in zip(entries, rows):
        assert received["head"]["sections"][row["section"]] == "full"
        content, chunks = files[entry["root"]]
        leaves = [leaf_of(chunk) for chunk in chunks]
        assert open_file(entry, row, leaves, chunks) == content
        for number, chunk in enumerate(chunks):
            flipped = chunk[:7] + bytes([chunk[7] ^ 1]) + chunk[8:]
            changed = chunks[:number] + [flipped] + chunks[number + 1:]
            assert refused(open_file, entry, row, leaves, changed)
            # The same with leaves that fit: then the root does not, or the tag.
            lying = [leaf_of(one) for one in changed]
            assert refused(open_file, entry, row, lying, changed)
            forged = dict(entry, root=root_of(lying))
            assert refused(open_file, forged, dict(row, root=forged["root"]), lying, changed)
        assert refused(open_file, entry, row, leaves, chunks[::-1]) or len(chunks) == 1
        assert refused(open_file, entry, row, leaves[:-1], chunks[:-1])
        assert refused(open_file, entry, dict(row, size=row["size"] + 1), leaves, chunks)
        assert refused(open_file, dict(entry, size=entry["size"] - 1), row, leaves, chunks)
        assert refused(open_file, dict(entry, key=bytes(32)), row, leaves, chunks)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = unhex(json.load(file))
    files = {}
    for number, row in enumerate(data["files"]):
        files[row["root"]] = check_file(number, row)
    check_message(data["message"], files)
    print("%d files sealed to the same chunks; those of the message open" % len(files))


if __name__ == "__main__":
    sys.exit(main())
