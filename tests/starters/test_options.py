"""Options come from a pattern's input model: every field, its bounds, its description."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest

from cadre.domain.errors import CadreError
from starters.options import filled, option_name
from starters.patterns import pattern_named

PIPELINE = pattern_named("pipeline").input
GIVEN = {"run": "r1", "task": "fix it", "repo": "/repo"}


@pytest.fixture(scope="module")
def pipeline_help() -> str:
    command = [sys.executable, "-m", "starters.cli", "run", "pipeline", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return " ".join(said.split())


@pytest.mark.parametrize("field", [f for f in PIPELINE.model_fields if f != "task"])
def test_each_field_is_an_option_with_its_description(pipeline_help: str, field: str) -> None:
    assert f" {option_name(field)} " in pipeline_help
    description = PIPELINE.model_fields[field].description
    assert description is not None
    assert description in pipeline_help


@pytest.mark.parametrize(
    "name", ["--id", "--max-cost", "--check", "--setup", "--scouts", "--max-rounds", "--base"]
)
def test_the_names_that_users_know(pipeline_help: str, name: str) -> None:
    assert f" {name} " in pipeline_help


def test_bounds_and_defaults_are_told(pipeline_help: str) -> None:
    assert "How many scouts look around at once. (at least 1, at most 10) [default: 1]" in (
        pipeline_help
    )
    assert "US dollars that the run may cost. (more than 0) [default: 10]" in pipeline_help


def test_a_decimal_stays_exact() -> None:
    request = filled(pattern_named("pipeline").input, GIVEN | {"max_cost_usd": "0.1"})
    assert request.max_cost_usd == Decimal("0.1")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("max_cost_usd", "-1", "--max-cost -1: "),
        ("max_cost_usd", "much", "--max-cost much: "),
        ("run", "A b", "--id A b: take a-z"),
        ("task", "", "task: "),
        ("max_minutes", 0, "--max-minutes 0: "),
    ],
)
def test_a_wrong_value_names_its_option(field: str, value: object, expected: str) -> None:
    with pytest.raises(CadreError) as caught:
        filled(pattern_named("pipeline").input, GIVEN | {field: value})
    assert caught.value.message.startswith(expected)
