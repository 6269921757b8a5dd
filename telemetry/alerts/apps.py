from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class AlertsConfig(AppConfig):
    name = "telemetry.alerts"
    label = "alerts"
    verbose_name = "Alerts"

    def ready(self) -> None:
        autodiscover_modules("sealing")
