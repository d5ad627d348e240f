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


def owner_address(written: str) -> str:
    """Return the one form of an address, of which there is one for each owner."""
    decomposed = unicodedata.normalize("NFD", written.strip())
    # Letter by letter: a text as a whole has other rules (Σ at the end of a word).
    return unicodedata.normalize("NFC", "".join(letter.lower() for letter in decomposed))
