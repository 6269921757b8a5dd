"""Simulated vision workers, which use the service by HTTP alone."""
