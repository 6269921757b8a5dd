"""Who e-mails come from."""

from controlplane.settings.environment import EMAIL_FROM

# Only alerts are mailed, by `maintain` and by the button that tests a subscription.
DEFAULT_FROM_EMAIL = SERVER_EMAIL = EMAIL_FROM
