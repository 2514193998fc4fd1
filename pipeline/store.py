"""Artifacts on disk, kept by content; the only writer of build/."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pipeline import scratch
from pipeline.errors import OutsideError
from pipeline.stage import Artifact, Artifacts, Made

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (stage TEXT, key TEXT, used TEXT, made TEXT, PRIMARY KEY (stage, key, used));
CREATE TABLE IF NOT EXISTS latest (stage TEXT, subject TEXT, inputs TEXT, used TEXT, PRIMARY KEY (stage, subject));
CREATE TABLE IF NOT EXISTS details (fingerprint TEXT PRIMARY KEY, fields TEXT);
CREATE TABLE IF NOT EXISTS laid (path TEXT PRIMARY KEY, sha256 TEXT, size INTEGER, mtime INTEGER);
CREATE TABLE IF NOT EXISTS apart (path TEXT PRIMARY KEY, sha256 TEXT, size INTEGER, mtime INTEGER);
CREATE TABLE IF NOT EXISTS digests (path BLOB PRIMARY KEY, state TEXT, sha256 TEXT);
DROP TABLE IF EXISTS hashes;
CREATE TABLE IF NOT EXISTS readings (path TEXT PRIMARY KEY, state TEXT, told TEXT);
CREATE TABLE IF NOT EXISTS settled
    (place TEXT, page TEXT, key TEXT, used TEXT, told TEXT, paths TEXT, stood BLOB, hashes TEXT,
    PRIMARY KEY (place, page));
CREATE TABLE IF NOT EXISTS settled_made
    (place TEXT, page TEXT, stage TEXT, made TEXT, PRIMARY KEY (place, page, stage)) WITHOUT ROWID;
"""


BUILD = "build"
"""Where what is published lies."""

OWN = ".simulcast"
"""What Simulcast remembers of a publication, and nobody else is to change."""

_UNSWEPT, _SWEPT = 2, 1
"""`user_version` of a database that is new, and so does not know what lies in build/; and of one that does."""

_SHELF = ""
"""What stands for a stage where artifacts are recorded that are a part of what one makes."""

AT_ONCE = 500
"""How many results or paths are looked up in one go; a query may name a thousand."""


@dataclass(frozen=True, slots=True)
class Latest:
    """What a stage was last made from: the fingerprint of each input, and the state of each file it looked up."""

    inputs: Mapping[str, str]
    used: Mapping[str, str]


class Recorded(NamedTuple):
    """What a stage made, and what it looked up for that, as JSON (name: state)."""

    made: Artifacts
    used: str


@dataclass(frozen=True)
class SettledPage:
    """A full page of the archive of which every result is as it was, and lies where it was laid.

    told: fingerprints of the page by name, as the runner told them. paths: of all its artifacts.
    """

    name: str
    told: Mapping[str, str]
    paths: Sequence[str]
    _store: Store

    def made(self, stage: str) -> Mapping[str, Artifacts]:
        """What a stage made of the page, or of each of its episodes; read from the store when it is first asked for."""
        return self._store.settled_made(self.name, stage)

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """What each artifact hashes to, by path."""
        return self._store.settled_hashes(self.name)


class Readings:
    """What was read in files, by path; forgotten where whoever reads them has changed (`version`)."""

    def __init__(self, rows: Mapping[str, tuple[str, str]], version: str) -> None:
        self._known, self._version = rows, version
        self._seen: set[str] = set()
        self.new: dict[str, tuple[str, str]] = {}

    def told(self, path: str, state: str) -> str:
        self._seen.add(path)
        then, told = self._known.get(path, ("", ""))
        return told if state and then == f"{self._version} {state}" else ""

    def remember(self, path: str, state: str, told: str) -> None:
        if state:
            self.new[path] = (f"{self._version} {state}", told)

    @property
    def gone(self) -> set[str]:
        """Files that nobody asked for any more."""
        return self._known.keys() - self._seen


