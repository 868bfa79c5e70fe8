"""A scripted model server that judges."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from serving.probes import PROBES, company
from tests.integration.evals.model_server import ModelServer, Reply, Say

#: What a judge says to what it is shown: texts by what they are (answer, question, answer a…).
Judge = Callable[[dict[str, str]], Any]
#: What is asked to find out which model it is.
_PROBES = {probe.user for probe in PROBES} | {chat.messages[-1].content for chat in company()}
_FENCED = re.compile(
    r"<<<(?!end)([a-z ]+) [0-9a-f]{16}>>>\n(.*?)\n<<<end of \1 [0-9a-f]{16}>>>", re.DOTALL
)


def verdict(value: object) -> str:
    return json.dumps({"reasoning": "because", "verdict": value})


class Umpire(ModelServer):
    """A model that judges: `judge` gives a verdict, or a whole reply."""

    def __init__(self, judge: Judge) -> None:
        super().__init__(lambda _question, _nth: Say("never"))
        self.judge = judge
        self.seen: list[dict[str, str]] = []

    def decide(self, question: str, nth: int) -> Reply:
        if question in _PROBES:
            return super().decide(question, nth)
        texts = dict(_FENCED.findall(question)) | {"whole": question}
        self.seen.append(texts)
        said = self.judge(texts)
        if isinstance(said, int | str):
            return Say(verdict(said), prompt_tokens=100, completion_tokens=7)
        return said  # type: ignore[no-any-return]

    @property
    def of_cases(self) -> list[dict[str, str]]:
        """What it was shown of the suite's cases: canaries ask something else."""
        return [texts for texts in self.seen if texts.get("question", "").startswith("case ")]


def by_the_word(texts: dict[str, str]) -> int:
    """An honest judge: what is good, or yes, is a 5."""
    return 5 if re.match(r"(good|yes)\b", texts["answer"]) else 1
