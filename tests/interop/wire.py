"""Protobuf (proto3) as docs/PROTOCOL.md needs it: strict decoding, canonical encoding.

A schema is {number: (name, type)}. Types: "u" unsigned varint, "b" bytes, "s" string, a schema for
a message; in a list: repeated, and ["u"] is packed."""


class BadForm(Exception):
    pass


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise BadForm("varint")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return value, at


def empty(kind):
    if isinstance(kind, list):
        return []
    return {"u": 0, "b": b"", "s": ""}.get(kind) if isinstance(kind, str) else None


def decode_loose(schema, data):
    message = {name: empty(kind) for name, kind in schema.values()}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag >> 3 not in schema:
            raise BadForm("unknown field %d" % (tag >> 3))
        name, kind = schema[tag >> 3]
        inner = kind[0] if isinstance(kind, list) else kind
        if tag & 7 == 0 and kind == "u":
            message[name], at = read_varint(data, at)
            continue
        if tag & 7 != 2 or kind == "u":
            raise BadForm("wire type of " + name)
        length, at = read_varint(data, at)
        if length > len(data) - at:
            raise BadForm("cut short in " + name)
        value, at = data[at:at + length], at + length
        if kind == ["u"]:
            start = 0
            while start < len(value):
                number, start = read_varint(value, start)
                message[name].append(number)
            continue
        if inner == "s":
            value = value.decode("utf-8")
        elif inner != "b":
            value = decode_loose(inner, value)
        if isinstance(kind, list):
            message[name].append(value)
        else:
            message[name] = value
    return message


def encode(schema, message):
    out = b""
    for number in sorted(schema):
        name, kind = schema[number]
        value = message.get(name, empty(kind))
        if kind == "u":
            if value:
                out += varint(number << 3) + varint(value)
            continue
        if kind == ["u"]:
            packed = b"".join(varint(item) for item in value)
            if packed:
                out += varint(number << 3 | 2) + varint(len(packed)) + packed
            continue
        repeated = isinstance(kind, list)
        inner = kind[0] if repeated else kind
        for item in value if repeated else [value]:
            if not repeated and (item is None or item in (b"", "")):
                continue
            if inner == "s":
                item = item.encode("utf-8")
            elif inner != "b":
                item = encode(inner, item)
            out += varint(number << 3 | 2) + varint(len(item)) + item
    return out


def decode(schema, data):
    """Strict: nothing unknown, and as short as it can be."""
    message = decode_loose(schema, data)
    if len(encode(schema, message)) != len(data):
        raise BadForm("not the shortest encoding")
    return message


SECTION = {1: ("commit", "b"), 2: ("ciphertext", "b")}
ENVELOPE = {1: ("header", "b"), 2: ("wraps", "b"), 3: ("sections", [SECTION]),
            4: ("manifest", "b"), 5: ("signature", "b")}
RECIPIENT = {1: ("unit", "s"), 2: ("act", "u"), 3: ("citation", "s"), 4: ("sections", "u"),
             5: ("epoch", "u"), 6: ("epoch_key", "b")}
HEADER = {1: ("suite", "u"), 2: ("flags", "u"), 3: ("id", "b"), 4: ("thread", "b"),
          5: ("parent", "b"), 6: ("kind", "s"), 7: ("topic", "s"), 8: ("from", "s"),
          9: ("officer", "s"), 10: ("serial", "u"), 11: ("seq", "u"), 12: ("created_ms", "u"),
          13: ("expires_ms", "u"), 14: ("bundle", "u"), 15: ("thread_index", "u"),
          16: ("seen_size", "u"), 17: ("seen_root", "b"), 18: ("area", "s"), 19: ("urgency", "u"),
          20: ("level", "u"), 21: ("tags", ["s"]), 22: ("purpose", "s"), 23: ("session_key", "b"),
          24: ("salt", "b"), 25: ("sections", ["s"]), 26: ("recipients", [RECIPIENT]),
          27: ("occurred_ms", "u"), 28: ("blind_index", "b"), 29: ("target", "s"), 30: ("other", "b"),
          31: ("due_ms", "u")}
