"""A run as a picture: SVG that can be read on a light page and on a dark one."""

import math
from html import escape

from benches.grown import Growth, curves
from benches.results import DURABLE, HANDLER, MODEL, NOTES, POSTGRES, SQLITE, Results, median

WIDTH, MARGIN, LABELS = 860, 24, 190
BAR, GAP = 20, 8
CHART_HEIGHT = 200
# Classes c0 to c6
COLOURS = 7
# Within what a chart leaves for its axes.
CHART_LEFT, CHART_RIGHT = 76, 190

STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
.page { fill: #ffffff; } .ink { fill: #1f2328; } .faint { fill: #59636e; } .title { font-weight: 600; font-size: 15px; }
.line { stroke: #d1d9e0; } .ours { fill: #1a66cc; } .model { fill: #8c959f; } .disk { fill: #bc6c00; }
.memory { fill: none; stroke: #bc6c00; stroke-width: 1.5; stroke-dasharray: 4 3; }
.curve { fill: none; stroke-width: 2; } .c0 { stroke: #1a66cc; } .c1 { stroke: #8c959f; } .c2 { stroke: #bc6c00; }
.c3 { stroke: #1a7f37; } .c4 { stroke: #8250df; } .c5 { stroke: #cf222e; } .c6 { stroke: #0f7b8a; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; } .ink { fill: #e6edf3; } .faint { fill: #9198a1; } .line { stroke: #3d444d; }
  .ours { fill: #4f9bff; } .model { fill: #7d8590; } .disk { fill: #e0992f; } .memory { stroke: #e0992f; }
  .c0 { stroke: #4f9bff; } .c1 { stroke: #9198a1; } .c2 { stroke: #e0992f; } .c3 { stroke: #3fb950; }
  .c4 { stroke: #ab7df8; } .c5 { stroke: #f85149; } .c6 { stroke: #39c5cf; }
}
"""

Point = tuple[float, float]


class Sheet:
    """Grows downwards; `top` is where the next thing goes."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.top = MARGIN

    def text(self, at: Point, words: str, *, kind: str = "ink", anchor: str = "start") -> None:
        x, y = at
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def title(self, words: str, below: str) -> None:
        self.text((MARGIN, self.top + 14), words, kind="ink title")
        self.text((MARGIN, self.top + 33), below, kind="faint")
        self.top += 52

    def box(self, at: Point, width: float, kind: str) -> None:
        x, y = at
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{BAR}" rx="2" class="{kind}"/>'
        )

    def rule(self, one: Point, other: Point) -> None:
        self._parts.append(
            f'<line x1="{one[0]:.1f}" y1="{one[1]:.1f}" x2="{other[0]:.1f}" y2="{other[1]:.1f}" class="line"/>'
        )

    def curve(self, points: list[Point], kind: str) -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{path}" class="curve {kind}"/>')
        self._parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="curve {kind}"/>' for x, y in points]

    def stroke(self, at: Point, width: float, kind: str) -> None:
        """A piece of a curve, for its name to stand beside."""
        x, y = at
        self._parts.append(f'<path d="M{x:.1f},{y:.1f}h{width:.0f}" class="curve {kind}"/>')

    def __str__(self) -> str:
        height = self.top + MARGIN
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
            f'height="{height:.0f}" role="img" aria-label="Benchmarks of penstock">\n<style>{STYLE}</style>\n'
            f'<rect width="100%" height="100%" class="page"/>\n' + "\n".join(self._parts) + "\n</svg>\n"
        )


def drawn(results: Results) -> str:
    sheet = Sheet()
    _bars(sheet, results)
    if results.by_connections:
        _connections(sheet, results)
    if results.growth:
        _growth(sheet, results.growth)
    return str(sheet)


def _kind(side: str) -> str:
    if side in (SQLITE, POSTGRES):
        return "ours"
    if side in (MODEL, HANDLER):
        return "model"
    return "disk" if side in DURABLE else "memory"


def _bars(sheet: Sheet, results: Results) -> None:
    medians = {side: median(rounds) for side, rounds in results.jobs.items()}
    longest = max(row["jobs"] for row in medians.values())
    sheet.title(
        f"Jobs a second, {results.connections} connections",
        "filled: on disk before it is answered · dashed: in memory alone · grey: the same calls with no engine behind",
    )
    room = WIDTH - 2 * MARGIN - LABELS - 190
    for side, row in medians.items():
        middle = sheet.top + BAR / 2 + 5
        note = f" · {NOTES[side]}" if side in NOTES else ""
        sheet.text((MARGIN + LABELS - 10, middle), side + note, anchor="end")
        length = room * row["jobs"] / longest
        sheet.box((MARGIN + LABELS, sheet.top), length, _kind(side))
        told = f"{row['jobs']:,.0f} · {row['cpu_job']:,.0f} µs CPU each"
        sheet.text((MARGIN + LABELS + length + 8, middle), told, kind="faint")
        sheet.top += BAR + GAP
    sheet.top += 24


class Chart:
    """Curves over a logarithmic x; y goes from nought."""

    def __init__(self, sheet: Sheet, curves: dict[str, list[Point]], unit: str) -> None:
        self._sheet, self._curves, self._unit = sheet, curves, unit
        points = [point for curve in curves.values() for point in curve]
        self._left, self._right = MARGIN + CHART_LEFT, WIDTH - MARGIN - CHART_RIGHT
        self._logs = [math.log(x) for x, _ in points]
        self._step = _round_step(max(y for _, y in points) / 4)
        self._high = self._step * math.ceil(max(y for _, y in points) / self._step)

    def _at(self, point: Point) -> Point:
        low, high = min(self._logs), max(self._logs)
        share = (math.log(point[0]) - low) / (high - low) if high > low else 0.5
        x = self._left + share * (self._right - self._left)
        return x, self._sheet.top + CHART_HEIGHT * (1 - point[1] / self._high)

    def draw(self) -> None:
        sheet = self._sheet
        for number in range(round(self._high / self._step) + 1):
            _, y = self._at((math.exp(self._logs[0]), number * self._step))
            sheet.rule((self._left, y), (self._right, y))
            sheet.text((self._left - 8, y + 4), f"{number * self._step:,g}{self._unit}", kind="faint", anchor="end")
        for x in sorted({x for curve in self._curves.values() for x, _ in curve}):
            at, _ = self._at((x, 0))
            sheet.text((at, sheet.top + CHART_HEIGHT + 18), f"{x:,.0f}", kind="faint", anchor="middle")
        self._draw_curves()
        sheet.top += CHART_HEIGHT + 52

    def _draw_curves(self) -> None:
        names = []
        for number, (name, curve) in enumerate(self._curves.items()):
            placed = [self._at(point) for point in curve]
            self._sheet.curve(placed, f"c{number % COLOURS}")
            names.append((placed[-1][1], name, number))
        lowest = -math.inf
        for y, name, number in sorted(names):
            lowest = max(y, lowest + 18)
            self._sheet.stroke((self._right + 20, lowest), 16, f"c{number % COLOURS}")
            self._sheet.text((self._right + 42, lowest + 4), name)


def _round_step(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)


def _connections(sheet: Sheet, results: Results) -> None:
    sheet.title("Jobs a second by connections", "each connection is a worker that polls, acknowledges and reports")
    by_side: dict[str, list[Point]] = {
        side: [(n, median(found[side])["jobs"]) for n, found in sorted(results.by_connections.items())]
        for side in (SQLITE, MODEL)
    }
    Chart(sheet, by_side, "").draw()


def _growth(sheet: Sheet, growth: Growth) -> None:
    for database, sizes in growth.databases.items():
        if drawn_curves := curves(sizes):
            below = "CPU of a call, as a multiple of what it is with the fewest; 1 is flat"
            sheet.title(f"Cost by the executions stored, on {database}", below)
            Chart(sheet, drawn_curves, " ×").draw()
