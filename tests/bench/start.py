"""How fast it starts, and how fast a build is that has nothing to make."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.rows import Row, paired, spent
from tests.publications import BODY, front_matter, small

SIMULCAST = str(Path(sys.executable).with_name("simulcast"))


def rows(full: bool) -> Iterator[Row]:
    times = 15 if full else 7
    ours, bare = paired([SIMULCAST, "--help"], [sys.executable, "-c", "import click"], times)
    yield Row(
        "simulcast --help · python -c 'import click' (CPU)",
        f"{ours.cpu * 1000:.0f} ms",
        f"{bare.cpu * 1000:.0f} ms",
        ours.cpu / bare.cpu,
        "≤ 4",
    )
    episodes = 240 if full else 24
    with tempfile.TemporaryDirectory() as folder:
        written = {
            f"e{number:03}_letter": front_matter(number, f"Letter {number}") + BODY
            for number in range(1, episodes + 1)
        }
        small(Path(folder), **written)
        build = [SIMULCAST, "build", "--root", folder]
        first = spent(build)
        second = spent(build)
    yield Row(
        f"nothing to make · first build of {episodes} episodes (wall)",
        f"{second.wall * 1000:.0f} ms",
        f"{first.wall * 1000:.0f} ms",
        second.wall / first.wall,
        "≤ 0.5",
    )
