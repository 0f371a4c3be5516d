"""The sandbox's command line."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox import state
from sandbox.faults.control import ControlError, ask
from sandbox.faults.rules import Rule, RuleError, parse
from sandbox.latency import latency as latency_of

PORT = 4566
ISOLATIONS = ("root", "user", "none")
IDLE_MINUTES = 60.0
START_TIMEOUT = 60.0
STOP_TIMEOUT = 15.0


class CommandError(Exception):
    """What went wrong: one sentence with the remedy."""


def start(
    directory: Path,
    latency: str | None,
    port: int | None,
    idle_minutes: float,
    isolation: str | None = None,
    throttling: bool = False,
    faults: Sequence[Rule] = (),
) -> tuple[state.State, bool]:
    """Return the running sandbox, started if there was none, and whether it was started now."""
    with state.starting(directory):
        if known := state.read(directory):
            if not known.endpoint_s3:
                raise CommandError(
                    "The sandbox that is running is of an older version: stop it first with python -m sandbox stop."
                )
            if latency not in (None, known.latency):
                raise CommandError(
                    f"The sandbox is already running with the latency table '{known.latency}': "
                    "stop it first with python -m sandbox stop."
                )
            if isolation not in (None, known.isolation):
                raise CommandError(
                    f"The sandbox is already running with isolation '{known.isolation}': "
                    "stop it first with python -m sandbox stop."
                )
            if throttling and not known.throttling:
                raise CommandError(
                    "The sandbox is already running without throttling: stop it first with python -m sandbox stop."
                )
            if port is not None and f":{port}" != known.endpoint[known.endpoint.rindex(":") :]:
                raise CommandError(
                    f"The sandbox is already running at {known.endpoint}: stop it first with python -m sandbox stop."
                )
            os.utime(directory / "state.json")
            return known, False
        state.remove(directory)
        _launch(directory, latency or "fast", port or PORT, idle_minutes, isolation, throttling, faults)
        known = state.read(directory)
        if known is None:
            raise CommandError(f"The sandbox ended as soon as it had started: {directory / 'log'} says why.")
        return known, True


def _launch(
    directory: Path,
    latency: str,
    port: int,
    idle_minutes: float,
    isolation: str | None,
    throttling: bool,
    faults: Sequence[Rule],
) -> None:
    """Start the main process and wait until it says that it is ready."""
    receive, report = os.pipe()
    settings = {
        "directory": str(directory),
        "latency": latency,
        "port": port,
        "idle": idle_minutes * 60,
        "isolation": isolation,
        "throttling": throttling,
        "faults": [each.given for each in faults],
        "report": report,
    }
    root = str(Path(__file__).resolve().parents[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    environment["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.daemon", json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            pass_fds=[report],
            start_new_session=True,
        )
    os.close(report)
    try:
        answer = _report(process, receive, directory)
    except BaseException:
        process.terminate()
        process.wait()
        state.remove(directory)
        raise
    if "error" in answer:
        process.wait()
        state.remove(directory)
        raise CommandError(answer["error"])


def _report(process: subprocess.Popen[bytes], receive: int, directory: Path) -> dict[str, str]:
    """Return what the main process says of its start."""
    said = b""
    with os.fdopen(receive, "rb", buffering=0) as reports:
        deadline = time.monotonic() + START_TIMEOUT
        while select.select([reports], [], [], max(0.0, deadline - time.monotonic()))[0]:
            chunk = reports.read(4096)
            if not chunk:
                break
            said += chunk
    if not said:
        late = process.poll() is None
        why = f"was not ready within {START_TIMEOUT:.0f} s" if late else "ended while it was starting"
        reason = (directory / "log").read_text(errors="replace").strip().rpartition("\n")[2]
        raise CommandError(
            f"The sandbox {why}{': ' + reason if reason else ''}; stop what hinders it and start it again."
        )
    return dict(json.loads(said))


def stop(directory: Path) -> bool:
    """Stop the sandbox, and remove what a killed one left; tells whether one was running."""
    if not directory.exists():
        return False
    with state.starting(directory):
        known = state.read(directory)
        if known:
            os.kill(known.pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_TIMEOUT
            while state.is_held(directory / "running.lock"):
                if time.monotonic() > deadline:
                    os.kill(known.pid, signal.SIGKILL)
                    deadline = float("inf")
                time.sleep(0.02)
        # The world and its nodes end when the main process has; nothing of them may be left when this returns.
        deadline = time.monotonic() + STOP_TIMEOUT
        while state.processes(directory) and time.monotonic() < deadline:
            time.sleep(0.02)
        for process in state.processes(directory):
            os.kill(process, signal.SIGKILL)
        state.remove(directory)
        return known is not None


def client_environment(known: state.State, present: Mapping[str, str]) -> dict[str, str | None]:
    """Return what an AWS client's environment needs: values to set, and None for what has to go."""
    wanted: dict[str, str | None] = {name: None for name in present if name.startswith("AWS_")}
    wanted |= {"AWS_PROFILE": None, "AWS_SESSION_TOKEN": None}
    wanted |= {
        "AWS_ENDPOINT_URL": known.endpoint,
        "AWS_ENDPOINT_URL_S3": known.endpoint_s3,
        "AWS_CA_BUNDLE": known.authority,
        "AWS_ACCESS_KEY_ID": known.access_key_id,
        "AWS_SECRET_ACCESS_KEY": known.secret_access_key,
        "AWS_REGION": known.region,
        "AWS_DEFAULT_REGION": known.region,
        # What ~/.aws says is meant for AWS: not here.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    if any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in present):
        host = known.endpoint.split("//")[1].split(":")[0]
        for name in ("NO_PROXY", "no_proxy"):
            wanted[name] = ",".join(dict.fromkeys([*filter(None, present.get(name, "").split(",")), host]))
    return wanted


def _running(directory: Path) -> state.State:
    known = state.read(directory)
    if known is None:
        raise CommandError("The sandbox is not running: start it with python -m sandbox start.")
    return known


def _start(options: argparse.Namespace, directory: Path) -> int:
    rules = _rules(options.faults) if options.faults else []
    known, now = start(
        directory, options.latency, options.port, options.idle_minutes, options.isolation, options.throttling, rules
    )
    if rules and not now:
        _set_rules(directory, rules)
    print(
        f"sandbox: {'started' if now else 'already running'} endpoint={known.endpoint} latency={known.latency} "
        f"isolation={known.isolation}"
    )
    if now and known.remark:
        print(f"sandbox: {known.remark}")
    return 0


def _stop(options: argparse.Namespace, directory: Path) -> int:
    print("sandbox: stopped" if stop(directory) else "sandbox: was not running")
    return 0


def _status(options: argparse.Namespace, directory: Path) -> int:
    known = state.read(directory)
    if options.json:
        shown = dataclasses.asdict(known) if known else {}
        shown.pop("secret_access_key", None)
        print(json.dumps({"running": known is not None, **shown}))
    elif known:
        print(
            f"sandbox: running endpoint={known.endpoint} latency={known.latency} isolation={known.isolation} "
            f"since={known.started} pid={known.pid}"
        )
    else:
        print("sandbox: not running")
    return 0 if known else 3


def _env(options: argparse.Namespace, directory: Path) -> int:
    for name, value in client_environment(_running(directory), os.environ).items():
        print(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")
    return 0


def _run(options: argparse.Namespace, directory: Path) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise CommandError("There is no command to run: python -m sandbox run -- COMMAND.")
    for name, value in client_environment(_running(directory), os.environ).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    try:
        os.execvp(command[0], command)
    except OSError as reason:
        raise CommandError(f"{command[0]} cannot be run: {reason.strerror}.") from reason


def _rules(file: str) -> list[Rule]:
    """Return the rules in a file, or those of standard input."""
    try:
        return parse(sys.stdin.read() if file == "-" else Path(file).read_text())
    except OSError as reason:
        raise CommandError(f"The rules in {file} cannot be read ({reason.strerror}): name a file, or - .") from None


def _set_rules(directory: Path, rules: Sequence[Rule]) -> list[dict[str, Any]]:
    return ask(directory, do="set", rules=[each.given for each in rules])


def _faults(options: argparse.Namespace, directory: Path) -> int:
    _running(directory)
    if options.what == "list":
        print(json.dumps(ask(directory, do="list"), indent=1))
        return 0
    count = len(_set_rules(directory, _rules(options.file) if options.what == "set" else []))
    print(f"sandbox: {count} fault{'' if count == 1 else 's'} in force")
    return 0


def _allegrograph(arguments: list[str]) -> int:
    from sandbox.allegrograph.command_line import serve

    status = serve(arguments)
    sys.stdout.flush()
    # A query that cannot be interrupted must not keep the process alive.
    os._exit(status)


def _tarball(options: argparse.Namespace, directory: Path) -> int:
    from sandbox.allegrograph import distribution

    try:
        digest = distribution.build(options.version, options.output)
    except OSError as reason:
        raise CommandError(f"{options.output} cannot be written ({reason.strerror}): name another file.") from reason
    print(digest)
    return 0


def _latency(text: str) -> str:
    """Hold the table against those that there are, before anything is started."""
    try:
        latency_of(text)
    except ValueError as reason:
        raise argparse.ArgumentTypeError(str(reason)) from reason
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in for AWS on this machine.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    each = verbs.add_parser("start", help="start the sandbox, if it is not running, and wait until it is ready")
    each.add_argument(
        "--latency",
        type=_latency,
        metavar="TABLE",
        help="how long things take: fast (default), or aws; with single delays changed: fast,creation_visible=1",
    )
    each.add_argument(
        "--port",
        type=int,
        help=f"the endpoint's port ({PORT}); the next are the session gateway's, and S3's with TLS",
    )
    each.add_argument(
        "--idle-minutes",
        type=float,
        default=IDLE_MINUTES,
        metavar="M",
        help="end by itself after M minutes without a call (60; 0: never)",
    )
    each.add_argument(
        "--isolation",
        choices=ISOLATIONS,
        help="how the nodes are kept apart: root's namespaces, a user's, or not at all (default: the best that works)",
    )
    each.add_argument(
        "--throttling", action="store_true", help="refuse requests that come too fast, with EC2's token buckets"
    )
    each.add_argument("--faults", metavar="FILE", help="what is to go wrong, as for faults set")
    each.set_defaults(do=_start)
    each = verbs.add_parser("stop", help="stop the sandbox and remove what it left, also after a crash")
    each.set_defaults(do=_stop)
    each = verbs.add_parser("status", help="say whether the sandbox is running (exit code 0) or not (3)")
    each.add_argument("--json", action="store_true", help="for scripts")
    each.set_defaults(do=_status)
    each = verbs.add_parser("env", help='print the environment for an AWS client: eval "$(python -m sandbox env)"')
    each.set_defaults(do=_env)
    each = verbs.add_parser("run", help="run a command with that environment: run -- COMMAND")
    each.add_argument("command", nargs=argparse.REMAINDER)
    each.set_defaults(do=_run)
    _add_faults(verbs.add_parser("faults", help="have things go wrong in the running sandbox: set FILE, list, clear"))
    each = verbs.add_parser(
        "tarball", help="write a tarball that installs the AllegroGraph stand-in; prints its SHA-256"
    )
    each.add_argument("version", metavar="VERSION", help="version that the server is going to say it is: 8.5.2")
    each.add_argument("--output", required=True, type=Path, metavar="FILE", help="the file to write")
    each.set_defaults(do=_tarball)
    verbs.add_parser("allegrograph", help="one AllegroGraph stand-in alone, in the foreground", add_help=False)
    return parser


def _add_faults(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(do=_faults)
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    each = what.add_parser("set", help="put rules in force, in place of those before (docs/sandbox.md has the keys)")
    each.add_argument("file", metavar="FILE", help="a JSON list of rules; - for standard input")
    what.add_parser("list", help="show the rules as JSON, with how many each matched and struck")
    what.add_parser("clear", help="let nothing go wrong any more")


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    if arguments[:1] == ["allegrograph"]:
        return _allegrograph(arguments[1:])
    options = _parser().parse_args(arguments)
    try:
        return int(options.do(options, state.home()))
    except (CommandError, RuleError, ControlError) as reason:
        print(f"ERROR: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
