"""Parts of pages that keep themselves up to date: the script `refresh.js` asks for them, and gets only those."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.template.loader import render_to_string
from django.utils.http import parse_etags

from controlplane.access.time_zones import exact

# Another one in every answer, each as good as the last: it says nothing of whether a part has changed.
_CSRF_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"')


def is_refresh(request: HttpRequest) -> bool:
    """Whether a page is asked only for its part that changes."""
    return request.method == "GET" and "X-Refresh" in request.headers


def refreshed(request: HttpRequest, template: str, context: Mapping[str, Any], at: datetime) -> HttpResponse:
    """The part as it was at a time; 304 if the page has it already.

    The time stands in headers, as text and in seconds since 1970: in the body it would change every ETag.
    """
    body = render_to_string(template, dict(context), request).encode()
    etag = f'"{hashlib.sha256(_CSRF_TOKEN.sub(b"", body)).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "no-store",
        "X-As-Of": exact(at),
        "X-As-Of-Seconds": str(at.timestamp()),
    }
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(body, headers=headers)
