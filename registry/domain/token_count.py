"""How many tokens texts are.

What counts them is the caller's: a tokenizer or a model server is not plain Python, so the rules
are handed a function (`registry.tokenizing` makes one); without it, tokens are estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from registry.domain.model_pin import ModelPin

#: Characters that one token stands for, in English prose and usual tokenizers. Every sentence that
#: rests on this says so.
CHARACTERS_PER_TOKEN = 4
ESTIMATED = f"estimated at {CHARACTERS_PER_TOKEN} characters a token"


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of some texts, in their order, all counted in the same way.

    `how` says in which, in a few words: "counted by the server of smollm2".
    """

    tokens: tuple[int, ...]
    how: str

    @property
    def is_estimate(self) -> bool:
        """Whether no tokenizer has seen the texts."""
        return self.how == ESTIMATED


#: Texts that are to be counted in the same way.
Row = Sequence[str]
#: The tokens of each row of texts on a model, in the order of the rows; None: no model is known.
CountTokens = Callable[[ModelPin | None, Sequence[Row]], Sequence[Counted]]


def estimated(_pin: ModelPin | None, rows: Sequence[Row]) -> list[Counted]:
    """About how many tokens the texts are on any model."""
    return [Counted(tuple(tokens(len(text)) for text in row), ESTIMATED) for row in rows]


def tokens(characters: int) -> int:
    """About how many tokens so many characters are, rounded up."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def most_tokens(text: str) -> int:
    """More tokens than this no tokenizer in use makes of the text: one for each of its bytes."""
    return len(text.encode())
