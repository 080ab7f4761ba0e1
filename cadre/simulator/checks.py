"""A request's fields, checked as the service checks them; messages.py checks the messages."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from cadre.simulator.errors import ApiError, Json, one_of, require
from cadre.simulator.messages import check_messages, check_tool_uses
from cadre.simulator.models import BETWEEN, ENABLED, MODELS, Traits
from cadre.simulator.prompt import Prompt
from cadre.simulator.schemas import check_output_schema, check_tools

_COUNTED = {
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
}
_FIELDS = _COUNTED | {
    "max_tokens",
    "stream",
    "metadata",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "service_tier",
    "container",
    "inference_geo",
    "diagnostics",
    "speed",
}
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_MAX_BREAKPOINTS = 4


def check_request(body: Any, *, counting: bool = False, paused: Container[str] = ()) -> Prompt:
    """The prompt of a request for a message, or, with `counting`, for its number of tokens.

    `paused` holds the digests of conversations that end with an answer which the service paused:
    only these may end with the assistant's word on every model. Raises ApiError for what the
    service would refuse, save what concerns thinking blocks.
    """
    require(isinstance(body, dict), "the request body should be a JSON object")
    extra = sorted(set(body) - (_COUNTED if counting else _FIELDS))
    require(not extra, f"{''.join(extra[:1])}: Extra inputs are not permitted")
    for name in ("model", "messages") if counting else ("model", "messages", "max_tokens"):
        require(name in body, f"{name}: Field required")
    traits = MODELS.get(body["model"]) if isinstance(body["model"], str) else None
    if traits is None:
        raise ApiError(404, f"model: {body['model']}")
    if not counting:
        _check_max_tokens(body["max_tokens"], traits)
    _check_system(body.get("system"))
    check_tools(body.get("tools") or [])
    _check_thinking(body, traits)
    _check_tool_choice(body, traits)
    _check_sampling(body, traits)
    _check_output(body.get("output_config"), traits)
    check_messages(body["messages"])
    prompt = Prompt(body, traits)
    check_tool_uses(prompt.turns)
    ends = prompt.turns[-1].role == "user" or traits.prefill or prompt.digest in paused
    require(ends, f"{traits.id} takes no assistant message prefill: end with a user message")
    _check_breakpoints(prompt)
    require(
        prompt.tokens <= traits.context_window,
        f"prompt is too long: {prompt.tokens} tokens > {traits.context_window} maximum",
    )
    return prompt


def _check_max_tokens(value: Any, traits: Traits) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    require(whole, "max_tokens: Input should be a valid integer")
    require(value >= 0, "max_tokens: Input should be greater than or equal to 0")
    require(
        value <= traits.max_tokens,
        f"max_tokens: {value} > {traits.max_tokens}, the most that {traits.id} can answer",
    )


def _check_system(system: Any) -> None:
    if system is None or isinstance(system, str):
        return
    require(isinstance(system, list), "system: Input should be a string or a list of text blocks")
    for index, block in enumerate(system):
        path = f"system.{index}"
        fits = isinstance(block, dict) and block.get("type") == "text"
        require(fits, f"{path}.type: Input should be 'text'")
        require(isinstance(block.get("text"), str), f"{path}.text: Field required")
        require(block["text"].strip(), f"{path}: text content blocks must be non-empty")


def _check_thinking(body: Json, traits: Traits) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    require(isinstance(thinking, dict), "thinking: Input should be an object")
    kind = thinking.get("type")
    require(
        one_of(kind, *traits.thinking),
        f'thinking.type "{kind}" is not supported for {traits.id}; it takes '
        f"{', '.join(traits.thinking)}",
    )
    fields = {"type", "display", "budget_tokens"} if kind == ENABLED else {"type", "display"}
    fields -= {"display"} if kind in {BETWEEN, "disabled"} else set()
    extra = sorted(set(thinking) - fields)
    require(not extra, f"thinking.{''.join(extra[:1])}: Extra inputs are not permitted")
    require(
        one_of(thinking.get("display"), None, "summarized", "omitted"),
        "thinking.display: Input should be 'summarized' or 'omitted'",
    )
    if kind == ENABLED:
        budget = thinking.get("budget_tokens")
        require(
            isinstance(budget, int) and 1024 <= budget < body.get("max_tokens", budget + 1),
            "thinking.budget_tokens: at least 1024, and less than max_tokens",
        )


def _check_tool_choice(body: Json, traits: Traits) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    kind = choice.get("type") if isinstance(choice, dict) else None
    require(
        one_of(kind, "auto", "any", "tool", "none"),
        "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'",
    )
    names = {tool["name"] for tool in body.get("tools") or []}
    require(names or kind == "none", "tool_choice: only allowed while tools are given")
    if kind in {"any", "tool"}:
        require(traits.forced_tools, f'tool_choice: {traits.id} takes only "auto" and "none"')
        manual = (body.get("thinking") or {}).get("type") == ENABLED
        require(not manual, "tool_choice: thinking may not be enabled when tool use is forced")
    if kind == "tool":
        require(
            one_of(choice.get("name"), *names), f"tool_choice: tool {choice.get('name')} not found"
        )


def _check_sampling(body: Json, traits: Traits) -> None:
    for name, most in (("temperature", 1), ("top_p", 1), ("top_k", None)):
        value = body.get(name)
        if value is None:
            continue
        number = isinstance(value, int | float) and value >= 0 and (most is None or value <= most)
        require(number, f"{name}: Input should be a number from 0 to {most or 'any'}")
        if not traits.sampling:
            require(value == most, f"{name}: {traits.id} takes no sampling parameters")


def _check_output(config: Any, traits: Traits) -> None:
    if config is None:
        return
    require(isinstance(config, dict), "output_config: Input should be an object")
    extra = sorted(set(config) - {"effort", "format"})
    require(not extra, f"output_config.{''.join(extra[:1])}: Extra inputs are not permitted")
    effort, form = config.get("effort"), config.get("format")
    if effort is not None:
        require(
            one_of(effort, *_EFFORTS), f"output_config.effort: {effort!r} is not one of {_EFFORTS}"
        )
        require(traits.effort, f"output_config.effort: {traits.id} does not take it")
    if form is not None:
        kind = form.get("type") if isinstance(form, dict) else None
        require(kind == "json_schema", "output_config.format.type: Input should be 'json_schema'")
        check_output_schema("output_config.format.schema", form.get("schema"))


def _check_breakpoints(prompt: Prompt) -> None:
    marks = [(p, p.sent["cache_control"]) for p in prompt.pieces if p.sent.get("cache_control")]
    for piece, mark in marks:
        _check_mark(f"{piece.path}.cache_control", mark)
        require(not piece.thinks, f"{piece.path}: cache_control cannot be set for thinking blocks")
    top = prompt.body.get("cache_control")
    if top is not None:
        _check_mark("cache_control", top)
    count = len(marks) + (top is not None)
    require(
        count <= _MAX_BREAKPOINTS,
        f"cache_control: at most {_MAX_BREAKPOINTS} blocks may carry it, not {count}",
    )
    ttls = [mark.get("ttl", "5m") for mark in (*(m for _, m in marks), top or {"ttl": "5m"})]
    require(
        ttls == sorted(ttls), "a cache_control with ttl '1h' must not come after one with ttl '5m'"
    )


def _check_mark(path: str, mark: Any) -> None:
    fits = isinstance(mark, dict) and mark.get("type") == "ephemeral"
    require(fits, f"{path}.type: Input should be 'ephemeral'")
    require(one_of(mark.get("ttl", "5m"), "5m", "1h"), f"{path}.ttl: Input should be '5m' or '1h'")
