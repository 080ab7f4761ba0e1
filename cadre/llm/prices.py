"""What models cost and hold: one dated table, and the file that an operator can lay over it.

US dollars for a million tokens. By the pricing page a cache write costs 1.25 times the input
price for five minutes and twice for an hour; a cache read is listed by model. A call whose
prompt (cached or not) is longer than a threshold pays the higher rates throughout.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field, ValidationError, model_validator

from cadre.domain.base import Value
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.usage import Model, Price, Rates

PRICES_AS_OF = date(2026, 10, 24)
PRICES_SOURCE = "https://platform.claude.com/docs/en/about-claude/pricing"
LIMITS_SOURCE = "https://platform.claude.com/docs/en/about-claude/models/overview"

CACHE_WRITE_5M = Decimal("1.25")
CACHE_WRITE_1H = Decimal(2)
CACHE_READ = Decimal("0.1")


class _Rates(Value):
    """Rates as a table gives them; what is left out follows from the input price."""

    input: Decimal = Field(gt=0)
    output: Decimal = Field(gt=0)
    cache_read: Decimal | None = Field(default=None, ge=0)
    cache_write_5m: Decimal | None = Field(default=None, ge=0)
    cache_write_1h: Decimal | None = Field(default=None, ge=0)

    def rates(self) -> Rates:
        read, write_5m, write_1h = self.cache_read, self.cache_write_5m, self.cache_write_1h
        return Rates(
            input=self.input,
            output=self.output,
            cache_read=self.input * CACHE_READ if read is None else read,
            cache_write_5m=self.input * CACHE_WRITE_5M if write_5m is None else write_5m,
            cache_write_1h=self.input * CACHE_WRITE_1H if write_1h is None else write_1h,
        )


class _Entry(_Rates):
    """A model as a table gives it; `above` are the rates past `threshold` prompt tokens."""

    context_window: int = Field(default=1_000_000, gt=0)
    max_output_tokens: int = Field(default=128_000, gt=0)
    threshold: int | None = Field(default=None, gt=0)
    above: _Rates | None = None

    @model_validator(mode="after")
    def _tier_is_whole(self) -> _Entry:
        if (self.threshold is None) != (self.above is None):
            raise ValueError("`threshold` and `above` belong together")
        return self

    def model(self, model_id: str) -> Model:
        above = None if self.above is None else self.above.rates()
        return Model(
            id=model_id,
            context_window=self.context_window,
            max_output_tokens=self.max_output_tokens,
            price=Price(base=self.rates(), threshold=self.threshold, above=above),
        )


def _usd(input_: str, output: str, cache_read: str, **more: Any) -> _Entry:
    return _Entry(
        input=Decimal(input_), output=Decimal(output), cache_read=Decimal(cache_read), **more
    )


_LONG_HAIKU = _Rates(input=Decimal("0.50"), output=Decimal("2.50"), cache_read=Decimal("0.05"))
_SMALL = {"context_window": 200_000, "max_output_tokens": 64_000}
_TABLE = {
    "claude-fable-5-1": _usd("10", "50", "0.25"),
    "claude-fable-5": _usd("10", "50", "1"),
    "claude-opus-5-5": _usd("4", "20", "0.20"),
    "claude-opus-5": _usd("5", "25", "0.50"),
    "claude-opus-4-8": _usd("5", "25", "0.50"),
    "claude-opus-4-7": _usd("5", "25", "0.50"),
    "claude-opus-4-6": _usd("5", "25", "0.50"),
    "claude-sonnet-5-5": _usd("2", "10", "0.10"),
    "claude-sonnet-5": _usd("2", "10", "0.20"),
    "claude-sonnet-4-6": _usd("3", "15", "0.30"),
    "claude-haiku-5-5": _usd("0.10", "0.50", "0.01", threshold=100_000, above=_LONG_HAIKU),
    "claude-haiku-4-5": _usd("1", "5", "0.10", **_SMALL),
}
PRICES: Mapping[str, Model] = MappingProxyType({k: v.model(k) for k, v in _TABLE.items()})


def load_prices(path: Path | None = None) -> Mapping[str, Model]:
    """The built-in table with the models of a file laid over it (`.json`, else TOML).

    The file's one table `models` holds for each model ID `input`, `output` (US dollars for a
    million tokens), and where they differ from the defaults `cache_read`, `cache_write_5m`,
    `cache_write_1h`, `context_window`, `max_output_tokens`, `threshold` and `above`. An entry
    replaces the built-in one whole. Raises CadreError(WRONG_INPUT) with one line.
    """
    if path is None:
        return PRICES
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            data = json.loads(text, parse_float=Decimal)
        else:
            data = tomllib.loads(text, parse_float=Decimal)
    except (OSError, ValueError, RecursionError) as error:
        raise _wrong(path, str(error)) from error
    if (
        not isinstance(data, dict)
        or set(data) != {"models"}
        or not isinstance(data["models"], dict)
    ):
        raise _wrong(path, "it must hold one table `models`, with an entry for each model ID")
    found: dict[str, Model] = {}
    for model_id, entry in data["models"].items():
        try:
            found[model_id] = _Entry.model_validate(entry).model(model_id)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in ("models", model_id, *first["loc"]))
            raise _wrong(path, f"{place}: {first['msg']}") from error
    return MappingProxyType({**PRICES, **found})


def _wrong(path: Path, reason: str) -> CadreError:
    line = " ".join(reason.split())
    return CadreError(ErrorKind.WRONG_INPUT, f"prices file {path}: {line}")
