"""The root ceremony and the enrolment of every unit, with leadbus-ca as people would use it."""
import concurrent.futures
import re

from district import PLAN, Failed, run
from words import say, t

BUS = "hedong.leadbus"
AUTHORITIES = ("zhang", "li", "wang")  # three people; any two of them make a decision


def enrol(district, key, folder, role):
    """At the unit: its keys are made there and never leave; only the request goes out."""
    folder.mkdir(parents=True, mode=0o700)
    secret = district.machine_key(folder)
    run("leadbus-ca", "request", "--unit", key, "--role", role, "--keyring", folder / "keyring",
        "--key-file", secret, "--out", folder / "unit.request")
    return folder / "unit.request"


def hold(district):
    authority = district.folder / "authority"
    authority.mkdir(mode=0o700)
    secrets = []
    for name in AUTHORITIES:
        folder = authority / name
        folder.mkdir(mode=0o700)
        secrets.append(district.passphrase(folder, name))
    words = ["leadbus-ca", "init", "--bus", BUS, "--out", authority / "root", "--threshold", "2"]
    for name, secret in zip(AUTHORITIES, secrets):
        words += ["--authority", name, "--passphrase-file", secret]
    run(*words)
    root = district.folder / "root.note"
    root.write_bytes((authority / "root" / "root.note").read_bytes())
    for key in re.findall(r"^key (\S+)", root.read_text("utf-8"), re.M):
        print(f"    {key}")

    offices = {u["key"] for u in district.units if u["duty"] == "office"}
    jobs = [("broker", district.folder / "broker", "broker")]
    jobs += [(agent.unit["key"], agent.folder, "office" if agent.unit["key"] in offices else "unit")
             for agent in district.agents.values()]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        requests = list(pool.map(lambda job: enrol(district, *job), jobs))
    directory = authority / "draft.directory"
    run("leadbus-ca", "issue", "--plan", PLAN, "--directory", directory, *requests)
    bundle = district.folder / "bundle"
    run("leadbus-ca", "bundle", "--plan", PLAN, "--directory", directory, "--root", root,
        "--broker", f"broker={district.endpoint}", "--out", bundle)

    keyrings = [job[1] / "keyring" for job in jobs]
    one = district.agents["civil-affairs"].folder
    sign(authority, AUTHORITIES[0], secrets[0], bundle)
    early = run("leadbus-ca", "adopt", "--root", root, "--bundle", bundle, "--key-file",
                one / "machine.key", one / "keyring", ok=None)
    if early.returncode == 0:
        raise Failed("a bundle with one signature of two was taken")
    say("  只有一人签名的方案包：单位不认", "  a bundle signed by one of them: no unit takes it")
    sign(authority, AUTHORITIES[1], secrets[1], bundle)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda keyring: run(
            "leadbus-ca", "adopt", "--root", root, "--bundle", bundle, "--key-file",
            keyring.parent / "machine.key", keyring), keyrings))
    print(t(f"  两人签名后生效：{len(district.units)} 个单位的证书、73 条任务与路由都在这一个签名文件里",
            f"  with two signatures it is in force: certificates of {len(district.units)} units, 73 tasks "
            f"and the routes, all in one signed file"))


def sign(authority, name, secret, bundle):
    run("leadbus-ca", "sign", "--key", authority / "root" / f"{name}.key", "--passphrase-file",
        secret, bundle)
