#!/usr/bin/env python3
"""forms.py LEADBUS_PLAN: one plan in every grammar and every way of breaking it gives one table.

A plan of forty clauses is made up from a list of units. Each clause is then written as a bracket, as
labels, as a sentence, as rows of tables; the text is broken at several widths, cut into pages with numbers
and heads, spaced out, put on one line. Whatever was done to it, the units of every clause must come out in
order.
"""
import json
import random
import re
import subprocess
import sys
import unicodedata

UNITS = (
    "区委政法委 区委网信办 区委宣传部 区法院 区检察院 公安云溪分局 交警云溪支队 区教育局 区民政局 区司法局 区财政局"
    " 区人力资源和社会保障局 区卫健委 区文化和旅游局 区市场监管局（区知识产权局） 区住房和建设局 区残联 区总工会"
    " 团区委 区妇联 区关工办 各街道办事处 区融媒体中心 云溪海事处 区城管委"
).split()
WORDS = (
    "完善工作机制 加强摸底排查 建立信息台账 畅通举报渠道 做好心理疏导 规范审批登记 落实帮扶政策 开展联合巡查"
    " 提升服务水平 强化宣传教育 推进数据共享 严格监督管理 及时转递线索 保障工作经费 培训一线人员"
).split()


def clauses(random_):
    """(id, lead, coop) of every clause, and the paragraphs with None in place of the clause."""
    result, paragraphs = [], ["云溪区关爱行动方案", "一、总体目标", "形成部门负责、社会协同、上下配合的格局，健全协调、配合、保障机制。",
                              "二、任务分工"]
    for section in range(1, 6):
        paragraphs.append(f"（{'一二三四五'[section - 1]}）{random_.choice(WORDS)}")
        for measure in range(1, 9):
            count = random_.randint(1, 3)
            names = random_.sample(UNITS, count + random_.randint(0, 6))
            lead, coop = names[:count], names[count:]
            result.append((f"2.{section}.{measure}", lead, coop))
            paragraphs.append((f"{measure}." + "，".join(random_.sample(WORDS, 4)) + "。", lead, coop))
    paragraphs += ["三、保障措施", "（一）各单位要密切配合，由专人负责，做到各负其责。"]
    return result, paragraphs


def spaced(names):
    """Spaces in place of the separators that are not inside a bracket."""
    return re.sub("、(?![^（]*）)", " ", names)


def with_coop(text, coop):
    return text if coop else ""


FORMS = {
    "bracket": lambda l, c: f"（{l}负责{with_coop('，' + c + '配合', c)}）",
    "ascii": lambda l, c: f"({l}负责{with_coop(';' + c + '配合', c)})",
    "lead": lambda l, c: f"（{l}牵头{with_coop('，' + c + '按职责分工负责', c)}，年底前完成）",
    "host": lambda l, c: f"（{l}主办{with_coop('，' + c + '协办', c)}）",
    "with": lambda l, c: f"（{l}{with_coop('会同' + c, c)}负责）",
    "by": lambda l, c: f"（由{l}牵头{with_coop('，会同' + c + '落实', c)}）",
    "label in bracket": lambda l, c: f"（牵头单位：{l}{with_coop('；配合单位：' + c, c)}）",
    "square": lambda l, c: f"【责任单位：{l}{with_coop('；协办单位：' + c, c)}】",
    "leader": lambda l, c: f"(责任领导:某某某;责任单位:{l}{with_coop(';配合单位:' + c, c)};完成时限:长期坚持)",
    "labels": lambda l, c: f"\n牵头单位：{l}{with_coop(chr(10) + '配合单位：' + c, c)}",
    "labels behind": lambda l, c: f"牵头单位：{l}{with_coop('；配合单位：' + c, c)}。",
    "spaced labels": lambda l, c: f"\n责任单位： {spaced(l)}{with_coop(chr(10) + '配合单位： ' + spaced(c), c)}",
    "sentence": lambda l, c: f"由{l}牵头{with_coop('，' + c + '配合', c)}。",
    "plain": lambda l, c: f"{l}负责{with_coop('，' + c + '配合', c)}。",
    "traditional": lambda l, c: f"（{l}負責{with_coop('，' + c + '配合', c)}）",
}


def text_of(paragraphs, form):
    lines = []
    for part in paragraphs:
        lines.append(part if isinstance(part, str) else part[0] + form("、".join(part[1]), "、".join(part[2])))
    return "\n".join(lines) + "\n"


def wrapped(text, width):
    return "\n".join(line[i : i + width] for line in text.split("\n") for i in range(0, len(line) or 1, width))


