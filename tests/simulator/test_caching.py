"""Usage says what was read from the prompt cache, what was written to it, and what was neither."""

from __future__ import annotations

from typing import Any

from cadre.simulator.caching import PromptCache
from cadre.simulator.checks import check_request
from cadre.simulator.scenario import Say, Use, answer

from .conftest import Start, tool

MARK: dict[str, Any] = {"type": "ephemeral"}
HOUR: dict[str, Any] = {**MARK, "ttl": "1h"}
LONG = "word " * 1000


def body(*texts: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": text} for text in texts]
    messages = [{"role": "user", "content": content}]
    return {"model": "claude-opus-5-5", "max_tokens": 9, "messages": messages, **fields}


def marked(text: str, mark: dict[str, Any] = MARK) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": mark}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.cache = PromptCache(clock=lambda: self.now)

    def send(self, sent: dict[str, Any]) -> tuple[int, int, int]:
        """Tokens read, written and plain."""
        reading = self.cache.read(check_request(sent))
        self.cache.keep(reading)
        assert sum((reading.read, *reading.written.values(), reading.plain)) == (
            check_request(sent).tokens
        )
        return reading.read, sum(reading.written.values()), reading.plain


async def test_a_growing_conversation_reads_what_the_turn_before_wrote(
    start: Start, client: Any
) -> None:
    sdk = client(await start(lambda c: answer(Use("Read", {"path": "a" * 4000}))))
    messages: list[Any] = [{"role": "user", "content": LONG}]
    totals, reads, usages = [], [], []
    for _ in range(4):
        message = await sdk.messages.create(
            model="claude-opus-5-5",
            max_tokens=5000,
            system=LONG,
            tools=[tool("Read")],
            cache_control=MARK,
            messages=messages,
        )
        usage = message.usage
        created = usage.cache_creation_input_tokens
        assert usage.cache_creation.ephemeral_5m_input_tokens == created
        assert usage.cache_creation.ephemeral_1h_input_tokens == 0
        assert usage.input_tokens == 0
        usages.append(created)
        reads.append(usage.cache_read_input_tokens)
        totals.append(usage.cache_read_input_tokens + created)
        result = {"type": "tool_result", "tool_use_id": message.content[-1].id, "content": LONG}
        messages += [
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [result]},
        ]
    assert reads == [0, *totals[:-1]]
    assert usages[0] > 2000
    assert all(2000 < created < 2600 for created in usages[1:])


def test_nothing_is_cached_without_a_breakpoint() -> None:
    clock = Clock()
    assert clock.send(body(LONG))[:2] == (0, 0)
    assert clock.send(body(LONG))[:2] == (0, 0)


def test_what_comes_after_the_last_breakpoint_is_plain() -> None:
    clock = Clock()
    system = [marked(LONG)]
    _, written, plain = clock.send(body("one", system=system))
    assert clock.send(body("two", system=system)) == (written, 0, plain)
    assert written > 1000 > 20 > plain > 0


def test_any_change_before_the_breakpoint_misses() -> None:
    changes: list[dict[str, Any]] = [
        {"system": [marked(LONG + "!")]},
        {"tools": [tool("Read")]},
        {"model": "claude-sonnet-5-5"},
        {
            "output_config": {
                "format": {"type": "json_schema", "schema": {"type": "string"}},
            }
        },
    ]
    for change in changes:
        clock = Clock()
        clock.send(body("x", system=[marked(LONG)]))
        read, written, _ = clock.send({**body("x", system=[marked(LONG)]), **change})
        assert read == 0
        assert written > 1000


def test_a_short_prefix_is_not_cached() -> None:
    clock = Clock()
    # The documented minimum of this model is 512 tokens.
    assert clock.send(body("x", system=[marked("word " * 300)]))[1] == 0
    assert clock.send(body("x", system=[marked("word " * 500)]))[1] > 512
    eager = PromptCache(min_tokens=0)
    assert eager.read(check_request(body("x", system=[marked("word")]))).written["5m"] > 0


def test_entries_end_after_their_ttl_and_live_on_with_use() -> None:
    clock = Clock()
    sent = body("x", system=[marked(LONG)])
    clock.send(sent)
    for _ in range(3):
        clock.now += 299
        assert clock.send(sent)[0] > 1000
    clock.now += 301
    assert clock.send(sent)[0] == 0

    hourly = body("y", system=[marked(LONG, HOUR)])
    reading = clock.cache.read(check_request(hourly))
    assert reading.read > 0, "the text is the same, so the entry for 5 minutes serves as well"
    clock.cache.keep(reading)
    clock.now += 3599
    assert clock.send(hourly)[0] > 1000


def test_each_ttl_is_counted_apart() -> None:
    clock = Clock()
    sent = body("x", system=[marked(LONG, HOUR), marked(LONG + "2")])
    reading = clock.cache.read(check_request(sent))
    assert reading.written["1h"] > 1000
    assert reading.written["5m"] > 1000
    assert reading.usage["cache_creation_input_tokens"] == sum(reading.written.values())


def test_a_breakpoint_looks_back_twenty_blocks() -> None:
    texts = [f"{LONG} {n}" for n in range(40)]
    for more, found in ((19, True), (20, False)):
        clock = Clock()
        _, written, _ = clock.send(body(*texts[:5], cache_control=MARK))
        read, _, _ = clock.send(body(*texts[: 5 + more], cache_control=MARK))
        assert read == (written if found else 0)


async def test_a_refused_call_writes_nothing(start: Start, http: Any) -> None:
    fault = {"kind": "status", "status": 529, "call": 1}
    simulator = await start(lambda c: answer(Say("hi")), faults={"faults": [fault]})
    sent = body("x", system=[marked(LONG)])
    sdk = http(simulator)
    assert (await sdk.post("/v1/messages", json=sent)).status_code == 529
    usage = (await sdk.post("/v1/messages", json=sent)).json()["usage"]
    assert usage["cache_read_input_tokens"] == 0
    usage = (await sdk.post("/v1/messages", json=sent)).json()["usage"]
    assert usage["cache_read_input_tokens"] > 1000
