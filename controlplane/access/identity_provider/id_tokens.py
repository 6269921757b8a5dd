"""What is believed of an ID token: OpenID Connect Core 1.0, section 3.1.3.7, with the signature in every case."""

import hmac
import json
from datetime import datetime
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from jwt.types import Options

from controlplane.access.identity_provider.faults import AnswerRefused, ClockOff

# Signatures by a key of the provider's own. Not `none`, and not those by a secret that two know.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
# So far two clocks may be apart.
CLOCK_SECONDS = 60
MAX_SUBJECT = 255
# What reading a key or a token ends in that is of another shape than they have.
_OF_MALFORMED = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
_CLAIMS = ["iss", "sub", "aud", "exp", "iat", "nonce"]


def claims_of(
    token: object,
    keys: dict[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    backdated_seconds: int,
    now: datetime,
) -> dict[str, Any]:
    """The claims of a token that this issuer made just now, for this client and this very sign-in.

    `keys` are the provider's, as a JWKS. Raises AnswerRefused, and ClockOff for its times: it may have been made
    `backdated_seconds` before it says so.
    """
    if not isinstance(token, str):
        raise AnswerRefused("there is no ID token in the answer of the token endpoint")
    options: Options = {"require": _CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        key, algorithm = _key_of(token, keys)
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[algorithm], audience=client_id, issuer=issuer, options=options
        )
    except (jwt.PyJWTError, UnsupportedAlgorithm, *_OF_MALFORMED) as error:
        raise AnswerRefused(f"the ID token is not good ({type(error).__name__})") from None
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
        raise AnswerRefused("the ID token is for several clients, and was not made for this one (azp)")
    if not hmac.compare_digest(json.dumps(claims["nonce"]), json.dumps(nonce)):
        raise AnswerRefused("the ID token is of another sign-in (nonce)")
    subject = claims["sub"]
    if not (isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT and subject.isascii()) or "\0" in subject:
        raise AnswerRefused(f"the ID token has no subject of 1 to {MAX_SUBJECT} characters of ASCII")
    _check_times(claims, backdated_seconds, now.timestamp())
    return claims


def _key_of(token: str, keys: dict[str, Any]) -> tuple[Any, str]:
    """The provider's key by which the token says that it is signed, and the algorithm."""
    header = jwt.get_unverified_header(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise AnswerRefused("the ID token is not signed by an algorithm that is taken")
    published = keys.get("keys")
    fitting = [
        key
        for key in (published if isinstance(published, list) else [])
        if isinstance(key, dict) and key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
        if key_id is None or key.get("kid") == key_id
        if key.get("kty") != "oct"
    ]
    if len(fitting) != 1:
        raise AnswerRefused("the provider publishes no key, or not just one, by which the ID token is signed")
    reader = jwt.get_algorithm_by_name(algorithm)
    return reader.from_jwk(json.dumps(fitting[0])), algorithm


def _check_times(claims: dict[str, Any], backdated_seconds: int, now: float) -> None:
    made, ends, begins = claims["iat"], claims["exp"], claims.get("nbf", 0)
    for name, value in (("iat", made), ("exp", ends), ("nbf", begins)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
            raise AnswerRefused(f"the ID token has a time that is none ({name})")
    if made > now + CLOCK_SECONDS or begins > now + CLOCK_SECONDS:
        raise ClockOff(f"the ID token was made {max(made, begins) - now:.0f} seconds in the future")
    if made < now - CLOCK_SECONDS - backdated_seconds:
        raise ClockOff(f"the ID token was made {now - made:.0f} seconds ago, and not just now")
    if ends <= now - CLOCK_SECONDS:
        raise ClockOff(f"the ID token ended {now - ends:.0f} seconds ago")
