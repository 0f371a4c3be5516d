"""agraph-python's own tests, as they are installed, against the stand-in for AllegroGraph."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from franz.openrdf import tests as client_tests

NEEDED = {
    "tests.py": """
        test0 test1 test2 test4 test6 test7 test_getStatements test_result_as_list test_blanknodes
        test_delete_repository test_namespace_management test_turtle_import test_turtle_import_compressed
        test_turtle_import_from_string test_roundtrips test_root_catalog test3 test5 test10 test11 test13 test14
        test_query_blank_node test_setInferencing test_sparql_update test_session test16 test16a
        test_delete_duplicates test_add_commit_size
    """,
    "newtests.py": """
        test_ag_connect_open test_ag_connect_create test_ag_connect_recreate test_ag_connect_open_no_create
        test_ag_connect_create_exists test_add_data_ascii test_add_data_unicode test_remove_statement
        test_add_triples_statements test_add_with_two_contexts test_add_quad_overrides_contexts test_export_ntriples
        test_datetime_tz_roundtrip test_warmup test_export_construct test_export_query_result test_invalid_query
        test_ag_connect_session test_no_suppression test_spog_suppression test_sparql_query_metadata_select
    """,
}
NEEDED_TESTS = [f"{file}::{name}" for file, names in NEEDED.items() for name in names.split()]

LEFT_OUT = {
    "free text": "tests.py::test12 tests.py::test_freetext",
    "Prolog": """
        tests.py::test17 tests.py::test18 tests.py::test_temporal tests.py::test_json_xml_response
        tests.py::test_session_loadinitfile newtests.py::test_prolog_default_graph
    """,
    "geospatial": "tests.py::test20",
    "social network analysis": "tests.py::test21 tests.py::test22 tests.py::testSNA_bug23323",
    "reasoning ahead of queries": "tests.py::test_materializer",
    "GraphQL": "tests.py::test_graphql_basic tests.py::test_graphql_namespaces",
    "Lisp, JavaScript or SPIN run in the server": """
        tests.py::test_javascript tests.py::test_script_management tests.py::test_encoded_ids tests.py::test_spin
        newtests.py::test_remote_http_sanity newtests.py::test_add_json_ld_with_external_context
        newtests.py::test_add_json_ld_with_external_context_inside
    """,
    "triple attributes": """
        newtests.py::test_define_attribute newtests.py::test_get_set_attribute_filter_str
        newtests.py::test_attribute_filter_works newtests.py::test_attribute_filter_works_with_output
        newtests.py::test_attribute_filter_with_user_attributes newtests.py::test_add_data_with_attributes
        newtests.py::test_add_tuples_with_attributes newtests.py::test_add_quints
        newtests.py::test_add_quints_multiple_values newtests.py::test_add_quints_with_attributes
    """,
    "TLS, skipped by the suite itself": "tests.py::test_ssl",
}
LEFT_OUT_TESTS = {name: reason for reason, names in LEFT_OUT.items() for name in names.split()}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The port of a server of our own."""
    command = [sys.executable, "-m", "sandbox.allegrograph", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip().rpartition(":")[2]
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def outcomes(server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How each of the client's tests ended."""
    folder = tmp_path_factory.mktemp("client")
    files = [str(Path(client_tests.__file__).with_name(name)) for name in NEEDED]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AGRAPH", "PYTEST"))}
    environment |= {
        "AGRAPH_HOST": "127.0.0.1",
        "AGRAPH_PORT": server,
        "AGRAPH_USER": "test",
        "AGRAPH_PASSWORD": "xyzzy",
        "AGRAPH_CATALOG": "/",
        "AGRAPH_CLIENT_OUTCOMES": str(folder / "outcomes.json"),
        "PYTHONPATH": str(Path(__file__).parent),
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        "-p",
        "agraph_client_plugin",
    ]
    command += ["-c", os.devnull, "--rootdir", str(Path(files[0]).parent), "--timeout", "60", *files]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (folder / "outcomes.json").exists(), run.stdout + run.stderr
    result: dict[str, str] = json.loads((folder / "outcomes.json").read_text())
    return result


@pytest.mark.parametrize("name", NEEDED_TESTS)
def test_of_the_client_passes(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes[name] == "passed"


def test_only_what_is_listed_is_left_out(outcomes: dict[str, str], notice: Callable[[str], None]) -> None:
    for file in NEEDED:
        results = [outcome for name, outcome in outcomes.items() if name.startswith(f"{file}::")]
        notice(f"agraph-python's own {file}: {results.count('passed')} of {len(results)} tests pass")
    notice(f"agraph-python's own tests: {list(outcomes.values()).count('passed')} pass; left out are")
    for reason, names in LEFT_OUT.items():
        notice(f"  {reason}: {', '.join(names.split())}")
    assert {name for name, outcome in outcomes.items() if outcome != "passed"} == set(LEFT_OUT_TESTS)
