"""Logs, configured once."""

from controlplane.observability import logging_config
from controlplane.settings.environment import LOG_LEVEL

LOGGING_CONFIG = None  # configured below, once, also for code that logs while Django starts
logging_config(level=LOG_LEVEL.upper())
