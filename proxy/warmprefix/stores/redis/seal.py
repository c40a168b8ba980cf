"""How texts are written into a server that others can read: as they are, or encrypted under a key of the user.

AES-256-GCM; the name under which a value is stored is authenticated with it, so no value passes for another.
Names are digests: those of texts are keyed too, so that nobody can look up whether a text is there.
"""

import os
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from warmprefix.core.errors import StoreError
from warmprefix.core.identity.keys import DIGEST_BYTES, content_key

_NONCE_BYTES = 12


class Plain:
    """Values as they are."""

    def name(self, raw: bytes) -> bytes:
        """The name of a text."""
        return content_key(raw)

    def closed(self, raw: bytes, name: bytes) -> bytes:
        """What is stored under a name."""
        del name
        return raw

    def opened(self, value: bytes, name: bytes) -> bytes:
        """What was stored. Raises StoreError if it was written under another key."""
        del name
        return value


class Sealed(Plain):
    """Values under a key, which any text makes."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESGCM(_derived(secret, b"values"))
        self._names = _derived(secret, b"names")

    def name(self, raw: bytes) -> bytes:
        """The name of a text, which only who has the key can compute."""
        return blake2b(raw, digest_size=DIGEST_BYTES, key=self._names).digest()

    def closed(self, raw: bytes, name: bytes) -> bytes:
        """The nonce and the encrypted value."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, raw, name)

    def opened(self, value: bytes, name: bytes) -> bytes:
        """What was stored. Raises StoreError if it was written under another key, or changed."""
        nonce, rest = value[:_NONCE_BYTES], value[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, name)
        except (InvalidTag, ValueError):
            raise StoreError("a value was written under another key") from None


def _derived(secret: str, use: bytes) -> bytes:
    return blake2b(secret.encode(), digest_size=32, person=use).digest()
