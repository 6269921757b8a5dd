"""What is tested of one kind of database runs where the tests run on it."""

from django.db import connection

collect_ignore = [] if connection.vendor == "postgresql" else ["test_postgresql.py"]
