"""What readers ask of the service beside the site: to subscribe, confirm, choose, leave, have feeds of their own."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.delivery.addresses import AddressError, normalised
from pipeline.delivery.edition import one_line
from pipeline.delivery.tokens import TokenError
from pipeline.errors import OutsideError, SimulcastError
from pipeline.feeds.private import NAMES
from pipeline.feeds.private import private as privately
from pipeline.web.files import Folder, Receive, Scope, Send
from pipeline.web.headers import EVERYWHERE, NEVER, policy, type_of
from pipeline.web.limits import Limit, client
from pipeline.web.office import Desk
from pipeline.web.pages import Pages
from pipeline.web.reception import Reception, Wish
from pipeline.web.serving import Log

FORM = 16 << 10
"""Bytes of a form."""
BOUNCE = 2 << 20
"""Bytes of a message that came back."""
NAME = 100
"""Letters of a name."""

CLERKS = 8
"""Threads that ask the ledger."""
IN_LINE = 500
"""Requests that wait for one of them; above that, and after PATIENCE seconds, one is told to come again."""
PATIENCE = 5.0
AGAIN = {"Retry-After": "10"}

Answer = TypeVar("Answer")

REFUSALS = {
    400: "unreadable",
    403: "elsewhere",
    404: "nothing",
    405: "unreadable",
    413: "unreadable",
    415: "unreadable",
    421: "other_host",
    429: "too_often",
    503: "not_now",
}
"""What the page says, whose words are the theme's, for a status."""

