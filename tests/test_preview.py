"""The preview, from a real server: every medium of an episode, and news of each saved file."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.cli.options import Session
from pipeline.cli.previewing import APART, Workshop, at_once
from pipeline.stage import installed
from pipeline.web.preview.app import preview
from pipeline.web.preview.following import follow
from pipeline.web.preview.frames import in_scheme
from pipeline.web.preview.seen import Seen
from tests.publications import BODY, SETTINGS, front_matter, png, small, write
from tests.served import Running, running

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SILENT = SETTINGS.replace('narrator = "nanotts"', 'narrator = "none"')
PICTURE = "\n![A grey square](grey.png)\n\n[The site](https://small.example/about/)\n"


@contextmanager
def previewing(root: Path) -> Iterator[Running]:
    workshop = Workshop(Session(root, NOW, False, True, 1))
    seen = Seen(workshop.build, workshop.begin())

    async def following() -> None:
        await follow(seen, [root / "content"], workshop.quick, workshop.whole)

    with running(preview(seen, follow=following, key="a-key"), patience=0) as served:
        yield served


def letter(root: Path, body: str = BODY + PICTURE) -> Path:
    small(
        root, SILENT, e01_first=front_matter() + body, e02_second=front_matter(2, "Second") + BODY
    )
    (root / "content/01-first/grey.png").write_bytes(png(8, 8))
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return letter(tmp_path_factory.mktemp("preview"))


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[Running]:
    with previewing(root) as found:
        yield found


def test_it_begins_with_the_newest_episode(served: Running) -> None:
    answer = served.ask("/~/")
    assert (answer.status, answer.headers["location"]) == (307, "02-second/")


def test_one_page_shows_every_medium(served: Running) -> None:
    page = served.ask("/~/01-first/").body.decode()
    for frame in (
        "../light/site/01-first/",
        "../dark/site/01-first/",
        "../light/email/01-first",
        "../dark/email/01-first",
        "../light/email/01-first/bare",
        "../own/text/01-first",
        "../own/feed/01-first",
        "../own/podcast/01-first",
    ):
        assert f'src="{frame}"' in page
        assert served.ask(f"/~/{frame.removeprefix('../')}").status == 200, frame
    mail = page.partition('data-medium="email"')[2].partition("</section>")[0]
    assert [mail.count(f'data-width="{width}"') for width in (375, 600)] == [2, 3]
    assert 'value="02-second"' in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_frame_is_light_or_dark_whatever_the_browser_prefers(
    served: Running, scheme: str
) -> None:
    for path in ("email/01-first", "site/01-first/", "site/static/theme.css"):
        text = served.ask(f"/~/{scheme}/{path}").body.decode()
        assert "prefers-color-scheme" not in text
        assert "light dark" not in text


def test_a_declared_scheme_gives_way_and_other_words_stay() -> None:
    page = '<meta name="color-scheme" content="light dark"><p>light dark</p>'
    assert in_scheme(page, "dark") == page.replace('content="light dark"', 'content="dark"')
    style = "@media (prefers-color-scheme: dark) { a { color: red } }"
    assert in_scheme(style, "dark").startswith("@media (min-width: 0)")
    assert in_scheme(style, "light").startswith("@media (max-width: 0)")


def test_an_email_runs_nothing_and_fetches_nothing_from_elsewhere(served: Running) -> None:
    shown = served.ask("/~/light/email/01-first")
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert 'src="/01-first/grey.png"' in shown.body.decode()
    bare = served.ask("/~/light/email/01-first/bare")
    assert "img-src 'none'" in bare.headers["content-security-policy"]


def test_the_site_itself_is_there_too(served: Running) -> None:
    assert served.ask("/01-first/").status == 200
    assert "'self'" in served.ask("/01-first/").headers["content-security-policy"]
    assert served.ask("/~/light/site/01-first/grey.png").status == 307


@pytest.mark.parametrize(
    "path",
    [
        "/~/light/site/../../content/publication.toml",
        "/~/light/site/%2e%2e/%2e%2e/content/publication.toml",
        "/~/odd/email/01-first",
        "/~/light/email/../../content/publication",
        "/~/light/email/99-none",
        "/~/looks/app.py",
        "/~/99-none/",
    ],
)
def test_nothing_else_is_there(served: Running, path: str) -> None:
    answer = served.ask(path)
    assert answer.status == 404
    assert b"lists.readers" not in answer.body


def test_a_page_elsewhere_cannot_lead_its_name_here(served: Running) -> None:
    assert served.ask("/~/", Host="evil.example").status == 421
    assert served.ask("/~/", Host=f"localhost:{served.port}").status == 307


def test_a_phone_looks_in_with_the_key_of_the_code_and_nobody_without(root: Path) -> None:
    workshop = Workshop(Session(root, NOW, False, True, 1))
    seen = Seen(workshop.build, workshop.begin())
    app = preview(seen, key="a-key")

    async def phone() -> list[int]:
        way = httpx.ASGITransport(app, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=way, base_url="http://192.0.2.1") as one:
            paths = ("", "?key=another", "?key=a-key", "")
            return [(await one.get(f"/~/02-second/{path}")).status_code for path in paths]

    assert asyncio.run(phone()) == [403, 403, 303, 200]


def test_what_waits_for_the_voice_does_not_hold_up_the_words() -> None:
    at_hand, held = at_once(installed())
    assert {"page", "email", "entry"} <= {one.name for one in at_hand}
    assert "audio" in held
    assert "narration" not in {one.name for one in at_hand}


def test_words_are_there_before_the_voice_has_read_them(tmp_path: Path) -> None:
    small(tmp_path, SETTINGS, e01_first=front_matter() + BODY)
    workshop = Workshop(Session(tmp_path, NOW, False, True, 1))
    build = workshop.begin()
    assert (build.errors, build.findings) == ((), None)
    assert build.busy
    page = (workshop.build / "site/01-first/index.html").read_text()
    assert "Two are plenty." in page
    assert (workshop.build / "site/static/style.css").exists()
    assert not (workshop.build / "site/audio").exists()


def test_what_is_still_to_come_is_looked_at_already(tmp_path: Path) -> None:
    ahead = front_matter(2, "Tomorrow", published="2026-06-02T08:00:00Z") + BODY
    small(tmp_path, SILENT, e01_first=front_matter() + BODY, e02_tomorrow=ahead)
    with previewing(tmp_path) as served:
        assert served.ask("/~/").headers["location"] == "02-tomorrow/"
        assert "02 Tomorrow (from 2 June)" in served.ask("/~/02-tomorrow/").body.decode()
        assert b"Two are plenty." in served.ask("/~/light/email/02-tomorrow").body
        watching = Watching(served, "02-tomorrow")
        watching.close()
        assert (watching.first["errors"], watching.first["faults"]) == ([], {})


# --- what is saved ---------------------------------------------------------------------------------


class Watching:
    """Someone who looks at an episode, and hears of each new build."""

    def __init__(self, served: Running, slug: str) -> None:
        self.served, self.slug = served, slug
        self._line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        self._line.request("GET", f"/~/events/{slug}")
        self._events = self._line.getresponse()
        self.first = self.settled()

    def heard(self) -> dict[str, Any]:
        while not (line := self._events.readline()).startswith(b"data: "):
            assert line, "the preview has stopped"
        found = json.loads(line.removeprefix(b"data: "))
        assert isinstance(found, dict)
        return found

    def settled(self) -> dict[str, Any]:
        """The state when all is made that there was to make."""
        while (state := self.heard())["busy"]:
            pass
        return state

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    with previewing(letter(tmp_path)) as served:
        one = Watching(served, "01-first")
        yield one
        one.close()


def test_a_saved_word_is_shown_in_every_medium_that_has_it(
    tmp_path: Path, watching: Watching
) -> None:
    before = watching.first["marks"]
    write(
        tmp_path,
        "content/01-first/episode.md",
        front_matter() + BODY + PICTURE + "\nA saved word.\n",
    )
    watching.heard()
    for path in ("site/01-first/", "email/01-first", "text/01-first", "feed/01-first"):
        assert b"A saved word." in watching.served.ask(f"/~/light/{path}").body, path
    after = watching.settled()["marks"]
    assert {name for name in before if before[name] != after[name]} == {
        "web",
        "email",
        "text",
        "feed",
    }
    assert "A saved word." in (tmp_path / APART / "site/rss.xml").read_text()


def test_a_mistake_is_told_and_what_was_good_stays_until_it_is_mended(
    tmp_path: Path, watching: Watching
) -> None:
    good = (tmp_path / "content/01-first/episode.md").read_text()
    write(tmp_path, "content/01-first/episode.md", good + "\n::: pull\nnever closed\n")
    (error,) = watching.heard()["errors"]
    assert error.startswith("content/01-first/episode.md:")
    assert watching.served.ask("/~/light/email/01-first").status == 200
    watching.settled()
    write(tmp_path, "content/01-first/episode.md", good + "\nMended.\n")
    assert watching.settled()["errors"] == []
    assert b"Mended." in watching.served.ask("/~/light/email/01-first").body


def test_an_episode_that_cannot_be_read_has_its_page_and_shows_what_was_good(
    tmp_path: Path, watching: Watching
) -> None:
    good = (tmp_path / "content/01-first/episode.md").read_text()
    write(tmp_path, "content/01-first/episode.md", good.replace("number: 1", "number: one"))
    (error,) = watching.settled()["errors"]
    assert error.startswith("content/01-first/episode.md:2: number: ")
    page = watching.served.ask("/~/01-first/")
    assert page.status == 200
    assert b"../light/email/01-first" in page.body
    assert watching.served.ask("/~/light/email/01-first").status == 200


def test_a_publication_that_begins_broken_says_why(tmp_path: Path) -> None:
    broken = front_matter().replace("number: 1", "number: one") + BODY
    small(tmp_path, SILENT, e01_first=broken)
    with previewing(tmp_path) as served:
        assert served.ask("/~/").headers["location"] == "01-first/"
        assert b"<iframe" not in served.ask("/~/01-first/").body
        watching = Watching(served, "01-first")
        [error] = watching.first["errors"]
        assert error.startswith("content/01-first/episode.md:2: ")
        write(tmp_path, "content/01-first/episode.md", front_matter() + BODY)
        state = watching.settled()
        watching.close()
        assert state["errors"] == []
        assert state["marks"]["desk"] != watching.first["marks"]["desk"]
        assert b"<iframe" in served.ask("/~/01-first/").body


def test_a_picture_that_was_saved_again_is_another(tmp_path: Path, watching: Watching) -> None:
    before = watching.first["marks"]["looks"]
    (tmp_path / "content/01-first/grey.png").write_bytes(png(9, 9))
    assert watching.settled()["marks"]["looks"] != before
    assert watching.served.ask("/01-first/grey.png").headers["cache-control"] == "no-cache"


def test_a_style_that_was_saved_is_seen_with_the_words(tmp_path: Path, watching: Watching) -> None:
    before = watching.first["marks"]["looks"]
    write(tmp_path, "content/templates/web/theme.css", ":root { --ink: teal; }\n")
    state = watching.heard()
    assert state["busy"], "not all of it is made yet"
    assert state["marks"]["looks"] != before
    assert b"teal" in watching.served.ask("/~/light/site/static/theme.css").body


def test_a_new_episode_is_there_at_once_and_one_that_is_deleted_is_gone(
    tmp_path: Path, watching: Watching
) -> None:
    write(tmp_path, "content/03-new/episode.md", front_matter(3, "New") + BODY)
    assert watching.heard()["marks"]["desk"] != watching.first["marks"]["desk"]
    assert b"Two are plenty." in watching.served.ask("/~/light/email/03-new").body
    other = Watching(watching.served, "03-new")
    shutil.rmtree(tmp_path / "content/03-new")
    assert other.settled()["gone"]
    other.close()
    assert watching.served.ask("/~/").headers["location"] == "02-second/"


def test_what_check_finds_stands_beside_its_medium(tmp_path: Path, watching: Watching) -> None:
    write(tmp_path, "content/01-first/episode.md", front_matter() + BODY + "\nTK\n")
    faults = watching.settled()["faults"]
    assert [one["code"][:2] for one in faults["source"]] == ["E1"]
