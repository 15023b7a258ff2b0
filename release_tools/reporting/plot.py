"""Draws the figures of past releases as one SVG picture: a chart above another, a line per platform in each.

Made by hand, since the plotting libraries are larger than all else that a build needs. `report` decides what is drawn.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a chart: a value for each place on the horizontal axis, None where there is none."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines over one axis, at which stands what is `measured` and, in brackets, its `unit`."""

    title: str
    measured: str
    unit: str
    lines: tuple[Line, ...]


WIDTH: Final = 760
_HEADING: Final = 40
_CHART: Final = 300
_LEGEND: Final = 30
_LEFT, _RIGHT, _ABOVE, _BELOW = 70, 20, 40, 60
_MOST_LABELS: Final = 10
_MOST_LETTERS: Final = 12
_MOST_TICKS: Final = 6

# Okabe and Ito's colours, told apart by people who see few (https://jfly.uni-koeln.de/color/), each with a lighter one
# of the same kind for a dark page. The dashes tell the lines apart without any colour.
_COLOURS: Final = ("#0072b2", "#b35300", "#00805c", "#a8508a", "#5c5c5c", "#8a6d00")
_COLOURS_ON_DARK: Final = ("#56b4e9", "#ff9d4d", "#2fd0a0", "#e59bca", "#b8b8b8", "#f0e442")
_DASHES: Final = ("none", "8 3", "2 3", "8 3 2 3", "14 4", "4 4")


def drawn(title: str, places: Sequence[str], places_title: str, charts: Sequence[Chart]) -> str:
    """The picture as an SVG file's text. `places` name the horizontal axis from left to right."""
    names = list(dict.fromkeys(line.name for chart in charts for line in chart.lines))
    height = _HEADING + _CHART * len(charts) + _LEGEND
    size = {"width": str(WIDTH), "height": str(height), "viewBox": f"0 0 {WIDTH} {height}"}
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size})
    ET.SubElement(svg, "title").text = title
    ET.SubElement(svg, "desc").text = f"{', '.join(chart.title for chart in charts)}; by {places_title}"
    ET.SubElement(svg, "style").text = _style()
    _add_text(svg, WIDTH / 2, 26, title, anchor="middle", kind="heading")
    for number, chart in enumerate(charts):
        group = ET.SubElement(svg, "g", {"transform": f"translate(0 {_HEADING + number * _CHART})"})
        _add_chart(group, chart, names, places, places_title)
    _add_legend(svg, names, height - _LEGEND / 2)
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def tick_step(largest: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 … and their tenths that cuts 0 to `largest` into few enough parts."""
    power = math.floor(math.log10(largest / _MOST_TICKS)) if largest > 0 else 0
    return next(step for factor in (1, 2, 5, 10, 20) if (step := factor * 10.0**power) * _MOST_TICKS >= largest)


def _style() -> str:
    def lines(colours: Sequence[str]) -> str:
        return " ".join(f".line{number} {{ color: {colour}; }}" for number, colour in enumerate(colours))

    return (
        "svg { color: #1f2328; } text { font: 12px system-ui, sans-serif; fill: currentColor; } "
        ".heading { font-size: 16px; font-weight: bold; } .title { font-weight: bold; } "
        ".grid { stroke: currentColor; opacity: 0.2; } "
        f"{lines(_COLOURS)} "
        f"@media (prefers-color-scheme: dark) {{ svg {{ color: #e6edf3; }} {lines(_COLOURS_ON_DARK)} }}"
    )


def _add_chart(group: ET.Element, chart: Chart, names: Sequence[str], places: Sequence[str], places_title: str) -> None:
    bottom = _CHART - _BELOW
    largest = max((value for line in chart.lines for value in line.values if value is not None), default=0.0)
    step = tick_step(largest)
    top_value = step * max(1, math.ceil(largest / step))

    def across(place: int) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (place + 0.5) / len(places)

    def down(value: float) -> float:
        return bottom - (bottom - _ABOVE) * value / top_value

    _add_text(group, _LEFT, _ABOVE - 14, chart.title, kind="title")
    _add_text(group, 0, 0, f"{chart.measured} ({chart.unit})", anchor="middle", turned=(18, (_ABOVE + bottom) / 2))
    for number in range(round(top_value / step) + 1):
        height = down(number * step)
        ends = {"x1": f"{_LEFT}", "x2": f"{WIDTH - _RIGHT}", "y1": f"{height:.1f}", "y2": f"{height:.1f}"}
        ET.SubElement(group, "line", {"class": "grid", **ends})
        _add_text(group, _LEFT - 8, height + 4, f"{number * step:g}", anchor="end")
    # From the right, so that the newest has its label however many there are.
    for place in range(len(places) - 1, -1, -math.ceil(len(places) / _MOST_LABELS)):
        label = places[place] if len(places[place]) <= _MOST_LETTERS else f"{places[place][: _MOST_LETTERS - 1]}…"
        _add_text(group, across(place), bottom + 18, label, anchor="middle")
    _add_text(group, (_LEFT + WIDTH - _RIGHT) / 2, bottom + 40, places_title, anchor="middle")
    for line in chart.lines:
        points = [(across(place), down(value)) for place, value in enumerate(line.values) if value is not None]
        drawn_line = ET.SubElement(group, "g", {"class": f"line{names.index(line.name) % len(_COLOURS)}"})
        _add_polyline(drawn_line, points, names.index(line.name))
        for place, value in enumerate(line.values):
            if value is not None:
                _add_point(
                    drawn_line, across(place), down(value), f"{line.name} {places[place]}: {value:g} {chart.unit}"
                )


def _add_legend(svg: ET.Element, names: Sequence[str], height: float) -> None:
    share = (WIDTH - _LEFT - _RIGHT) / max(1, len(names))
    for number, name in enumerate(names):
        left = _LEFT + number * share
        group = ET.SubElement(svg, "g", {"class": f"line{number % len(_COLOURS)}"})
        _add_polyline(group, [(left, height), (left + 26, height)], number)
        _add_text(group, left + 31, height + 4, name)


def _add_polyline(parent: ET.Element, points: Sequence[tuple[float, float]], number: int) -> None:
    look = {"fill": "none", "stroke": "currentColor", "stroke-width": "2"}
    dashes = {"stroke-dasharray": _DASHES[number % len(_DASHES)]}
    listed = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
    ET.SubElement(parent, "polyline", {**look, **dashes, "points": listed})


def _add_point(parent: ET.Element, across: float, down: float, said: str) -> None:
    point = ET.SubElement(
        parent, "circle", {"cx": f"{across:.1f}", "cy": f"{down:.1f}", "r": "3.5", "fill": "currentColor"}
    )
    ET.SubElement(point, "title").text = said


def _add_text(
    parent: ET.Element,
    across: float,
    down: float,
    text: str,
    *,
    anchor: str = "start",
    kind: str = "",
    turned: tuple[float, float] | None = None,
) -> None:
    place = {"x": f"{across:.1f}", "y": f"{down:.1f}", "text-anchor": anchor}
    if turned:
        place["transform"] = f"translate({turned[0]:.1f} {turned[1]:.1f}) rotate(-90)"
    ET.SubElement(parent, "text", {**place, **({"class": kind} if kind else {})}).text = text
