"""`manage.py accept_clock`: trust the clock of this machine."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from controlplane.access import audit
from controlplane.access.principals import unlimited
from controlplane.commands import needs_database
from telemetry.ingest.ticks import accept_clock

AUTHOR = unlimited("command:accept_clock").author("command")


class Command(BaseCommand):
    help = (
        "Trust the clock of this machine. Ingest answers 503 while its clock is more than a minute behind what "
        "is stored; where the clock is right now and was ahead before, this lets it go on."
    )

    def handle(self, **options: Any) -> None:
        now = timezone.now()
        with needs_database(), transaction.atomic():
            accept_clock(now)
            audit.record(by=AUTHOR, now=now, action="clock.accepted", object_type="clock", object_id="ingest")
        self.stdout.write(f"It is {now:%Y-%m-%d %H:%M:%S} UTC; ingest goes on from there.")
