"""The OpenAPI document: every operation names the problems that it can answer with."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. A `detail` never repeats a value that was sent.",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {
                    "field": {"type": "string", "description": "Empty for the body as a whole."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
WORDS = {
    400: "The request is not valid; `errors` names each field.",
    401: "No principal: the token or session is missing, unknown, expired or revoked.",
    403: "The role, or the binding, does not allow this.",
    404: "There is nothing under this id that the principal may see.",
    406: "None of the media types that are accepted can be given.",
    408: "The body did not arrive in time.",
    409: "The state of the resource does not allow this.",
    410: "The cursor is pruned, from the future or of another history: list again.",
    412: "If-Match does not match; the present ETag is in the answer.",
    413: "The body is too large.",
    415: "Not JSON in UTF-8.",
    429: "More at one time than one principal or one address may have; repeat after `Retry-After` seconds.",
    503: "The service is busy or its database away; repeat after `Retry-After` seconds. Without that "
    "header, the request asks for more than can be computed in time.",
}
BODY_METHODS = ("POST", "PATCH", "PUT")


class ProblemAutoSchema(AutoSchema):
    """Adds the problems. A view names its special ones: `problem_statuses = {"destroy": [409]}`."""

    def map_parsers(self) -> list[str]:
        # Not the parser's own `*/*`: it takes every type only to refuse it by itself.
        return ["application/json"]

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        problem = ResolvedComponent(
            name="Problem", type=ResolvedComponent.SCHEMA, object="Problem", schema=PROBLEM
        )
        self.registry.register_on_missing(problem)
        for status in sorted(self._problem_statuses()):
            answer: dict[str, Any] = {
                "description": WORDS[status],
                "content": {"application/problem+json": {"schema": problem.ref}},
            }
            if status in (429, 503):
                answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
            operation["responses"].setdefault(str(status), answer)
        return operation

    def _problem_statuses(self) -> set[int]:
        # 400 everywhere: an unknown query parameter is refused on every address.
        statuses = {400, 401, 403, 429, 503}
        if "{" in self.path:
            statuses.add(404)
        if self.method in BODY_METHODS:
            statuses |= {408, 413, 415}
        special = getattr(self.view, "problem_statuses", {})
        return statuses | set(special.get(getattr(self.view, "action", ""), ()))


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "controlplane.access.authentication.TokenAuthentication"
    name = "token"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer cpt_...`"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "controlplane.access.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
