"""WSGI for `runserver` and for servers without ASGI: everything works, telemetry through Django's door."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

application = get_wsgi_application()
