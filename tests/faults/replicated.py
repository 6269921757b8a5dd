"""A fleet in the database of a primary, which a standby follows."""

from contextlib import ExitStack
from typing import Self

from tests.cluster import Cluster, Standby
from tests.faults.conftest import CAMERAS_A_TEST
from tests.faults.service import Fleet, make_fleet

DATABASE = "replicated"


class Replicated:
    """A context manager; inside it both servers run, and `url` names both."""

    primary: Cluster
    standby: Standby
    fleet: Fleet

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.primary = stack.enter_context(Cluster())
            self.primary.create_database(DATABASE)
            self.fleet = make_fleet(self.primary.url(DATABASE), CAMERAS_A_TEST)
            self.standby = stack.enter_context(Standby(self.primary))
            self._servers = stack.pop_all()
        return self

    def __exit__(self, *reason: object) -> None:
        self._servers.close()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}/{DATABASE}"
