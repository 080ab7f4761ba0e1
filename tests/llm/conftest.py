"""Fixtures of the model tier."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from anthropic import AsyncAnthropic

from cadre.llm.client import make_client
from tests.llm.service import Service, serve

KEY = "sk-ant-canary-4711"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve() as running:
        yield running


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AsyncAnthropic]:
    made = make_client(base_url=service.base_url, api_key=KEY, stall_seconds=0.3)
    async with made:
        yield made
