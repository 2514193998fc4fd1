"""Messages are signed, so that receivers know whose they are (RFC 6376, RFC 8463)."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.errors import SimulcastError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Kind = Literal["rsa", "ed25519"]

KEY = "SIMULCAST_DKIM_KEY"
"""The variable that holds the private keys, or the path of a file that does."""

SMALLEST = 1024
"""Bits of an RSA key that receivers still verify (RFC 8301); theirs to wish for is 2048."""

TWICE = (b"from", b"to", b"subject", b"date", b"reply-to")
"""Headers signed once more than they stand there, so that nobody can add a second."""

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----", re.DOTALL)
_BLANKS = re.compile(rb"[ \t]+")
_LINE_END = re.compile(rb"[ \t]+(?=\r\n|\Z)")


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and where its public half stands: {selector}._domainkey.{domain}."""

    domain: str
    selector: str
    kind: Kind
    key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    def record(self) -> str:
        """What the domain's DNS must say for the signature to be believed."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        if isinstance(self.key, RSAPrivateKey):
            public = self.key.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
        else:
            public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k={self.kind}; p={b64encode(public).decode()}"


def signers(
    environment: Mapping[str, str], domain: str, selectors: Mapping[Kind, str]
) -> tuple[Signer, ...]:
    """The signers of the keys in SIMULCAST_DKIM_KEY, RSA first; none where it is not set.

    selectors: by kind of key, "rsa" and "ed25519". Raises SimulcastError: a key cannot be read, or has no selector.
    """
    written = environment.get(KEY, "")
    if not written:
        return ()
    keys = [_signer(pem, domain, selectors) for pem in _PEM.findall(_pem(written))]
    if not keys:
        raise SimulcastError(f"{KEY} holds no private key, nor the path of a file with one (PEM)")
    return tuple(sorted(keys, key=lambda one: one.kind, reverse=True))


def _pem(written: str) -> str:
    """The text of the keys; some systems keep a variable on one line, with \\n for its line ends."""
    if "-----BEGIN" in written:
        return written.replace("\\n", "\n")
    try:
        return Path(written).read_text("ascii")
    except (OSError, ValueError):
        return ""


def _signer(pem: str, domain: str, selectors: Mapping[Kind, str]) -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except Exception:  # the library's errors differ by what is wrong, and none may be repeated
        raise SimulcastError(
            f"{KEY} holds a key that cannot be read; it must be PEM without a password"
        ) from None
    if isinstance(key, RSAPrivateKey):
        if key.key_size < SMALLEST:
            raise SimulcastError(f"{KEY}: an RSA key of {key.key_size} bits; make one of 2048")
        return Signer(domain, _selector(selectors, "rsa"), "rsa", key)
    if isinstance(key, Ed25519PrivateKey):
        return Signer(domain, _selector(selectors, "ed25519"), "ed25519", key)
    raise SimulcastError(f"{KEY} holds a key of a kind that DKIM does not know: RSA or Ed25519")


def _selector(selectors: Mapping[Kind, str], kind: Kind) -> str:
    if not selectors.get(kind):
        raise SimulcastError(
            f"{KEY} holds an {kind} key that has no selector; "
            f'write in content/publication.toml: [email.dkim] {kind} = "…"'
        )
    return selectors[kind]


class Seal:
    """Signs the messages of an edition: what is the same in all of them is hashed once.

    same: the header lines that all have, as they stand in the message; each with its line end.
    own: the names of those that each has for itself, in the order in which `lines` gives them.
    """

    def __init__(self, signer: Signer, same: Iterable[bytes], own: Sequence[bytes]) -> None:
        lines = [canonical_header(line) for line in same]
        names = [line.partition(b":")[0] for line in lines] + list(own)
        # A name that is listed once more than it stands there can have no second added.
        listed = b":".join(names + [name for name in TWICE if name in names])
        self._sign = _signing(signer.key)
        self._headers = hashlib.sha256(b"".join(lines))
        self._shown = (
            f"DKIM-Signature: v=1; a={signer.kind}-sha256; c=relaxed/relaxed; d={signer.domain};\r\n"
            f" s={signer.selector}; h="
        ).encode() + _folded(listed, b":", 68)
        self._shown += b";\r\n bh="
        self._begin = canonical_header(self._shown).rstrip()

    def header(self, lines: bytes, body_hash: bytes) -> bytes:
        """The DKIM-Signature line; `lines` are the message's own headers in canonical form."""
        body = b64encode(body_hash)
        headers = self._headers.copy()
        headers.update(lines + self._begin + body + b"; b=")
        signature = b64encode(self._sign(headers.digest()))
        lines = b"\r\n ".join(signature[at : at + 72] for at in range(0, len(signature), 72))
        return self._shown + body + b";\r\n b=" + lines + b"\r\n"


def canonical_header(line: bytes) -> bytes:
    """A header in relaxed form (RFC 6376 §3.4.2), with its line end."""
    name, _, value = line.partition(b":")
    value = _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.strip().lower() + b":" + value + b"\r\n"


def canonical_body(body: bytes) -> bytes:
    """A part of a body, of whole lines, in relaxed form (RFC 6376 §3.4.4)."""
    return _BLANKS.sub(b" ", _LINE_END.sub(b"", body))


def _folded(words: bytes, joint: bytes, width: int) -> bytes:
    """A list in lines; a blank may follow its joints (RFC 6376 §3.5)."""
    lines = [b""]
    for word in words.split(joint):
        if len(lines[-1]) + len(word) > width:
            lines.append(b"")
        lines[-1] += word + joint
    return b"\r\n ".join(lines).removesuffix(joint)


def _signing(key: RSAPrivateKey | Ed25519PrivateKey) -> Callable[[bytes], bytes]:
    """What signs a SHA-256 digest with that key."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256

    if not isinstance(key, RSAPrivateKey):
        return key.sign
    rsa, padding, algorithm = key, PKCS1v15(), Prehashed(SHA256())
    return lambda digest: rsa.sign(digest, padding, algorithm)
