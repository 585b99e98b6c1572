"""A report as a browser shows it: nothing cut off, and enough contrast."""

import colorsys
import pathlib
import re

import numpy as np
import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("xgboost")

import boost_imbalance as bi
from tests.comparison.report.common import CHROMIUM, in_chromium

STYLE = pathlib.Path(bi.__file__).parent / "comparison" / "report" / "report.css"


def luminance(color):
    return float(
        np.dot([0.2126, 0.7152, 0.0722], [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color])
    )


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_contrast(mode):
    """At least what WCAG 2.2 asks for: 4.5 for text, 3 for graphics."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 2
    colors = {
        name: np.array([int(value[i : i + 2], 16) / 255 for i in (0, 2, 4)])
        for name, value in re.findall(r"--([\w-]+): #(\w{6});", blocks[mode])
    }
    shaded = 0.5 * colors["shade"] + 0.5 * colors["paper"]
    pairs = [("ink", "paper"), ("muted", "paper"), ("accent", "paper"), ("better", "paper"), ("worse", "paper")]
    pairs += [("better", "better-paper"), ("worse", "worse-paper"), ("ink", "notice-paper"), ("muted", "better-paper")]
    for one, other in pairs:
        assert contrast(colors[one], colors[other]) >= 4.5, (one, other)
    assert contrast(0.92 * colors["ink"] + 0.08 * shaded, shaded) >= 4.5
    lines = [color for name, color in colors.items() if name.startswith("line-")]
    assert all(contrast(color, colors["paper"]) >= 3.0 for color in lines)
    hues = sorted(colorsys.rgb_to_hsv(*color)[0] for color in lines)
    assert min(np.diff([*hues, hues[0] + 1.0])) > 0.04


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_in_a_browser(pages, tmp_path):
    light, dark = (in_chromium(tmp_path, pages.values(), dark) for dark in (False, True))
    assert len(light) == len(dark) == 2 * len(pages)
    for one in light + dark:
        assert one["problems"] == []
        assert one["scroll"] <= one["width"]
        assert one["wide"] == []
        assert one["copies"] == one["codes"] == 1
        assert one["ascending"] == ["ascending", sorted(one["ascending"][1])]
        assert one["descending"] == ["descending", sorted(one["ascending"][1], reverse=True)]
        assert one["restored"]
        assert abs(one["first"]) < 1
        assert one["seen"] == one["there"] == [True, False]
        assert one["ink"] == one["tick"]
    assert {one["width"] for one in light} == {380, 1300}
    assert {one["paper"] for one in light} == {"rgb(253, 253, 252)"}
    assert {one["paper"] for one in dark} == {"rgb(22, 24, 27)"}
