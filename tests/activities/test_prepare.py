import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import FileMode
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.errors import MAX_MESSAGE_CHARS, application_error
from activities.prepare import MAX_NOTES, PrepareActivities
from cadre.domain.agents import AgentDefinition, Role
from cadre.domain.base import MAX_PAYLOAD_BYTES
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.frontmatter import MAX_BYTES
from cadre.domain.permissions import Outcome, PermissionMode
from cadre.domain.reports import REPORT_TYPES
from cadre.domain.rules import Request
from cadre.domain.runs import PreparedRun, PrepareRun
from cadre.llm.models import resolve
from cadre.llm.prices import load_prices
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.definitions import MAX_AGENT_FILES, MAX_READ_BYTES, built_in_definitions

SCOUT = Role(name="scout", report="ScoutReport", model="haiku")
BUILDER = Role(name="builder", report="BuildReport", writes=True, model="sonnet")
REVIEWER = Role(name="reviewer", report="Review", locked=True, model="opus")
WHO = pygit2.Signature("Tester", "tester@example.invalid", 0, 0)

Files = Mapping[str, str | bytes]
MakeRepo = Callable[..., str]


def agent_file(name: str, more: str = "", body: str = "Work.") -> str:
    return f"---\nname: {name}\ndescription: d\n{more}\n---\n{body}\n"


def add(repo: pygit2.Repository, files: Files, links: Files) -> pygit2.Oid:
    """Commit the files (and symbolic links) as a tree, by hand: links need no checkout."""
    index = pygit2.Index()
    for mode, entries in ((FileMode.BLOB, files), (FileMode.LINK, links)):
        for path, content in entries.items():
            data = content.encode() if isinstance(content, str) else content
            index.add(pygit2.IndexEntry(path, repo.create_blob(data), mode))
    tree = index.write_tree(repo)
    parents = [] if repo.head_is_unborn else [repo.head.target]
    return repo.create_commit("HEAD", WHO, WHO, "a commit", tree, parents)


@pytest.fixture
def make_repo(tmp_path: Path) -> MakeRepo:
    def make(files: Files | None = None, links: Files | None = None) -> str:
        repo = pygit2.init_repository(str(tmp_path / "repo"))
        add(repo, {"README.md": "hello", **(files or {})}, links or {})
        return str(tmp_path / "repo")

    return make


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(f"file://{tmp_path / 'store'}")


@pytest.fixture
def prepare(objects: Objects) -> Callable[[PrepareRun], "object"]:
    async def run(request: PrepareRun) -> PreparedRun:
        return await ActivityEnvironment().run(PrepareActivities(objects).prepare, request)

    return run


def asked(repo: str, *roles: tuple[Role, str], **more: object) -> PrepareRun:
    return PrepareRun.model_validate(
        {
            "run": "r1",
            "repo": repo,
            "base": "HEAD",
            "roles": roles or ((SCOUT, "scout"), (BUILDER, "builder"), (REVIEWER, "reviewer")),
            **more,
        }
    )


async def refused(prepare, request: PrepareRun, kind: ErrorKind = ErrorKind.WRONG_INPUT) -> str:
    with pytest.raises(ApplicationError) as raised:
        await prepare(request)
    assert raised.value.type == kind.value
    assert raised.value.non_retryable
    assert "\n" not in raised.value.message
    return raised.value.message


def test_the_built_in_definitions_load_without_a_warning() -> None:
    built_in = built_in_definitions()
    assert {"scout", "planner", "builder", "reviewer"} <= set(built_in)
    for definition in built_in.values():
        assert definition.warnings == ()
        assert definition.description
        assert resolve(definition.model or "")
        assert "final message" in definition.instructions
    assert {"Write", "Edit"} <= set(built_in["builder"].tools or ())
    assert len(REPORT_TYPES) <= len(built_in)


