"""Rules that lead readers of an old address to the new one, for the hosts that most sites are on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from pipeline.feeds.entries import address


def rules(old: str, new: str) -> Iterator[tuple[str, str]]:
    """Each host's file, and the 301 rules in it: every path below `old` leads to the same below `new`.

    old, new: addresses that end in "/". A 410 or a 404 would make podcast apps unsubscribe; a 301 takes them along.
    """
    host, path = urlsplit(address(old)).netloc, urlsplit(address(old)).path
    to = address(new)
    matched = re.escape(path)
    yield "_redirects", f"{path}* {to}:splat 301\n"  # Netlify, Cloudflare Pages
    yield ".htaccess", f'RedirectMatch 301 "^{matched}(.*)$" "{to}$1"\n'  # Apache
    yield "nginx.conf", f"location {path} {{\n    rewrite ^{matched}(.*)$ {to}$1 permanent;\n}}\n"
    yield "Caddyfile", f"{host} {{\n{_caddy(path, to)}}}\n"
    moved = {"source": f"{path}:path*", "destination": f"{to}:path*", "statusCode": 301}
    yield "vercel.json", json.dumps({"redirects": [moved]}, indent=2) + "\n"


def _caddy(path: str, to: str) -> str:
    """Caddy strips the old prefix and keeps the slash in front of the rest."""
    return f"    handle_path {path}* {{\n        redir {to.removesuffix('/')}{{uri}} 301\n    }}\n"


def folder(old: str) -> str:
    """A name for an old address, as a folder: `letters.example-blog`."""
    parts = urlsplit(address(old))
    return re.sub(r"[^A-Za-z0-9.]+", "-", parts.netloc + parts.path).strip("-")
