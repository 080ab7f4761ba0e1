"""Outages: switched on and off while calls come in."""

from __future__ import annotations

from typing import Any

import pytest

from cadre.simulator.errors import ApiError
from cadre.simulator.outage import Outage, Weather

from .conftest import Start, system

BODY: dict[str, Any] = {
    "model": "claude-opus-5",
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "go"}],
    "system": system("scout.3", "scout"),
}


async def test_it_refuses_every_call_until_it_is_ended(start: Start, http: Any) -> None:
    simulator = await start()
    client = http(simulator)
    begun = {"seconds": 3600, "status": 429, "retry_after": 7}
    assert (await client.post("/simulator/outage", json=begun)).status_code == 200
    for _ in range(2):
        refused = await client.post("/v1/messages", json=BODY)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert (await client.post("/simulator/outage", json={"seconds": 0})).status_code == 200
    assert (await client.post("/v1/messages", json=BODY)).status_code == 200
    calls = simulator.requests.calls
    assert [(c.status, c.outcome, c.paid) for c in calls] == [
        *[(429, "refused", False)] * 2,
        (200, "answered", True),
    ]
    assert [(c.agent_id, c.attempt) for c in calls] == [("scout.3", n) for n in (1, 2, 3)]


@pytest.mark.parametrize("body", [{}, {"seconds": -1}, {"seconds": 1, "status": 200}])
async def test_one_that_makes_no_sense_is_refused(start: Start, http: Any, body: Any) -> None:
    response = await http(await start()).post("/simulator/outage", json=body)
    assert response.status_code == 400


def test_it_ends_by_itself() -> None:
    now = [100.0]
    weather = Weather(clock=lambda: now[0])
    assert weather.refusal() is None
    weather.begin(Outage(seconds=60))
    now[0] = 159.9
    refusal = weather.refusal()
    assert isinstance(refusal, ApiError)
    assert (refusal.status, refusal.retry_after) == (529, None)
    now[0] = 160.0
    assert weather.refusal() is None
