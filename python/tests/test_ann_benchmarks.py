"""The module for ann-benchmarks, run as its runner runs one: its base class is a stand-in of the same methods."""

# pyright: basic

from __future__ import annotations

import importlib
import itertools
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

BASE = '''
class BaseANN:
    def done(self): pass
    def fit(self, X): pass
    def query(self, q, n): return []
    def batch_query(self, X, n): self.res = [self.query(q, n) for q in X]
    def get_batch_results(self): return self.res
    def get_additional(self): return {}
    def __str__(self): return self.name
'''


def combinations(choices: dict[str, Any]) -> list[dict[str, Any]]:
    """A dict for each choice of values, as ann-benchmarks reads ``arg_groups``."""
    lists = [value if isinstance(value, list) else [value] for value in choices.values()]
    return [dict(zip(choices, chosen)) for chosen in itertools.product(*lists)]


def test_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: np.ndarray[Any, Any]
) -> None:
    source = Path(os.environ["ANN_BENCHMARKS"])
    algorithms = tmp_path / "ann_benchmarks" / "algorithms"
    (algorithms / "base").mkdir(parents=True)
    (algorithms / "base" / "module.py").write_text(BASE)
    shutil.copytree(source, algorithms / "hither")
    monkeypatch.syspath_prepend(tmp_path)
    train, queries = words[:1_000, :24].astype(np.float32), words[1_000:1_050, :24].astype(np.float32)
    near = (train / np.linalg.norm(train, axis=1, keepdims=True)) @ queries.T
    truth = np.argsort(-near, axis=0, kind="stable")[:10].T

    config = yaml.safe_load((source / "config.yml").read_text())
    definition = config["float"]["any"][0]
    assert definition["base_args"] == ["@metric"]
    constructor = getattr(
        importlib.import_module(definition["module"] + ".module"), definition["constructor"]
    )
    names = set()
    for group in definition["run_groups"].values():
        efforts = group["query_args"][0]
        found = []
        for arguments in combinations(group["arg_groups"][0])[:2]:
            algorithm = constructor("angular", arguments)
            algorithm.fit(train)
            for effort in (efforts[0], efforts[-1]):
                algorithm.set_query_arguments(effort)
                names.add(str(algorithm))
                keys = [algorithm.query(query, 10) for query in queries]
                assert all(len(row) == 10 for row in keys)
                algorithm.batch_query(queries, 10)
                assert np.array_equal(keys, algorithm.get_batch_results())
            found.append(np.mean([len(set(a) & set(b)) for a, b in zip(keys, truth)]) / 10)
            assert algorithm.get_additional()["bytes"] > 0
            algorithm.done()
        assert min(found) > 0.97
    assert len(names) == 12
    with pytest.raises(NotImplementedError):
        constructor("hamming", {})
