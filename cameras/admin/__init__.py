"""The Django admin of the fleet: its pages translate forms, and call one action."""

from cameras.admin import cameras, changes, deleted, sites, tokens
from cameras.admin.windows import pages as windows

__all__ = ["cameras", "changes", "deleted", "sites", "tokens", "windows"]
