"""Would the constants be right for a family nobody has measured? Each is fitted without it here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from statistics import mean, median

import pytest

from serving.planner.budget import budget
from serving.planner.request import Settings, settle
from serving.planner.tensors import padded_vocabulary
from serving.planner.terms import activation, forward_width
from serving.planner.versions import ByRanks, Engine
from serving.planner.weights import GIB
from tests.unit.serving.planner.measured import STARTS, Start

SETTLED = tuple((start, settle(start.request())) for start in STARTS)
FAMILIES = tuple(sorted({settings.model.model_type for _, settings in SETTLED}))
Row = tuple[Start, Settings]


def plain(rows: Iterable[Row]) -> list[Row]:
    """Rows whose activation is one formula alone: no experts, images or pipeline."""
    return [
        (start, settings)
        for start, settings in rows
        if not settings.model.experts and not settings.model.vision and settings.pp == 1
    ]


def hidden_gib(settings: Settings) -> float:
    elements = settings.max_num_batched_tokens * settings.model.hidden_size
    return elements * settings.width / GIB


def fitted(rows: list[Row], engine: Engine) -> Engine:
    """The three kinds of constants that decide KV at 0.19, from these rows and no others."""
    non_torch = tuple(
        (
            tp,
            mean(
                start.non_torch for start, settings in rows if (settings.tp, settings.pp) == (tp, 1)
            ),
        )
        for tp in (1, 2, 4)
    )
    sampled, forwarded = [], []
    for start, settings in plain(rows):
        active, hidden = activation(settings), hidden_gib(settings)
        if active.sampler > active.forward:
            logits = settings.max_num_seqs * padded_vocabulary(settings.model) / GIB
            sampled.append((start.activation - hidden) / logits - settings.width)
        else:
            wide = forward_width(settings.model, settings.tp) / settings.model.hidden_size
            forwarded.append(start.activation / hidden - wide)
    return replace(
        engine,
        sampler_bytes_per_logit=round(median(sampled)),
        forward_hidden_buffers=mean(forwarded),
        non_torch_gib=ByRanks(non_torch),
        family_non_torch_gib=(),
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_that_was_held_out_is_predicted_within_two_per_cent(family: str) -> None:
    others = [row for row in SETTLED if row[1].model.model_type != family]
    errors = []
    for start, settings in SETTLED:
        if settings.model.model_type == family and settings.pp == 1:
            engine = fitted(others, settings.engine)
            kv = budget(replace(settings, engine=engine)).kv_gib
            errors.append(abs(100 * (kv / start.kv - 1)))
    print(f"\nheld out {family}: mean {mean(errors):.2f} %, worst {max(errors):.2f} %")
    assert max(errors) < 2
