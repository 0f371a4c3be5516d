from __future__ import annotations

from module_utils.federation_spec import federation, repository_url, without_secrets


def test_the_spec_names_every_member_with_its_credentials() -> None:
    urls = [repository_url(f"10.0.1.{last}", 10035, "r", "test", "xyzzy") for last in (5, 6)]
    assert federation(urls) == (
        "<http://test:xyzzy@10.0.1.5:10035/repositories/r> + <http://test:xyzzy@10.0.1.6:10035/repositories/r>"
    )


def test_credentials_and_names_are_quoted() -> None:
    url = repository_url("10.0.1.5", 1, "a/b", "u@x", "p:/@ ß", "my cat")
    assert url == "http://u%40x:p%3A%2F%40%20%C3%9F@10.0.1.5:1/catalogs/my%20cat/repositories/a%2Fb"


def test_secrets_are_starred_raw_quoted_and_in_urls() -> None:
    text = (
        "could not open <http://test:xyzzy@10.0.1.5:10035/repositories/r>, p@ss, p%40ss, store=http%3A%2F%2Fu%3Ap%40h"
    )
    shown = without_secrets(text, ["p@ss"])
    for secret in ("xyzzy", "p@ss", "p%40ss", "u%3Ap"):
        assert secret not in shown
    assert "10.0.1.5:10035/repositories/r" in shown


def test_ordinary_words_stay_readable() -> None:
    assert without_secrets("The manager was asked at 10.0.1.5.", ["a", ""]) == "The manager was asked at 10.0.1.5."
