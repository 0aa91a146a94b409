"""A headless Chromium as a reader sits before it: open a page, look, click, and hear complaints.

It speaks the DevTools protocol over two pipes, so that nothing is installed beside the browser.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

PATIENCE = 60  # seconds for anything that a page does, on a busy machine
PROGRAMS = ("chromium", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",  # which root may not have
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no network
)


class ChromiumError(Exception):
    """The browser is missing, has gone, or did not do what it was told."""


class Chromium:
    """A running browser with one page.

    Attributes:
        complaints: Uncaught exceptions, console errors, and requests beyond the page's own files.
    """

    def __init__(self, profile: Path, width: int = 1366, height: int = 768):
        """Start the browser with an empty profile and a window of a laptop's size."""
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise ChromiumError(
                f"found none of the commands {', '.join(PROGRAMS)}; `make test-browser` installs "
                "the first, as root on Debian"
            )
        self.complaints: list[str] = []
        self._buffer, self._last = b"", 0
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        self._process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={profile}", f"--window-size={width},{height}"],
            preexec_fn=lambda: _become_three_and_four(commands, answers),
            close_fds=False,  # all but 0 to 4 close by themselves
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        target = self._tell("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = {"targetId": target, "flatten": True}
        self._session = self._tell("Target.attachToTarget", attached)["sessionId"]
        for part in ("Page", "Runtime", "Log", "Network"):
            self.tell(f"{part}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.tell("Emulation.setDeviceMetricsOverride", **size)

    def close(self) -> None:
        """End the browser."""
        os.close(self._commands)  # at which it ends by itself
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        os.close(self._answers)

    def tell(self, method: str, **arguments: object) -> dict:
        """Give the page a command of the protocol; its result."""
        return self._tell(method, arguments, sessionId=self._session)

    def open(self, path: Path) -> None:
        """Open a file and wait until all of it is there."""
        self.tell("Page.navigate", url=path.resolve().as_uri())
        self.wait_for("document.readyState === 'complete'")

    def run(self, script: str) -> object:
        """Run a JavaScript expression in the page; its value."""
        arguments = {"expression": script, "returnByValue": True, "awaitPromise": True}
        done = self.tell("Runtime.evaluate", **arguments)
        if "exceptionDetails" in done:
            raise ChromiumError(f"{script}: {_describe(done['exceptionDetails'])}")
        return done["result"].get("value")

    def wait_for(self, script: str) -> object:
        """Wait until a JavaScript expression is true; its value."""
        end = time.monotonic() + PATIENCE
        while not (value := self.run(script)):
            if time.monotonic() > end:
                raise ChromiumError(f"not so after {PATIENCE} s: {script}; {self.complaints}")
            time.sleep(0.02)
        return value

    def click(self, element: str) -> None:
        """Click the middle of the element of a JavaScript expression with the mouse.

        Raises:
            ChromiumError: It never stands still with nothing before it, so that a reader could.
        """
        where = self.wait_for(
            f"""(async () => {{
                const element = {element};
                if (!element) return null;
                element.scrollIntoView({{block: "center", behavior: "instant"}});
                const before = element.getBoundingClientRect();
                await new Promise((resolve) => setTimeout(resolve, 50));
                const box = element.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                const still = box.x === before.x && box.y === before.y;
                return still && element.contains(document.elementFromPoint(x, y)) ? {{x, y}} : null;
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.tell("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **where)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.tell("Input.insertText", text=text)

    def take_picture(self, path: Path) -> None:
        """Write what the window shows to a PNG file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.tell("Page.captureScreenshot")["data"]))

    def _tell(self, method: str, arguments: dict, **address: str) -> dict:
        self._last += 1
        message = {"id": self._last, "method": method, "params": arguments, **address}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._last:
            self._hear(answer)
        if "error" in answer:
            raise ChromiumError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _read(self) -> dict:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], PATIENCE)
            more = os.read(self._answers, 1 << 20) if ready else b""
            if not more:
                raise ChromiumError(f"no answer; exit code {self._process.poll()}")
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _hear(self, event: dict) -> None:
        said = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(_describe(said["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "assert"):
                values = (part.get("value", part.get("description")) for part in said["args"])
                self.complaints.append(" ".join(map(str, values)))
            case "Log.entryAdded" if said["entry"]["level"] == "error":
                self.complaints.append(said["entry"]["text"])
            case "Network.requestWillBeSent":
                url = said["request"]["url"]
                if not url.startswith(("file:", "data:", "blob:", "about:")):
                    self.complaints.append(f"asks the network for {url}")


def _become_three_and_four(commands: int, answers: int) -> None:
    """Give the browser its pipes under the numbers that it expects."""
    pipes = [fcntl.fcntl(pipe, fcntl.F_DUPFD, 10) for pipe in (commands, answers)]
    for number, pipe in zip((3, 4), pipes, strict=True):
        os.dup2(pipe, number)
        os.close(pipe)


def _describe(details: dict) -> str:
    return details.get("exception", {}).get("description") or details["text"]
