"""What a log line may hold."""

import json
import os
import subprocess
import sys

from cadre.runtime.logs import redact, secrets_of

CANARY = "sk-ant-canary-0123456789"

SCRIPT = """
import logging, structlog
from cadre.runtime.logs import configure_logging
configure_logging("info")
structlog.get_logger("a").info("started", key="{0}", nested={{"deep": ["{0}"]}})
logging.getLogger("temporalio.worker").warning("polling with %s", "{0}")
try:
    raise ValueError("refused {0}")
except ValueError:
    logging.getLogger("b").exception("failed")
logging.getLogger("c").debug("too quiet to be seen")
"""


def test_lines_are_json_on_standard_error_without_secrets() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(CANARY)],
        env=os.environ | {"ANTHROPIC_API_KEY": CANARY, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.stdout == ""
    assert [line["event"] for line in lines] == [
        "started",
        "polling with [redacted]",
        "failed",
    ]
    assert CANARY not in done.stderr
    assert "ValueError: refused [redacted]" in lines[2]["exception"]
    assert lines[1]["logger"] == "temporalio.worker"


def test_secrets_are_known_by_their_variables_names() -> None:
    environment = {
        "ANTHROPIC_API_KEY": "key-of-anthropic",
        "ANTHROPIC_AUTH_TOKEN": "token-of-anthropic",
        "ANTHROPIC_BASE_URL": "https://api.example",
        "TEMPORAL_API_KEY": "key-of-temporal",
        "AWS_SECRET_ACCESS_KEY": "key-of-aws",
        "HOME": "/home/somebody",
        "SHORT_TOKEN": "abc",
    }
    secrets = secrets_of(environment)
    assert set(secrets) == {
        "key-of-anthropic",
        "token-of-anthropic",
        "key-of-temporal",
        "key-of-aws",
    }
    assert redact("a key-of-aws b", secrets) == "a [redacted] b"


def test_logging_is_left_alone_by_importing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import logging, cadre.runtime.logs; print(logging.root.handlers)"],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
