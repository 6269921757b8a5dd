"""The admin of alerts: subscriptions, the log of deliveries, and the last transitions of a camera."""

from telemetry.alerts.admin import deliveries, subscriptions, transitions

__all__ = ["deliveries", "subscriptions", "transitions"]
