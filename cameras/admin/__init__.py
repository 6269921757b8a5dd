"""The Django admin of the fleet: its pages translate forms, and call one action."""

from cameras.admin import cameras, changes, deleted, sites, tokens

__all__ = ["cameras", "changes", "deleted", "sites", "tokens"]
