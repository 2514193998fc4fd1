"""Which server takes a domain's mail: asked of DNS, within a few seconds for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait

Exchanger = Callable[[str], str | None]
"""Gives the server that takes a domain's mail; "" where none does, None where DNS does not answer. Raises nothing."""

PATIENCE = 10.0
"""Seconds that an edition waits for the answers; whom none is known of goes by their domain."""

ANSWER = 3.0
"""Seconds that DNS is given for one of them."""

AT_ONCE = 16

RESERVED = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")
"""Domains that can have no mail (RFC 2606)."""


def asked(domains: Iterable[str], ask: Exchanger, patience: float = PATIENCE) -> dict[str, str]:
    """What is answered in time."""
    pool = ThreadPoolExecutor(AT_ONCE)
    answers = {pool.submit(ask, domain): domain for domain in domains}
    done, _ = wait(answers, timeout=patience)
    pool.shutdown(wait=False, cancel_futures=True)
    found = {answers[one]: one.result() for one in done}
    return {domain: host for domain, host in found.items() if host is not None}


def dns(nameserver: str = "", port: int = 53) -> Exchanger:
    """Asks the system's resolver, or another."""
    import dns.resolver
    from dns.exception import DNSException

    try:
        resolver = dns.resolver.Resolver(configure=not nameserver)
    except DNSException:  # this machine has none
        return lambda _: None
    if nameserver:
        resolver.nameservers, resolver.port = [nameserver], port

    def ask(domain: str) -> str | None:
        try:
            found = resolver.resolve(f"{domain}.", "MX", lifetime=ANSWER)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ""
        except (DNSException, OSError):
            return None
        best = min((one.preference, str(one.exchange).casefold()) for one in found)
        return best[1].rstrip(".")

    return lambda domain: "" if reserved(domain) else ask(domain)


def reserved(domain: str) -> bool:
    return any(domain == one or domain.endswith(f".{one}") for one in RESERVED)
