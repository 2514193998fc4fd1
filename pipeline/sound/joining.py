"""What goes before and after the speech: intro and outro, cut, levelled and faded with pydub."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.sound.ffmpeg import RATE, checked, decoded

if TYPE_CHECKING:
    from pydub import AudioSegment

GAP, FADE_IN, FADE_OUT = 500, 10, 800
"""Milliseconds: of silence between music and speech, and of the fades of the music."""

UNDER_SPEECH = 3.0
"""How much quieter than the speech the music is, in LU."""


def opening(intro: Path, name: str, speech_loudness: float) -> bytes:
    """The intro as it is heard before the speech: at the speech's level, fading out into a short gap.

    One channel of 16-bit samples at 44.1 kHz. Raises MediaError, with `name`, where it cannot be used.
    """
    faded = _levelled(intro, name, speech_loudness).fade_in(FADE_IN).fade_out(FADE_OUT)
    return bytes((faded + _silence(GAP)).raw_data)


def closing(outro: Path, name: str, speech_loudness: float) -> bytes:
    """The outro as it is heard after the speech: a short gap, then the music, fading in and out."""
    faded = _levelled(outro, name, speech_loudness).fade_in(FADE_OUT // 4).fade_out(FADE_OUT)
    return bytes((_silence(GAP) + faded).raw_data)


def seconds(raw: Path) -> float:
    """How long a file of such samples sounds."""
    return raw.stat().st_size // 2 / RATE


def _levelled(music: Path, name: str, speech_loudness: float) -> AudioSegment:
    found = checked(music, name)
    segment = _pydub()(decoded(music, name), sample_width=2, frame_rate=RATE, channels=1)
    wanted = speech_loudness - UNDER_SPEECH - found.loudness
    return segment.apply_gain(min(wanted, -segment.max_dBFS))  # never into clipping


def _silence(milliseconds: int) -> AudioSegment:
    return _pydub().silent(milliseconds, frame_rate=RATE)


def _pydub() -> type[AudioSegment]:
    with warnings.catch_warnings():
        # It warns of a missing ffmpeg in PATH, which we never let it call, and of its own syntax.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment as Segment

    return cast("type[AudioSegment]", Segment)
