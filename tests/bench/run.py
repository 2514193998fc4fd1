"""Ours against a named rival, in one run: `make bench`; ARGS="start --full" for one subject at full size."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.rows import Row, shown

SUBJECTS = (
    "start",
    "feeds",
    "archive",
    "ledger",
    "mailing",
    "mastering",
    "alignment",
    "speech",
    "serve",
    "preview",
)
"""Modules beside this one; each has rows(full), which measures and yields what it found."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("subjects", nargs="*", help=f"of {', '.join(SUBJECTS)}; all by default")
    options.add_argument("--full", action="store_true", help="at the sizes our figures name")
    given = options.parse_args()
    if unknown := set(given.subjects) - set(SUBJECTS):
        options.error(f"there is no subject {', '.join(sorted(unknown))}")
    print(shown(measured(given.subjects or SUBJECTS, given.full)))


def measured(subjects: Iterable[str], full: bool) -> list[Row]:
    rows: list[Row] = []
    for subject in subjects:
        print(f"measuring {subject} …", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"tests.bench.{subject}").rows(full)
    return rows


if __name__ == "__main__":
    main()
