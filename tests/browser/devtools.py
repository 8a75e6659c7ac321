"""Headless Chromium, driven over a pipe with its DevTools protocol: Python's standard library is enough."""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time


def find_chromium():
    """The browser's program, or None."""
    return next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """One page. `problems` collects what its console complains of, and exceptions."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="vitrine_browser_")
        command_read, self.command = os.pipe()
        self.answer, answer_write = os.pipe()
        place = self._places(command_read, answer_write)
        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run",
             f"--user-data-dir={self.folder.name}", "--hide-scrollbars", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=place)
        os.close(command_read)
        os.close(answer_write)
        self.buffer, self.count, self.session, self.problems, self.events = b"", 0, None, [], []
        self.may_ask = ("file:", "data:", "about:")
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    @staticmethod
    def _places(commands, answers):
        """Chromium reads commands from descriptor 3 and writes answers to 4."""
        def place():
            kept = os.dup(answers), os.dup(commands)
            os.dup2(kept[1], 3)
            os.dup2(kept[0], 4)
        return place

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def _message(self, deadline):
        while b"\0" not in self.buffer:
            if not select.select([self.answer], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            part = os.read(self.answer, 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def _note(self, message):
        method, details = message.get("method"), message.get("params", {})
        self.events.append(method)
        if method == "Runtime.exceptionThrown":
            thrown = details["exceptionDetails"]
            self.problems.append(thrown.get("exception", {}).get("description", thrown["text"]))
        elif method == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning", "assert"):
            self.problems.append(f"console: {[part.get('value', part.get('description')) for part in details['args']]}")
        elif method == "Log.entryAdded" and details["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"log: {details['entry']['text']}")
        elif method == "Network.requestWillBeSent" and not details["request"]["url"].startswith(self.may_ask):
            self.problems.append(f"asked the network for {details['request']['url']}")

    def call(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.command, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 60
        while True:
            answer = self._message(deadline)
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def look(self, width, height, dark=False, touch=False):
        """What screen the page is on; before open()."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.call("Emulation.setEmulatedMedia", media="screen", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)

    def open(self, place):
        """A file, or an address; of a page that comes from a server it may ask that for more."""
        url = place if str(place).startswith(("http:", "about:")) else pathlib.Path(place).resolve().as_uri()
        self.may_ask = ("file:", "data:", "about:", url.split("#")[0])
        self.events.clear()
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + 60
        while "Page.loadEventFired" not in self.events:
            self._note(self._message(deadline))
        self.settle()

    def settle(self):
        """Until the next two frames are drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self, expression):
        """The value of a JavaScript expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def point_at(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.settle()

    def tap(self, x, y):
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()

    def press(self, key):
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.settle()

    def screenshot(self, file, whole_page=True):
        image = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole_page)
        pathlib.Path(file).write_bytes(base64.b64decode(image["data"]))

    def on_paper(self):
        """The styles of print instead of a screen's, for a reader with a dark screen, until the next look()."""
        self.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    def print_to(self, file):
        pathlib.Path(file).write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))
