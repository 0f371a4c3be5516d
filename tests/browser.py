"""A headless Chromium that opens a page, looks at it at any width, and says what it asked the network for.

It is driven by the protocol of its own developer tools over a WebSocket; a page without scripts needs no more.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
# How long it may take to start, and to answer, in seconds.
START_TIMEOUT = 60
ANSWER_TIMEOUT = 60


class Browser:
    """One browser with one page; ends with the `with` statement."""

    def __init__(self, home: Path) -> None:
        program = next((found for name in NAMES if (found := shutil.which(name))), None)
        assert program, "There is no Chromium: install it with tools/system-packages --tests, as root."
        self.requests: list[str] = []
        self._loaded = False
        self._session: str | None = None
        self._number = 0
        self._open = contextlib.ExitStack()
        # Chromium refuses to confine its pages when it is root's.
        unconfined = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [program, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={home}", *unconfined]
        # Nothing of its own leaves the machine: no name is known to it, and it updates nothing.
        command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking", "--disable-sync"]
        command += ["--disable-component-update", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--hide-scrollbars", "about:blank"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            self._connection = self._connected(home / "DevToolsActivePort")
            target = self._call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Runtime"):
                self._call(f"{domain}.enable")
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def open(self, page: Path, width: int, dark: bool = False, height: int = 900) -> None:
        """Open a file at a width of the window in pixels, and wait until it is there; `requests` begins anew."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._call("Emulation.setEmulatedMedia", features=scheme)
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.requests.clear()
        self._loaded = False
        answer = self._call("Page.navigate", url=page.resolve().as_uri())
        assert "errorText" not in answer, answer
        while not self._loaded:
            self._receive()

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression of JavaScript in the page; of a promise, what it promises."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def picture(self) -> bytes:
        """Return the whole page as a PNG."""
        width, height = self.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        answer = self._call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    def _connected(self, port_file: Path) -> ClientConnection:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            written = port_file.read_text().splitlines() if port_file.exists() else []
            if len(written) >= 2:
                url = f"ws://127.0.0.1:{written[0]}{written[1]}"
                return self._open.enter_context(connect(url, max_size=None, proxy=None))
            assert self._process.poll() is None, f"Chromium ended with {self._process.returncode} as it started."
            assert time.monotonic() < deadline, f"Chromium did not start within {START_TIMEOUT} s."
            time.sleep(0.05)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._connection.send(json.dumps(message))
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._connection.recv(timeout=ANSWER_TIMEOUT))
        if answer.get("method") == "Network.requestWillBeSent":
            self.requests.append(answer["params"]["request"]["url"])
        elif answer.get("method") == "Page.loadEventFired":
            self._loaded = True
        return answer

    def _end(self) -> None:
        self._open.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
