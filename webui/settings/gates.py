"""The gates in force: which policy guards which tag, and what it asks for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from registry import queries
from registry.domain.policy import GatePolicy
from webui.people import page


@page()
def gates(request: HttpRequest) -> HttpResponse:
    """Every policy of gates.yaml as the last sync read it."""
    own = queries.prompts_by_gate()
    policies = [
        {"rule": GatePolicy.from_json(row.spec), "row": row, "prompts": own.get(row.name, 0)}
        for row in queries.policies()
    ]
    context = {"policies": policies, "mirror": queries.mirror()}
    return render(request, "webui/settings/gates.html", context)
