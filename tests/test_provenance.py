"""That a voice is synthetic is told wherever an episode is read or heard, in the words of publication.toml."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from mutagen.id3 import ID3

from pipeline.runner import Desk, build
from tests.publications import SETTINGS, front_matter, small
from tests.sounds import speech_like

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SLUG = "01-first"
WORDS = "A machine & no person reads this."


def built(root: Path, recorded: bool) -> Path:
    settings = SETTINGS + f'notice = "{WORDS}"\n'
    small(root, settings, e01_first=front_matter(1, "First") + "Few words.\n")
    if recorded:
        speech_like(root / f"audio/{SLUG}.wav", 2)
    desk = Desk(root, NOW)
    try:
        report = build(desk)
    finally:
        desk.close()
    assert not report.errors
    return root / "build"


TOLD = (
    f"site/{SLUG}/index.html",
    f"site/{SLUG}/transcript.html",
    f"email/{SLUG}.html",
    f"email/{SLUG}.txt",
    "site/rss.xml",
    "site/atom.xml",
    "site/feed.json",
    "site/podcast.xml",
)


@pytest.fixture(scope="module")
def narrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("narrated"), recorded=False)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("recorded"), recorded=True)


def tells(file: Path) -> bool:
    text = " ".join(file.read_text("utf-8").replace("amp;", "").split())
    return WORDS in text


@pytest.mark.parametrize("path", TOLD)
def test_a_synthetic_voice_is_told(path: str, narrated: Path) -> None:
    assert tells(narrated / path)


@pytest.mark.parametrize("path", TOLD)
def test_of_a_recording_it_is_not_said(path: str, recorded: Path) -> None:
    assert not tells(recorded / path)


def test_the_file_itself_tells_and_the_voice_says_it(narrated: Path, recorded: Path) -> None:
    assert WORDS in str(ID3(narrated / f"site/audio/{SLUG}.mp3")["COMM::eng"])
    assert WORDS not in str(ID3(recorded / f"site/audio/{SLUG}.mp3").getall("COMM"))
    assert "A machine and no person reads this." in (narrated / f"script/{SLUG}.json").read_text(
        "utf-8"
    )
