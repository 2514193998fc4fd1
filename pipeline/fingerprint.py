"""What code, libraries and values hash to."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points
from importlib.metadata import version as installed
from pathlib import Path

_PACKAGE = Path(__file__).parent
_IMPORT = re.compile(
    r"^[ \t]*(?:import[ \t]+(pipeline[\w.]*)|from[ \t]+(pipeline[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*))",
    re.MULTILINE,
)


@cache
def code(module: str) -> str:
    """What the source of a module and of all it imports from pipeline hashes to."""
    seen: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            text = _text(name)
            seen[name] = digest(text)
            waiting += _imported(name)
    return digest(*(f"{name} {found}" for name, found in sorted(seen.items())))


@cache
def _text(module: str) -> str:
    file = _file(module)
    return file.read_text("utf-8") if file else ""


def _file(module: str) -> Path | None:
    """Where a module's source lies; our own are found without importing anything."""
    if module == "pipeline" or module.startswith("pipeline."):
        path = _PACKAGE.joinpath(*module.split(".")[1:])
        candidates = (path.with_suffix(".py"), path / "__init__.py")
        return next((file for file in candidates if file.is_file()), None)
    spec = importlib.util.find_spec(module)
    source_file = spec.origin if spec else None
    return Path(source_file) if source_file and source_file.endswith(".py") else None


@cache
def _imported(module: str) -> tuple[str, ...]:
    """The modules of pipeline that a module imports, anywhere in it."""
    found: set[str] = set()
    for plain, parent, names in _IMPORT.findall(_text(module)):
        found.add(plain or parent)
        found |= {f"{parent}.{name}" for name in re.findall(r"\w+", names) if parent}
    return tuple(name for name in sorted(found) if _file(name))


@cache
def version(name: str) -> str:
    """The version of a distribution, or of all those that register under a group of entry points."""
    try:
        return installed(name)
    except PackageNotFoundError:
        points = entry_points(group=name) if "." in name else ()
        return (
            " ".join(sorted({f"{p.dist.name} {p.dist.version}" for p in points if p.dist}))
            or "absent"
        )


def digest(*parts: str) -> str:
    """What texts hash to, each closed by a zero byte."""
    return hashlib.sha256("\0".join((*parts, "")).encode("utf-8")).hexdigest()
