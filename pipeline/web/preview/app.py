"""The preview as an application: the site at "/", what is said of it below "/~/"."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from pipeline.model import Listing
from pipeline.web.app import site
from pipeline.web.files import Receive, Scope, Send
from pipeline.web.headers import EVERYWHERE, NEVER, PAGE, policy, type_of
from pipeline.web.preview.frames import SCHEMES, heard, here, in_scheme, notes
from pipeline.web.preview.seen import MEDIA, Build, Seen

HERE = Path(__file__).parent
DESK = policy(frames="'self'") + "; frame-src 'self'"
LETTER = "default-src 'none'; style-src 'unsafe-inline'; img-src {pictures}; font-src 'self'; frame-ancestors 'self'"
"""An email brings its styles with it; no script of it runs, and nothing is fetched from elsewhere."""
KEPT = b"cache-control"
FORCED = (".html", ".css")
"""What says how it looks by day and by night."""

Following = Callable[[], Coroutine[Any, Any, None]]


def preview(seen: Seen, *, follow: Following | None = None, key: str = "") -> Starlette:
    """The application. follow: runs as long as it does. key: what another machine must name to look in."""
    desk = _Desk(seen)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        working = asyncio.create_task(follow()) if follow else None
        try:
            yield
        finally:
            if working:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)

    app = Starlette(
        routes=[
            Route("/~/", desk.newest),
            Route("/~/events/{slug}", desk.events),
            Route("/~/looks/{name}", desk.looks),
            Route("/~/{scheme}/site/{path:path}", desk.site),
            Route("/~/{scheme}/email/{slug}", desk.email),
            Route("/~/{scheme}/email/{slug}/bare", partial(desk.email, pictures=False)),
            Route("/~/{scheme}/text/{slug}", desk.text),
            Route("/~/{scheme}/feed/{slug}", desk.feed),
            Route("/~/{scheme}/podcast/{slug}", desk.podcast),
            Route("/~/{slug}/", desk.episode),
            Mount("/", _fresh(site(seen.build / "site", frames="'self'"))),
        ],
        lifespan=life,
    )
    return app if not key else _locked(app, key)


class _Desk:
    """The answers, from what lies below build/ at the time."""

    def __init__(self, seen: Seen) -> None:
        import jinja2

        self._seen = seen
        self._site = seen.build / "site"
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )

    # --- the desk itself

    async def newest(self, request: Request) -> Response:
        now = self._seen.now
        newest = max(now.listings, key=lambda one: (one.published, one.number), default=None)
        slug = newest.slug if newest else next(iter(now.broken), "")
        if not slug:
            raise HTTPException(404, "There is no episode yet.")
        return RedirectResponse(f"{slug}/", 307)

    async def episode(self, request: Request) -> Response:
        slug, now = self._slug(request), self._seen.now
        values = {"slug": slug, "listing": now.listing(slug), "listings": now.listings}
        return self._page("episode.html", DESK, broken=now.broken, ahead=now.ahead, **values)

    async def events(self, request: Request) -> Response:
        """What was built and what is wrong with it, whenever that changed (server-sent events, each of them JSON)."""
        slug = self._slug(request)

        async def lines() -> AsyncIterator[str]:
            with self._seen.viewed(slug):
                async for build in self._seen.news():
                    state = await asyncio.to_thread(self._state, slug, build)
                    yield f"data: {json.dumps(state)}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream", headers=_headers(DESK))

    def _state(self, slug: str, build: Build) -> dict[str, Any]:
        """As the desk is told of it: marks change when what they stand for does."""
        listing = build.listing(slug)
        marks = {"desk": _desk_mark(build), **(self._marks(listing) if listing else {})}
        checked = build.findings is not None
        told = {"busy": build.busy, "errors": build.errors, "checked": checked}
        return {**told, "faults": build.faults(slug), "marks": marks}

    async def looks(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ("desk.css", "desk.js", "frames.css", "podcast.js"):
            raise HTTPException(404)
        headers = {**_headers(DESK), "Cache-Control": "no-cache"}
        return Response((HERE / name).read_bytes(), media_type=type_of(name), headers=headers)

    # --- what stands in its frames

    async def site(self, request: Request) -> Response:
        """A file of the site, by day or by night."""
        scheme, path = self._scheme(request), request.path_params["path"]
        name = path + "index.html" if path.endswith("/") or not path else path
        file = (self._site / name).resolve()
        if not file.is_relative_to(self._site.resolve()) or not file.is_file():
            raise HTTPException(404)
        if file.suffix not in FORCED:
            return RedirectResponse("/" + path, 307)
        text = in_scheme(file.read_text("utf-8"), scheme)
        return Response(text, media_type=type_of(name), headers=_headers(DESK))

    async def email(self, request: Request, pictures: bool = True) -> Response:
        scheme, publication = self._scheme(request), self._seen.now.publication
        html = here(self._built(request, "email", ".html"), publication)
        rules = LETTER.format(pictures="'self' data:" if pictures else "'none'")
        return Response(in_scheme(html, scheme), media_type="text/html", headers=_headers(rules))

    async def text(self, request: Request) -> Response:
        words = self._built(request, "email", ".txt")
        return self._frame(request, "text.html", words=words, size=len(words.encode()))

    async def feed(self, request: Request) -> Response:
        entry = here(self._built(request, "entry", ".html"), self._seen.now.publication)
        return self._frame(request, "feed.html", entry=entry)

    async def podcast(self, request: Request) -> Response:
        listing = self._listing(request)
        sound = await asyncio.to_thread(heard, self._site, listing)
        told = await asyncio.to_thread(notes, self._site, listing)
        words = here(told, self._seen.now.publication)
        return self._frame(request, "podcast.html", sound=sound, notes=words)

    # --- how they are found

    def _slug(self, request: Request) -> str:
        """The episode that is asked for, whether or not it can be read."""
        slug: str = request.path_params["slug"]
        if slug not in self._seen.now.broken:
            self._listing(request)
        return slug

    def _listing(self, request: Request) -> Listing:
        found = self._seen.now.listing(request.path_params["slug"])
        if found is None:
            raise HTTPException(404, "There is no such episode.")
        return found

    def _scheme(self, request: Request) -> str:
        scheme: str = request.path_params["scheme"]
        if scheme not in SCHEMES:
            raise HTTPException(404)
        return scheme

    def _built(self, request: Request, folder: str, ending: str) -> str:
        file = self._seen.build / folder / (self._listing(request).slug + ending)
        if not file.is_file():
            raise HTTPException(404, "This was not made yet.")
        return file.read_text("utf-8")

    def _frame(self, request: Request, name: str, **values: Any) -> Response:
        values |= {"scheme": self._scheme(request), "listing": self._listing(request)}
        rules = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; "
        return self._page(name, rules + "media-src 'self'; frame-ancestors 'self'", **values)

    def _page(self, name: str, rules: str, **values: Any) -> Response:
        values |= {"publication": self._seen.now.publication}
        return Response(
            self._pages.get_template(name).render(values),
            media_type="text/html",
            headers=_headers(rules),
        )

    def _marks(self, listing: Listing) -> dict[str, str]:
        slug, build = listing.slug, self._seen.build
        made: Mapping[str, Sequence[Path]] = {
            "web": (self._site / slug / "index.html",),
            "email": (build / "email" / f"{slug}.html",),
            "text": (build / "email" / f"{slug}.txt",),
            "feed": (build / "entry" / f"{slug}.html",),
            "podcast": (self._site / slug / "chapters.json", self._site / slug / "transcript.json"),
        }
        beside = [*self._site.glob("static/*"), *self._site.glob(f"{slug}/*")]
        looks = sorted(
            one for one in beside if one.suffix not in (".html", ".json", ".vtt", ".srt")
        )
        sounds = [(one.name, one.stat().st_mtime_ns) for one in self._site.glob(f"audio/{slug}.*")]
        marks = {medium: _mark(repr(listing), made[medium]) for medium in MEDIA}
        return {"looks": _mark(repr(sorted(sounds)), looks), **marks}


def _desk_mark(build: Build) -> str:
    """What the desk itself names: the publication, and its episodes."""
    named = [(one.slug, one.number, one.title, one.published) for one in build.listings]
    never = [slug for slug in build.broken if build.listing(slug) is None]
    return _mark(repr((build.publication.title, named, never, build.ahead)), ())


def _mark(words: str, files: Sequence[Path]) -> str:
    digest = hashlib.sha256(words.encode())
    for file in files:
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()[:16]


def _headers(rules: str) -> dict[str, str]:
    return {**EVERYWHERE, "Cache-Control": NEVER, "Content-Security-Policy": rules}


def _fresh(app: Any) -> Any:
    """The site's files, asked for anew each time: a picture that was saved again is seen."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                rest = [(name, value) for name, value in message["headers"] if name != KEPT]
                message = {**message, "headers": [*rest, (KEPT, PAGE.encode())]}
            await send(message)

        await app(scope, receive, answer)

    return asked


def _locked(app: Starlette, key: str) -> Any:
    """The application for this machine, and for another that brings the key; a name that is no address is refused.

    A page elsewhere could else have its own name lead here, and read what is not published yet.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope)
        given = request.query_params.get("key", "")
        if not _by_address(request.url.hostname or ""):
            await Response("Ask for this by its address.\n", 421)(scope, receive, send)
        elif hmac.compare_digest(given.encode(), key.encode()):
            response = RedirectResponse(request.url.path, 303, headers={"Cache-Control": NEVER})
            response.set_cookie("key", key, httponly=True, samesite="strict")
            await response(scope, receive, send)
        elif _at_home(scope) or hmac.compare_digest(
            request.cookies.get("key", "").encode(), key.encode()
        ):
            await app(scope, receive, send)
        else:
            await Response("Scan the code that the preview shows.\n", 403)(scope, receive, send)

    return guarded


def _by_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return host == "localhost"


def _at_home(scope: Scope) -> bool:
    return ip_address(scope["client"][0]).is_loopback