class Store:
    """Below `.simulcast/store`; may be deleted at any time, and everything is made again.

    build: where artifacts are laid; below `.simulcast` they share their bytes with the store, and are only to be read.
    records: False for a process that helps another, which alone remembers what was made.
    """

    def __init__(self, root: Path, *, build: str = BUILD, records: bool = True) -> None:
        self.build = root / build
        self._apart = build != BUILD
        self._laid = "apart" if self._apart else "laid"
        self._share = build.startswith(f"{OWN}/")
        self.home = root / OWN / "store"
        self._scratch = self.home / "scratch"
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self._database = _opened(self.home / "records.db" if records else None)
            if records:
                scratch.sweep(self._scratch)
        except (OSError, sqlite3.Error) as error:
            raise OutsideError(f"{self.home} cannot be used: {error}") from error

    def close(self) -> None:
        with self._told():
            self._database.commit()
            self._database.close()

    def _execute(self, query: str, values: tuple[str | int | bytes, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(query, values)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _commit(self) -> None:
        with self._told():
            self._database.commit()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> OutsideError:
        return OutsideError(
            f"{self.home / 'records.db'} cannot be used: {error}; if it stays so, delete the folder "
            f"{self.home}: everything in it is made again"
        )

    # --- contents, by what they hash to

    def keep(self, artifact: Artifact, by_way_of: Path | None = None) -> Made:
        """Take an artifact over; a file in the scratch folder is moved, any other is someone's own and is copied.

        by_way_of: the scratch folder in which it is made whole; without one, there is one for it alone.
        """
        content = artifact.content
        if isinstance(content, Path):
            with content.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size, file = content.stat().st_size, self._object(digest)
            if _size(file) != size:
                if content.is_relative_to(self._scratch):
                    file.parent.mkdir(parents=True, exist_ok=True)
                    _move(content, file)
                else:
                    self._enter(file, content, by_way_of)
            return Made(artifact.path, digest, size, str(file))
        data = content.encode("utf-8") if isinstance(content, str) else content
        digest = hashlib.sha256(data).hexdigest()
        file = self._object(digest)
        if _size(file) != len(data):
            self._enter(file, data, by_way_of)
        return Made(artifact.path, digest, len(data), str(file))

    def _enter(self, file: Path, content: bytes | Path, scratch: Path | None) -> None:
        """Write a file among the objects, all of it or nothing; half of one is swept with the scratch folder."""
        if scratch is None:
            with self.scratch() as folder:
                self._enter(file, content, folder)
            return
        partial = scratch / f".{file.name}"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _fill(partial, content)
            _move(partial, file)
        except OSError as error:
            raise OutsideError(f"{file} cannot be written: {error.strerror}") from error

    def kept(self, digest: str) -> bytes | None:
        """The bytes that hash so, if they are still here."""
        file = self._object(digest)
        return file.read_bytes() if file.is_file() else None

    def _object(self, digest: str) -> Path:
        return self.home / "objects" / digest[:2] / digest

    def __call__(self, key: str, make: Callable[[Path], None]) -> Path:
        """The file that `make` once wrote for this key; a cut-off run leaves nothing half made."""
        file = self._shelf(key)
        if _size(file) <= 0:
            file.parent.mkdir(parents=True, exist_ok=True)
            with self.scratch() as folder:
                make(folder / "made")
                _move(folder / "made", file)
        return file

    def find(self, key: str) -> Path | None:
        """The file kept for this key, if there is one; an empty one is what a power cut leaves, and is none."""
        file = self._shelf(key)
        return file if _size(file) > 0 else None

    def _shelf(self, key: str) -> Path:
        digest = hashlib.sha256(key.encode("utf-8")).hexdigest()
        return self.home / "shelf" / digest[:2] / digest

    def artifacts(self, key: str, make: Callable[[], Iterable[Artifact]]) -> Artifacts:
        """The artifacts that `make` once yielded for this key."""
        shelf = hashlib.sha256(key.encode("utf-8")).hexdigest()
        found = self.recorded(_SHELF, [shelf], lambda used: True).get(shelf)
        if found is None:
            with self.scratch() as folder:
                found = Recorded(Artifacts(self.keep(one, folder) for one in make()), "{}")
            self.record(_SHELF, shelf, *found)
        return found.made

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder on the store's own disk, gone afterwards."""
        with scratch.folder(self._scratch) as folder:
            yield folder

    # --- what was made from what

    def recorded(
        self, stage: str, keys: Sequence[str], unchanged: Callable[[str], bool]
    ) -> dict[str, Recorded]:
        """What a stage made of inputs before, by their key, if every file it looked up then is still as it was.

        unchanged: told what was looked up, as JSON (name: state), and asked whether it is so now.
        """
        query = f"SELECT key, used, made FROM records WHERE stage = ? AND key IN ({_marks(keys)})"
        found: dict[str, Recorded] = {}
        for key, used, made in self._execute(query, (stage, *keys)).fetchall():
            if unchanged(used):
                artifacts = self._artifacts(json.loads(made))
                if artifacts is not None:
                    found[key] = Recorded(artifacts, used)
        return found

    def _artifacts(self, rows: Iterable[tuple[str, str, int]]) -> Artifacts | None:
        objects = f"{self.home}/objects"
        found = [
            Made(path, digest, size, f"{objects}/{digest[:2]}/{digest}")
            for path, digest, size in rows
        ]
        return Artifacts(found) if all(_size(made.file) == made.size for made in found) else None

    def record(self, stage: str, key: str, made: Artifacts, used: str) -> None:
        rows = [(one.path, one.sha256, one.size) for one in made]
        self._execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)",
            (stage, key, used, json.dumps(rows)),
        )

    def remember(self, stage: str, subject: str, latest: Latest) -> None:
        self._execute(
            "INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?)",
            (stage, subject, json.dumps(dict(latest.inputs)), json.dumps(dict(latest.used))),
        )

    def latest(self, stage: str, subject: str) -> Latest | None:
        row = self._execute(
            "SELECT inputs, used FROM latest WHERE stage = ? AND subject = ?", (stage, subject)
        ).fetchone()
        return Latest(json.loads(row[0]), json.loads(row[1])) if row else None

    def describe(self, fingerprint: str, fields: Mapping[str, str]) -> None:
        """Remember, of what has that fingerprint, the fingerprint of each field."""
        self._execute(
            "INSERT OR IGNORE INTO details VALUES (?, ?)", (fingerprint, json.dumps(dict(fields)))
        )

    def described(self, fingerprint: str) -> dict[str, str]:
        """The fingerprint of each field of what had that fingerprint; nothing where it is not remembered."""
        row = self._execute(
            "SELECT fields FROM details WHERE fingerprint = ?", (fingerprint,)
        ).fetchone()
        return dict(json.loads(row[0])) if row else {}

    def hashed(self, file: Path) -> str:
        """What a file's bytes hash to, "" where there is none; read again only if its state changed."""
        now = state(file)
        if not now:
            return ""
        key = os.fsencode(file)  # a folder's name need not be text that UTF-8 can hold
        row = self._execute("SELECT state, sha256 FROM digests WHERE path = ?", (key,)).fetchone()
        if row and row[0] == now:
            return str(row[1])
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self._execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", (key, now, digest))
        return digest

    # --- what files said

    def readings(self, version: str) -> Readings:
        """What was read in files before by a reader of that version."""
        rows = self._execute("SELECT path, state, told FROM readings").fetchall()
        return Readings({path: (state, told) for path, state, told in rows}, version)

    def keep_readings(self, readings: Readings) -> None:
        """Remember what was read anew, and forget what is gone."""
        if not (readings.new or readings.gone):
            return
        with self._told():
            self._database.executemany(
                "INSERT OR REPLACE INTO readings VALUES (?, ?, ?)",
                ((path, *row) for path, row in readings.new.items()),
            )
            self._database.executemany(
                "DELETE FROM readings WHERE path = ?", ((path,) for path in readings.gone)
            )
            self._database.commit()

    # --- pages that are settled

    def settled(
        self, keys: Mapping[str, str], unchanged: Callable[[str], bool]
    ) -> dict[str, SettledPage]:
        """The pages that were settled under these keys, if what was looked up and what was laid is as it was.

        unchanged: as for `recorded`.
        """
        query = "SELECT page, key, used, told, paths, stood FROM settled WHERE place = ?"
        found = {}
        for page, key, used, told, paths, stood in self._execute(query, (self._laid,)):
            if keys.get(page) == key and unchanged(used):
                laid = paths.split("\n") if paths else []
                if self._stands(laid) == stood:
                    found[page] = SettledPage(page, json.loads(told), laid, self)
        return found

    def settle(
        self,
        page: str,
        key: str,
        used: str,
        told: Mapping[str, str],
        made: Mapping[str, Mapping[str, Artifacts]],
    ) -> None:
        """Remember all that was made of a page, and of its episodes, as it was laid.

        used: what was looked up. told: fingerprints by name. made: artifacts by stage and subject.
        """
        hashes = {
            one.path: one.sha256 for of in made.values() for each in of.values() for one in each
        }
        stood = self._stands(hashes)
        if stood is None:
            return
        row = (used, json.dumps(told), "\n".join(hashes), stood, json.dumps(hashes))
        self._execute(
            "INSERT OR REPLACE INTO settled VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._laid, page, key, *row),
        )
        for stage, of in made.items():
            rows = {
                subject: [(one.path, one.sha256, one.size) for one in each]
                for subject, each in of.items()
            }
            self._execute(
                "INSERT OR REPLACE INTO settled_made VALUES (?, ?, ?, ?)",
                (self._laid, page, stage, json.dumps(rows)),
            )

    def _stands(self, paths: Iterable[str]) -> bytes | None:
        """The size and the time of each file below build/; None where one is missing."""
        build = f"{self.build}/"
        try:
            stats = [os.stat(build + path) for path in paths]  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None
        return array("q", [n for s in stats for n in (s.st_size, s.st_mtime_ns)]).tobytes()

    def settled_made(self, page: str, stage: str) -> dict[str, Artifacts]:
        """What is settled is read where it lies: it is as it was laid, whatever became of the store."""
        row = self._execute(
            "SELECT made FROM settled_made WHERE place = ? AND page = ? AND stage = ?",
            (self._laid, page, stage),
        ).fetchone()
        build = f"{self.build}/"
        return {
            subject: Artifacts(
                Made(path, digest, size, build + path) for path, digest, size in each
            )
            for subject, each in json.loads(row[0]).items()
        }

    def settled_hashes(self, page: str) -> dict[str, str]:
        """What each artifact of a settled page hashes to, by path."""
        query = "SELECT hashes FROM settled WHERE place = ? AND page = ?"
        (found,) = self._execute(query, (self._laid, page)).fetchone()
        return dict(json.loads(found))

    # --- build/

    def lay(self, artifacts: Sequence[Made]) -> list[str]:
        """Put artifacts in their places below build/, each whole; the paths that changed."""
        build = str(self.build)  # a Path for each of thousands would cost more than the rest
        known = self._known([made.path for made in artifacts])
        changed = [
            made
            for made in artifacts
            if known.get(made.path) != (made.sha256, *_stat(f"{build}/{made.path}"))
        ]
        if changed:
            self._put(changed)
        return [made.path for made in changed]

    def _put(self, changed: Iterable[Made]) -> None:
        """Write files below build/ by way of scratch: what is half done when a run is killed is deployed by none."""
        with self.scratch() as folder:
            for made in changed:
                target = self.build / made.path
                _lay(made, folder / "laid", target, share=self._share)
                self._execute(
                    f"INSERT OR REPLACE INTO {self._laid} VALUES (?, ?, ?, ?)",
                    (made.path, made.sha256, *_stat(target)),
                )
        self._commit()

    def _known(self, paths: Sequence[str]) -> dict[str, tuple[str, int, int]]:
        """What was laid at each path: its hash, its size and when."""
        found: dict[str, tuple[str, int, int]] = {}
        for begun in range(0, len(paths), AT_ONCE):
            some = paths[begun : begun + AT_ONCE]
            where = f"path IN ({_marks(some)})"
            query = f"SELECT path, sha256, size, mtime FROM {self._laid} WHERE {where}"
            found |= {row[0]: row[1:] for row in self._execute(query, tuple(some))}
        return found

    def sweep(self, paths: Collection[str]) -> list[str]:
        """Remove from build/ what was laid there before and is made no more; the paths removed.

        paths: all that is made, each of it laid.
        """
        (count,) = self._execute(f"SELECT count(*) FROM {self._laid}").fetchone()
        gone = self._unknown(paths)
        if count > len(paths):
            rows = self._execute(f"SELECT path FROM {self._laid}")
            gone |= {path for (path,) in rows if path not in paths}
        for path in sorted(gone):
            file = self.build / path
            file.unlink(missing_ok=True)
            _remove_empty(file.parent, self.build)
            self._execute(f"DELETE FROM {self._laid} WHERE path = ?", (path,))
        self._commit()
        return sorted(gone)

    def _unknown(self, paths: Collection[str]) -> set[str]:
        """What lies among that which is made, from a time that a new database knows nothing of."""
        (version,) = self._execute("PRAGMA user_version").fetchone()
        if version != _UNSWEPT or self._apart:
            return set()
        self._execute(f"PRAGMA user_version={_SWEPT}")
        found = (
            file.relative_to(self.build).as_posix()
            for top in sorted({path.partition("/")[0] for path in paths})
            for file in (self.build / top).rglob("*")
            if file.is_symlink() or not file.is_dir()
        )
        return {path for path in found if path not in paths}


