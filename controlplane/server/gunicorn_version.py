"""Which gunicorn the service starts on: one that `tests/faults` was run with, and no other.

The service changes how gunicorn's `asgi` worker treats connections, through parts of it that are no interface.
Another version may have renamed one of them, and would then serve without a limit instead of failing.
"""

# What requirements.txt pins is one of these. A version is added once tests/faults has passed with it.
TESTED = ("27.0.1",)


def refuse_untested(installed: str) -> None:
    """Raise SystemExit, with the sentence for the person who starts the service, unless `installed` is tested."""
    if installed not in TESTED:
        raise SystemExit(
            f"gunicorn {installed} is installed, but this service was tested with gunicorn {' and '.join(TESTED)}"
            " only and does not start on another: install the tested one with `pip install -r requirements.txt`,"
            " or run tests/faults with yours and add it to TESTED in controlplane/server/gunicorn_version.py."
        )
