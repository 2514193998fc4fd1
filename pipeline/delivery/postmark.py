"""Messages are handed to Postmark over HTTP, many in one call."""

from __future__ import annotations

import http.client
import json
import select
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import islice
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pipeline.delivery.addresses import without_addresses
from pipeline.delivery.edition import one_line
from pipeline.delivery.message import Message
from pipeline.delivery.options import here, read
from pipeline.delivery.transport import Outcome, Place
from pipeline.errors import OutsideError, SimulcastError

TOKEN = "SIMULCAST_POSTMARK_TOKEN"
URL = "SIMULCAST_POSTMARK_URL"
ADDRESS = "https://api.postmarkapp.com/"
SERVICE = "Postmark"

MOST = 500
"""Messages in one call."""

BREAKS = 3
"""Calls in a row of which nothing came before we give up."""

_OF_RECIPIENT = {300: "5.6.0", 406: "5.1.1"}
"""Error codes that are a recipient's or their message's own: it cannot be read; mail to them came back or was
complained of. Beside them, what a mail server would have said. All others are about us."""

_ITS_OWN = {"from", "to", "reply-to", "subject", "mime-version", "content-type", "dkim-signature"}
"""Headers that have fields of their own, or that the service writes: it signs what it makes of a message."""


@dataclass(frozen=True, slots=True)
class Postmark:
    """Postmark's API, or one that answers as it does.

    stream: the message stream that mail is sent by. timeout: seconds the service may be silent.
    """

    host: str
    port: int
    tls: bool
    path: str
    token: str = field(repr=False)
    stream: str = "broadcast"
    window: int = 50
    connections: int = 1
    timeout: float = 120
    repeatable: ClassVar[bool] = False
    leaves: ClassVar[bool] = True

    def connect(self) -> Caller:
        return Caller(self)


def postmark(place: Place) -> Postmark:
    """The server whose token is in SIMULCAST_POSTMARK_TOKEN; SIMULCAST_POSTMARK_URL says where it is, if elsewhere.

    Raises SimulcastError, and shows neither.
    """
    token = place.environment.get(TOKEN, "")
    if not token.isascii() or not token.isprintable() or not token:
        raise SimulcastError(f"{TOKEN} is {'wrong' if token else 'not set'}; Postmark shows it")
    written = place.environment.get(URL, "") or ADDRESS
    try:
        url = urlsplit(written)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise SimulcastError(f"{URL} is not a URL; write {ADDRESS}") from None
    if url.scheme not in ("http", "https") or not host:
        raise SimulcastError(f"{URL} is wrong; write {ADDRESS}")
    if url.scheme == "http" and not here(host):
        raise SimulcastError(f"{URL} would send the token in the clear; write https://")
    known = {"stream": str, "window": int, "connections": int, "timeout": float}
    options = read(URL, url.query, known)
    if options.get("window", 1) > MOST:
        raise SimulcastError(f"{URL}: window is at most {MOST}")
    tls = url.scheme == "https"
    return Postmark(host, port or (443 if tls else 80), tls, url.path, token, **options)


class Caller:
    """Delivers over one connection at a time, which is made again when it is lost."""

    def __init__(self, service: Postmark) -> None:
        made = http.client.HTTPSConnection if service.tls else http.client.HTTPConnection
        self._service = service
        self._connection = made(service.host, service.port, timeout=service.timeout)
        self._failed = 0

    def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
        """See Connection; a call that is refused as a whole is made again for each of its messages alone."""
        rest = iter(messages)
        while some := list(islice(rest, self._service.window)):
            waiting = deque([some])
            while waiting:
                batch = waiting.popleft()
                answer = self._asked(batch)
                if answer.status in (413, 422) and len(batch) > 1:
                    waiting.extendleft([one] for one in reversed(batch))
                    continue
                outcomes = _outcomes(answer, len(batch))
                if len(batch) > 1 and all(one.reason.startswith("300 ") for one in outcomes):
                    raise OutsideError(f"{SERVICE} takes no mail of ours: {outcomes[0].reason}")
                yield from outcomes
                self._count(outcomes)

    def _asked(self, batch: Sequence[Message]) -> Answer:
        """What the service answers to some messages; where the call could not be made, it is made again."""
        told = json.dumps([_told(one, self._service.stream) for one in batch]).encode()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Postmark-Server-Token": self._service.token,
        }
        for _ in range(BREAKS):
            try:
                self._forget_if_closed()
                path = f"{self._service.path.rstrip('/')}/email/batch"
                self._connection.request("POST", path, told, headers)
            except OSError as error:  # what was not sent whole cannot have been taken
                self.close()
                fault = type(error).__name__
                continue
            return self._answer()
        raise OutsideError(f"{SERVICE} cannot be reached ({fault})")

    def _answer(self) -> Answer:
        try:
            found = self._connection.getresponse()
            return Answer(found.status, found.read())
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(0, type(error).__name__.encode())

    def _forget_if_closed(self) -> None:
        """A connection that the service closed while it was idle is not used: who would know what became of a call?"""
        kept = self._connection.sock
        if kept is not None and select.select([kept], [], [], 0)[0]:
            self.close()

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        """Raise OutsideError where nothing came of several calls in a row, none of which was a recipient's fault."""
        told = any(one.state in ("accepted", "refused") for one in outcomes)
        self._failed = 0 if told else self._failed + 1
        if self._failed >= BREAKS:
            raise OutsideError(f"{SERVICE} takes no mail: {outcomes[-1].reason}")

    def close(self) -> None:
        self._connection.close()


