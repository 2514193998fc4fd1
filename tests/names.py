"""A name server for tests, which says who takes the mail of a domain, and is silent about some."""

from __future__ import annotations

import socketserver
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.message
import dns.rcode
import dns.rrset


class _Names(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        words, line = self.request
        asked = dns.message.from_wire(words)
        name = asked.question[0].name.to_text().rstrip(".")
        server = self.server
        server.asked[name] += 1  # type: ignore[attr-defined]
        hosts = server.known.get(name)  # type: ignore[attr-defined]
        if hosts is None:
            return
        answer = dns.message.make_response(asked)
        if hosts:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "MX", *hosts))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        line.sendto(answer.to_wire(), self.client_address)


@contextmanager
def names(known: Mapping[str, list[str]]) -> Iterator[tuple[int, Counter[str]]]:
    """The port it listens at, and how often each name was asked for. An empty list: there is no such domain."""
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), _Names) as server:
        server.daemon_threads = True
        server.known, server.asked = known, Counter()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], server.asked  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()
