"""Simulated vision workers, which know the service by HTTP alone."""
