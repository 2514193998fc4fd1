"""A reader with a real browser: from the form to the mailbox, and out again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.peers import peer
from tests.publications import BODY, front_matter, write
from tests.readers import URL, Letter, built, command, html_of, serving

ADA = "ada@example.org"


@pytest.fixture
def letter(tmp_path: Path) -> Iterator[Letter]:
    with serving(built(tmp_path)) as found:
        yield found


@pytest.fixture
def page() -> Iterator[Page]:
    (chromium,) = peer("Chromium", "chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser.new_page(viewport={"width": 375, "height": 700})
        browser.close()


def here(letter: Letter, address: str) -> str:
    """An address of the service as this machine has it."""
    return address.replace(URL, letter.served.address + "/")


def links(letter: Letter, subject: str, purpose: str) -> str:
    (message,) = [one for one in letter.mails(ADA) if subject in str(one["Subject"])]
    (found,) = set(re.findall(rf"{re.escape(URL)}{purpose}/[\w.-]+", html_of(message)))
    return here(letter, found)


def test_a_reader_subscribes_confirms_receives_and_leaves(letter: Letter, page: Page) -> None:
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))

    page.goto(f"{letter.served.address}/subscribe")
    page.get_by_label("Your email address").fill(ADA)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Look into your mailbox").wait_for()
    letter.served.told("'mail'")

    page.goto(links(letter, "Please confirm", "confirm"))
    assert letter.state(ADA) == "unconfirmed"
    page.get_by_role("button", name="Yes, send it to me").click()
    page.get_by_role("heading", name="You are on the list").wait_for()
    assert letter.state(ADA) == "confirmed"

    write(letter.root, "content/02-second/episode.md", front_matter(2, "Second") + BODY)
    with ThreadPoolExecutor(1) as aside:  # the browser's driver has this thread's event loop
        aside.submit(command, letter.root, "publish", now=letter.time["now"]).result()

    page.goto(links(letter, "Second", "unsubscribe"))
    assert letter.state(ADA) == "confirmed"
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("heading", name=re.compile("You have left")).wait_for()
    assert letter.state(ADA) == "unsubscribed"
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert wrong == []
