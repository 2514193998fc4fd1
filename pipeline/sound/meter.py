"""How loud a sound is (EBU R 128), by ffmpeg's meter, for the whole or put together from its parts.

One channel counts as the two it is played on (`dualmono`): −16 LUFS here is what a stereo episode of −16 LUFS sounds
like, and reads −19 on a meter that takes one channel for one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.sound.ffmpeg import RATE, run

HOP = RATE // 10
"""Samples from one momentary loudness to the next."""

WINDOW = 4 * HOP
"""Samples that a momentary loudness is taken over."""

SILENT = -70.0
"""LUFS at which the meter hears nothing."""

METER = "ebur128=dualmono=true:framelog=quiet:metadata=1"
PEAKS = f"{METER}:peak=true"
PRINTED = "ametadata=mode=print:key=lavfi.r128.M:file=-"
"""Put behind a meter, prints each momentary loudness."""


@dataclass(frozen=True, slots=True)
class Measured:
    """loudness: integrated, LUFS. peak: true peak, dBTP; −inf where it was not asked for.

    momentary: the loudness of 400 ms each 100 ms, LUFS.
    """

    loudness: float
    peak: float
    momentary: tuple[float, ...]


class Heard:
    """Takes what a meter prints; `watch` is told the seconds heard so far."""

    def __init__(self, watch: Callable[[float], None] | None = None) -> None:
        self.momentary: list[float] = []
        self._watch = watch

    def __call__(self, line: str) -> None:
        name, _, value = line.partition("=")
        if name == "lavfi.r128.M":
            loudness = float(value)
            self.momentary.append(max(loudness, -120.0) if loudness == loudness else -120.0)
            if self._watch and len(self.momentary) % 50 == 0:
                self._watch(len(self.momentary) * HOP / RATE)


def measured(file: Path, name: str) -> Measured:
    """The measures of a whole sound, decoded."""
    heard = Heard()
    graph = f"[0:a:0]{PEAKS},{PRINTED}[out]"
    said = run(
        ["-i", f"file:{file}", "-filter_complex", graph, "-map", "[out]", "-f", "null", "-"],
        name,
        heard,
    )
    return Measured(integrated(heard.momentary), peak(said), tuple(heard.momentary))


def peak(report: str) -> float:
    """The true peak that ffmpeg's report of a metered run tells, dBTP."""
    found = re.findall(r"^\s+Peak:\s+(\S+) dBFS", report, re.M)
    return max(map(float, found), default=-math.inf)


def integrated(momentary: Sequence[float]) -> float:
    """The loudness of the whole by the loudness of its moments, gated twice (ITU-R BS.1770-4)."""
    import numpy

    heard = numpy.array(momentary[3:])  # the first three lack what lies before the beginning
    heard = heard[heard > SILENT]
    if not heard.size:
        return -math.inf
    loud = heard[heard > _mean(heard) - 10]
    return round(_mean(loud), 2)


def short_term(momentary: Sequence[float]) -> list[float]:
    """The loudness of the last three seconds, each 100 ms."""
    import numpy

    power = 10 ** (numpy.array(momentary) / 10)
    total = numpy.concatenate([[0.0], numpy.cumsum(power)])
    ends = numpy.arange(1, len(power) + 1)
    begins = numpy.maximum(0, ends - 30)
    mean = (total[ends] - total[begins]) / (ends - begins)
    return [round(float(one), 2) for one in 10 * numpy.log10(numpy.maximum(mean, 1e-12))]


def _mean(loudness: object) -> float:
    import numpy

    power = numpy.mean(10 ** (numpy.asarray(loudness, dtype=float) / 10))
    return 10 * math.log10(float(power))
