"""Partitions, retention, the forecast of when the bytes for telemetry are used up, and what a fleet takes."""
