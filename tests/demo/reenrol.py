"""A unit loses its keyring and is enrolled again, with the real programs. Exit 0 only if it all holds:
what was sent meanwhile is rewrapped and read, what is sent afterwards is sealed to the new keys alone,
and the journal is decided again to the same bytes."""
import os
import pathlib
import shutil
import signal
import sys
import tempfile

import ceremony
import leads
from district import PLAN, District, Failed, run

SENDER, LOST = "civil-affairs", "police-hedong"
ROUNDS = 45


def must(holds, what):
    if not holds:
        raise Failed(what)


def send(agent):
    answer = agent.call("POST", "/v1/messages?wait=receipt&timeout=30", leads.MARRIAGE)
    must(answer["state"] == "receipted", f"no receipt: {answer}")
    return answer["id"]


def serial_of(keyring, secret):
    shown = run("leadbus-ca", "show", "--json", "--key-file", secret, keyring).out
    return shown.split('"serial":')[1].split(",")[0].strip()


def enrol_again(district, agent):
    """Fresh keys at the unit, another certificate, the lost one revoked, two signatures."""
    authority = district.folder / "authority"
    old = serial_of(agent.folder / "keyring", agent.folder / "machine.key")
    lost = district.folder / "lost"
    os.rename(agent.folder, lost)
    request = ceremony.enrol(district, LOST, agent.folder, "unit")
    shutil.copy(lost / "agent.conf", agent.folder / "agent.conf")
    directory, bundle = authority / "draft.directory", district.folder / "bundle"
    run("leadbus-ca", "issue", "--plan", PLAN, "--directory", directory, "--replace", request)
    draft = district.folder / "bundle.next"
    run("leadbus-ca", "bundle", "--plan", PLAN, "--directory", directory, "--previous", bundle,
        "--revoke", old, "--reason", "key-lost", "--broker", f"broker={district.endpoint}",
        "--out", draft)
    for name in ceremony.AUTHORITIES[:2]:
        ceremony.sign(authority, name, authority / name / "passphrase", draft)
    run("leadbus-ca", "adopt", "--root", district.folder / "root.note", "--bundle", draft,
        "--key-file", agent.folder / "machine.key", agent.folder / "keyring")
    os.replace(draft, bundle)
    return lost


def readable(agent, ids):
    """Until each of them can be read, over exceptions and the notices of their rewraps."""
    for _ in range(ROUNDS):
        agent.fetch(1)
        found = [agent.call("GET", f"/v1/messages/{one}") if any(
            item.get("id") == one for item in agent.inbox) else {} for one in ids]
        if all(one.get("sections", {}).get("full") for one in found):
            return
    raise Failed(f"not readable: {[item['type'] for item in agent.inbox]}")


def told(agent, one):
    """Until the notice of its rewrap is in the inbox: it may be read before that was asked for."""
    for _ in range(ROUNDS):
        if any(item.get("notice") == "rewrapped" and item.get("id") == one for item in agent.inbox):
            return
        agent.fetch(1)
    raise Failed("the rewrap is not told")


def tell(district):
    sender, unit = district.agents[SENDER], district.agents[LOST]
    for agent in (sender, unit):
        agent.start()
        agent.ready()
    first = send(sender)
    unit.wait_for([first])
    unit.stop()
    meanwhile = send(sender)  # to a keyring that is lost already, which nobody knows

    lost = enrol_again(district, unit)
    district.broker.child.send_signal(signal.SIGHUP)
    district.broker.wait_for("event=bundle_installed")
    at_once = send(sender)  # it holds the bundle before still
    unit.inbox, unit.after = [], 0
    unit.start()
    unit.ready()
    afterwards = send(sender)
    readable(unit, [meanwhile, at_once, afterwards])
    told(unit, meanwhile)

    # Who has the lost keyring does not get in, and holds no key to what was sealed since.
    stranger = run("leadbus-ca", "adopt", "--root", district.folder / "root.note", "--bundle",
                   district.folder / "bundle", "--key-file", lost / "machine.key",
                   lost / "keyring", ok=None)
    must(stranger.returncode != 0, "the lost keyring has a certificate")
    outgoing = sender.call("GET", f"/v1/messages/{at_once}")
    must(not any(flag == "unkeyed" for flag in outgoing["flags"]), "it was sealed to the new key")

    sender.stop()
    unit.stop()
    district.broker.stop()
    district.broker = None
    journal = district.folder / "broker" / "state" / "journal.db"
    run("leadbus-replay", "replay", "--root", district.folder / "root.note", journal)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="reenrol-"))
    district = District(folder / "district")
    try:
        ceremony.hold(district)
        district.write_configs()
        district.start_broker()
        tell(district)
    except Failed as error:
        print(f"{error}\n{folder} is kept", file=sys.stderr)
        return 1
    finally:
        district.close()
    shutil.rmtree(folder)
    print("enrolled again: reads what was sent meanwhile and since")
    return 0


if __name__ == "__main__":
    sys.exit(main())
