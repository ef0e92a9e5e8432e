"""Draws the plots of docs/performance.md as SVG; they have too few shapes to need a library."""

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from bench.scenarios.results import Results

WIDTH, LEFT, RIGHT, LINE = 760, 200, 70, 22  # pixels: the picture, its margins, a bar with its gap
INK, PALE, GRID = "#24292f", "#57606a", "#d0d7de"
COLOURS = ("#0969da", "#cf222e", "#8250df", "#bf8700", "#1a7f37", "#57606a", "#bc4c00", "#0550ae")
BURST, QUIET = "#0969da", "#9ec5f7"


def cost(results: Results, names: Sequence[str]) -> str:
    """Returns a bar chart of what a million deliveries cost, in a burst and at a quiet rate."""
    bars = [(name, results.median(name, "burst") or 0, results.median(name, "quiet") or 0) for name in names]
    least = min(min(burst, quiet or burst) for _, burst, quiet in bars) / 1.6
    most = max(max(burst, quiet) for _, burst, quiet in bars)
    scale = _LogScale(least, most, LEFT, WIDTH - RIGHT)
    height = 50 + len(bars) * (2 * LINE + 8)
    shapes = list(scale.grid(30, height - 14))
    shapes.append(_text(LEFT, 16, "seconds of a core for 1,000,000 deliveries; dark: burst, light: 5 events a second"))
    for row, (name, burst, quiet) in enumerate(bars):
        top = 36 + row * (2 * LINE + 8)
        shapes.append(_text(LEFT - 8, top + LINE + 4, name, "end"))
        for place, (value, colour) in enumerate(((burst, BURST), (quiet, QUIET))):
            if value:
                shapes += _bar(scale, top + place * LINE, value, colour)
    return _picture(height, shapes)


def growth(results: Results, names: Sequence[str]) -> str:
    """Returns a line chart of what a million deliveries of a burst cost, by number of readers."""
    few, many = growth_readers(results)[0], growth_readers(results)[-1]
    names = [name for name in names if results.all(name, f"burst at {few}")]
    places = ((few, f"burst at {few}"), (1000, "burst"), (many, f"burst at {many}"))
    lines = {
        name: [(readers, cost) for readers, measure in places if (cost := results.median(name, measure))]
        for name in names
    }
    costs = [cost for line in lines.values() for _, cost in line]
    across = _LogScale(min(few, 1000), max(many, 1000), LEFT, WIDTH - RIGHT)
    upwards = _LogScale(min(costs) / 1.3, max(costs) * 1.3, 340, 40)
    shapes = [_text(20, 20, "seconds of a core for 1,000,000 deliveries of a burst, by number of readers")]
    for readers, _ in places:
        shapes.append(_line([(across.at(readers), 40), (across.at(readers), 340)], GRID, 1))
        shapes.append(_text(across.at(readers), 358, f"{readers:,}", "middle", PALE))
    label_y = 0.0
    for name, colour in sorted(zip(names, COLOURS, strict=False), key=lambda each: -lines[each[0]][0][1]):
        points = [(across.at(readers), upwards.at(value)) for readers, value in lines[name]]
        label_y = max(points[0][1], label_y + 15)  # labels do not overlap
        shapes.append(_line(points, colour, 2))
        shapes.append(_text(LEFT - 8, label_y + 4, f"{name} {lines[name][0][1]:.1f}", "end", colour))
        shapes.append(_text(WIDTH - RIGHT + 6, points[-1][1] + 4, f"{lines[name][-1][1]:.1f}", "start", colour))
    return _picture(370, shapes)


def growth_readers(results: Results) -> list[int]:
    """Returns the numbers of readers with which growth was measured, in ascending order."""
    names = [name.partition(" / ")[0] for name in results.figures]
    return sorted({int(name.removeprefix("burst at ")) for name in names if name.startswith("burst at ")})


class _LogScale:
    """A logarithmic scale between two coordinates."""

    def __init__(self, least: float, most: float, start: float, end: float) -> None:
        self._least, self._start = least, start
        self._step = (end - start) / (math.log(most / least) or 1.0)
        self._most = most

    def at(self, value: float) -> float:
        return self._start + math.log(value / self._least) * self._step

    def grid(self, top: float, bottom: float) -> Iterator[str]:
        for power in range(math.ceil(math.log10(self._least)), math.floor(math.log10(self._most)) + 1):
            place = self.at(10**power)
            yield _line([(place, top), (place, bottom)], GRID, 1)
            yield _text(place, bottom + 12, f"{10**power:g}", "middle", PALE)


def _bar(scale: _LogScale, top: float, value: float, colour: str) -> Iterator[str]:
    end = scale.at(value)
    yield f'<rect x="{LEFT}" y="{top}" width="{end - LEFT:.1f}" height="{LINE - 4}" fill="{colour}"/>'
    yield _text(end + 6, top + 13, f"{value:.1f}" if value < 100 else f"{value:.0f}")


def _line(points: Sequence[tuple[float, float]], colour: str, width: int) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _picture(height: float, shapes: Sequence[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    back = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join((head, back, *shapes, "</svg>", ""))
