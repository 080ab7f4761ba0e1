"""Which model a name stands for, and what its requests may ask for."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from cadre.domain.base import Value
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.usage import Model
from cadre.llm.prices import PRICES

ALIASES = ("opus", "sonnet", "haiku")
DATED = re.compile(r"-\d{8}$")
# `sonnet[1m]` asks for a context window that the current models have anyway.
CONTEXT_SUFFIX = "[1m]"


def resolve(name: str, *, overrides: Mapping[str, Model] | None = None) -> Model:
    """The model that `name` stands for: an alias, or a full ID, also one with a date.

    An alias is the newest model of its family that the installed SDK lists. `overrides` are
    prices laid over the built-in ones (`load_prices`). A model without a price is refused, so
    that none is ever taken for free. Raises CadreError(UNKNOWN_MODEL).
    """
    prices = {**PRICES, **(overrides or {})}
    wanted = name.strip().removesuffix(CONTEXT_SUFFIX)
    model_id = newest(wanted, sdk_models()) if wanted in ALIASES else wanted
    priced = prices.get(model_id) or prices.get(DATED.sub("", model_id))
    if priced is None:
        raise CadreError(
            ErrorKind.UNKNOWN_MODEL,
            f"model {name[:80]!r} has no known price: name one of {', '.join(sorted(prices))} or "
            f"an alias ({', '.join(ALIASES)}), or give its price in CADRE_PRICES_FILE",
        )
    return priced.model_copy(update={"id": model_id})


def newest(family: str, models: tuple[str, ...]) -> str:
    """The model of `family` with the highest version among IDs such as `claude-opus-5-5`."""
    pattern = re.compile(rf"claude-{re.escape(family)}-(\d{{1,3}})(?:-(\d{{1,3}}))?")
    found = [(match, name) for name in models if (match := pattern.fullmatch(name))]
    if not found:
        raise CadreError(
            ErrorKind.UNKNOWN_MODEL,
            f"the installed anthropic package lists no {family} model: name a full model ID",
        )
    return max(found, key=lambda item: (int(item[0][1]), int(item[0][2] or 0)))[1]


@functools.cache
def sdk_models() -> tuple[str, ...]:
    """The model IDs that the installed SDK lists, empty where they cannot be read.

    They are read from its source, since importing it takes about two seconds.
    """
    spec = importlib.util.find_spec("anthropic")
    if spec is None or spec.origin is None:
        return ()
    source = Path(spec.origin).parent / "types" / "model_param.py"
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return ()
    return tuple(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("claude-")
    )


class Traits(Value):
    """What a request to a model may ask for.

    Where `adaptive_thinking` is false, `thinking` must be left out; `efforts` are the levels of
    `output_config.effort`, none where it must be left out. True of all that have a price: no
    sampling parameters, no prefill and no forced tool choice are sent, since the newest refuse
    them. Source: the pages "Thinking" and "Effort" of platform.claude.com/docs.
    """

    adaptive_thinking: bool = True
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh", "max")


_BEFORE_XHIGH = Traits(efforts=("low", "medium", "high", "max"))
_BEFORE_THINKING = Traits(adaptive_thinking=False, efforts=())
_OLDER = {
    "claude-opus-4-6": _BEFORE_XHIGH,
    "claude-sonnet-4-6": _BEFORE_XHIGH,
    "claude-opus-4-5": Traits(adaptive_thinking=False, efforts=("low", "medium", "high")),
    "claude-sonnet-4-5": _BEFORE_THINKING,
    "claude-haiku-4-5": _BEFORE_THINKING,
}


def traits(model_id: str) -> Traits:
    """What requests to `model_id` may ask for; a model not named here is taken for a new one."""
    return _OLDER.get(DATED.sub("", model_id), Traits())
