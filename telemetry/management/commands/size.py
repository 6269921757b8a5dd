"""`manage.py size`: how much room a fleet takes."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.db import connection

from cameras.geometry import MAX_ZONES
from controlplane.commands import CommandWithEpilog, needs_database
from telemetry.storage.forecast import short
from telemetry.storage.sizing import Fleet, RowBytes, Size, size_for

HELP = """\
Print how much room the telemetry of a fleet takes in this database: bytes a sample, an hour of a camera, the WAL
of a day (PostgreSQL), and the disk for samples, minutes and hours, with their indexes, once each is as old as its
retention allows (TELEMETRY_RETENTION_DAYS and the settings beside it).

The bytes of a row are measured in this database where one of its tables holds 10,000 rows, else they are
documented ones; each line says which. It warns where TELEMETRY_MAX_BYTES keeps fewer days than the retention asks
for, and says how many. Nothing is changed.
"""
EXAMPLE = """\
examples:
  manage.py size --cameras 1000 --interval 1
  manage.py size --cameras 200 --interval 5 --zones 3 --json
"""
NAMES = {
    "telemetry_sample": ("sample", "samples"),
    "telemetry_minuterollup": ("minute", "minutes"),
    "telemetry_hourrollup": ("hour", "hours"),
}


def _whole(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= most:
            raise ArgumentTypeError(f"takes a whole number from 1 to {most:,}, not {text!r}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 86_400:  # NaN is not within either
        raise ArgumentTypeError(f"takes seconds from 0.01 to 86,400, not {text!r}")
    return seconds


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cameras", type=_whole(10_000_000), required=True, metavar="N", help="how many")
        parser.add_argument(
            "--interval", type=_seconds, required=True, metavar="SECONDS", help="between two samples of a camera"
        )
        parser.add_argument(
            "--zones",
            type=_whole(MAX_ZONES + 1),
            default=1,
            metavar="Z",
            help="values that a camera sends each time; the whole frame counts as one (default: 1)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object, all sizes in bytes")

    @needs_database()
    def handle(self, *, cameras: int, interval: float, zones: int, **options: Any) -> None:
        size = size_for(Fleet(cameras, interval, zones))
        self.stdout.write(json.dumps(_object_of(size), indent=2) if options["json"] else _text_of(size))


def _text_of(size: Size) -> str:
    fleet = size.fleet
    lines = [
        f"{fleet.cameras:,} cameras, {fleet.zones} values each every {fleet.interval_seconds:g} s:"
        f" {size.samples_per_second:,.1f} samples a second",
        "",
    ]
    lines += [_line(f"a row of {NAMES[table][1]}", row.bytes, _source(row)) for table, row in size.rows.items()]
    lines.append(_line("an hour of a camera", size.camera_hour_bytes))
    if size.wal_bytes_per_day is not None:
        lines.append(_line("WAL a day", size.wal_bytes_per_day, "documented"))
    lines.append("")
    lines += [
        _line(NAMES[kept.level.table.name][1], kept.bytes, f"{kept.days} days, {kept.level.setting}")
        for kept in size.kept
    ]
    lines.append(_line("in all", size.bytes_needed))
    if size.warning:
        lines += ["", f"Warning: {size.warning}"]
    return "\n".join(lines)


def _line(name: str, size: float, remark: str = "") -> str:
    return f"  {name:<22}{short(size):>12}  {remark}".rstrip()


def _source(row: RowBytes) -> str:
    return "measured" if row.measured else "documented"


def _object_of(size: Size) -> dict[str, Any]:
    really = dict(zip((kept.level for kept in size.kept), size.days_really_kept, strict=True))
    return {
        **size.fleet._asdict(),
        "database": connection.vendor,
        "row_bytes": {
            NAMES[table][0]: {"bytes": round(row.bytes, 1), "source": _source(row)}
            for table, row in size.rows.items()
        },
        "samples_per_second": size.samples_per_second,
        "camera_hour_bytes": round(size.camera_hour_bytes),
        "wal_bytes_per_day": None if size.wal_bytes_per_day is None else round(size.wal_bytes_per_day),
        "kept": {
            NAMES[kept.level.table.name][1]: {
                "days": kept.days,
                "bytes": round(kept.bytes),
                "days_really_kept": round(really[kept.level], 1),
            }
            for kept in size.kept
        },
        "bytes_needed": round(size.bytes_needed),
        "bytes_max": size.bytes_max,
        "warning": size.warning,
    }
