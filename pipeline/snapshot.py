"""What was published last: every file by its hash, when, and from which commit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.store import write_whole

NAME = ".simulcast/published.json"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of publishing: ISO 8601, and the commit that was published, "" where git did not know all of it."""

    at: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """files: what lay below build/, by path, as it hashed. mailed: when each episode was first mailed, by slug."""

    last: Moment = field(default_factory=Moment)
    files: Mapping[str, str] = field(default_factory=dict)
    mailed: Mapping[str, Moment] = field(default_factory=dict)


def taken(root: Path) -> Snapshot:
    """The snapshot of the last publishing; an empty one before the first, or where it was lost."""
    try:
        told = json.loads((root / NAME).read_text("utf-8"))
        mailed = {slug: Moment(**one) for slug, one in told["mailed"].items()}
        return Snapshot(Moment(**told["last"]), dict(told["files"]), mailed)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Snapshot()


def take(root: Path, snapshot: Snapshot) -> None:
    """Keep a snapshot, whole or not at all."""
    told = {
        "last": asdict(snapshot.last),
        "files": dict(snapshot.files),
        "mailed": {slug: asdict(one) for slug, one in snapshot.mailed.items()},
    }
    write_whole(root / NAME, json.dumps(told, ensure_ascii=False, sort_keys=True).encode())
