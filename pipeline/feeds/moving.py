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
    Where the new address lies below the old one, what is below the new one stays, or it would be led on for ever.
    """
    old, to = address(old), address(new)
    host, path = urlsplit(old).netloc, urlsplit(old).path
    inside = to.removeprefix(old) if to.startswith(old) else ""
    kept = f"(?!{re.escape(inside)})" if inside else ""
    matched = f"^{re.escape(path)}{kept}(.*)$"
    yield "_redirects", _redirects(path, to, inside)
    yield ".htaccess", f'RedirectMatch 301 "{matched}" "{to}$1"\n'  # Apache
    yield "nginx.conf", f"location {path} {{\n    rewrite {matched} {to}$1 permanent;\n}}\n"
    yield "Caddyfile", f"{host} {{\n{_caddy(path, to, inside)}}}\n"
    below = f":path({kept}.*)" if inside else ":path*"
    led = {"source": path + below, "destination": to + below.partition("(")[0], "statusCode": 301}
    yield "vercel.json", json.dumps({"redirects": [led]}, indent=2) + "\n"


def _redirects(path: str, to: str, inside: str) -> str:
    """Netlify's and Cloudflare Pages'; of the lines the first that fits holds."""
    stays = f"{path}{inside}* {path}{inside}:splat 200\n" if inside else ""
    return (
        "# Deploy it without the old pages: where a file still lies, Netlify shows it.\n"
        f"{stays}{path}* {to}:splat 301\n"
    )


def _caddy(path: str, to: str, inside: str) -> str:
    """Caddy strips the old prefix and keeps the slash in front of the rest; in a route it does so first."""
    stays = f"        not path {path}{inside}*\n" if inside else ""
    strip = f"        uri strip_prefix {path.removesuffix('/')}\n" if path != "/" else ""
    return (
        f"    @moved {{\n        path {path}*\n{stays}    }}\n"
        f"    route @moved {{\n{strip}        redir {to.removesuffix('/')}{{uri}} 301\n    }}\n"
    )


def folder(old: str) -> str:
    """A name for an old address, as a folder: `letters.example-blog`."""
    parts = urlsplit(address(old))
    return re.sub(r"[^A-Za-z0-9.]+", "-", parts.netloc + parts.path).strip("-")
