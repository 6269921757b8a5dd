"""Why a camera is as it is: codes that do not change, each with its words, `code: words`. Pure."""

from enum import StrEnum


class Reason(StrEnum):
    """Of a status."""

    STARTING = "starting: Started; nothing was heard from a worker yet."
    NO_SAMPLE_YET = "no_sample_yet: A worker is there; it has not sent a sample yet."
    REPORTING = "reporting: The worker reports."
    LATE = "late: Nothing was heard for three expected intervals."
    NEVER_REPORTED = "never_reported: Nothing was heard since the camera was started."
    SILENT = "silent: Nothing was heard for six expected intervals."
    MASS_SILENCE = "mass_silence: Most of the fleet fell silent at once; this camera is not blamed for it."
    WINDING_DOWN = "winding_down: Stopped; the worker may take a moment to learn of it."
    STILL_REPORTING = "still_reporting: Stopped, but a worker goes on reporting."
    STOPPED_ON_PURPOSE = "stopped_on_purpose: Somebody stopped this camera."
    NEVER_STARTED = "never_started: Nobody has started this camera yet."


class WorkerPhase(StrEnum):
    """What a worker says that it does."""

    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    STOPPING = "stopping"


class WorkerReason(StrEnum):
    """Why a worker failed."""

    STREAM_UNAUTHORIZED = "stream_unauthorized: The camera refused the user name or the password."
    STREAM_UNREACHABLE = "stream_unreachable: The camera cannot be reached from where the worker runs."
    STREAM_TIMEOUT = "stream_timeout: The camera was reached and then did not answer in time."
    NO_FRAMES = "no_frames: There is contact with the worker, and no sample came for six expected intervals."
    DECODE_ERROR = "decode_error: The video cannot be decoded."
    MODEL_ERROR = "model_error: The model could not be loaded or run."
    CONFIGURATION_INVALID = "configuration_invalid: The worker cannot run with this configuration."
    RESOURCES_EXHAUSTED = "resources_exhausted: Where the worker runs there is not enough memory, GPU or disk."
    OTHER = "other: The worker failed for another reason; its message says more."


class PlacementPhase(StrEnum):
    """What an orchestrator says of the worker of a camera."""

    SCHEDULED = "scheduled"
    PULLING = "pulling"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"


# While its worker is on the way, a camera may take its time.
ON_THE_WAY = (PlacementPhase.SCHEDULED, PlacementPhase.PULLING, PlacementPhase.STARTING)


class PlacementReason(StrEnum):
    """Why an orchestrator could not run a worker."""

    IMAGE_PULL_FAILED = "image_pull_failed: The worker's image could not be pulled."
    NO_CAPACITY = "no_capacity: No node has room for the worker."
    START_FAILED = "start_failed: The worker could not be started."
    CRASH_LOOP = "crash_loop: The worker ends again and again soon after its start."
    EVICTED = "evicted: The node took the worker down."
    OTHER = "other: The orchestrator could not run the worker; its message says more."


def code_of(reason: str) -> str:
    return reason.partition(":")[0]


def words_of(reason: str) -> str:
    return reason.partition(": ")[2]


WORKER_REASONS = {code_of(reason): reason for reason in WorkerReason}
PLACEMENT_REASONS = {code_of(reason): reason for reason in PlacementReason}

# What a person can do about it, by the code of the reason.
ADVICE = {
    "stream_unauthorized": "Check the connection string: user name and password.",
    "stream_unreachable": "Check the address, the network, and that the camera has power.",
    "stream_timeout": "Check the camera's load and the network in between.",
    "no_frames": "Look at the worker's log and at the camera's stream.",
    "decode_error": "Check the stream's codec and profile.",
    "model_error": "Check the model configuration.",
    "configuration_invalid": "Check the model configuration and the zones.",
    "resources_exhausted": "Free memory, GPU or disk on the node, or run fewer workers there.",
    "image_pull_failed": "Check the image's name and the registry's credentials.",
    "no_capacity": "Add a node, or stop cameras.",
    "start_failed": "Look at the orchestrator's log.",
    "crash_loop": "Look at the worker's log.",
    "evicted": "Check the node's load.",
}

# As the API's document names them.
WORKER_PHASES = [phase.value for phase in WorkerPhase]
WORKER_REASON_CODES = list(WORKER_REASONS)
PLACEMENT_PHASES = [phase.value for phase in PlacementPhase]
PLACEMENT_REASON_CODES = list(PLACEMENT_REASONS)
