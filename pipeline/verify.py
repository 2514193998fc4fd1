"""What went out is compared with what its sources make again, in a folder of its own."""

from __future__ import annotations

import shutil
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline import history
from pipeline.errors import SimulcastError
from pipeline.runner import Desk, build

EXPENSIVE = "shelf"
"""The part of a store that holds sentences as they were spoken and sounds as they were mastered, by what went in."""


def commit_of(root: Path, slug: str, ref: str, published: str) -> str:
    """The commit to make an episode from: the one asked for, else the tag that has its name, else the one published.

    Raises SimulcastError where there is none.
    """
    if ref:
        if found := history.named(root, ref):
            return found
        raise SimulcastError(f'git knows no tag and no commit "{ref}"')
    found = history.named(root, f"refs/tags/{slug}") or published
    if not found:
        raise SimulcastError(
            f"{slug} was not published from a commit: commit content/, audio/ and templates/ before you publish, "
            "or name a tag or commit with --at"
        )
    return found


@cache
def rebuilt(root: Path, store: Path, commit: str, slug: str, now: datetime) -> dict[str, bytes]:
    """What an episode's stages make of the files at a commit, as if it were `now`, by path below build/.

    What is expensive and kept by what went into it is taken from `store`. Recordings that git does not hold are
    those that lie in audio/ today. Raises the first error of the build.
    """
    with TemporaryDirectory(prefix="simulcast-") as name:
        there = Path(name) / "publication"
        there.mkdir()
        history.lay_out(root, commit, there)
        _recordings(root / "audio", there / "audio")
        (there / ".simulcast" / "store").mkdir(parents=True)
        if (store / EXPENSIVE).is_dir():
            shutil.copytree(store / EXPENSIVE, there / ".simulcast" / "store" / EXPENSIVE)
        desk = Desk(there, now)
        try:
            if slug not in {one.slug for one in desk.listings}:
                raise SimulcastError(f"there is no {slug} at commit {commit[:12]}")
            report = build(desk, only=slug)
            if report.errors:
                raise report.errors[0]
            return {
                one.path: one.read()
                for (_, subject), made in desk.made.items()
                if subject == slug
                for one in made
            }
        finally:
            desk.close()


def _recordings(here: Path, there: Path) -> None:
    for file in sorted(here.glob("*")) if here.is_dir() else ():
        if file.is_file() and not (there / file.name).exists():
            there.mkdir(exist_ok=True)
            shutil.copyfile(file, there / file.name)


def difference(made: bytes, sent: bytes | None) -> str:
    """How what went out differs from what is made, at the first place where it does; "" where it is the same."""
    if sent is None:
        return "is not there"
    if made == sent:
        return ""
    at = next(
        (i for i, (a, b) in enumerate(zip(made, sent, strict=False)) if a != b),
        min(len(made), len(sent)),
    )
    line = made.count(b"\n", 0, at) + 1
    sizes = f"{len(sent):,} bytes went out, {len(made):,} are made"
    if b"\0" in made[:1000]:
        return f"differs from byte {at + 1:,} on; {sizes}"
    return f"differs from line {line} on, where {_around(sent, at)} went out and {_around(made, at)} is made; {sizes}"


def _around(content: bytes, at: int) -> str:
    start = content.rfind(b"\n", 0, at) + 1
    words = content[max(start, at - 20) : at + 40].partition(b"\n")[0].decode("utf-8", "replace")
    return f'"{words.strip()}"'
