"""What runs on a node gets along with what a node has: Python 3.9 and its standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from pretended_agraph import ROOT

ON_NODES = [
    ROOT / "library" / "agraph_installation.py",
    ROOT / "library" / "agraph_member.py",
    ROOT / "library" / "agraph_node_info.py",
    ROOT / "library" / "agraph_repository.py",
    ROOT / "library" / "agraph_server_info.py",
    ROOT / "library" / "agraph_statement.py",
    ROOT / "module_utils" / "agraph_client.py",
    ROOT / "module_utils" / "agraph_contents.py",
    ROOT / "module_utils" / "agraph_holdings.py",
    ROOT / "module_utils" / "agraph_installation.py",
    ROOT / "module_utils" / "agraph_tarball.py",
    ROOT / "module_utils" / "agraph_users.py",
    ROOT / "module_utils" / "data_volume.py",
    ROOT / "module_utils" / "instance_secrets.py",
]


@pytest.mark.parametrize("path", ON_NODES, ids=lambda path: path.stem)
def test_it_is_python_3_9_and_needs_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    imported = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    ours = {f"ansible.module_utils.{each.stem}" for each in ON_NODES if each.parent.name == "module_utils"}
    assert foreign <= ours | {"ansible.module_utils", "ansible.module_utils.basic"}
