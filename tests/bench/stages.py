"""stages: what a lead costs the broker, and a recipient, stage by stage. The programs are the shipped ones but for clocks that
the linker has put around their stages (stages.h); no profiler and no rights are needed."""
import json
import os
import struct
import subprocess

from bus import BIN, Bus, Failed
from words import number, pad, pad_left, print_json, say

ROW = struct.Struct("<32sQQQ")  # stages_row of stages.h
RECIPIENTS, BODY = 6, 1536

# In the order of a lead's way; the functions behind them: stages_broker.c, stages_recipient.c.
BROKER = {
    "curve": ("CURVE：解密与加密", "CURVE: frames opened and sealed"),
    "decode": ("解码并检查形式", "decode, form checked"),
    "hash": ("密文的 SHA-256", "SHA-256 of the ciphertexts"),
    "verify": ("验签：信封与确认", "verify: envelope, acknowledgements"),
    "admit": ("裁决（core_admit）", "admit"),
    "apply": ("计入状态（core_apply）", "apply"),
    "tree": ("记录的散列与树", "leaf hash and tree"),
    "checkpoint": ("签检查点", "checkpoint signed"),
    "append": ("追加并落盘", "append + fsync"),
    "receipt": ("编码回执", "receipt encoded"),
    "proof": ("包含证明", "inclusion proofs"),
    "deliver": ("编码投递（六份）", "deliveries encoded, all six"),
}
RECIPIENT = {
    "curve": ("CURVE：解密与加密", "CURVE: frames opened and sealed"),
    "decode": ("解码并检查形式", "decode, form checked"),
    "prove": ("证明：检查点与包含", "prove: checkpoint, inclusion"),
    "verify": ("验签", "verify"),
    "hash": ("密文的 SHA-256", "SHA-256 of the ciphertexts"),
    "judge": ("重新计算路由与规则", "route computed again, rules"),
    "key": ("与发送单位的密钥", "key shared with the sender"),
    "open": ("开封", "open"),
    "fold": ("线索状态：读取、计入、保存", "thread: loaded, folded, saved"),
    "seal": ("为存放而加密", "sealed at rest"),
    "store": ("收件箱：查找与写入", "inbox: looked up, written"),
    "same": ("共同的号码", "numbers in common"),
    "ack": ("确认、计数与签名", "acknowledged: counters, signature"),
    "commit": ("提交并落盘", "commit + fsync"),
    "engine": ("引擎其余部分", "the rest of the engine"),
}


def read_rows(path):
    with open(path, "rb") as file:
        return {name.rstrip(b"\0").decode(): counts for name, *counts in ROW.iter_unpack(file.read())}


def stages_of(names, before, after, cpu_us, per):
    """Of each stage what it took for one of `per`, and what the process took beside them; in verifications of this program."""
    stages = {}
    for name in names:
        calls, cpu_ns, wall_ns = (b - a for a, b in zip(before[name], after[name]))
        stages[name] = {"calls": calls / per, "cpu_us": cpu_ns / 1e3 / per,
                        "wall_us_per_call": wall_ns / 1e3 / calls if calls else 0}
    rest = cpu_us - sum(stage["cpu_us"] for stage in stages.values())
    stages["rest"] = {"calls": 1, "cpu_us": rest, "wall_us_per_call": 0}
    verify_us = stages["verify"]["cpu_us"] / stages["verify"]["calls"]
    for stage in stages.values():
        stage["share"], stage["per_verify"] = stage["cpu_us"] / cpu_us if cpu_us else 0, stage["cpu_us"] / verify_us
    return stages


def load(bus, leads, *files):
    """The load; the counts in the files when all were connected and nothing was sent, and what the load says."""
    command = [os.path.join(BIN, "leadbus-bench-stages-point"), "-d", bus.folder, "-e", bus.endpoint, "-p",
               str(bus.broker.pid), "--receivers", str(RECIPIENTS), "--recipients", str(RECIPIENTS), "--body", str(BODY),
               "--leads", str(leads), "--hold"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "LEADBUS_STAGES": files[1]}) as point:
        if point.stdout.readline() == "ready\n":
            before = [read_rows(file) for file in files]
            said, _ = point.communicate("\n")
    if point.returncode != 0:
        raise Failed(f"leadbus-bench-stages-point: exit {point.returncode}\n" + bus.log_end())
    return before, json.loads(said)


def measure(leads, ipc):
    counts = {}
    with Bus(ipc, RECIPIENTS, RECIPIENTS, "leadbus-bench-stages-broker", counts) as bus:
        broker_file, recipient_file = bus.path("broker.stages"), bus.path("recipient.stages")
        counts["LEADBUS_STAGES"] = broker_file
        bus.start(begin=True)
        limits = bus.limits()
        before, done = load(bus, leads, broker_file, recipient_file)
        after = read_rows(broker_file), read_rows(recipient_file)
        bus.stop()
    if done["deliveries"] != leads * RECIPIENTS or done["twice"] != 0:
        raise Failed(f"{done['deliveries']} deliveries of {leads * RECIPIENTS}, {done['twice']} twice")
    return {"schema": 1, "recipients": RECIPIENTS, "body_bytes": BODY, "leads_count": leads,
            "deliveries_count": done["deliveries"], "leads_per_s": done["leads_per_s"],
            "broker_cpu_us": done["broker_cpu_us"], "recipient_cpu_us": done["recipient_cpu_us"], **limits,
            "broker": stages_of(BROKER, before[0], after[0], done["broker_cpu_us"], leads),
            "recipient": stages_of(RECIPIENT, before[1], after[1], done["recipient_cpu_us"], done["deliveries"])}


def print_stages(title, names, stages, cpu_us):
    heads = [say("次数", "calls"), say("CPU 微秒", "CPU us"), say("占比", "share"), say("次验签", "verify"),
             say("每次历时微秒", "us a call")]
    print(pad(title, 44) + "".join(pad_left(head, 14) for head in heads))
    for name, label in {**names, "rest": ("其余：套接字、线程之间、内存、时钟", "the rest: sockets, hops, memory, clocks")}.items():
        stage = stages[name]
        print(pad("  " + say(*label), 44) + "".join(pad_left(cell, 14) for cell in (
            number(stage["calls"], 2) if name != "rest" else "", number(stage["cpu_us"], 1), f"{stage['share']:.1%}",
            number(stage["per_verify"], 2), number(stage["wall_us_per_call"], 1) if name != "rest" else "")))
    print(pad("  " + say("合计", "together"), 44) + pad_left("", 14) + pad_left(number(cpu_us, 1), 14) + "\n")


def main(leads, ipc, as_json):
    figures = measure(leads, ipc)
    if as_json:
        print_json(figures)
        return
    print(say(f"{leads:,} 条线索，六个接收单位，正文 {BODY} 字节，在途 256 条；本次验签 {figures['verify_us']:.1f} 微秒，"
              f"fdatasync {figures['fdatasync_p50_us']:.0f} 微秒\n",
              f"{leads:,} leads, six recipients, {BODY} byte body, 256 in flight; in this run verify "
              f"{figures['verify_us']:.1f} us, fdatasync {figures['fdatasync_p50_us']:.0f} us\n"))
    print_stages(say("总线，每条线索", "broker, a lead"), BROKER, figures["broker"], figures["broker_cpu_us"])
    print_stages(say("接收单位，每次送达", "recipient, a delivery"), RECIPIENT, figures["recipient"], figures["recipient_cpu_us"])
