"""The sample's rows and queries, the exact answers to these, and what statements of a client the planner gave to which index."""

import functools, os, pathlib, re
# Threads of its own that wait for one another are slow on a busy machine.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy

try:
    from pgvector import HalfVector
except ImportError:
    # Before 0.4.
    from pgvector.utils import HalfVector

folder = pathlib.Path(__file__).parents[3] / "sample"
DIMENSIONS = 384
# A query in a statement, as all clients write it: what pgvector's indexes and ours are for.
NEAREST = re.compile(r"ORDER BY.*(<->|<=>|<#>|<\+>)|_distance\b|<=>.*ORDER BY distance", re.S)


def table(name):
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return [dict(zip(lines[0].split("\t"), line.split("\t"))) for line in lines[1:]]


# The sample has the nouns first: so any first rows have some of each kind.
order = numpy.random.default_rng(1).permutation(10000)
vectors = numpy.load(folder / "words.npy").astype("float32")[order]
queries = numpy.load(folder / "queries.npy").astype("float32")
words = table("words.tsv")
rows = [(number, f"{words[row]['words']}: {words[row]['definition']}", words[row]["pos"]) for number, row in enumerate(order)]
asked = [f"{row['words']}: {row['definition']}" for row in table("queries.tsv")]


def items(count=len(rows)):
    """The first rows: id, title, kind, embedding."""
    return [(*row, vectors[row[0]]) for row in rows[:count]]


def values(embedding):
    """Of a vector as pgvector-python gives it: an array before 0.4, then an object that has one."""
    return embedding.to_numpy() if hasattr(embedding, "to_numpy") else numpy.asarray(embedding)


@functools.cache
def all_distances(metric):
    """Of the queries to all rows, exactly, in double precision."""
    stored, wanted = vectors.astype("float64"), queries.astype("float64")
    product = wanted @ stored.T
    if metric == "ip": return -product
    lengths = numpy.linalg.norm(wanted, axis=1)[:, None], numpy.linalg.norm(stored, axis=1)[None]
    if metric == "l2": return numpy.sqrt(lengths[0] ** 2 + lengths[1] ** 2 - 2 * product)
    return 1 - product / (lengths[0] * lengths[1])


def distances(query, metric="cosine"):
    """Of one of the queries to all rows."""
    if metric == "l1": return numpy.abs(vectors - query).sum(axis=1)
    return all_distances(metric)[numpy.flatnonzero((queries == query).all(axis=1))[0]]


def compare(search, count, passes=lambda row: True, k=10, metric="cosine", least=0.95, many=20):
    """`search(query)` gives ids, each once, of rows that pass, `k` of them where there are, the nearest first; of the
    nearest `least` or more. Of rows that are equally far any will do. `passes` gets id, title and kind."""
    found = wanted = 0
    allowed = [row[0] for row in rows[:count] if passes(row)]
    for query in queries[:many]:
        far, got = distances(query, metric), search(query)
        truth = sorted(far[number] for number in allowed)[:k]
        strange = set(got) - set(allowed)
        assert not strange, f"rows that do not pass: {sorted(strange)}"
        assert len(got) == len(set(got)) == len(truth), f"{len(got)} rows, {len(set(got))} of them different, not {len(truth)}"
        mine = [far[number] for number in got]
        assert all(mine[i] <= mine[i + 1] + 1e-5 for i in range(len(mine) - 1)), f"not the nearest first: {mine}"
        found += sum(distance <= truth[-1] + 1e-6 for distance in mine)
        wanted += len(truth)
    assert wanted, "nothing was asked for"
    assert found >= least * wanted, f"recall {found / wanted:.3f}, not {least}"
    return found / wanted
