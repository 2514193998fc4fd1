"""How fast it starts, and how fast a build is that has nothing to make: `make bench`."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.publications import BODY, front_matter, small  # noqa: E402

SIMULCAST = str(Path(sys.executable).with_name("simulcast"))


def seconds(command: list[str], times: int) -> float:
    """The median wall time of a command."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--times", type=int, default=9, help="runs of each command")
    options.add_argument("--episodes", type=int, default=24, help="episodes in the publication")
    given = options.parse_args()

    bare = seconds([sys.executable, "-c", "import click"], given.times)
    starts = seconds([SIMULCAST, "--help"], given.times)
    with tempfile.TemporaryDirectory() as folder:
        episodes = {
            f"e{number:02}_letter": front_matter(number, f"Letter {number}") + BODY
            for number in range(1, given.episodes + 1)
        }
        small(Path(folder), **episodes)
        build = [SIMULCAST, "build", "--root", folder]
        first = seconds(build, 1)
        second = seconds(build, given.times)

    print(f"python -c 'import click'    {bare * 1000:8.0f} ms")
    print(f"simulcast --help            {starts * 1000:8.0f} ms   {starts / bare:5.1f} × that")
    print(f"first build, {given.episodes} episodes  {first * 1000:9.0f} ms")
    print(f"second build                {second * 1000:8.0f} ms   {first / second:5.1f} × faster")


if __name__ == "__main__":
    main()
