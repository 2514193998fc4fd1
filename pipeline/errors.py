"""What can go wrong, in words for the author.

SimulcastError                 anything we refuse or could not do (exit code 1)
├── AuthorError                a file of the publication is at fault: names file, line, found, allowed
├── TemplateError              a template is missing or broken
├── StageError                 a stage is declared wrongly, or broke its promise
├── NarrationError             no voice, or a voice that will not speak
├── MediaError                 a recording or sound that cannot be used
└── OutsideError               the world failed: network, disk, server; run it again (exit code 3)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from errno import EACCES, EDQUOT, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC, EPERM, EROFS

NO_ROOM = frozenset({ENOSPC, EDQUOT, EROFS})
"""A disk that takes no more, wherever that is found out."""

WORLD = NO_ROOM | {EACCES, EPERM, EIO, EMFILE, ENFILE, ENOMEM}
"""Failures of the machine, not of a stage: the same command may be run again once they are mended."""


class SimulcastError(Exception):
    """Anything Simulcast refuses or cannot do, said in words for the author."""


class AuthorError(SimulcastError):
    """A file of the publication is at fault; `where` is its path below the root, `line` counts from 1.

    also: what else is wrong, found at the same reading. code: what `check` calls a fault of this kind.
    """

    def __init__(
        self,
        where: str,
        line: int | None,
        message: str,
        also: tuple[AuthorError, ...] = (),
        code: str = "E100",
    ) -> None:
        self.where, self.line, self.message, self.also = where, line, message, also
        self.code = code
        super().__init__(where, line, message, also, code)

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return "\n".join([f"{place}: {self.message}", *map(str, self.also)])

    @classmethod
    def all(cls, errors: Sequence[AuthorError]) -> AuthorError:
        """Several errors as one, the first in front."""
        first, *rest = errors
        return cls(first.where, first.line, first.message, (*first.also, *rest), first.code)


class TemplateError(SimulcastError):
    """A template is missing or broken."""


class StageError(SimulcastError):
    """A stage is declared wrongly, or broke its promise."""


class NarrationError(SimulcastError):
    """No voice could be had, or a voice did not speak."""


class MediaError(SimulcastError):
    """A recording or a sound that cannot be used."""


class OutsideError(SimulcastError):
    """The outside world failed; nothing is half done and the same command may be run again."""


def suggestion(found: str, allowed: Iterable[str]) -> str:
    """The tail of an error about a name: the likeliest one meant, then all that are allowed."""
    names = sorted(allowed)
    close = difflib.get_close_matches(found, names, n=1, cutoff=0.6)
    if not names:
        return ""
    meant = f'; did you mean "{close[0]}"?' if close else ""
    return f"{meant} (allowed: {', '.join(names)})"
