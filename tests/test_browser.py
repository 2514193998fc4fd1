"""Pages as Chromium shows them: played, searched, checked, weighed; by mouse, by keys, in the dark, on a phone."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from pipeline.runner import Desk, build
from pipeline.web.app import Alone, site
from tests.peers import node_module, peer
from tests.publications import SETTINGS, front_matter, small
from tests.served import Running, running
from tests.sounds import speech_like
from tests.test_web import EVERYTHING, HERE, THEMES, whole, world

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SECTIONS = "\n".join(
    f"## Part {word}\n\nSome words of it. And some more.\n" for word in ("one", "two")
)
KINDS = (
    *("", "01-everything/", "02-next/", "archive/", "series/", "search/?q=words"),
    *("subscribe/", "about/", "nowhere/at/all", "02-next/transcript.html"),
)
"""A page of each kind, the page not found among them."""

WEIGHT = 100_000
"""Bytes that a page and all it loads may have on the wire, without its sound."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    [chromium] = peer("Chromium", "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        one = driver.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield one
        one.close()


def letter(root: Path, theme: str) -> Path:
    """A publication of two episodes that are read aloud, built as it is deployed."""
    text = front_matter(title="All of them") + EVERYTHING
    following = front_matter(2, "Next") + "Words before the parts.\n\n" + SECTIONS
    settings = f'theme = "{theme}"\n' + SETTINGS
    small(root, settings, e01_everything=text, e02_next=following)
    Image.new("RGB", (640, 360)).save(root / "content/01-everything/drawing.png")
    speech_like(root / "content/01-everything/interview.mp3", 1)
    desk = Desk(root, NOW)
    try:
        report = build(desk)
    finally:
        desk.close()
    assert not report.errors
    return root / "build" / "site"


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """The letter in a theme, built once and served until the last test is done."""
    found = dict[str, Running]()
    with ExitStack() as open_ones:

        def serve(theme: str) -> Running:
            if theme not in found:
                folder = letter(tmp_path_factory.mktemp(theme), theme)
                found[theme] = open_ones.enter_context(running(Alone(site(folder))))
            return found[theme]

        yield serve


@pytest.fixture(params=THEMES)
def served(
    browser: Any, request: pytest.FixtureRequest, letters: Callable[[str], Running]
) -> Running:
    return letters(request.param)


@pytest.fixture
def ledger(browser: Any, letters: Callable[[str], Running]) -> Running:
    return letters("ledger")


class Tab:
    """One page in a context of its own, and whatever it complained of or asked elsewhere."""

    def __init__(self, browser: Any, served: Running, **context: Any) -> None:
        self.context = browser.new_context(base_url=served.address, **context)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda one: self.asked.append(one.url))

    def open(self, path: str) -> Any:
        self.page.goto(f"/{path}", wait_until="networkidle")
        return self.page

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def tab(browser: Any, ledger: Running) -> Iterator[Tab]:
    found = Tab(browser, ledger)
    yield found
    found.close()
    assert not found.complaints


def moment(page: Any) -> float:
    return float(page.evaluate("document.querySelector('.player audio').currentTime"))


def reaches(page: Any, condition: str) -> None:
    """Wait until that holds; Playwright's own waiting evaluates strings, which the site's policy refuses."""
    for _ in range(500):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"never: {condition}")


def starts(page: Any, selector: str) -> list[float]:
    return [float(one.get_attribute("data-start")) for one in page.query_selector_all(selector)]


# --- the player -------------------------------------------------------------------------------------

PLAYING = "!document.querySelector('.player audio').paused"


def test_an_episode_is_played_and_its_chapters_and_lines_lead_into_it(tab: Tab) -> None:
    page = tab.open("02-next/")
    assert page.is_hidden(".player audio")
    page.click(".play")
    reaches(page, "document.querySelector('.player audio').currentTime > 0.2")
    assert page.get_attribute(".play", "aria-label") == "Pause"

    *_, last = starts(page, ".chapters a")
    page.click(".chapters li:last-child a")
    reaches(page, f"document.querySelector('.player audio').currentTime >= {last}")
    assert page.inner_text(".now") == "Part two"

    page.click(".transcript summary")
    second = starts(page, ".lines a")[1]
    page.click(".lines a >> nth=1")
    reaches(page, f"Math.abs(document.querySelector('.player audio').currentTime - {second}) < 2")
    assert page.get_attribute(".lines a >> nth=1", "aria-current") == "true"

    page.click(".play")
    reaches(page, "document.querySelector('.player audio').paused")


def test_the_transcript_follows_what_is_heard(tab: Tab) -> None:
    page = tab.open("02-next/")
    page.click(".transcript summary")
    third = starts(page, ".lines a")[2]
    page.evaluate(f"document.querySelector('.player audio').currentTime = {third + 0.1}")
    reaches(page, "document.querySelectorAll('.lines a')[2].ariaCurrent === 'true'")


def test_speed_and_place_are_remembered_in_the_browser_alone(tab: Tab) -> None:
    page = tab.open("01-everything/")
    page.select_option(".speed select", "1.5")
    page.evaluate("document.querySelector('.player audio').currentTime = 12")
    page.click(".play")
    reaches(page, PLAYING)
    page.click(".play")
    reaches(page, "document.querySelector('.player audio').paused")
    page = tab.open("01-everything/")
    reaches(page, "document.querySelector('.player audio').currentTime > 10")
    assert page.inner_text(".elapsed").startswith("0:1")
    assert page.evaluate("document.querySelector('.player audio').playbackRate") == 1.5
    assert not tab.context.cookies()