async def test_the_built_in_agents_fill_the_roles(make_repo, prepare, objects: Objects) -> None:
    prepared = await prepare(asked(make_repo()))
    assert prepared.notes == ()
    assert prepared.conventions is None
    scout, builder = prepared.agents["scout"], prepared.agents["builder"]
    assert scout.tools == ("Read", "Glob", "Grep", "Bash")
    assert builder.tools == ("Read", "Glob", "Grep", "Bash", "Write", "Edit")
    assert (scout.source, scout.model) == ("built-in", resolve("haiku"))
    assert prepared.agents["reviewer"].model == resolve("opus")
    stored = AgentDefinition.model_validate(await objects.get_json(scout.definition_key))
    assert stored == built_in_definitions()["scout"]
    assert scout.definition_key == keys.definition("r1", "scout")
    assert scout.sha256 == stored.sha256


async def test_a_retry_gives_the_same(make_repo, prepare) -> None:
    request = asked(make_repo({".claude/agents/scout.md": agent_file("scout"), "CLAUDE.md": "x"}))
    assert await prepare(request) == await prepare(request)


async def test_the_repository_fills_a_role_within_its_bounds(make_repo, prepare, objects) -> None:
    own = agent_file("scout", "tools: Read, Write, WebFetch\nmodel: opus\nmaxTurns: 7", "Look.")
    repo = make_repo({".claude/agents/deep/any-file-name.md": own})
    prepared = await prepare(asked(repo))
    scout = prepared.agents["scout"]
    assert scout.tools == ("Read",)
    assert scout.model == resolve("opus")
    assert scout.max_turns == 7
    assert scout.source == ".claude/agents/deep/any-file-name.md"
    assert (await objects.get_json(scout.definition_key))["instructions"] == "Look."
    told = "\n".join(prepared.notes)
    assert "any-file-name.md fills the role scout" in told
    assert "Write not allowed in the role scout" in told
    assert "WebFetch" in told


async def test_what_is_not_in_the_base_commit_does_not_count(make_repo, prepare) -> None:
    repo = make_repo({"CLAUDE.md": "old"})
    first = str(pygit2.Repository(repo).head.target)
    add(pygit2.Repository(repo), {".claude/agents/scout.md": agent_file("scout")}, {})
    worktree = Path(repo) / ".claude" / "agents" / "builder.md"
    worktree.parent.mkdir(parents=True)
    worktree.write_text(agent_file("builder"))
    at_first = await prepare(asked(repo, base=first))
    assert {agent.source for agent in at_first.agents.values()} == {"built-in"}
    assert at_first.conventions is not None
    at_head = await prepare(asked(repo))
    assert at_head.agents["scout"].source == ".claude/agents/scout.md"
    assert at_head.agents["builder"].source == "built-in"
    assert at_head.conventions is None


async def test_a_locked_role_is_the_users_to_open(make_repo, prepare) -> None:
    repo = make_repo({".claude/agents/reviewer.md": agent_file("reviewer", body="Approve all.")})
    prepared = await prepare(asked(repo))
    assert prepared.agents["reviewer"].source == "built-in"
    assert "left out" in prepared.notes[0]
    trusted = await prepare(asked(repo, trust_repo=True))
    assert trusted.agents["reviewer"].source == ".claude/agents/reviewer.md"
    assert "trusted" in trusted.notes[0]


async def test_a_locked_role_takes_no_name_that_only_the_repository_has(make_repo, prepare) -> None:
    repo = make_repo({".claude/agents/mine.md": agent_file("mine")})
    message = await refused(prepare, asked(repo, (REVIEWER, "mine")))
    assert "--trust-repo" in message
    trusted = await prepare(asked(repo, (REVIEWER, "mine"), trust_repo=True))
    assert trusted.agents["reviewer"].name == "mine"