DIGEST = {1: ("sha256", "b"), 2: ("size", "u")}
ATTACHMENT = {1: ("section", "u"), 2: ("size", "u"), 3: ("chunks", "u"), 4: ("root", "b")}
MANIFEST = {1: ("sections", [DIGEST]), 2: ("attachments", [ATTACHMENT])}
PAYLOAD_ATTACHMENT = {1: ("key", "b"), 2: ("root", "b"), 3: ("size", "u"), 4: ("name", "s"),
                      5: ("media_type", "s"), 6: ("sha256", "b"), 7: ("confirmed", "u")}
LEAD_FULL = {1: ("what", "s"), 100: ("attachments", [PAYLOAD_ATTACHMENT])}
REWRAP_BODY = {1: ("suite", "u"), 2: ("header_hash", "b"), 3: ("from", "s"), 4: ("serial", "u"),
               5: ("unit", "s"), 6: ("epoch", "u"), 7: ("epoch_key", "b"), 8: ("sections", "u"),
               9: ("session_key", "b"), 10: ("salt", "b"), 11: ("wrap", "b"),
               12: ("created_ms", "u")}
ACCEPTED = {1: ("header", "b"), 2: ("wraps", "b"), 3: ("commits", ["b"]), 4: ("manifest", "b"),
            5: ("signature", "b"), 6: ("flags", "u")}
MISSED = {1: ("index", "u"), 2: ("thread", "b"), 3: ("clock", "u"), 4: ("due_ms", "u")}
ALARM = {1: ("index", "u"), 2: ("thread", "b"), 3: ("what", "u"), 4: ("from_ms", "u"), 5: ("until_ms", "u"),
         6: ("told", ["s"])}
TICK = {1: ("expired", ["u"]), 2: ("unit", "s"), 3: ("missed", [MISSED]), 4: ("alarm", ALARM)}
RECORD = {1: ("rules", "u"), 2: ("time_ms", "u"), 7: ("accepted", ACCEPTED), 10: ("tick", TICK)}
RECEIPT = {1: ("id", "b"), 2: ("header_hash", "b"), 3: ("index", "u"), 4: ("inclusion", ["b"]),
           5: ("checkpoint", "b"), 6: ("time_ms", "u"), 7: ("duplicate", "u"),
           8: ("provisional", "u"), 9: ("accepted_flags", "u"), 10: ("rules", "u")}
FRAME = {1: ("version", "u"), 21: ("receipt", RECEIPT)}
LANE_POSITION = {1: ("lane", "u"), 2: ("position", "u"), 3: ("running", "b")}
EXCEPTION = {1: ("position", "u"), 2: ("index", "u"), 3: ("code", "u")}
BODIES = {
    "HelloBody": {1: ("bus", "s"), 2: ("unit", "s"), 3: ("serial", "u"), 4: ("instance", "b"),
                  5: ("time_ms", "u"), 6: ("bundle", "u"), 7: ("seen_size", "u"),
                  8: ("seen_root", "b"), 9: ("origin", "s"), 10: ("lanes", [LANE_POSITION]),
                  11: ("credit", "u"), 12: ("transport_key", "b")},
    "AckBody": {1: ("origin", "s"), 2: ("unit", "s"), 3: ("serial", "u"), 4: ("lane", "u"),
                5: ("position", "u"), 6: ("running", "b"), 7: ("exceptions", [EXCEPTION]),
                8: ("time_ms", "u"), 9: ("late", [EXCEPTION])},
    "EpochKeyBody": {1: ("unit", "s"), 2: ("serial", "u"), 3: ("epoch", "u"),
                     4: ("public_key", "b"), 5: ("not_before_ms", "u"), 6: ("not_after_ms", "u")},
    "EnrolmentRequestBody": {1: ("unit", "s"), 2: ("role", "u"), 3: ("identity", "b"),
                             4: ("witness", "b"), 5: ("transport", "b"),
                             6: ("epoch_keys", [{1: ("body", "b"), 2: ("signature", "b")}]),
                             7: ("time_ms", "u")},
}
