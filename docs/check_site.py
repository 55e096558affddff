"""Checks every page of the built site in a real browser: desktop and phone, light and dark.

``python docs/check_site.py docs/_build/html [directory for screenshots]`` fails if a page is wider
than its window, if a picture does not load, if the browser's console has an error, or if a link or
an anchor has no target. Links to other sites are not followed.
"""

from __future__ import annotations

import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.wait import WebDriverWait

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
THEMES = ("light", "dark")

LOADING = 10.0  # seconds
IS_THERE = "return Boolean(document.documentElement) && document.readyState === 'complete'"
TOO_WIDE = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN_PICTURES = """
    return [...document.images].filter(image => !image.complete || !image.naturalWidth)
                               .map(image => image.getAttribute("src"))
"""
EMPTY_DIAGRAMS = """
    return [...document.querySelectorAll("figure.diagram")]
        .filter(figure => figure.getBoundingClientRect().height < 40).length
"""


class Links(HTMLParser):
    """The anchors and the links of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif (tag, name) in (("a", "href"), ("link", "href"), ("img", "src")) and value:
                self.links.add(value)


def broken_links(site: Path) -> Iterator[str]:
    pages = {page: Links(page) for page in sorted(site.rglob("*.html"))}
    for page, found in pages.items():
        for link in sorted(found.links):
            target, anchor = urldefrag(link)
            if urlsplit(target).scheme or urlsplit(target).netloc:
                continue
            file = (page.parent / unquote(urlsplit(target).path)).resolve() if target else page
            if not file.exists():
                yield f"{page.relative_to(site)}: {link} leads nowhere"
            elif anchor and file in pages and unquote(anchor) not in pages[file].anchors:
                yield f"{page.relative_to(site)}: {link} has no such anchor"


@contextmanager
def served(site: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def chromium() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


@dataclass
class Visit:
    """One page, with one size and one theme."""

    browser: Chrome
    url: str
    size: str
    theme: str

    def look(self) -> Iterator[str]:
        width, height = SIZES[self.size]
        # A window can't be as narrow as a phone, so a device is emulated.
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": self.theme}]},
        )
        self.browser.get(self.url)
        # `get` may return before the document exists.
        WebDriverWait(self.browser, LOADING).until(lambda browser: browser.execute_script(IS_THERE))
        if too_wide := self.browser.execute_script(TOO_WIDE):
            yield f"{too_wide} px wider than the window"
        for source in self.browser.execute_script(BROKEN_PICTURES):
            yield f"picture {source} does not load"
        if empty := self.browser.execute_script(EMPTY_DIAGRAMS):
            yield f"{empty} diagrams are empty"
        for entry in self.browser.get_log("browser"):
            if entry["level"] == "SEVERE":
                yield f"console: {entry['message']}"


def problems(site: Path, shots: Path | None) -> Iterator[str]:
    yield from broken_links(site)
    pages = sorted(page.relative_to(site) for page in site.rglob("*.html"))
    with served(site) as root, chromium() as browser:
        for page in pages:
            for size in SIZES:
                for theme in THEMES:
                    for problem in Visit(browser, f"{root}/{page}", size, theme).look():
                        yield f"{page} ({size}, {theme}): {problem}"
                    if shots is not None:
                        name = f"{str(page.with_suffix('')).replace('/', '-')}-{size}-{theme}.png"
                        browser.save_screenshot(str(shots / name))
        print(f"{len(pages)} pages, each at {len(SIZES)} sizes in {len(THEMES)} themes")


def main() -> int:
    site, *rest = map(Path, sys.argv[1:])
    shots = rest[0] if rest else None
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
    found = list(problems(site.resolve(), shots))
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
