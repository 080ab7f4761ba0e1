"""The provider's key, and a secret of the user's, are nowhere but where they belong."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.e2e.harness import SCENARIOS, Home, make_repo, simulator, until

KEY = "sk-ant-canary-7f3a9c51d2"
SECRET = "hunter-canary-51b8e0aa"


def holding(needles: list[str], root: Path) -> list[str]:
    """The files under `root` whose bytes hold one of the needles."""
    found = []
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            found += [f"{path}: {needle}" for needle in needles if needle.encode() in data]
    return found


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode()


def test_canaries_are_found_nowhere(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {"README.md": "# Nothing\n"})
    home = Home(tmp_path / "home", MY_DATABASE_PASSWORD=SECRET)
    home.root.mkdir()
    with (
        simulator(tmp_path, KEY, SCENARIOS / "nosy.py") as url,
        home.up(ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=url) as services,
    ):
        assert "ANTHROPIC_API_KEY" in services["models"]
        assert KEY not in json.dumps(services)
        result = home.pipeline(repo, "Look around", "--id", "nosy")
        assert result["status"] == "approved", result
        assert [line for line in command_lines() if KEY in line or SECRET in line] == []
        # A dump of the worker's memory would hold the key.
        limits = Path(f"/proc/{services['worker_pids'][0]}/limits").read_text()
        assert re.search(r"^Max core file size +0 ", limits, re.MULTILINE)
        # The worker alone has the key, or nothing here would have been answered.
        assert KEY in environment_of(services["worker_pids"][0])
        assert KEY not in environment_of(services["server_pid"])
        logs = home.run("logs", "nosy", "--json").stdout
        shown = home.run("show", "nosy").stdout
        assert "looked.txt" in logs or "Bash" in logs
        # Histories, database, write-ahead log, transcripts, records, logs, while all is open.
        assert holding([KEY, SECRET], home.state) == []
    said = json.dumps(result) + logs + shown
    assert KEY not in said
    assert SECRET not in said
    assert holding([KEY, SECRET], home.state) == []
    assert holding([KEY, SECRET], repo) == []
    # The search can fail: what the agents did see is found.
    assert holding(["PATH="], home.state)


def command_lines() -> list[str]:
    """Those of all processes of this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


class Echo(BaseHTTPRequestHandler):
    """An API that fails, each time in another way, with the caller's key in its words: whole, and
    where a bound on the length of a message would cut it in two."""

    calls = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        Echo.calls += 1
        key = self.headers["authorization"].removeprefix("Bearer ")
        assert key == KEY
        across_each_hundred = "x" * 80 + (key + "x" * (100 - len(key))) * 40
        error = {"type": f"{key}_error", "message": across_each_hundred}
        status, body = [
            (500, json.dumps({"type": "error", "error": error})),
            (200, f"<html>{key}</html>"),
            (401, json.dumps({"type": "error", "error": error})),
        ][min(Echo.calls, 3) - 1]
        self.send_response(status)
        self.send_header("content-type", "application/json" if status != 200 else "text/html")
        self.send_header("request-id", key)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing is said on the tests' own output."""


@contextmanager
def echoing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_an_api_that_says_the_key_back_is_not_quoted(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {"README.md": "# Nothing\n"})
    home = Home(tmp_path / "home")
    home.root.mkdir()
    needle = KEY[:16]
    logged: list[str] = []
    with (
        echoing() as url,
        home.start(
            "up", ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=url, CADRE_LOG_LEVEL="debug"
        ) as services,
    ):
        assert services.stdout is not None
        reader = threading.Thread(target=logged.extend, args=(services.stdout,))
        reader.start()  # or what is said at this level would fill the pipe
        try:
            until(lambda: any(line.startswith("Ctrl-C") for line in logged), "the services")
            done = home.run("run", "pipeline", "Anything", "--repo", repo, "--id", "echoed")
            said = done.stdout + done.stderr
            said += home.run("logs", "echoed").stdout + home.run("show", "echoed").stdout
            assert holding([needle], home.state) == []
        finally:
            services.send_signal(signal.SIGINT)
            services.wait(timeout=60)
            reader.join()
    assert Echo.calls == 3, "each way was met"
    assert "ANTHROPIC_API_KEY" in said
    assert needle not in said + "".join(logged)
    assert holding([needle], home.state) == []
