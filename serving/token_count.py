"""How many tokens a text is for a served model: bodies and answers of `/tokenize`. Pure.

vLLM and llama.cpp have an address of that name, and not the same one behind it. llama.cpp answers a
question of vLLM's with an empty list, so who asks must know whom.
"""

from __future__ import annotations

import json

from serving.embeddings import json_object
from serving.errors import ModelFeatureMissingError

#: What neither of both answers.
_HINT = "vLLM and llama.cpp have /tokenize; others can be given a tokenizer.json"


def vllm_body(served_id: str, text: str) -> bytes:
    """The text alone, without what begins or ends a prompt."""
    return _json({"model": served_id, "prompt": text, "add_special_tokens": False})


def llamacpp_body(_served_id: str, text: str) -> bytes:
    """The same for llama.cpp, which serves one model and is asked for none."""
    return _json({"content": text, "add_special": False})


def read_count(body: bytes) -> int:
    """How many tokens the answer lists, at least one. Raises ModelFeatureMissingError and
    ModelAnswerError.
    """
    tokens = json_object(body).get("tokens")
    if not isinstance(tokens, list) or not tokens:
        raise ModelFeatureMissingError("the model server does not tell tokens", hint=_HINT)
    return len(tokens)


def _json(body: dict[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
