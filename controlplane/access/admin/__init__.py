"""The admin of access: people, sessions, the audit trail, and the ground on which every page stands."""

from controlplane.access.admin import audit_trail, people, sessions

__all__ = ["audit_trail", "people", "sessions"]
