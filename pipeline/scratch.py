"""A folder for work under way: gone afterwards, and where a run was killed, swept by the next."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import OutsideError

try:
    import fcntl
except ImportError:  # this system locks no folders: what a killed run left stays
    fcntl = None  # type: ignore[assignment]


@contextmanager
def folder(within: Path) -> Iterator[Path]:
    """An empty folder, which no other run sweeps while this one lives, however long it takes."""
    try:
        with _alone(within):
            made = Path(tempfile.mkdtemp(dir=within))
            held = _locked(made)
    except OSError as error:
        raise OutsideError(f"{within} cannot be written: {error.strerror}") from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if held is not None:
            os.close(held)


def sweep(within: Path) -> None:
    """Remove the folders whose runs are dead; a lock ends with the process that holds it, however it ends."""
    if fcntl is None or not within.is_dir():
        return
    with _alone(within):
        for left in [one for one in within.iterdir() if one.is_dir()]:
            held = _locked(left)
            if held is not None:
                shutil.rmtree(left, ignore_errors=True)
                os.close(held)


@contextmanager
def _alone(within: Path) -> Iterator[None]:
    """No folder is swept between being made and being locked."""
    within.mkdir(parents=True, exist_ok=True)
    held = _locked(within, wait=True)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


def _locked(directory: Path, *, wait: bool = False) -> int | None:
    """A lock on a folder, held until it is closed; None where another holds it."""
    if fcntl is None:
        return None
    held = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(held)
        return None
    return held
