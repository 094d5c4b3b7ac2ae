#!/usr/bin/python3
"""Who receives what, derived from the plan's tables by docs/PROTOCOL.md ("Recipients") alone, and held against
tests/gold/routes.golden line by line, every sender of a line. Usage: routes.py TABLES GOLDEN"""
import datetime
import re
import sys

READDRESSED = "readdressed"
# The thread that routes.golden is about, in order, with the roles; and who sent the parent. Passed on to the court, or by it.
PARTICIPANTS = [("education", 1), ("police-hedong", 2), ("womens-federation", 7)]


def parent_sender(sender):
    return "police-hedong" if sender == "education" else "education"


class Refused(Exception):
    pass


def table(folder, name):
    with open(f"{folder}/{name}.tsv", encoding="utf-8") as file:
        rows = [line.split("\t") for line in file.read().split("\n") if line and line[0] != "#"]
    return [dict(zip(rows[0], ("" if f == "-" else f for f in row))) for row in rows[1:]]


def words(field):
    return field.split(",") if field else []


class Plan:
    def __init__(self, folder):
        self.units = {row["key"]: row for row in table(folder, "units")}
        self.kinds = {row["slug"]: row for row in table(folder, "kinds")}
        self.topics = {(row["kind"], row["topic"]): row for row in table(folder, "topics")}
        self.tasks = {row["id"]: row for row in table(folder, "tasks")}
        self.duties = {row["id"]: row for row in table(folder, "duties")}
        self.streets = {row["code"]: row["street"] for row in table(folder, "areas")}
        self.routes = table(folder, "routes")
        self.day = table(folder, "about")[0]["date"]
        self.groups = {}
        for row in table(folder, "groups"):
            members = self.groups.setdefault(row["group"], [])
            if row["member"]:
                members.append(row)

    def current(self, unit):
        while self.units[unit]["successor"]:
            unit = self.units[unit]["successor"]
        return unit

    def members(self, group, day):
        return [row["member"] for row in self.groups[group]
                if row["valid_from"] <= day and (not row["valid_to"] or day < row["valid_to"])]

    def is_streets(self, group):
        return all(self.units[row["member"]]["kind"] == "street" for row in self.groups[group])

    def may_send(self, field, sender, day):
        for word in words(field):
            if word == "any" or (word == "sender-of-reference" and parent_sender(sender) == sender):
                return True
            if word in self.groups:
                if sender in map(self.current, self.members(word, day)):
                    return True
            elif word in self.units and self.current(word) == sender:
                return True
        return False

    def senders(self, kind, topic, day):
        fields = [self.kinds[kind]["senders"]]
        if topic and self.topics[kind, topic]["senders"]:
            fields.append(self.topics[kind, topic]["senders"])
        return {unit for unit in self.units if self.current(unit) == unit
                and all(self.may_send(field, unit, day) for field in fields)}

    def selected(self, row, sender, street, day):
        source, _, rest = row["selector"].partition(":")
        clause, _, key = rest.partition("=")
        if source == "duty" and clause == "thread":
            return [unit for unit, _ in PARTICIPANTS]
        if source == "duty" and clause == "thread-signers":
            return [unit for unit, role in PARTICIPANTS if role & 3 == 2]
        if source == "duty" and clause == "alerted":
            return [unit for unit, role in PARTICIPANTS if role & 4]
        if source == "duty" and clause == "target":
            return ["procuratorate" if sender == "court" else "court"]
        if source == "duty" and clause == "sender-of-reference":
            return [parent_sender(sender)]
        listed = []
        if source in ("lead", "coop"):
            listed = words(self.tasks[clause][source])
        elif source == "duty":
            listed = words(self.duties[clause]["units"])
        named = [key] if key else listed
        if key and key not in listed and source in ("lead", "coop"):
            named = [key] if any(key in self.members(group, day) for group in listed if group in self.groups) else []
        units = []
        for name in named:
            if name not in self.groups:
                units.append(name)
            elif row["expand"] == "all":
                units += self.members(name, day)
            elif self.is_streets(name):
                units += [unit for unit in self.members(name, day) if street and self.current(unit) == street]
        return [self.current(unit) for unit in units]

    def route(self, kind, topic, sender, area, day):
        """([[unit, act, {sections}, citation]], flags)"""
        street = self.streets.get(area[:9], "")
        sections = [part.split(":") for part in words(self.kinds[kind]["sections"])]
        copies = {part[0] for part in sections if len(part) > 2 and "copy" in part[2].split("+")}
        route = {}
        named = False

        def walk(rows, when, act):
            nonlocal named
            for row in rows:
                if row["when"] != when or row["act"] != act or row["topic"] not in ("*", topic):
                    continue
                opens = {"all": {part[0] for part in sections}, "copies": copies}.get(row["sections"],
                                                                                    set(words(row["sections"])))
                for unit in self.selected(row, sender, street, day):
                    if unit == sender:
                        named = named or act == "sign"
                    elif unit not in route:
                        route[unit] = [unit, act, set(opens), row["selector"]]
                    elif route[unit][1] == act:
                        route[unit][2] |= opens

        own = [row for row in self.routes if row["kind"] == kind]
        fallback = [row for row in self.routes if row["kind"] == "*"]
        walk(own, "always", "sign")
        origin = named and not route
        nobody = not named and not route and kind.split(".")[0] in ("lead", "anomaly", "handoff")
        for act in ("sign", "copy"):
            if act == "copy":
                walk(own, "always", "copy")
            if origin:
                walk(own, "origin-only", act)
            if nobody:
                walk(fallback, "no-rule", act)
        signers = [unit for unit, role in PARTICIPANTS if role & 3 == 2]
        signers += [unit for unit, line in route.items() if line[1] == "sign"]
        if self.units[sender]["duty"] == "office" and set(signers) & set(self.members("office-host", day)):
            walk(own, "own-host", "copy")
        if not route:
            raise Refused("route_empty")
        return list(route.values()), {READDRESSED} if nobody else set()

    def text(self, kind, route):
        order = [part.split(":")[0] for part in words(self.kinds[kind]["sections"])]
        lines = []
        for unit, act, opens, citation in route:
            rest = f"{act} {','.join(name for name in order if name in opens) or '-'} {citation}"
            if lines and lines[-1][1] == rest:
                lines[-1][0].append(unit)
            else:
                lines.append(([unit], rest))
        return "; ".join(f"{','.join(units)} {rest}" for units, rest in lines)


