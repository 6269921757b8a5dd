"""Read by Django (FORMAT_MODULE_PATH): the shape of `controlplane.access.time_zones.exact`."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i:s T"
