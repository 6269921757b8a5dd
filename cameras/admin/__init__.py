"""The Django admin of the fleet: a door that translates forms and calls one action.

Must not be imported by the API or by telemetry.
"""

from cameras.admin import cameras, changes, sites, tokens

__all__ = ["cameras", "changes", "sites", "tokens"]
