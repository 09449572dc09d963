"""The package as such: what it imports, what it says of itself, what its README shows."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import hither


def test_numpy_is_imported_when_first_needed() -> None:
    program = "import sys, hither; assert 'numpy' not in sys.modules, sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_names() -> None:
    assert hither.metrics == ("l2", "cosine", "ip", "l1")
    assert (Path(hither.__file__).parent / "py.typed").exists()
    for name in hither.__all__:
        assert hasattr(hither, name)


def test_help_says_what_the_stubs_say() -> None:
    stubs = ast.parse((Path(hither.__file__).parent / "_native.pyi").read_text(encoding="utf-8"))
    said = 0
    for node in stubs.body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or not hasattr(hither, node.name):
            continue
        there = getattr(hither, node.name)
        pairs = [(there, ast.get_docstring(node))]
        for inner in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(inner, ast.FunctionDef):
                pairs.append((getattr(there, inner.name), ast.get_docstring(inner)))
        for one, text in pairs:
            if text is not None:
                assert inspect.getdoc(one) == text, one
                said += 1
    assert said > 25


def test_what_the_readme_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in text.split("```python\n")[1:]:
        exec(block.split("```")[0], names)
    assert len(hither.open("words.hither")) == 3_000
