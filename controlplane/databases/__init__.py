"""Django's two databases, with a deadline for the statements of processes that serve people and the API."""
