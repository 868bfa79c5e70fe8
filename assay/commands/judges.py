"""judge: which judges there are, and how far each is to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay import exit_codes, output
from assay.connection import connected
from assay.fields import document
from assay.options import AsJson
from assay.waiting import Pace, wait

if TYPE_CHECKING:
    from assay.client import Assay
    from assay.errors import AssayApiError
    from assay.judge_calls import Figures, Judge, Kappa, Share, Trial

app = typer.Typer(name="judge", help="Models that judge answers, and whether to believe them.")


@app.command("list")
def list_judges(as_json: AsJson = False) -> None:
    """The judges of the suites: measured, trusted, blocked."""
    with connected() as client:
        found = client.judges()
    if as_json:
        output.emit({"judges": [document("judges[]", judge) for judge in found]})
        return
    columns = ("suite", "judge", "rubric", "model", "labels", "kappa", "stands")
    output.table(columns, (_row(judge) for judge in found))


@app.command()
def calibrate(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="The suite that declares it.")],
    judge: Annotated[str, typer.Argument(metavar="JUDGE", help="What the suite calls it.")],
    wait_for_it: Annotated[
        bool, typer.Option("--wait", help="Wait for the figures; they decide the exit code.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what was measured already.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure a judge against the answers that people have labelled.

    With --wait the exit code is 0 when it is trusted under a policy that says nothing about judges,
    1 when it is advisory, 4 when it could not be measured.
    """
    with connected() as client:
        trial = client.calibrate(suite, judge, fresh=fresh)
        if wait_for_it:
            trial = _awaited(client, trial)
    if as_json:
        output.emit(document("judge calibrate", trial))
    else:
        _tell(trial)
    if wait_for_it:
        raise typer.Exit(_exit_code(trial))


def _exit_code(trial: Trial) -> int:
    if trial.trusted is None:
        return exit_codes.NOT_EVALUATED
    return exit_codes.PASS if trial.trusted else exit_codes.GATE_FAILED


class _Quiet:
    """Says only when the server is lost: a calibration has no progress to tell."""

    def moved(self, trial: Any) -> None:
        """Nothing to say."""

    def lost(self, error: AssayApiError, pause: float) -> None:
        """The server did not answer."""
        output.say(f"{output.one_line(error.message)}; asking again in {pause:.0f} s")


def _awaited(client: Assay, trial: Trial) -> Trial:
    try:
        return wait(lambda: client.trial(trial.trial), _Quiet(), Pace())
    except KeyboardInterrupt:
        output.say("the calibration goes on; `assay judge list` has its figures in the end")
        raise typer.Exit(exit_codes.INTERRUPTED) from None


def _tell(trial: Trial) -> None:
    called = output.one_line(f"{trial.suite}/{trial.judge} on {trial.model}")
    if trial.figures is None:
        output.show(f"{trial.status}  {called}")
        if trial.error:
            output.show(f"  - {output.one_line(trial.error)}")
        elif not trial.is_over:
            output.say("`assay judge list` has its figures in the end")
        return
    output.show(f"{'trusted' if trial.trusted else 'advisory'}  {called}")
    output.show(f"  - {output.one_line(trial.sentence)}")
    _tell_figures(trial.figures)


def _tell_figures(figures: Figures) -> None:
    output.show()
    rows = [
        ("accuracy", *_cells(figures.accuracy), figures.accuracy.count),
        ("passes what people pass", *_cells(figures.tpr), figures.tpr.count),
        ("fails what people fail", *_cells(figures.tnr), figures.tnr.count),
        ("kappa", *_cells(figures.kappa), figures.labels),
    ]
    output.table(("", "value", "95 % interval", "labels"), rows)
    output.show()
    output.table(("people say", "the judge says", "answers"), figures.confusion)


def _cells(figure: Share | Kappa) -> tuple[str | None, str]:
    low, high = figure.interval
    value = None if figure.value is None else f"{figure.value:.3f}"
    return value, f"{low:.3f} to {high:.3f}"


def _row(judge: Judge) -> tuple[object, ...]:
    figures = judge.figures
    measured = (figures.labels, f"{figures.kappa.value:.2f}") if figures else (None, None)
    return (judge.suite, judge.judge, judge.rubric, judge.model, *measured, _stands(judge))


def _stands(judge: Judge) -> str:
    if judge.blocked:
        return f"blocked: {judge.blocked[0]}"
    return "trusted" if judge.trusted else f"advisory: {judge.sentence}"
