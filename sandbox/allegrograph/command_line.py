"""The command line of the stand-in for AllegroGraph."""

import argparse
import contextlib
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from sandbox.allegrograph.application import Application
from sandbox.allegrograph.configuration import Configuration, ConfigurationError, parse
from sandbox.allegrograph.service import Service
from sandbox.allegrograph.sessions import Sessions
from sandbox.allegrograph.web import Server
from sandbox.faults.questions import Asker


def _ports(text: str) -> range:
    first, _, last = text.partition("-")
    try:
        ports = range(int(first), int(last or first) + 1)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of ports such as 16000-17000") from error
    if not ports or ports[0] < 1 or ports[-1] > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of ports such as 16000-17000")
    return ports


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    result = argparse.ArgumentParser(prog="allegrograph", description="A stand-in for an AllegroGraph server.")
    result.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
    result.add_argument("--port", type=int, default=10035, help="port of the server (default: 10035)")
    result.add_argument(
        "--session-ports", type=_ports, default=range(16000, 17001), help="ports of sessions (default: 16000-17000)"
    )
    result.add_argument(
        "--main-port-for-sessions", action="store_true", help="reach sessions on the server's own port instead"
    )
    result.add_argument("--data", type=Path, help="folder for repositories and users (default: none, all is forgotten)")
    result.add_argument("--user", default="test", help="name of the superuser (default: test)")
    result.add_argument("--password", default="xyzzy", help="password of the superuser (default: xyzzy)")
    result.add_argument("--catalog", action="append", default=[], help="a catalog beside the root; may be repeated")
    result.add_argument("--version-number", default="8.5.2", help="version that the server says it is")
    result.add_argument("--config", type=Path, help="an agraph.cfg, which says all of the above but the version")
    result.set_defaults(settings=None, http=True, tls_port=None, certificate=None)
    return result


def _configured(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options with what the configuration file says; the superuser is one only where it names one."""
    try:
        file: Configuration = parse(options.config.read_text())
        directives = file.directives
        given = {
            "port": int(directives.get("port", 10035)),
            "session_ports": _ports(directives["sessionports"]) if "sessionports" in directives else range(0),
            "main_port_for_sessions": file.flag("usemainportforsessions", "sessionports" not in directives),
            "data": file.path("main"),
            "settings": file.path("settingsdirectory"),
            "catalog": file.catalogs,
            "http": file.flag("allowhttp", True),
            "tls_port": int(directives["sslport"]) if "sslport" in directives else None,
            "certificate": file.path("sslcertificate") if "sslport" in directives else None,
        }
    except (OSError, ValueError, ConfigurationError, argparse.ArgumentTypeError) as error:
        raise StartError(f"the configuration {options.config} cannot be used: {error}") from error
    user, _, password = directives.get("superuser", "").partition(":")
    return argparse.Namespace(**{**vars(options), **given, "user": user, "password": password})


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(128)
    return listener


class StartError(Exception):
    """Why the server does not start, with the remedy."""


def _tls(options: argparse.Namespace) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.certificate)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"the certificate {options.certificate} cannot be used: {error}") from error
    return context


@contextlib.contextmanager
def prepared(options: argparse.Namespace) -> Iterator[tuple[Server, Service]]:
    """A server that is ready to run; at the end its sessions and files are closed."""
    with contextlib.ExitStack() as stack:
        try:
            listener = _listener(options.host, options.port)
        except OSError as error:
            raise StartError(
                f"port {options.port} of {options.host} cannot be had ({error.strerror}); choose another with --port."
            ) from error
        stack.callback(listener.close)
        data = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="allegrograph-")))
        try:
            faults = Asker(options.host, listener.getsockname()[1])
            named = (options.user, options.password, options.catalog)
            service = Service(data, *named, options.version_number, faults, options.settings)
        except OSError as error:
            raise StartError(
                f"the folder {data} cannot be used ({error.strerror}); choose another with --data."
            ) from error
        server = Server(Application(service), service.housekeeping)
        ports = range(0) if options.main_port_for_sessions else options.session_ports
        service.sessions = Sessions(options.host, ports, server)
        service.port = listener.getsockname()[1]
        if options.http:
            server.add_listener(listener)
        if options.tls_port is not None:
            server.add_listener(_listener(options.host, options.tls_port), _tls(options))
        try:
            yield server, service
        finally:
            server.remove_listener(listener)
            service.close()


def serve(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    options = parser().parse_args(arguments)
    try:
        options = _configured(options) if options.config else options
    except StartError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    if Asker(options.host, options.port).ask("start"):
        print("ERROR: a fault of the sandbox keeps the server from starting; clear it.", file=sys.stderr)
        return 1
    try:
        with prepared(options) as (server, service):
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: server.stop())
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            print(f"allegrograph: ready on http://{options.host}:{service.port}", flush=True)
            server.run()
    except StartError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    return 0
