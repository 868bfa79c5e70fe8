"""The one Jinja2 environment: sandboxed, strict, without globals, and every operation measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from registry.domain.template.errors import RenderRefusedError
from registry.domain.template.filters import public_filters, public_tests
from registry.domain.template.meter import (
    MAX_NUMBER_BITS,
    checked,
    planned,
    size,
    spend,
)
from registry.domain.template.tags import PromptTags

MAX_RANGE = 10_000

#: Filters only the rewriting step may use; authors cannot spell them (see inspection.py).
METHOD, RANGE, CONCAT, LITERAL, LOOP = "_method", "_range", "_concat", "_literal", "_loop"

LOOP_FACTS = frozenset(
    "index index0 first last length revindex revindex0 depth depth0 previtem nextitem".split()
)
_TEXT_METHODS: dict[str, Callable[..., Any]] = {
    name: getattr(str, name)
    for name in (
        "capitalize casefold count endswith find isalnum isalpha isdigit islower isspace isupper "
        "lower lstrip removeprefix removesuffix rstrip split splitlines startswith strip title "
        "upper"
    ).split()
}
_MAPPING_METHODS: dict[str, Callable[..., Any]] = {
    "get": dict.get,
    "items": lambda value: list(value.items()),
    "keys": lambda value: list(value.keys()),
    "values": lambda value: list(value.values()),
}
_LIST_METHODS: dict[str, Callable[..., Any]] = {"count": list.count, "index": list.index}
METHODS = frozenset({*_TEXT_METHODS, *_MAPPING_METHODS, *_LIST_METHODS, "cycle", "changed"})


@pass_context
def _finalize(_context: Context, value: Any) -> Any:
    """What `{{ … }}` prints. Taking the context also keeps Jinja2 from folding constants."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()  # noqa: SLF001 - names the missing value
    return checked(value)


def _method(value: Any, name: str, *arguments: Any, **named: Any) -> Any:
    """`value.name(…)` for the few methods of plain values, and the two of `loop`."""
    for argument in (*arguments, *named.values()):
        spend(size(argument))
    if isinstance(value, LoopContext):
        if name == "cycle":
            return value.cycle(*arguments)
        if name == "changed":
            return value.changed(*arguments)
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()  # noqa: SLF001 - names the missing value
    tables: dict[type[Any], dict[str, Callable[..., Any]]] = {
        str: _TEXT_METHODS,
        dict: _MAPPING_METHODS,
        list: _LIST_METHODS,
    }
    table = tables.get(type(value))
    if table is None or name not in table:
        raise RenderRefusedError(f"Templates cannot call .{name}() on {type(value).__name__}.")
    spend(size(value))
    return checked(table[name](value, *arguments, **named))


def _range(*arguments: int) -> list[int]:
    if not all(isinstance(argument, int) for argument in arguments):
        raise RenderRefusedError("range() takes whole numbers.")
    numbers = range(*arguments)
    # len() overflows on huge ranges; comparing positions does not
    if numbers[MAX_RANGE:]:
        raise RenderRefusedError(f"range() makes at most {MAX_RANGE:,} numbers.")
    spend(len(numbers))
    return list(numbers)


def _concat(parts: list[Any]) -> str:
    sizes = [size(part) for part in parts]
    planned(sum(sizes))
    return "".join(map(str, parts))


def _loop(value: Any, cost: int) -> list[Any]:
    """What a `for` goes through. `cost` is what one turn is worth, paid before the first."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()  # noqa: SLF001 - names the missing value
    if not isinstance(value, (list, tuple, str, dict)):
        raise RenderRefusedError(f"Templates cannot loop over {type(value).__name__} values.")
    spend(len(value) * cost)
    return list(value)


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """Sandboxed by allow-lists: data has items, never attributes; nothing else can be called."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            optimized=False,  # constant folding would run bombs while compiling
            autoescape=False,
            finalize=_finalize,
            extensions=[PromptTags],
            cache_size=0,
        )
        self.globals = {}
        # Jinja2 types both tables by its own functions
        filters: Any = self.filters
        tests: Any = self.tests
        tests.clear()
        tests.update(public_tests())
        filters.clear()
        filters.update(public_filters())
        filters.update(
            {METHOD: _method, RANGE: _range, CONCAT: _concat, LITERAL: checked, LOOP: _loop}
        )

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b`: the item `b` of a mapping, or a fact about `loop`."""
        if isinstance(obj, LoopContext) and attribute in LOOP_FACTS:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`a[b]` and `a.b` on plain data. What is not there is undefined, and says so."""
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()  # noqa: SLF001 - names the missing value
        try:
            if isinstance(obj, (dict, list, tuple, str)):
                return obj[argument]
        except (LookupError, TypeError):
            pass
        return self.undefined(obj=obj, name=argument)

    def is_safe_callable(self, obj: Any) -> bool:
        """Only our own tags are called; calls by authors are rewritten or refused."""
        return isinstance(getattr(obj, "__self__", None), PromptTags)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic, refused before the result could be large."""
        spend(size(left) + size(right))
        _check_operands(operator, left, right)
        return checked(super().call_binop(context, operator, left, right))


def _check_operands(operator: str, left: Any, right: Any) -> None:
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        if operator == "**":
            bits = (abs(left).bit_length() if isinstance(left, int) else 1) * abs(right)
            if bits > MAX_NUMBER_BITS:
                raise RenderRefusedError("A number in the template would be too large.")
        return
    if operator == "*":
        _check_repetition(left, right)
    elif operator != "+":
        kinds = f"{type(left).__name__} {operator} {type(right).__name__}"
        raise RenderRefusedError(f"Templates cannot calculate {kinds}.")


def _check_repetition(left: Any, right: Any) -> None:
    whole, count = (right, left) if isinstance(left, int) else (left, right)
    if isinstance(count, int) and isinstance(whole, (str, list)):
        planned(size(whole) * max(count, 0))


@lru_cache(maxsize=1)
def environment() -> PromptEnvironment:
    """The environment; it keeps no state between renders."""
    return PromptEnvironment()
