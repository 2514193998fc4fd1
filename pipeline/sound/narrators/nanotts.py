"""nanotts (SVOX Pico): small, quick, in five languages; what every installation can fall back on."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import ClassVar

from pipeline.errors import NarrationError, suggestion
from pipeline.sound.narrators import (
    ABSENT,
    PCM,
    WORD,
    Hands,
    Reading,
    distribution,
    failed,
    no_such_voice,
    portions,
    trimmed_pcm,
    versions,
)

_VOICES = {
    "en": ("en-US", "en-GB"), "de": ("de-DE",), "es": ("es-ES",), "fr": ("fr-FR",), "it": ("it-IT",),
}  # fmt: skip
VOLUME = 0.5
"""Of the loudest it has: from 0.7 on it is clipped, which is heard; how loud an episode is, mastering decides."""
_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "—": ", ", "–": "-", "…": "...", "<": " ", ">": " "}
)


class Nanotts:
    """A voice of SVOX Pico."""

    hands: ClassVar[Hands] = "none"
    rate: ClassVar[int] = 16_000

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        own = self.voices(reading.language)
        if not own:
            raise NarrationError(
                f'nanotts does not read "{reading.language}"'
                + suggestion(reading.language, _VOICES)
            )
        self.voice = reading.voice or own[0]
        if self.voice not in own:
            raise no_such_voice(reading, own)

    @staticmethod
    def voices(language: str) -> tuple[str, ...]:
        own = _VOICES.get(language.partition("-")[0], ())
        return tuple(sorted(own, key=lambda voice: voice != language))

    @property
    def title(self) -> str:
        return f"nanotts {self.voice}"

    @property
    def identity(self) -> str:
        return f"nanotts {self.voice} {self.reading.speed} {VOLUME} {versions('py-nanotts')}"

    def ready(self) -> None:
        if distribution("py-nanotts") == ABSENT:
            raise NarrationError("py-nanotts is not installed")

    def say(self, text: str) -> PCM:
        pcm = b"".join(map(self._said, portions(text.translate(_PLAIN))))
        return trimmed_pcm(pcm, self.rate)

    def _said(self, portion: str) -> PCM:
        from py_nanotts import NanoTTS

        speed = None if self.reading.speed == 1 else self.reading.speed
        try:
            return _zeroed(NanoTTS().speak)(portion, voice=self.voice, speed=speed, volume=VOLUME)
        except (RuntimeError, ValueError) as error:
            if len(portion) <= WORD:
                raise failed("nanotts", portion, error) from error
        middle = len(portion) // 2  # Pico gives up where words grow in saying: hundreds of digits
        return self._said(portion[:middle]) + self._said(portion[middle:])


def _zeroed(speak: Callable[..., bytes]) -> Callable[..., bytes]:
    """`speak`, in memory that begins as zeros: Pico hears what lay in it before, and never says a thing twice alike."""

    def alike(text: str, voice: str, speed: float | None, volume: float) -> bytes:
        _fill_memory(255)
        try:
            return speak(text, voice=voice, speed=speed, volume=volume)
        finally:
            _fill_memory(0)

    return alike


def _fill_memory(byte: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it
    if mallopt is not None:
        mallopt(-6, byte)  # M_PERTURB: new memory is filled with the complement of this byte
