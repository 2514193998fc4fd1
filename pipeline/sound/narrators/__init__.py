"""Who can read aloud: narrators found by name, each a voice that turns spoken words into PCM."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from textwrap import wrap
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline.errors import NarrationError, OutsideError, StageError, suggestion
from pipeline.model import NOBODY
from pipeline.processes import pool

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    # Loaded by name, through entry points; named here so that their code counts in a stage's fingerprint.
    from pipeline.sound.narrators import command, kokoro, nanotts, piper  # noqa: F401

GROUP = "simulcast.narrators"

PCM = bytes
"""Mono samples, signed, 16 bits, little-endian."""

Hands = Literal["none", "threads", "processes"]
"""What a narrator needs to say several things at once; one with "none" is quick enough alone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How something shall be read: by which narrator, in which of its voices, how fast, in which language.

    voice: "" for the narrator's own of that language. command: what the narrator "command" runs.
    """

    narrator: str
    voice: str = ""
    speed: float = 1.0
    language: str = "en"
    command: str = ""


class Narrator(Protocol):
    """Someone to read aloud, in one voice."""

    @property
    def hands(self) -> Hands:
        """How it says several things at once."""

    @property
    def rate(self) -> int:
        """Samples a second."""

    @property
    def title(self) -> str:
        """Its name and that of its voice, for people."""

    @property
    def identity(self) -> str:
        """All that decides how words sound, so that what was said once can be kept."""

    def ready(self) -> None:
        """Raises NarrationError, with the reason, where this voice cannot be had."""

    def say(self, text: str) -> PCM:
        """The words, spoken, without silence around them; nothing where the voice has no sound for them.

        Raises NarrationError.
        """


class Kind(Protocol):
    """What an entry point of the group names: called with a reading, it is a narrator."""

    def __call__(self, reading: Reading) -> Narrator: ...

    def voices(self, language: str) -> tuple[str, ...]:
        """Its voices, that of the language first, then the one for quotations; none where any name may be one."""


def installed(points: Iterable[EntryPoint] | None = None) -> Mapping[str, EntryPoint]:
    """The narrators registered under the entry-point group, by name; two of one name are refused."""
    found: dict[str, EntryPoint] = {}
    for point in sorted(
        entry_points(group=GROUP) if points is None else points, key=lambda p: (p.name, p.value)
    ):
        if point.name in found:
            raise StageError(
                f'two narrators are named "{point.name}": {found[point.name].value} and {point.value}; '
                "uninstall one of the packages"
            )
        found[point.name] = point
    return found


def kind(name: str) -> Kind:
    """The narrator of that name. Raises NarrationError where there is none, or it does not load."""
    points = installed()
    if name not in points:
        raise NarrationError(f'there is no narrator "{name}"' + suggestion(name, points))
    try:
        found = points[name].load()
    except Exception as error:  # a third party's module may fail in any way
        raise NarrationError(f"narrator {name} does not load: {error}") from error
    if not callable(found) or not callable(getattr(found, "voices", None)):
        raise NarrationError(
            f"narrator {name} ({points[name].value}) is not one: "
            "it must take a Reading, and have voices(language)"
        )
    return found  # type: ignore[no-any-return]


@cache
def narrator(reading: Reading) -> Narrator:
    """The narrator of that name. Raises NarrationError where there is none, or it has no such voice."""
    return kind(reading.narrator)(reading)


@dataclass(frozen=True, slots=True)
class Line:
    """Words, and how they shall be read."""

    reading: Reading
    text: str


def spoken_by(lines: list[Line], jobs: int) -> Iterator[tuple[Line, PCM]]:
    """Each line with its sound, in the order they are done, up to `jobs` of them spoken at once.

    Raises NarrationError, and OutsideError where a process was ended; what was not begun by then is not said.
    """
    if not lines:
        return
    hands = narrator(lines[0].reading).hands
    if hands == "none":
        yield from ((line, _say(line)) for line in lines)
        return
    count = min(jobs, len(lines))
    # Spawned, since a forked copy of a program with threads may hang.
    speakers: Executor = pool(count, "spawn") if hands == "processes" else ThreadPoolExecutor(count)
    with speakers:
        try:
            waiting = {speakers.submit(_say, line): line for line in lines}
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool as error:
            raise OutsideError(
                f"{lines[0].reading.narrator} was ended while it spoke; "
                f"if memory ran out, --jobs {max(1, jobs // 2)} needs less: run it again"
            ) from error
        finally:
            speakers.shutdown(cancel_futures=True)


def _say(line: Line) -> PCM:
    return narrator(line.reading).say(line.text)


# ── what narrators share ─────────────────────────────────────────────────────────────────────────────────────

PORTION, WORD = 400, 60
"""Characters that every voice takes at once, and in one word."""


def portions(text: str) -> list[str]:
    """A text as voices are given it: short ones whole, longer ones cut between words, endless words in pieces."""
    return wrap(re.sub(rf"(\S{{{WORD}}})(?=\S)", r"\1 ", text), PORTION, break_on_hyphens=False)


def failed(name: str, text: str, error: Exception) -> NarrationError:
    """What to tell of a voice that failed at a text, in short."""
    reason = str(error).replace(text, "").strip(' ":') or type(error).__name__
    return NarrationError(f'{name} did not speak "{text[:60]}": {reason[-200:]}')


def no_such_voice(reading: Reading, voices: Iterable[str]) -> NarrationError:
    """What to tell where a narrator has no voice of that name."""
    return NarrationError(
        f'{reading.narrator} has no voice "{reading.voice}" here'
        + suggestion(reading.voice, voices)
    )


def versions(*names: str) -> str:
    """Distributions with their versions, as part of an identity."""
    return " ".join(f"{name} {distribution(name)}" for name in names)


def distribution(name: str) -> str:
    """The version of a distribution, or that it is absent."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ABSENT