Bounced = Callable[[bytes], str]
"""Takes in a message that came back; what was understood of it, in a word."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one client may do what: at once, and in an hour."""

    sign_ups: tuple[int, float] = (10, 30)
    anything: tuple[int, float] = (120, 3600)
    guesses: tuple[int, float] = (20, 120)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What other programs must name: the mail server that hands in bounces, and who reads the figures."""

    bounces: str = ""
    metrics: str = ""


class Service:
    """The application: readers' requests go to their routes, everything else is a file of the site."""

    def __init__(
        self,
        files: Folder,
        site: Path,
        desk: Desk,
        pages: Pages,
        *,
        seconds: Callable[[], float],
        log: Log,
        bounced: Bounced | None = None,
        secrets: Secrets = Secrets(),
        limits: Limits = Limits(),
    ) -> None:
        self._files, self._site, self._desk, self._pages = files, site, desk, pages
        self._seconds, self._log, self._bounced, self._secrets = seconds, log, bounced, secrets
        self.counts: Counter[tuple[str, str]] = Counter()
        self._sign_ups = Limit(*limits.sign_ups, seconds)
        self._anything = Limit(*limits.anything, seconds)
        self._guesses = Limit(*limits.guesses, seconds)
        self._reception = Reception(desk, self._mailed)
        self._clerks = ThreadPoolExecutor(CLERKS, "ledger")
        self._in_line = 0
        self._well = (float("-inf"), True)
        self._warned = False
        self._origins, self._hosts = _ours(desk.publication.url, desk.tokens.service)
        self._headers = {
            **EVERYWHERE,
            "Cache-Control": NEVER,
            "Content-Security-Policy": policy(),
            # A token in an address is nobody else's; with "no-referrer" our own forms would name no origin.
            "Referrer-Policy": "same-origin",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if desk.tokens.service.startswith("https://"):
            self._headers["Strict-Transport-Security"] = "max-age=31536000"
        self._routes = {
            "subscribe": "/subscribe",
            "confirm": "/confirm/{token}",
            "unsubscribe": "/unsubscribe/{token}",
            "preferences": "/preferences/{token}",
            "private": "/private/{token}/{name}",
            "bounces": "/bounces",
            "healthz": "/healthz",
            "metrics": "/metrics",
        }
        self._app = self._application()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_ours(scope["path"]):
            await self._files(scope, receive, send)
        elif scope["type"] == "http":
            await self._told(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_ours(self, path: str) -> bool:
        first, stroke, rest = path[1:].partition("/")
        # "/subscribe/" and what lies below are pages of the site, "/subscribe" is their form's answer.
        return first in self._routes and (not stroke or (bool(rest) and first != "subscribe"))

    async def _told(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, count and log: the route and never its token, the outcome and never the client."""
        began, status = self._seconds(), 500

        async def sent(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                lower = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in self._headers.items()
                        if name.lower().encode() not in lower
                    ),
                ]
            await send(message)

        route = self._routes[scope["path"][1:].partition("/")[0]]
        try:
            await self._app(scope, receive, sent)
        finally:
            self._count(route, str(status))
            spent = round((self._seconds() - began) * 1000, 1)
            self._log(
                {
                    "event": "request",
                    "method": scope["method"],
                    "route": route,
                    "status": status,
                    "ms": spent,
                }
            )

    def _count(self, what: str, how: str) -> None:
        self.counts[what, how] += 1

    def _mailed(self, kind: str) -> None:
        self._count("mail", kind)
        self._log({"event": "mail", "kind": kind})

    def _application(self) -> Starlette:
        @asynccontextmanager
        async def life(_: Starlette) -> AsyncIterator[None]:
            working = asyncio.create_task(self._reception.work())
            try:
                yield
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                self._clerks.shutdown()

        both = ["GET", "POST"]
        routes = [
            Route("/subscribe", self._guarded(self.subscribe), methods=both),
            Route("/confirm/{token}", self._guarded(self.confirm), methods=both),
            Route("/unsubscribe/{token}", self._guarded(self.unsubscribe), methods=both),
            Route("/preferences/{token}", self._guarded(self.preferences), methods=both),
            Route("/private/{token}/{name}", self._guarded(self.private)),
            Route("/bounces", self.bounces, methods=["POST"]),
            Route("/healthz", self.healthz),
            Route("/metrics", self.metrics),
        ]
        answers = {
            HTTPException: self._refused,
            SimulcastError: self._away,
            Exception: self._failed,
        }
        return Starlette(routes=routes, lifespan=life, exception_handlers=answers)  # type: ignore[arg-type]

    # --- what every request of a reader must pass

    def _guarded(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def passed(request: Request) -> Response:
            self._be_asked_by_name(request)
            if (
                answer != self.unsubscribe
            ):  # a mail program asks for many readers, and may (RFC 8058)
                self._be_few(request, self._anything)
            if request.method == "POST":
                self._come_from_here(request)
            try:
                return await answer(request)
            except TokenError as error:
                self._be_few(request, self._guesses)
                return self._problem(request, 403, error.why)

        return passed

    async def _ask(self, work: Callable[..., Answer], *about: Any) -> Answer:
        """Have the ledger asked by a thread of its own, as soon as one is free: the files wait for none of it."""
        if self._in_line >= IN_LINE:
            raise HTTPException(503, headers=AGAIN)
        late = self._seconds() + PATIENCE

        def in_turn() -> Answer:
            if self._seconds() > late:
                raise OutsideError("the ledger was in use for too long")
            return work(*about)

        self._in_line += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._clerks, in_turn)
        finally:
            self._in_line -= 1

    def _be_asked_by_name(self, request: Request) -> None:
        """Refuse a request for another host: nothing here is made from that name, and nothing is to be."""
        named = request.headers.getlist("host")
        if len(named) > 1:  # a proxy may have read the other one (RFC 9112 §3.2)
            raise HTTPException(400)
        host = _host(next(iter(named), ""))
        if host not in self._hosts and not _here(host):
            raise HTTPException(421)

    def _be_few(self, request: Request, limit: Limit) -> None:
        host = request.client.host if request.client else ""
        if "x-forwarded-for" in request.headers and _here(host) and not self._warned:
            self._warned = True
            about = "a proxy asks for others and is not believed, so all of them count as one client: --behind-proxy"
            self._log({"event": "warning", "about": about})
        wait = limit.wait(client(host))
        if wait:
            headers = {"Retry-After": str(int(wait) + 1)}
            raise HTTPException(429, headers=headers)

    def _be_known(self, request: Request, secret: str) -> None:
        """Refuse who does not bear the secret; there is nothing here for them, and guesses run out."""
        if not _bears(request, secret):
            self._be_few(request, self._guesses)
            raise HTTPException(404)

    def _come_from_here(self, request: Request) -> None:
        """Refuse what a page elsewhere has a browser send. A mail program's one click names no origin at all."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
        if site == "same-origin":
            return
        if origin is not None:
            same = origin.partition("://")[2] == request.headers.get("host")
            if origin not in self._origins and not same:
                raise HTTPException(403)
        elif site == "cross-site":
            raise HTTPException(403)

    # --- subscribing

    async def subscribe(self, request: Request) -> Response:
        """The form; and what everyone is told who sends it, known or not."""
        if request.method != "POST":
            return self._page("form", request)
        told = await self._form(request)
        self._be_few(request, self._sign_ups)
        name = told.get("list") or next(iter(self._desk.publication.lists), "")
        wanted = self._desk.publication.lists.get(name)
        if wanted is None:
            return self._form_again(request, "no_list", told)
        try:
            address = normalised(told.get("email", ""))
        except AddressError:
            return self._form_again(request, "no_address", told)
        wish = Wish(
            name,
            address,
            one_line(told.get("name", ""))[:NAME],
            self._pages.say("consent", list=wanted.title),
            self._desk.clock(),
        )
        trapped = bool(told.get("website"))  # no person sees that field
        if not trapped and not self._reception.take(wish):
            raise HTTPException(503)
        if _wants_json(request):
            return JSONResponse({"status": "asked"}, 202)
        return self._page("asked", request, 202)

    # --- links that were mailed: looking changes nothing, a press does

    async def confirm(self, request: Request) -> Response:
        token = request.path_params["token"]
        if request.method != "POST":  # HEAD too: looking changes nothing
            named = self._desk.tokens.read("confirm", token, self._desk.clock())
            return self._page("confirm", request, what=self._title(named.mailing_list))
        await self._form(request)
        name = await self._ask(self._desk.confirm, token)
        return self._page("confirmed", request, what=self._title(name))

    async def unsubscribe(self, request: Request) -> Response:
        """RFC 8058: a POST leaves the list, whoever sends it; a GET, which scanners send, shows a button."""
        token = request.path_params["token"]
        if request.method != "POST":  # HEAD too: looking changes nothing
            named = self._desk.tokens.read("unsubscribe", token, self._desk.clock())
            return self._page("unsubscribe", request, what=self._title(named.mailing_list))
        await _body(request, FORM)
        name = await self._ask(self._desk.unsubscribe, token)
        return self._page("unsubscribed", request, what=self._title(name))

    async def preferences(self, request: Request) -> Response:
        token = request.path_params["token"]
        if request.method != "POST":  # HEAD too: looking changes nothing
            found = await self._ask(self._desk.preferences, token)
            return self._page("preferences", request, states=found.lists, called=found.name)
        told = await self._fields(request)
        wish = told.get("do", ["save"])[-1]
        if wish == "export":
            known = await self._ask(self._desk.known, token)
            headers = {"Content-Disposition": 'attachment; filename="known-of-me.json"'}
            return JSONResponse(known, headers=headers)
        if wish == "forget":
            await self._ask(self._desk.forget, token)
            return self._page("forgotten", request)
        chosen = set(told.get("list", ()))
        wanted = {name: name in chosen for name in self._desk.publication.lists}
        called = one_line(told.get("name", [""])[-1])[:NAME]
        found = await self._ask(self._desk.prefer, token, wanted, called)
        return self._page("saved", request, states=found.lists, called=found.name)

    # --- feeds of one's own

    async def private(self, request: Request) -> Response:
        """A feed at an address of its subscriber's own; no answer tells a revoked token from a made-up one."""
        token, name = request.path_params["token"], request.path_params["name"]
        file = self._site / name
        known = await self._ask(self._desk.holder, token)
        if known is None or name not in NAMES or not file.is_file():
            raise HTTPException(404)
        address = f"{self._desk.tokens.service}private/{token}/{name}"
        feed = await asyncio.to_thread(lambda: privately(file.read_bytes(), name, address))
        headers = {
            "Cache-Control": "private, max-age=300",
            "ETag": f'"{hashlib.sha256(feed).hexdigest()[:32]}"',
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(None, 304, headers)
        return Response(feed, headers=headers, media_type=type_of(name))

    # --- other programs

    async def bounces(self, request: Request) -> Response:
        """A message that came back, from the mail server that got it."""
        self._be_known(request, self._secrets.bounces)
        if self._bounced is None:
            raise HTTPException(404)
        message = await _body(request, BOUNCE)
        understood = await self._ask(self._bounced, message)
        self._count("bounce", understood)
        return JSONResponse({"understood": understood})

    async def healthz(self, request: Request) -> Response:
        """Whether the ledger answers; it is asked once a second at most, however many want to know."""
        asked, well = self._well
        if self._seconds() - asked >= 1:
            try:
                await self._ask(self._desk.alive)
                well = True
            except SimulcastError:
                well = False
            self._well = (self._seconds(), well)
        if not well:
            return JSONResponse({"status": "the ledger does not answer"}, 503, AGAIN)
        return JSONResponse({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        """Figures in the form that Prometheus reads, for who names the secret: they tell what became of a sign-up."""
        self._be_known(request, self._secrets.metrics)
        lines = ["# TYPE simulcast_events_total counter"]
        lines += [
            f'simulcast_events_total{{what="{what}",how="{how}"}} {number}'
            for (what, how), number in sorted(self.counts.items())
        ]
        return PlainTextResponse("\n".join(lines) + "\n")

    # --- how it is said

    async def _form(self, request: Request) -> dict[str, str]:
        return {name: values[-1] for name, values in (await self._fields(request)).items()}

    async def _fields(self, request: Request) -> dict[str, list[str]]:
        """The fields of a form, or of a JSON object; what is neither is refused."""
        body = await _body(request, FORM)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if kind == "application/json":
                told = json.loads(body)
                if not isinstance(told, dict):
                    raise ValueError
                "".join(map(str, told.values())).encode()  # half a surrogate pair is no letter
                return {str(name): [str(value)] for name, value in told.items()}
            if kind in ("application/x-www-form-urlencoded", "") or not body:
                return parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=50)
        except (ValueError, RecursionError):
            raise HTTPException(400) from None
        raise HTTPException(415)

    def _form_again(self, request: Request, wrong: str, told: Mapping[str, str]) -> Response:
        """The form as it was filled in, and what is wrong with it."""
        if _wants_json(request):
            return JSONResponse({"error": wrong, "message": self._pages.say(wrong)}, 400)
        typed = {name: told.get(name, "") for name in ("email", "name", "list")}
        return self._page("form", request, 400, wrong=wrong, typed=typed)

    def _page(self, view: str, request: Request, status: int = 200, **values: Any) -> Response:
        deep = request.url.path.count("/") - 1
        return HTMLResponse(self._pages.page(view, deep, **values), status)

    def _problem(self, request: Request, status: int, view: str) -> Response:
        if _wants_json(request):
            words = f"{self._pages.say(view)}. {self._pages.say(view + '_is')}"
            return JSONResponse({"error": view, "message": words}, status)
        return self._page(view, request, status)

    async def _refused(self, request: Request, error: HTTPException) -> Response:
        answer = self._problem(request, error.status_code, REFUSALS[error.status_code])
        answer.headers.update(error.headers or {})
        return answer

    async def _away(self, request: Request, error: SimulcastError) -> Response:
        """The ledger is in use, away or broken."""
        self._log({"event": "error", "kind": type(error).__name__, "where": "the ledger"})
        answer = self._problem(request, 503, "not_now")
        answer.headers.update(AGAIN)
        return answer

    async def _failed(self, request: Request, error: Exception) -> Response:
        return self._problem(request, 500, "not_now")

    def _title(self, name: str) -> str:
        found = self._desk.publication.lists.get(name)
        return found.title if found else name


async def _body(request: Request, most: int) -> bytes:
    """All of a request's body; one that is larger is refused as soon as that is known."""
    try:
        if int(request.headers.get("content-length", "0")) > most:
            raise HTTPException(413, headers={"Connection": "close"})
        read = bytearray()
        async for piece in request.stream():
            read += piece
            if len(read) > most:
                raise HTTPException(413, headers={"Connection": "close"})
    except (ClientDisconnect, ValueError):
        raise HTTPException(400) from None
    return bytes(read)


def _wants_json(request: Request) -> bool:
    asked = request.headers.get("accept", ""), request.headers.get("content-type", "")
    return any(one.startswith("application/json") for one in asked)


def _bears(request: Request, secret: str) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())


def _host(named: str) -> str:
    """The host of a Host header, without its port."""
    try:
        return urlsplit(f"//{named}").hostname or ""
    except ValueError:
        return ""


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ours(*addresses: str) -> tuple[frozenset[str], frozenset[str]]:
    """The origins and the hosts of our own addresses."""
    parts = [urlsplit(address) for address in addresses if address]
    origins = frozenset(f"{one.scheme}://{one.netloc}" for one in parts)
    return origins, frozenset(one.hostname or "" for one in parts)
