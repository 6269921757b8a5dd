"""`manage.py createsuperuser`: Django's own, with an entry in the audit trail."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.management.commands import createsuperuser
from django.db import transaction
from django.utils import timezone

from controlplane.access import audit
from controlplane.access.principals import unlimited

AUTHOR = unlimited("command:createsuperuser").author("command")


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        superusers = get_user_model().objects.filter(is_superuser=True)
        known = set(superusers.values_list("pk", flat=True))
        super().handle(*args, **options)
        with transaction.atomic():
            # The name may have been typed, which Django's command gives nobody.
            for user in superusers.exclude(pk__in=known):
                audit.record_of_person(
                    by=AUTHOR, now=timezone.now(), what="created", person=user, fields=["is_superuser"]
                )
