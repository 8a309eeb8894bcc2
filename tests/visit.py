"""A visit to a built page in headless Chromium: what its reader would see and stumble over."""

from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
DESKTOP = {"width": 1300, "height": 850}
PHONE = {"width": 400, "height": 800}
PATIENCE_MS = 600_000  # the machine may be busy with other things

LOADED = "!document.querySelector('.explore-controls[aria-busy=true]')"

# Moves every control of the page to each of its positions and back.
MOVES = """() => [...document.querySelectorAll('[data-knob]')].map(control => {
  const frame = control.closest('.explore').querySelector('.explore-frame');
  const radios = [...control.querySelectorAll('input')];
  const box = control.type === 'checkbox', menu = control.tagName === 'SELECT';
  const places = radios.length || (box ? 2 : menu ? control.options.length : +control.max + 1);
  const start = radios.length ? radios.findIndex(radio => radio.checked)
    : +(box ? control.checked : menu ? control.selectedIndex : control.value);
  const move = place => {
    if (radios.length) radios[place].checked = true;
    else if (box) control.checked = place === 1;
    else if (menu) control.selectedIndex = place;
    else control.value = place;
    const before = performance.now();
    control.dispatchEvent(new Event('input', {bubbles: true}));
    frame.getBoundingClientRect();
    return performance.now() - before;
  };
  const pictures = new Set(), times = [];
  for (let place = 0; place < places; place++) {
    times.push(move(place));
    pictures.add(frame.innerHTML);
  }
  move(start);
  const label = radios.length ? control.querySelector('legend') : control.labels[0];
  return {
    figure: control.closest('.explore').id, knob: control.dataset.knob, places, times,
    label: label && label.innerText, pictures: pictures.size,
    error: [...pictures].some(p => p.includes('explore-error')),
  };
})"""

# axe looks at each element's colours. Of the many small ones that look alike (colours, ground,
# size, weight) in every scheme seen so far, `thin` keeps one and removes the others, which leaves a
# tenth of a page.
LOOKS = """thin => {
  const grounds = new Map();
  const ground = e => {
    if (!e) return '';
    if (!grounds.has(e)) {
      const own = getComputedStyle(e).backgroundColor;
      const clear = own === 'transparent' || /, 0\\)$/.test(own);
      const glass = own.startsWith('rgba');
      grounds.set(e, clear ? ground(e.parentElement)
        : glass ? own + ground(e.parentElement) : own);
    }
    return grounds.get(e);
  };
  const looks = window.looksSoFar ||= new Map();
  const many = '.highlight pre *:not(:has(*)), .explore-frame svg, .katex';
  for (const e of document.querySelectorAll(many)) {
    const s = getComputedStyle(e);
    const look = [s.color, ground(e), s.fontSize, s.fontWeight, s.opacity, s.visibility];
    looks.set(e, `${looks.get(e) || e.tagName} ${look.join(' ')}`);
  }
  if (!thin) return;
  const kept = new Set();
  for (const [e, look] of looks) {
    if (kept.has(look)) e.remove();
    else kept.add(look);
  }
}"""

RULES = """options => axe.run(document, {preload: false, ...options}).then(found =>
  found.violations.map(v => ({impact: v.impact, id: v.id, html: v.nodes[0].html.slice(0, 160)})))"""


class Visit:
    """A page that is open, with what its reader's browser complained of and fetched elsewhere."""

    def __init__(self, browser, base: str, address: str, **context) -> None:
        self.context = browser.new_context(**{"viewport": DESKTOP, **context})
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self._response)
        self.page.on("request", lambda request: self._request(request.url, base))
        self.page.goto(f"{base}/{address}")
        self.page.wait_for_load_state("networkidle")

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _response(self, response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status}: {response.url}")

    def _request(self, url: str, base: str) -> None:
        if not url.startswith((base, "data:", "blob:")):
            self.outside.append(url)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_) -> None:
        self.context.close()

    def moves(self) -> list[dict]:
        """What each control did at each of its positions; Tab brings the frames of all figures."""
        self.page.keyboard.press("Tab")
        self.page.wait_for_function(LOADED)
        return self.page.evaluate(MOVES)

    def pixels_too_wide(self, viewport: dict) -> int:
        """By how much the page is wider than a screen."""
        self.page.set_viewport_size(viewport)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return self.page.evaluate(wide)

    def first_figure_ends(self, viewport: dict) -> float:
        """Where the first figure's picture ends, in pixels from the top of the page."""
        self.page.set_viewport_size(viewport)
        frame = self.page.locator("main .explore-frame").first
        return frame.evaluate("f => f.getBoundingClientRect().bottom + scrollY")

    def dress(self, scheme: str) -> None:
        """Change the reader's colour scheme, and wait until the theme has followed."""
        self.page.emulate_media(color_scheme=scheme)
        follows = "s => document.documentElement.dataset.theme === s"
        self.page.wait_for_function(follows, arg=scheme)

    def inaccessible(self) -> list[str]:
        """What axe finds serious: all rules in the light scheme, contrast in the dark one too.

        All folds are opened first, since axe does not look at what is hidden. The page is thinned
        out, so this comes last.
        """
        self.page.add_style_tag(content="* { transition: none !important }")  # no colour halfway
        self.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        self.page.evaluate(LOOKS, False)
        self.dress("dark")
        self.page.evaluate(LOOKS, True)
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = {"dark": self.page.evaluate(RULES, {"runOnly": ["color-contrast"]})}
        self.dress("light")
        found["light"] = self.page.evaluate(RULES, {})
        return [
            f"{scheme}: {fault['id']}: {fault['html']}"
            for scheme, faults in found.items()
            for fault in faults
            if fault["impact"] in ("serious", "critical")
        ]
