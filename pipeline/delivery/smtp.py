"""Messages are handed to an SMTP server, many on one connection, as fast as it lets us."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar, Literal
from urllib.parse import unquote, urlsplit

from pipeline.delivery.addresses import without_addresses
from pipeline.delivery.edition import one_line
from pipeline.delivery.message import Message
from pipeline.delivery.options import here, read
from pipeline.delivery.transport import Outcome, Place
from pipeline.errors import OutsideError, SimulcastError

URL = "SIMULCAST_SMTP_URL"
SHAPE = "smtp://user:password@host:587 or smtps://user:password@host"
SERVER = f"the server of {URL}"

BREAKS = 3
"""Connections in a row that may end with no answer to any message before we give up."""

ROOM = 1 << 20
"""Bytes that the system holds for us while the server reads and we write the next message."""

_LONGEST_REPLY = 8192
_PATH = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")

Tls = Literal["starttls", "implicit", "none"]


@dataclass(frozen=True, slots=True)
class Smtp:
    """An SMTP server as SIMULCAST_SMTP_URL names it.

    tls: "starttls" is asked for and insisted on. chunking: messages go as chunks, a whole window before the first
    answer; "auto" does so where the server can and is not on this machine, for there it does not pay.
    timeout: seconds the server may be silent. hello: the name we give ourselves.
    """

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)
    window: int = 8
    connections: int = 1
    timeout: float = 120
    chunking: Literal["auto", "yes", "no"] = "auto"
    hello: str = ""
    repeatable: ClassVar[bool] = False
    leaves: ClassVar[bool] = True

    def connect(self) -> Courier:
        return Courier(self)


def smtp(place: Place) -> Smtp:
    """The server of SIMULCAST_SMTP_URL; raises SimulcastError, and shows nothing of the URL."""
    written = place.environment.get(URL, "")
    try:
        url = urlsplit(written)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise SimulcastError(f"{URL} is not a URL; write {SHAPE}") from None
    if url.scheme not in ("smtp", "smtps") or not host:
        raise SimulcastError(f"{URL} is {'not set' if not written else 'wrong'}; write {SHAPE}")
    options = _options(url.query)
    tls = _tls(url.scheme, options.pop("tls", ""), host)
    if url.username and tls == "none" and not here(host):
        raise SimulcastError(f"{URL} would send its password in the clear; take tls=none away")
    return Smtp(
        host,
        port or (465 if tls == "implicit" else 587),
        tls,
        unquote(url.username or ""),
        unquote(url.password or ""),
        **options,
    )


def _tls(scheme: str, written: str, host: str) -> Tls:
    if scheme == "smtps":
        return "implicit"
    if written == "starttls" or (not written and not here(host)):
        return "starttls"
    if written in ("", "none"):
        return "none"
    raise SimulcastError(f"{URL}: tls is starttls or none; for TLS from the start write smtps://")


def _options(query: str) -> dict[str, Any]:
    known = {
        "tls": str,
        "window": int,
        "connections": int,
        "timeout": float,
        "chunking": str,
        "hello": str,
    }
    found = read(URL, query, known)
    if found.get("chunking", "auto") not in ("auto", "yes", "no"):
        raise SimulcastError(f"{URL}: chunking is auto, yes or no")
    return found


# --- one connection -------------------------------------------------------------------------------


class Courier:
    """Delivers over one connection at a time, which is made again when it is lost."""

    def __init__(self, server: Smtp) -> None:
        self._server = server
        self._line: Line | None = None
        self._broken = 0

    def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
        """See Connection; where two connections ended without any answer, the next takes one step at a time."""
        rest = iter(messages)
        while True:
            try:
                self._line = self._line or Line(self._server)
                for outcome in self._exchange(self._line, rest):
                    self._broken = 0
                    yield outcome
                return
            except LineError as lost:
                self.close()
                yield from [Outcome("unknown", lost.reason)] * lost.unknown
                self._broken += 1
                if self._broken >= BREAKS:
                    raise OutsideError(f"{SERVER} breaks off: {lost.reason}") from None
                rest = chain(lost.untried, rest)
            except BaseException:  # what is under way has no end that we would hear of
                self.close()
                raise

    def _exchange(self, line: Line, messages: Iterator[Message]) -> Iterator[Outcome]:
        server = self._server
        if self._broken == BREAKS - 1 or not line.offers("pipelining"):
            return step_by_step(line, messages)
        chunks = server.chunking == "yes" or (server.chunking == "auto" and not line.near)
        if chunks and server.window > 1 and line.offers("chunking"):
            return in_chunks(line, messages, server.window)
        return pipelined(line, messages)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class LineError(Exception):
    """A connection ended: how many messages nobody can say the fate of, then those surely not handed over.

    refused: the server said that it takes no more (421), so what it had not answered it has not taken.
    """

    def __init__(
        self,
        reason: str,
        unknown: int = 0,
        untried: Iterable[Message | None] = (),
        *,
        refused: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason, self.unknown, self.refused = reason, unknown, refused
        self.untried = tuple(one for one in untried if one is not None)

    def caught(self, sent: Sequence[Message], waiting: Iterable[Message | None] = ()) -> LineError:
        """The same, of messages whose last byte was sent, and of those behind them."""
        if self.refused:
            return LineError(self.reason, 0, [*sent, *waiting])
        return LineError(self.reason, len(sent), waiting)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the server: its code and its words; as a text, it names no address."""

    code: int
    words: bytes

    @property
    def good(self) -> bool:
        return 200 <= self.code < 300

    def __str__(self) -> str:
        return f"{self.code} {_clean(self.words)}".strip()


