"""Whose something is: an owner is an email address, however it is written.

Issuers of tokens, whoever fills `users`, and people who type write one address in several ways. It is
compared in one form: without space around it, in small letters, composed as Unicode does it. What only looks
alike stays apart, as do letters that become others when folded further (ß and ss, İ and i): they are other
mailboxes.

`owner_address` of the database (migration 0011) says the same. Pure.
"""

import unicodedata

#: The longest email address there is (RFC 5321), and so the longest that can be an owner's.
ADDRESS_MAX = 320
#: How what stands for the address of somebody without one begins; no address does.
NO_ADDRESS = "sub:"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._~@|:/+=")


def owner_address(written: str) -> str:
    """Return the one form of an address, of which there is one for each owner."""
    decomposed = unicodedata.normalize("NFD", written.strip())
    # Letter by letter: a text as a whole has other rules (Σ at the end of a word).
    return unicodedata.normalize("NFC", "".join(letter.lower() for letter in decomposed))


def instead_of_address(user: str) -> str:
    """Return what somebody without an address is known by: `sub:` and the id that their issuer gives them.

    Ids tell small letters from large ones, which no owner does: what is not plain in an id is written as in a
    URL, so that two ids never become one owner.
    """
    written = (
        letter if letter in _PLAIN else "".join(f"%{byte:02x}" for byte in letter.encode()) for letter in user
    )
    return NO_ADDRESS + "".join(written)
