"""Where AllegroGraph comes from: an image that has it, or a tarball, and never half of either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from module_utils.federation_installation import BOTH_WAYS, problems_with_installation

IMAGE = "ami-0123456789abcdef0"
GOOD: dict[str, Any] = {
    "agraph_version": "8.5.2",
    "agraph_tarball": "https://example.com/agraph-8.5.2-linuxamd64.64.tar.gz",
    "agraph_sha256": "AB" * 32,
    "agraph_license": "",
    "agraph_tls_port": "0",
    "agraph_certificate": "",
    "agraph_run_as": "agraph",
    "data_volume_gb": 0,
}
NONE = dict.fromkeys(GOOD, "") | {"data_volume_gb": 0, "agraph_tls_port": 0}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"agraph_tarball": "s3://a-bucket/agraph.tar.gz", "data_volume_gb": "100"},
        {"agraph_tarball": __file__, "agraph_license": __file__},
        {"agraph_tls_port": 10036, "agraph_certificate": __file__},
    ],
)
def test_a_tarball_with_its_sum_is_enough(given: dict[str, Any]) -> None:
    assert list(problems_with_installation("", {**GOOD, **given})) == []


def test_an_image_that_has_it_needs_nothing_else() -> None:
    assert list(problems_with_installation(IMAGE, NONE)) == []
    assert list(problems_with_installation(IMAGE, {})) == []


def test_with_neither_both_ways_are_said() -> None:
    assert list(problems_with_installation("", NONE)) == [BOTH_WAYS]
    assert "federation_ami_id" in BOTH_WAYS
    assert "federation_agraph_tarball" in BOTH_WAYS


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"agraph_version": ""}, "federation_agraph_version '' is no version"),
        ({"agraph_version": "../8"}, "federation_agraph_version '../8' is no version"),
        ({"agraph_sha256": ""}, "federation_agraph_sha256 '' is no SHA-256"),
        ({"agraph_sha256": "ab" * 31}, "is no SHA-256"),
        ({"agraph_tarball": "http://example.com/a.tar.gz"}, "would come unprotected: use https://"),
        ({"agraph_tarball": "s3://bucket"}, "names no object of S3"),
        ({"agraph_tarball": "/nowhere/a.tar.gz"}, "'/nowhere/a.tar.gz' is not a file here"),
        ({"agraph_license": "/nowhere/license"}, "federation_agraph_license '/nowhere/license' is not a file here"),
        ({"agraph_tls_port": 10036}, "federation_agraph_certificate '' is not a file here"),
        ({"agraph_tls_port": "https"}, "federation_agraph_tls_port 'https' is no port"),
        ({"agraph_tls_port": 70000}, "federation_agraph_tls_port '70000' is no port"),
        ({"agraph_tls_port": 10035, "agraph_certificate": __file__}, "federation_agraph_tls_port 10035 is taken"),
        ({"data_volume_gb": "7.5"}, "federation_data_volume_gb '7.5' is no size"),
        ({"data_volume_gb": 16385}, "federation_data_volume_gb '16385' is no size"),
        ({"agraph_run_as": "Agraph Server"}, "federation_agraph_run_as 'Agraph Server' is no name of a user"),
    ],
)
def test_what_is_wrong_is_said_once(wrong: dict[str, Any], sentence: str) -> None:
    (found,) = problems_with_installation("", {**GOOD, "agraph_port": 10035, **wrong})
    assert sentence in found


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (GOOD, "and federation_agraph_tarball is set as well: leave one of them empty"),
        ({**NONE, "data_volume_gb": 20}, "federation_data_volume_gb is for servers that are installed"),
        ({**NONE, "agraph_tls_port": 10036}, "federation_agraph_tls_port is for servers that are installed"),
    ],
)
def test_an_image_that_has_it_gets_nothing_installed(given: dict[str, Any], sentence: str) -> None:
    (found,) = problems_with_installation(IMAGE, given)
    assert sentence in found


def test_a_home_directory_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.tar.gz").touch()
    assert list(problems_with_installation("", {**GOOD, "agraph_tarball": "~/a.tar.gz"})) == []
