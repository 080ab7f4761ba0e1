"""Where a result may go, by what a user writes."""

import pytest

from cadre.domain.budget import Allowance
from cadre.domain.deliveries import DeliveryKind, Target
from cadre.domain.open_ends import raised
from cadre.domain.runs import RunInput


@pytest.mark.parametrize(
    ("text", "kind", "name", "branch"),
    [
        ("merge:main", DeliveryKind.MERGE, "main", ""),
        ("merge:release/1.0", DeliveryKind.MERGE, "release/1.0", ""),
        ("push:origin", DeliveryKind.PUSH, "origin", ""),
        ("push:origin/team/new", DeliveryKind.PUSH, "origin", "team/new"),
        ("pr", DeliveryKind.COMMAND, "pr", ""),
        ("command:staging", DeliveryKind.COMMAND, "staging", ""),
    ],
)
def test_targets(text: str, kind: DeliveryKind, name: str, branch: str) -> None:
    target = Target.of(text)
    assert (target.kind, target.name, target.branch) == (kind, name, branch)
    assert Target.of(str(target)) == target


@pytest.mark.parametrize(
    "text",
    [
        "", "main", "merge:", "merge:-f", "merge:a b", "merge:a..b:c", "push:", "push:/main",
        "push:ext::sh -c evil", "push:https://host/x", "push:-f", "push:origin/", "push:origin/-f",
        "push:origin/a:b", "command:", "command:rm -rf", "command", "pr:x",
    ],
)  # fmt: skip
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(ValueError, match="is none of"):
        Target.of(text)


@pytest.mark.parametrize("reason", ["-5", "$-5", "-$5", "0", "0.00 and stop"])
def test_an_amount_that_is_not_more_raises_nothing(reason: str) -> None:
    spec = RunInput(run="r", task="t", repo="/r", max_cost_usd=10, max_tokens=100)
    assert raised(Allowance(cost_usd=4, tokens=40), spec, reason) is None


@pytest.mark.parametrize(
    ("reason", "usd", "tokens"),
    [("", 14, 140), ("2 for the tests", 6, 60), ("$0.5", 4.5, 45), ("go on", 14, 140)],
)
def test_a_person_raises_a_budget(reason: str, usd: float, tokens: int) -> None:
    spec = RunInput(run="r", task="t", repo="/r", max_cost_usd=10, max_tokens=100)
    more = raised(Allowance(cost_usd=4, tokens=40), spec, reason)
    assert more is not None
    assert (float(more.cost_usd), more.tokens) == (usd, tokens)
