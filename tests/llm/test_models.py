import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest
from anthropic.types.model_param import ModelParam

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.usage import Usage
from cadre.llm.models import ALIASES, newest, resolve, sdk_models, traits
from cadre.llm.prices import PRICES, load_prices


def test_the_models_of_the_sdk_are_read_as_it_defines_them() -> None:
    literal, _ = get_args(ModelParam)
    assert sdk_models() == get_args(literal)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_a_listed_model_with_a_price(alias: str) -> None:
    model = resolve(alias)
    assert model.id in sdk_models()
    assert model.id == newest(alias, sdk_models())
    assert model.price.cost(Usage(input_tokens=1)) > 0
    assert model.price.cost(Usage(output_tokens=1)) > 0


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (("claude-opus-5", "claude-opus-5-5", "claude-opus-4-8"), "claude-opus-5-5"),
        (("claude-opus-5-5", "claude-opus-6"), "claude-opus-6"),
        (("claude-opus-5-9", "claude-opus-5-10"), "claude-opus-5-10"),
        (("claude-opus-4-5", "claude-opus-4-5-20251101"), "claude-opus-4-5"),
        (("claude-sonnet-7", "claude-opus-5", "claude-opus-preview"), "claude-opus-5"),
    ],
)
def test_the_highest_version_is_the_newest(models: tuple[str, ...], expected: str) -> None:
    assert newest("opus", models) == expected


def test_a_family_that_the_sdk_does_not_list_is_an_error() -> None:
    with pytest.raises(CadreError, match="full model ID") as raised:
        newest("opus", ())
    assert raised.value.kind is ErrorKind.UNKNOWN_MODEL


def test_full_names_keep_their_date_and_have_their_price() -> None:
    model = resolve("claude-haiku-4-5-20251001")
    assert model.id == "claude-haiku-4-5-20251001"
    assert model.price == PRICES["claude-haiku-4-5"].price
    assert resolve("sonnet[1m]") == resolve("sonnet")


@pytest.mark.parametrize(
    "name", ["gpt-6", "", "claude-opus", "claude-opus-99", "claude-opus-5-5-1", "Opus"]
)
def test_a_model_without_a_price_is_never_free(name: str) -> None:
    with pytest.raises(CadreError, match="CADRE_PRICES_FILE") as raised:
        resolve(name)
    assert raised.value.kind is ErrorKind.UNKNOWN_MODEL
    assert raised.value.final


def test_the_table_agrees_with_the_rules_of_the_pricing_page() -> None:
    for model in PRICES.values():
        for rates in filter(None, [model.price.base, model.price.above]):
            assert rates.cache_write_5m == rates.input * Decimal("1.25")
            assert rates.cache_write_1h == rates.input * 2
            assert 0 < rates.cache_read <= rates.input / 10
            assert rates.output == rates.input * 5


def test_a_small_model_costs_more_above_100_000_tokens() -> None:
    price = resolve("claude-haiku-5-5").price
    assert price.cost(Usage(input_tokens=100_000)) == Decimal("0.01")
    assert price.cost(Usage(input_tokens=90_000, cache_read_tokens=20_000)) == Decimal("0.046")


TOML = """
[models.claude-opus-5-5]
input = 3.5
output = 17.5

[models."house/model:1"]
input = 1
output = 2
cache_read = 0.5
context_window = 32000
max_output_tokens = 8000
threshold = 10000
above = { input = 2, output = 4, cache_read = 1 }
"""


def test_a_file_replaces_and_extends_the_table(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(TOML)
    prices = load_prices(path)
    opus = resolve("opus", overrides=prices)
    assert opus.price.base.input == Decimal("3.5")
    assert opus.price.base.cache_write_5m == Decimal("4.375")
    house = resolve("house/model:1", overrides=prices)
    assert (house.context_window, house.max_output_tokens) == (32_000, 8_000)
    assert house.price.cost(Usage(input_tokens=10_001)) == Decimal("0.020002")
    assert resolve("sonnet", overrides=prices) == resolve("sonnet")
    assert load_prices(None) is PRICES


def test_a_json_file_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"models": {"m": {"input": 0.1, "output": 0.3}}}')
    assert load_prices(path)["m"].price.base.output == Decimal("0.3")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("p.toml", "models = 3", "one table `models`"),
        ("p.toml", "[prices.x]\ninput = 1", "one table `models`"),
        ("p.toml", "[models", "end of document"),
        ("p.json", "[1", "line 1"),
        ("p.json", "[" * 100_000, "recursion"),
        ("p.toml", "[models.m]\ninput = 1", "models.m.output: Field required"),
        ("p.toml", "[models.m]\ninput = 0\noutput = 1", "models.m.input"),
        ("p.toml", "[models.m]\ninput = -1\noutput = 1", "models.m.input"),
        ("p.toml", "[models.m]\ninput = nan\noutput = 1", "models.m.input"),
        ("p.toml", "[models.m]\ninput = 1\noutput = inf", "models.m.output"),
        ("p.toml", "[models.m]\ninput = 1\noutput = 1\nfree = true", "models.m.free"),
        ("p.toml", "[models.m]\ninput = 1\noutput = 1\nthreshold = 5", "belong together"),
        (
            "p.toml",
            "[models.m]\ninput = 2\noutput = 2\nthreshold = 5\nabove = {input = 1, output = 1}",
            "above the threshold",
        ),
    ],
)
def test_a_malformed_file_is_refused_in_one_line(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(CadreError) as raised:
        load_prices(path)
    assert raised.value.kind is ErrorKind.WRONG_INPUT
    assert str(path) in raised.value.message
    assert reason in raised.value.message
    assert "\n" not in raised.value.message


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CadreError, match=r"none\.toml"):
        load_prices(tmp_path / "none.toml")


def test_traits() -> None:
    for alias in ALIASES:
        assert traits(resolve(alias).id).adaptive_thinking
        assert "xhigh" in traits(resolve(alias).id).efforts
    assert traits("claude-haiku-4-5-20251001").efforts == ()
    assert not traits("claude-haiku-4-5").adaptive_thinking
    assert "xhigh" not in traits("claude-opus-4-6").efforts


def test_the_sdk_itself_is_not_imported() -> None:
    code = (
        "import json, sys; from cadre.llm.models import resolve; resolve('opus'); "
        "print(json.dumps('anthropic' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert json.loads(done.stdout) is False
