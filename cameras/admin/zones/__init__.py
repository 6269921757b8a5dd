"""Zones in the admin: drawn in the form, and shown as a picture."""
