"""An input for a secret that the person may look at while they type; what is stored is never put into it."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminPasswordWidget


class SecretInput(UnfoldAdminPasswordWidget):
    def __init__(self) -> None:
        super().__init__(
            {
                "autocomplete": "new-password",
                "spellcheck": "false",
                "data-secret": "",  # for the script that keeps what was typed: it keeps no secrets
                "x-bind:type": "shown ? 'text' : 'password'",
            }
        )

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("admin/secret_input.html", {"input": super().render(name, value, attrs, renderer)})
