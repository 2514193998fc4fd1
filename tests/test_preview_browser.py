"""The preview as Chromium shows it: a saved word in every pane; a mistake, mended; what axe and a validator say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.peers import node_module, peer
from tests.publications import BODY, front_matter, write
from tests.served import Running
from tests.test_browser import AXE, RULES, Tab, browser, reaches
from tests.test_preview import PICTURE, letter, previewing

__all__ = ["browser"]

BEFORE = front_matter() + BODY + PICTURE + "\nA line to scroll by.\n" * 40
BEGUN = count()
PANES = ("web", "email", "text", "feed")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return letter(tmp_path_factory.mktemp("preview"))


@pytest.fixture(scope="module")
def served(browser: Any, root: Path) -> Iterator[Running]:
    with previewing(root) as found:
        yield found


@pytest.fixture(scope="module")
def desk(browser: Any, served: Running) -> Iterator[Tab]:
    """The desk, opened once for all: it shows what is saved, so no test has to open it anew."""
    found = Tab(browser, served)
    found.page.goto("/~/01-first/", wait_until="load")
    yield found
    found.close()
    assert not [said for said in found.complaints if "img-src 'none'" not in said]


@pytest.fixture
def tab(desk: Tab, root: Path) -> Tab:
    return began(desk, root)


def began(tab: Tab, root: Path) -> Tab:
    """The desk when it shows an episode without fault, and a word that no other test has seen."""
    word = f"Begins as {next(BEGUN)}."
    saved(root, f"\n{word}\n")
    for medium in PANES:
        reaches(tab.page, words_in(medium, word))
    return tab


def saved(root: Path, words: str) -> None:
    write(root, "content/01-first/episode.md", BEFORE + words)


def words_in(medium: str, words: str) -> str:
    """That every frame of a medium says these words."""
    frames = f"[...document.querySelectorAll('[data-medium={medium}] iframe:not(.coming)')]"
    says = f"(one) => one.contentDocument.body.textContent.includes({json.dumps(words)})"
    return f"{frames}.length > 0 && {frames}.every({says})"


def test_a_saved_word_is_seen_in_every_pane_and_nothing_is_loaded_for_it(
    tab: Tab, root: Path
) -> None:
    page = tab.page
    page.evaluate(
        "document.querySelector('[data-medium=web] iframe').contentWindow.scrollTo(0, 90)"
    )
    loads = [one for one in tab.asked if "/static/" in one]
    saved(root, "\nA word that was saved.\n")
    for medium in PANES:
        reaches(page, words_in(medium, "A word that was saved."))
    assert [one for one in tab.asked if "/static/" in one] == loads
    scrolled = "document.querySelector('[data-medium=web] iframe').contentWindow.scrollY"
    assert page.evaluate(scrolled) == 90


def test_a_mistake_shows_its_line_and_goes_when_it_is_mended(tab: Tab, root: Path) -> None:
    page = tab.page
    saved(root, "\n::: pull\nNever closed.\n")
    page.wait_for_selector("#trouble:not([hidden]) .place")
    line = BEFORE.count("\n") + 2
    assert page.inner_text("#trouble .place") == f"content/01-first/episode.md:{line}"
    assert page.evaluate(words_in("email", "Two are plenty."))
    saved(root, "\n::: pull\nClosed again.\n:::\n")
    page.wait_for_selector("#trouble", state="hidden")
    for medium in PANES:
        reaches(page, words_in(medium, "Closed again."))


def test_what_check_finds_stands_over_its_medium(tab: Tab, root: Path) -> None:
    page = tab.page
    page.wait_for_selector("#news.good")
    verdicts = [one.inner_text() for one in page.query_selector_all(".media .verdict")]
    assert verdicts == ["nothing to mend"] * 5
    saved(root, "\nTK\n")
    page.wait_for_selector("[data-medium=source] .faults b.error")
    assert page.inner_text("[data-medium=source] .place").startswith("content/01-first/episode.md:")


def test_a_medium_can_be_looked_at_alone(tab: Tab) -> None:
    page = tab.page
    page.click("nav input[value=email]")
    assert page.is_hidden("[data-medium=email]")
    assert page.is_visible("[data-medium=web]")
    page.click("nav input[value=email]")
    assert page.is_visible("[data-medium=email]")


@pytest.mark.parametrize("width", [390, 1280, 1440])
def test_frames_have_their_width_and_the_page_is_no_wider_than_its_window(
    tab: Tab, width: int
) -> None:
    page = tab.page
    page.set_viewport_size({"width": width, "height": 800})
    wanted = json.dumps([1200, 375, 375, 600, 600, 375, 375, 600, 570, 420, 375])
    within = "[...document.querySelectorAll('iframe')].map((one) => one.contentWindow.innerWidth)"
    reaches(page, f"JSON.stringify({within}) === '{wanted.replace(' ', '')}'")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_on_the_desk_nor_in_its_own_frames(
    browser: Any, served: Running, root: Path
) -> None:
    axe = (node_module("axe-core") / "axe.min.js").read_text("utf-8")
    tab = Tab(browser, served, bypass_csp=True)
    page = tab.page

    def judged(where: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(AXE.replace("document,", f"{where},")) == [], (page.url, scheme)

    page.goto("/~/01-first/", wait_until="load")
    began(tab, root)
    page.evaluate(axe)
    judged("{exclude: ['iframe']}")
    saved(root, "\nTK\n")
    page.wait_for_selector("[data-medium=source] .faults b.error")
    saved(root, "\n::: pull\nNever closed.\n")
    page.wait_for_selector("#trouble:not([hidden])")
    judged("{exclude: ['iframe', '.media']}")
    for medium in ("text", "feed", "podcast"):
        page.goto(f"/~/own/{medium}/01-first")
        page.evaluate(axe)
        judged("document")
    tab.close()


def test_a_validator_finds_no_error_in_the_desk_nor_in_its_own_frames(
    tmp_path: Path, served: Running
) -> None:
    validator = node_module("html-validate")
    [node] = peer("Node", "node")
    pages = ("01-first/", "own/text/01-first", "own/feed/01-first", "own/podcast/01-first")
    for number, path in enumerate(pages):
        answer = served.ask(f"/~/{path}")
        assert answer.status == 200
        (tmp_path / f"{number}.html").write_bytes(answer.body)
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps({"root": True, **RULES}))
    command = [node, validator / "bin" / "html-validate.mjs", "--formatter=text", tmp_path]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
