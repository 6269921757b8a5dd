"""An import from the file to the plan, the same for every entry point."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cameras.models import Site
from cameras.transfer.files import csv_format, formats, frigate, placeholders
from cameras.transfer.files.formats import Format
from cameras.transfer.files.rows import MAX_FILE_BYTES, Row, UnreadableFile
from cameras.transfer.plan import Effect, Plan, make_plan
from controlplane.access.principals import Principal


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came, and what was said with it: its format, or None to recognise it; the site for its rows."""

    data: bytes
    file_name: str
    format: str | None = None
    site: Site | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """The rows of a file, to be planned as often as is needed."""

    rows: list[Row]
    format: Format
    site: Site | None

    @property
    def unit(self) -> str:
        """What the rows' numbers count."""
        return "item" if self.format is Format.JSON else "line"

    def refused_file(self, plan: Plan) -> str:
        """The refused rows with their reasons, as a CSV that is imported again once they are mended.

        It holds what the file says, its passwords too, but none that the environment of this service filled in.
        """
        hidden = ("connection_string",) if self.format is Format.FRIGATE else ()
        return csv_format.write_refused(
            (planned.row.number, _without(planned.row.values, hidden), planned.faults)
            for planned in plan.having(Effect.REFUSED)
        )

    def plan(self, principal: Principal) -> Plan:
        same_zones = frigate.holds_the_same_zones if self.format is Format.FRIGATE else None
        return make_plan(self.rows, principal=principal, site=self.site, same_zones=same_zones)


def _without(values: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in hidden}


def read_upload(upload: Upload) -> Prepared:
    """The rows of the file; placeholders are filled from this process's environment. Raises UnreadableFile."""
    if len(upload.data) > MAX_FILE_BYTES:
        raise UnreadableFile(f"The file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB.")
    source = Format(upload.format) if upload.format else formats.recognise(upload.file_name, upload.data)
    values = placeholders.from_environment() if source is Format.FRIGATE else {}
    return Prepared(formats.read(upload.data, source, values), source, upload.site)
