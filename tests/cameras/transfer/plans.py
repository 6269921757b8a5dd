"""Files for imports, their plans, and doing them, for the tests of imports and exports."""

import csv
import io
from typing import Any

from cameras import actions
from cameras.models import Site
from cameras.transfer import exports
from cameras.transfer import plan as import_plan
from cameras.transfer.files.formats import (
    Format,
)
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import Plan
from controlplane.access.principals import Principal
from tests.factories import AUTHOR, NOW, make_principal

ANNA = make_principal("administrator", name="anna")
VERA = make_principal("viewer", name="vera")
OTHER_URL = "rtsp://user:an0ther-secret@10.0.0.6/b"
HOSTILE = [
    "=HYPERLINK(\"http://x\",\"y\")", "=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "'=quoted", "'", "''", "'plain'",
    "＝1+1", "＋1", "－1", "＠x", "007", "1e5", "TRUE", "null", "a,b;c|d", 'say "x"', "<script>alert(1)</script>",
    "{{7*7}}", "Ünïcödé 北门 🎥", "a" * 200, "%s %(name)s {0}", "‘’", "# comment", "~", "on", "-", "|x", "a: b", "{FRIGATE_X}",
]  # fmt: skip
ZONES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "steps",
            "properties": {"name": "Stufen, „vorn“", "color": "#aabbcc", "capacity": 5},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[0.1234567, 0], [1, 1e-7], [1, 1], [0, 0.3333333333]]],
            },
        },
        {
            "type": "Feature",
            "properties": {"name": "line"},
            "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
        },
    ],
}


def plan_of(text: str | bytes, source: Format, principal: Principal = ANNA, site: Site | None = None) -> Plan:
    data = text if isinstance(text, bytes) else text.encode()
    return read_upload(Upload(data, "file", source, site)).plan(principal)


def effects(plan: Plan) -> list[str]:
    return [planned.effect.value for planned in plan.rows]


def csv_of(*rows: dict[str, Any]) -> str:
    out = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def apply(text: str, source: Format, principal: Principal = ANNA, site: Site | None = None) -> Plan:
    prepared = read_upload(Upload(text.encode(), "file", source, site))
    plan = prepared.plan(principal)
    import_plan.apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW)
    return plan


def remove(cameras: Any) -> None:
    for camera_id in cameras.values_list("pk", flat=True):
        actions.retire_camera(camera_id=camera_id, by=AUTHOR, now=NOW)


def export(target: Format, with_credentials: bool = False, principal: Principal = ANNA) -> str:
    return exports.export_cameras(
        target=target, with_credentials=with_credentials, principal=principal, by=AUTHOR, now=NOW
    ).text