class Line:
    """An open connection, greeted, encrypted and logged in; raises OutsideError where it cannot be had.

    unwanted: how many times in a row it did not take the sender.
    """

    def __init__(self, server: Smtp) -> None:
        self._smtp = _opened(server)
        assert self._smtp.sock is not None
        self._socket = self._smtp.sock
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        self._file = self._socket.makefile("rb")
        self.unwanted, self.why = 0, ""

    def offers(self, name: str) -> bool:
        return name in self._smtp.esmtp_features

    @property
    def near(self) -> bool:
        """Whether the other end is on this machine."""
        return here(str(self._socket.getpeername()[0]))

    def say(self, words: bytes) -> None:
        try:
            self._socket.sendall(words)
        except OSError as error:
            raise LineError(f"the connection broke while sending ({_what(error)})") from error

    def say_or_lose(
        self, words: bytes, sent: Sequence[Message], waiting: Iterable[Message | None]
    ) -> None:
        """Say what may end the messages `sent`; behind them are those `waiting`."""
        try:
            self.say(words)
        except LineError as lost:
            raise lost.caught(sent, waiting) from None

    def reply(self) -> Reply:
        """The next answer, all its lines; raises LineError where there is none that makes sense."""
        words = []
        while True:
            try:
                line = self._file.readline(_LONGEST_REPLY)
            except OSError as error:
                raise LineError(f"the connection broke ({_what(error)})") from error
            if not line.endswith(b"\n") or not line[:3].isdigit():
                raise LineError(
                    "the connection was closed" if not line else "an answer that is not SMTP"
                )
            if line[3:4] != b"-":
                break
            words.append(line[4:])
        reply = Reply(int(line[:3]), b" ".join([*words, line[4:]]) if words else line[4:])
        if reply.code == 421:
            raise LineError(str(reply), refused=True)
        return reply

    def close(self) -> None:
        """Leave politely if the server still listens; it owes us nothing any more."""
        try:
            self._socket.settimeout(1)
            self._socket.sendall(b"QUIT\r\n")
        except OSError:
            pass
        self._file.close()
        self._smtp.close()


