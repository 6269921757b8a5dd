"""The whole service on one port: the fast endpoint of telemetry, waiting for changes, static files, and Django.

`gunicorn -k asgi -w 2 controlplane.asgi:application`
"""

import os
from typing import Any

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from servestatic import ServeStaticASGI

from controlplane.databases.deadline import begin_serving

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
begin_serving()
django.setup(set_prefix=False)

# These use models, so they come after Django is set up.
from cameras.api import watch  # noqa: E402
from controlplane import stopping  # noqa: E402
from controlplane.admission import PLACES, Admission  # noqa: E402
from controlplane.bare_asgi import Receive, Scope, Send, serve_lifespan  # noqa: E402
from controlplane.bridge import ThreadedHandler  # noqa: E402
from controlplane.compression import CompressedSend, strong  # noqa: E402
from controlplane.cross_origin import open_to_other_origins  # noqa: E402
from controlplane.probes import answer_probe, is_health_probe  # noqa: E402
from controlplane.server.refused_bodies import taking_in_refused_bodies  # noqa: E402
from controlplane.transport import over_tls  # noqa: E402
from telemetry.ingest import endpoint  # noqa: E402
from telemetry.ingest.queues import close_queues, open_queues  # noqa: E402


def _with_static_files(inner: Any) -> Any:
    """Static files as collected, or straight from the packages where `collectstatic` has not run."""
    max_age = 31_536_000 if settings.HASHED_STATIC_FILES else 300
    static = ServeStaticASGI(
        inner, max_age=max_age, allow_all_origins=False, add_headers_function=_as_its_content_type_says
    )
    if settings.HASHED_STATIC_FILES:
        static.add_files(str(settings.STATIC_ROOT), prefix=settings.STATIC_URL)
    else:
        for finder in get_finders():
            for storage in getattr(finder, "storages", {}).values():
                static.add_files(storage.location, prefix=settings.STATIC_URL)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (name, strong(value.decode("latin-1")).encode("latin-1") if name == b"if-none-match" else value)
            for name, value in scope["headers"]
        ]
        await static({**scope, "headers": headers}, receive, send)

    return application


def _as_its_content_type_says(headers: Any, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"


_rest = _with_static_files(Admission(ThreadedHandler(threads=PLACES)))
stopping.at_stop(watch.end_waits)


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Pass one request on to the endpoint that it is for."""
    if endpoint.is_telemetry_post(scope):
        await endpoint.application(scope, receive, send)
    elif watch.is_watch(scope):
        await watch.application(scope, receive, CompressedSend(scope, send))
    elif is_health_probe(scope):
        await answer_probe(scope, send)
    elif scope["type"] == "http":
        await _rest(scope, receive, CompressedSend(scope, send))
    elif scope["type"] == "lifespan":
        await serve_lifespan(receive, send, open_queues, _close)


async def _close() -> None:
    await watch.close_watch()
    await close_queues()


application = taking_in_refused_bodies(over_tls(open_to_other_origins(_answer)))
