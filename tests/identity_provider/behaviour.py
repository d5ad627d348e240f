"""How the identity provider of tests behaves: by the letter, or with one trick."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: The clients that it knows, one with a secret.
CLIENT, SECRET, PUBLIC_CLIENT = "chatlog", "a secret, with: odd/characters+", "chatlog-public"


class Trick(StrEnum):
    """What it can do wrong, each in one place of the protocol."""

    # In the ID token.
    WRONG_NONCE = "wrong nonce"
    NO_NONCE = "no nonce"
    WRONG_AUDIENCE = "wrong audience"
    SECOND_AUDIENCE = "a second audience, and no authorized party"
    WRONG_PARTY = "another authorized party"
    WRONG_ISSUER = "wrong issuer"
    ISSUER_WITH_SLASH = "issuer with a slash too many"
    EXPIRED = "expired"
    NO_EXPIRY = "no expiry"
    NO_SUBJECT = "no subject"
    ALG_NONE = "alg none"
    HS256_WITH_PUBLIC_KEY = "HS256 with the public key"
    HS256_WITH_CLIENT_SECRET = "HS256 with the client's secret"
    UNKNOWN_KEY = "a key that is not published"
    FOREIGN_KEY_UNDER_KNOWN_NAME = "a key of its own under a known name"
    ALTERED_AFTER_SIGNING = "altered after signing"
    NOT_A_TOKEN = "not a token"
    NO_ID_TOKEN = "no ID token"
    UNVERIFIED_EMAIL = "unverified email"
    # In what the browser brings back.
    ANOTHER_ISSUER_ANSWERS = "another issuer answers"
    NO_ISSUER_IN_ANSWER = "no issuer in the answer"
    NO_STATE = "no state"
    WRONG_STATE = "wrong state"
    STATE_TWICE = "state twice"
    NO_CODE = "no code"
    DENIES = "denies"
    HAS_AN_ERROR = "has an error"
    HAS_A_SCRIPT_FOR_ERROR = "has a script for an error"
    # At its endpoints.
    TAKES_CODES_AGAIN = "takes codes again"
    TAKES_ANY_VERIFIER = "takes any verifier"
    METADATA_OF_ANOTHER = "metadata of another issuer"
    METADATA_WITHOUT_HTTPS = "metadata with an endpoint without https"
    METADATA_HUGE = "huge metadata"
    METADATA_NESTED = "metadata nested too deeply"
    METADATA_SLOW = "slow metadata"
    METADATA_DOWN = "metadata down"
    METADATA_ELSEWHERE = "metadata moved elsewhere"
    TOKENS_HUGE = "huge answer of the token endpoint"
    TOKENS_SLOW = "slow token endpoint"
    TOKENS_DOWN = "token endpoint down"
    TOKENS_ELSEWHERE = "token endpoint moved elsewhere"
    TOKENS_NO_JSON = "token endpoint without JSON"
    KEYS_DOWN = "key server down"
    KEYS_SLOW = "slow key server"
    USERINFO_OF_ANOTHER = "userinfo of somebody else"
    USERINFO_DOWN = "userinfo down"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How it behaves.

    Attributes:
        trick: what it does wrong, if anything.
        claims: of the people it lets in, beside the usual ones.
        without: claims that its ID tokens leave out, to tell them at the userinfo endpoint alone.
        client_authentication: how clients show their secret.
        algorithm: RS256 or ES256.
        generation: of its keys; another number is another pair, as after a rotation.
    """

    trick: Trick | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    client_authentication: str = "client_secret_basic"
    algorithm: str = "RS256"
    generation: int = 1
