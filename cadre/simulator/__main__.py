"""`python -m cadre.simulator`: the simulator as a process."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from cadre.domain.errors import CadreError, ErrorKind
from cadre.simulator.app import Options
from cadre.simulator.faults import FaultPlan, load_plan
from cadre.simulator.scenario import load_scenario
from cadre.simulator.server import Simulator, serve


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 at a clean end, 2 on wrong input."""
    options = _parser().parse_args(arguments)
    try:
        scenario = load_scenario(options.scenario)
        asyncio.run(
            serve(
                scenario,
                host=options.host,
                port=options.port,
                options=_options(options),
                on_ready=lambda simulator: _ready(simulator, options.port_file),
            )
        )
    except CadreError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cadre.simulator", description="A local Messages API with scripted agents."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument(
        "--scenario",
        default="cadre.simulator.demo:scenario",
        help="module:attribute or path/to/file.py[:attribute]",
    )
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before the first byte")
    parser.add_argument("--stream-seconds", type=float, default=0.0, help="seconds of each stream")
    parser.add_argument("--faults", help="a fault plan: JSON, or the name of a JSON file")
    parser.add_argument("--key-env", help="environment variable with the only key to accept")
    parser.add_argument("--min-cacheable-tokens", type=int, help="in place of the documented ones")
    parser.add_argument("--port-file", type=Path, help="write the port there once it listens")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    try:
        return Options(
            latency=arguments.latency,
            stream_seconds=arguments.stream_seconds,
            key=_key(arguments.key_env),
            faults=load_plan(arguments.faults) if arguments.faults else FaultPlan(),
            min_cacheable_tokens=arguments.min_cacheable_tokens,
        )
    except ValidationError as error:
        first = error.errors()[0]
        message = f"--{first['loc'][0]}: {first['msg']}".replace("_", "-")
        raise CadreError(ErrorKind.WRONG_INPUT, message) from error


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise CadreError(ErrorKind.WRONG_INPUT, f"--key-env: {variable} is not set")
    return os.environ[variable]


def _ready(simulator: Simulator, port_file: Path | None) -> None:
    if port_file is not None:
        # A reader sees no file or a whole one.
        partial = port_file.with_name(f"{port_file.name}.{os.getpid()}")
        partial.write_text(simulator.base_url.rpartition(":")[2])
        partial.replace(port_file)
    print(f"simulator listening on {simulator.base_url}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
