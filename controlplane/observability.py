"""What operators see of the running service: readiness, metrics, logs.

Owns the registries that apps add to, and the structured logs with redaction.
"""

import logging.config
import re
import sys
from collections.abc import Callable, Iterable, MutableMapping
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# --- Readiness --------------------------------------------------------------------------------------------


class Finding(NamedTuple):
    """What a check found: `ok` False makes the service not ready; a warning in `detail` changes nothing."""

    ok: bool
    detail: str = ""


ReadyCheck = Callable[[datetime], Finding]
_ready_checks: dict[str, ReadyCheck] = {}


def add_ready_check(name: str, check: ReadyCheck) -> None:
    _ready_checks[name] = check


Readiness = tuple[bool, dict[str, Finding]]
_red_before: set[str] = set()


def readiness(now: datetime) -> Readiness:
    """Whether this process can serve, and what each check found. A check that raises has failed.

    What has turned red since it was asked before is logged: not everybody who asks is shown it.
    """
    global _red_before
    findings: dict[str, Finding] = {}
    for name, check in _ready_checks.items():
        try:
            findings[name] = check(now)
        except Exception as error:
            log.warning("readiness check failed", check=name, reason=type(error).__name__)
            findings[name] = Finding(False, f"The check failed: {type(error).__name__}.")
    red = {name for name, finding in findings.items() if not finding.ok}
    for name in sorted(red - _red_before):
        log.warning("not ready", check=name, detail=findings[name].detail)
    _red_before = red
    return not red, findings


# --- Metrics ----------------------------------------------------------------------------------------------

REQUESTS = Counter(
    "controlplane_http_requests_total", "Requests answered through Django.", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "controlplane_http_request_seconds",
    "Time to the first byte of an answer of Django.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

FleetMetrics = Callable[[datetime], Iterable[Metric]]
_fleet_metrics: list[FleetMetrics] = []


def add_fleet_metrics(collect: FleetMetrics) -> None:
    """Add metrics that are read from the database when somebody asks for /metrics."""
    _fleet_metrics.append(collect)


class _FleetCollector(Collector):
    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterable[Metric]:
        yield _ready_metric(self.now)
        for collect in _fleet_metrics:
            yield from collect(self.now)


def _ready_metric(now: datetime) -> Metric:
    """What /readyz says, for who has no other way to ask it."""
    ready = GaugeMetricFamily("controlplane_ready", "1 where a check of /readyz passes.", labels=["check"])
    for name, finding in readiness(now)[1].items():
        ready.add_metric([name], finding.ok)
    return ready


def metrics_text(now: datetime, multiprocess_folder: str | None) -> bytes:
    """Everything in the Prometheus text format: the counters of all processes, then the fleet's state."""
    fleet = CollectorRegistry(auto_describe=False)
    fleet.register(_FleetCollector(now))
    if multiprocess_folder:
        counters = CollectorRegistry(auto_describe=False)
        multiprocess.MultiProcessCollector(counters, path=multiprocess_folder)
        return generate_latest(counters) + generate_latest(fleet)
    return generate_latest() + generate_latest(fleet)


# --- Logs -------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"cpt_[A-Za-z0-9_-]{8,}")
_redactors: list[Callable[[str], str]] = [lambda text: _TOKEN.sub("cpt_***", text)]


def add_redactor(redact: Callable[[str], str]) -> None:
    """Add a function through which every text of every log line goes."""
    _redactors.append(redact)


def redacted(value: Any) -> Any:
    if isinstance(value, str):
        for redact in _redactors:
            value = redact(value)
        return value
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, dict):
        return {redacted(key): redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in value]
    return redacted(str(value))


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value if key.startswith("_") else redacted(value) for key, value in event.items()}


def logging_config(level: str) -> None:
    """Send every log line to standard error: JSON for machines, columns for a person at a terminal."""
    for_people = sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": [*shared, structlog.stdlib.ExtraAdder()],
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        _redact,
                        renderer,
                    ],
                }
            },
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "structured"},
            },
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # One line a request is written by our own middleware; these two would double it.
                "django.server": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},
                # It would write a line for every attempt to reconnect during an outage.
                "psycopg.pool": {"level": "ERROR"},
                "asyncio": {"level": "INFO"},
                # They write the whole URL of a webhook, which may hold a secret of its receiver.
                "httpx": {"level": "WARNING"},
                "httpcore": {"level": "WARNING"},
                # Its DEBUG writes the whole context of a page for every variable that a template lacks: queries
                # made for the log line alone, and whatever secret the page shows.
                "django.template": {"level": "INFO"},
            },
        }
    )


log = structlog.get_logger(__name__)


class RedactedExceptionPage(ExceptionReporter):
    """Django's page of an exception, its message redacted as a log line is."""

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        if "exception_value" in data:
            data["exception_value"] = redacted(data["exception_value"])
        return data


class ExceptionPageFilter(SafeExceptionReporterFilter):
    """Django's page of an exception without values of the program: any of them may hold a password."""

    def is_active(self, request: Any) -> bool:
        return True

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        return []

    def get_post_parameters(self, request: Any) -> dict[str, Any]:
        return dict.fromkeys(getattr(request, "POST", ()), self.cleansed_substitute)
