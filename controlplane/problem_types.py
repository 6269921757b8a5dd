"""The kinds of problem that an answer tells of, and the codes of single faults: what a program may rely on.

Words in `detail` are for people and may change; a type and a code do not. docs/reference/problems.md has them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

# Why it is no address of the web: docs/adr/0018-types-of-problems-are-names.md.
PREFIX = "urn:problem-type:controlplane:"


class ErrorCode(StrEnum):
    """What is wrong with one field, or with one item of a batch."""

    INVALID = "invalid"
    REQUIRED = "required"
    UNKNOWN = "unknown"
    READ_ONLY = "read_only"
    REPEATED = "repeated"
    TOO_LARGE = "too_large"
    OUT_OF_RANGE = "out_of_range"
    TAKEN = "taken"
    UNKNOWN_SITE = "unknown_site"
    UNKNOWN_CAMERA = "unknown_camera"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    IN_FUTURE = "in_future"
    FENCED = "fenced"
    EPOCH_AHEAD = "epoch_ahead"
    SUPERSEDED = "superseded"
    CLAIMED = "claimed"
    NOT_YOURS = "not_yours"
    GENERATION_AHEAD = "generation_ahead"


@dataclass(frozen=True, eq=False)
class Extension:
    """Members that problems of some types have beside those of every problem, as JSON Schema."""

    component: str
    properties: Mapping[str, Any]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ProblemType:
    """One kind of problem. `meaning` says to a reader of the document when it comes and what to do."""

    name: str
    status: int
    title: str
    meaning: str
    extension: Extension | None = None

    @property
    def uri(self) -> str:
        """The `type` of its problems."""
        return f"{PREFIX}{self.name}" if self.name else "about:blank"


_CURSOR = {"type": "string", "description": "A cursor of the change feed."}
_COUNT = {"type": "integer"}
_BY_CAMERA = {"type": "object", "additionalProperties": {"type": "integer"}}
_TIME = {"type": "string", "format": "date-time"}
_IGNORED = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Members that are not known, the first ten.",
}
_DESIRED_STATE = {"$ref": "#/components/schemas/DesiredState"}

_OLDEST_AND_CURRENT = Extension("CursorGone", {"oldest": _CURSOR, "current": _CURSOR})
_PRESENT_ETAG = Extension(
    "PreconditionFailed", {"current": {"type": "string", "description": "The present ETag."}}
)
_REFUSED_SAMPLE = Extension(
    "SampleRefused",
    {
        "code": {"$ref": "#/components/schemas/ErrorCode"},
        "server_time": _TIME,
        "accepted": _COUNT,
        "duplicates": _COUNT,
        "desired_state": _DESIRED_STATE,
        "generation": _COUNT,
        "ignored": _IGNORED,
    },
    optional=("accepted", "duplicates", "desired_state", "generation", "ignored"),
)
_FENCED_WORKER = Extension(
    "WorkerFenced",
    {
        **_REFUSED_SAMPLE.properties,
        "epoch": {"type": "integer", "description": "The epoch of the worker that counts."},
    },
    optional=("ignored",),
)
_REFUSED_PLACEMENT = Extension(
    "PlacementRefused",
    {
        "code": {"$ref": "#/components/schemas/ErrorCode"},
        "present": {
            "description": "The placement that there is instead; null for none.",
            "oneOf": [{"$ref": "#/components/schemas/Placement"}, {"type": "null"}],
        },
    },
)
_RECEIPT_OF_BATCH = Extension(
    "BatchRejected",
    {
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/BatchError"}},
        "accepted": _COUNT,
        "duplicates": _COUNT,
        "rejected": _COUNT,
        "stop": {
            "type": "array",
            "items": {"type": "string", "format": "uuid"},
            "description": "Cameras that should not run.",
        },
        "server_time": _TIME,
        "outdated": _BY_CAMERA,
        "fenced": _BY_CAMERA,
        "ignored": _IGNORED,
    },
    optional=("outdated", "fenced", "ignored"),
)

# --- The first of a status is the one of every problem that names no other -----------------------------------

INVALID_REQUEST = ProblemType(
    "invalid-request",
    400,
    "The request is not valid",
    "The request is not valid; `errors` names each field. The same request fails again.",
)
BATCH_REJECTED = ProblemType(
    "batch-rejected",
    400,
    "Every item of the batch was rejected",
    "Every item of the batch was rejected, each for the reason in `errors`.",
    _RECEIPT_OF_BATCH,
)
SAMPLE_IN_FUTURE = ProblemType(
    "sample-in-future",
    400,
    "The sample lies in the future",
    "The timestamp is more than 60 s ahead of the service's clock: check the worker's.",
    _REFUSED_SAMPLE,
)
EPOCH_AHEAD = ProblemType(
    "epoch-ahead",
    400,
    "The epoch lies ahead",
    "The epoch is more than 60 s ahead of the database's clock, and nobody has claimed it.",
)
NOT_AUTHENTICATED = ProblemType(
    "not-authenticated",
    401,
    "Nobody is signed in",
    "The token or session is missing, unknown, expired or revoked.",
)
FORBIDDEN = ProblemType("forbidden", 403, "Not permitted", "The role, or the binding, does not allow this.")
CAMERA_ELSEWHERE = ProblemType(
    "camera-elsewhere",
    403,
    "The token is bound elsewhere",
    "The token is bound to sites or cameras to which this one does not belong.",
    _REFUSED_SAMPLE,
)
NOT_FOUND = ProblemType(
    "not-found", 404, "Not found", "There is nothing under this address or id that the principal may see."
)
UNKNOWN_CAMERA = ProblemType(
    "unknown-camera", 404, "There is no such camera", "There is no camera with this id.", _REFUSED_SAMPLE
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed",
    405,
    "Method not allowed",
    "This address does not take the method; `Allow` names those it takes.",
)
NOT_ACCEPTABLE = ProblemType(
    "not-acceptable", 406, "Not acceptable", "None of the media types that `Accept` names can be given."
)
REQUEST_TIMEOUT = ProblemType(
    "request-timeout", 408, "The request did not arrive in time", "The head or the body did not arrive in time."
)
CONFLICT = ProblemType("conflict", 409, "Conflict", "The state of the resource does not allow this.")
SITE_IN_USE = ProblemType(
    "site-in-use", 409, "The site still has cameras", "The site still has cameras: move or remove them first."
)
CAMERA_ERASED = ProblemType(
    "camera-erased",
    409,
    "The camera cannot be restored any more",
    "The deleted camera was erased, and its samples are being purged: it cannot be restored.",
)
INCIDENT_NOT_OPEN = ProblemType(
    "incident-not-open",
    409,
    "The incident is not open",
    "It is over, or part of a greater one: there is nothing to acknowledge.",
)
CREDENTIAL_UNREADABLE = ProblemType(
    "credential-unreadable",
    409,
    "The connection string cannot be opened",
    "The connection string was sealed with a key that the service does not have.",
)
SAMPLE_CONFLICT = ProblemType(
    "sample-conflict",
    409,
    "The sample is known with other values",
    "A sample of this camera, time and zone is stored with other values, which are kept.",
    _REFUSED_SAMPLE,
)
WORKER_FENCED = ProblemType(
    "worker-fenced",
    409,
    "Another worker has taken the place of this one",
    "What was sent carries an older epoch than that of the camera's placement: the worker is to stop.",
    _FENCED_WORKER,
)
PLACEMENT_REFUSED = ProblemType(
    "placement-refused",
    409,
    "The placement does not fit what is there",
    "Another claim stands, the epoch is another's, or the generation does not exist: `code` says which.",
    _REFUSED_PLACEMENT,
)
CURSOR_GONE = ProblemType(
    "cursor-gone",
    410,
    "What followed the cursor is not there",
    "The cursor is pruned, from the future or of another history: list again.",
    _OLDEST_AND_CURRENT,
)
LENGTH_REQUIRED = ProblemType(
    "length-required",
    411,
    "The body has no length",
    "The body came in chunks to a server that takes none: send its Content-Length.",
)
PRECONDITION_FAILED = ProblemType(
    "precondition-failed",
    412,
    "It has changed meanwhile",
    "If-Match does not match: read again, and decide anew.",
    _PRESENT_ETAG,
)
TOO_LARGE = ProblemType("too-large", 413, "Too large", "The body is larger, or holds more, than is taken.")
ADDRESS_TOO_LONG = ProblemType("address-too-long", 414, "The address is too long", "The address is too long.")
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type",
    415,
    "The body is of a type that is not taken",
    "The body's type, charset or encoding is not one that is taken here.",
)
TOO_MANY_REQUESTS = ProblemType(
    "too-many-requests",
    429,
    "Too many requests at one time",
    "More at one time than one principal or one address may have; repeat after `Retry-After` seconds.",
)
HEADERS_TOO_LARGE = ProblemType(
    "headers-too-large", 431, "The headers are too large", "The headers are too many, or one of them is too long."
)
INTERNAL_ERROR = ProblemType(
    "internal-error",
    500,
    "A fault of the service",
    "A fault of the service, which is logged under the request's id.",
)
UNAVAILABLE = ProblemType(
    "unavailable",
    503,
    "The service cannot do this now",
    "The service is busy, its database away, or its clock wrong; repeat the request after `Retry-After` seconds.",
)
QUERY_TOO_SLOW = ProblemType(
    "query-too-slow",
    503,
    "The query took too long",
    "The request asks for more than can be computed in time: ask for less.",
)

TYPES = tuple(value for value in globals().values() if isinstance(value, ProblemType))
_FIRST_OF_STATUS = {kind.status: kind for kind in reversed(TYPES)}


def type_of_status(status: int) -> ProblemType:
    """The type of a problem of which no more is known than its status."""
    phrase = HTTPStatus(status).phrase
    return _FIRST_OF_STATUS.get(status) or ProblemType("", status, phrase, f"{phrase}.")