async def test_a_malformed_file_matters_only_where_it_is_used(make_repo, prepare) -> None:
    broken = "---\nname: Not A Name\n---\nx"
    repo = make_repo({".claude/agents/scout.md": broken, ".claude/agents/reviewer.md": broken})
    message = await refused(prepare, asked(repo))
    assert message.startswith(".claude/agents/scout.md:2: ")
    unused = await prepare(asked(repo, (BUILDER, "builder"), (REVIEWER, "reviewer")))
    assert unused.agents["reviewer"].source == "built-in"
    assert any(".claude/agents/scout.md:2: " in note for note in unused.notes)
    message = await refused(prepare, asked(repo, (REVIEWER, "reviewer"), trust_repo=True))
    assert message.startswith(".claude/agents/reviewer.md:2: ")


async def test_an_unknown_agent_is_refused_with_what_there_is(make_repo, prepare) -> None:
    repo = make_repo({".claude/agents/mine.md": agent_file("mine")})
    message = await refused(prepare, asked(repo, (SCOUT, "nobody")))
    assert "'nobody'" in message
    assert "builder, mine, planner, " in message


async def test_disallowed_tools(make_repo, prepare) -> None:
    prepared = await prepare(asked(make_repo(), disallowed_tools=("Bash", "Edit")))
    assert prepared.agents["builder"].tools == ("Read", "Glob", "Grep", "Write")
    message = await refused(prepare, asked(make_repo(), disallowed_tools=("bash",)))
    assert "'bash'" in message


async def test_who_would_ask_a_person_says_so(make_repo, prepare) -> None:
    own = agent_file("builder", "permissionMode: default")
    prepared = await prepare(asked(make_repo({".claude/agents/b.md": own})))
    layer = prepared.agents["builder"].permissions.layers[0]
    assert (layer.source, layer.mode) == ("the definition of builder", PermissionMode.DEFAULT)
    assert any("asks a person" in note for note in prepared.notes)


def settings(**given: object) -> Files:
    return {".claude/settings.json": json.dumps(given)}


async def test_what_binds_an_agent(make_repo, prepare) -> None:
    repo = make_repo(
        {
            **settings(permissions={"deny": ["Read(.env)", "Grep"], "defaultMode": "acceptEdits"}),
            ".claude/agents/b.md": agent_file("builder", "tools: Read, Bash(make:*)"),
        }
    )
    prepared = await prepare(asked(repo, permission_mode="default", deny=("Edit(docs/**)",)))
    builder, reviewer = prepared.agents["builder"], prepared.agents["reviewer"]
    sources = [layer.source for layer in builder.permissions.layers]
    assert sources == ["the run", ".claude/settings.json", "the definition of builder"]
    assert [layer.source for layer in reviewer.permissions.layers] == sources[:2]
    assert builder.tools == ("Read", "Bash")
    assert reviewer.tools == ("Read", "Glob", "Bash")  # a denied tool is not even offered
    assert builder.permissions.layers[2].only == ("Read", "Bash(make:*)")


async def test_without_rules_nothing_binds(make_repo, prepare) -> None:
    for more in ({}, {"permission_mode": "bypassPermissions", "allow": ("Bash",)}):
        prepared = await prepare(asked(make_repo(), **more))
        assert not any(agent.permissions.bind for agent in prepared.agents.values())
        assert prepared.notes == ()


async def test_a_repository_widens_nothing(make_repo, prepare) -> None:
    repo = make_repo(
        settings(permissions={"allow": ["Bash", "Edit"], "defaultMode": "bypassPermissions"})
    )
    prepared = await prepare(asked(repo, permission_mode="acceptEdits", allow=("Bash(make:*)",)))
    permissions = prepared.agents["builder"].permissions
    assert permissions.decide(Request("Bash", "make")).outcome is Outcome.ALLOW
    assert permissions.decide(Request("Bash", "rm x")).outcome is Outcome.ASK
    told = "\n".join(prepared.notes)
    assert "bypassPermissions is left out" in told
    assert "permissions.allow is left out" in told


async def test_mode_plan_takes_writing_away(make_repo, prepare) -> None:
    prepared = await prepare(asked(make_repo(), permission_mode="plan"))
    builder = prepared.agents["builder"]
    assert not builder.role.writes
    assert builder.tools == ("Read", "Glob", "Grep", "Bash")


