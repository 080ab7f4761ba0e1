"""Logging to standard error: for people on a terminal, as JSON lines elsewhere.

Everything passes through the standard library's root logger, so that Temporal's own lines look
the same, and through one formatter, so that no secret of the environment gets past it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog

_SECRET_NAME = re.compile(r"(^ANTHROPIC_.*|.*(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?))$")
_NOT_SECRET = frozenset({"ANTHROPIC_BASE_URL", "ANTHROPIC_PROFILE", "ANTHROPIC_MODEL"})
# Shorter values would be found in ordinary words.
_MIN_SECRET_CHARS = 8


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values in `environment` that must not be shown, the longest first."""
    values = {
        value
        for name, value in environment.items()
        if _SECRET_NAME.match(name.upper())
        and name not in _NOT_SECRET
        and len(value) >= _MIN_SECRET_CHARS
    }
    return tuple(sorted(values, key=len, reverse=True))


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """`text` with every secret replaced."""
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    return text


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Redacts the finished line, tracebacks and all."""

    def __init__(self, secrets: tuple[str, ...], **options: Any) -> None:
        super().__init__(**options)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)


def configure_logging(level: str) -> None:
    """Send structlog's and the standard library's lines to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    renderer: list[structlog.typing.Processor]
    if sys.stderr.isatty():
        colors = "NO_COLOR" not in os.environ
        plain = structlog.dev.plain_traceback
        renderer = [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    else:
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    formatter = _Formatter(
        secrets_of(os.environ),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        foreign_pre_chain=shared,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
