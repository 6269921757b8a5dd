"""The admin of access: people, groups and the audit trail, and the ground on which every admin page stands."""

from controlplane.access.admin import audit_trail, people

__all__ = ["audit_trail", "people"]
