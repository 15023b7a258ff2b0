import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from release_tools.reporting.plot import Chart, Line, drawn, tick_step

SVG = "{http://www.w3.org/2000/svg}"
SIZES = Chart(
    title="Size",
    measured="download",
    unit="MB",
    lines=(Line(name="linux", values=(10.0, 20.0, 40.0)), Line(name="windows", values=(30.0, None, 5.0))),
)


def tree(*, title: str = "Sizes", places: tuple[str, ...] = ("1.0", "1.1", "2.0"), chart: Chart = SIZES) -> ET.Element:
    return ET.fromstring(drawn(title, places, "version", [chart]))  # noqa: S314 - our own text, made just now


def texts(picture: ET.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def test_the_picture_names_what_it_shows_with_units_versions_and_a_legend() -> None:
    shown = texts(tree())
    for text in ("Sizes", "Size", "download (MB)", "version", "1.0", "1.1", "2.0", "linux", "windows", "0", "10", "40"):
        assert text in shown


def test_every_value_is_a_point_at_its_height_that_says_what_it_is() -> None:
    points = {point[0].text: point for point in tree().iter(f"{SVG}circle")}
    assert set(points) == {
        "linux 1.0: 10 MB",
        "linux 1.1: 20 MB",
        "linux 2.0: 40 MB",
        "windows 1.0: 30 MB",
        "windows 2.0: 5 MB",
    }
    heights = [float(points[f"linux {place}"].attrib["cy"]) for place in ("1.0: 10 MB", "1.1: 20 MB", "2.0: 40 MB")]
    assert heights[0] - heights[2] == pytest.approx(3 * (heights[0] - heights[1]), abs=0.3)
    places = [float(points[f"linux {place}"].attrib["cx"]) for place in ("1.0: 10 MB", "1.1: 20 MB", "2.0: 40 MB")]
    assert places == sorted(places)


def test_everything_is_inside_the_picture() -> None:
    picture = tree()
    width, height = (float(picture.attrib[key]) for key in ("width", "height"))
    for point in picture.iter(f"{SVG}circle"):
        assert 0 < float(point.attrib["cx"]) < width
        assert 0 < float(point.attrib["cy"]) < height


def test_names_from_outside_stay_text() -> None:
    evil = '</text><script href="x">&'
    chart = Chart(title=evil, measured=evil, unit=evil, lines=(Line(name=evil, values=(1.0,)),))
    picture = tree(title=evil, places=(evil,), chart=chart)
    assert [element for element in picture.iter() if "script" in element.tag] == []
    assert texts(picture).count(evil) == 3


def test_it_has_a_name_for_screen_readers_and_colours_for_light_and_dark_pages() -> None:
    picture = tree()
    assert picture.attrib["role"] == "img"
    assert picture.findtext(f"{SVG}title") == "Sizes"
    style = picture.findtext(f"{SVG}style") or ""
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    for number in range(2):
        assert re.search(rf"\.line{number} {{ color: (#\w+)", light) != re.search(
            rf"\.line{number} {{ color: (#\w+)", dark
        )


def test_lines_differ_by_their_dashes_too() -> None:
    lines = [line.attrib["stroke-dasharray"] for line in tree().iter(f"{SVG}polyline")]
    assert lines == ["none", "8 3", "none", "8 3"]


def test_of_many_versions_a_few_have_labels_and_the_newest_is_among_them() -> None:
    places = tuple(f"1.{number}" for number in range(43))
    chart = Chart(title="T", measured="m", unit="u", lines=(Line(name="one", values=(1.0,) * 43),))
    shown = [text for text in texts(tree(places=places, chart=chart)) if text in places]
    assert 5 <= len(shown) <= 10
    assert "1.42" in shown


def test_a_long_version_is_cut() -> None:
    chart = Chart(title="T", measured="m", unit="u", lines=(Line(name="one", values=(1.0,)),))
    assert "1.2.3+dev.g…" in texts(tree(places=("1.2.3+dev.g1a2b3c4",), chart=chart))


@pytest.mark.parametrize("largest", [0.0, 0.003, 0.3, 1.0, 5.9, 6.0, 6.1, 47.2, 60.0, 999.0, 1e9])
def test_steps_are_round_and_neither_few_nor_many(largest: float) -> None:
    step = tick_step(largest)
    assert f"{step:e}".rstrip("0")[0] in "125"
    assert step * 6 >= largest
    if largest:
        assert step * 2 <= largest


def test_a_chart_of_nothing_but_zeros_or_gaps_can_be_drawn() -> None:
    for values in ((0.0, 0.0), (None, None)):
        chart = Chart(title="T", measured="m", unit="u", lines=(Line(name="one", values=values),))
        heights = [float(line.attrib["y1"]) for line in tree(places=("1", "2"), chart=chart).iter(f"{SVG}line")]
        assert all(lower > upper for lower, upper in pairwise(heights))
