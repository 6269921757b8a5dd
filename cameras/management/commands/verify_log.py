"""`manage.py verify_log`: whether the change log and the audit trail are what was written."""

from typing import Any

from django.core.management.base import CommandError

from cameras import log_chains
from controlplane.commands import CommandWithEpilog, needs_database
from controlplane.log_chain import Place

HELP = """\
Check that no change of a camera and no entry of the audit trail was removed, edited, exchanged or added.

Each row of both logs holds a digest over itself and the one before. A beginning that `prune_log` removed is no
fault. At the end the last number and digest of each log are printed: written down where this database's owner
cannot reach, and given back later with --expect, they also show that nobody has made a whole log anew.

Ends with 0 where both logs are as they were written, else with 1 and a line for each fault.
"""
EXAMPLE = """\
example:
  manage.py verify_log
  manage.py verify_log --expect "change log=1042:9f86d081...0a08" --expect "audit trail=311:60303ae2...6752"
"""
MOST_SHOWN = 20


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--expect",
            action="append",
            default=[],
            metavar="LOG=NUMBER:DIGEST",
            help="an end that was printed before, and must still be a row of the log",
        )

    @needs_database()
    def handle(self, expect: list[str], **options: Any) -> None:
        expected = [_parsed(text) for text in expect]
        is_sound = True
        for log, finding in log_chains.check().items():
            after = finding.begins_after.number
            pruned = f" It begins after {after}: what was before is pruned." if after else ""
            self.stdout.write(f"{log}: {finding.rows} rows, {len(finding.faults)} faults.{pruned}")
            for fault in finding.faults[:MOST_SHOWN]:
                self.stdout.write(f"  {fault.where}: {fault.what}.")
            if len(finding.faults) > MOST_SHOWN:
                self.stdout.write(f"  ... and {len(finding.faults) - MOST_SHOWN} more.")
            self.stdout.write(f"  {log}={finding.end}")
            is_sound &= not finding.faults
        for log, place in expected:
            if place.number <= log_chains.beginning_of(log).number:
                self.stdout.write(f"{log}: {place.number} is pruned, so that it cannot be compared.")
            elif not log_chains.is_in(log, place):
                self.stdout.write(f"{log}: {place.number} is not the row that was expected.")
                is_sound = False
        if not is_sound:
            raise CommandError("The logs are not as they were written.")


def _parsed(text: str) -> tuple[str, Place]:
    log, _equals, place = text.partition("=")
    number, _colon, digest = place.partition(":")
    if log not in log_chains.CHAINS or not number.isdecimal() or not digest:
        raise CommandError("--expect takes what was printed, such as 'change log=12:9f86d0...'.")
    return log, Place(int(number), digest)
