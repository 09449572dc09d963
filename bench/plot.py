"""Recall–QPS curves as an SVG that is legible on light and on dark pages."""

import math
from html import escape

WIDTH, HEIGHT = 860, 500
LEFT, RIGHT, TOP, BOTTOM = 72, 190, 56, 60
RECALLS = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
LOWEST, HIGHEST = 0.8, 0.9995
COLOURS = {
    "hither-sq8+f16": "#2f81d8", "hither-sq4+f16": "#4a5fe0", "hither-f16": "#0f9d8a", "hither-sq8-only": "#8b6be0",
    "hither-ivf-sq8+f16": "#56b4c9", "symphonyqg-f32": "#3d9a3d", "svs-f16": "#c24fc9",
    "hnswlib-f32": "#e0662f", "usearch-f16": "#b58a12", "faiss-fp16": "#d6456b", "faiss-sq8": "#7d8590",
    "faiss-ivf-sq8+f16": "#8c5a3c",
}
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .quiet { fill: #59636e }
  .page { fill: #ffffff }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .target { stroke: #8c959f; stroke-width: 1; stroke-dasharray: 4 3 }
  .curve { fill: none; stroke-linejoin: round; stroke-linecap: round }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .page { fill: #0d1117 }
    .grid { stroke: #2b323b }
    .target { stroke: #6e7681 }
  }
"""


def across(recall):
    """The horizontal place of a recall: equal steps halve the error, so that 0.99 has room."""
    place = lambda value: -math.log(1 - min(value, HIGHEST))
    part = (place(recall) - place(LOWEST)) / (place(HIGHEST) - place(LOWEST))
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def short(qps):
    """A rate as the label of a tick."""
    return f"{qps / 1000:g}k" if qps >= 1000 else f"{qps:g}"


def ticks(low, high):
    """1, 2 and 5 of each power of ten between two rates, and those that enclose them."""
    steps = [mark * 10**power for power in range(0, 7) for mark in (1, 2, 5)]
    first = max((step for step in steps if step <= low), default=steps[0])
    last = min((step for step in steps if step >= high), default=steps[-1])
    return [step for step in steps if first <= step <= last]


def visible(curve):
    """The part of a curve inside the picture, starting where it crosses the left edge."""
    inside, before = [], None
    for point in curve:
        if point["recall"] >= LOWEST:
            if before and not inside and point["recall"] > before["recall"]:
                # The point of entry on the drawn line, which is straight in the picture's scales.
                part = (across(LOWEST) - across(before["recall"])) / (across(point["recall"]) - across(before["recall"]))
                edge = math.exp(math.log(before["qps"]) * (1 - part) + math.log(point["qps"]) * part)
                inside.append({"recall": LOWEST, "qps": edge, "edge": True})
            inside.append(point)
        before = point
    return inside


def draw(title, subtitle, curves):
    """The SVG of curves by name, each a list of {recall, qps} in order of effort."""
    shown = {name: visible(curve) for name, curve in curves.items()}
    shown = {name: curve for name, curve in shown.items() if curve}
    rates = [point["qps"] for curve in shown.values() for point in curve] or [1, 10]
    marks = ticks(min(rates), max(rates))
    low, high = math.log(marks[0]), math.log(marks[-1])
    up = lambda qps: HEIGHT - BOTTOM - (math.log(qps) - low) / (high - low or 1) * (HEIGHT - TOP - BOTTOM)
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(title)}">',
           f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>",
           f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
           f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>',
           f'<text class="quiet" x="{LEFT}" y="43">{escape(subtitle)}</text>']
    for recall in RECALLS:
        x = across(recall)
        kind = "target" if recall in (0.95, 0.99) else "grid"
        out.append(f'<line class="{kind}" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{floor}"/>')
        out.append(f'<text class="quiet" x="{x:.1f}" y="{floor + 19}" text-anchor="middle">{recall:g}</text>')
    out.append(f'<text class="quiet" x="{right}" y="{floor + 19}" text-anchor="middle">≥ {HIGHEST:g}</text>')
    for mark in marks:
        y = up(mark)
        out.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        out.append(f'<text class="quiet" x="{LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end">{short(mark)}</text>')
    out.append(f'<text x="{(LEFT + right) / 2:.0f}" y="{HEIGHT - 14}" text-anchor="middle">recall@10</text>')
    middle = (TOP + floor) / 2
    out.append(f'<text transform="translate(20 {middle:.0f}) rotate(-90)" text-anchor="middle">'
               "queries per second, one thread (log)</text>")
    for name, curve in shown.items():
        colour, mine = COLOURS.get(name, "#7d8590"), name.startswith("hither")
        path = " ".join(f'{across(point["recall"]):.1f},{up(point["qps"]):.1f}' for point in curve)
        dashes = "" if mine else ' stroke-dasharray="7 4"'
        out.append(f'<g stroke="{colour}" fill="{colour}"><polyline class="curve" points="{path}" '
                   f'stroke-width="{3 if mine else 1.8}"{dashes}/>')
        out += [f'<circle cx="{across(point["recall"]):.1f}" cy="{up(point["qps"]):.1f}" '
                f'r="{3.4 if mine else 2.6}" stroke="none"/>' for point in curve if not point.get("edge")]
        out.append("</g>")
    for at, name in enumerate(shown):
        y, colour, mine = TOP + 14 + 24 * at, COLOURS.get(name, "#7d8590"), name.startswith("hither")
        dashes = "" if mine else ' stroke-dasharray="7 4"'
        out.append(f'<line x1="{right + 18}" y1="{y}" x2="{right + 50}" y2="{y}" stroke="{colour}" '
                   f'stroke-width="{3 if mine else 1.8}"{dashes}/>')
        out.append(f'<text x="{right + 58}" y="{y + 4.5}">{escape(name)}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
