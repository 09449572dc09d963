"""What is read on a standby, where replay may end any query: it is asked again."""

import psycopg
from index_server import rows, until


class Reader:
    """A session of a standby. Replay waits for its queries for a while, and then ends them, or the session."""

    def __init__(self, server):
        self.server, self.session, self.conflicts = server, server.connect(), 0

    def read(self, act):
        """What `act` gives, done again where replay did not wait for it."""
        given = []

        def is_read():
            try:
                if self.session.closed: self.session = self.server.connect()
                given.append(act(self.session))
                return True
            except psycopg.Error as error:
                if error.sqlstate not in ("40001", "40P01") and not self.session.closed:
                    raise
                self.conflicts, self.last = self.conflicts + 1, error
        until(is_read, lambda: f"a standby is in conflict with replay for ever: {self.last!r}", pause=0.2)
        return given[0]

    def wait(self, place):
        """Until replay has come to a place of the primary's."""
        until(lambda: self.read(lambda session: rows(session, "SELECT pg_last_wal_replay_lsn() >= %s", place)[0][0]), f"replay does not come to {place}")

    def promote(self):
        """What is promoted replays first what it has."""
        self.read(lambda session: session.execute("SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(false) END"))
        until(lambda: not self.read(lambda session: rows(session, "SELECT pg_is_in_recovery()")[0][0]), "a standby is not promoted")
