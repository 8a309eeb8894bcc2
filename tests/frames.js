// What is wrong with the frames of a page's figures, for every setting: text outside its figure, over
// other text, over a line or a mark; an axes without anything in it; colours that are too faint on a
// ground; a plural after one. Returns "figure: fault" for each, once.
async (grounds) => {
  const FAINT = 3, SHADE = 12, INSIDE = 3, SMALL = 11; // contrast; points: larger marks are areas; pixels
  const numbers = (text) => (text.match(/-?[\d.]+(?:e-?\d+)?/g) || []).map(Number);
  const light = (rgb) => rgb.map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0.05);
  const contrast = (a, b) => Math.max(light(a) / light(b), light(b) / light(a));
  const box = ({ left, top, right, bottom }) => [left, top, right, bottom];
  const common = (a, b) => [
    Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3]),
  ];
  const size = ([left, top, right, bottom]) => [right - left, bottom - top];

  function crosses([p, q], [left, top, right, bottom]) {
    let enter = 0, leave = 1;
    for (const [from, by, low, high] of [[p[0], q[0] - p[0], left, right], [p[1], q[1] - p[1], top, bottom]]) {
      if (!by && (from <= low || from >= high)) return false;
      const ends = [(low - from) / by, (high - from) / by].sort((a, b) => a - b);
      if (by) [enter, leave] = [Math.max(enter, ends[0]), Math.min(leave, ends[1])];
    }
    return enter < leave;
  }

  function clip(svg, element, place) {
    const id = element.closest("[clip-path]").getAttribute("clip-path").match(/#([^)]+)/)[1];
    const [x, y, w, h] = ["x", "y", "width", "height"]
      .map((side) => Number(svg.querySelector(`[id="${id}"] rect`)?.getAttribute(side)));
    return w ? [...place(x, y), ...place(x + w, y + h)] : [-1e9, -1e9, 1e9, 1e9];
  }

  // Lines and marks that show data, in pixels of the screen, with their colours.
  function drawn(svg, place) {
    const lines = [], marks = [], colours = new Set(), boxes = [];
    for (const element of svg.querySelectorAll("path[clip-path], g[clip-path] path, use, image")) {
      if (element.closest("defs")) continue;
      const { stroke, strokeOpacity, fill, fillOpacity, opacity } = getComputedStyle(element);
      const itself = box(element.getBoundingClientRect()), isUse = element.tagName === "use";
      boxes.push(itself);
      if (!element.closest("[clip-path]") && element.tagName !== "image") continue;
      const isShade = fill !== "none" && Math.max(...size(itself)) > SHADE * svg.getScreenCTM().a;
      if (stroke !== "none" && !isShade) colours.add([stroke, strokeOpacity * opacity].join("@"));
      else if (isUse && fill !== "none" && !isShade) colours.add([fill, fillOpacity * opacity].join("@"));
      if (element.tagName === "image" || isShade) continue;
      const inside = clip(svg, element, place);
      if (isUse) {
        const [x, y] = place(...["x", "y"].map((side) => Number(element.getAttribute(side))));
        if (Math.min(...size(common(inside, [x, y, x, y]))) >= 0) marks.push([x, y]);
      }
      if (isUse || stroke === "none" || fill !== "none") continue;
      let last = null;
      for (const [, letter, x, y] of (element.getAttribute("d") || "").matchAll(/([ML]) (\S+) (\S+)/g)) {
        const point = place(Number(x), Number(y));
        if (letter === "L") lines.push([last, point, inside]);
        last = point;
      }
    }
    return { lines, marks, colours, boxes };
  }

  function faults(svg) {
    const found = [], matrix = svg.getScreenCTM(), unit = matrix.a;
    const place = (x, y) => [matrix.a * x + matrix.e, matrix.d * y + matrix.f];
    const { lines, marks, colours, boxes } = drawn(svg, place), whole = box(svg.getBoundingClientRect());
    const texts = [...svg.querySelectorAll("text")].map((element) => {
      const [left, top, right, bottom] = box(element.getBoundingClientRect()), slack = 0.28 * (bottom - top);
      return {
        core: [left + 1, top + slack, right - 1, bottom - slack], // without the room above the letters
        words: element.textContent.replace(/\s+/g, " ").trim(), plain: !element.querySelector("tspan"),
        px: parseFloat(getComputedStyle(element).fontSize) * unit, upright: !element.getScreenCTM().b,
      };
    }).filter(({ words }) => words);
    for (const one of texts) {
      const { core } = one;
      const over = size(core).map((s, i) => s - size(common(core, whole))[i]);
      if (one.plain && one.px < SMALL) found.push(`"${one.words}" has ${one.px.toFixed(1)} pixels`);
      if (one.plain && Math.max(...over) > 2 * unit) found.push(`"${one.words}" leaves the figure`);
      const on = lines.some(([p, q, inside]) => {
        const seen = common(core, inside);
        return Math.min(...size(seen)) > 2 && crosses([p, q], seen);
      });
      if (on) found.push(`"${one.words}" stands on a line`);
      if (marks.some(([x, y]) => x > core[0] && x < core[2] && y > core[1] && y < core[3])) {
        found.push(`"${one.words}" stands on a mark`);
      }
      if (/(^|[^\d.,])1 (?!less|plus|minus)[a-z]+[^s\W]s\b/.test(one.words)) found.push(`"${one.words}" after one`);
      for (const other of texts.slice(texts.indexOf(one) + 1)) {
        const [wide, high] = size(common(one.core, other.core));
        const comparable = one.plain && other.plain && one.upright && other.upright;
        if (comparable && wide > unit && high > 0.5 * unit) found.push(`"${one.words}" over "${other.words}"`);
      }
    }
    for (const [[left, right, bottom, top]] of JSON.parse(svg.dataset.axes)) {
      const axes = [...place(left, top), ...place(right, bottom)];
      const core = axes.map((v, i) => v + (i < 2 ? INSIDE : -INSIDE));
      if (!boxes.some((one) => Math.min(...size(common(one, core))) >= 0)) found.push("an axes is empty");
    }
    for (const colour of colours) {
      const [paint, opacity] = colour.split("@"), rgb = numbers(paint).slice(0, 3);
      const follows = !paint.startsWith("rgb") || paint === getComputedStyle(svg).color;
      for (const ground of follows ? [] : grounds) {
        const mixed = rgb.map((v, i) => v * opacity + ground[i] * (1 - opacity));
        if (contrast(mixed, ground) < FAINT) found.push(`${paint} at ${opacity} is faint on ${ground}`);
      }
    }
    return found;
  }

  const all = new Map();
  window.exploreFrames = { push: ([name, frames]) => all.set(name, frames) };
  const every = new Set();
  for (const figure of document.querySelectorAll(".explore")) {
    const frame = figure.querySelector(".explore-frame"), data = figure.querySelector(".explore-data");
    const source = data && JSON.parse(data.textContent).frames;
    if (source) (0, eval)(await (await fetch(source)).text());
    const recorded = all.get(source?.split("/").pop());
    const { lines, frames } = recorded?.frames ? recorded : { lines: [frame.innerHTML], frames: [[0]] };
    for (const chosen of frames) {
      frame.innerHTML = chosen.map((line) => lines[line]).join("\n");
      const svg = frame.querySelector("svg[data-axes]");
      for (const fault of svg ? faults(svg) : []) every.add(`${figure.id}: ${fault}`);
    }
  }
  return [...every];
}
