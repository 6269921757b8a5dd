"""Signing in, second factors, people's own passwords: what is offered of django-allauth, in the admin's looks."""
