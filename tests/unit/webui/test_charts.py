"""What charts are drawn from: all of it, in an order and with an axis that can be drawn."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evals.report.times import curve_of
from webui.charts import Bar, Chart, Curve, differences, distributions, shares, sparkline

SHARES = st.floats(0, 1)


def read(chart: Chart | None) -> Any:
    assert chart is not None
    return json.loads(chart.data)


def test_a_bar_keeps_what_it_is_compared_with() -> None:
    bars = [Bar("json", "candidate", 0.9, 0.8, 0.95, beside=0.85), Bar("all", "whole", 1, 1, 1)]
    first, second = read(shares(bars))["bars"]
    assert (first["value"], first["low"], first["high"], first["beside"]) == (0.9, 0.8, 0.95, 0.85)
    assert second["beside"] is None


@given(st.lists(st.tuples(SHARES, SHARES, SHARES).map(sorted), min_size=1), SHARES)
def test_every_share_and_every_line_is_on_the_axis(
    intervals: list[list[float]], floor: float
) -> None:
    bars = [Bar("one", "candidate", value, low, high) for low, value, high in intervals]
    drawn = read(shares(bars, [(floor, "floor")]))
    start, end = drawn["range"]
    assert 0 <= start < end == 1
    assert start <= min([floor, *(low for low, _, _ in intervals)]) + 1e-6


@given(st.floats(-1, 1), st.floats(0, 1))
def test_no_change_is_in_the_middle_of_differences(change: float, margin: float) -> None:
    low, high = max(-1, change - 0.1), min(1, change + 0.1)
    bars = [Bar("one", "candidate", change, low, high)]
    drawn = read(differences(bars, [(-margin, "margin")]))
    start, end = drawn["range"]
    assert start == -end
    assert [name for _, name in drawn["lines"]] == ["no change", "margin"]
    assert start <= min(low, -margin) + 1e-6
    assert max(high, margin) - 1e-6 <= end


def test_curves_come_as_they_were_measured() -> None:
    candidate = Curve("candidate", "candidate", curve_of([10.0, 20.0, 40.0, 50.0]))
    drawn = read(distributions([candidate, Curve("live", "live", ())]))
    [curve] = drawn["curves"]
    assert curve["points"] == [[10, 0.25], [20, 0.5], [40, 0.75], [50, 1]]


def test_a_thousand_answers_are_a_hundred_steps() -> None:
    points = curve_of([float(value) for value in range(1, 1001)])
    assert len(points) == 101
    assert points[-1] == (1000.0, 1.0)
    assert all(share == value / 1000 for value, share in points)


def test_a_look_in_vain_is_a_gap() -> None:
    drawn = read(sparkline([(1.0, 2.0), (2.0, None), (3.0, 0.5)]))
    assert drawn["points"] == [[1, 2], [2, None], [3, 0.5]]


def test_times_of_day_keep_their_seconds() -> None:
    at = 1_700_000_123.4
    assert read(sparkline([(at, 1.0)]))["points"] == [[1_700_000_123, 1]]


def test_nothing_measured_is_no_picture() -> None:
    assert shares([], [(0.5, "floor")]) is None
    assert differences([]) is None
    assert distributions([Curve("live", "live", ())]) is None
    assert sparkline([]) is None
    assert sparkline([(1.0, None)]) is None
