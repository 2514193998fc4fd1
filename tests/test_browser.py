"""Pages as Chromium shows them: played, searched, checked, weighed; by mouse, by keys, in the dark, on a phone."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from pipeline.runner import Desk, build
from pipeline.sound.plots import Colors, Heard, waveform
from pipeline.stage import Artifacts
from pipeline.stages.script import script
from pipeline.web.app import Alone, site
from tests.peers import node_module, peer
from tests.publications import SETTINGS, front_matter, small
from tests.served import Running, running
from tests.sounds import speech_like
from tests.test_web import (
    EVERYTHING,
    HERE,
    THEMES,
    World,
    check_links,
    content,
    given,
    heard,
    listed,
    run,
    whole,
    world,
)

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SECTIONS = "\n".join(
    f"## Part {word}\n\nSome words of it. And some more.\n" for word in ("one", "two")
)
README = (HERE / "README.md").read_text("utf-8")
EXAMPLE = README.partition("```markdown\n")[2].partition("\n```")[0]
"""The episode in the README that uses each block there is."""
WIDE = "\n\n".join(
    (
        "| " + " | ".join(f"Column {number} of it" for number in range(12)) + " |",
        "~~~\n" + "a line of code that goes on " * 12 + "\n~~~",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft.\n",
    )
).replace(" |\n", " |\n|" + "---|" * 12 + "\n| one | two |\n", 1)
KINDS = (
    *("", "01-everything/", "02-next/", "03-long/", "07-the-quiet-part/", "archive/", "archive/2/"),
    *("series/", "series/2/", "series/3/", "search/?q=words", "subscribe/", "about/"),
    "nowhere/at/all",
    "02-next/transcript.html",
)
"""A page of each kind, the page not found among them."""

ADDED = ("archive/2/", "series/2/", "series/3/")
"""Full pages of a long archive, and the part of the series that is open and has no episode yet."""

WEIGHT = 100_000
"""Bytes that a page and all it loads may take on the wire, without its sound."""


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


@dataclass(frozen=True)
class Shown:
    """A site as it was built, and where it is served."""

    folder: Path
    address: str


def letter(root: Path, theme: str) -> Path:
    """A publication of episodes that are read aloud, built as it is deployed, with pages of a long archive beside."""
    settings = f'theme = "{theme}"\n' + SETTINGS + '\n[service]\nurl = "https://letters.example/"\n'
    long = {"title": "A Title That Goes On and On " * 6, "subtitle": "And on " * 20}
    small(
        root,
        settings,
        e01_everything=front_matter(title="All of them") + EVERYTHING,
        e02_next=front_matter(2, "Next") + "Words before the parts.\n\n" + SECTIONS,
        e03_long=front_matter(3, translations='{ar: "https://small.example/ar/"}', **long) + WIDE,
        e06_microsoft_vs_everyone=front_matter(6, "Six") + "Words.\n",
        e07_the_quiet_part=EXAMPLE,
    )
    Image.new("RGB", (640, 360)).save(root / "content/01-everything/drawing.png")
    speech_like(root / "content/01-everything/interview.mp3", 1)
    desk = Desk(root, NOW)
    try:
        report = build(desk)
    finally:
        desk.close()
    assert not report.errors
    many = listed(world(root, theme), 100)
    for path in ADDED:
        written(root / "build/site", {f"{path}index.html": many[f"site/{path}index.html"]})
    return root / "build" / "site"


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, data in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Shown]]:
    """The letter in a theme, built once and served until the last test is done; what is spoken once is kept."""
    found = dict[str, Shown]()
    with ExitStack() as open_ones:

        def serve(theme: str) -> Shown:
            if theme not in found:
                root = tmp_path_factory.mktemp(theme)
                for other in found.values():
                    kept = other.folder.parent.parent / ".simulcast"
                    shutil.copytree(kept, root / ".simulcast", dirs_exist_ok=True)
                folder = letter(root, theme)
                address = open_ones.enter_context(running(Alone(site(folder)))).address
                found[theme] = Shown(folder, address)
            return found[theme]

        yield serve


@pytest.fixture(params=THEMES)
def served(browser: Any, request: pytest.FixtureRequest, letters: Callable[[str], Shown]) -> Shown:
    return letters(request.param)


@pytest.fixture
def ledger(browser: Any, letters: Callable[[str], Shown]) -> Shown:
    return letters("ledger")


class Tab:
    """One page in a context of its own, and whatever it complained of or asked elsewhere."""

    def __init__(self, browser: Any, served: Shown | Running, **context: Any) -> None:
        self.context = browser.new_context(base_url=served.address, **context)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda one: self.asked.append(one.url))

    def open(self, path: str, until: str = "load") -> Any:
        self.page.goto(f"/{path}", wait_until=until)
        return self.page

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def tab(browser: Any, ledger: Shown) -> Iterator[Tab]:
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


def test_without_scripts_the_browsers_own_player_stands_there(browser: Any, served: Shown) -> None:
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
    page.keyboard.type("before")
    page.wait_for_selector(".result")
    assert page.inner_text(".found") == "One episode."
    assert page.inner_text(".result .name") == "Next"
    page.click(".result .name")
    page.wait_for_url("**/02-next/")


# --- looks ------------------------------------------------------------------------------------------


def test_no_page_is_wider_than_its_window(browser: Any, served: Shown) -> None:
    tab = Tab(browser, served)
    for path in KINDS:
        page = tab.open(path)
        for width in (1280, 768, 390, 320):
            page.set_viewport_size({"width": width, "height": 700})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"/{path} is {wide} wide"
    tab.close()


def test_nothing_is_asked_elsewhere_and_nothing_goes_wrong(browser: Any, served: Shown) -> None:
    tab = Tab(browser, served)
    for path in KINDS:
        tab.open(path)
    home = urlsplit(served.address).netloc
    assert {urlsplit(one).netloc for one in tab.asked if not one.startswith("data:")} == {home}
    assert [said for said in tab.complaints if "404" not in said] == []
    assert len(tab.complaints) == 1, "the page that is not there is told of once"
    tab.close()


def test_a_name_is_not_parted_from_its_number(browser: Any, tmp_path: Path) -> None:
    text = front_matter() + "The model GPT-5.5 " * 30
    found = whole(world(small(tmp_path / "name", e01_first=text)), tmp_path / "sounds")
    with running(Alone(site(written(tmp_path / "site", found)))) as served:
        tab = Tab(browser, served, viewport={"width": 320, "height": 700})
        lines = """[...document.querySelectorAll(".unbroken")].map((one) => one.getClientRects().length)"""
        assert set(tab.open("01-first/").evaluate(lines)) == {1}
        tab.close()


def test_a_printed_episode_is_its_words_alone(tab: Tab) -> None:
    page = tab.open("07-the-quiet-part/")
    page.emulate_media(media="print")
    for gone in (".player", ".masthead nav", ".turn", ".invitation", ".footer nav"):
        assert page.is_hidden(gone), gone
    assert page.is_visible(".text .key-figures")
    told = 'getComputedStyle(document.querySelector(".text a[href^=http]"), "::after").content'
    assert "https://example.org/talk" in page.evaluate(told)


# --- accessibility ----------------------------------------------------------------------------------

AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
    (one) => one.nodes.map((node) => one.id + ": " + node.html.slice(0, 120) + " " + node.failureSummary))"""


