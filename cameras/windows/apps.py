from django.apps import AppConfig


class WindowsConfig(AppConfig):
    name = "cameras.windows"
    label = "windows"
    verbose_name = "Windows"
