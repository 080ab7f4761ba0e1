"""Signed decisions: a token that whoever has the key makes for one word of one person.

It is `EXPIRY.MAC`: seconds since 1970, and the HMAC-SHA256 in hex of a JSON array that
`_told` makes. So it counts for this question on this subject with this verdict alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json

from cadre.domain.decisions import Decision


def token(key: str, workflow: str, decision: Decision, expiry: int) -> str:
    """The token of a decision on a question of `workflow`, good until `expiry` (Unix seconds)."""
    mac = hmac.new(key.encode(), _told(workflow, decision, expiry), hashlib.sha256)
    return f"{expiry}.{mac.hexdigest()}"


def token_problem(key: str, workflow: str, decision: Decision, now: float) -> str:
    """What is wrong with a decision's token; empty where it proves the decision."""
    if not decision.token:
        return "decisions must be signed here, and this one has no token"
    if not decision.subject_sha256:
        return "a signed decision names what it is about: subject_sha256 is missing"
    text, _, _ = decision.token.partition(".")
    expiry = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
    right = token(key, workflow, decision, expiry).encode()
    if not hmac.compare_digest(right, decision.token.encode()):
        return "the token does not belong to this decision"
    return "the token has expired" if now > expiry else ""


def _told(workflow: str, decision: Decision, expiry: int) -> bytes:
    fields = [
        workflow, decision.id, decision.subject_sha256, decision.verdict.value, decision.by,
        decision.reason, expiry,
    ]  # fmt: skip
    return json.dumps(fields, separators=(",", ":")).encode()
