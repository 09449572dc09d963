"""How Postgres plans what clients ask: each search by the index that was made for it."""

import re
from sample import NEAREST


def used(plan, index, *parts):
    """A plan is a scan of the index that gives rows in order of distance, and has the other parts."""
    plan = re.sub(r"'\[[^]]*\]'", "'[…]'", plan)
    for part in (f"using {index} on", "Order By: ", *parts):
        assert part in plan, f"without {part!r}:\n{plan}"


class Plans:
    """The plans of the searches that clients ask, with their own parameters in their own session, just before each."""

    def __init__(self, engine=None):
        self.plans = []
        if engine is not None:
            from sqlalchemy import event
            event.listen(engine, "before_cursor_execute", self.explain)

    def explain(self, connection, cursor, statement, parameters, context, many):
        if NEAREST.search(statement):
            cursor.execute("EXPLAIN (COSTS OFF) " + statement, parameters)
            self.plans.append("\n".join(row[0] for row in cursor.fetchall()))

    def check(self, count, index, *parts):
        """Since the last time there were `count` searches, each by the index."""
        assert len(self.plans) == count, f"{len(self.plans)} searches, not {count}"
        for plan in self.plans:
            used(plan, index, *parts)
        self.plans.clear()
