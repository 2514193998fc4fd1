"""One more episode in archives of growing size: what the whole command costs, all it reads and checks included."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench.rows import Row, Spent, median, spent
from tests.publications import SETTINGS, small, write

SIMULCAST = str(Path(sys.executable).with_name("simulcast"))
NOW = ("--now", "2026-06-01T00:00:00Z")
LETTER = SETTINGS.replace('"nanotts"', '"none"')
"""No voice: what it takes to speak an episode would hide what the archive costs."""
TIMES = 3
WANTED = {10_000: "≤ 2.5"}
"""Each of the 14 files that an episode has in build/ is looked at, so that what was harmed there is laid again: of
10,000 episodes that, and what is remembered of them, costs as much as making the new one."""
WORDS = "\n\n".join(
    f"Paragraph {n} has words, *some* of [them](https://a.example/{n}) linked." for n in range(8)
)


def rows(full: bool) -> Iterator[Row]:
    """An archive that is built, checked and published; then one episode after the other."""
    sizes = (100, 1_000, 10_000) if full else (100, 200)
    base = _added(sizes[0])
    for size in sizes[1:]:
        found = _added(size)
        for what, one in found.items():
            than = base[what]
            yield Row(
                f"simulcast {what}: one more episode, archive of {size:,} against {sizes[0]}",
                f"{one.cpu:.2f} s CPU",
                f"{than.cpu:.2f} s CPU, {than.peak:.0f} MB",
                one.cpu / than.cpu,
                WANTED.get(size, "≤ 1.5"),
                f"{one.peak:.0f} MB",
            )


def _added(size: int) -> dict[str, Spent]:
    """What building one more episode, and publishing it, costs in an archive of that size."""
    found: dict[str, list[Spent]] = {"build": [], "publish": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        small(root, LETTER, **{f"e{number:05}_x": _text(number) for number in range(1, size + 1)})
        _run(root, "publish")
        for number in range(size + 1, size + 1 + TIMES):
            write(root, f"content/{number:05}-x/episode.md", _text(number))
            found["build"].append(_run(root, "build"))
            found["publish"].append(_run(root, "publish"))
    return {what: median(each) for what, each in found.items()}


def _run(root: Path, *words: str) -> Spent:
    command: Sequence[str] = (SIMULCAST, *words, "--root", str(root), "--quiet", *NOW)
    return spent(command)


def _text(number: int) -> str:
    day = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(hours=12 * number)
    return (
        f'---\nnumber: {number}\ntitle: "Letter {number}"\npublished: {day.isoformat()}\n'
        f'summary: "What it says, in a line."\nkeywords: [one, two]\n---\n\n{WORDS}\n\n## A heading\n\nLast.\n'
    )
