"""Segments of an index, which workers make of rows that were added, when they get to it."""

import time
import psycopg


def merge(url, index):
    """Makes one segment of all rows, so that it is left to no worker how a search is said to have been done, and which of two
    indexes the planner takes for cheaper."""
    with psycopg.connect(url, autocommit=True) as session:
        # Somebody else may be at it.
        while not session.execute(f"SELECT hither.merge('{index}')").fetchone()[0]:
            time.sleep(0.05)
