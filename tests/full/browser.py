"""Temporal's web UI in Debian's Chromium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Error, Frame, Locator, Page, ViewportSize, sync_playwright
from temporalio.client import Client

# A page of the UI fetches its parts one after the other, and the tests' machine is busy.
SECONDS = 120
# High enough for the whole timeline: what is out of sight is not drawn.
SIZE: ViewportSize = {"width": 1280, "height": 2400}
# What the UI keeps for each user in the browser; no service can set it beforehand.
COLUMNS_KEY = "namespace-workflow-table-columns"
COLUMNS = (
    "Status", "Workflow ID", "CadreStatus", "CadreWaiting", "CadreCostUsd", "CadreRepo", "Start"
)  # fmt: skip


async def run_ids(address: str, *workflow_ids: str) -> dict[str, str]:
    """The run ID of each workflow, which the UI's addresses name."""
    client = await Client.connect(address)
    described = [await client.get_workflow_handle(name).describe() for name in workflow_ids]
    return {found.id: found.run_id for found in described}


class Ui:
    """A user at the UI."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = f"{url}/namespaces/default/workflows"

    def runs(self) -> None:
        """The list of runs, without their agents' workflows."""
        self._open("?query=CadrePattern+IS+NOT+NULL")

    def workflow(self, workflow_id: str, run_id: str, tab: str, *, closed: bool = True) -> None:
        """A tab of a workflow: timeline, relationships, user-metadata, search-attributes …
        The page of one that goes on asks the server without end."""
        self._open(f"/{quote(workflow_id, safe='')}/{run_id}/{tab}", idle=closed)

    def sees(self, text: str) -> None:
        """Wait until `text` stands on the page."""
        self.page.get_by_text(text).first.wait_for(timeout=SECONDS * 1000)

    def form(self, what: str) -> Locator:
        """Open the form `Signal` or `Update` of the workflow that is shown."""
        self.page.get_by_role("button", name="More Actions").click(timeout=SECONDS * 1000)
        entry = self.page.get_by_role("menuitem").filter(has_text=what).first
        entry.click(timeout=SECONDS * 1000)
        form = self.page.locator("dialog[open]").filter(has_text=f" {what}")
        form.wait_for(timeout=SECONDS * 1000)
        return form

    def fill(self, form: Locator, what: str, name: str, data: str) -> None:
        """Choose `name` in a form, or give it where it is not in the list, and fill in the data."""
        form.get_by_test_id(f"{what.lower()}-select-button").click()
        known = form.get_by_role("option").filter(has_text=name)
        if known.count():
            known.first.click()
        else:
            form.get_by_role("option").filter(has_text="Custom").click()
            form.locator("input:not([type=radio], [type=file], [disabled])").first.fill(name)
        box = form.get_by_role("textbox", name="Data")
        box.fill(data)
        box.blur()  # now it sets the JSON in lines, which moves the button below

    def submit(self, form: Locator) -> None:
        """Send a form, and wait until it has gone."""
        form.get_by_role("button", name="Submit").click(timeout=SECONDS * 1000)
        form.wait_for(state="hidden", timeout=SECONDS * 1000)

    def given(self, text: str) -> dict[str, Any]:
        """The JSON that the details with `text` name as the answer to their last question."""
        blocks = self.frame(text).locator("pre").filter(has_text='"verdict"')
        found: dict[str, Any] = json.loads(blocks.last.inner_text())
        return found

    def at(self, page: Page) -> Ui:
        """The same user at another page, which a link has opened."""
        return Ui(page, self._url.partition("/namespaces/")[0])

    def frame(self, text: str) -> Frame:
        """Wait for the frame that shows `text`; details, being Markdown, stand in frames."""
        found: list[Frame] = []

        def look() -> bool:
            try:
                found[:] = [f for f in self.page.frames[1:] if f.get_by_text(text).count() > 0]
            except Error:  # the page has just put another frame in the place of one
                return False
            return bool(found)

        for _ in range(SECONDS * 10):
            if look():
                return found[0]
            self.page.wait_for_timeout(100)
        raise AssertionError(f"no frame of {self.page.url} shows {text!r}")

    def _open(self, path: str, *, idle: bool = True) -> None:
        self.page.goto(self._url + path, timeout=SECONDS * 1000)
        if idle:
            self.page.wait_for_load_state("networkidle", timeout=SECONDS * 1000)


@contextmanager
def browser(url: str) -> Iterator[Ui]:
    """A browser with Cadre's columns chosen, for the time of a block."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "Chromium is missing: apt install chromium"
    columns = {"default": [{"label": label} for label in COLUMNS]}
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not start as root; the page is our own server's.
        program = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = program.new_page(viewport=SIZE, locale="en-GB", timezone_id="UTC")
        value = json.dumps(json.dumps(columns))
        page.add_init_script(f"localStorage.setItem({json.dumps(COLUMNS_KEY)}, {value})")
        try:
            yield Ui(page, url)
        finally:
            program.close()
