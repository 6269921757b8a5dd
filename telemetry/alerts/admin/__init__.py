"""The admin of alerts: who is told what, and the log of what was told. A door that calls one action."""

from telemetry.alerts.admin import deliveries, subscriptions, transitions

__all__ = ["deliveries", "subscriptions", "transitions"]
