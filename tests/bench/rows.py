"""What a benchmark found: a figure of ours beside a rival's from the same run."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. ours, theirs: figures with their unit; ratio: ours to theirs; wanted: "≤ 1.5" or "".

    peak: the memory of our process, where that is of interest.
    """

    what: str
    ours: str
    theirs: str = ""
    ratio: float | None = None
    wanted: str = ""
    peak: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the ratio is as wanted; None where nothing is wanted or nothing could be compared."""
        if self.ratio is None or not self.wanted:
            return None
        sign, _, bound = self.wanted.partition(" ")
        return self.ratio <= float(bound) if sign == "≤" else self.ratio >= float(bound)


def shown(rows: Sequence[Row]) -> str:
    """The rows as a table; a ratio that is not as wanted says so."""
    words = {None: "", True: "holds", False: "DOES NOT HOLD"}
    cells = [("what", "ours", "rival", "ratio", "wanted", "peak", "")]
    cells += [
        (
            one.what,
            one.ours,
            one.theirs,
            "" if one.ratio is None else f"{one.ratio:.2f}",
            one.wanted,
            one.peak,
            words[one.holds],
        )
        for one in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """What a command cost, its children included: wall and CPU seconds, and the largest process in MB."""

    wall: float
    cpu: float
    peak: float


def spent(command: Sequence[str | Path], **settings: object) -> Spent:
    """Run a command as a whole process; raises CalledProcessError where it fails.

    settings: as subprocess.Popen takes them.
    """
    import os

    began = time.perf_counter()
    process = subprocess.Popen(  # type: ignore[call-overload]
        [str(word) for word in command],
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **settings},
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Spent(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(found: Sequence[Spent]) -> Spent:
    """The median of each figure."""
    return Spent(
        statistics.median(one.wall for one in found),
        statistics.median(one.cpu for one in found),
        statistics.median(one.peak for one in found),
    )


def paired(
    ours: Sequence[str | Path], theirs: Sequence[str | Path], times: int
) -> tuple[Spent, Spent]:
    """Two commands in turn, so that a change of the machine's speed meets both; the medians of each."""
    pairs = [(spent(ours), spent(theirs)) for _ in range(times)]
    return median([one for one, _ in pairs]), median([other for _, other in pairs])
