"""One question to somebody else's web server, politely: who asks is said, and nothing is followed far."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.parse
import urllib.request
import urllib.robotparser
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from pipeline import __version__

if TYPE_CHECKING:
    from pipeline.check.external import Answer

TIMEOUT = 10
WHO = f"Simulcast/{__version__} (checks the links of a newsletter before it goes out)"
FOR_GOOD = (301, 308)


class _Watch(urllib.request.HTTPRedirectHandler):
    """Follows redirects, and remembers where the first one that is for good leads."""

    def __init__(self) -> None:
        self.moved = ""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        if code in FOR_GOOD and not self.moved:
            self.moved = newurl
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def ask(address: str, method: str) -> Answer:
    """What a server answers; no answer is an answer too."""
    from pipeline.check.external import Answer

    watch = _Watch()
    opener = urllib.request.build_opener(watch)
    try:
        request = urllib.request.Request(address, method=method, headers={"User-Agent": WHO})
        with opener.open(request, timeout=TIMEOUT) as answer:
            return Answer(answer.status, watch.moved)
    except urllib.error.HTTPError as error:
        error.close()
        return Answer(error.code, watch.moved, later=later(error.headers["Retry-After"]))
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            return Answer(0, certificate=error.reason.verify_message)
        return Answer(0, fault=str(error.reason))
    except (OSError, ValueError) as error:
        return Answer(0, fault=str(error))


def later(told: str | None) -> float:
    """The seconds of a Retry-After, which is a number of them or a date; 0 where there is none."""
    words = (told or "").strip()
    if words.isdecimal():
        return float(words)
    try:
        when = parsedate_to_datetime(words)
    except ValueError:
        return 0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


class Robots:
    """What the robots.txt of each host lets us ask for; each is read once, and none allows everything."""

    def __init__(self) -> None:
        self._known: dict[str, urllib.robotparser.RobotFileParser] = {}

    def allowed(self, address: str) -> bool:
        parts = urllib.parse.urlsplit(address)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._known:
            self._known[host] = _rules(f"{host}/robots.txt")
        return self._known[host].can_fetch(WHO, address)


def _rules(address: str) -> urllib.robotparser.RobotFileParser:
    """The rules of a host; one that gives none, or no answer, has none (RFC 9309 §2.3.1)."""
    found = urllib.robotparser.RobotFileParser()
    request = urllib.request.Request(address, headers={"User-Agent": WHO})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            text = answer.read(500_000).decode("utf-8", "replace")
    except (OSError, ValueError):
        text = ""
    found.parse(text.splitlines())
    return found
