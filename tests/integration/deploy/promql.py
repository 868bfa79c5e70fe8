"""Names of metrics in PromQL, as far as our rules and dashboards go."""

from __future__ import annotations

import re

#: What stands where a metric may stand and is none.
_WORDS = frozenset(
    "by without on ignoring group_left group_right and or unless offset bool inf nan".split()
)
_LABEL_LISTS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()")


def metric_names(expression: str) -> set[str]:
    """The metrics that an expression reads.

    Strings, matchers, ranges and label lists are left out, and so is whatever is called.
    """
    bare = re.sub(r"#[^\n]*", " ", expression)
    bare = re.sub(r"\{[^}]*\}", " ", bare)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    bare = _LABEL_LISTS.sub(" ", bare)
    bare = re.sub(r"\boffset\s+\w+", " ", bare)
    bare = re.sub(r"\b\d[\w.]*", " ", bare)
    return {name for name in _NAME.findall(bare) if name.lower() not in _WORDS}


def asked_labels(query: str) -> set[str]:
    """The metric of Grafana's `label_values(metric, label)`."""
    return set(re.findall(r"label_values\(([\w:]+)\s*,", query))
