"""The built site goes where readers fetch it: in one moment where the target can, else feeds last."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from pipeline.errors import AuthorError, OutsideError, SimulcastError
from pipeline.model import Deploy
from pipeline.stage import Progress

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

SETTINGS = "content/publication.toml"
MANIFEST = ".simulcast-manifest.json"
"""Lies at the target: the SHA-256 of each file of ours by its name, "" while it is replaced."""

NOT_TARGETS = ("content", "audio", "templates", "build", ".simulcast", ".git")
"""Folders below the root that are the author's, or Simulcast's own."""

LISTS = ("archive", "series")
"""Folders of pages that lead to the pages of episodes."""

_CHECKOUT = frozenset(
    (".git", ".gitignore", ".nojekyll", "CNAME", "LICENSE", "README", "README.md")
)
"""What a folder that was made to publish from may hold before the first deployment."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployment did; `target` is empty where publication.toml names none."""

    target: str = ""
    uploaded: tuple[str, ...] = ()
    unchanged: int = 0
    removed: tuple[str, ...] = ()


class Target(Protocol):
    """Where files are put by name; a name is a relative path with slashes."""

    @property
    def name(self) -> str: ...

    def read(self, name: str) -> bytes | None: ...

    def has(self, name: str) -> bool: ...

    def write(self, name: str, content: Path | bytes) -> None: ...

    def remove(self, name: str) -> None: ...