def _opened(file: Path | None) -> sqlite3.Connection:
    """The database in that file, or in memory; one that is damaged gives way to a new one."""
    try:
        return _prepared(file)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        if file is None:
            raise
        for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
            file.with_name(name).unlink(missing_ok=True)
        return _prepared(file)


def _prepared(file: Path | None) -> sqlite3.Connection:
    database = sqlite3.connect(file or ":memory:", timeout=60)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables == 0:
            database.execute(f"PRAGMA user_version={_UNSWEPT}")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def _marks(values: Sequence[str]) -> str:
    """A question mark for each value, as SQL wants them."""
    return ",".join("?" * len(values))


def state(file: Path | str) -> str:
    """What tells that a file was written since: its size and its times, of which no program sets back the second.

    "" where there is none.
    """
    try:
        stat = os.stat(file)  # noqa: PTH116  (it is asked for every episode)
    except OSError:
        return ""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _size(file: Path | str) -> int:
    """Bytes of a file; −1 where there is none."""
    return _stat(file)[0]


def _stat(file: Path | str) -> tuple[int, int]:
    try:
        stat = os.stat(file)  # noqa: PTH116  (it is asked for every artifact)
    except (FileNotFoundError, NotADirectoryError):
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _lay(made: Made, copy: Path, target: Path, *, share: bool) -> None:
    """Put a file in its place by way of `copy`; share: as another name of the same bytes, where the disk can."""
    source = Path(made.file)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        copy.unlink(
            missing_ok=True
        )  # a name of bytes that were in their place already stays behind
        if not (share and _linked(source, copy)) and _copied(source, copy) != made.sha256:
            source.unlink()
            raise OutsideError(
                f"{target}: what the store kept of it was damaged, and is thrown away; run it again"
            )
        _move(copy, target)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> OutsideError:
    in_place = isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError)
    mend = "; delete what is in its place" if in_place else ""
    return OutsideError(f"{target} cannot be written: {error.strerror}{mend}")


def _copied(source: Path, copy: Path) -> str:
    """Copy a file; what its bytes hash to."""
    digest = hashlib.sha256()
    with source.open("rb") as read, copy.open("wb") as write:
        while piece := read.read(1 << 20):
            digest.update(piece)
            write.write(piece)
    return digest.hexdigest()


def _linked(source: Path, name: Path) -> bool:
    try:
        name.hardlink_to(source)
    except OSError:
        return False
    return True


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError:  # another disk
        write_whole(target, source)
        source.unlink()


def _fill(file: Path, content: bytes | Path) -> None:
    if isinstance(content, Path):
        shutil.copyfile(content, file)
    else:
        file.write_bytes(content)


def write_whole(target: Path, content: bytes | Path) -> None:
    """All of the file or nothing: a reader never sees half."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _fill(partial, content)
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(target, error) from error