def senders_of(plan, field, day):
    """The units of "group(27 but a,b),c"."""
    units = []
    for name, inside, but in re.findall(r"([a-z0-9.-]+)(\(\d+(?: but ([^)]*))?\))?(?:,|$)", field):
        units += [unit for unit in plan.members(name, day) if unit not in but.split(",")] if inside else [name]
    return units


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    plan = Plan(sys.argv[1])
    day, compared, wrong, seen = plan.day, 0, 0, {}
    with open(sys.argv[2], encoding="utf-8") as file:
        lines = file.read().split("\n")
    for line in lines:
        later = re.match(r"# from (\d{4}-\d\d-\d\d)", line)
        if later:
            day = later.group(1)
        if not line or line[0] == "#" or line.startswith("kind\t"):
            continue
        kind, topic, area, field, flags, wanted = line.split("\t")
        topic = "" if topic == "-" else topic
        for sender in senders_of(plan, field, day):
            try:
                route, got_flags = plan.route(kind, topic, sender, "" if area in ("*", "unknown") else area, day)
                got = plan.text(kind, route)
            except Refused as refused:
                got, got_flags = f"refused: {refused}", set()
            compared += 1
            if got != wanted or (READDRESSED in flags.split(",")) != (READDRESSED in got_flags):
                wrong += 1
                print(f"{kind} {topic} from {sender} in {area}:\n  derived {got}\n  golden  {wanted}")
            if day == plan.day:
                seen.setdefault((kind, topic, area), set()).add(sender)
    for kind, row in plan.kinds.items():
        for topic in [t for k, t in plan.topics if k == kind] + ([""] if row["topic"] != "required" else []):
            senders = set().union(*(units for key, units in seen.items() if key[:2] == (kind, topic)))
            if senders != plan.senders(kind, topic, plan.day):
                wrong += 1
                print(f"{kind} {topic}: senders {senders ^ plan.senders(kind, topic, plan.day)}")
    print(f"{compared} routes derived, {wrong} differ")
    return 1 if wrong or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
