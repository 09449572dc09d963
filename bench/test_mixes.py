"""Tests of the code that creates rows and truth: python -m unittest, as run by `bench/run.sh --quick`."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

import datasets
import mixes


def rows_of(seed, count, dimensions):
    """Rows in clumps, of any length."""
    source = np.random.default_rng(seed)
    middles = source.standard_normal((20, dimensions))
    near = source.standard_normal((count, dimensions)) * 0.4
    return (middles[source.integers(20, size=count)] + near).astype(np.float32)


class Mixes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(setattr, mixes, "PIECE", mixes.PIECE)
        mixes.PIECE = 512
        self.real = rows_of(7, 600, 24)
        np.save(self.folder / "real.npy", self.real)
        self.source = datasets.described("real", "cosine", self.folder / "real.npy", self.folder / "real.npy")

    def make(self, name, rows, seed=1, dimensions=8, element="f16", queries=30):
        folder = self.folder / name
        mixes.make(folder, self.source, rows, dimensions, seed, element, queries)
        return folder

    def test_one_seed_one_file_and_fewer_rows_are_the_first_of_many(self):
        many, again, fewer = self.make("many", 5000), self.make("again", 5000), self.make("fewer", 700)
        other = self.make("other", 5000, seed=2)
        for name in ("base.npy", "queries.npy", "truth.npy"):
            self.assertEqual((many / name).read_bytes(), (again / name).read_bytes())
            self.assertNotEqual((many / name).read_bytes(), (other / name).read_bytes())
        self.assertTrue((np.load(many / "base.npy")[:700] == np.load(fewer / "base.npy")).all())
        mixes.first(self.folder / "first", 700, many)
        self.assertEqual((self.folder / "first/base.npy").read_bytes(), (fewer / "base.npy").read_bytes())
        self.assertEqual((self.folder / "first/truth.npy").read_bytes(), (fewer / "truth.npy").read_bytes())

    def test_rows_are_mixes_of_neighbours_all_of_length_one_and_none_equal(self):
        real = mixes.on_directions(self.real, 8) / mixes.GRID
        products = real @ real.T
        np.fill_diagonal(products, -np.inf)
        near = np.argsort(-products, axis=1, kind="stable")[:, : mixes.NEAR]
        self.assertTrue((mixes.neighbours(real * mixes.GRID) == near).all())
        folder = self.make("mixes", 3000, element="f32")
        base, queries = np.load(folder / "base.npy"), np.load(folder / "queries.npy")
        self.assertEqual(len(np.unique(np.vstack((base, queries)), axis=0)), 3030)
        self.assertLess(np.abs(np.linalg.norm(np.vstack((base, queries)), axis=1) - 1).max(), 1e-6)
        for row in np.vstack((base[:8], queries[:4])).astype(np.float64):
            self.assertLess(min(self.outside(row, real, near)), 1e-5)

    def outside(self, row, real, near):
        """The distance of a row from the wedge between each row and each of its nearest ones."""
        for one in range(len(real)):
            for other in near[one]:
                weights, rest = np.linalg.lstsq(real[[one, other]].T, row, rcond=None)[:2]
                if len(rest) and weights.min() > -1e-5:
                    yield np.sqrt(rest[0])

    def test_directions_are_those_that_keep_most(self):
        unit = mixes.unit(self.real.astype(np.float64))
        whole = mixes.on_directions(self.real, 24) / mixes.GRID
        self.assertLess(np.abs(whole - unit).max(), 1e-4)
        best = np.linalg.svd(unit, full_matrices=False)[2][:8].T
        expected = mixes.unit(unit @ best)
        found = mixes.on_directions(self.real, 8) / mixes.GRID
        self.assertLess(np.abs(found @ found.T - expected @ expected.T).max(), 2e-3)

    def test_equal_draws_are_drawn_again(self):
        mixer = mixes.Mixer(mixes.on_directions(self.real, 8), 1, np.float16)
        mixer.mix = lambda source, count: mixes.unit(source.integers(1, 40, size=(count, 8)).astype(float) // 13 + 1)
        rounded = mixer.draw(1, 2000)[0]
        self.assertEqual(len(np.unique(rounded, axis=0)), 2000)
        mixer.mix = lambda source, count: np.eye(8)[np.zeros(count, int)]
        self.assertEqual(len(mixer.draw(2, 1)[0]), 1)
        with self.assertRaises(SystemExit):  # an earlier piece already had it
            mixer.draw(3, 1)
        mixer.mix = lambda source, count: np.array([[0.0, 1.0], [-0.0, 1.0]])[:count]
        with self.assertRaises(SystemExit):  # -0 is 0
            mixer.draw(4, 2)

    def test_equal_rows_are_counted(self):
        rows = rows_of(1, 500, 8)
        self.assertEqual(mixes.equal_rows(rows), 0)
        rows[7], rows[400] = rows[3], rows[3]
        self.assertEqual(mixes.equal_rows(rows), 2)


class Truth(unittest.TestCase):
    def test_the_least_are_found_in_runs_and_beyond(self):
        scores = np.random.default_rng(5).permutation(40 * 9003).reshape(40, 9003).astype(np.float32)
        scores[0, 9000:], scores[1, 4:104] = (-3, -2, -1), -np.arange(100)
        for count in (1, 37, 100, 200, 20_000):
            found = np.take_along_axis(scores, datasets.nearest(scores, count), axis=1)
            self.assertTrue((np.sort(found, axis=1) == np.sort(scores, axis=1)[:, :count]).all())

    def test_pieces_give_what_the_whole_gives(self):
        base, queries = rows_of(3, 2000, 12), rows_of(4, 50, 12)
        self.addCleanup(setattr, datasets, "PIECE", datasets.PIECE)
        datasets.PIECE = 300
        wide = base.astype(np.float64), queries.astype(np.float64)
        squares = ((wide[1][:, np.newaxis] - wide[0]) ** 2).sum(axis=2)
        cosines = 1 - mixes.unit(wide[1]) @ mixes.unit(wide[0]).T
        for metric, distances in (("l2", squares), ("cosine", cosines)):
            expected = np.argsort(distances, axis=1, kind="stable")[:, : datasets.DEPTH]
            self.assertTrue((datasets.exact(base, queries, metric) == expected).all())


if __name__ == "__main__":
    unittest.main()
