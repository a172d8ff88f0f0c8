"""A real Chromium without a window. https://chromedevtools.github.io/devtools-protocol/"""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from itertools import count

import pytest
from websockets.sync.client import connect

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Chromium refuses to run as root with its own sandbox.
AS_ROOT = ("--no-sandbox",) if os.geteuid() == 0 else ()
PATIENCE = 120  # seconds


@contextmanager
def browser(folder):
    """Start a browser and open a tab; skip the test without a browser."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("needs Chromium or Chrome on PATH, such as of `apt install chromium`")
    started = subprocess.Popen(
        [
            program, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--remote-debugging-port=0", f"--user-data-dir={folder}", *AS_ROOT,
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    address = folder / "DevToolsActivePort"
    try:
        wait(lambda: address.exists() and len(address.read_text().split()) == 2)
        url = "ws://127.0.0.1:{}{}".format(*address.read_text().split())
        with connect(url, max_size=None, proxy=None) as socket:
            yield Tab(socket)
    finally:
        os.killpg(started.pid, signal.SIGKILL)  # with its renderers
        started.wait()


def wait(condition):
    """Wait until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "the browser does not answer"
        time.sleep(0.05)


class Tab:
    """A page of the browser."""

    def __init__(self, socket):
        self._socket, self._ids, self._session = socket, count(), {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def call(self, method, **params):
        """Return the result of a command."""
        number = next(self._ids)
        command = {"id": number, "method": method, "params": params, **self._session}
        self._socket.send(json.dumps(command))
        while (answer := json.loads(self._socket.recv(timeout=PATIENCE))).get("id") != number:
            pass  # an event
        return answer["result"]

    def open(self, file, width=1280, *, script=True, scheme="light"):
        """Load a file in a window of that width."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=file.as_uri())
        wait(lambda: self.run("document.readyState") == "complete")

    def run(self, expression):
        """Return the value of JavaScript, whatever the page's policy allows."""
        how = {"awaitPromise": True, "returnByValue": True}
        done = self.call("Runtime.evaluate", expression=expression, **how)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def press(self, key, code, text=""):
        """Press a key, which has a code of Windows."""
        for kind in ("keyDown", "keyUp"):
            pressed = {"type": kind, "key": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", **pressed, text=text if kind == "keyDown" else "")

    def click(self, selector):
        """Click on the middle of an element that is in view."""
        box = self.run(f"document.querySelector({selector!r}).getBoundingClientRect().toJSON()")
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)
