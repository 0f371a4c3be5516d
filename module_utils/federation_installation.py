"""What can be known to be wrong with the settings that say where AllegroGraph comes from, before anything is made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

VERSION = re.compile(r"[0-9]+([.][0-9]+)*[A-Za-z0-9.]*")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
OBJECT = re.compile(r"s3://[a-z0-9.-]{3,63}/.+")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
LARGEST_VOLUME = 16384
BOTH_WAYS = (
    "There is neither an image with AllegroGraph on it nor a tarball: name an image of your region in "
    "federation_ami_id (the classic tutorial's was ami-5616d82e, in us-west-2), or have it installed on Amazon Linux "
    "2023 with federation_agraph_version, federation_agraph_tarball and federation_agraph_sha256."
)


def problems_with_installation(image_id: str, given: Mapping[str, object]) -> Iterator[str]:
    """Say what keeps AllegroGraph from being installed; with an image that has it, nothing is."""
    settings = {name: str(value).strip() for name, value in given.items()}
    tarball = settings.get("agraph_tarball", "")
    if image_id and tarball:
        yield (
            f"federation_ami_id {image_id} is taken for an image that has AllegroGraph on it, and "
            "federation_agraph_tarball is set as well: leave one of them empty, as in -e federation_ami_id= ."
        )
        return
    if not tarball and not image_id:
        yield BOTH_WAYS
    if not tarball:
        for name in ("data_volume_gb", "agraph_tls_port") if image_id else ():
            if settings.get(name, "0") not in ("0", ""):
                yield (
                    f"federation_{name} is for servers that are installed from federation_agraph_tarball: an image "
                    "with AllegroGraph on it is left as it is. Set it to 0."
                )
        return
    yield from _problems_with_tarball(settings, tarball)
    yield from _problems_with_tls(settings)
    size = settings.get("data_volume_gb", "0")
    if not re.fullmatch(r"[0-9]+", size) or int(size) > LARGEST_VOLUME:
        yield f"federation_data_volume_gb '{size}' is no size: give whole GiB up to {LARGEST_VOLUME}, or 0 for none."
    if not USER.fullmatch(user := settings.get("agraph_run_as", "agraph")):
        yield f"federation_agraph_run_as '{user}' is no name of a user: use one like agraph."


def _problems_with_tarball(settings: Mapping[str, str], tarball: str) -> Iterator[str]:
    version, sha256, license_file = (settings.get(f"agraph_{name}", "") for name in ("version", "sha256", "license"))
    if not VERSION.fullmatch(version):
        yield f"federation_agraph_version '{version}' is no version: say which one the tarball holds, such as 8.5.2."
    if not SHA256.fullmatch(sha256):
        yield (
            f"federation_agraph_sha256 '{sha256}' is no SHA-256: give the 64 hexadecimal digits that the tarball's "
            "publisher says, or those of `sha256sum` on a copy that you trust."
        )
    if tarball.startswith("s3://"):
        if not OBJECT.fullmatch(tarball):
            yield f"federation_agraph_tarball '{tarball}' names no object of S3: write it like s3://bucket/key."
    elif "://" in tarball:
        if not tarball.startswith("https://"):
            yield f"federation_agraph_tarball '{tarball}' would come unprotected: use https://, s3:// or a local file."
    elif not Path(tarball).expanduser().is_file():
        yield (f"federation_agraph_tarball '{tarball}' is not a file here: name one, an https URL, or s3://bucket/key.")
    if license_file and not Path(license_file).expanduser().is_file():
        yield f"federation_agraph_license '{license_file}' is not a file here: name the one with the license's lines."


def _problems_with_tls(settings: Mapping[str, str]) -> Iterator[str]:
    port, certificate = settings.get("agraph_tls_port", "0"), settings.get("agraph_certificate", "")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        yield f"federation_agraph_tls_port '{port}' is no port: give one, such as 10036, or 0 for no TLS."
    elif int(port) and port == settings.get("agraph_port"):
        yield f"federation_agraph_tls_port {port} is taken by federation_agraph_port: choose another, such as 10036."
    elif int(port) and not Path(certificate).expanduser().is_file():
        yield (
            f"federation_agraph_certificate '{certificate}' is not a file here, and federation_agraph_tls_port is "
            f"{port}: name a PEM file with the certificate, those above it, and its key."
        )