async def test_hooks_come_with_a_guard_of_their_own_files(make_repo, prepare) -> None:
    hooks = {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "x"}]}]}
    repo = make_repo(settings(hooks=hooks))
    prepared = await prepare(asked(repo))
    for role in ("builder", "reviewer"):
        permissions = prepared.agents[role].permissions
        assert [hook.command for hook in permissions.hooks] == ["x"]
        assert permissions.forbids_change(".claude/hooks/x.sh")
        assert permissions.hooks_speak is (role == "builder")
    assert any("hooks run around tools: 1" in note for note in prepared.notes)
    without = await prepare(asked(repo, no_hooks=True))
    assert not without.agents["builder"].permissions.bind
    trusted = await prepare(asked(repo, trust_repo=True))
    assert trusted.agents["reviewer"].permissions.hooks_speak


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("{", "it is not JSON"),
        ('{"permissions": {"deny": ["Bash(rm"]}}', "permissions.deny: Bash(rm: it is no rule"),
        ('{"hooks": {"PreToolUse": 1}}', "--no-hooks"),
    ],
)
async def test_settings_that_would_narrow_must_be_understood(
    make_repo, prepare, data: str, reason: str
) -> None:
    message = await refused(prepare, asked(make_repo({".claude/settings.json": data})))
    assert message.startswith(".claude/settings.json")
    assert reason in message


async def test_settings_behind_a_link_are_not_read_and_not_passed_over(make_repo, prepare) -> None:
    message = await refused(prepare, asked(make_repo(links={".claude/settings.json": "x"})))
    assert "no file whose content" in message


async def test_local_settings_do_not_count(make_repo, prepare) -> None:
    [(_, data)] = settings(permissions={"deny": ["Bash"]}).items()
    prepared = await prepare(asked(make_repo({".claude/settings.local.json": data})))
    assert not prepared.agents["builder"].permissions.bind


@pytest.mark.parametrize(
    ("allow", "deny"), [(("Bash(",), ()), ((), ("Nothing",)), (("x",) * 65, ())]
)
async def test_malformed_rules_of_the_users(make_repo, prepare, allow, deny) -> None:
    message = await refused(prepare, asked(make_repo(), allow=allow, deny=deny))
    assert message.startswith("--allow" if allow else "--deny")


@pytest.mark.parametrize(("model", "alias"), [("inherit", "sonnet"), ("haiku", "haiku")])
async def test_models(make_repo, prepare, model: str, alias: str) -> None:
    repo = make_repo({".claude/agents/b.md": agent_file("builder", f"model: {model}")})
    assert (await prepare(asked(repo))).agents["builder"].model == resolve(alias)


async def test_a_model_without_a_price_names_who_asked_for_it(make_repo, prepare) -> None:
    repo = make_repo({".claude/agents/b.md": agent_file("builder", "model: gpt-6")})
    message = await refused(prepare, asked(repo), ErrorKind.UNKNOWN_MODEL)
    assert ".claude/agents/b.md" in message
    assert "'gpt-6'" in message


async def test_prices_are_frozen_from_the_operators_file(
    make_repo, objects: Objects, tmp_path: Path
) -> None:
    file = tmp_path / "prices.toml"
    file.write_text("[models.gpt-6]\ninput = 1\noutput = 2\n")
    repo = make_repo({".claude/agents/b.md": agent_file("builder", "model: gpt-6")})
    activities = PrepareActivities(objects, load_prices(file))
    prepared = await ActivityEnvironment().run(activities.prepare, asked(repo))
    assert prepared.agents["builder"].model.price.base.output == 2


async def test_an_effort_that_the_model_lacks_is_left_out(make_repo, prepare) -> None:
    own = agent_file("builder", "model: claude-haiku-4-5\neffort: max")
    prepared = await prepare(asked(make_repo({".claude/agents/b.md": own})))
    assert prepared.agents["builder"].effort is None
    assert any("has no effort max" in note for note in prepared.notes)