def paged(text, number, head=""):
    lines, pages = text.split("\n"), []
    for i in range(0, len(lines), 21):
        pages.append("\n".join(lines[i : i + 21]) + "\n" + number % (i // 21 + 1) + "\n")
    return ("\f" + head).join(pages)


BREAKS = {
    "as it is": lambda t: t,
    "narrow": lambda t: wrapped(t, 11),
    "wide": lambda t: wrapped(t, 28),
    "double spaced": lambda t: wrapped(t, 28).replace("\n", "\n\n"),
    "pages": lambda t: paged(wrapped(t, 28), "- %d -"),
    "heads": lambda t: paged(wrapped(t, 28), "第 %d 页", "云溪区关爱行动方案\n"),
    "indented": lambda t: "\n".join("　　" + line for line in wrapped(t, 28).split("\n")),
}
# Where white space separates names or ends a list, it cannot be strewn about or taken away.
MORE_BREAKS = {
    "every character apart": lambda t: " ".join(t).replace("\n ", "\n"),
    "one line": lambda t: t.replace("\n", ""),
}


def columns(string, wide):
    return sum(1 + (unicodedata.east_asian_width(c) in "WF" and wide) for c in string)


def laid_out(rows, width, wide, centred):
    """A table in columns whose cells run over lines of `width` characters, as a PDF's layout gives it."""
    starts = [8, 2 * width + 14, 2 * width + 10, 0] if wide else [8, width + 6, width + 6, 0]

    def line(cells):
        padded = (c + " " * max(2, s - columns(c, wide)) if c or s else c for c, s in zip(cells, starts))
        return "".join(padded).rstrip()

    lines = [line(["序号", "重点任务", "牵头单位", "配合单位"])]
    for number, (_, lead, coop) in enumerate(rows, 1):
        cells = [WORDS[number % len(WORDS)] * 2, "、".join(lead), "、".join(coop)]
        parts = [[c[i : i + width] for i in range(0, len(c), width)] for c in cells]
        height = max(len(p) for p in parts)
        parts = [[""] * ((height - len(p)) // 2 if centred else 0) + p for p in parts]
        parts = [p + [""] * (height - len(p)) for p in parts]
        for i in range(height):
            here = i == ((height - 1) // 2 if centred else 0)
            lines.append(line([str(number) if here else ""] + [p[i] for p in parts]))
        if number % 9 == 0:
            lines += [f"- {number // 9} -", lines[0]]
    return "\n".join(lines) + "\n"


def tables(rows):
    cells = [(str(n), WORDS[n % len(WORDS)], "、".join(l), "、".join(c)) for n, (_, l, c) in enumerate(rows, 1)]
    head = ("序号", "任务", "牵头单位", "配合单位")
    yield "tabs", "\n".join("\t".join(row) for row in [head] + cells)
    yield "tabs, cells over lines", "\n".join("\t".join(wrapped(c, 9) for c in row) for row in [head] + cells)
    yield "pipes", "\n".join("|" + "|".join(row) + "|" for row in [head, ("-",) * 4] + cells)
    yield "single spaces", "\n".join(" ".join(row) for row in [head] + cells)
    yield "cell by cell", "\n".join("\n".join(c or "—" for c in row) for row in [head] + cells)
    for width in (9, 13):
        for wide in (True, False):
            for centred in (True, False):
                yield f"columns {width} {wide} {centred}", laid_out(rows, width, wide, centred)


def derived(program, text):
    run = subprocess.run([program, "derive", "--json", "-"], input=text.encode(), capture_output=True, check=True)
    return [(row["id"], row["lead"], row["coop"]) for row in json.loads(run.stdout)["rows"]]


def main(program):
    rows, paragraphs = clauses(random.Random(20))
    count, bad = 0, []

    def compare(what, text, want):
        nonlocal count
        count += 1
        got = derived(program, text)
        if got != want:
            first = next((f"{w} became {g}" for w, g in zip(want, got) if w != g), f"{len(got)} rows")
            bad.append(f"{what}: {first}")

    for name, form in FORMS.items():
        text = text_of(paragraphs, form)
        breaks = dict(BREAKS)
        if name == "spaced labels":
            del breaks["narrow"]  # a line break there is a space, or it is not: nobody can say
        if "label" not in name and name != "plain":
            breaks.update(MORE_BREAKS)
        for how, broken in breaks.items():
            compare(f"{name}, {how}", broken(text), rows)
    numbered = [(str(n), lead, coop) for n, (_, lead, coop) in enumerate(rows, 1)]
    for name, text in tables(rows):
        compare(name, text + "\n", numbered)
    for line in bad:
        print(line, file=sys.stderr)
    print(f"{count - len(bad)} of {count} texts gave the table")
    return 1 if bad or count < 100 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
