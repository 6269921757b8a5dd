"""Partitions, retention, when the bytes for telemetry are used up, what a fleet takes, copies and restores."""