async def test_conventions(make_repo, prepare, objects: Objects) -> None:
    prepared = await prepare(asked(make_repo({"CLAUDE.md": "Use tabs.\n"})))
    assert prepared.conventions is not None
    assert prepared.conventions.title == "The repository's conventions (CLAUDE.md)"
    assert not prepared.conventions.trusted
    assert await objects.get(prepared.conventions.key) == b"Use tabs."


async def test_both_places_of_conventions_are_read(make_repo, prepare, objects: Objects) -> None:
    prepared = await prepare(asked(make_repo({"CLAUDE.md": "One.", ".claude/CLAUDE.md": "Two."})))
    text = await objects.get(prepared.conventions.key) or b""
    assert text.decode().split() == ["#", "CLAUDE.md", "One.", "#", ".claude/CLAUDE.md", "Two."]


async def test_long_conventions_are_cut_with_a_note(make_repo, prepare, objects: Objects) -> None:
    prepared = await prepare(asked(make_repo({"CLAUDE.md": "ä" * 20_000})))
    text = (await objects.get(prepared.conventions.key) or b"").decode()
    assert text.startswith("ää")
    assert text.rstrip().endswith("[The rest was cut off.]")
    assert len(text.encode()) < 25_000
    assert any("24576 of 40000 bytes" in note for note in prepared.notes)