# --- what is said -----------------------------------------------------------------------------------


def _told(message: Message, stream: str) -> dict[str, Any]:
    """A message as Postmark is told of it; its headers stay, and so does its Message-ID."""
    made = message_from_bytes(message.content, policy=policy.default)
    assert isinstance(made, EmailMessage)
    headers = [
        {"Name": name, "Value": str(value)}
        for name, value in made.items()
        if name.lower() not in _ITS_OWN
    ]
    found = {
        "From": str(made["From"]),
        "To": str(made["To"]),
        "ReplyTo": str(made["Reply-To"] or ""),
        "Subject": str(made["Subject"]),
        "HtmlBody": _body(made, "html"),
        "TextBody": _body(made, "plain"),
        "Headers": [*headers, {"Name": "X-PM-KeepID", "Value": "true"}],
        "MessageStream": stream,
        "TrackOpens": False,
        "TrackLinks": "None",
    }
    return {name: value for name, value in found.items() if value != ""}


def _body(made: EmailMessage, kind: str) -> str:
    part = made.get_body((kind,))
    return "" if part is None else str(part.get_content())


# --- what an answer means ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a body; 0 is a connection that broke off, and its body says how."""

    status: int
    body: bytes

    def results(self) -> list[Any]:
        """What it says of each message, as far as it can be read."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return []
        return found if isinstance(found, list) else [found]


def _outcomes(answer: Answer, count: int) -> list[Outcome]:
    """One for each of so many messages; raises OutsideError where the service would have none of them, and says so."""
    if answer.status == 0:
        return [Outcome("unknown", f"the connection broke ({_words(answer.body)})")] * count
    if answer.status == 200:
        found = [_outcome(one) for one in answer.results()[:count]]
        return found + [Outcome("unknown", "no answer of its own")] * (count - len(found))
    said = f"{answer.status} {_message(answer)}".strip()
    if answer.status == 422 and count == 1 and (results := answer.results()):
        return [_outcome(results[0])]
    if answer.status == 413:
        return [Outcome("refused", f"413 5.3.4 {_message(answer)}")] * count
    if answer.status in (429, 503):  # surely taken by nobody
        return [Outcome("deferred", said)] * count
    if answer.status >= 500:  # it may have been taken before something behind it failed
        return [Outcome("unknown", said)] * count
    raise OutsideError(f"{SERVICE} refuses what it is asked: {said}")


def _outcome(result: Any) -> Outcome:
    """What became of one message."""
    code = result.get("ErrorCode") if isinstance(result, dict) else None
    if not isinstance(code, int):
        return Outcome("unknown", "an answer that is not Postmark's")
    if code == 0:
        return Outcome("accepted", "OK")
    words = _words(str(result.get("Message", "")).encode())
    if code in _OF_RECIPIENT:
        return Outcome("refused", f"{code} {_OF_RECIPIENT[code]} {words}")
    return Outcome("deferred", f"{code} {words}")


def _message(answer: Answer) -> str:
    for one in answer.results():
        if isinstance(one, dict):
            return _words(f"{one.get('ErrorCode', '')} {one.get('Message', '')}".encode())
    return _words(answer.body[:200])


def _words(said: bytes) -> str:
    return without_addresses(one_line(said[:2000].decode("utf-8", "replace")))[:300]
