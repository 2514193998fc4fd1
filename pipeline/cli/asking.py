"""One question to somebody else's web server, politely: who asks is said, and nothing is followed far."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
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
        return Answer(error.code, watch.moved)
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            return Answer(0, certificate=error.reason.verify_message)
        return Answer(0, fault=str(error.reason))
    except (OSError, ValueError) as error:
        return Answer(0, fault=str(error))
