"""The ingest tier alone: POST /telemetry, /livez, /readyz and /metrics, and nothing else of the service.

`gunicorn -k asgi -w 2 telemetry.asgi:application`
"""

import os

import django

from controlplane.databases.deadline import begin_serving

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
begin_serving()
django.setup()

# These use models, so they come after Django is set up.
from controlplane.bare_asgi import Receive, Scope, Send, send_problem, serve_lifespan  # noqa: E402
from controlplane.compression import CompressedSend  # noqa: E402
from controlplane.cross_origin import open_to_other_origins  # noqa: E402
from controlplane.probes import answer_probe, is_probe  # noqa: E402
from controlplane.problems import Problem  # noqa: E402
from controlplane.server.refused_bodies import taking_in_refused_bodies  # noqa: E402
from controlplane.transport import over_tls  # noqa: E402
from telemetry.ingest import endpoint  # noqa: E402
from telemetry.ingest.queues import close_queues, open_queues  # noqa: E402


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer telemetry and probes; everything else is 404."""
    if endpoint.is_telemetry_post(scope):
        await endpoint.application(scope, receive, send)
    elif is_probe(scope):
        await answer_probe(scope, CompressedSend(scope, send))
    elif scope["type"] == "http":
        await send_problem(send, Problem(404, "This process takes telemetry only."))
    elif scope["type"] == "lifespan":
        await serve_lifespan(receive, send, open_queues, close_queues)


application = taking_in_refused_bodies(over_tls(open_to_other_origins(_answer)))
