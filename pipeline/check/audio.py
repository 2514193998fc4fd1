"""Audio: what is heard, measured on the decoded file, against what feeds, chapters and transcript say of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.check.finding import Finding, finding
from pipeline.errors import MediaError
from pipeline.model import Narration, Sound
from pipeline.source import NUMBERED, recordings
from pipeline.stage import Made

NEAR = 1.0
"""LU that the loudness may be off."""

SILENCE, QUIET = 3.0, -55
"""Seconds without sound that listeners take for the end, and the level below which there is none, dBFS."""

CLIPPED = 3
"""Samples at full scale in a row that are heard as distortion."""

COVERED = 0.9
"""The share of the words heard that a transcript must hold."""

APART = 0.5
"""Seconds between a length told and the length heard."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An MP3 as it is heard. silences: start and end, seconds. clipped: the most samples at full scale in a row."""

    seconds: float
    loudness: float
    peak: float
    silences: tuple[tuple[float, float], ...]
    clipped: int


def heard(file: Path, name: str) -> Heard:
    """Decode a file once, and measure all of it. Raises MediaError: it cannot be played."""
    from pipeline.sound.ffmpeg import run

    graph = (
        # Players hand 16 bits to the speaker: what goes beyond full scale is cut off there, as it is here.
        "[0:a:0]aformat=channel_layouts=mono,asplit=2[a][b];"
        "[a]ebur128=peak=true:dualmono=true:framelog=quiet,anullsink;"
        f"[b]silencedetect=noise={QUIET}dB:duration={SILENCE},"
        "aformat=sample_fmts=s16,astats=measure_perchannel=none[out]"
    )
    length = 0.0

    def note(line: str) -> None:
        nonlocal length
        if time := re.match(r"out_time_us=(\d+)", line):
            length = int(time[1]) / 1_000_000

    said = run(
        [
            "-progress",
            "pipe:1",
            "-i",
            f"file:{file}",
            "-filter_complex",
            graph,
            "-map",
            "[out]",
            "-f",
            "null",
            "-",
        ],
        name,
        note,
    )
    starts = [float(x) for x in re.findall(r"silence_start: (-?[\d.]+)", said)]
    ends = [float(x) for x in re.findall(r"silence_end: ([\d.]+)", said)]
    ends += [length] * (len(starts) - len(ends))
    return Heard(
        length,
        _last(r"^\s+I:\s+(\S+) LUFS", said),
        _last(r"^\s+Peak:\s+(\S+) dBFS", said),
        tuple((max(0.0, a), b) for a, b in zip(starts, ends, strict=False)),
        _clipped(said),
    )


def read(told: Mapping[str, Any]) -> Heard:
    """Measures as they were kept with `asdict`; JSON has neither tuples nor infinity."""
    silences = tuple((float(a), float(b)) for a, b in told["silences"])
    return Heard(**{**told, "silences": silences})


def _last(pattern: str, said: str) -> float:
    found = re.findall(pattern, said, re.MULTILINE)
    return float(found[-1]) if found else float("-inf")


def _clipped(said: str) -> int:
    """Flat factor says how long peaks stay at their level; it matters where that level is full scale."""
    peak = _last(r"Peak level dB: (\S+)", said)
    flat = _last(r"Flat factor: (\S+)", said)
    count = _last(r"Peak count: (\S+)", said)
    return int(count) if peak >= -0.02 and flat > 0 else 0


def of_sound(found: Heard, sound: Sound, where: str, slug: str) -> Iterator[Finding]:
    """What is wrong with how an episode sounds."""
    say = partial(_say, where, slug)
    if abs(found.loudness - sound.loudness) > NEAR:
        message = f"{found.loudness:.1f} LUFS where {sound.loudness:g} ±{NEAR:g} are asked for"
        yield say("E501", message, "master it anew")
    if found.peak > sound.peak + 0.05:
        message = f"a true peak of {found.peak:.1f} dBTP where {sound.peak:g} are allowed"
        yield say("E502", message, "master it anew")
    for start, end in found.silences:
        message = f"{end - start:.1f} seconds of silence at {_clock(start)}"
        yield say("E503", message, "cut it out of the recording")
    if found.clipped >= CLIPPED:
        message = f"{found.clipped} samples at full scale: the sound is clipped"
        yield say("E504", message, "record it with less gain")


def _say(where: str, slug: str, code: str, message: str, mend: str) -> Finding:
    return finding(code, where, 0, message, mend, slug)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def content(file: Path) -> bytes:
    """An MP3's sound without its tags: other words about it do not make it another sound."""
    data = file.read_bytes()
    start = 0
    if data[:3] == b"ID3":
        size = data[6:10]
        start = 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    return data[start:-128] if data[-128:-125] == b"TAG" else data[start:]


# --- what is said of it ----------------------------------------------------------------------------


SETTING = "[narration] in content/publication.toml"
INSTALLED_BY = {"kokoro": "make voice", "piper": "make piper"}


def of_folder(root: Path, named: Collection[str]) -> Iterator[Finding]:
    """Recordings that begin with a number, as an episode's do, of which there is no such episode.

    named: the files that front matter or settings name.
    """
    for name, files in recordings(root).items():
        where = files[0].relative_to(root).as_posix()
        if NUMBERED.match(name) and where not in named and not (root / "content" / name).is_dir():
            message = f"there is no content/{name}, so no episode takes it"
            yield finding("E519", where, 0, message, "name it as the episode's folder is named")


