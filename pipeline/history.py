"""What git remembers of a publication: the commit it stands at, and its files as they were."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from pipeline import identity
from pipeline.errors import SimulcastError

MADE_FROM = ("content", "audio", "templates")
"""What a publication is made from, below its root."""


def commit(root: Path) -> str:
    """The commit that all of a publication's files stand at; "" where one is changed, or git does not know them.

    content/published.json does not count: publishing writes it, and what it adds is made from the rest.
    """
    found = _git(root, "rev-parse", "HEAD")
    ours = f":(exclude){identity.NAME}"
    changed = _git(root, "status", "--porcelain", "--", *MADE_FROM, ours)
    if found is None or changed is None or changed.strip():
        return ""
    return found.decode().strip()


def named(root: Path, name: str) -> str:
    """The commit that a tag, a branch or a commit's own name stands for; "" if it is none of these."""
    found = _git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return found.decode().strip() if found else ""


def lay_out(root: Path, commit: str, to: Path) -> None:
    """Put the publication's files at a commit into the folder `to`. Raises SimulcastError: git has no such commit."""
    packed = _git(root, "archive", "--format=tar", commit)
    if packed is None:
        raise SimulcastError(f"git has no commit {commit} of {root}")
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(to, filter="data")


def _git(root: Path, *words: str) -> bytes | None:
    """What git says; None where it fails, or is not there."""
    try:
        ran = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False)
    except OSError:
        return None
    return ran.stdout if ran.returncode == 0 else None
