"""The ID tokens of the identity provider of tests, good ones and others, and its keys."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.identity_provider.behaviour import Trick

if TYPE_CHECKING:
    from tests.identity_provider.behaviour import Behaviour

ELSEWHERE = "https://another-issuer.example"


class Keys:
    """Pairs of keys, by algorithm and generation."""

    def __init__(self) -> None:
        self._keys: dict[str, Any] = {}

    def private(self, name: str) -> Any:
        """Return the private key of a name (`kid`); its algorithm is how the name begins."""
        if name not in self._keys:
            self._keys[name] = _new_key(name.partition("-")[0])
        return self._keys[name]

    def public(self, name: str) -> dict[str, Any]:
        """Return the public key of a name, as a key server has it."""
        algorithm = name.partition("-")[0]
        kind: Any = jwt.algorithms.RSAAlgorithm if algorithm == "RS256" else jwt.algorithms.ECAlgorithm
        public: dict[str, Any] = kind.to_jwk(self.private(name).public_key(), as_dict=True)
        return public | {"kid": name, "use": "sig", "alg": algorithm}


def kid(algorithm: str, behaviour: Behaviour) -> str:
    return f"{algorithm}-{behaviour.generation}"


def id_of(email: str) -> str:
    """Return by what it knows a person, however they write their address."""
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()


def claims_of(email: str, behaviour: Behaviour) -> dict[str, Any]:
    """Return what it says of a person."""
    usual = {
        "sub": id_of(email),
        "email": email,
        "email_verified": behaviour.trick is not Trick.UNVERIFIED_EMAIL,
    }
    return usual | behaviour.claims


def id_token(
    email: str, behaviour: Behaviour, keys: Keys, *, issuer: str, client: str, secret: str | None, nonce: str
) -> str:
    now = int(time.time())
    told = claims_of(email, behaviour)
    claims = {name: value for name, value in told.items() if name not in behaviour.without}
    claims |= {"iss": issuer, "aud": client, "azp": client, "nonce": nonce, "iat": now, "exp": now + 300}
    return _sign(_spoilt(claims, behaviour.trick), behaviour, keys, secret)


def _spoilt(claims: dict[str, Any], trick: Trick | None) -> dict[str, Any]:
    changes: dict[Trick, dict[str, Any]] = {
        Trick.WRONG_NONCE: {"nonce": secrets.token_urlsafe(32)},
        Trick.NO_NONCE: {"nonce": None},
        Trick.WRONG_AUDIENCE: {"aud": "another-client"},
        Trick.SECOND_AUDIENCE: {"aud": [claims["aud"], "another-client"], "azp": None},
        Trick.WRONG_PARTY: {"azp": "another-client"},
        Trick.WRONG_ISSUER: {"iss": ELSEWHERE},
        Trick.ISSUER_WITH_SLASH: {"iss": f"{claims['iss']}/"},
        Trick.EXPIRED: {"exp": claims["iat"] - 60},
        Trick.NO_EXPIRY: {"exp": None},
        Trick.NO_SUBJECT: {"sub": None},
    }
    changed = claims | (changes.get(trick, {}) if trick else {})
    return {name: value for name, value in changed.items() if value is not None}


def _sign(claims: dict[str, Any], behaviour: Behaviour, keys: Keys, secret: str | None) -> str:
    algorithm = behaviour.algorithm
    headers = {"kid": kid(algorithm, behaviour)}
    key = keys.private(headers["kid"])
    match behaviour.trick:
        case Trick.NOT_A_TOKEN:
            return "no.token.at all"
        case Trick.ALG_NONE:
            return jwt.encode(claims, "", algorithm="none", headers=headers)
        case Trick.HS256_WITH_PUBLIC_KEY:
            pem = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            return _signed_with_secret(claims, pem, headers)
        case Trick.HS256_WITH_CLIENT_SECRET:
            return _signed_with_secret(claims, str(secret).encode(), headers)
        case Trick.UNKNOWN_KEY:
            return jwt.encode(claims, _new_key(algorithm), algorithm, headers={"kid": "unknown"})
        case Trick.FOREIGN_KEY_UNDER_KNOWN_NAME:
            return jwt.encode(claims, _new_key(algorithm), algorithm, headers=headers)
        case Trick.ALTERED_AFTER_SIGNING:
            head, _, signature = jwt.encode(claims, key, algorithm, headers=headers).split(".")
            altered = json.dumps(claims | {"email": "eve@example.org"}).encode()
            return f"{head}.{base64.urlsafe_b64encode(altered).rstrip(b'=').decode()}.{signature}"
    return jwt.encode(claims, key, algorithm, headers=headers)


def _new_key(algorithm: str) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def _signed_with_secret(claims: dict[str, Any], secret: bytes, headers: dict[str, str]) -> str:
    """Return what fools a client that takes the algorithm from the token; PyJWT would not make one."""
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"} | headers, claims)
    )
    content = b".".join(parts)
    signature = jwt.algorithms.HMACAlgorithm(hashlib.sha256).sign(content, secret)
    return (content + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()
