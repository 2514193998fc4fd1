"""What was published keeps its identity: a build that would change it is refused, and says how to mean it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import etree

from pipeline import config, identity, source
from pipeline.cli import main
from pipeline.errors import AuthorError
from pipeline.feeds.xml import NAMESPACES
from pipeline.runner import Desk, build
from pipeline.stage import chosen, installed
from tests.publications import BODY, SETTINGS, front_matter, small

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SILENT = SETTINGS.replace('narrator = "nanotts"', 'narrator = "none"')
MAKE_FEEDS = ("feed", "podcast", "archive")
FEEDS = ("rss.xml", "atom.xml", "feed.json", "podcast.xml")
TWO = {"e01_first": front_matter() + BODY, "e02_second": front_matter(2, "Second") + BODY}


def letter(root: Path, settings: str = SILENT, **episodes: str) -> Path:
    return small(root, settings, **(episodes or TWO))


def published(root: Path, **enclosures: str) -> Path:
    """A publication whose episodes are out, as publish records them."""
    desk = Desk(letter(root), NOW, stages={})
    heard = {slug.replace("_", "-")[1:]: url for slug, url in enclosures.items()}
    known = identity.with_published(desk.remembered, desk.publication, desk.listings, heard)
    desk.close()
    identity.record(root, known)
    return root


def run(root: Path, *words: str) -> tuple[int, str]:
    ran = CliRunner().invoke(main, [*words, "--root", str(root), "--now", NOW.isoformat()])
    return ran.exit_code, ran.output


def known(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / identity.NAME).read_text())["episodes"]
    return found


def feed(root: Path, name: str = "rss.xml") -> Any:
    """A feed as the stages that make it make it now."""
    desk = Desk(root, NOW)
    try:
        stages = installed()
        wanted = {one.name for name in MAKE_FEEDS for one in chosen(stages, name)}
        report = build(desk, [one for one in stages.values() if one.name in wanted])
        assert not report.errors, report.errors
    finally:
        desk.close()
    return etree.fromstring((root / "build/site" / name).read_bytes())


def guids(root: Path, name: str = "rss.xml") -> list[str]:
    path = "atom:entry/atom:id" if name == "atom.xml" else "channel/item/guid"
    return [one.text for one in feed(root, name).iterfind(path, NAMESPACES)]


def test_rss_atom_and_podcast_know_an_episode_by_three_names(tmp_path: Path) -> None:
    _, contents = _opened(letter(tmp_path))
    one = contents.listings[0]
    assert len({one.guid, one.atom_guid, one.podcast_guid}) == 3
    assert guids(tmp_path, "atom.xml")[-1] == one.atom_guid


def test_what_atom_was_published_with_before_it_keeps(tmp_path: Path) -> None:
    published(tmp_path)
    file = tmp_path / identity.NAME
    file.write_text(re.sub(r',\s*"atom_guid": "[^"]*"', "", file.read_text()))
    assert guids(tmp_path, "atom.xml") == guids(tmp_path, "rss.xml")


def test_an_episode_from_elsewhere_keeps_its_one_guid_in_atom_too(tmp_path: Path) -> None:
    letter(tmp_path, e01_first=front_matter(guid="tag:a.example,2009:1") + BODY)
    assert guids(tmp_path, "atom.xml") == guids(tmp_path) == ["tag:a.example,2009:1"]


def _opened(root: Path) -> tuple[Any, source.Contents]:
    publication = config.publication(root)
    return publication, source.contents(root, publication, identity.recorded(root))


def test_audio_that_was_published_and_is_lost_makes_no_feed(tmp_path: Path) -> None:
    published(tmp_path, e01_first="https://small.example/audio/01-first.mp3")
    desk = Desk(tmp_path, NOW)
    report = build(desk)
    desk.close()
    (error,) = report.errors
    assert "01-first.mp3, which is no longer made; give its recording or its voice back" in str(
        error
    )
    assert not [name for name in FEEDS if (tmp_path / "build/site" / name).exists()]
    assert run(tmp_path, "republish", "01", "--no-audio")[0] == 0
    assert len(guids(tmp_path)) == 2


def test_another_guid_of_the_show_is_refused(tmp_path: Path) -> None:
    published(tmp_path)
    other = 'podcast_guid = "917393e3-1b1e-5cef-ace4-edaa54e1f810"\n'
    letter(tmp_path, other + SILENT)
    with pytest.raises(AuthorError, match="which never changes; put it back, or delete the line"):
        Desk(tmp_path, NOW)


@pytest.mark.parametrize("name", FEEDS[:2])
def test_new_guids_are_new_in_every_feed_and_the_first_is_remembered(
    tmp_path: Path, name: str
) -> None:
    published(tmp_path)
    before, first = guids(tmp_path, name), known(tmp_path)["02-second"]["guid"]
    for _ in range(2):
        assert run(tmp_path, "republish", "02", "--new-guid")[0] == 0
        after = guids(tmp_path, name)
        assert after[0] not in before
        assert after[1] == before[1]
        before = [*after, *before[2:]]
    assert known(tmp_path)["02-second"]["first_guid"] == first
    _, contents = _opened(tmp_path)
    assert [one.first_guid == first for one in contents.listings] == [False, True]


def test_a_new_date_is_taken_where_it_is_meant(tmp_path: Path) -> None:
    published(tmp_path)
    small(tmp_path, SILENT, e01_first=front_matter(published="2026-01-01T09:00:00Z") + BODY)
    with pytest.raises(AuthorError, match=r"simulcast republish 01-first --new-date"):
        Desk(tmp_path, NOW)
    assert run(tmp_path, "republish", "01-first", "--new-date")[0] == 0
    assert known(tmp_path)["01-first"]["published"] == "2026-01-01T09:00:00+00:00"
    Desk(tmp_path, NOW).close()


def test_a_withdrawn_episode_is_in_no_feed_and_comes_back_as_it_was(tmp_path: Path) -> None:
    published(tmp_path)
    before = guids(tmp_path)
    assert run(tmp_path, "withdraw", "01") == (
        0,
        "01-first is withdrawn: the next publish leaves it out.\n",
    )
    assert guids(tmp_path) == before[:1]
    code, said = run(tmp_path, "withdraw", "01")
    assert (code, "was withdrawn already" in said) == (1, True)
    assert run(tmp_path, "republish", "1")[0] == 0
    assert guids(tmp_path) == before


def test_a_withdrawn_episode_may_be_deleted(tmp_path: Path) -> None:
    published(tmp_path)
    run(tmp_path, "withdraw", "01")
    (tmp_path / "content/01-first/episode.md").unlink()
    (tmp_path / "content/01-first").rmdir()
    assert len(guids(tmp_path)) == 1


def test_commands_name_what_they_do_not_know(tmp_path: Path) -> None:
    published(tmp_path)
    code, said = run(tmp_path, "withdraw", "02-secnd")
    assert (code, 'did you mean "02-second"' in said) == (1, True)
    assert run(tmp_path, "republish", "02")[0] == 2
    assert run(tmp_path, "move", "http://plain.example/")[0] == 2


def test_a_moved_publication_keeps_its_guids_and_says_where_it_is(tmp_path: Path) -> None:
    published(tmp_path)
    before = guids(tmp_path)
    assert run(tmp_path, "move", "https://new.example/letter/")[0] == 0
    assert config.publication(tmp_path).url == "https://new.example/letter/"
    assert "# " not in (tmp_path / config.NAME).read_text()
    assert guids(tmp_path) == before
    show = feed(tmp_path, "podcast.xml")
    (now,) = show.iterfind("channel/itunes:new-feed-url", NAMESPACES)
    assert now.text == "https://new.example/letter/podcast.xml"
    assert run(tmp_path, "redirects")[0] == 0
    netlify = (tmp_path / "build/moved/small.example/_redirects").read_text()
    assert netlify.splitlines()[-1] == "/* https://new.example/letter/:splat 301"
    assert known(tmp_path)["01-first"]["url"] == "https://new.example/letter/01-first/"


def test_a_move_leaves_the_rest_of_the_settings_alone(tmp_path: Path) -> None:
    settings = SILENT.replace("url =", "# where it lives\nurl  =", 1)
    settings += '\n[service]\nurl = "https://small.example/"\n'
    published(tmp_path)
    (tmp_path / config.NAME).write_text(settings)
    run(tmp_path, "move", "https://new.example/")
    expected = settings.replace('"https://small.example/"', '"https://new.example/"', 1)
    assert (tmp_path / config.NAME).read_text() == expected


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("moved", [(), ("https://old.example/",)])
def test_what_is_remembered_is_written_as_json_indents_it(
    tmp_path: Path, count: int, moved: tuple[str, ...]
) -> None:
    episodes = {
        f"{number:02}-x": identity.Identity(
            f'urn:"{number}"',
            "ü\n{}\n}",
            "2026-01-01",
            "https://a.example/\u2028",
            enclosure="x" * number,
        )
        for number in range(count)
    }
    (tmp_path / "content").mkdir()
    known = identity.Identities('a "guid"', episodes, moved)
    identity.record(tmp_path, known)
    text = (tmp_path / identity.NAME).read_text("utf-8")
    assert text == json.dumps(json.loads(text), indent=2) + "\n"
    assert identity.recorded(tmp_path) == known
