"""What the pages that teach by the examples promise of them."""

import ast
import re
import sys
from textwrap import indent

import pytest

from tests.examples.conftest import EXAMPLES
from tests.processes import ROOT

SOURCES = {path.stem: path.read_text() for path in EXAMPLES.glob("*.py")}
CODE = "".join(SOURCES.values())


@pytest.mark.parametrize("page", ["workers", "orchestrators"])
def test_the_code_on_the_pages_is_that_of_the_examples(page: str) -> None:
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)

    assert blocks
    assert [
        block for block in blocks if not any(indent(block, " " * deep) in CODE for deep in range(0, 24, 4))
    ] == []


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_an_example_is_short_and_needs_httpx_alone(name: str) -> None:
    tree = ast.parse(SOURCES[name])
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    packages = {module.partition(".")[0] for module in imported} - sys.stdlib_module_names

    assert packages <= {"httpx", *SOURCES}
    assert SOURCES[name].count("\n") <= 250
