"""The operations on tokens, and who asks, as the OpenAPI document describes them."""

from drf_spectacular.utils import OpenApiParameter

from cameras.api import parameters
from cameras.api.examples import CAMERA_ID, TOKEN, TOKEN_ID
from cameras.api.token_shapes import MeShape, NewTokenShape, TokenShape, TokenWriteShape
from controlplane.schema import Exchange, Gives, operation

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000

GET_ME = operation(
    "get_me",
    "Read who asks",
    gives={200: Gives("Who it is, and what it may do where.", MeShape)},
    exchanges=[
        Exchange(
            "A worker that is bound to nothing",
            {
                "kind": "token",
                "id": "3b7e5d18-90c4-4d2a-8f61-c05a7b29e483",
                "label": "token:worker",
                "roles": ["worker"],
                "grants": [
                    {
                        "permissions": ["telemetry.report_sample"],
                        "scope": {"whole_fleet": True, "sites": [], "cameras": []},
                    }
                ],
                "expires_at": None,
            },
        )
    ],
)

LIST_TOKENS = operation(
    "list_tokens",
    "List tokens",
    parameters=[
        OpenApiParameter(
            "Link", str, OpenApiParameter.HEADER, response=[200], description="The next page, where there is one."
        ),
        OpenApiParameter(
            "limit", parameters.within(1, MAX_LIMIT), description=f"Tokens in a page, {DEFAULT_LIMIT} by default."
        ),
        OpenApiParameter("cursor", parameters.NOT_EMPTY, description="From the `Link` header of the page before."),
    ],
    gives={200: Gives("The tokens, the newest first.", TokenShape(many=True))},
    exchanges=[Exchange("What an orchestrator made", [TOKEN], {"limit": 10})],
)

CREATE_TOKEN = operation(
    "create_token",
    "Make a token",
    takes=TokenWriteShape,
    parameters=[
        OpenApiParameter(
            "Idempotency-Key",
            {"type": "string", "minLength": 1, "maxLength": 200},
            OpenApiParameter.HEADER,
            description="Repeated, it revokes the token that it made before, and makes another.",
        )
    ],
    gives={201: Gives("The token with its secret, which is shown this once.", NewTokenShape)},
    exchanges=[
        Exchange(
            "For the worker of a camera",
            TOKEN | {"name": "lot-worker", "token": "cpt_Xk3p-and-39-more"},
            body={"name": "lot-worker", "role": "worker", "cameras": [CAMERA_ID]},
            status=201,
        )
    ],
)

REVOKE_TOKEN = operation(
    "revoke_token",
    "Revoke a token",
    parameters=[OpenApiParameter("id", parameters.ID, OpenApiParameter.PATH, description="Id of a token.")],
    gives={204: Gives("It is revoked, or was before.")},
    exchanges=[Exchange("Its worker is gone", None, {"id": TOKEN_ID}, status=204)],
)
