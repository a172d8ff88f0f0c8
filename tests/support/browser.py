"""A headless Chromium, driven through its debugging pipe: JSON messages that end in a null byte.

https://chromedevtools.github.io/devtools-protocol/
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT = 120  # seconds


def found_browser() -> str | None:
    """The browser on PATH, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


LAUNCHER = """
import os, sys
for wanted, has in enumerate(sys.argv[1:3], start=3):
    os.dup2(int(has), wanted)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads its commands from descriptor 3, and answers on 4."""

# Chromium refuses to run as root with its own sandbox.
AS_ROOT = ("--no-sandbox",) if os.geteuid() == 0 else ()


class Page:
    """A file that a browser shows; what it complains about is kept."""

    def __init__(self, sent: BinaryIO, received: BinaryIO) -> None:
        self._sent, self._received = sent, received
        self._numbers = count(1)
        self._session: str | None = None
        self.complaints: list[str] = []
        """Errors and warnings of the console, of scripts, and of the content security policy."""
        self.requests: list[str] = []
        """URLs that were loaded."""
        self._loaded = False

    def open(self, url: str) -> None:
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call("Page.navigate", url=url)
        while not self._loaded:
            self._take()

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._sent.write(json.dumps(message).encode() + b"\0")
        self._sent.flush()
        while True:
            answer = self._take()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _take(self) -> dict[str, Any]:
        raw = bytearray()
        while (byte := self._received.read(1)) != b"\0":
            assert byte, "the browser has ended"
            raw += byte
        message = json.loads(raw)
        about = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Log.entryAdded":
                self.complaints.append(about["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(about["args"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(about["exceptionDetails"]))
            case "Network.requestWillBeSent":
                self.requests.append(about["request"]["url"])
        return message


@contextmanager
def browsing(file: Path, folder: Path) -> Iterator[Page]:
    """A file in a browser; skips the test where there is none. ``folder`` is the browser's own."""
    browser = found_browser()
    if browser is None:
        pytest.skip("needs chromium on PATH")
    commands, send = os.pipe()
    receive, answers = os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", LAUNCHER, str(commands), str(answers)),
            *(browser, "--headless", "--disable-gpu", "--remote-debugging-pipe"),
            *(f"--user-data-dir={folder}", *AS_ROOT),
        ],
        pass_fds=(commands, answers),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(commands)
    os.close(answers)
    with os.fdopen(send, "wb") as sent, os.fdopen(receive, "rb") as received:
        page = Page(sent, received)
        watchdog = Timer(TIMEOUT, process.kill)
        watchdog.start()
        try:
            page.open(file.as_uri())
            yield page
        finally:
            watchdog.cancel()
            process.terminate()
            process.wait(timeout=TIMEOUT)
