"""Which camera a row of a file means, and which site: by id, else by site and name.

A name means the camera that has just this name, else the one whose name looks the same (`names.key`).
Reads the cameras and sites that a principal may see, in a few queries for all rows.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cameras import names, recycle_bin
from cameras.intent import InvalidIntent, clean_site
from cameras.models import Camera, DeletedCamera, Site
from cameras.rules import parse_uuid
from cameras.transfer.files.rows import Fault, Row
from controlplane.access.principals import Principal
from controlplane.access.scope import Scope

# Values in one query: SQLite takes about 32,000 parameters, and a plan of few is planned soon.
CHUNK = 2_000


@dataclass(slots=True)
class Match:
    """What a row means. `site_name` is of a site that is to be made; `names_site` says whether it names any.

    With `keeps_name` the camera was found by a name that only looks like its own.
    """

    camera: Camera | None = None
    keeps_name: bool = False
    camera_id: UUID | None = None
    names_site: bool = False
    site_id: UUID | None = None
    site_name: str | None = None
    faults: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def site(self) -> UUID | str | None:
        return self.site_name or self.site_id

    @property
    def identity(self) -> tuple[object, ...]:
        """Differs as soon as the row means something else, or its camera has changed."""
        camera = self.camera
        site = names.key(self.site_name) if self.site_name else self.site_id
        return camera and camera.pk, camera and camera.revision, self.camera_id, site, tuple(self.faults)


class Registry:
    """The cameras and sites that rows may mean. `site` is for rows that name none.

    Without `whole`, of a camera only what identifies it is read.
    """

    def __init__(
        self, rows: Sequence[Row], principal: Principal, site: Site | None = None, *, whole: bool = True
    ) -> None:
        self.principal = principal
        self.default_site_id = site.pk if site else _only_site(principal.scope_for("cameras.view_camera"))
        self.may_make_sites = principal.scope_for("cameras.add_site").is_whole
        visible_sites = Site.objects.visible_to(principal)
        self.site_names = dict(visible_sites.values_list("pk", "name"))
        self._site_ids = {names.key(name): site_id for site_id, name in self.site_names.items()}
        self._new_sites: dict[str, str] = {}  # by what names are compared by, as the file first writes them
        self._faults_of_sites: dict[str, str] = {}  # why a name is none for a site; "" where it is one
        ids = {camera_id for row in rows if (camera_id := parse_uuid(row.values.get("id")))}
        self._given_names = {name for row in rows if (name := same_name(row.values.get("name")))}
        visible = Camera.objects.visible_to(principal)
        if not whole:
            visible = visible.only("pk", "name", "site_id", "revision")
        self.by_id: dict[UUID, Camera] = {}
        for chunk in _chunks(ids):
            self.by_id.update(visible.in_bulk(chunk))
        self.by_key: dict[str, list[Camera]] = defaultdict(list)
        for chunk in _chunks({*map(names.key, {*self._given_names, *(one.name for one in self.by_id.values())})}):
            for camera in visible.filter(name_key__in=chunk).order_by("pk"):
                self.by_key[names.key(camera.name)].append(camera)
        self.taken: set[UUID] = set()
        self.restorable: set[UUID] = set()
        mine = DeletedCamera.objects.visible_to(principal)
        for chunk in _chunks(ids - self.by_id.keys()):
            self.taken.update(Camera.objects.filter(pk__in=chunk).values_list("pk", flat=True))
            self.taken |= recycle_bin.reserved(chunk)
            self.restorable.update(mine.filter(pk__in=chunk).values_list("pk", flat=True))

    def match(self, row: Row) -> Match:
        match = Match()
        self._match_site(row, match)
        given = row.values.get("id")
        match.camera_id = parse_uuid(given)
        if given is not None and match.camera_id is None:
            match.faults.append(Fault("id", "Must be a UUID, or empty."))
        elif match.camera_id in self.by_id:
            match.camera = self.by_id[match.camera_id]
        elif not match.faults:
            self._match_name(row, match)
        return match

    def _match_name(self, row: Row, match: Match) -> None:
        name = same_name(row.values.get("name"))
        alike = self.by_key.get(names.key(name), []) if name else []
        if match.names_site:
            alike = [camera for camera in alike if not match.site_name and camera.site_id == match.site_id]
        fitting = [camera for camera in alike if camera.name == name]
        if not fitting:
            # Those that no other row means.
            others = (camera for camera in alike if camera.name not in self._given_names)
            fitting = [camera for camera in others if camera.pk not in self.by_id]
            match.keeps_name = len(fitting) == 1
        if len(fitting) > 1:
            hint = "give its id" if match.names_site else "give its id or its site"
            match.faults.append(Fault("name", f"Fits {len(fitting)} cameras: {hint}."))
        elif fitting:
            match.camera = fitting[0]
            if match.keeps_name:
                match.remarks.append(
                    f"“{match.camera.name}” looks the same by name: it is that camera, and keeps its name."
                    " Give its id to rename it."
                )
            if match.camera_id:
                match.remarks.append("No camera has this id; the one with this name was taken.")
        elif match.camera_id in self.restorable:
            match.faults.append(Fault("id", "Belongs to a deleted camera: restore it, or erase it for good."))
        elif match.camera_id in self.taken:
            match.faults.append(Fault("id", "Belongs to a camera that you may not see, or that was deleted."))

    def _match_site(self, row: Row, match: Match) -> None:
        given = row.values.get("site")
        if given is not None and not isinstance(given, str):
            match.faults.append(Fault("site", "Must be the name of a site, or null."))
            return
        name = same_name(given)
        if not name:
            match.names_site = "site" in row.values or self.default_site_id is not None
            match.site_id = self.default_site_id
            return
        match.names_site, match.site_id = True, self._site_ids.get(names.key(name))
        if match.site_id is None:
            fault = self._fault_of_new_site(name)
            if fault:
                match.faults.append(Fault("site", fault))
            else:
                match.site_name = self._new_sites.setdefault(names.key(name), name)
        known = match.site_name or self.site_names.get(match.site_id)
        if known and known != name:
            match.remarks.append(f"The site “{known}” looks the same by name, and is taken.")

    def _fault_of_new_site(self, name: str) -> str:
        if not self.may_make_sites:
            return "There is no site of this name that you may use."
        if name not in self._faults_of_sites:
            try:
                clean_site({"name": name}, new=True)
                self._faults_of_sites[name] = ""
            except InvalidIntent as error:
                self._faults_of_sites[name] = error.errors[0].detail
        return self._faults_of_sites[name]


def _only_site(scope: Scope) -> UUID | None:
    """The one site of somebody who sees no other camera: there, no row needs to name it."""
    return next(iter(scope.sites)) if scope == Scope(scope.sites) and len(scope.sites) == 1 else None


def same_name(value: Any) -> str | None:
    """A name as it is stored (`intent` decides whether it may be), or None for what is none."""
    return unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else None


def _chunks(values: set[Any]) -> Iterator[list[Any]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
