from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "telemetry.alerts"
    label = "alerts"
    verbose_name = "Alerts"
