"""What the service can do on this machine, measured beside others in one run: see docs/explanation/performance.md."""
