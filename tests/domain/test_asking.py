"""When people are told of a question, and what they read."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.asking import (
    MAX_REMINDERS,
    Moment,
    course,
    escalated,
    opened,
    tool_question,
)
from cadre.domain.decisions import MAX_TEXT_CHARS, Decision, Policy, Question, Refusal
from cadre.domain.turns import ToolAsks, ToolCall, ToolUse
from cadre.domain.waiting import (
    MAX_TOLD,
    AgentAsks,
    form,
    own_part,
    read_asks,
    waiting_line,
    waiting_text,
)
from cadre.domain.workspaces import Workspace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = st.floats(min_value=0.1, max_value=10_000)


@given(HOURS | st.just(0.0), HOURS, HOURS | st.just(0.0), st.booleans())
def test_a_course_is_in_order_bounded_and_ends_with_the_expiry(
    remind: float, escalate: float, expire: float, to: bool
) -> None:
    policy = Policy(
        remind_hours=remind, escalate_hours=escalate, expire_hours=expire,
        escalate_to=("ben",) if to else (),
    )  # fmt: skip
    moments = course(policy)
    times = [after for after, _ in moments]
    assert times == sorted(times)
    assert len(moments) <= MAX_REMINDERS + 2
    names = [moment for _, moment in moments]
    assert (Moment.EXPIRED in names) == bool(expire)
    if expire:
        assert moments[-1] == (timedelta(hours=expire), Moment.EXPIRED)
        assert all(after < timedelta(hours=expire) for after in times[:-1])
    assert (Moment.ESCALATED in names) == (to and not 0 < expire <= escalate)


def test_escalation_lets_more_people_decide_unless_anybody_may() -> None:
    policy = Policy(approvers=("ann",), escalate_to=("ann", "ben"))
    asked = opened(Question(id="q", text="?"), "q", policy, NOW)
    assert escalated(asked, policy).approvers == ("ann", "ben")
    anybody = opened(Question(id="q", text="?"), "q", Policy(), NOW)
    assert escalated(anybody, policy).approvers == ()


def test_a_long_question_is_cut_and_its_hash_is_of_all_of_it() -> None:
    policy = Policy(expire_hours=1)
    one, other = (opened(Question(id="q", text="x" * 20_000 + c), "q", policy, NOW) for c in "ab")
    assert len(one.text) == MAX_TEXT_CHARS
    assert one.text == other.text
    assert one.subject_sha256 != other.subject_sha256
    assert one.expires == NOW + timedelta(hours=1)


def test_what_is_shown_can_be_sent_back() -> None:
    asked = opened(Question(id="parts", text="Go?"), "parts", Policy(approvers=("ann",)), NOW)
    text = waiting_text("r1/builder.1", [asked])
    assert "builder.1/parts waits for ann" in text
    assert "cadre approve r1 builder.1/parts" in text
    assert form(asked) in text
    sent = Decision.model_validate(json.loads(form(asked)))
    assert (sent.id, sent.subject_sha256) == ("parts", asked.subject_sha256)


@given(st.text(alphabet="`a\n", max_size=40))
def test_arguments_cannot_leave_their_block(shown: str) -> None:
    call = ToolCall(
        run="r", agent_id="b", turn=3, tools=("Bash",), writes=True, snapshot="t",
        use=ToolUse(id="u", name="Bash", title="Bash", read_only=False),
        workspace=Workspace(run="r", name="main", base="b" * 40, snapshot="t"),
    )  # fmt: skip
    asks = ToolAsks(why="the run asks", shown=shown, key="k", sha256="0" * 64)
    question = tool_question(call, asks)
    assert question.id == "bash-3"
    head, fence = question.text.split("\n\n", 1)[0], question.text.rpartition("\n")[2]
    assert head == "b wants to run this, and the run asks:"
    assert set(fence) == {"`"}
    assert fence not in shown


def agent_asks(agent_id: str, count: int = 1) -> AgentAsks:
    policy = Policy(approvers=("ann",))
    asked = [
        opened(Question(id=f"write-{n}", title="Write: `a|b`", text="?"), f"write-{n}", policy, NOW)
        for n in range(1, count + 1)
    ]
    return AgentAsks(agent_id=agent_id, run_id="i-d").now(asked)


def test_a_run_shows_what_its_agents_ask() -> None:
    below = [agent_asks("worker.1"), agent_asks("worker.1/scout.2")]
    text = waiting_text("r1", [], agents=below)
    assert "worker.1/write-1 waits for ann\n\n`Write: 'a" in text
    assert "`cadre approve r1 worker.1/scout.2/write-1`" in text
    assert "(namespaces/default/workflows/r1%2Fworker.1%2Fscout.2/i-d/user-metadata)" in text
    line = waiting_line([], below)
    assert line == "agents: worker.1/write-1 (ann), worker.1/scout.2/write-1 (ann)"
    assert own_part(line) == ""
    own = opened(Question(id="parts", text="Go?"), "parts", Policy(), NOW)
    assert own_part(waiting_line([own], below)) == waiting_line([own]) == "parts"


def test_what_anybody_can_send_is_no_markup_on_the_page_of_a_run() -> None:
    link = "\n\n[click](https://example.invalid) ` "
    told = {"id": f"a{link}", "title": f"b{link}", "approvers": [f"c{link}"]}
    sent = read_asks([json.dumps({"agent_id": f"worker.1/{link}", "questions": [told]}).encode()])
    assert isinstance(sent, AgentAsks)
    refused = Refusal(at=NOW, why=f"d{link}")
    text = waiting_text("r1", [], [refused], [sent])
    seen = re.sub(r"\\.|`[^`\n]*`", "", text)  # neither what is escaped nor code
    assert "[click]" not in seen
    assert not re.search(r"^\[", text, re.MULTILINE), "and none begins a line"
    assert text.count("\n\n") == 4


def test_what_an_agent_tells_is_bounded_and_checked() -> None:
    told = agent_asks("worker.1", count=30)
    assert len(told.questions) == MAX_TOLD
    assert read_asks([told.model_dump_json().encode()]) == told
    for wrong in ([], [b"{}", b"{}"], [b"{"], [b"{}"], [b'{"agent_id": "", "questions": []}']):
        assert isinstance(read_asks(wrong), str)
