"""How a camera is reached: the connection string as it stands sealed on its row, read and put there.

What an earlier version stored is read in today's form. Whoever puts one there saves the COLUMNS. Must not import
actions or doors.
"""

from cameras import credentials, rtsp
from cameras.models import Camera

COLUMNS = frozenset({"sealed_connection", "redacted_connection", "address"})


def read(camera: Camera) -> str:
    """The connection string in clear. Raises credentials.UnreadableCredential."""
    return rtsp.mended(credentials.unseal(camera.pk, camera.sealed_connection))


def put(camera: Camera, url: rtsp.RtspUrl) -> None:
    """Seal it on the row, which is still to be saved."""
    camera.sealed_connection = credentials.seal(camera.pk, url.normalised)
    camera.redacted_connection, camera.address = url.redacted, url.address


def holds(camera: Camera, text: str) -> bool:
    """Whether just this text is sealed on the row."""
    try:
        return credentials.unseal(camera.pk, camera.sealed_connection) == text
    except credentials.UnreadableCredential:
        return False  # what is sent now mends it


def reaches(camera: Camera, text: str) -> bool:
    """Whether the camera is reached in just this way already, however that is encoded."""
    try:
        return rtsp.same_camera(read(camera), text)
    except credentials.UnreadableCredential:
        return False  # what is sent now mends it


def mend(camera: Camera) -> bool:
    """Whether what an earlier version stored was put on the row in today's form, still to be saved.

    It is no change of intent: it reaches the same camera with the same password, so no log tells of it.
    """
    try:
        stored = credentials.unseal(camera.pk, camera.sealed_connection)
        url = rtsp.parse(rtsp.mended(stored))
    except (rtsp.InvalidRtspUrl, credentials.UnreadableCredential):
        return False  # it stays as it was
    if url.normalised != stored:
        put(camera, url)
    return url.normalised != stored
