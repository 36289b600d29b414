"""Chromium without a window, told what to do through two pipes: one page, and all it complains of.

The DevTools protocol as JSON between NULs (`--remote-debugging-pipe`).
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-dev-shm-usage", "--disable-background-networking", "--disable-extensions"),
)
_HEARD = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
_PATIENCE = 60.0  # seconds


class Browser:
    """One window. Use it in a `with`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._left = b""
        self.complaints: list[Any] = []
        """What came to the console."""
        self.requests: list[str] = []
        """What was asked for, by its address."""
        self._loaded = 0

    def __enter__(self) -> Browser:
        read_there, self._write = os.pipe()
        self._read, write_there = os.pipe()
        pipes = f"3<&{read_there} 4>&{write_there}"
        command = [str(CHROMIUM), *_FLAGS, f"--user-data-dir={self._folder}"]
        words = " ".join([*command, "--remote-debugging-pipe", pipes])
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {words}"],
            pass_fds=(read_there, write_there),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_there)
        os.close(write_there)
        target = self._ask("Target.createTarget", {"url": "about:blank"}, None)["targetId"]
        attached = {"targetId": target, "flatten": True}
        self._session = self._ask("Target.attachToTarget", attached, None)["sessionId"]
        for room in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{room}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def open(self, page: Path, width: int, height: int, dark: bool = False) -> None:
        """Open a file as a screen of this size would, and wait until it is there."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", {"features": [scheme]})
        before = self._loaded
        self._ask("Page.navigate", {"url": page.resolve().as_uri()})
        until = time.monotonic() + _PATIENCE
        while self._loaded == before:
            self._hear(until)

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        said = self._ask("Runtime.evaluate", {"expression": script, "returnByValue": True})
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        return base64.b64decode(self._ask("Page.captureScreenshot", {"format": "png"})["data"])

    def _ask(self, method: str, parameters: Any = None, session: str | None = "own") -> Any:
        self._number += 1
        number = self._number
        said: dict[str, Any] = {"id": number, "method": method, "params": parameters or {}}
        if session is not None:
            said["sessionId"] = self._session
        os.write(self._write, json.dumps(said).encode() + b"\0")
        until = time.monotonic() + _PATIENCE
        while True:
            heard = self._hear(until)
            if heard.get("id") == number:
                assert "error" not in heard, heard["error"]
                return heard["result"]

    def _hear(self, until: float) -> Any:
        """Return the next message; what is not an answer is kept."""
        while b"\0" not in self._left:
            if not select.select([self._read], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("Chromium says nothing")
            piece = os.read(self._read, 2**20)
            if not piece:
                raise ConnectionError("Chromium is gone")
            self._left += piece
        line, _, self._left = self._left.partition(b"\0")
        heard = json.loads(line)
        method = heard.get("method")
        if method in _HEARD:
            self.complaints.append(heard["params"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(heard["params"]["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded += 1
        return heard
