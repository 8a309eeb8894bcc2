"""A page's first load over a slow line: ``python -m tests.slow SITE PAGE ...`` prints it.

The server compresses as GitHub Pages does; the browser's cache is empty, and its line is held to
400 kb/s and 400 ms by Chromium itself.
"""

import functools
import gzip
import io
import sys
import threading
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.visit import DESKTOP, PATIENCE_MS

LINE = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
COMPRESSED = {".html", ".js", ".css", ".svg", ".json"}
WATCH = """
window.seenAt = {};
new PerformanceObserver(list => {
  for (const e of list.getEntries()) window.seenAt[e.name] = e.startTime;
}).observe({type: 'paint', buffered: true});
document.addEventListener('DOMContentLoaded', () => { window.seenAt.parsed = performance.now(); });
const watch = setInterval(() => {
  const controls = document.querySelector('.explore-controls:not([hidden], [disabled])');
  if (controls) { window.seenAt.slider = performance.now(); clearInterval(watch); }
}, 50);
"""
BLOCKING = """() => performance.getEntriesByType('resource')
  .filter(e => e.renderBlockingStatus === 'blocking').map(e => e.name)"""


class Compressing(SimpleHTTPRequestHandler):
    """Serves text gzipped, over connections that stay open."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        pass

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if path.suffix not in COMPRESSED or not path.is_file():
            return super().send_head()
        body = gzip.compress(path.read_bytes(), mtime=0)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)


@dataclass
class Load:
    """What a first load fetched and when, in bytes over the line and milliseconds.

    Attributes:
        fetched: the bytes of each file, in the order in which they were asked for.
        blocking: the files without which nothing is painted, the page itself first.
        times: "first-contentful-paint"; "parsed"; "slider", the first that is shown.
    """

    fetched: dict[str, int]
    blocking: list[str]
    times: dict[str, float]

    @property
    def before_paint(self) -> int:
        return sum(self.fetched[name] for name in self.blocking)


def serve(site: Path) -> str:
    """Serve a site, compressed, for the rest of the process; returns its address."""
    handler = functools.partial(Compressing, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def load(
    browser, base: str, address: str, line: dict | None = None, shot: Path | None = None
) -> Load:
    """Open a page with an empty cache, over the line if one is given.

    Args:
        shot: where to put a picture of the screen, three seconds after the start.
    """
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    names, fetched = {}, {}
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    if line:
        network.send("Network.emulateNetworkConditions", line)

    def asked(event: dict) -> None:
        if (url := event["request"]["url"]).startswith(base):
            names[event["requestId"]] = url.removeprefix(f"{base}/").split("?")[0]
            fetched.setdefault(names[event["requestId"]], 0)

    def came(event: dict) -> None:
        if name := names.get(event["requestId"]):
            fetched[name] += int(event["encodedDataLength"])

    network.on("Network.requestWillBeSent", asked)
    network.on("Network.loadingFinished", came)
    page.add_init_script(WATCH)
    page.goto(f"{base}/{address}", wait_until="commit")
    if shot:
        page.wait_for_timeout(3000 - page.evaluate("performance.now()"))
        page.screenshot(path=str(shot))
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    times = page.evaluate("window.seenAt")
    blocking = [url.removeprefix(f"{base}/").split("?")[0] for url in page.evaluate(BLOCKING)]
    context.close()
    return Load(fetched, [address, *dict.fromkeys(blocking)], times)


def main() -> None:
    from playwright.sync_api import sync_playwright

    from tests.conftest import CHROMIUM_FLAGS
    from tests.install_chromium import chromium

    base = serve(Path(sys.argv[1]))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        for address in sys.argv[2:]:
            found = load(browser, base, address, LINE)
            print(f"\n{address}: {sum(found.fetched.values()) / 1000:.0f} kB in all")
            print("  ".join(f"{name} {at / 1000:.2f} s" for name, at in found.times.items()))
            for name, weight in found.fetched.items():
                held = "holds back the first paint" if name in found.blocking else ""
                print(f"{weight / 1000:8.1f} kB  {name}  {held}")
            print(f"{found.before_paint / 1000:8.1f} kB  before the first paint")
        browser.close()


if __name__ == "__main__":
    main()
