"""The client of the Messages API, and which credentials it would find.

The credentials stay with the client: nothing here puts them anywhere else. The `anthropic`
package is imported when a client is made, since that alone takes seconds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cadre.domain.errors import CadreError, ErrorKind

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

CONNECT_SECONDS = 10.0
STALL_SECONDS = 90.0
MIN_SECRET_CHARS = 8


def make_client(
    *,
    connect_seconds: float = CONNECT_SECONDS,
    stall_seconds: float = STALL_SECONDS,
    base_url: str | None = None,
    api_key: str | None = None,
) -> AsyncAnthropic:
    """A client that never retries by itself; Temporal does.

    Without `api_key` it takes what the SDK finds (`credentials_found` tells what that is),
    without `base_url` ANTHROPIC_BASE_URL or the provider's own. `stall_seconds` is how long an
    answer may stand still. Raises CadreError(MODEL_ACCESS) where a profile cannot be read.
    """
    import anthropic  # noqa: PLC0415 - takes seconds
    import httpx2  # noqa: PLC0415

    try:
        return anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            max_retries=0,
            timeout=httpx2.Timeout(stall_seconds, connect=connect_seconds),
        )
    except anthropic.AnthropicError as error:
        told = " ".join(f"the credentials do not work: {error}".split())
        raise CadreError(ErrorKind.MODEL_ACCESS, told) from None


def has_credentials(client: AsyncAnthropic) -> bool:
    """Whether the client has anything to sign a request with."""
    return bool(client.api_key or client.auth_token or client.credentials)


def secrets_of(client: AsyncAnthropic) -> tuple[str, ...]:
    """The client's static secrets, for keeping them out of messages.

    What is shorter than `MIN_SECRET_CHARS` is a placeholder for a local service; blotting it out
    would only garble words that happen to hold it.
    """
    held = (client.api_key, client.auth_token)
    return tuple(secret for secret in held if secret and len(secret) >= MIN_SECRET_CHARS)


def credentials_found(environ: Mapping[str, str] = os.environ) -> str | None:
    """Which credentials the SDK would use, in words and without any secret, or None.

    It looks in the SDK's order: the key, the token, a profile that is named, workload identity,
    the active profile on disk.
    """
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        if environ.get(name):
            return name
    if profile := environ.get("ANTHROPIC_PROFILE"):
        return f"profile {profile} (ANTHROPIC_PROFILE)"
    token = environ.get("ANTHROPIC_IDENTITY_TOKEN") or environ.get("ANTHROPIC_IDENTITY_TOKEN_FILE")
    rule = environ.get("ANTHROPIC_FEDERATION_RULE_ID")
    if token and rule and environ.get("ANTHROPIC_ORGANIZATION_ID"):
        return "workload identity (ANTHROPIC_FEDERATION_RULE_ID)"
    return _active_profile(environ)


def _active_profile(environ: Mapping[str, str]) -> str | None:
    given = environ.get("ANTHROPIC_CONFIG_DIR")
    home = Path(environ.get("HOME") or Path.home())
    directory = Path(given) if given else home / ".config" / "anthropic"
    try:
        named = (directory / "active_config").read_text(encoding="utf-8").strip()
    except OSError:
        named = ""
    name = named or "default"
    # A directory or a profile that the user named shall fail aloud if it is not there.
    if given or named or (directory / "configs" / f"{name}.json").is_file():
        return f"profile {name} ({directory})"
    return None