def test_axe_finds_nothing_on_any_page_by_day_or_night(browser: Any, served: Shown) -> None:
    axe = (node_module("axe-core") / "axe.min.js").read_text("utf-8")
    tab = Tab(browser, served, bypass_csp=True, reduced_motion="reduce")
    for path in KINDS:
        page = tab.open(path)
        for summary in page.query_selector_all("summary"):
            summary.click()
        page.evaluate(axe)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            behind = page.evaluate("getComputedStyle(document.body).backgroundColor")
            light = sum(map(int, re.findall(r"\d+", behind)[:3])) >= 3 * 80
            assert not (light and scheme == "dark"), f"/{path}: {behind}"
            assert page.evaluate(AXE) == [], f"/{path} {scheme}"
    tab.close()


@pytest.mark.parametrize("name", ["podcast.xml", "rss.xml", "atom.xml"])
def test_a_feed_opened_in_a_browser_is_a_page_that_says_what_it_is(
    browser: Any, served: Shown, name: str
) -> None:
    axe = (node_module("axe-core") / "axe.min.js").read_text("utf-8")
    tab = Tab(browser, served, bypass_csp=True, viewport={"width": 390, "height": 844})
    page = tab.open(name)
    assert page.get_by_text("This is a feed.").is_visible()
    assert page.locator("code").inner_text().endswith(f"/{name}")
    assert page.get_by_text("Other ways to subscribe").is_visible()
    assert page.get_by_text("AntennaPod").is_visible() is (name == "podcast.xml")
    assert page.locator("item > title, entry > title").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.evaluate(axe)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(AXE) == [], scheme
    tab.close()


