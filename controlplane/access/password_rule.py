"""Passwords that are easy to guess, beyond those that are short."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from zxcvbn import zxcvbn

# What it finds in more is not worth the time that it takes.
MOST_CHARACTERS = 72
# Of 0 to 4: at this one and above, more than 100 million guesses.
LEAST_SCORE = 3
OF_THIS_SERVICE = ("control", "plane", "controlplane", "camera", "cameras")


class HardToGuess:
    """A validator of Django's: refuses common passwords, also with something before or behind them, sequences of
    keys, dates, repetitions, and what is made of the person's own names.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError."""
        own = (getattr(user, name, "") for name in ("username", "first_name", "last_name", "email"))
        found = zxcvbn(password[:MOST_CHARACTERS], [*OF_THIS_SERVICE, *(word for word in own if word)])
        if found["score"] < LEAST_SCORE:
            raise ValidationError(
                _("This password is easy to guess. Some words that have nothing to do with one another are hard."),
                code="password_easy_to_guess",
            )

    def get_help_text(self) -> str:
        return gettext(
            "It is no common password, and not made of sequences, repetitions, dates or your own names."
        )
