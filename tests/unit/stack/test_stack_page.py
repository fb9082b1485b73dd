"""The chart of the network on the page of a stack."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from isce2_recipe.stack.page import network_svg

_WIDE = 7  # of a letter of 12 px, SVG units


def chart(days: list[int], name: str = "a pair") -> ElementTree.Element:
    dates = [f"{datetime(2020, 6, 4) + timedelta(day):%Y%m%d}" for day in days]
    pairs = [
        {"name": name, "reference": a, "secondary": b, "days": 6, "perpendicular_m": 30.0, "coherence": 0.5}
        for a, b in pairwise(dates)
    ]
    return ElementTree.fromstring(network_svg(pairs, dates))


@pytest.mark.parametrize(
    "days", [[0, 12], [0, 6, 12], list(range(0, 84, 6)), [0, 1, 2, 300, 360], list(range(0, 1200, 12))]
)
def test_labels_are_inside_and_apart(days: list[int]) -> None:
    labels = [one for one in chart(days).iter("text") if one.get("y") == "262"]
    edges = []
    for one in labels:
        width = _WIDE * len(one.text or "")
        right = float(one.get("x", "")) + width * {"end": 0.0, "middle": 0.5}[one.get("text-anchor", "")]
        edges += [right - width, right]
    assert len(labels) >= 2
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= 640


def test_baselines_are_above_each_other() -> None:
    dots = [float(one.get("cy", "")) for one in chart([0, 6, 12]).iter("circle")]
    assert dots[0] > dots[1] > dots[2]  # y is down, each date is 30 m from the one before
    assert dots[0] - dots[1] == pytest.approx(dots[1] - dots[2], abs=0.2)  # one decimal


def test_texts_are_escaped() -> None:
    titles = [one.text for one in chart([0, 12], "<b>&").iter("title")]
    assert titles[0] == "<b>&, 6 days, coherence 0.50"
