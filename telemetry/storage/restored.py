"""Whether a database that was restored is whole, of this code, and opened by this key ring. Changes nothing."""

from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection
from django.db.models import Exists, Max, OuterRef

from cameras import log_chains
from cameras.key_rotation import Canary, survey_keys
from cameras.models import Camera, CameraVitals, Change, RevisionCounter
from controlplane.databases.schema_age import missing_migrations, newer_migrations
from telemetry.history.rollups import kept_from
from telemetry.models import Sample

SHOWN = 3


class Check(NamedTuple):
    """What was found of one thing; `advice` says what to do where it is not well, and is empty otherwise."""

    name: str
    found: str
    advice: str = ""


def check_restored() -> Iterator[Check]:
    """Each check as it is done. Where the schema is another's, that alone is said: nothing else can be read."""
    schema = _schema()
    yield schema
    if schema.advice:
        return
    yield from (_rows(), _counters(), _latest(), _keys(), _logs())


def _schema() -> Check:
    if newer := newer_migrations():
        return Check(
            "migrations",
            f"the dump is of a newer version: this code does not know {_some(newer)}",
            "Install the version that it was taken with, or a newer one, and check again.",
        )
    if missing := missing_migrations():
        return Check(
            "migrations",
            f"the dump is of an older version: it lacks {_some(missing)}",
            "Run `manage.py migrate`, and check again.",
        )
    return Check("migrations", "those of this code")


def _rows() -> Check:
    cameras, vitals, samples = Camera.objects.count(), CameraVitals.objects.count(), Sample.objects.count()
    found = f"{cameras:,} cameras, {vitals:,} vitals, {samples:,} samples"
    # Vitals are removed with their camera, in its transaction.
    return Check("rows", found, "" if cameras == vitals else "The copy is not of one moment: take another one.")


def _counters() -> Check:
    """Revisions, and how many samples each camera was told were accepted; retention removes some of these."""
    counter = RevisionCounter.objects.values_list("revision", flat=True).first() or 0
    newest = Change.objects.aggregate(newest=Max("revision"))["newest"] or counter
    with connection.cursor() as cursor:
        cursor.execute(
            # A camera that was brought back from the bin began to count anew, and has its samples of before.
            "SELECT count(*) FROM cameras_cameravitals JOIN (SELECT telemetry_sample.camera_id, count(*) AS stored"
            " FROM telemetry_sample JOIN (SELECT camera_id, max(at) AS began FROM cameras_change"
            " WHERE kind = 'created' GROUP BY camera_id) AS made ON made.camera_id = telemetry_sample.camera_id"
            " WHERE received_at >= began GROUP BY telemetry_sample.camera_id) AS samples"
            " ON samples.camera_id = cameras_cameravitals.camera_id WHERE stored > accepted_count"
        )
        [wrong] = cursor.fetchone()
    if counter == newest and not wrong:
        return Check("counters", f"revision {counter:,}, and no camera has more samples than it was told")
    return Check(
        "counters",
        f"revision {counter:,}, newest change {newest:,}; {wrong:,} cameras have more samples than they were told",
        "The copy is not of one moment: take another one.",
    )


def _latest() -> Check:
    """The sample that a camera shows as its latest is there, unless retention removed it."""
    sample = Sample.objects.filter(camera_id=OuterRef("pk"), timestamp=OuterRef("latest_timestamp"), zone="")
    without = CameraVitals.objects.filter(~Exists(sample), latest_timestamp__isnull=False)
    if (begin := kept_from().raw) is not None:
        without = without.filter(latest_timestamp__gte=begin)
    if wrong := without.count():
        return Check("latest samples", f"{wrong:,} are missing", "The copy is not whole: take another one.")
    return Check("latest samples", "all there")


def _keys() -> Check:
    survey = survey_keys()
    readable = survey.on_first_key + survey.on_old_keys
    in_all = readable + len(survey.unreadable)
    if survey.canary is Canary.UNREADABLE or survey.unreadable:
        return Check(
            "keys",
            f"FIELD_ENCRYPTION_KEYS opens {readable:,} of {in_all:,} connection strings",
            "It is not the key of this database: put the one back that it was written with.",
        )
    return Check("keys", f"FIELD_ENCRYPTION_KEYS opens all {readable:,} connection strings")


def _logs() -> Check:
    findings = log_chains.check()
    found = ", ".join(f"{log}: {finding.rows:,} rows" for log, finding in findings.items())
    if any(finding.faults for finding in findings.values()):
        return Check("logs", found, "They are not as they were written: `manage.py verify_log` says where.")
    return Check("logs", f"{found}, as they were written")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
