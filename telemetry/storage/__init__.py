"""Partitions, retention, and the forecast of when the bytes for telemetry are used up."""
