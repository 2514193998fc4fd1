"""Every page of the service: judged by axe and a validator, light and dark, small and large, in any language."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipeline import config
from pipeline.templates import themes_folder
from pipeline.web.pages import Pages
from pipeline.web.service import Limits
from tests.peers import node_module, peer
from tests.readers import PLENTY, SILENT, Answer, Letter, built, link, serving
from tests.test_browser import AXE, RULES
from tests.test_web import THEMES

TWO = SILENT.replace('url = "https://small', 'theme = "{theme}"\nurl = "https://small', 1) + (
    '\n[lists.extras]\ntitle = "Extras"\ndescription = "Now and then."\nopt_in = "single"\n'
)
ADA = "ada@example.org"
FEW = Limits(PLENTY, PLENTY, (6, 1))


def pages_of(letter: Letter) -> dict[str, Answer]:
    """Each page that a reader can be shown, as the service answers it."""
    found = {
        "form": letter.get("/subscribe"),
        "wrong": letter.post("/subscribe", {"email": "ada@"}),
    }
    found["asked"] = letter.subscribe(ADA)
    there = link(letter.mails(ADA)[0], "confirm")
    found |= {"confirm": letter.get(there), "confirmed": letter.post(there)}
    chosen, leave = (
        f"/{what}/{letter.desk.tokens.token(what, 1, 'readers')}"  # type: ignore[arg-type]
        for what in ("preferences", "unsubscribe")
    )
    found |= {"preferences": letter.get(chosen), "saved": letter.post(chosen, {"list": "readers"})}
    found |= {"unsubscribe": letter.get(leave), "unsubscribed": letter.post(leave)}
    found |= {"spent": letter.post(there), "forged": letter.get("/confirm/made.up")}
    found["forgotten"] = letter.post(chosen, {"do": "forget"})
    found["erased"] = letter.get(chosen)
    letter.later(days=8)
    found["expired"] = letter.get(there)
    found["elsewhere"] = letter.post("/subscribe", {}, Origin="https://evil.example")
    found["nothing"] = letter.get("/confirm/some/where/else")
    found["unreadable"] = letter.post("/subscribe", {"a": "b"}, Content_Type="text/xml")
    found["other_host"] = letter.get("/subscribe", Host="evil.example")
    while (answer := letter.get("/unsubscribe/guessed")).status != 429:
        assert answer.status == 403
    found["too_often"] = answer
    letter.book.engine.dispose()
    (letter.root / ".simulcast/ledger.db").write_bytes(b"no database at all" * 100)
    found["not_now"] = letter.get(leave.replace("unsubscribe", "private") + "/rss.xml")
    return found


STATUSES = {
    "asked": 202,
    "wrong": 400,
    **dict.fromkeys(("spent", "forged", "erased", "expired", "elsewhere"), 403),
    "nothing": 404,
    "unreadable": 415,
    "other_host": 421,
    "too_often": 429,
    "not_now": 503,
}


ALIKE = (
    "spent",
    "erased",
    "unreadable",
    "elsewhere",
    "other_host",
    "forged",
    "unsubscribed",
    "saved",
)
"""Pages that differ from others in their words alone."""


@pytest.fixture(scope="module", params=THEMES)
def shown(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Each page as a file of the site, where a browser finds what it links to."""
    root = built(tmp_path_factory.mktemp("pages"), TWO.replace("{theme}", request.param))
    site = root / "build" / "site"
    with serving(root, FEW) as letter:
        answers = pages_of(letter)
        assert {name: one.status for name, one in answers.items()} == {
            name: STATUSES.get(name, 200) for name in answers
        }
        for name, one in answers.items():
            deep = "some/where/" if name == "nothing" else "asked/"
            flat = name in ("form", "wrong", "asked", "elsewhere", "unreadable", "other_host")
            file = site / f"{'' if flat else deep}{name}.html"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(one.body)
        yield (
            letter,
            {
                name: next(site.rglob(f"{name}.html")).relative_to(site).as_posix()
                for name in answers
            },
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    (chromium,) = peer("Chromium", "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield one
        one.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_all_fits_on_a_small_screen(
    browser: Any, shown: tuple[Letter, Mapping[str, str]], scheme: str
) -> None:
    letter, paths = shown
    axe = (node_module("axe-core") / "axe.min.js").read_text("utf-8")
    context = browser.new_context(
        color_scheme=scheme, bypass_csp=True, viewport={"width": 320, "height": 640}
    )
    page, wrong, asked = context.new_page(), list[str](), set[str]()
    page.on("console", lambda said: wrong.append(said.text))
    page.on("requestfailed", lambda one: wrong.append(one.url))
    page.on("request", lambda one: asked.add(one.url.split("/")[2]))
    for name, path in paths.items():
        if name in ALIKE:
            continue
        page.goto(f"{letter.served.address}/{path}")
        for summary in page.query_selector_all("summary"):
            summary.click()
        page.evaluate(axe)
        assert page.evaluate(AXE) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
    context.close()
    assert wrong == []
    assert asked == {letter.served.address.removeprefix("http://")}


def test_a_validator_finds_no_error(
    tmp_path: Path, shown: tuple[Letter, Mapping[str, str]]
) -> None:
    letter, paths = shown
    validator = node_module("html-validate")
    [node] = peer("Node", "node")
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps({"root": True, **RULES}))
    for name, path in paths.items():
        (tmp_path / f"{name}.html").write_bytes((letter.root / "build/site" / path).read_bytes())
    command = [str(node), str(validator / "bin" / "html-validate.mjs"), "--formatter=text", "."]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_was_typed_stands_in_the_form_again_and_is_only_text(tmp_path: Path) -> None:
    with serving(built(tmp_path, SILENT)) as letter:
        typed = {"email": '"><script>alert(1)</script>', "name": "Ada <3"}
        page = letter.post("/subscribe", typed).body.decode()
    assert 'value="Ada &lt;3"' in page
    assert "<script>alert" not in page


# --- another language ------------------------------------------------------------------------------


class Text(HTMLParser):
    """The words of a page: what stands in it, and what is said of it to who does not see it."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.silent = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.silent = tag == "style"
        self.words += [value or "" for name, value in attributes if name in ("aria-label", "alt")]

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data.strip())


def left(html: str) -> set[str]:
    """The words of a page that were not said by the theme."""
    text = Text()
    text.feed(html)
    own = r"«[^»]*»|Small Letter by email|Small Letter|Extras|Now and then\.|RSS|Atom|JSON|OPML|small\.example"
    return {one for one in text.words if re.search("[A-Za-z]", re.sub(own, "", one))}


def test_a_publication_says_all_of_it_in_its_language(tmp_path: Path) -> None:
    import tomllib

    theme = tomllib.loads((themes_folder() / "ledger/theme.toml").read_text("utf-8"))
    lines = []
    for table in ("words", "service", "notices"):
        lines.append(f"[{table}]")
        for name, words in theme[table].items():
            slots = " ".join(re.findall(r"\{\w+\}", words))
            lines.append(f'{name} = "«{slots or "ж"}»"')
    root = built(tmp_path, TWO.replace("{theme}", "ledger"))
    own = root / "content/templates/theme.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("\n".join(lines), "utf-8")
    with serving(root, FEW) as letter:
        for name, answer in pages_of(letter).items():
            assert left(answer.body.decode()) == set(), name
    pages = Pages(root, config.publication(root))
    for kind in ("confirm", "already", "welcome"):
        notice = pages.notice(kind, "extras")
        assert left(notice.html) == set(), kind
        assert left(f"<p>{notice.subject}</p>") == set()
        text = re.sub(r"https://\S+", "", notice.text)
        assert left(text) == set(), kind
