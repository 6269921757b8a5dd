"""How e-mails leave, and who they come from."""

from controlplane.settings.environment import EMAIL_FROM, EMAIL_SECURITY

# For what people are mailed about their own sign-in. Alerts have a client of their own, see `channels.email`.
EMAIL_USE_TLS = EMAIL_SECURITY == "starttls"
EMAIL_USE_SSL = EMAIL_SECURITY == "tls"
EMAIL_TIMEOUT = 10  # seconds for each step
DEFAULT_FROM_EMAIL = SERVER_EMAIL = EMAIL_FROM
