"""Ten agents on a package of shapes. Each works from what it reads, the resolver as well.

Most add a module of their own; two add a line at the same place of one file, so that merging them
is a conflict; the model of one refuses when half of its work is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cadre.simulator.conversation import Conversation
from cadre.simulator.faults import FaultKind, FaultPlan, Injection
from cadre.simulator.scenario import Answer, Report, Use, answer

CHECK = "python3 -m unittest -q"
FILES = {
    "shapes/__init__.py": "",
    "shapes/circle.py": '"""The circle."""\n\n\ndef area(size):\n    return 3 * size * size\n',
    "shapes/names.py": 'NAMES = {\n    "circle": "a circle",\n}\n',
    "tests/__init__.py": "",
    "tests/test_shapes.py": (
        "import importlib, pkgutil, unittest\nimport shapes\nfrom shapes.names import NAMES\n\n\n"
        "class Shapes(unittest.TestCase):\n    def test_all(self):\n"
        "        for found in pkgutil.iter_modules(shapes.__path__):\n"
        '            if found.name != "names":\n'
        '                module = importlib.import_module(f"shapes.{found.name}")\n'
        "                self.assertGreater(module.area(2), 0)\n"
        "        self.assertEqual(len(NAMES), len(set(NAMES.values())))\n"
    ),
}
MODULES = {"square": 1, "cross": 5, "plus": 6, "star": 7, "ring": 8, "bar": 9, "lens": 4, "drop": 2}
CONFLICTS = ("square", "cross")
REFUSES = "drop"
TASKS = [
    *(
        f"Add the shape {name}, with {factor} times the area of its square."
        for name, factor in MODULES.items()
    ),
    *(f"Give the shape {name} the name 'the {name}'." for name in CONFLICTS),
]
NAMED = re.compile(r"(Add|Give) the shape (\w+)(?:, with (\d+))?")


class Shapes:
    """A worker for each task, and a resolver that keeps both sides."""

    faults = FaultPlan(
        faults=(Injection(kind=FaultKind.REFUSAL, agent_id="worker.8", turn=3, attempts=()),)
    )

    def answer(self, conversation: Conversation) -> Answer:
        """The next answer."""
        found: Answer = getattr(self, conversation.role)(conversation)
        return found

    def splitter(self, c: Conversation) -> Answer:
        chosen = TASKS[:2] + TASKS[-2:] if "names" in c.task else TASKS[:3]
        parts = [{"title": t.partition(",")[0], "task": t, "files": []} for t in chosen]
        return answer(Report({"summary": "One shape each.", "parts": parts}))

    def worker(self, c: Conversation) -> Answer:
        found = NAMED.search(c.task)
        assert found is not None
        what, name, factor = found.groups()
        path = "shapes/circle.py" if what == "Add" else "shapes/names.py"
        if c.turn == 1:
            return answer(Use("Bash", {"command": f"cat {path}"}))
        seen = c.exchanges[0].result
        if c.turn == 2 and what == "Add":
            text = seen.replace("circle", name).replace("3 *", f"{factor} *")
            return answer(Use("Write", {"file_path": f"shapes/{name}.py", "content": text}))
        if c.turn == 2:
            last = seen.splitlines()[-2]
            new = f'{last}\n    "{name}": "the {name}",'
            edit = {"file_path": path, "old_string": last, "new_string": new}
            return answer(Use("Edit", edit))
        if c.turn == 3:
            return answer(Use("Bash", {"command": CHECK}))
        return _report(f"{what} {name}", c)

    def resolver(self, c: Conversation) -> Answer:
        [path] = re.findall(r"^- (\S+): ", c.task, re.MULTILINE)
        if c.turn == 1:
            return answer(Use("Bash", {"command": f"cat {path}"}))
        if c.turn == 2:
            text = "\n".join(_both(c.exchanges[0].result)) + "\n"
            return answer(Use("Write", {"file_path": path, "content": text}))
        if c.turn == 3:
            return answer(Use("Bash", {"command": CHECK}))
        return _report("Keep both names", c)


def _report(subject: str, c: Conversation) -> Answer:
    last = c.exchanges[-1].result
    report = {"summary": subject, "subject": subject, "verified": [last], "open_points": []}
    return answer(Report(report))


def _both(text: str) -> Iterator[str]:
    """The lines of both sides of each conflict, without the base's."""
    side = ""
    for line in text.splitlines():
        if line.startswith("<<<<<<< "):
            side = "ours"
        elif line.startswith("||||||| ") and side:
            side = "base"
        elif line == "=======" and side:
            side = "theirs"
        elif line.startswith(">>>>>>> "):
            side = ""
        elif side != "base":
            yield line


scenario = Shapes()
