"""The generated client needs a service of its own; one database is enough for what it tries."""

from django.db import connection

collect_ignore = [] if connection.vendor == "sqlite" else ["test_generated_client.py"]
