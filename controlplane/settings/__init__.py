"""Every setting of the service, a module for each part of it.

`environment` comes first, so that a fault of it is what the person reads who starts the service.
"""

from controlplane.settings.environment import *  # isort: split

from controlplane.settings.admin import *
from controlplane.settings.api import *
from controlplane.settings.applications import *
from controlplane.settings.database import *
from controlplane.settings.http import *
from controlplane.settings.logs import *
from controlplane.settings.mail import *
from controlplane.settings.people import *
