"""What fails over real HTTP, and what Cadre calls it."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.errors import CadreError, ErrorKind
from cadre.llm import faults
from cadre.llm.answer import Answer
from cadre.llm.call import read_answer
from cadre.llm.client import make_client
from cadre.llm.faults import Fault
from cadre.llm.stream import Accumulator
from tests.llm.service import Reply, Service, message, plain, refusal, say, sse, stream, use

NOW = 1_800_000_000.0
REQUEST: dict[str, Any] = {
    "model": "claude-test-1",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
    "stream": True,
}
HALF = message(say("a long text", 5), use("Bash", {"command": "rm -rf build"}))


async def ask(client: AsyncAnthropic) -> Answer:
    return await read_answer(client, REQUEST, Accumulator())


async def fault_of(client: AsyncAnthropic) -> Fault:
    with pytest.raises(faults.CALL_ERRORS) as raised:
        await ask(client)
    return faults.classify(raised.value, NOW)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(400, "invalid_request_error"), ErrorKind.MODEL_REQUEST),
        (refusal(401, "authentication_error"), ErrorKind.MODEL_ACCESS),
        (refusal(402, "billing_error"), ErrorKind.MODEL_ACCESS),
        (refusal(400, "billing_error"), ErrorKind.MODEL_ACCESS),
        (refusal(403, "permission_error"), ErrorKind.MODEL_ACCESS),
        (refusal(404, "not_found_error"), ErrorKind.MODEL_ACCESS),
        (refusal(408, "timeout_error"), ErrorKind.MODEL_UNAVAILABLE),
        (refusal(409, "conflict_error"), ErrorKind.MODEL_UNAVAILABLE),
        (refusal(413, "request_too_large"), ErrorKind.MODEL_REQUEST),
        (refusal(422, "invalid_request_error"), ErrorKind.MODEL_REQUEST),
        (refusal(429, "rate_limit_error"), ErrorKind.MODEL_UNAVAILABLE),
        (refusal(500, "api_error"), ErrorKind.MODEL_UNAVAILABLE),
        (refusal(529, "overloaded_error"), ErrorKind.MODEL_UNAVAILABLE),
        (plain(502, "text/html", b"<h1>Bad gateway</h1>"), ErrorKind.MODEL_UNAVAILABLE),
        (plain(404, "text/html", b"<h1>Not found</h1>"), ErrorKind.MODEL_ACCESS),
    ],
    ids=lambda value: value.head[9:12].decode() if isinstance(value, Reply) else "",
)
async def test_a_refusal_is_told_by_its_status_and_costs_nothing(
    service: Service, client: AsyncAnthropic, reply: Reply, kind: ErrorKind
) -> None:
    service.script(reply)
    fault = await fault_of(client)
    assert (fault.kind, fault.unbilled) == (kind, True)
    assert len(service.requests) == 1  # the client itself never tries again


async def test_a_spend_limit_comes_with_429_but_is_not_waited_for(
    service: Service, client: AsyncAnthropic
) -> None:
    body = (
        b'{"type":"error","error":{"type":"rate_limit_error","message":"no",'
        b'"details":{"error_code":"enforced_spend_limit_reached"}}}'
    )
    service.script(plain(429, "application/json", body))
    assert (await fault_of(client)).kind is ErrorKind.MODEL_ACCESS


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (stream(HALF[:-1]), ErrorKind.MODEL_FAULT),  # all but message_stop
        (stream(HALF[:9]), ErrorKind.MODEL_FAULT),  # an end inside a tool's input
        (stream([]), ErrorKind.MODEL_FAULT),
        (stream(HALF[:9], chunked=True), ErrorKind.MODEL_UNAVAILABLE),
        (stream(HALF[:9], stall=True), ErrorKind.MODEL_UNAVAILABLE),
        (Reply(b"", stall=True), ErrorKind.MODEL_UNAVAILABLE),
        (Reply(b"", reset=True), ErrorKind.MODEL_UNAVAILABLE),
        (plain(200, "text/html", b"<html>Sign in to the hotel</html>"), ErrorKind.MODEL_FAULT),
        (plain(200, "application/json", b"{}"), ErrorKind.MODEL_FAULT),
        (plain(200, "text/event-stream", b"<html></html>\n\n"), ErrorKind.MODEL_FAULT),
        (plain(200, "text/event-stream", b"data: {oops\n\n"), ErrorKind.MODEL_FAULT),
        (plain(200, "text/event-stream", b"data: \xff\xfe\n\n"), ErrorKind.MODEL_FAULT),
    ],
)
async def test_a_broken_answer_may_have_been_billed(
    service: Service, client: AsyncAnthropic, reply: Reply, kind: ErrorKind
) -> None:
    service.script(reply)
    fault = await fault_of(client)
    assert (fault.kind, fault.unbilled) == (kind, False)


@pytest.mark.parametrize(
    ("error_type", "kind"),
    [
        ("overloaded_error", ErrorKind.MODEL_UNAVAILABLE),
        ("api_error", ErrorKind.MODEL_UNAVAILABLE),
        ("invalid_request_error", ErrorKind.MODEL_REQUEST),
        ("an_error_of_the_future", ErrorKind.MODEL_FAULT),
    ],
)
async def test_an_error_within_the_stream_is_told_by_its_type(
    service: Service, client: AsyncAnthropic, error_type: str, kind: ErrorKind
) -> None:
    error = {"type": "error", "error": {"type": error_type, "message": "401 rate limit 529"}}
    service.script(stream([*HALF[:5], error]))
    fault = await fault_of(client)
    assert (fault.kind, fault.unbilled) == (kind, False)


async def test_where_nobody_listens_nothing_was_billed() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with make_client(base_url=f"http://127.0.0.1:{port}", api_key="k") as client:
        fault = await fault_of(client)
    assert (fault.kind, fault.unbilled) == (ErrorKind.MODEL_UNAVAILABLE, True)


async def test_a_whole_answer_does_not_wait_for_the_connection_to_end(
    service: Service, client: AsyncAnthropic
) -> None:
    service.script(stream(message(say("done")), stall=True))
    assert (await ask(client)).content == [{"type": "text", "text": "done"}]


async def test_cancelling_hangs_up_at_once(service: Service) -> None:
    service.script(stream(HALF[:5], stall=True))
    async with make_client(base_url=service.base_url, api_key="k", stall_seconds=60) as client:
        asking = asyncio.create_task(ask(client))
        await service.arrived.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(10):
            await service.hung_up.wait()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        (formatdate(NOW + 30, usegmt=True), 30),
        (formatdate(NOW - 30, usegmt=True), None),
        ("999999999", faults.MAX_RETRY_AFTER_SECONDS),
        ("-1", None),
        ("nan", None),
        ("soon", None),
    ],
)
async def test_the_service_says_when_to_come_back(
    service: Service, client: AsyncAnthropic, header: str, seconds: float | None
) -> None:
    service.script(refusal(429, "rate_limit_error", retry_after=header))
    assert (await fault_of(client)).retry_after == seconds


@given(st.integers(min_value=1, max_value=10_000), st.floats(min_value=0, max_value=1))
def test_backoff_is_never_less_than_half_of_the_longest(attempt: int, jitter: float) -> None:
    longest = faults.backoff(attempt, lambda: 1.0)
    assert longest / 2 <= faults.backoff(attempt, lambda: jitter) <= longest
    assert 0 < longest <= faults.BACKOFF_CAP_SECONDS


def test_backoff_doubles() -> None:
    assert [faults.backoff(n, lambda: 1.0) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_nobody_comes_back_before_the_time_that_was_asked() -> None:
    fault = Fault(ErrorKind.MODEL_UNAVAILABLE, "busy", retry_after=8)
    waits = [fault.error(1, 0, jitter, ()).retry_after for jitter in (lambda: 0.0, lambda: 1.0)]
    assert waits == [8, 10]


def test_who_was_refused_often_waits_longer_than_was_asked() -> None:
    fault = Fault(ErrorKind.MODEL_UNAVAILABLE, "busy", retry_after=1)
    assert fault.error(6, 0, lambda: 1.0, ()).retry_after == 32


def test_answers_without_sense_are_counted_and_the_third_is_final() -> None:
    fault = Fault(ErrorKind.MODEL_FAULT, "it is HTML")
    errors = [fault.error(40, count, lambda: 1.0, ()) for count in (1, 2, 3)]
    assert [error.final for error in errors] == [False, False, True]
    assert [error.retry_after for error in errors[:2]] == [1, 2]
    assert "it is HTML" in errors[2].message


async def test_a_message_is_one_line_that_never_holds_the_key(
    service: Service, client: AsyncAnthropic
) -> None:
    key = str(client.api_key)
    service.script(refusal(401, "authentication_error", f"wrong\nkey {key}"))
    error = (await fault_of(client)).error(1, 0, lambda: 0.5, (key,))
    assert isinstance(error, CadreError)
    assert key not in error.message
    assert "\n" not in error.message
    assert "ANTHROPIC_API_KEY" in error.message
    assert error.final


def test_the_events_of_the_tests_travel_as_the_service_sends_them() -> None:
    assert sse([{"type": "ping"}]) == b'event: ping\ndata: {"type": "ping"}\n\n'