def deploy(
    site: Path,
    settings: Deploy,
    root: Path,
    hashes: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Deployed:
    """Make the target hold what the folder `site` holds, and touch no file there that is not ours.

    A folder is changed in one moment: its readers see the old site or the new, never half of each.
    Where that cannot be, pages go after what they show, lists of pages after the pages, feeds after
    all; what is gone from the site is removed at the end. Broken off at any point, the next call completes it.
    `hashes` are the SHA-256 of files of the site by name, where they are known. Raises AuthorError
    for a target that cannot be, OutsideError where it cannot be reached.
    """
    if not settings.to:
        return Deployed()
    target = _target(settings, site, root)
    files = _files(site, settings)
    if not files:
        raise SimulcastError(f"there is nothing to deploy in {site}; build it first")
    wanted = {name: (hashes or {}).get(name) or _sha256(content) for name, content in files.items()}
    with _outside(target):
        there = _manifest(target.read(MANIFEST))
        changed = [
            name
            for name in sorted(wanted, key=_turn)
            if there.get(name) != wanted[name] or not target.has(name)
        ]
        gone = sorted(there.keys() - wanted.keys())
        if (changed or gone) and isinstance(target, Folder):
            written = _written(wanted)
            if target.switch({name: files[name] for name in changed}, gone, written, progress):
                return Deployed(
                    target.name, tuple(changed), len(wanted) - len(changed), tuple(gone)
                )
        if changed or gone:
            # Marked first, so that no deployment that broke off passes for a whole one.
            target.write(MANIFEST, _written(there | dict.fromkeys([*changed, *gone], "")))
            for done, name in enumerate(changed, 1):
                target.write(name, files[name])
                if progress is not None:
                    progress(done, len(changed), "files")
            for name in gone:
                target.remove(name)
            target.write(MANIFEST, _written(wanted))
    return Deployed(target.name, tuple(changed), len(wanted) - len(changed), tuple(gone))


def deployed(settings: Deploy, site: Path, root: Path) -> Callable[[str], bytes | None]:
    """Reads what lies at the target, by name; where none is named, the built site. Errors are those of deploy."""
    if not settings.to:
        return Folder("", site).read
    target = _target(settings, site, root)

    def read(name: str) -> bytes | None:
        with _outside(target):
            return target.read(name)

    return read


def _files(site: Path, settings: Deploy) -> dict[str, Path | bytes]:
    """All that is to lie at the target, by name."""
    files: dict[str, Path | bytes] = {
        path.relative_to(site).as_posix(): path for path in site.rglob("*") if path.is_file()
    }
    if files and settings.pages:
        files[".nojekyll"] = b""
        if settings.domain:
            files["CNAME"] = f"{settings.domain}\n".encode()
    return files


def _turn(name: str) -> tuple[int, str]:
    """When a file is uploaded: a reader never finds a link whose end is not there yet."""
    path = PurePosixPath(name)
    if path.suffix != ".html" and len(path.parts) > 1:
        return 0, name
    if len(path.parts) > 1 and path.parts[0] not in LISTS:
        return 1, name
    return (2 if path.suffix == ".html" else 3), name


def _sha256(content: Path | bytes) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(content: bytes | None) -> dict[str, str]:
    """What the target said it holds; names that lead out of it are not ours to touch."""
    try:
        files = json.loads(content or b"{}")["files"]
        return {
            name: str(sha256)
            for name, sha256 in files.items()
            if not name.startswith("/")
            and ".." not in PurePosixPath(name).parts
            and name != MANIFEST
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _written(files: Mapping[str, str]) -> bytes:
    return json.dumps({"files": dict(sorted(files.items()))}, indent=1, ensure_ascii=False).encode()


# --- targets --------------------------------------------------------------------------------------


def _target(settings: Deploy, site: Path, root: Path) -> Target:
    to = settings.to
    if "://" in to and not to.startswith("file://"):
        return _Remote(to)
    path = to.removeprefix("file://")
    if path.startswith("~"):
        raise _refused(to, 'write the folder in full, without "~"')
    folder = (root / path).resolve()
    for taken in (site, *(root / name for name in NOT_TARGETS)):
        inner, outer = sorted((folder, taken.resolve()), key=lambda path: -len(path.parts))
        if inner.is_relative_to(outer):
            shown = "the built site" if taken == site else f"{taken.name}/"
            raise _refused(to, f"it and {shown} lie in each other; name another folder")
    if not settings.pages:
        _check_ours(to, folder)
    return Folder(to, folder, whole=not settings.pages)


def _check_ours(to: str, folder: Path) -> None:
    """Refuse a folder that holds files and was never deployed to: they are somebody's."""
    if not folder.is_dir() or (folder / MANIFEST).is_file():
        return
    theirs = sorted(path.name for path in folder.iterdir() if path.name not in _CHECKOUT)
    # A first deployment that was killed before it had its manifest leaves the draft of one.
    theirs = [name for name in theirs if not name.startswith(f".{MANIFEST}.")]
    if theirs:
        raise _refused(
            to,
            f'it holds "{theirs[0]}", which we did not put there; empty it or name another folder',
        )


def _refused(to: str, why: str) -> AuthorError:
    return AuthorError(SETTINGS, None, f'deploy.to: "{to}": {why}')


class Folder:
    """A folder of this machine; whole: it changes all at once, else file by file, each written whole."""

    def __init__(self, to: str, folder: Path, *, whole: bool = False) -> None:
        self.name, self._folder, self._whole = to, folder, whole

    def switch(
        self,
        changed: Mapping[str, Path | bytes],
        gone: Iterable[str],
        manifest: bytes,
        progress: Progress | None,
    ) -> bool:
        """Make the folder anew beside itself and let the two change places; False where that cannot be.

        What stays is linked, not copied. Whoever reads by its name sees all of one or all of the other.
        """
        if not self._whole:
            return False
        beside = self._folder.with_name(f".{self._folder.name}.next")
        shutil.rmtree(beside, ignore_errors=True)  # of a deployment that was broken off
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            if not exchangeable(self._folder):
                return False
            dropped = {*changed, *gone, MANIFEST}
            _linked(self._folder, beside, lambda name: name not in dropped)
            fresh = Folder(self.name, beside)
            for done, (name, content) in enumerate(changed.items(), 1):
                fresh.write(name, content)
                if progress is not None:
                    progress(done, len(changed), "files")
            fresh.write(MANIFEST, manifest)
            exchange(beside, self._folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return True

    def read(self, name: str) -> bytes | None:
        path = self._folder / name
        return path.read_bytes() if path.is_file() else None

    def has(self, name: str) -> bool:
        return (self._folder / name).is_file()

    def write(self, name: str, content: Path | bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            if isinstance(content, bytes):
                draft.write_bytes(content)
            else:
                shutil.copyfile(content, draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        path = self._folder / name
        path.unlink(missing_ok=True)
        for folder in path.relative_to(self._folder).parents:
            emptied = self._folder / folder
            if emptied == self._folder or not emptied.is_dir() or any(emptied.iterdir()):
                return
            emptied.rmdir()


def _linked(old: Path, new: Path, wanted: Callable[[str], bool]) -> None:
    """Another name for each file that is wanted; folders that stay empty are left out, as `remove` does."""
    new.mkdir()
    for folder, inner, names in os.walk(old):
        below = Path(folder).relative_to(old)
        for name in [*names, *(one for one in inner if (Path(folder) / one).is_symlink())]:
            if wanted((below / name).as_posix()):
                (new / below).mkdir(parents=True, exist_ok=True)
                os.link(Path(folder) / name, new / below / name, follow_symlinks=False)


_AT_CWD, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux's <fcntl.h>."""


def exchange(one: Path, other: Path) -> None:
    """Let two folders of one disk change places, in one moment. Raises OSError where the system cannot."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, "no two folders change places on this system")
    if rename(_AT_CWD, os.fsencode(one), _AT_CWD, os.fsencode(other), _EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def exchangeable(folder: Path) -> bool:
    """Whether the disk of a folder lets folders change places, and links files; the folder is no disk of its own."""
    if folder.is_mount() or folder.is_symlink():
        return False
    trial = folder.with_name(f".{folder.name}.trial")
    shutil.rmtree(trial, ignore_errors=True)
    one, other = trial / "one", trial / "other"
    try:
        one.mkdir(parents=True)
        other.mkdir()
        (one / "file").touch()
        os.link(one / "file", other / "file")
        exchange(one, other)
    except (OSError, AttributeError):
        return False
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    return True


class _Remote:
    """Anything fsspec knows; what the manifest lists is taken to be there."""

    def __init__(self, url: str) -> None:
        self.name = re.sub(r"(?<=://)[^/@]*@", "", url)
        self._files, self._base = _filesystem(url, self.name)
        self._folders: set[str] = set()

    def read(self, name: str) -> bytes | None:
        try:
            return bytes(self._files.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        return True

    def write(self, name: str, content: Path | bytes) -> None:
        path = self._path(name)
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            self._files.makedirs(folder, exist_ok=True)
            self._folders.add(folder)
        if isinstance(content, bytes):
            self._files.pipe_file(path, content)
        else:
            self._files.put_file(str(content), path)

    def remove(self, name: str) -> None:
        try:
            self._files.rm_file(self._path(name))
        except FileNotFoundError:
            return

    def _path(self, name: str) -> str:
        return f"{self._base.rstrip('/')}/{name}"


def _filesystem(url: str, shown: str) -> tuple[AbstractFileSystem, str]:
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    try:
        files, base = url_to_fs(url)
    except (ImportError, ValueError) as error:  # no such protocol, or its package is not installed
        raise AuthorError(SETTINGS, None, f'deploy.to: "{shown}": {error}') from error
    except Exception as error:  # some connect at once, and each has errors of its own
        raise OutsideError(f"{shown} cannot be reached: {error}") from error
    files.invalidate_cache()
    return files, base


@contextmanager
def _outside(target: Target) -> Iterator[None]:
    """Whatever a file system of the outside world raises, in our words."""
    try:
        yield
    except Exception as error:  # each of fsspec's file systems has errors of its own
        reason = str(error) or type(error).__name__
        raise OutsideError(
            f"deploying to {target.name} broke off: {reason}; run it again to go on"
        ) from error
