"""Whether a request comes from who it says: by a hash that needs a secret, in constant time. Pure."""

import hmac
from hashlib import sha256

_BEGINS = "sha256="


def is_signed(signature: str | None, signed: bytes, secret: str) -> bool:
    """Tell whether a signature is the one of these bytes.

    Args:
        signature: as the header says it: `sha256=` and the HMAC in hexadecimal; None if there is none.
        signed: what was signed.
        secret: that the platform signs with.
    """
    expected = _BEGINS + hmac.new(secret.encode(), signed, sha256).hexdigest()
    return is_same(signature or "", expected)


def is_same(presented: str, expected: str) -> bool:
    """Tell whether a secret that is presented is the one that is expected."""
    # What is not UTF-8 comes as surrogates, which cannot be encoded otherwise.
    return hmac.compare_digest(presented.encode(errors="surrogateescape"), expected.encode())
