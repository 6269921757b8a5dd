"""Signatures of webhooks, by the Standard Webhooks specification: HMAC-SHA256 of id, timestamp and body. Pure."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from uuid import UUID

PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits, in the form that libraries of the specification take."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed_headers(secret: str, message_id: UUID, sent_at: datetime, body: bytes) -> dict[str, str]:
    """What a receiver verifies. Of a repeated message the id stays, timestamp and signature are new."""
    timestamp = str(int(sent_at.timestamp()))
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join((str(message_id).encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
