"""What was found before, by what it was found in: only what changed is checked again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from pipeline.check.finding import Finding
from pipeline.errors import OutsideError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS found (key TEXT PRIMARY KEY, findings TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pages (name TEXT PRIMARY KEY, key TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, sha256 TEXT, page TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_page ON files (page);
CREATE TABLE IF NOT EXISTS ids (path TEXT, id TEXT, PRIMARY KEY (path, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (path TEXT, line INTEGER, href TEXT, target TEXT, fragment TEXT);
CREATE INDEX IF NOT EXISTS links_by_path ON links (path);
CREATE INDEX IF NOT EXISTS links_by_target ON links (target);
CREATE TABLE IF NOT EXISTS broken (path TEXT, line INTEGER, href TEXT, target TEXT, fragment TEXT);
CREATE TABLE IF NOT EXISTS tried (href TEXT PRIMARY KEY, at TEXT, verdict TEXT, said TEXT) WITHOUT ROWID;
CREATE TEMP TABLE touched (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE shifted (path TEXT PRIMARY KEY) WITHOUT ROWID;
"""


NAME = "findings.db"
"""Its file in the store. Earlier versions kept one of other tables, check.db, which they find again as they left it."""


class Memory:
    """A small database that may be deleted at any time; everything is then checked anew."""

    def __init__(self, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                self.database = _opened(file)
            except sqlite3.DatabaseError:
                for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
                    file.with_name(name).unlink(missing_ok=True)
                self.database = _opened(file)
            rows = self.database.execute("SELECT key, findings FROM found")
            self._found: dict[str, str] = dict(rows.fetchall())
        except (OSError, sqlite3.Error) as error:
            raise OutsideError(f"{file} cannot be used: {error}") from error
        self._used: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.commit()
        self.database.close()

    def recalled(self, key: str, find: Callable[[], Iterable[Finding]]) -> list[Finding]:
        """What was found under this key before; found now if it is new."""
        return [Finding(**one) for one in self.told(key, lambda: [asdict(one) for one in find()])]

    def told(self, key: str, tell: Callable[[], Any]) -> Any:
        """What can be told in JSON, under a key as findings are."""
        self._used.add(key)
        kept = self._found.get(key)
        if kept is None:
            kept = json.dumps(tell(), ensure_ascii=False)
            self._found[key] = kept
            self.database.execute("INSERT OR REPLACE INTO found VALUES (?, ?)", (key, kept))
        return json.loads(kept)

    def gathered(self, key: str, find: Callable[[], Iterable[Finding]]) -> list[Finding]:
        """What was found under this key in many things at once; what was found in each of them stays known, too."""
        before, self._used = self._used, set()

        def tell() -> dict[str, Any]:
            found = [asdict(one) for one in find()]
            return {"found": found, "keys": sorted(self._used - {key})}

        told = self.told(key, tell)
        self._used |= before | set(told["keys"])
        return [Finding(**one) for one in told["found"]]

    @contextmanager
    def whole(self) -> Iterator[None]:
        """All that is written meanwhile, or none of it: what was interrupted was not looked at."""
        self.database.execute("SAVEPOINT before")
        try:
            yield
        except BaseException:
            self.database.execute("ROLLBACK TO before")
            raise
        finally:
            self.database.execute("RELEASE before")

    def forget_the_rest(self) -> None:
        """Keep only what was asked for since it was opened: the publication as it is now."""
        stale = [(key,) for key in self._found if key not in self._used]
        self.database.executemany("DELETE FROM found WHERE key = ?", stale)


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=60)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=OFF")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database
