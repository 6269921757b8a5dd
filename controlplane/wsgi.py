"""WSGI for `runserver` and for servers without ASGI: everything works, telemetry through Django's endpoint."""

import os

from django.core.wsgi import get_wsgi_application

from controlplane.databases.deadline import begin_serving

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
begin_serving()

application = get_wsgi_application()
