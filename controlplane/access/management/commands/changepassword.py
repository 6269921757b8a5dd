"""`manage.py changepassword`: Django's own, with an entry in the audit trail."""

import getpass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.management.commands import changepassword
from django.utils import timezone

from controlplane.access import audit
from controlplane.access.principals import unlimited

AUTHOR = unlimited("command:changepassword").author("command")


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> str:
        words = super().handle(*args, **options)
        name = options["username"] or getpass.getuser()
        user = get_user_model().objects.get_by_natural_key(name)
        audit.record_of_person(by=AUTHOR, now=timezone.now(), what="updated", person=user, fields=["password"])
        return str(words)
