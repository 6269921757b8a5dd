from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.module_loading import autodiscover_modules, import_string


class AccessConfig(AppConfig):
    name = "controlplane.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        # Each app's `health` module adds its checks and metrics to controlplane.observability.
        autodiscover_modules("health")
        # A name, since it uses rows, which can be imported only now.
        import_string("controlplane.access.sign_ins.begin_recording")()


class ControlPlaneAdminConfig(AdminConfig):
    """Django's admin, with the site of this project in the place of its own."""

    default = False
    default_site = "controlplane.access.admin_site.ControlPlaneSite"
