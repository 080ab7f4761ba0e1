"""What included modules may offer, and how they are refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cadre.domain.errors import CadreError
from cadre.included import load
from cadre.runtime.settings import load_settings
from cadre.tools.catalog import catalog_of
from workflows.included import patterns_of

PATTERN = """
from temporalio import workflow
from cadre.domain.outcomes import RunResult
from cadre.domain.runs import RunInput
from workflows.registry import Pattern

@workflow.defn(name="mine")
class Mine:
    @workflow.run
    async def run(self, spec: RunInput) -> RunResult: ...

@workflow.defn(name="other")
class Other:
    @workflow.run
    async def run(self, spec: str) -> None: ...
"""
TOOL = """
from cadre.tools.tool import Tool, ToolContext, ToolInput, ToolOutput

class Given(ToolInput):
    '''Do it.'''

    what: str

class Bare(ToolInput):
    what: str

async def run(request: Given, context: ToolContext) -> ToolOutput: ...

def tool(name="Mine", input=Given, subject="what"):
    return Tool(name=name, input=input, run=run, subject=subject)
"""
AGENT = "---\nname: {name}\ndescription: Does it.\ntools: Mine, Read\n---\n\nDo it.\n"


class Package:
    """A package that is written for a test; `name` is its own in each, so none is cached."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._directory = path / name
        self._directory.mkdir()

    def write(self, code: str, **agents: str) -> None:
        (self._directory / "__init__.py").write_text(code.replace("HERE", self.name))
        for file, text in agents.items():
            (self._directory / f"{file}.md").write_text(text)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Package(tmp_path, f"own_{tmp_path.name.replace('-', '_')}")


def include(name: str) -> None:
    """As a worker does."""
    modules = load([name])
    patterns_of(modules)
    catalog_of(modules)


def test_what_is_offered_stands_beside_the_built_in(package: Package) -> None:
    offers = 'PATTERNS = (Pattern("mine", "Mine.", "HERE:Mine"),)\nTOOLS = (tool(),)\nAGENTS = "."'
    package.write(f"{PATTERN}\n{TOOL}\n{offers}", mine=AGENT.format(name="mine"))
    modules = load([package.name, package.name])
    assert [p.name for p in patterns_of(modules)][-1] == "mine"
    assert len(patterns_of(modules)) == len(patterns_of(())) + 1
    catalog = catalog_of(modules)
    assert catalog.tools.names == (*catalog_of(()).tools.names, "Mine")
    assert catalog.agents["mine"].tools == ("Mine", "Read")
    assert catalog.agents["mine"].source == package.name
    assert set(catalog.agents) == {*catalog_of(()).agents, "mine"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "it cannot be imported: ZeroDivisionError"),
        ("import nothing_of_that_name", "it cannot be imported: ModuleNotFoundError"),
        ("this is no code", "it cannot be imported: SyntaxError"),
        ("", "offers none of PATTERNS, TOOLS, AGENTS"),
        (f'{PATTERN}\nPATTERNS = Pattern("mine", "", "HERE:Mine")', "its PATTERNS is no tuple"),
        ("PATTERNS = ('mine',)", "holds 'mine', which is no Pattern"),
        (f'{PATTERN}\nPATTERNS = [Pattern("pipeline", "", "HERE:Mine")]', "a pattern pipeline alr"),
        (f'{PATTERN}\nPATTERNS = [Pattern("agent", "", "HERE:Mine")]', "a pattern agent already"),
        (f'{PATTERN}\nPATTERNS = [Pattern("My own", "", "HERE:Mine")]', "'My own' cannot be"),
        (f'{PATTERN}\nPATTERNS = [Pattern("mine", "", "HERE:Nothing")]', "AttributeError"),
        (f'{PATTERN}\nPATTERNS = [Pattern("mine", "", "nowhere:Mine")]', "ModuleNotFoundError"),
        (f'{PATTERN}\nPATTERNS = [Pattern("mine", "", "HERE:Other")]', "no workflow of that name"),
        (f'{PATTERN}\nPATTERNS = [Pattern("mine", "", "HERE:RunInput")]', "cannot be used"),
        (f'{PATTERN}\nPATTERNS = [Pattern("other", "", "HERE:Other")]', "which is no RunInput"),
        ("TOOLS = 3", "its TOOLS is no tuple, but 3"),
        ("TOOLS = (print,)", "which is no Tool"),
        (f"{TOOL}\nTOOLS = (tool(), tool())", "there is a tool Mine already"),
        (f'{TOOL}\nTOOLS = (tool("Bash"),)', "there is a tool Bash already"),
        (f'{TOOL}\nTOOLS = (tool("Task"),)', "there is a tool Task already"),
        (f'{TOOL}\nTOOLS = (tool("Two words"),)', "'Two words' cannot be a tool's name"),
        (f'{TOOL}\nTOOLS = (tool(subject="x"),)', "has no input field 'x'"),
        (f"{TOOL}\nTOOLS = (tool(input=Bare),)", "needs an input model with a docstring"),
        ("AGENTS = 'nowhere'", "'nowhere', names no directory"),
        ("AGENTS = 3", "3, names no directory"),
        ("import os\nAGENTS = '.'", "there is no agent file in ."),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(package: Package, code: str, said: str) -> None:
    package.write(code)
    with pytest.raises(CadreError) as caught:
        include(package.name)
    assert said in caught.value.message
    assert caught.value.message.startswith(f"--include {package.name}: ")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        ({"mine": "no frontmatter"}, "mine.md:1:"),
        ({"mine": AGENT.format(name="scout")}, "there is an agent scout already"),
        ({"a": AGENT.format(name="mine"), "b": AGENT.format(name="mine")}, "an agent mine already"),
    ],
)
def test_agent_files_that_make_no_sense_are_refused(
    package: Package, agents: dict[str, str], said: str
) -> None:
    package.write("AGENTS = '.'", **agents)
    with pytest.raises(CadreError, match=said):
        catalog_of(load([package.name]))


@pytest.mark.parametrize("given", ["a.b, c", '["a.b", "c"]', "a.b,c,"])
def test_the_setting_takes_names_with_commas(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("CADRE_INCLUDE", given)
    settings = load_settings()
    assert settings.include == ("a.b", "c")
    monkeypatch.setenv("CADRE_INCLUDE", settings.as_environment()["CADRE_INCLUDE"])
    assert load_settings().include == ("a.b", "c")


@pytest.mark.parametrize("given", ["a-b", "./a.py", "a b", '["a'])
def test_what_names_no_module_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("CADRE_INCLUDE", given)
    with pytest.raises(CadreError, match="include") as caught:
        load_settings()
    assert "\n" not in caught.value.message
