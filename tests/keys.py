"""Keys that sign for tests, made anew each time, and the DNS that a judge asks about them."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from pipeline.delivery.dkim import Signer

DOMAIN = "ground.example"
RSA = Signer(DOMAIN, "r2026", "rsa", rsa.generate_private_key(65537, 2048))
ED25519 = Signer(DOMAIN, "e2026", "ed25519", ed25519.Ed25519PrivateKey.generate())

RECORDS = {
    **{f"{one.selector}._domainkey.{DOMAIN}": one.record() for one in (RSA, ED25519)},
    f"_dmarc.{DOMAIN}": "v=DMARC1; p=reject; adkim=s; aspf=s",
    DOMAIN: "v=spf1 ip4:127.0.0.1 -all",
}


def dns(name: bytes | str, timeout: float = 0) -> str:
    """The TXT record of a name; nothing where there is none."""
    asked = name.decode() if isinstance(name, bytes) else name
    return RECORDS.get(asked.rstrip("."), "")
