"""Line charts as SVG, one below the other.

Written by hand, because a plotting library would be larger than all other build dependencies together.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a chart, with a value or None for each label of the x-axis."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart whose y-axis is labelled with its quantity and unit."""

    title: str
    quantity: str
    unit: str
    lines: tuple[Line, ...]


_WIDTH: Final = 760
_HEADING: Final = 40
_CHART: Final = 300
_LEGEND: Final = 30
_LEFT, _RIGHT, _ABOVE, _BELOW = 70, 20, 40, 60
_MAX_LABELS: Final = 10
_MAX_LABEL_LENGTH: Final = 12
_MAX_TICKS: Final = 6

# Okabe and Ito's colour-blind-safe palette (https://jfly.uni-koeln.de/color/), each with a lighter shade for dark mode.
# The dashes distinguish the lines without colour.
_COLOURS: Final = ("#0072b2", "#b35300", "#00805c", "#a8508a", "#5c5c5c", "#8a6d00")
_COLOURS_ON_DARK: Final = ("#56b4e9", "#ff9d4d", "#2fd0a0", "#e59bca", "#b8b8b8", "#f0e442")
_DASHES: Final = ("none", "8 3", "2 3", "8 3 2 3", "14 4", "4 4")


def plot_svg(title: str, x_labels: Sequence[str], x_title: str, charts: Sequence[Chart]) -> str:
    """The text of an SVG file with these charts, which share their x-axis."""
    names = list(dict.fromkeys(line.name for chart in charts for line in chart.lines))
    height = _HEADING + _CHART * len(charts) + _LEGEND
    size = {"width": str(_WIDTH), "height": str(height), "viewBox": f"0 0 {_WIDTH} {height}"}
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size})
    ET.SubElement(svg, "title").text = title
    ET.SubElement(svg, "desc").text = f"{', '.join(chart.title for chart in charts)}; by {x_title}"
    ET.SubElement(svg, "style").text = _style()
    _add_text(svg, _WIDTH / 2, 26, title, anchor="middle", kind="heading")
    for number, chart in enumerate(charts):
        group = ET.SubElement(svg, "g", {"transform": f"translate(0 {_HEADING + number * _CHART})"})
        _add_chart(group, chart, names, x_labels, x_title)
    _add_legend(svg, names, height - _LEGEND / 2)
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def tick_step(largest: float) -> float:
    """The distance between ticks: the smallest of 0.1, 0.2, 0.5, 1, 2, 5, 10 … that gives few enough of them."""
    power = math.floor(math.log10(largest / _MAX_TICKS)) if largest > 0 else 0
    return next(step for factor in (1, 2, 5, 10, 20) if (step := factor * 10.0**power) * _MAX_TICKS >= largest)


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


def _add_chart(group: ET.Element, chart: Chart, names: Sequence[str], x_labels: Sequence[str], x_title: str) -> None:
    bottom = _CHART - _BELOW
    largest = max((value for line in chart.lines for value in line.values if value is not None), default=0.0)
    step = tick_step(largest)
    top_value = step * max(1, math.ceil(largest / step))

    def x(index: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (index + 0.5) / len(x_labels)

    def y(value: float) -> float:
        return bottom - (bottom - _ABOVE) * value / top_value

    _add_text(group, _LEFT, _ABOVE - 14, chart.title, kind="title")
    _add_text(group, 0, 0, f"{chart.quantity} ({chart.unit})", anchor="middle", rotated_at=(18, (_ABOVE + bottom) / 2))
    for number in range(round(top_value / step) + 1):
        tick_y = y(number * step)
        ends = {"x1": f"{_LEFT}", "x2": f"{_WIDTH - _RIGHT}", "y1": f"{tick_y:.1f}", "y2": f"{tick_y:.1f}"}
        ET.SubElement(group, "line", {"class": "grid", **ends})
        _add_text(group, _LEFT - 8, tick_y + 4, f"{number * step:g}", anchor="end")
    # From the right, so that the newest always has a label.
    for index in range(len(x_labels) - 1, -1, -math.ceil(len(x_labels) / _MAX_LABELS)):
        label = (
            x_labels[index]
            if len(x_labels[index]) <= _MAX_LABEL_LENGTH
            else f"{x_labels[index][: _MAX_LABEL_LENGTH - 1]}…"
        )
        _add_text(group, x(index), bottom + 18, label, anchor="middle")
    _add_text(group, (_LEFT + _WIDTH - _RIGHT) / 2, bottom + 40, x_title, anchor="middle")
    for line in chart.lines:
        points = [(x(index), y(value)) for index, value in enumerate(line.values) if value is not None]
        line_group = ET.SubElement(group, "g", {"class": f"line{names.index(line.name) % len(_COLOURS)}"})
        _add_polyline(line_group, points, names.index(line.name))
        for index, value in enumerate(line.values):
            if value is not None:
                _add_point(line_group, x(index), y(value), f"{line.name} {x_labels[index]}: {value:g} {chart.unit}")


def _add_legend(svg: ET.Element, names: Sequence[str], height: float) -> None:
    share = (_WIDTH - _LEFT - _RIGHT) / max(1, len(names))
    for number, name in enumerate(names):
        left = _LEFT + number * share
        group = ET.SubElement(svg, "g", {"class": f"line{number % len(_COLOURS)}"})
        _add_polyline(group, [(left, height), (left + 26, height)], number)
        _add_text(group, left + 31, height + 4, name)


def _add_polyline(parent: ET.Element, points: Sequence[tuple[float, float]], number: int) -> None:
    look = {"fill": "none", "stroke": "currentColor", "stroke-width": "2"}
    dashes = {"stroke-dasharray": _DASHES[number % len(_DASHES)]}
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ET.SubElement(parent, "polyline", {**look, **dashes, "points": listed})


def _add_point(parent: ET.Element, x: float, y: float, tooltip: str) -> None:
    point = ET.SubElement(parent, "circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3.5", "fill": "currentColor"})
    ET.SubElement(point, "title").text = tooltip


def _add_text(
    parent: ET.Element,
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    kind: str = "",
    rotated_at: tuple[float, float] | None = None,
) -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    if rotated_at:
        attributes["transform"] = f"translate({rotated_at[0]:.1f} {rotated_at[1]:.1f}) rotate(-90)"
    ET.SubElement(parent, "text", {**attributes, **({"class": kind} if kind else {})}).text = text
