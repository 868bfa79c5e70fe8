"""Waiting for a run over a connection that breaks, with a clock that is told."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from assay.answers import EvalRun
from assay.errors import AssayApiError
from assay.problems import problem, unreachable
from assay.reading import read
from assay.waiting import Pace, wait
from tests.integration.assay.bodies import finished, run

GONE = unreachable("http://server", "refused")
RUNNING = read(EvalRun, run(status="running"))
DONE = read(EvalRun, finished("PASS"))


class Story:
    """A server that answers as written down, and a clock that moves when somebody sleeps."""

    def __init__(self, answers: Iterable[EvalRun | AssayApiError]) -> None:
        self.answers = iter(answers)
        self.now = 0.0
        self.slept: list[float] = []
        self.moves = 0
        self.losses: list[float] = []

    def look(self) -> EvalRun:
        answer = next(self.answers)
        if isinstance(answer, AssayApiError):
            raise answer
        return answer

    def moved(self, run: EvalRun) -> None:
        self.moves += 1

    def lost(self, error: AssayApiError, pause: float) -> None:
        self.losses.append(pause)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def wait(self, pace: Pace) -> EvalRun:
        return wait(self.look, self, pace, clock=lambda: self.now, sleep=self.sleep)


def test_a_run_that_is_over_is_returned_at_once() -> None:
    story = Story([DONE])
    assert story.wait(Pace()) is DONE
    assert (story.slept, story.moves) == ([], 1)


def test_it_asks_less_and_less_often() -> None:
    story = Story([*[RUNNING] * 40, DONE])
    story.wait(Pace())
    assert story.slept == sorted(story.slept)
    assert story.slept[-1] == Pace().slowest
    assert story.moves == 41


def test_it_backs_off_while_the_server_is_gone_and_begins_anew_when_it_is_back() -> None:
    story = Story([RUNNING, *[GONE] * 8, RUNNING, GONE, DONE])
    assert story.wait(Pace()) is DONE
    assert story.losses == [0.25, 0.5, 1, 2, 4, 8, 15, 15, 0.25]


def test_patience_counts_from_the_first_loss_in_a_row() -> None:
    back = Story([*[GONE] * 5, RUNNING, *[GONE] * 5, DONE])
    assert back.wait(Pace(patience=9)) is DONE
    gone = Story([GONE] * 50)
    with pytest.raises(AssayApiError, match="refused"):
        gone.wait(Pace(patience=9))
    assert 9 <= gone.now < 9 + 15


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_waited_for(status: int) -> None:
    assert Story([problem(status, None), DONE]).wait(Pace()) is DONE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_what_waiting_cannot_cure_is_raised_at_once(status: int) -> None:
    story = Story([problem(status, {"detail": "no"}), DONE])
    with pytest.raises(AssayApiError, match="no"):
        story.wait(Pace())
    assert story.slept == []


def test_a_cancelled_run_is_over() -> None:
    cancelled = read(EvalRun, run(status="cancelled"))
    assert Story([RUNNING, cancelled]).wait(Pace()) is cancelled
