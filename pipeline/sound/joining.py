"""What goes before and after the speech: intro and outro, cut, levelled and faded with pydub."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.sound.ffmpeg import RATE

if TYPE_CHECKING:
    from pydub import AudioSegment

GAP, FADE_IN, FADE_OUT = 500, 10, 800
"""Milliseconds: of silence between music and speech, and of the fades of the music."""

UNDER_SPEECH = 3.0
"""How much quieter than the speech the music is, in LU."""


@dataclass(frozen=True, slots=True)
class Music:
    """An intro or outro: one channel of 16-bit samples at 44.1 kHz, and its integrated loudness."""

    samples: bytes
    loudness: float


def opening(intro: Music, speech_loudness: float) -> bytes:
    """The intro as it is heard before the speech: at the speech's level, faded out into a short gap."""
    faded = _levelled(intro, speech_loudness).fade_in(FADE_IN).fade_out(FADE_OUT)
    return bytes((faded + _silence(GAP)).raw_data)


def closing(outro: Music, speech_loudness: float) -> bytes:
    """The outro as it is heard after the speech: a short gap, then the music, fading in and out."""
    faded = _levelled(outro, speech_loudness).fade_in(FADE_OUT // 4).fade_out(FADE_OUT)
    return bytes((_silence(GAP) + faded).raw_data)


def _levelled(music: Music, speech_loudness: float) -> AudioSegment:
    segment = _pydub()(music.samples, sample_width=2, frame_rate=RATE, channels=1)
    wanted = speech_loudness - UNDER_SPEECH - music.loudness
    return segment.apply_gain(min(wanted, -segment.max_dBFS))  # never into clipping


def _silence(milliseconds: int) -> AudioSegment:
    return _pydub().silent(milliseconds, frame_rate=RATE)


def _pydub() -> type[AudioSegment]:
    with warnings.catch_warnings():
        # It warns of a missing ffmpeg in PATH, which we never let it call, and of its own syntax.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment

    return AudioSegment
