from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

from cameras.redaction import redact_text
from controlplane import observability


class CamerasConfig(AppConfig):
    name = "cameras"
    verbose_name = "Cameras"

    def ready(self) -> None:
        observability.add_redactor(redact_text)
        autodiscover_modules("places")
