"""How answers and curves are scored: one set of functions for the peers and for us."""

import math
from statistics import median


def recall(ids, truth, distances, k):
    """The mean share of the k nearest that were found.

    A row as far as the k-th nearest counts as found, whichever of the tied rows the truth names.
    """
    found = 0
    for answer, rows, far in zip(ids[:, :k], truth, distances):
        accepted = set(rows[far <= far[k - 1]].tolist())
        found += min(k, len(accepted.intersection(answer.tolist())))
    return found / (k * len(ids))


def merged(rounds):
    """One curve from several rounds: at each effort the median of recall and of queries per second."""
    settings = {}
    for points in rounds:
        for point in points:
            settings.setdefault(point["effort"], []).append(point)
    return [{"effort": effort,
             "recall": median(point["recall"] for point in points),
             "qps": median(point["qps"] for point in points)}
            for effort, points in sorted(settings.items())]


def qps_at(curve, target):
    """Queries per second at a recall: log QPS is interpolated over recall between two settings.

    A curve that begins above the target gives its first setting, which reaches it and is its fastest;
    one that ends below gives None.
    """
    before = None
    for point in sorted(curve, key=lambda point: point["effort"]):
        if point["recall"] >= target:
            if before is None or point["recall"] == before["recall"]:
                return point["qps"]
            part = (target - before["recall"]) / (point["recall"] - before["recall"])
            low, high = math.log(before["qps"]), math.log(point["qps"])
            return math.exp(low + part * (high - low))
        before = point
    return None