def _opened(server: Smtp) -> smtplib.SMTP:
    found: smtplib.SMTP | None = None
    try:
        found = _greeted(server)
        if server.tls == "starttls":
            found.starttls(context=_trust())
            found.ehlo()
        if server.user:
            found.login(server.user, server.password)
        opened, found = found, None
    except smtplib.SMTPAuthenticationError as error:
        said = _clean(error.smtp_error if isinstance(error.smtp_error, bytes) else b"")
        raise OutsideError(
            f"{SERVER} refuses the user or the password that stand in it ({error.smtp_code} {said})"
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        raise OutsideError(f"{SERVER} cannot do what is asked of it: {error}") from None
    except ssl.SSLCertVerificationError as error:
        raise OutsideError(
            f"{SERVER} shows a certificate that is not to be trusted: {error.verify_message}"
        ) from None
    except smtplib.SMTPResponseException as error:
        said = _clean(error.smtp_error if isinstance(error.smtp_error, bytes) else b"")
        raise OutsideError(f"{SERVER} turns us away: {error.smtp_code} {said}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise OutsideError(f"{SERVER} cannot be reached: {_what(error)}") from None
    finally:
        if found is not None:
            found.close()
    return opened


def _greeted(server: Smtp) -> smtplib.SMTP:
    """A connection that has said hello."""
    hello, where = server.hello or socket.gethostname(), (server.host, server.port)
    if server.tls == "implicit":
        made: smtplib.SMTP = smtplib.SMTP_SSL(
            *where, hello, timeout=server.timeout, context=_trust()
        )
    else:
        made = smtplib.SMTP(*where, hello, timeout=server.timeout)
    try:
        made.ehlo_or_helo_if_needed()
    except BaseException:
        made.close()
        raise
    return made


def _trust() -> ssl.SSLContext:
    """The system's certificates, or those that SSL_CERT_FILE names."""
    return ssl.create_default_context()


def _what(error: Exception) -> str:
    """An error of the system in its own words, which name neither host nor address."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__


def _clean(words: bytes) -> str:
    """What a server says as one line that names no address."""
    said = words[:500].decode("utf-8", "replace").strip()
    said = said if said.isprintable() else one_line(said)
    return without_addresses(said)[:300]


# --- three ways to hand messages over -------------------------------------------------------------


def step_by_step(line: Line, messages: Iterator[Message]) -> Iterator[Outcome]:
    """Each command waits for its answer: what every server understands."""
    for message in messages:
        try:
            outcome = _asked(line, message)
        except LineError as lost:
            raise lost.caught([], [message]) from None
        if outcome is None:
            line.say_or_lose(b"".join(_ended(message)), [message], [])
            outcome = _end(line, [message], [])
        yield outcome
        _stop_if_unwanted(line)


def pipelined(line: Line, messages: Iterator[Message]) -> Iterator[Outcome]:
    """The envelope of the next message rides behind the one before it (RFC 2920): one wait a message."""
    here, ahead = next(messages, None), next(messages, None)
    if here is not None:
        line.say_or_lose(_envelope(here) + b"DATA\r\n", [], [here, ahead])
    while here is not None:
        try:
            outcome = _answered(line)
        except LineError as lost:
            raise lost.caught([], [here, ahead]) from None
        next_one = b"" if ahead is None else _envelope(ahead) + b"DATA\r\n"
        taken = [here] if outcome is None else []
        words = [*_ended(here), next_one] if taken else [next_one]
        line.say_or_lose(b"".join(words), taken, [ahead])
        following = next(messages, None)  # is made while the server works
        if taken:
            outcome = _end(line, taken, [ahead, following])
        assert outcome is not None
        yield outcome
        _stop_if_unwanted(line)
        here, ahead = ahead, following


def in_chunks(line: Line, messages: Iterator[Message], window: int) -> Iterator[Outcome]:
    """Whole messages follow each other without a wait (RFC 3030), until `window` of them have no answer."""
    flying: deque[Message] = deque()
    for message in messages:
        if line.unwanted >= BREAKS:
            while flying:
                yield _landed(line, flying, [message])
            _stop_if_unwanted(line)
        try:
            line.say(b"".join([_envelope(message), _chunk(message), message.content]))
        except LineError:  # the last byte was not sent; what was sent before may have been answered
            while flying:
                yield _landed(line, flying, [message])
            raise LineError("the connection broke while sending", untried=[message]) from None
        flying.append(message)
        if len(flying) == window:
            yield _landed(line, flying)
    while flying:
        yield _landed(line, flying)
    _stop_if_unwanted(line)


def _asked(line: Line, message: Message) -> Outcome | None:
    """Whether the server would have a message: None, or why not."""
    for command, judge in zip(
        [*_envelope(message).splitlines(keepends=True), b"DATA\r\n"], JUDGES, strict=True
    ):
        line.say(command)
        if outcome := judge(line, line.reply()):
            line.say(b"RSET\r\n")
            line.reply()
            return outcome
    return None


def _answered(line: Line) -> Outcome | None:
    """The three answers to an envelope that was sent at once: None if the server would have the message."""
    replies = [line.reply() for _ in JUDGES]
    found = [
        outcome
        for judge, reply in zip(JUDGES, replies, strict=True)
        if (outcome := judge(line, reply))
    ]
    if found and replies[-1].code == 354:  # it waits for a message that nobody gets (RFC 2920 §3.1)
        line.say(b".\r\n")
        line.reply()
    return found[0] if found else None


def _landed(line: Line, flying: deque[Message], waiting: Iterable[Message] = ()) -> Outcome:
    """The first of the messages under way is answered."""
    try:
        replies = [line.reply() for _ in range(3)]
    except LineError as lost:
        raise lost.caught(list(flying), waiting) from None
    flying.popleft()
    refused = _of_sender(line, replies[0]) or _of_recipient(line, replies[1])
    return refused or _final(line, replies[2])


def _end(line: Line, sent: Sequence[Message], waiting: Iterable[Message | None]) -> Outcome:
    """The answer to the end of a message."""
    try:
        return _final(line, line.reply())
    except LineError as lost:
        raise lost.caught(sent, waiting) from None


# --- what an answer means -------------------------------------------------------------------------


def _of_sender(line: Line, reply: Reply) -> Outcome | None:
    """A sender that is not taken says nothing of the recipient, so the row is tried again."""
    if reply.good:
        return None
    line.unwanted, line.why = line.unwanted + 1, str(reply)
    return Outcome("deferred", f"the sender is not taken: {reply}")


def _of_recipient(_: Line, reply: Reply) -> Outcome | None:
    return None if reply.good else _no(reply)


def _of_data(_: Line, reply: Reply) -> Outcome | None:
    if reply.code == 354:
        return None
    if reply.good:
        raise LineError(f"an answer out of place: {reply}")
    return _no(reply)


def _final(line: Line, reply: Reply) -> Outcome:
    if not reply.good:
        return _no(reply)
    line.unwanted = 0
    return Outcome("accepted", str(reply))


def _no(reply: Reply) -> Outcome:
    return Outcome("deferred" if reply.code < 500 else "refused", str(reply))


JUDGES = (_of_sender, _of_recipient, _of_data)


def _stop_if_unwanted(line: Line) -> None:
    if line.unwanted >= BREAKS:
        raise OutsideError(f"{SERVER} does not take mail from this sender: {line.why}")


# --- what is said ---------------------------------------------------------------------------------


def _envelope(message: Message) -> bytes:
    for path in (message.return_path, message.recipient):
        if not _PATH.fullmatch(path):
            raise SimulcastError("a message has an address that cannot be said to a server")
    return f"MAIL FROM:<{message.return_path}>\r\nRCPT TO:<{message.recipient}>\r\n".encode()


def _chunk(message: Message) -> bytes:
    return f"BDAT {len(message.content)} LAST\r\n".encode()


def _ended(message: Message) -> tuple[bytes, bytes]:
    """A message, and its end; a line that begins with a dot gets another (RFC 5321 §4.5.2)."""
    content = message.content
    if not message.undotted and (content.startswith(b".") or b"\n." in content):
        content = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
    return content, b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"


def log_in(server: Smtp) -> None:
    """Open a connection as mail does, log in, and leave without sending. Raises OutsideError where that fails."""
    _opened(server).quit()