def test_right_to_left_axe_finds_nothing_and_no_page_is_wider_than_a_telephone(
    browser: Any, tmp_path: Path
) -> None:
    axe = (node_module("axe-core") / "axe.min.js").read_text("utf-8")
    settings = SETTINGS.replace('language = "en"', 'language = "ar"')
    text = front_matter(title="الذكاء الاصطناعي والسلطة") + "كلمات. " * 40 + "\n\n" + WIDE
    root = small(tmp_path / "ar", settings, e01_first=text)
    found = written(tmp_path / "site", whole(world(root), tmp_path / "sounds"))
    with running(Alone(site(found))) as served:
        tab = Tab(browser, served, bypass_csp=True, viewport={"width": 320, "height": 700})
        for path in ("", "01-first/", "subscribe/"):
            page = tab.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, f"/{path}"
            page.evaluate(axe)
            assert page.evaluate(AXE) == [], f"/{path}"
        tab.close()


# --- HTML -------------------------------------------------------------------------------------------

RULES = {"extends": ["html-validate:standard"], "rules": {"void-style": "off"}}


def test_a_validator_finds_no_error_in_any_page(
    browser: Any, letters: Callable[[str], Shown], tmp_path: Path
) -> None:
    validator = node_module("html-validate")
    [node] = peer("Node", "node")
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps({"root": True, **RULES}))
    for theme in THEMES:
        for file in letters(theme).folder.rglob("*.html"):
            copy = tmp_path / theme / file.relative_to(letters(theme).folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    command = [node, validator / "bin" / "html-validate.mjs", "--formatter=text", *THEMES]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_link_of_a_built_site_leads_somewhere(served: Shown) -> None:
    check_links(
        {
            path: file.read_bytes()
            for file in served.folder.rglob("*")
            if file.is_file()
            and not (path := str(file.relative_to(served.folder))).startswith(ADDED)
        }
    )


# --- weight -----------------------------------------------------------------------------------------


WINDOWS = ((1280, 900, 1), (390, 844, 3))
"""A desk's and a telephone's: width, height and density."""

READ = """async () => {
  for (const one of document.querySelectorAll("img")) {
    one.scrollIntoView();
    await one.decode();
  }
}"""
"""Look at every picture, those too that are fetched only when they come near."""


@pytest.mark.parametrize("theme", THEMES)
def test_a_page_of_the_sample_is_light(browser: Any, tmp_path: Path, theme: str) -> None:
    of = world(HERE, theme)
    found = whole(of, tmp_path / "sounds", lambda folder, slug: read_aloud(of, folder, slug))
    with running(Alone(site(written(tmp_path / "site", found)))) as served:
        plain = dict.fromkeys(("archive/", "search/", "subscribe/"), WINDOWS[:1])
        pictured = dict.fromkeys(("", "06-microsoft-vs-everyone/"), WINDOWS)
        for path, windows in (pictured | plain).items():
            for width, height, density in windows:
                size = {"width": width, "height": height}
                tab = Tab(browser, served, viewport=size, device_scale_factor=density)
                heavy = weighed(tab, path)
                tab.close()
                assert sum(heavy.values()) <= WEIGHT, f"/{path} {width}: {heavy}"


def read_aloud(of: World, folder: Path, slug: str) -> dict[str, Artifacts]:
    """An episode as a voice would read it: its sentences and chapters in full, and a waveform of that length."""
    made = json.loads(content(next(iter(run(script, **given(of, slug), recording=None)))))
    spoken, starts, moment = [], [], 4.0
    for one in made["sentences"]:
        starts.append(moment)
        end = moment + len(one["text"]) / 16
        spoken.append(("Narrator", round(moment, 3), round(end, 3), one["text"]))
        moment = end + 0.3
    chapters = [(round(starts[one["sentence"]], 3), one["title"]) for one in made["chapters"]]
    colors = of.templates.theme
    loud = [
        -28 + 9 * math.sin(tenth * 1.7) * math.sin(tenth / 97) for tenth in range(int(moment * 10))
    ]
    wave = waveform(
        Heard("", loud, moment, -16, -1, chapters), Colors(colors["colors"], colors["dark"])
    )
    return heard(folder, slug, spoken, chapters, wave)


def weighed(tab: Tab, path: str) -> dict[str, int]:
    """What a page and all it loads weigh on the wire, headers too, once it is read to its end; without its sound."""
    answers: list[Any] = []
    tab.page.on("requestfinished", lambda one: answers.append(one))
    page = tab.open(path, "networkidle")
    page.evaluate(READ)
    sizes = {urlsplit(one.url).path: one.sizes() for one in answers}
    return {
        name: size["responseBodySize"] + size["responseHeadersSize"]
        for name, size in sizes.items()
        if not name.endswith((".mp3", ".vtt"))
    }
