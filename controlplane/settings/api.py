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
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "controlplane.strict_json.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "controlplane.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "controlplane.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Control plane",
    "DESCRIPTION": "Registry, desired state, change feed and telemetry of a fleet of analysed IP cameras.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["controlplane.access.permissions.MayReadDocs"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": True,
    "ENUM_NAME_OVERRIDES": {
        "DesiredState": "cameras.models.DesiredState",
        "CameraStatus": "cameras.status.STATUS_CHOICES",
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums"],
}
