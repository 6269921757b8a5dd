"""Why a provider does not bring anybody in. Each cause is for the log: it holds no token, code or secret."""


class ProviderFault(Exception):
    """Nobody is signed in; `cause` says why, in words for who runs the service."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class ProviderAway(ProviderFault):
    """The provider gave no whole answer in time, or one that says that it cannot."""


class AnswerRefused(ProviderFault):
    """The provider, or who pretends to be it, said something that is not believed."""


class ClockOff(AnswerRefused):
    """The times in an answer do not fit the clock of this machine."""


class RolesUnreadable(ProviderFault):
    """The claim of roles is there, and is no list of names."""
