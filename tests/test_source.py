"""Publications and episodes are read; every fault is named with file, line, found, allowed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import config, identity, source
from pipeline.errors import AuthorError
from pipeline.model import Publication
from tests.publications import BODY, SETTINGS, front_matter, small, write


def opened(root: Path) -> tuple[Publication, source.Contents]:
    publication = config.publication(root)
    return publication, source.contents(root, publication, identity.recorded(root))


def settings_refusal(root: Path, text: str) -> str:
    small(root, text)
    with pytest.raises(AuthorError) as caught:
        config.publication(root)
    return str(caught.value)


def test_a_small_publication_is_read(tmp_path: Path) -> None:
    publication, contents = opened(small(tmp_path))
    assert publication.title == "Small Letter"
    assert publication.email and publication.email.sender == "Small Letter <post@small.example>"
    assert [listing.slug for listing in contents.listings] == ["01-first"]
    assert contents.errors == {}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            'title = "Small Letter"\nurl',
            'titel = "Small Letter"\nurl',
            ':1: unknown key "titel"; did you mean "title"?',
        ),
        ('language = "en"', "language = 5", ":4: language: 5 will not do"),
        (
            'language = "en"',
            'language = "English!"',
            ':4: language: "English!" is not a language tag',
        ),
        (
            'url = "https://small.example/"',
            'url = "small.example"',
            ':2: url: "small.example" must be a web address',
        ),
        ('id = "ada"', 'id = "ada"\nnmae = "x"', 'content/publication.toml:11: unknown key "nmae"'),
        ('sender = "Small', 'sendr = "Small', ':14: unknown key "sendr"; did you mean "sender"?'),
        ("[podcast]", "[podcast]\nexplicit = 3", ":21: podcast.explicit: 3 will not do"),
        ("[podcast]", "[podcasts]", 'unknown key "podcasts"'),
        ("[[people]]", "[[people]", ":9: is not TOML"),
        ('title = "Small Letter"\nurl', 'title = ""\nurl', ":1: title is empty"),
        ('language = "en"', 'language = "en"\ntheme = "../x"', ':5: theme: "../x" must be letters'),
        (
            'title = "Small Letter"\nurl',
            'title = "a\\u0007b"\nurl',
            ":1: title: holds the control character U+0007",
        ),
        (
            '"Small Letter by email"',
            '"Small\\nLetter"',
            ":17: lists.readers.title: holds a line feed",
        ),
        (
            'name = "Small Letter"',
            'name = "Small\\u2028Letter"',
            ":7: series.name: holds a line sep",
        ),
        (
            'name = "Ada Example"',
            'name = "Ada\\tB"',
            ":11: people.0.name: holds a tab; write it on one",
        ),
        (
            'sender = "Small',
            'sender = "\\r\\nSmall',
            ":14: email.sender: holds a carriage return; wri",
        ),
        (
            'owner = "Ada',
            'owner = """Ada\nB"""#',
            ":21: podcast.owner: holds a line feed; write it on",
        ),
        ('seeds = ["', 'seeds = ["\\u001b', ":18: lists.readers.seeds.0: holds the control char"),
        ('id = "ada"', 'id = "../ada"', ':10: id: "../ada" must be letters, digits'),
        ("[lists.readers]", '[lists."rea ders"]', 'a list is named "rea ders"'),
        ("[narration]", "[audio]\nbitrate = 97\n[narration]", "audio.bitrate: 97 is none of MP3's"),
        ("[narration]", "x = " + "[" * 9_000 + "\n[narration]", "content/publication.toml"),
    ],
)
def test_settings_that_are_wrong_are_named(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert before in SETTINGS
    assert said in settings_refusal(tmp_path, SETTINGS.replace(before, after, 1))


def test_prose_may_have_several_lines(tmp_path: Path) -> None:
    lines = '"""One line,\nand another."""'
    settings = SETTINGS.replace('"A letter as small as can be."', lines).replace(
        'id = "ada"', f'id = "ada"\nabout = {lines}'
    )
    summary = "|\n  One line,\n  and another.\nwaive:\n  E105: >\n    since it\n    is so"
    small(tmp_path, settings, e01_first=front_matter(summary=summary) + BODY)
    publication, contents = opened(tmp_path)
    assert publication.description == publication.people[0].about == "One line,\nand another."
    assert contents.sources["01-first"].listing.summary == "One line,\nand another.\n"


def test_all_faults_of_the_settings_are_told_at_once(tmp_path: Path) -> None:
    text = settings_refusal(
        tmp_path, SETTINGS.replace("title = ", "titel = ").replace("owner = ", "onwer = ")
    )
    assert '"titel"' in text
    assert '"onwer"' in text


def test_a_folder_without_a_publication_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AuthorError, match="simulcast new publication"):
        config.publication(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front matter", ":1: begins without front matter"),
        ("---\ntitle: x\n", ":1: the front matter is never closed"),
        ("---\n---\nx", ":1: the front matter is empty"),
        ("---\n- a\n---\nx", ':2: front matter is written as "key: value" lines'),
        ("---\ntitle: a: b\n---\nx", ":2: front matter is not YAML"),
        (front_matter() + "\n \n", "has front matter and no text"),
        (front_matter(sumary="x") + BODY, 'unknown key "sumary"; did you mean "summary"?'),
        (
            "---\nnumber: 1\ntitle: x\npublished: 2026-01-01T08:00:00Z\n---\nx",
            'the key "summary" is missing',
        ),
        (front_matter(published="tomorow") + BODY, ':4: published: "tomorow" is not a date'),
        (front_matter(published="2026-13-45T08:00:00Z") + BODY, ":4: published"),
        (front_matter(published="2026-01-01") + BODY, "write it as 2026-06-03T08:00:00Z"),
        (front_matter(published="20260101") + BODY, "is not a date and time with a zone"),
        (front_matter(updated="2025-01-01T08:00:00Z") + BODY, "is before published"),
        (front_matter(number=2) + BODY, 'number: 2, but the folder is "01-first"'),
        (front_matter(type="fulll") + BODY, 'type: "fulll" will not do'),
        (front_matter(slug="x") + BODY, "rename the folder instead"),
        (
            front_matter() + "title: x\n" + BODY.replace("One", "\x07One"),
            "control character U+0007",
        ),
        ("---\nnumber: 1\nnumber: 2\n---\nx", ':3: "number" stands twice; the first is on line 2'),
        (front_matter(title="") + BODY, ":3: title is empty"),
        ("---\n? [a, b]\n: c\n---\nx", ':2: front matter is written as "key: value" lines'),
        ("---\ntitle: " + "[" * 5_000 + "]" * 5_000 + "\n---\nx", "the front matter"),
        (front_matter(subtitle='"a\\x07b"') + BODY, "subtitle: holds the control character U+0007"),
        (front_matter(title="A\\nB") + BODY, ":3: title: holds a line feed; write it on one line"),
        (front_matter(title="A\\u2029B") + BODY, ":3: title: holds a paragraph separator; write"),
        (
            front_matter(subtitle="|\n  A\n  B") + BODY,
            "subtitle: holds a line feed; write it on one",
        ),
        (front_matter(guests='["Ada\\nB"]') + BODY, "guests.0: holds a line feed; write it on one"),
        (front_matter(published="0001-01-01T00:00:00Z") + BODY, ":4: published"),
        (front_matter(keywords="a, b") + BODY, 'keywords: "a, b" is no list; write [a, b]'),
    ],
)
def test_an_episode_that_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    small(tmp_path, e01_first=text, e02_second=front_matter(2, "Second") + BODY)
    _, contents = opened(tmp_path)
    assert said in str(contents.errors["01-first"])
    assert str(contents.errors["01-first"]).startswith("content/01-first/episode.md:")
    assert [listing.slug for listing in contents.listings] == ["02-second"]


def test_a_byte_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    small(tmp_path)
    file = tmp_path / "content/01-first/episode.md"
    file.write_bytes(front_matter().encode() + b"caf\xe9\n")
    _, contents = opened(tmp_path)
    assert "episode.md:8: is not UTF-8 (byte 0xe9)" in str(contents.errors["01-first"])


def test_five_megabytes_are_refused(tmp_path: Path) -> None:
    small(tmp_path, e01_first=front_matter() + "word " * 1_000_000)
    _, contents = opened(tmp_path)
    assert "at most 2,000,000" in str(contents.errors["01-first"])


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    text = front_matter() + BODY
    small(
        tmp_path, e01_first="\ufeff" + text.replace("\n", "\r\n"), e02_second=text.replace("1", "2")
    )
    _, contents = opened(tmp_path)
    first, second = contents.sources["01-first"], contents.sources["02-second"]
    assert contents.errors == {}
    assert source.episode(first, tmp_path).blocks == source.episode(second, tmp_path).blocks


def test_a_number_used_twice_is_refused_and_the_first_stays(tmp_path: Path) -> None:
    text = front_matter(1, "Another") + BODY
    small(tmp_path, e01_first=front_matter() + BODY, e1_second=text)
    _, contents = opened(tmp_path)
    assert "number: 1 is taken by content/01-first/episode.md" in str(contents.errors["1-second"])
    assert [listing.slug for listing in contents.listings] == ["01-first"]


def test_a_number_of_the_back_catalogue_is_taken(tmp_path: Path) -> None:
    entry = '\n[[series.entries]]\nnumber = 1\ntitle = "Old"\n'
    small(
        tmp_path, SETTINGS.replace('name = "Small Letter"\n', 'name = "Small Letter"\n' + entry, 1)
    )
    _, contents = opened(tmp_path)
    assert "is taken by content/publication.toml" in str(contents.errors["01-first"])


def test_a_folder_that_cannot_be_an_address_gets_a_better_name(tmp_path: Path) -> None:
    write(small(tmp_path), "content/02 Größe!/episode.md", front_matter(2, "x") + BODY)
    _, contents = opened(tmp_path)
    assert 'e.g. "02-groe"' in str(contents.errors["02 Größe!"])


def test_a_numbered_folder_without_an_episode_is_told(tmp_path: Path) -> None:
    (small(tmp_path) / "content" / "02-empty").mkdir()
    _, contents = opened(tmp_path)
    assert "is missing; an episode's folder holds episode.md" in str(contents.errors["02-empty"])


def test_a_missing_image_is_named_with_its_line_and_the_likeliest_file(tmp_path: Path) -> None:
    small(tmp_path, e01_first=front_matter() + "Words\n\n![a](chart.pgn)\n")
    (tmp_path / "content/01-first/chart.png").write_bytes(b"x")
    _, contents = opened(tmp_path)
    with pytest.raises(
        AuthorError,
        match=r'episode.md:10: the file "chart.pgn" is missing; did you mean "chart.png"',
    ):
        source.episode(contents.sources["01-first"], tmp_path)


def test_two_recordings_of_one_episode_are_refused(tmp_path: Path) -> None:
    small(tmp_path)
    for ending in (".wav", ".mp3"):
        write(tmp_path, f"audio/01-first{ending}", "x")
    _, contents = opened(tmp_path)
    with pytest.raises(AuthorError, match=r"01-first.mp3 and audio/01-first.wav; keep one"):
        source.recording(contents.listings[0], tmp_path, source.recordings(tmp_path))


def test_a_recording_that_front_matter_names_must_be_there(tmp_path: Path) -> None:
    small(tmp_path, e01_first=front_matter(recording="audio/mine.wav") + BODY)
    _, contents = opened(tmp_path)
    with pytest.raises(AuthorError, match=r'"audio/mine.wav" is missing'):
        source.recording(contents.listings[0], tmp_path, source.recordings(tmp_path))


def test_an_episode_of_tomorrow_is_not_published_today(tmp_path: Path) -> None:
    small(tmp_path, e01_first=front_matter() + BODY, e02_second=front_matter(2) + BODY)
    _, contents = opened(tmp_path)
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert [one.slug for one in source.published(contents.listings, now)] == ["01-first"]


def test_an_episode_knows_its_place(tmp_path: Path) -> None:
    entry = '\n[[series.entries]]\nnumber = 0\ntitle = "Prologue"\n'
    small(
        tmp_path,
        SETTINGS.replace('name = "Small Letter"\n', 'name = "Small Letter"\n' + entry, 1),
        e01_first=front_matter() + BODY,
        e02_second=front_matter(2) + BODY,
        e03_third=front_matter(3) + BODY,
    )
    publication, contents = opened(tmp_path)
    place = source.places(contents.listings, source.index(publication))["02-second"]
    assert place.previous and place.next
    assert (place.previous.slug, place.next.slug) == ("01-first", "03-third")
    assert [entry.number for entry in place.series] == [0, 1, 2]


def test_what_was_published_keeps_its_guid_when_the_address_of_the_site_changes(
    tmp_path: Path,
) -> None:
    publication, contents = opened(small(tmp_path))
    before = contents.listings[0].guid
    identity.record(
        tmp_path, identity.with_published(identity.Identities(), publication, contents.listings)
    )
    small(tmp_path, SETTINGS.replace("https://small.example/", "https://elsewhere.example/"))
    moved, contents = opened(tmp_path)
    assert contents.listings[0].guid == before
    with pytest.raises(AuthorError, match=r"url was https://small\.example/01-first/"):
        identity.refuse_changes(identity.recorded(tmp_path), moved, contents.listings)


def test_a_published_date_does_not_move(tmp_path: Path) -> None:
    publication, contents = opened(small(tmp_path))
    identity.record(
        tmp_path, identity.with_published(identity.Identities(), publication, contents.listings)
    )
    small(tmp_path, e01_first=front_matter(published="2026-02-02T08:00:00Z") + BODY)
    publication, contents = opened(tmp_path)
    with pytest.raises(AuthorError, match="put it back"):
        identity.refuse_changes(identity.recorded(tmp_path), publication, contents.listings)


def test_a_published_episode_does_not_vanish(tmp_path: Path) -> None:
    publication, contents = opened(small(tmp_path))
    identity.record(
        tmp_path, identity.with_published(identity.Identities(), publication, contents.listings)
    )
    with pytest.raises(AuthorError, match="is gone; give its folder back"):
        identity.refuse_changes(identity.recorded(tmp_path), publication, [])


def test_recording_identities_twice_writes_once(tmp_path: Path) -> None:
    publication, contents = opened(small(tmp_path))
    now = identity.with_published(identity.Identities(), publication, contents.listings)
    assert identity.record(tmp_path, now)
    assert not identity.record(tmp_path, now)
    assert identity.recorded(tmp_path) == now


def test_a_damaged_published_json_is_named(tmp_path: Path) -> None:
    write(small(tmp_path), identity.NAME, '{"episodes": ')
    with pytest.raises(AuthorError, match=r"published.json:1: is not JSON"):
        identity.recorded(tmp_path)


def test_article_and_podcast_guids_differ(tmp_path: Path) -> None:
    _, contents = opened(small(tmp_path))
    assert contents.listings[0].guid != contents.listings[0].podcast_guid


def test_the_shows_guid_is_the_one_of_the_specification() -> None:
    # The specification's own example: the feed mp3s.nashownotes.com/pc20rss.xml.
    from uuid import uuid5

    found = uuid5(identity.PODCAST_NAMESPACE, "mp3s.nashownotes.com/pc20rss.xml")
    assert str(found) == "917393e3-1b1e-5cef-ace4-edaa54e1f810"


def test_a_folder_of_the_site_is_no_name_for_an_episode(tmp_path: Path) -> None:
    write(small(tmp_path), "content/about/episode.md", front_matter(2, "x") + BODY)
    _, contents = opened(tmp_path)
    assert 'the site has a folder "about" of its own' in str(contents.errors["about"])


def test_a_recording_of_a_kind_that_cannot_be_taken_is_told(tmp_path: Path) -> None:
    write(small(tmp_path), "audio/01-first.ogg", "x")
    _, contents = opened(tmp_path)
    with pytest.raises(AuthorError, match=r'"audio/01-first.ogg", which cannot be taken'):
        source.recording(contents.listings[0], tmp_path, source.recordings(tmp_path))


def test_a_recording_that_is_no_file_is_told(tmp_path: Path) -> None:
    small(tmp_path)
    (tmp_path / "audio/01-first.wav").mkdir(parents=True)
    _, contents = opened(tmp_path)
    with pytest.raises(AuthorError, match=r'"audio/01-first.wav", which is no file'):
        source.recording(contents.listings[0], tmp_path, source.recordings(tmp_path))


def test_a_recording_may_end_in_capitals(tmp_path: Path) -> None:
    write(small(tmp_path), "audio/01-first.WAV", "x")
    _, contents = opened(tmp_path)
    found = source.recording(contents.listings[0], tmp_path, source.recordings(tmp_path))
    assert found == tmp_path / "audio/01-first.WAV"


def test_a_picture_of_front_matter_lies_beside_the_episode(tmp_path: Path) -> None:
    small(tmp_path, e01_first=front_matter(image="../artwork/cover.png") + BODY)
    _, contents = opened(tmp_path)
    with pytest.raises(AuthorError, match=r'image: "../artwork/cover.png" is not a file beside'):
        source.episode(contents.sources["01-first"], tmp_path)


def test_a_published_guid_is_not_changed_by_front_matter(tmp_path: Path) -> None:
    publication, contents = opened(small(tmp_path))
    identity.record(
        tmp_path, identity.with_published(identity.Identities(), publication, contents.listings)
    )
    small(tmp_path, e01_first=front_matter(guid="mine") + BODY)
    _, contents = opened(tmp_path)
    assert 'guid: "mine", but it was published with' in str(contents.errors["01-first"])
