"""How a camera is reached: reads and sets the sealed connection string on its row.

What an earlier version stored is read in today's form. After `put` and `mend` the caller saves the COLUMNS.
"""

from cameras import credentials, rtsp
from cameras.models import Camera

COLUMNS = frozenset({"sealed_connection", "redacted_connection", "address"})


def read(camera: Camera) -> str:
    """The connection string in clear. Raises credentials.UnreadableCredential."""
    return rtsp.mended(credentials.unseal(camera.pk, camera.sealed_connection))


def put(camera: Camera, url: rtsp.RtspUrl) -> None:
    """Seal it on the row, without saving."""
    camera.sealed_connection = credentials.seal(camera.pk, url.normalised)
    camera.redacted_connection, camera.address = url.redacted, url.address


def holds(camera: Camera, text: str) -> bool:
    """Whether exactly this text is sealed on the row."""
    try:
        return credentials.unseal(camera.pk, camera.sealed_connection) == text
    except credentials.UnreadableCredential:
        return False  # then the text that is sent now replaces it


def reaches(camera: Camera, text: str) -> bool:
    """Whether the camera is reached in the same way already, however the text is encoded."""
    try:
        return rtsp.same_camera(read(camera), text)
    except credentials.UnreadableCredential:
        return False  # then the text that is sent now replaces it


def mend(camera: Camera) -> bool:
    """Set what an earlier version stored in today's form, without saving; returns whether it differs.

    This is no change of intent and is not logged: the same camera is reached with the same password.
    """
    try:
        stored = credentials.unseal(camera.pk, camera.sealed_connection)
        url = rtsp.parse(rtsp.mended(stored))
    except (rtsp.InvalidRtspUrl, credentials.UnreadableCredential):
        return False  # it stays as it is
    if url.normalised != stored:
        put(camera, url)
    return url.normalised != stored
