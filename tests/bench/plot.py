"""plot: figures as SVG, made here: no program and no font is needed but the reader's. Light and dark by the reader's own
setting; every word in both languages; series differ in shape as well as in colour; a point's value is its tooltip."""
import math
from html import escape

WIDTH, PANEL_HEIGHT, HEAD = 760, 300, 76
LEFT, RIGHT, TOP, BOTTOM = 84, 28, 62, 54  # around the axes of a panel

STYLE = """
svg { --paper: #fff; --ink: #111; --soft: #444; --grid: #d9dde3; --s0: #1f4e9e; --s1: #b45309; --s2: #0f766e; --s3: #7c3aed; }
@media (prefers-color-scheme: dark) {
svg { --paper: #0d1117; --ink: #e6edf3; --soft: #b1bac4; --grid: #30363d; --s0: #79b8ff; --s1: #ffb454; --s2: #56d4c0; --s3: #d2a8ff; }
}
text { font-family: "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "DejaVu Sans", sans-serif; fill: var(--ink); font-size: 12px; }
.paper { fill: var(--paper); }
.title { font-size: 18px; font-weight: 700; }
.sub { fill: var(--soft); }
.panel { font-size: 13px; font-weight: 600; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.grid { stroke: var(--grid); fill: none; }
.axis { stroke: var(--soft); fill: none; }
.line { fill: none; stroke-width: 2; }
"""


class Series:
    def __init__(self, zh, en, values):
        self.label, self.values = f"{zh} {en}", values


class Panel:
    """log_y: from the decade under the least value; otherwise from 0."""

    def __init__(self, zh, en, series, log_y=False):
        self.label, self.series, self.log_y = f"{zh} · {en}", series, log_y


def ticks_linear(most):
    """From 0 to at least `most`, four to eight of them."""
    if most <= 0:
        return [0, 1]
    step = 10 ** math.floor(math.log10(most))
    for part in (5, 2, 1):
        if most / (step / part) <= 8:
            step /= part
            break
    return [step * i for i in range(math.ceil(most / step - 1e-9) + 1)]


def ticks_log(least, most):
    first, last = math.floor(math.log10(least) + 1e-9), math.ceil(math.log10(most) - 1e-9)
    return [10 ** i for i in range(first, max(last, first + 1) + 1)]


def amount(value):
    """As people read it: 1,000 and 0.25."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def scale(low, high, start, end, log):
    """A value's place; what is one value alone stands in the middle."""
    place = math.log10 if log else float
    span = place(high) - place(low)
    return lambda value: start + (end - start) * ((place(value) - place(low)) / span if span else 0.5)


def mark(shape, x, y, value):
    fill = f'fill="var(--s{shape})"'
    drawn = (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" {fill}>', f'<path d="M{x - 4:.1f} {y - 4:.1f}h8v8h-8z" {fill}>',
             f'<path d="M{x:.1f} {y - 5.5:.1f}l5 9h-10z" {fill}>', f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6-6z" {fill}>')
    name = "circle" if shape == 0 else "path"
    return f"{drawn[shape]}<title>{escape(value)}</title></{name}>"


def legend(panel, top):
    parts, x = [], LEFT
    for shape, series in enumerate(panel.series):
        parts.append(mark(shape, x + 5, top + 44, series.label))
        parts.append(f'<text x="{x + 15}" y="{top + 48}" class="sub">{escape(series.label)}</text>')
        x += 30 + sum(12 if ord(c) > 0x2e7f else 6.6 for c in series.label)
    return parts


def draw_panel(panel, xs, x_label, top):
    values = [value for series in panel.series for value in series.values]
    ticks = ticks_log(min(values), max(values)) if panel.log_y else ticks_linear(max(values))
    right, bottom = WIDTH - RIGHT, top + PANEL_HEIGHT - BOTTOM
    at_x = scale(min(xs), max(xs), LEFT + 14, right - 14, True)
    at_y = scale(ticks[0], ticks[-1], bottom, top + TOP, panel.log_y)
    parts = [f'<text x="{LEFT}" y="{top + 22}" class="panel">{escape(panel.label)}</text>', *legend(panel, top)]
    for tick in ticks:
        parts.append(f'<path class="grid" d="M{LEFT} {at_y(tick):.1f}H{right}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at_y(tick) + 4:.1f}" class="end">{amount(tick)}</text>')
    for x in xs:
        parts.append(f'<path class="axis" d="M{at_x(x):.1f} {bottom}v5"/>')
        parts.append(f'<text x="{at_x(x):.1f}" y="{bottom + 19}" class="middle">{amount(x)}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {bottom}H{right}"/>')
    parts.append(f'<text x="{(LEFT + right) / 2:.0f}" y="{bottom + 39}" class="middle sub">{escape(x_label)}</text>')
    for shape, series in enumerate(panel.series):
        points = [(at_x(x), at_y(value), value) for x, value in zip(xs, series.values)]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
        parts.append(f'<polyline class="line" stroke="var(--s{shape})" points="{way}"/>')
        parts += [mark(shape, x, y, f"{series.label}: {amount(value)}") for x, y, value in points]
    return parts


def draw(title, note, xs, x_label, panels):
    """The SVG's text. title, note, x_label: (zh, en). xs above 0, on a logarithmic axis."""
    height = HEAD + PANEL_HEIGHT * len(panels) + 8
    heading = " · ".join(title)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
             f'role="img" aria-labelledby="title desc">', f'<title id="title">{escape(heading)}</title>',
             f'<desc id="desc">{escape(" ".join(note))}</desc>', f"<style>{STYLE}</style>",
             f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
             f'<text x="24" y="34" class="title">{escape(heading)}</text>',
             f'<text x="24" y="54" class="sub">{escape(note[0])}</text>',
             f'<text x="24" y="71" class="sub">{escape(note[1])}</text>']
    for i, panel in enumerate(panels):
        parts += draw_panel(panel, xs, " · ".join(x_label), HEAD + PANEL_HEIGHT * i)
    return "\n".join([*parts, "</svg>", ""])
