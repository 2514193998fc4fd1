"""Programs that are not ours: a test that needs one skips visibly where it is absent; CI has them all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

MUST = "SIMULCAST_CI"
"""Set where every peer was installed before the tests began (.ci/run)."""

FOLDERS = ("/usr/sbin", "/usr/lib/postfix/sbin", "/usr/games")
"""Where Debian puts programs that a user's PATH does not name."""


def peer(name: str, *programs: str) -> list[Path]:
    """The paths of a peer's programs: `peer("Postfix's sink", "smtp-sink")`."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *FOLDERS])
    found = [shutil.which(program, path=path) for program in programs]
    if missing := [program for program, where in zip(programs, found, strict=True) if not where]:
        absent(name, f"no {', '.join(missing)}")
    return [Path(where) for where in found if where]


def absent(name: str, why: str) -> NoReturn:
    """Skip, or fail where nothing may be absent."""
    if os.environ.get(MUST):
        pytest.fail(f"{name} is not here ({why}), and {MUST} says that it is")
    pytest.skip(f"needs {name}: {why}")


def node_module(name: str) -> Path:
    """The folder of a package of Node's, from the folders that NODE_PATH names."""
    for folder in os.environ.get("NODE_PATH", "").split(os.pathsep):
        if folder and (Path(folder) / name).is_dir():
            return Path(folder) / name
    absent(f"Node's {name}", "NODE_PATH names no folder that holds it")