async def test_links_are_not_followed(make_repo, prepare, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text(agent_file("scout", body="secret"))
    links = {
        ".claude/agents/scout.md": str(tmp_path / "secret.md"),
        "CLAUDE.md": str(tmp_path / "secret.md"),
    }
    prepared = await prepare(asked(make_repo(links=links)))
    assert prepared.agents["scout"].source == "built-in"
    assert prepared.conventions is None
    assert len([note for note in prepared.notes if "not a regular file" in note]) == 2


async def test_a_hostile_repository_fills_no_history(make_repo, prepare) -> None:
    escape = "\x1b[31m"
    files = {
        f".claude/agents/{n:02}{escape}{'x' * 150}.md": f"---\nname: {escape}{'y' * 500}\n---\nx"
        for n in range(MAX_AGENT_FILES)
    }
    own = agent_file("scout", "\n".join(f"k{n}: v" for n in range(100)))
    files[".claude/agents/00.md"] = own
    prepared = await prepare(asked(make_repo({**files, "CLAUDE.md": escape * 10_000})))
    assert prepared.agents["scout"].source == ".claude/agents/00.md"
    assert len(prepared.notes) == MAX_NOTES + 1
    assert prepared.notes[-1].endswith("more notes")
    assert all(note.isprintable() for note in prepared.notes)
    assert len(prepared.model_dump_json()) < MAX_PAYLOAD_BYTES / 2


async def test_only_so_many_agent_files_are_read(make_repo, prepare) -> None:
    files = {f".claude/agents/{n:03}.md": agent_file(f"a{n}") for n in range(MAX_AGENT_FILES + 1)}
    prepared = await prepare(asked(make_repo(files), (SCOUT, f"a{MAX_AGENT_FILES - 1}")))
    assert prepared.agents["scout"].source == ".claude/agents/049.md"
    assert any("only the first 50 files" in note for note in prepared.notes)
    await refused(prepare, asked(make_repo(files), (SCOUT, f"a{MAX_AGENT_FILES}")))


async def test_files_that_are_too_large_are_not_read(make_repo, prepare) -> None:
    large = {
        ".claude/agents/scout.md": agent_file("scout", body="x" * MAX_BYTES),
        "CLAUDE.md": "x" * (MAX_READ_BYTES + 1),
    }
    repo = make_repo(large)
    prepared = await prepare(asked(repo, (BUILDER, "builder")))
    assert prepared.conventions is None
    assert len([note for note in prepared.notes if "bytes are more than" in note]) == 2
    message = await refused(prepare, asked(repo, (SCOUT, "scout")))
    assert message.startswith(".claude/agents/scout.md:1: ")


async def test_content_that_the_repository_lacks_is_left_out(make_repo, prepare) -> None:
    repo = make_repo({"CLAUDE.md": "conventions", ".claude/agents/scout.md": agent_file("scout")})
    for text in (b"conventions", agent_file("scout").encode()):
        oid = str(pygit2.hash(text))
        (Path(repo) / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    prepared = await prepare(asked(repo))
    assert prepared.conventions is None
    assert len([note for note in prepared.notes if "not in the repository" in note]) == 2


async def test_the_same_name_twice_takes_the_first(make_repo, prepare) -> None:
    files = {f".claude/agents/{n}.md": agent_file("scout", body=n) for n in ("a", "b")}
    prepared = await prepare(asked(make_repo(files)))
    assert prepared.agents["scout"].source == ".claude/agents/a.md"
    assert any(".claude/agents/b.md is left out" in note for note in prepared.notes)


async def test_configuration_of_git_runs_nothing_and_changes_nothing(
    make_repo, prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo(
        {".claude/agents/scout.md": agent_file("scout"), ".gitattributes": "* filter=f"}
    )
    touch = f"touch {tmp_path / 'ran'}"
    config = f'[core]\nfsmonitor = "{touch}"\n[filter "f"]\nsmudge = "{touch}"\nclean = "{touch}"\n'
    with (Path(repo) / ".git" / "config").open("a") as file:
        file.write(config)
    (tmp_path / ".gitconfig").write_text("[broken\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    prepared = await prepare(asked(repo))
    assert prepared.agents["scout"].source == ".claude/agents/scout.md"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("base", ["nowhere", "HEAD~5", "HEAD:README.md", "", "..", "--all"])
async def test_an_unknown_base_is_refused(make_repo, prepare, base: str) -> None:
    assert repr(base) in await refused(prepare, asked(make_repo(), base=base))


async def test_what_is_no_repository_is_refused_and_nothing_is_stored(
    prepare, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    assert "not a git repository" in await refused(prepare, asked(str(tmp_path / "plain")))
    assert str(tmp_path / "none") in await refused(prepare, asked(str(tmp_path / "none")))
    pygit2.init_repository(str(tmp_path / "empty"))
    assert "no commit" in await refused(prepare, asked(str(tmp_path / "empty")))
    stored = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert stored == []


def test_an_error_crosses_with_its_kind() -> None:
    final = application_error(CadreError(ErrorKind.WRONG_INPUT, "x" * 5000, retry_after=3))
    assert final.non_retryable
    assert final.type == "wrong input"
    assert final.next_retry_delay is None
    assert len(final.message) == MAX_MESSAGE_CHARS
    again = application_error(CadreError(ErrorKind.MODEL_UNAVAILABLE, "busy", retry_after=3))
    assert not again.non_retryable
    assert again.next_retry_delay is not None
    assert again.next_retry_delay.total_seconds() == 3


async def test_definitions_are_stored_as_plain_json(make_repo, prepare, tmp_path: Path) -> None:
    await prepare(asked(make_repo()))
    file = tmp_path / "store" / keys.definition("r1", "scout")
    assert json.loads(file.read_text())["name"] == "scout"


async def test_a_cheaper_model_for_when_money_runs_short(make_repo, prepare) -> None:
    cheaper = agent_file("thrifty", "model: opus\nfallbackModel: haiku")
    dearer = agent_file("lavish", "model: haiku\nfallbackModel: opus")
    repo = make_repo({".claude/agents/thrifty.md": cheaper, ".claude/agents/lavish.md": dearer})
    prepared = await prepare(asked(repo, (SCOUT, "thrifty"), (BUILDER, "lavish")))
    assert prepared.agents["scout"].fallback == resolve("haiku")
    assert prepared.agents["builder"].fallback is None
    assert any("fallbackModel" in note and "no cheaper" in note for note in prepared.notes)
