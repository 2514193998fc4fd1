"""Any program that speaks: it is given the words, and gives back sound in whatever form ffmpeg reads."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from pipeline.errors import MediaError, NarrationError
from pipeline.sound.ffmpeg import run
from pipeline.sound.narrators import PCM, Hands, Reading, failed, trimmed_pcm

LONGEST = 300
"""Seconds that a program may take for one sentence."""

PLACES = ("{text}", "{out}", "{voice}", "{speed}", "{language}")
"""What stands in a command for what it is given."""


class Command:
    """A program, run once for every sentence, without a shell.

    Words come on its standard input, or as {text}; sound goes to its standard output, or into the file {out}.
    """

    hands: ClassVar[Hands] = "threads"
    rate: ClassVar[int] = 24_000

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        try:
            self.words = shlex.split(reading.command)
        except ValueError as error:
            raise NarrationError(
                f"the command {reading.command} cannot be read: {error}"
            ) from error
        if not self.words:
            raise NarrationError("there is no command to speak with")

    @staticmethod
    def voices(language: str) -> tuple[str, ...]:
        return ()

    @property
    def title(self) -> str:
        return " ".join(filter(None, (Path(self.words[0]).name, self.reading.voice)))

    @property
    def identity(self) -> str:
        program = self._program()
        given = [program and _digest(program), *self.words[1:], *self._given("", "").values()]
        return f"command {shlex.join(given)}"

    def ready(self) -> None:
        if not self._program():
            raise NarrationError(f"there is no program {self.words[0]}")

    def say(self, text: str) -> PCM:
        with TemporaryDirectory() as folder:
            heard, sound = Path(folder, "heard"), Path(folder, "sound")
            given = self._given(text, str(heard))
            self._run([_filled(word, given) for word in self.words], text, sound)
            if any("{out}" in word for word in self.words):
                sound = heard
            if not sound.is_file() or not sound.stat().st_size:
                return b""
            pcm = Path(folder, "pcm")
            form = ["-f", "s16le", "-ar", str(self.rate), "-ac", "1", str(pcm)]
            try:
                run(["-i", str(sound), *form], f"what {self.words[0]} made")
            except MediaError as error:
                raise failed(self.words[0], text, error) from error
            return trimmed_pcm(pcm.read_bytes(), self.rate)

    def _run(self, words: list[str], text: str, sound: Path) -> None:
        on_input = not any("{text}" in word for word in self.words)
        try:
            with sound.open("wb") as output:
                ran = subprocess.run(
                    words,
                    input=text.encode() if on_input else b"",
                    stdout=output,
                    stderr=subprocess.PIPE,
                    timeout=LONGEST,
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise failed(self.words[0], text, error) from error
        if ran.returncode:
            said = ran.stderr.decode(errors="replace").strip() or f"it ended with {ran.returncode}"
            raise failed(self.words[0], text, RuntimeError(said))

    def _given(self, text: str, out: str) -> dict[str, str]:
        speed, language = f"{self.reading.speed:g}", self.reading.language
        return dict(zip(PLACES, (text, out, self.reading.voice, speed, language), strict=True))

    def _program(self) -> str:
        return shutil.which(self.words[0]) or ""


def _filled(word: str, given: dict[str, str]) -> str:
    """A word of a command with its places filled, each once: braces in the text are text."""
    for place, value in given.items():
        before, found, after = word.partition(place)
        if found:
            return _filled(before, given) + value + _filled(after, given)
    return word


@cache
def _digest(program: str) -> str:
    with Path(program).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
