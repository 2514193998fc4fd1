"""What the service says beside an answer: of which type it is, how long it keeps, what a browser may do with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

Headers = list[tuple[bytes, bytes]]

TYPES: Mapping[str, str] = {
    ".avif": "image/avif",
    ".css": "text/css; charset=utf-8",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".opml": "text/x-opml; charset=utf-8",
    ".opus": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".srt": "application/x-subrip; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml; charset=utf-8",
    ".xsl": "text/xsl; charset=utf-8",
}
"""By ending; the system's own table differs from machine to machine."""

UNKNOWN = "application/octet-stream"

SQUEEZED = frozenset(
    (
        ".css",
        ".html",
        ".js",
        ".json",
        ".mjs",
        ".opml",
        ".srt",
        ".svg",
        ".txt",
        ".vtt",
        ".wasm",
        ".webmanifest",
        ".xml",
        ".xsl",
    )
)
"""What grows smaller when it is compressed."""

PAGE = "no-cache"
"""Kept, and asked for again before each use: a correction is seen at once, and costs a 304 otherwise."""
FEED = "public, max-age=300"
FILE = "public, max-age=3600"
NEVER = "no-store"

SURE: Mapping[str, str] = {"X-Content-Type-Options": "nosniff"}
"""On every answer: a file is of the type that is said, and no other."""

EVERYWHERE: Mapping[str, str] = {
    **SURE,
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}

OPEN: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Feeds, audio, transcripts and pictures are there for players and readers of any site."""


INERT = frozenset(
    (
        ".avif",
        ".css",
        ".gif",
        ".jpeg",
        ".jpg",
        ".m4a",
        ".mp3",
        ".mp4",
        ".ogg",
        ".opus",
        ".png",
        ".srt",
        ".vtt",
        ".wav",
        ".webp",
        ".woff2",
    )
)
"""What runs nothing, and is no page: a policy for it would only weigh."""


def type_of(path: str) -> str:
    """The media type of a file by its name."""
    return TYPES.get(PurePosixPath(path).suffix.lower(), UNKNOWN)


def lasting(path: str) -> str:
    """How long a file of the site may be kept without asking again."""
    ending = PurePosixPath(path).suffix.lower()
    if ending == ".html":
        return PAGE
    return FEED if ending in (".xml", ".opml") or path == "feed.json" else FILE


def policy(
    *,
    scripts: Iterable[str] = ("'self'",),
    forms: Iterable[str] = ("'self'",),
    frames: str = "'none'",
) -> str:
    """A Content-Security-Policy: nothing but what the site itself holds. frames: who may show it in a frame."""
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(scripts),
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "media-src": "'self'",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "form-action": " ".join(forms),
        "base-uri": "'self'",
        "frame-ancestors": frames,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def encoded(*tables: Mapping[str, str]) -> Headers:
    """Headers as they stand on the wire."""
    return [
        (name.lower().encode("ascii"), value.encode("latin-1"))
        for table in tables
        for name, value in table.items()
    ]
