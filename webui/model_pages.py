"""Pinned models: what models.yaml says, what their servers say and serve."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from evals import probing as looks
from registry import probing, queries
from registry.domain.actor import Scope
from registry.domain.model_pin import ModelPin
from registry.models import ModelProbe
from webui.charts import Chart, sparkline
from webui.gauges import gauges, readings
from webui.people import actor_of, page

_LOOKS, _LIVE_A_PAGE = 30, 30
#: Looks that the gauges are drawn from (a day at the default interval), and those in their table.
_LOADS, _FIGURES = 288, 48


@page()
def listed(request: HttpRequest) -> HttpResponse:
    """Every current pin with the last look at its server."""
    rows = list(queries.models())
    keys = [row.pk for row in rows]
    newest, compared = probing.newest_probes(keys), probing.last_comparisons(keys)
    alarms = {alarm.model_id: alarm for alarm in queries.model_alarms()}
    models = [
        {
            "row": row,
            "pin": ModelPin.from_json(row.pin),
            "probe": newest.get(row.pk),
            "comparison": compared.get(row.pk),
            "alarm": alarms.get(row.pk),
        }
        for row in rows
    ]
    return render(request, "webui/models.html", {"models": models})


@page("POST")
def model(request: HttpRequest, model: str) -> HttpResponse:
    """One pin and the newest looks at its server; POST has it looked at now."""
    actor = actor_of(request)
    row = queries.current_model(model)
    if request.method == "POST":
        actor.require(Scope.EVALUATE)
        looks.ask_for_probe(row, with_fingerprint=True)
        messages.success(request, "A worker looks at the server now; open the page again soon.")
        return redirect("page-model", model=model)
    figures = readings(probing.loads(row, _LOADS))
    probes = list(probing.probes(row, _LOOKS))
    context = {
        "distances": _distances(probes),
        "gauges": gauges(figures),
        "figures": figures[:_FIGURES],
        "row": row,
        "pin": ModelPin.from_json(row.pin),
        "probes": probes,
        "alarm": queries.ringing_alarm(row),
        "page": Paginator(queries.live_on(row), _LIVE_A_PAGE).get_page(request.GET.get("page")),
        "may_evaluate": actor.may(Scope.EVALUATE),
    }
    return render(request, "webui/model.html", context)


def _distances(probes: Sequence[ModelProbe]) -> Chart | None:
    """How far the fingerprint was from the pinned one, look by look (newest first)."""
    measured = [one for one in reversed(probes) if one.distance is not None]
    points = [(one.at.timestamp(), one.distance) for one in measured]
    return sparkline(points) if len(points) > 1 else None
