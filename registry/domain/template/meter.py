"""What a render may use up. Counted while it runs; the jail is the second wall behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2 import Undefined

from registry.domain.template.errors import RenderRefusedError

#: Characters of one rendered prompt. The largest context windows hold about a million tokens.
MAX_OUTPUT = 4_000_000
#: Characters (and list items) of any one value inside a template.
MAX_SIZE = 1_000_000
#: Loop turns, characters written and values looked at, all together.
MAX_WORK = 10_000_000
MAX_NUMBER_BITS = 256
MAX_VALUE_DEPTH = 32


class Meter:
    """The work left to one render."""

    def __init__(self, work: int = MAX_WORK, output: int = MAX_OUTPUT) -> None:
        self.work = work
        self.output = output

    def spend(self, amount: int) -> None:
        """Take `amount` of work away; refuses when there is none left."""
        self.work -= amount
        if self.work < 0:
            raise RenderRefusedError("The template does too much work.")

    def write(self, characters: int) -> None:
        """Count characters of the final text."""
        self.output -= characters
        if self.output < 0:
            raise RenderRefusedError("The rendered prompt is too long.")


_METER: ContextVar[Meter] = ContextVar("render_meter")


@contextmanager
def metered(meter: Meter) -> Iterator[Meter]:
    """Make `meter` the one that templates spend from."""
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


def spend(amount: int) -> None:
    """Take work from the current render."""
    _METER.get().spend(amount)


def size(value: Any) -> int:
    """Characters and items in `value`, shared parts counted each time they would be printed.

    Refuses what is too big, too deep or no plain data; an undefined value counts 1.
    """
    left = _measure(value, MAX_SIZE, 0)
    if left < 0:
        raise RenderRefusedError("A value in the template is too large.")
    return MAX_SIZE - left


def _measure(value: Any, left: int, depth: int) -> int:
    if depth > MAX_VALUE_DEPTH:
        raise RenderRefusedError("A value in the template is nested too deep.")
    if isinstance(value, str):
        return left - len(value) - 1
    if isinstance(value, Undefined) and depth:
        value._fail_with_undefined_error()  # noqa: SLF001 - a list would print it as "Undefined"
    if isinstance(value, bool) or value is None or isinstance(value, (float, Undefined)):
        return left - 1
    if isinstance(value, int):
        return left - _number(value)
    if isinstance(value, dict):
        parts: Any = (part for pair in value.items() for part in pair)
    elif isinstance(value, (list, tuple)):
        parts = value
    else:
        raise RenderRefusedError(f"Templates cannot use {type(value).__name__} values.")
    left -= 1
    for part in parts:
        left = _measure(part, left, depth + 1)
        if left < 0:
            break
    return left


def _number(value: int) -> int:
    if value.bit_length() > MAX_NUMBER_BITS:
        raise RenderRefusedError("A number in the template is too large.")
    return 1


def checked(value: Any) -> Any:
    """`value` itself, after its size was paid for."""
    spend(size(value))
    return value


def planned(amount: int) -> None:
    """Refuse before making a value of `amount` characters or items, and pay for it."""
    if amount > MAX_SIZE:
        raise RenderRefusedError("A value in the template would be too large.")
    spend(max(amount, 0))
