"""Notices that a receiver can verify, and decisions that prove who made them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.decisions import DecisionActivities
from cadre.domain.asking import Moment, Notice
from cadre.domain.decisions import CheckDecision, CheckedDecision, Choice, Decision, Question
from cadre.domain.tokens import token, token_problem

KEY, SECRET = "k" * 32, "s" * 32
QUESTION = Question(id="parts", text="Shall they start?", subject_sha256="a" * 64)
DECISION = Decision(
    id="parts", verdict=Choice.APPROVE, by="ann", reason="why not", subject_sha256="a" * 64
)


class Receiver(ThreadingHTTPServer):
    """A webhook's receiver: what came, and the status that it answers with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers.items()), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def notice() -> Notice:
    return Notice(
        id="r:parts:1", moment=Moment.ASKED, workflow="r", question=QUESTION, at=datetime.now(UTC)
    )


async def notify(url: str | None, secret: str | None = SECRET) -> None:
    await ActivityEnvironment().run(DecisionActivities(None, url, secret).notify, notice())


async def test_a_notice_can_be_verified_by_its_receiver(receiver: Receiver) -> None:
    await notify(receiver.url)
    [(headers, body)] = receiver.got
    told = json.loads(body)
    assert (told["moment"], told["workflow"], told["question"]["id"]) == ("asked", "r", "parts")
    assert headers["Cadre-Delivery"] == "r:parts:1"
    signed = f"{headers['Cadre-Timestamp']}.".encode() + body
    mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(headers["Cadre-Signature"], f"sha256={mac}")
    assert abs(time.time() - int(headers["Cadre-Timestamp"])) < 3600


async def test_without_a_secret_nothing_is_signed_and_without_a_url_nothing_sent(
    receiver: Receiver,
) -> None:
    await notify(receiver.url, None)
    await notify(None)
    [(headers, _)] = receiver.got
    assert "Cadre-Signature" not in headers


async def test_a_notice_that_is_not_taken_is_tried_again(receiver: Receiver) -> None:
    receiver.status = 500
    with pytest.raises(ApplicationError, match="the webhook answered 500") as failed:
        await notify(receiver.url)
    assert not failed.value.non_retryable
    with pytest.raises(ApplicationError, match="the webhook does not answer"):
        await notify("http://127.0.0.1:9/hook")


async def check(decision: Decision, key: str | None = KEY) -> CheckedDecision:
    request = CheckDecision(workflow="r", question=QUESTION, decision=decision)
    checked: CheckedDecision = await ActivityEnvironment().run(
        DecisionActivities(key, None, None).check, request
    )
    return checked


def with_token(workflow: str = "r", key: str = KEY, seconds: int = 600) -> Decision:
    made = token(key, workflow, DECISION, int(time.time()) + seconds)
    return DECISION.model_copy(update={"token": made})


async def test_a_signed_decision_counts_for_what_was_signed_alone() -> None:
    assert await check(DECISION, None) == CheckedDecision()
    assert await check(with_token()) == CheckedDecision(signed=True)
    wrong = {
        "no token": DECISION,
        "does not belong": with_token(key="x" * 32),
        "has expired": with_token(seconds=-5),
        "subject_sha256 is missing": with_token().model_copy(update={"subject_sha256": ""}),
    }
    for words, decision in wrong.items():
        checked = await check(decision)
        assert words in checked.problem
        assert not checked.signed
    assert "does not belong" in (await check(with_token(workflow="r/builder.1"))).problem
    changes = {
        "id": "other", "verdict": Choice.REJECT, "by": "eve", "reason": "", "subject_sha256": "b",
    }  # fmt: skip
    for name, value in changes.items():
        changed = with_token().model_copy(update={name: value})
        assert "does not belong" in (await check(changed)).problem, name


@given(st.text(max_size=200))
def test_no_text_is_a_token(text: str) -> None:
    decision = DECISION.model_copy(update={"token": text})
    assert token_problem(KEY, "r", decision, 0)
