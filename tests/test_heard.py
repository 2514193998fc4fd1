"""What is heard, from the text to the decoded MP3: every sentence and chapter lies where its time says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy
import pytest
import webvtt

from pipeline.runner import Desk, Silent, build
from pipeline.stage import chosen, installed
from tests.peers import absent
from tests.publications import SETTINGS, front_matter, small
from tests.sounds import loudness, pcm, speech_like

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SLUG = "01-first"
BODY = """\
It cost $13 billion. Dr. Who paid.

> Somebody else said this.
>
> — Ada

## Then

And it went on.
"""
WITHIN = 0.05
"""Seconds that a time may be off."""

WITH_MUSIC = """
[audio]
intro = "audio/intro.flac"
"""


@pytest.fixture(scope="module", params=["nanotts", "kokoro"])
def heard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short episode with music before it, read by the light voice and by the default one."""
    if request.param == "kokoro" and find_spec("onnxruntime") is None:
        absent("Kokoro", "the extra voice is not installed")
    root = tmp_path_factory.mktemp(request.param)
    settings = SETTINGS.replace("nanotts", request.param) + WITH_MUSIC
    small(root, settings, e01_first=front_matter(1, "First") + BODY)
    speech_like(root / "audio/intro.flac", 2, -20)
    stages = installed()
    desk = Desk(root, NOW, jobs=2, reporter=Silent())
    try:
        wanted = {
            one.name: one for name in ("transcript", "chapters") for one in chosen(stages, name)
        }
        report = build(desk, list(wanted.values()))
    finally:
        desk.close()
    assert not report.errors
    return root / "build"


def read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def loud(heard: Path) -> tuple[numpy.ndarray[Any, Any], float]:
    """Of every millisecond of the decoded MP3 whether something is heard, and when the speech begins."""
    rate = 16_000
    samples = pcm(heard / f"site/audio/{SLUG}.mp3", rate).astype(float)
    frames = samples[: len(samples) // 16 * 16].reshape(-1, 16)
    level = numpy.sqrt((frames**2).mean(axis=1))
    return level > level.max() * 0.003, read(heard / f"audio/{SLUG}.json")["offset"]


def onsets(heard: Path) -> Iterator[tuple[float, float]]:
    """When each sentence but the first is said to begin, and when after the pause before it something is heard."""
    sounding, offset = loud(heard)
    times = read(heard / f"narration/{SLUG}.json")["sentences"]
    for before, after in pairwise(times):
        silent = round((offset + (before["end"] + after["start"]) / 2) * 1000)
        assert not sounding[silent - 20 : silent + 20].any()
        yield offset + after["start"], (silent + int(sounding[silent:].argmax())) / 1000


def test_sentences_begin_in_the_mp3_when_their_times_say(heard: Path) -> None:
    found = list(onsets(heard))
    assert len(found) > 5
    assert max(abs(said - is_heard) for said, is_heard in found) <= WITHIN


def test_chapters_and_cues_begin_when_they_are_heard(heard: Path) -> None:
    begun = [0.0, *(is_heard for _, is_heard in onsets(heard))]
    starts = [one["startTime"] for one in read(heard / f"site/{SLUG}/chapters.json")["chapters"]][
        1:
    ]
    assert starts
    cues = [cue.start_in_seconds for cue in webvtt.read(heard / f"site/{SLUG}/transcript.vtt")]
    segments = [
        one["startTime"] for one in read(heard / f"site/{SLUG}/transcript.json")["segments"]
    ]
    assert len(cues) >= len(begun)
    for start in (*starts, *segments[1:]):
        assert min(abs(start - one) for one in begun) <= WITHIN


def test_it_is_as_loud_as_it_should_be(heard: Path) -> None:
    integrated, peak = loudness(heard / f"site/audio/{SLUG}.mp3")
    assert integrated == pytest.approx(-16, abs=0.3)
    assert peak <= -1
    assert "fallback" not in read(heard / f"narration/{SLUG}.json")
