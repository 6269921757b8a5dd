"""The REST API and its description."""

REST_FRAMEWORK = {
    # The token comes first: DRF takes the 401 and its WWW-Authenticate from the first class.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "controlplane.access.authentication.TokenAuthentication",
        "controlplane.access.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["controlplane.access.permissions.MayPerformAction"],
    "DEFAULT_PARSER_CLASSES": ["controlplane.strict_json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "controlplane.negotiation.ByAccept",
    "DEFAULT_SCHEMA_CLASS": "controlplane.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "controlplane.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Control plane",
    "DESCRIPTION": "Registry, desired state, change feed and telemetry of a fleet of analysed IP cameras.",
    "VERSION": "1",
    "CONTACT": {"name": "The maintainers of the control plane"},
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "SERVERS": [{"url": "/", "description": "The service that gives this document."}],
    "TAGS": [
        {"name": "cameras", "description": "The registry of cameras, their desired state, and what changed."},
        {"name": "placements", "description": "Where orchestrators run the workers of cameras."},
        {"name": "sites", "description": "Places with cameras."},
        {"name": "windows", "description": "Times in which cameras are stopped or muted."},
        {
            "name": "incidents",
            "description": "What is wrong, from its beginning to its end, and who looks after it.",
        },
        {"name": "access", "description": "Who asks, and the tokens of machines."},
        {"name": "telemetry", "description": "What workers report, and what became of it."},
    ],
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["controlplane.access.permissions.MayReadDocs"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # A token that somebody tries stays in the page: what a browser stores outlives the sign-out.
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "displayRequestDuration": True},
    # What is sent and what is answered are shapes of their own, so that no name needs an ending for it.
    "COMPONENT_SPLIT_REQUEST": False,
    "COMPONENT_SPLIT_PATCH": False,
    "SORT_OPERATIONS": True,
    "ENUM_NAME_OVERRIDES": {
        "DesiredState": "cameras.models.DesiredState",
        "CameraStatus": "cameras.status.STATUS_CHOICES",
        "Role": "controlplane.access.principals.Role",
        "PrincipalKind": "cameras.api.token_shapes.KINDS",
        "ChangeKind": "cameras.models.ChangeKind",
        "ConditionType": "cameras.conditions.CONDITION_CHOICES",
        "WorkerPhase": "cameras.reasons.WORKER_PHASES",
        "WorkerReason": "cameras.reasons.WORKER_REASON_CODES",
        "PlacementPhase": "cameras.reasons.PLACEMENT_PHASES",
        "PlacementReason": "cameras.reasons.PLACEMENT_REASON_CODES",
        "IncidentState": "telemetry.alerts.incident_models.IncidentState",
        "IncidentEvent": "telemetry.alerts.incident_models.IncidentEvent",
        "AlertType": "telemetry.alerts.models.Kind",
        "WindowAction": "cameras.windows.models.WindowAction",
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums"],
}
