"""The admin of alerts: incidents, subscriptions, the log of deliveries, and the last transitions of a camera."""

from telemetry.alerts.admin import deliveries, incidents, subscriptions, transitions

__all__ = ["deliveries", "incidents", "subscriptions", "transitions"]
