"""Decisions of people, as far as the world is concerned: their signatures, and who is told."""

from __future__ import annotations

import hashlib
import hmac
import time

from temporalio import activity

from activities.errors import cadre_errors
from cadre.domain.asking import Notice
from cadre.domain.decisions import CheckDecision, CheckedDecision
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.tokens import token_problem

WEBHOOK_SECONDS = 20.0
SIGNATURE, TIMESTAMP, DELIVERY = "Cadre-Signature", "Cadre-Timestamp", "Cadre-Delivery"


class DecisionActivities:
    """Checks signatures with `decision_key`, and posts notices to `notify_url`, signed with
    `notify_secret`. What is not configured is not done."""

    def __init__(
        self, decision_key: str | None, notify_url: str | None, notify_secret: str | None
    ) -> None:
        self._key = decision_key
        self._url = notify_url
        self._secret = notify_secret

    @activity.defn(name="decision.check")
    @cadre_errors
    async def check(self, request: CheckDecision) -> CheckedDecision:
        """Whether a decision proves who made it, where there is a key."""
        if self._key is None:
            return CheckedDecision()
        decision = request.decision
        problem = token_problem(self._key, request.workflow, decision, time.time())
        return CheckedDecision(problem=problem, signed=not problem)

    @activity.defn(name="decision.notify")
    @cadre_errors
    async def notify(self, notice: Notice) -> None:
        """Post a notice. Raises WEBHOOK where it is not taken, to be tried again."""
        if self._url is None:
            return
        import httpx2  # noqa: PLC0415 (takes long, and few need it)

        body = notice.model_dump_json().encode()
        headers = {"Content-Type": "application/json", DELIVERY: notice.id}
        if self._secret is not None:
            headers |= signed(self._secret, body, int(time.time()))
        try:
            async with httpx2.AsyncClient(timeout=WEBHOOK_SECONDS) as client:
                answer = await client.post(self._url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            why = str(error) or type(error).__name__
            raise CadreError(ErrorKind.WEBHOOK, f"the webhook does not answer: {why}") from error
        if not answer.is_success:
            status = f"the webhook answered {answer.status_code}"
            raise CadreError(ErrorKind.WEBHOOK, status)


def signed(secret: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers by which a receiver can tell that a body is ours, and when it was sent."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return {TIMESTAMP: str(timestamp), SIGNATURE: f"sha256={mac.hexdigest()}"}
