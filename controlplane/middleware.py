"""What every answer of Django gets: security headers, the optional slash."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


class SecurityHeaders:
    """A strict Content-Security-Policy, looser under /admin/ only as far as unfold's Alpine needs."""

    STRICT = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'self'"
    )
    ADMIN = STRICT + "; script-src 'self' 'unsafe-eval'; worker-src 'self'; style-src 'self' 'unsafe-inline'"
    # Swagger UI sets the style of elements from its script.
    DOCS = STRICT + "; style-src 'self' 'unsafe-inline'"

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            policy = self.ADMIN
        elif request.path.startswith("/docs"):
            policy = self.DOCS
        else:
            policy = self.STRICT
        response.setdefault("Content-Security-Policy", policy)
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if not request.path.startswith("/static/"):
            response.setdefault("Cache-Control", "no-store")
        return response


class OptionalTrailingSlash:
    """`/cameras/` is `/cameras`, without a redirect that would lose a POST's body."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path.endswith("/") and len(path) > 1 and not path.startswith(("/admin/", "/static/")):
            request.path_info = path[:-1]
        return self.get_response(request)
