"""The e-mail with which somebody sets their password anew.

Who has an address is found after the answer was given: it takes no longer for an address that somebody has.
"""

import threading
from urllib.parse import urljoin

import structlog
from allauth.account import app_settings
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import connection
from django.template.loader import render_to_string
from django.urls import reverse

MOST_AT_ONE_TIME = 4

log = structlog.get_logger(__name__)
_places = threading.BoundedSemaphore(MOST_AT_ONE_TIME)


def send_later(address: str, origin: str) -> None:
    """Mail whoever has this address a link below `origin`, by a thread of its own. What fails is in the log."""
    if not _places.acquire(blocking=False):
        log.warning("no e-mail to reset a password was sent", reason="too many at one time")
        return
    threading.Thread(target=_send, args=(address, origin), name="reset-mail", daemon=True).start()


def _send(address: str, origin: str) -> None:
    try:
        for person in User.objects.filter(email__iexact=address, is_active=True, is_staff=True):
            if person.has_usable_password():
                message_to(person, origin).send()
    except Exception as error:  # a mail server that is away, or the database; the person asks again
        log.warning("no e-mail to reset a password was sent", reason=type(error).__name__)
    finally:
        connection.close()
        _places.release()


def message_to(person: User, origin: str) -> EmailMessage:
    """The e-mail to one person, at the address that is stored for them."""
    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(person)
    path = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(person), token])
    context = {
        "person": person,
        "origin": origin,
        "url": urljoin(origin, path),
        "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
    }
    return EmailMessage(
        subject=f"[{settings.UNFOLD['SITE_TITLE']}] Set a new password",
        body=render_to_string("account/reset_mail.txt", context),
        to=[person.email],
        headers={"Auto-Submitted": "auto-generated"},
    )
