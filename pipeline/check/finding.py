"""A finding: one fault, where it is, and how it is mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.check.rules import MENDS, RULES
from pipeline.errors import AuthorError

SETTINGS = "content/publication.toml"

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault.

    where: a path below the root. line: from 1; 0 where there is none. code: see `rules`. episode: the slug of the
    one at fault, "" where it is the publication. waived: why the author lets it pass, "" where they do not.
    """

    where: str
    line: int
    code: str
    severity: Severity
    message: str
    mend: str
    episode: str = ""
    waived: str = ""

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        said = f"{place}: {self.code} {self.message}"
        return f"{said}; {self.mend}" if self.mend else said

    @property
    def refuses(self) -> bool:
        """Whether nothing may go out while it stands."""
        return self.severity == "error" and not self.waived


def finding(
    code: str, where: str, line: int, message: str, mend: str, episode: str = ""
) -> Finding:
    """A finding under a code, as severe as its rule says."""
    return Finding(where, line, code, RULES[code].severity, message, mend, episode)


def of_error(error: AuthorError, episode: str = "") -> list[Finding]:
    """What the build refused, as findings: one for each fault it names."""
    found = []
    for one in (error, *error.also):
        message, _, mend = one.message.partition("; ")
        own = episode if one.where != SETTINGS else ""
        found.append(
            finding(
                one.code,
                one.where,
                one.line or _front(one.where),
                message,
                mend or MENDS.get(one.code, "correct it"),
                own,
            )
        )
    return found


def _front(where: str) -> int:
    """The line of a fault that has none of its own: an episode's file begins with its front matter."""
    return 1 if where.endswith("/episode.md") else 0


def waived(found: Finding, waivers: Mapping[str, Mapping[str, str]]) -> Finding:
    """The finding, let pass where its episode waives its code with a reason."""
    reason = waivers.get(found.episode, {}).get(found.code, "").strip()
    return replace(found, waived=reason) if reason and RULES[found.code].waivable else found
