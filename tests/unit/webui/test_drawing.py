"""Curves as SVG paths: inside the picture, rising, and true to their figures."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.report.times import curve_of
from webui.drawing import Curve, distributions

MILLISECONDS = st.floats(0, 1e7, allow_nan=False)


def curve(*values: float, label: str = "candidate") -> Curve:
    return Curve(label, label, curve_of(sorted(values)))


def steps(path: str) -> list[tuple[float, float]]:
    """The corners of a path of `H` and `V`: x before each `V`, and its y."""
    return [(float(x), float(y)) for x, y in re.findall(r"H([\d.]+)V([\d.]+)", path)]


def test_every_answer_is_a_step_and_the_last_one_reaches_the_top() -> None:
    plot = distributions([curve(10, 20, 40, 50)])
    assert plot is not None
    [(_, path)] = plot.curves
    ys = [y for _, y in steps(path)]
    assert ys == [160.0, 112.0, 64.0, 16.0]
    assert ys[-1] == plot.top
    assert plot.x_ticks[0][1] == "10"
    assert plot.x_ticks[-1][1] == "50"


def test_two_arms_share_one_scale() -> None:
    plot = distributions([curve(10, 20), curve(1000, 2000, label="live")])
    assert plot is not None
    fast, slow = (steps(path) for _, path in plot.curves)
    assert fast[-1][0] < slow[0][0]
    assert [label for _, label in plot.x_ticks][:3] == ["10", "20", "50"]


def test_nothing_measured_is_no_picture() -> None:
    assert distributions([]) is None
    assert distributions([Curve("live", "live", ())]) is None


def test_a_thousand_answers_are_a_hundred_steps() -> None:
    points = curve_of([float(value) for value in range(1, 1001)])
    assert len(points) == 101
    assert points[-1] == (1000.0, 1.0)
    assert all(share == value / 1000 for value, share in points)


@pytest.mark.parametrize("value", [0.0, 0.004, 1.0, 123.456, 1e6])
def test_one_answer_is_a_picture_too(value: float) -> None:
    plot = distributions([curve(value)])
    assert plot is not None
    assert len(plot.x_ticks) >= 2


@given(st.lists(st.lists(MILLISECONDS, min_size=1, max_size=300), min_size=1, max_size=3))
def test_whatever_was_measured_stays_inside_and_rises(arms: list[list[float]]) -> None:
    plot = distributions([curve(*values) for values in arms])
    assert plot is not None
    xs = [x for x, _ in plot.x_ticks]
    assert xs == sorted(xs)
    assert (xs[0], xs[-1]) == (plot.left, plot.right)
    assert len(xs) <= 12
    for _, path in plot.curves:
        corners = steps(path)
        assert all(plot.left <= x <= plot.right for x, _ in corners)
        assert corners == sorted(corners, key=lambda corner: (corner[0], -corner[1]))
