"""The HTTP application: the Messages API, answered by a scenario."""

from __future__ import annotations

import asyncio
import hmac
import json
import traceback
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cadre.domain.base import Value
from cadre.simulator.caching import PromptCache
from cadre.simulator.checks import check_request
from cadre.simulator.compose import compose
from cadre.simulator.conversation import Conversation, read_conversation
from cadre.simulator.delivery import deliver
from cadre.simulator.errors import ApiError, require
from cadre.simulator.faults import Fault, FaultKind, FaultPlan
from cadre.simulator.journal import Call, Journal
from cadre.simulator.models import MODELS
from cadre.simulator.outage import Outage, Weather
from cadre.simulator.replies import lost, model_info, new_request_id, refused
from cadre.simulator.scenario import Answer, Scenario
from cadre.simulator.thinking import check_thinking

_MAX_BODY_BYTES = 32 * 1024 * 1024


class Options(Value):
    """How the server behaves.

    `latency` is in seconds before the first byte, `stream_seconds` what an answer takes from
    there. With `key`, no other key is accepted. `min_cacheable_tokens` replaces the models'
    documented minimum of a cached prefix.
    """

    latency: float = Field(default=0.0, ge=0)
    stream_seconds: float = Field(default=0.0, ge=0)
    key: str | None = None
    faults: FaultPlan = FaultPlan()
    min_cacheable_tokens: int | None = Field(default=None, ge=0)


@dataclass
class Service:
    """The endpoints, and what they remember: the prompt cache and the journal."""

    scenario: Scenario
    options: Options
    journal: Journal = field(default_factory=Journal)
    weather: Weather = field(default_factory=Weather)

    def __post_init__(self) -> None:
        self._cache = PromptCache(self.options.min_cacheable_tokens)
        self._paused: set[str] = set()
        scripted = getattr(self.scenario, "faults", FaultPlan())
        self._faults = (*self.options.faults.faults, *scripted.faults)

    async def messages(self, request: Request) -> Response:
        """POST /v1/messages."""
        call = self.journal.begin()
        try:
            return await self._answer(request, call)
        except ApiError as error:
            call.outcome, call.status, call.error = "refused", error.status, error.message
            raise

    async def _answer(self, request: Request, call: Call) -> Response:
        prompt = check_request(await self._body(request), paused=self._paused)
        check_thinking(prompt)
        conversation = read_conversation(prompt)
        self.journal.identify(call, prompt, conversation)
        if refusal := self.weather.refusal():
            raise refusal
        answer = self._scripted(conversation)
        fault = self._fault(call, answer)
        call.fault = fault.kind.value if fault else None
        await asyncio.sleep(self.options.latency if answer.latency is None else answer.latency)
        _refuse_by(fault, stream=call.stream)
        reading = self._cache.read(prompt)
        message = compose(prompt, answer, fault, reading.usage)
        self._cache.keep(reading)
        if message.stop_reason == "pause_turn":
            self._paused.add(prompt.digest_with(block.final() for block in message.blocks))
        return deliver(message, call, fault, self.options.stream_seconds, new_request_id())

    async def count_tokens(self, request: Request) -> Response:
        """POST /v1/messages/count_tokens."""
        prompt = check_request(await self._body(request), counting=True)
        check_thinking(prompt)
        return JSONResponse({"input_tokens": prompt.tokens})

    async def models(self, request: Request) -> Response:
        """GET /v1/models."""
        self._check_headers(request)
        rows = [model_info(traits) for traits in MODELS.values()]
        ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]}
        return JSONResponse({"data": rows, "has_more": False, **ends})

    async def model(self, request: Request) -> Response:
        """GET /v1/models/{model_id}."""
        self._check_headers(request)
        traits = MODELS.get(request.path_params["model_id"])
        if traits is None:
            raise ApiError(404, f"model: {request.path_params['model_id']}")
        return JSONResponse(model_info(traits))

    async def requests(self, _: Request) -> Response:
        """GET /simulator/requests: the journal."""
        return JSONResponse(self.journal.as_json())

    async def outage(self, request: Request) -> Response:
        """POST /simulator/outage: refuse all calls for a while; the body is an `Outage`."""
        try:
            self.weather.begin(Outage.model_validate_json(await request.body()))
        except ValidationError as error:
            raise ApiError(400, str(error.errors()[0]["msg"])) from error
        return JSONResponse({})

    def _scripted(self, conversation: Conversation) -> Answer:
        try:
            return self.scenario.answer(conversation)
        except Exception as error:
            # A 500 would be retried for ever; a scenario that fails is a mistake to be seen.
            traceback.print_exc()
            name = type(error).__name__
            raise ApiError(400, f"simulator: the scenario failed: {name}: {error}") from error

    def _fault(self, call: Call, answer: Answer) -> Fault | None:
        who = {"agent_id": call.agent_id, "role": call.role, "turn": call.turn}
        planned = (f for f in self._faults if f.meets(call=call.call, attempt=call.attempt, **who))
        return next(planned, answer.fault_at(call.attempt))

    async def _body(self, request: Request) -> Any:
        self._check_headers(request)
        raw = await request.body()
        if len(raw) > _MAX_BODY_BYTES:
            raise ApiError(413, f"Request exceeds the maximum size of {_MAX_BODY_BYTES} bytes")
        try:
            return json.loads(raw)
        except ValueError as error:
            raise ApiError(400, f"The request body is not valid JSON: {error}") from error

    def _check_headers(self, request: Request) -> None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        key = request.headers.get("x-api-key") or bearer
        if not key:
            raise ApiError(401, "x-api-key header is required")
        expected = self.options.key
        if expected is not None and not hmac.compare_digest(key.encode(), expected.encode()):
            raise ApiError(401, "invalid x-api-key")
        require(request.headers.get("anthropic-version"), "anthropic-version: header is required")


def make_app(service: Service) -> Starlette:
    """The ASGI application of a service."""
    routes = [
        Route("/v1/messages", service.messages, methods=["POST"]),
        Route("/v1/messages/count_tokens", service.count_tokens, methods=["POST"]),
        Route("/v1/models", service.models, methods=["GET"]),
        Route("/v1/models/{model_id}", service.model, methods=["GET"]),
        Route("/simulator/requests", service.requests, methods=["GET"]),
        Route("/simulator/outage", service.outage, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={ApiError: refused, HTTPException: lost})


def _refuse_by(fault: Fault | None, *, stream: bool) -> None:
    if fault is None:
        return
    broken = fault.kind is FaultKind.STREAM_ERROR and not stream
    if fault.kind is FaultKind.STATUS or broken:
        raise ApiError(fault.status, "injected fault", retry_after=fault.retry_after)