def of_voice(made: Mapping[str, Made], slug: str, asked: Narration) -> Iterator[Finding]:
    """Who reads it: that it is the voice that was asked for, and that listeners are told."""
    narration = made.get(f"narration/{slug}.json")
    if narration is None:
        return
    say, told = partial(_say, f"build/site/audio/{slug}.mp3", slug), json.loads(narration.text())
    if reason := told.get("fallback"):
        message = f"{reason}: {told['voice']} reads instead"
        mend = f'install {asked.narrator} ("{INSTALLED_BY[asked.narrator]}"), or write narrator = "nanotts"'
        yield say("E516", message, f"{mend} below {SETTING}")
    if not asked.notice.strip():
        message = f"{told['voice']} reads, which is a synthetic voice, and nobody is told"
        yield say("E517", message, f"write a notice below {SETTING}")


def of_facts(made: Mapping[str, Made], slug: str, seconds: float) -> Iterator[Finding]:
    """The sound against what was written down of it: its length, its chapters, its transcript, its tags."""
    mp3, facts = made[f"site/audio/{slug}.mp3"], made.get(f"audio/{slug}.json")
    say = partial(_say, f"build/{mp3.path}", slug)
    told = json.loads(facts.text()) if facts else {}
    if told and told.get("size") != mp3.size:
        message = f"{mp3.size:,} bytes, but feeds say {told.get('size', 0):,}"
        yield say("E505", message, "see the stage audio")
    if told and abs(float(told.get("duration", 0)) - seconds) > APART:
        message = f"{seconds:.1f} seconds are heard, but feeds say {told.get('duration', 0)}"
        yield say("E421", message, "see the stage audio")
    if told.get("source") == "recording" and told.get("clipped"):
        message = f"{told['clipped']:,} samples of its recording stand at full scale: that is heard"
        yield say("E518", message, "record it with less gain; no mastering undoes it")
    yield from _of_tags(mp3, say)
    yield from _of_chapters(made.get(f"site/{slug}/chapters.json"), seconds, slug)
    yield from _of_captions(made.get(f"site/{slug}/transcript.json"), seconds, slug)
    if f"site/{slug}/transcript.html" not in made:
        yield say(
            "E513", "there is no transcript for those who cannot hear", "see the stage transcript"
        )
    else:
        yield from _of_coverage(made, slug)


def _of_tags(mp3: Made, say: Any) -> Iterator[Finding]:
    from mutagen.id3 import ID3, ID3NoHeaderError

    try:
        tags = ID3(mp3.file)
    except ID3NoHeaderError:
        tags = {}
    lacking = [
        name for key, name in (("TIT2", "title"), ("APIC", "cover")) if not _tagged(tags, key)
    ]
    if lacking:
        yield say("E514", f"the MP3 has no {' and no '.join(lacking)}", "see the stage audio")


def _tagged(tags: Mapping[str, Any], key: str) -> bool:
    return any(name.partition(":")[0] == key for name in tags)


def _of_chapters(made: Made | None, seconds: float, slug: str) -> Iterator[Finding]:
    if made is None:
        return
    say = partial(_say, f"build/{made.path}", slug)
    listed = json.loads(made.text())["chapters"]
    for before, after in pairwise(listed):
        if after["startTime"] <= before["startTime"]:
            message = f'the chapter "{after.get("title", "")}" begins before the one above it'
            yield say("E507", message, "order chapters by their time")
    for one in listed:
        if one["startTime"] >= seconds:
            message = f'the chapter "{one.get("title", "")}" begins after the end'
            yield say("E508", message, "let it begin within the sound")


def _of_captions(made: Made | None, seconds: float, slug: str) -> Iterator[Finding]:
    if made is None:
        return
    say = partial(_say, f"build/{made.path}", slug)
    lines = json.loads(made.text())["segments"]
    for before, after in pairwise(lines):
        if after["startTime"] < before["startTime"]:
            message = f'"{after["body"][:40]}" is shown before what is said before it'
            yield say("E511", message, "order captions by their time")
            return
    if lines and lines[-1]["endTime"] > seconds + APART:
        message = f"captions go on to {_clock(lines[-1]['endTime'])}, after the end"
        yield say("E511", message, "let them end with the sound")


def _of_coverage(made: Mapping[str, Made], slug: str) -> Iterator[Finding]:
    """The transcript against the script that is read: whoever cannot hear gets all of it."""
    script = made.get(f"script/{slug}.json")
    if script is None:
        return
    read = [one["text"] for one in _said(json.loads(script.text())["sentences"], made, slug)]
    page = made[f"site/{slug}/transcript.html"]
    share = _share(read, page.text())
    if share < COVERED:
        message = f"the transcript holds {share:.0%} of what is heard"
        yield _say(f"build/{page.path}", slug, "E509", message, "see the stage transcript")


def _said(
    sentences: Sequence[Mapping[str, Any]], made: Mapping[str, Made], slug: str
) -> Iterator[Mapping[str, Any]]:
    """The sentences that are heard: a recording says those that were found in it."""
    aligned = made.get(f"alignment/{slug}.json")
    times = json.loads(aligned.text())["sentences"] if aligned else sentences
    return (sentence for sentence, time in zip(sentences, times, strict=True) if time)


def _share(read: Iterable[str], page: str) -> float:
    from html import unescape

    shown = set(_bare(unescape(re.sub(r"<[^>]*>", " ", page))))
    words = [word for sentence in read for word in _bare(sentence)]
    return sum(word in shown for word in words) / len(words) if words else 1.0


def _bare(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def unplayable(error: MediaError, where: str, slug: str) -> Finding:
    """What ffmpeg says of a file that it cannot decode."""
    return _say(
        where, slug, "E512", str(error).partition(": ")[2] or str(error), "see the stage audio"
    )
