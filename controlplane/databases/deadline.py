"""How long one statement of a serving process may take: a page or an answer that takes longer helps nobody.

Only processes that serve have a deadline. `migrate`, `maintain` and the other commands have none, so it stands
in no setting: the entry points of the server call `begin_serving`.
"""

STATEMENT_SECONDS = 10.0
_serving = False


def begin_serving() -> None:
    """From now on each new connection of this process gives its statements `STATEMENT_SECONDS`."""
    global _serving
    _serving = True


def statement_seconds() -> float | None:
    """The deadline of a connection that is made now, in seconds; None is no deadline."""
    return STATEMENT_SECONDS if _serving else None
