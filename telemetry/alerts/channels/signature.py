"""Signatures of webhooks, by the Standard Webhooks specification: HMAC-SHA256 of id, timestamp and body. Pure."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits, in the form that libraries of the specification take."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed_headers(signing: Sequence[str], message_id: UUID, sent_at: datetime, body: bytes) -> dict[str, str]:
    """What a receiver verifies, by any of the secrets. Of a repetition the id stays, the rest is new."""
    timestamp = str(int(sent_at.timestamp()))
    signed = b".".join((str(message_id).encode(), timestamp.encode(), body))
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in signing),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
