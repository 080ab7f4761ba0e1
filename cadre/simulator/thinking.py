"""The rules about thinking blocks. A block's signature binds it to the model that made it and to
all that came before it; so a block that was altered, or moved to another model or conversation,
is refused.

The simulator is stricter than the service on two points. The service drops the blocks of another
model in silence, and models before the 5.5 family do not check what came before a block; here
both are refused, so that a mistake shows. What the service allows is allowed: leaving out the
oldest thinking blocks, moving `cache_control`, and changing `output_config`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets

from cadre.simulator.errors import ApiError, Json, require
from cadre.simulator.prompt import Piece, Prompt, canonical, digest_of

# Not a secret: it must outlive a restart of the simulator, as conversations do.
_KEY = b"cadre.simulator"


class Before:
    """All that comes before a block, as its signature sees it."""

    def __init__(self) -> None:
        self._content = hashlib.sha256()
        self.signature: str | None = None

    def add(self, piece: Piece) -> None:
        """Go on by one block."""
        if piece.thinks:
            self.signature = str(piece.said.get("signature", ""))
        else:
            self._content.update(digest_of([piece.text]).encode())

    @property
    def content(self) -> str:
        """A hash of everything but thinking."""
        return self._content.hexdigest()[:32]


def before_answer(prompt: Prompt) -> Before:
    """All that comes before the answer to `prompt`."""
    before = Before()
    for piece in prompt.pieces:
        before.add(piece)
    return before


def sign(model: str, before: Before, text: str) -> str:
    """The signature of a thinking block with `text` that `model` made after `before`."""
    claim = {
        "model": model,
        "before": before.content,
        "previous": digest_of([before.signature or ""]),
        "text": digest_of([text]),
    }
    return _encode({**claim, "mac": _mac(claim)})


def tool_use_id(model: str, thoughts: int) -> str:
    """A fresh ID that remembers how many thinking blocks came before its tool use, and on which
    model: the blocks must come back with the tool's result."""
    return f"toolu_01{min(thoughts, 9)}{_model_mark(model)}{secrets.token_hex(8)}"


def check_thinking(prompt: Prompt) -> None:
    """Refuse thinking blocks that are not what, and where, this model made them."""
    before = Before()
    for piece in prompt.pieces:
        if piece.thinks:
            _check_block(prompt.traits.id, before, piece)
        before.add(piece)
    if prompt.thinking is not None:
        _check_tool_loop(prompt)


def _check_block(model: str, before: Before, piece: Piece) -> None:
    invalid = f"{piece.path}: Invalid `signature` in `thinking` block."
    claim = _decode(str(piece.said.get("signature", "")))
    mac = claim.pop("mac", "")
    text = digest_of([piece.said.get("thinking", "")])
    if not hmac.compare_digest(str(mac), _mac(claim)) or claim.get("text") != text:
        raise ApiError(400, invalid)
    require(
        claim["model"] == model,
        f"{invalid} {claim['model']} made it, and {model} cannot read it: leave it out",
    )
    moved = claim["before"] != before.content
    # The oldest blocks may be left out, so the first one that is left has nothing to compare.
    cut = before.signature is not None and claim["previous"] != digest_of([before.signature])
    require(
        not moved and not cut,
        f"{invalid} The block is bound to a different conversation: something before it changed",
    )


def _check_tool_loop(prompt: Prompt) -> None:
    """The last assistant turn must still hold the thinking that led to its tool uses."""
    loop = next((turn for turn in reversed(prompt.turns) if turn.role == "assistant"), None)
    thoughts = 0
    for piece in loop.pieces if loop else ():
        thoughts += piece.thinks
        identity = str(piece.said.get("id", ""))
        mark = _model_mark(prompt.traits.id)
        if piece.said.get("type") == "tool_use" and identity[9 : 9 + len(mark)] == mark:
            require(
                thoughts >= int(identity[8]),
                f"{piece.path}: expected `thinking` before this `tool_use`: the thinking blocks of "
                "the last assistant message must come back with its tool results, unchanged",
            )


def _model_mark(model: str) -> str:
    return hashlib.sha256(model.encode()).hexdigest()[:6]


def _mac(claim: Json) -> str:
    return hmac.new(_KEY, canonical(claim).encode(), hashlib.sha256).hexdigest()


def _encode(value: Json) -> str:
    return base64.b64encode(canonical(value).encode()).decode()


def _decode(signature: str) -> Json:
    try:
        value = json.loads(base64.b64decode(signature, validate=True))
    except (binascii.Error, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