ABSENT = "absent"

SILENCE, BEFORE, AFTER = 0.004, 0.025, 0.06
"""What counts as silence (of full scale), and the seconds of it that stay before and after the words."""


def trimmed(samples: NDArray[numpy.float32], rate: int) -> PCM:
    """The samples (±1) as PCM without the silence at their ends, faded over 5 ms so that nothing clicks."""
    import numpy

    loud = numpy.flatnonzero(numpy.abs(samples) > SILENCE)
    if not len(loud):
        return b""
    first, last = int(loud[0]) - int(BEFORE * rate), int(loud[-1]) + int(AFTER * rate)
    kept = samples[max(0, first) : last].copy()
    slope = numpy.linspace(0, 1, min(len(kept), rate // 200), dtype=numpy.float32)
    kept[: len(slope)] *= slope
    kept[len(kept) - len(slope) :] *= slope[::-1]
    return (numpy.clip(kept, -1, 1) * 32767).astype("<i2").tobytes()


def trimmed_pcm(pcm: PCM, rate: int) -> PCM:
    """PCM without the silence at its ends."""
    import numpy

    return trimmed(numpy.frombuffer(pcm, "<i2").astype(numpy.float32) / numpy.float32(32768), rate)


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────

SLOWEST, FASTEST = 0.5, 2.0
"""The speeds at which every voice is still understood."""


def mistakes(reading: Reading, quote_voice: str = "") -> Iterator[tuple[str, str]]:
    """What of a reading cannot be had: the name of the setting, and what is wrong with it."""
    if reading.narrator == NOBODY:
        return
    known = installed()
    if reading.narrator not in known:
        yield (
            "narrator",
            f'"{reading.narrator}" is unknown' + suggestion(reading.narrator, {*known, NOBODY}),
        )
    else:
        own = kind(reading.narrator).voices(reading.language)
        for setting, voice in (("voice", reading.voice), ("quote_voice", quote_voice)):
            # Another narrator's voice is left standing by who changes the narrator alone.
            if own and voice and voice not in own and not _a_file(voice) and not _anyones(voice):
                yield (
                    setting,
                    f'"{voice}" is no voice of {reading.narrator}' + suggestion(voice, own),
                )
    if reading.command and reading.narrator != "command":
        yield "command", f'is run by narrator = "command", not by "{reading.narrator}"'
    if reading.narrator == "command" and not reading.command:
        yield "command", 'is empty: write the program that speaks, such as "espeak-ng --stdout"'
    if not SLOWEST <= reading.speed <= FASTEST:  # nor is nan
        yield "speed", f"{reading.speed:g} is not a speed; use {SLOWEST} to {FASTEST}, 1.0 as usual"


def _a_file(voice: str) -> bool:
    return "/" in voice


def _anyones(voice: str) -> bool:
    from pipeline.sound.narrators.kokoro import VOICES

    return voice in VOICES
