"""A lead that asks two scouts at once and then a worker, and reports what they answered."""

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer


class Lead:
    def answer(self, conversation: Conversation) -> Answer:
        found: Answer = getattr(self, conversation.role)(conversation)
        return found

    def worker(self, c: Conversation) -> Answer:
        if c.turn == 1:
            return answer(*(_task("scout", f"List the files in {d}.") for d in ("src", "docs")))
        if c.turn == 2:
            seen = " and ".join(e.result.strip() for e in c.exchanges)
            return answer(_task("worker", f"Write what was seen: {seen}"))
        said = [e.result for e in c.exchanges]
        report = {"summary": said[-1], "subject": "Write it", "verified": said, "open_points": []}
        return answer(Report(report))

    def helper(self, c: Conversation) -> Answer:
        if "List the files" in c.task:
            directory = c.task.split()[-1].rstrip(".")
            if c.turn == 1:
                return answer(Use("Bash", {"command": f"ls {directory}"}))
            return answer(Report({"answer": c.exchanges[-1].result}))
        text = c.task.partition("Write what was seen: ")[2]
        if c.turn == 1:
            files = ("src/seen.txt", "docs/seen.txt")
            uses = [Use("Write", {"file_path": f, "content": f"{text}\n"}) for f in files]
            return answer(*uses)
        told = ["error" if e.is_error else "fine" for e in c.exchanges]
        return answer(Report({"answer": f"src {told[0]}, docs {told[1]}"}))


def _task(agent: str, prompt: str) -> Use:
    given = {"description": prompt[:40], "prompt": prompt, "subagent_type": agent}
    return Use("Task", given)


scenario = Lead()