def test_a_link_to_a_moment_leads_there(tab: Tab) -> None:
    page = tab.open("02-next/#t=0:03")
    reaches(page, "document.querySelector('.player audio').currentTime >= 3")
    assert page.get_attribute(".share", "href").endswith("/02-next/index.html#t=3")
    page.evaluate("location.hash = 't=1'")
    reaches(page, "document.querySelector('.player audio').currentTime < 2")


def test_everything_is_done_by_keys(tab: Tab) -> None:
    page = tab.open("02-next/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "play"
    page.keyboard.press("Space")
    reaches(page, PLAYING)
    page.keyboard.press("Space")
    reaches(page, "document.querySelector('.player audio').paused")
    page.keyboard.press("Tab")
    before = moment(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    reaches(page, f"document.querySelector('.player audio').currentTime >= {before + 1}")
    page.focus(".transcript summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    here = starts(page, ".lines a").index(
        float(page.evaluate("document.activeElement.dataset.start"))
    )
    assert here >= 1
    page.keyboard.press("Enter")
    reaches(page, PLAYING)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_without_scripts_the_browsers_own_player_stands_there(
    browser: Any, served: Running
) -> None:
    tab = Tab(browser, served, java_script_enabled=False)
    page = tab.open("02-next/")
    assert page.is_visible(".player audio")
    assert page.is_hidden(".controls")
    assert "/audio/02-next.mp3#t=" in page.get_attribute(".chapters li:last-child a", "href")
    page = tab.open("search/")
    assert page.is_hidden(".finder")
    assert page.is_visible(".without a")
    tab.close()


# --- search -----------------------------------------------------------------------------------------


def test_words_are_found_where_they_stand(tab: Tab) -> None:
    page = tab.open("search/")
    assert not [one for one in tab.asked if "pagefind" in one], "nothing is fetched before a letter"
    page.keyboard.type("parts")
    page.wait_for_selector(".result")
    assert page.inner_text(".found") == "One episode."
    assert page.inner_text(".result .name") == "Next"
    page.click(".result .name")
    page.wait_for_url("**/02-next/")


# --- looks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_is_wider_than_its_window(browser: Any, served: Running, width: int) -> None:
    tab = Tab(browser, served, viewport={"width": width, "height": 700})
    for path in KINDS:
        page = tab.open(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"/{path} is {wide} wide"
    tab.close()


def test_the_dark_is_dark_and_nothing_is_asked_elsewhere(browser: Any, served: Running) -> None:
    tab = Tab(browser, served, color_scheme="dark")
    for path in KINDS:
        page = tab.open(path)
        if path.endswith(("transcript.html",)):
            continue
        behind = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, re.findall(r"\d+", behind)[:3])) < 3 * 80, f"/{path}: {behind}"
    home = urlsplit(served.address).netloc
    assert {urlsplit(one).netloc for one in tab.asked if not one.startswith("data:")} == {home}
    assert not [said for said in tab.complaints if "404" not in said]
    tab.close()


# --- accessibility ----------------------------------------------------------------------------------

AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
    (one) => one.nodes.map((node) => one.id + ": " + node.html.slice(0, 120) + " " + node.failureSummary))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(browser: Any, served: Running, scheme: str) -> None:
    axe = (node_module("axe-core") / "axe.min.js").read_text("utf-8")
    tab = Tab(browser, served, color_scheme=scheme, bypass_csp=True)
    for path in KINDS:
        page = tab.open(path)
        for summary in page.query_selector_all("summary"):
            summary.click()
        page.evaluate(axe)
        assert page.evaluate(AXE) == [], f"/{path}"
    tab.close()


# --- HTML -------------------------------------------------------------------------------------------

RULES = {"extends": ["html-validate:standard"], "rules": {"void-style": "off"}}


@pytest.mark.parametrize("theme", THEMES)
def test_a_validator_finds_no_error_in_any_page(tmp_path: Path, theme: str) -> None:
    validator = node_module("html-validate")
    [node] = peer("Node", "node")
    of = world(HERE, theme)
    shown = tmp_path / "site"
    for path, text in whole(of, tmp_path / "sounds").items():
        if path.endswith(".html") and text:
            file = shown / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps({"root": True, **RULES}))
    command = [node, validator / "bin" / "html-validate.mjs", "--formatter=text", shown]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# --- weight -----------------------------------------------------------------------------------------


WINDOWS = ((1280, 900, 1), (390, 844, 3))
"""A desk's and a telephone's: width, height and density."""


@pytest.mark.parametrize("theme", THEMES)
def test_a_page_of_the_sample_is_light(browser: Any, tmp_path: Path, theme: str) -> None:
    folder = tmp_path / "site"
    for path, data in whole(world(HERE, theme), tmp_path / "sounds").items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    with running(Alone(site(folder))) as served:
        for width, height, density in WINDOWS:
            for path in ("", "06-microsoft-vs-everyone/", "archive/", "search/", "subscribe/"):
                size = {"width": width, "height": height}
                tab = Tab(browser, served, viewport=size, device_scale_factor=density)
                heavy = weighed(tab, path)
                tab.close()
                assert sum(heavy.values()) <= WEIGHT, f"/{path} {width}: {heavy}"


def weighed(tab: Tab, path: str) -> dict[str, int]:
    """What a page and all it loads weigh on the wire once it is read to its end, without its sound."""
    answers: list[Any] = []
    tab.page.on("requestfinished", lambda one: answers.append(one))
    page = tab.open(path)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_load_state("networkidle")
    return {
        urlsplit(one.url).path: one.sizes()["responseBodySize"]
        for one in answers
        if not one.url.endswith((".mp3", ".vtt"))
    }
