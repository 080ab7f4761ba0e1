"""Agents for a library of shell functions: they find the faulty `cut` by reading, and mend it.

The edit is made from the line that was read; where no such line is, nothing is edited.
"""

import re

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

FAULTY = re.compile(r"^\s*\d+\t(.*cut -d(?P<d>\S+) -f\"\$(?P<n>\w+)\".*)$", re.MULTILINE)


class ShellLibrary:
    def answer(self, conversation: Conversation) -> Answer:
        found: Answer = getattr(self, conversation.role)(conversation)
        return found

    def scout(self, c: Conversation) -> Answer:
        if not c.exchanges:
            return answer(Use("Grep", {"pattern": "cut -d", "output_mode": "files_with_matches"}))
        files = [line for line in c.exchanges[-1].result.splitlines() if line.endswith(".sh")]
        listed = [{"path": path, "why": "uses cut"} for path in files]
        return answer(
            Report({"summary": "Found cut.", "facts": files, "files": listed, "risks": []})
        )

    def planner(self, c: Conversation) -> Answer:
        files = [file["path"] for report in c.reports for file in report["files"]]
        step = {"title": "Say which delimiter", "files": files, "detail": "cut takes a comma"}
        return answer(Report({"summary": "One line.", "steps": [step], "checks": ["the tests"]}))

    def builder(self, c: Conversation) -> Answer:
        path = next(step["files"][0] for r in c.reports if "steps" in r for step in r["steps"])
        if not c.exchanges:
            return answer(Use("Read", {"file_path": path}))
        if c.exchanges[-1].tool == "Read" and (found := FAULTY.search(c.exchanges[-1].result)):
            old = found[1]
            new = old.replace(f"cut -d{found['d']}", "cut -d,")
            edit = {"file_path": path, "old_string": old, "new_string": new}
            return answer(Use("Edit", edit))
        if c.exchanges[-1].tool != "Bash":
            return answer(Use("Bash", {"command": "sh test/run.sh; cat build/stamp"}))
        return answer(
            Report(
                {
                    "summary": "The fields of a CSV line are split at commas.",
                    "subject": "Split CSV fields at commas",
                    "verified": [c.exchanges[-1].result],
                    "open_points": [],
                }
            )
        )

    def reviewer(self, c: Conversation) -> Answer:
        if not c.exchanges:
            return answer(Use("Bash", {"command": "git diff --stat && sh test/run.sh"}))
        good = not c.exchanges[-1].is_error and "ok" in c.exchanges[-1].result
        verdict = "approve" if good else "request_changes"
        return answer(
            Report({"verdict": verdict, "summary": c.exchanges[-1].result, "findings": []})
        )


scenario = ShellLibrary()
