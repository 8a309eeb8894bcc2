// Moves the recorded figures of a page. A figure's frames lie in a script of their own, loaded when
// the figure comes near the screen or is asked for; without JavaScript its default frame stands.
(() => {
  "use strict";
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const RUN_MS = 8000, FASTEST_MS = 120, SLOWEST_MS = 700, SAID_MS = 4000, NEAR_PX = 24;

  const files = new Map(); // the promise of each file of frames, and what keeps or breaks it
  function file(name) {
    if (!files.has(name)) {
      const promise = {};
      promise.frames = new Promise((keep, fail) => Object.assign(promise, { keep, fail }));
      files.set(name, promise);
    }
    return files.get(name);
  }
  const arrive = ([name, frames]) => file(name).keep(frames);
  (window.exploreFrames || []).forEach(arrive);
  window.exploreFrames = { push: arrive };

  class Explore {
    constructor(figure) {
      const { frames, knobs } = JSON.parse(figure.querySelector(".explore-data").textContent);
      Object.assign(this, { figure, source: frames, knobs, timer: null, marks: null });
      const part = (name) => figure.querySelector(`.explore-${name}`);
      for (const name of ["controls", "frame", "play", "link", "said", "full"]) this[name] = part(name);
      this.caption = figure.querySelector("figcaption").textContent;
      for (const knob of knobs) {
        knob.control = figure.querySelector(`[data-knob="${knob.name}"]`);
        knob.radios = [...knob.control.querySelectorAll("input")];
      }
      this.controls.addEventListener("input", () => { this.stop(); this.draw(); });
      this.link.addEventListener("click", (event) => this.copyLink(event));
      this.full.addEventListener("click", () => this.openOrClose());
      figure.addEventListener("fullscreenchange", () => this.nameFull());
      if (this.play) this.prepareTime();
      for (const kind of ["pointermove", "pointerdown"]) {
        this.frame.addEventListener(kind, (event) => this.read(event));
      }
      this.frame.addEventListener("pointerleave", (event) => {
        if (event.pointerType === "mouse") this.unread();
      });
      this.draw();
    }

    // Resolves when the frames are there and the controls work.
    load() {
      if (this.loading) return this.loading;
      const promise = file(this.source.split("/").pop());
      let script = this.figure.querySelector(".explore-frames");
      if (!script) {
        script = document.createElement("script");
        script.src = this.source;
        document.head.append(script);
      }
      script.addEventListener("error", promise.fail);
      this.loading = promise.frames.then((frames) => {
        this.arrive(frames);
        this.controls.disabled = false;
        this.controls.setAttribute("aria-busy", "false");
      });
      this.loading.catch(() => this.say("The frames of this figure are missing."));
      return this.loading;
    }

    arrive(frames) {
      this.frames = frames;
    }

    place(knob) {
      if (knob.radios.length) return knob.radios.findIndex((radio) => radio.checked);
      if (knob.control.type === "checkbox") return Number(knob.control.checked);
      return knob.control.tagName === "SELECT" ? knob.control.selectedIndex : Number(knob.control.value);
    }

    move(knob, place) {
      if (knob.radios.length) knob.radios[place].checked = true;
      else if (knob.control.type === "checkbox") knob.control.checked = place === 1;
      else if (knob.control.tagName === "SELECT") knob.control.selectedIndex = place;
      else knob.control.value = place;
    }

    draw() {
      let setting = 0;
      const shown = [], address = [];
      for (const knob of this.knobs) {
        const place = this.place(knob), label = knob.labels[place];
        setting = setting * knob.labels.length + place;
        shown.push(`${knob.title} ${label}`);
        address.push(`${knob.name}=${encodeURIComponent(knob.addresses[place])}`);
        if (knob.control.type === "range") {
          knob.control.setAttribute("aria-valuetext", label);
          knob.control.nextElementSibling.value = label;
        }
      }
      address.push(...this.moved());
      this.link.hash = `${this.figure.id}?${address.join("&")}`;
      for (const words of this.words || []) words.setAttribute("aria-pressed", this.shows(words));
      if (!this.frames) return;
      this.unread();
      this.marks = null;
      this.show(setting);
      this.frame.setAttribute("aria-label", `${this.caption} Shown: ${shown.join(", ")}.`);
    }

    show(setting) {
      const { lines, frames, index } = this.frames;
      this.frame.innerHTML = frames[index[setting]].map((line) => lines[line]).join("\n");
    }

    // What a link says beside the knobs.
    moved() {
      return [];
    }

    // A setting such as "G=5&steps=20", as places of knobs; what is unknown is left out.
    places(setting) {
      return [...new URLSearchParams(setting)].flatMap(([name, value]) => {
        const knob = this.knobs.find((one) => one.name === name);
        const place = knob ? knob.addresses.indexOf(value) : -1;
        return place < 0 ? [] : [[knob, place]];
      });
    }

    set(setting) {
      return this.load().then(() => {
        this.stop();
        for (const [knob, place] of this.places(setting)) this.move(knob, place);
        this.draw();
      }, () => {});
    }

    restore() {
      const [id, setting] = location.hash.slice(1).split("?");
      if (id !== this.figure.id || !setting) return;
      this.set(setting).then(() => this.figure.scrollIntoView({ block: "center" }));
    }

    // Words of the text that set this figure.
    adopt(words) {
      words.setAttribute("role", "button");
      words.addEventListener("click", (event) => {
        event.preventDefault();
        this.set(words.dataset.set);
        if (!this.visible()) this.figure.scrollIntoView({ block: "center" });
      });
      words.addEventListener("keydown", (event) => {
        if (event.key !== " ") return;
        event.preventDefault();
        words.click();
      });
      (this.words ||= []).push(words);
      words.setAttribute("aria-pressed", this.shows(words));
    }

    shows(words) {
      return this.places(words.dataset.set).every(([knob, place]) => this.place(knob) === place);
    }

    visible() {
      const box = this.frame.getBoundingClientRect();
      const seen = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
      return seen >= 0.6 * Math.min(box.height, innerHeight);
    }

    copyLink(event) {
      event.preventDefault();
      const copied = navigator.clipboard
        ? navigator.clipboard.writeText(this.link.href) : Promise.reject();
      copied.then(() => {
        this.say("Link copied");
        this.silence = setTimeout(() => this.say(""), SAID_MS);
      }, () => {
        this.say(this.link.href);
        getSelection().selectAllChildren(this.said);
      });
    }

    say(words) {
      clearTimeout(this.silence);
      this.said.value = words;
    }

    openOrClose() {
      const covers = this.figure.classList.contains("explore-whole");
      if (document.fullscreenElement) document.exitFullscreen();
      else if (covers || !this.figure.requestFullscreen) this.cover(!covers);
      else this.figure.requestFullscreen().catch(() => this.cover(true));
    }

    // In place of full screen, where the browser refuses it.
    cover(whole) {
      this.figure.classList.toggle("explore-whole", whole);
      this.nameFull();
    }

    nameFull() {
      const open = document.fullscreenElement === this.figure
        || this.figure.classList.contains("explore-whole");
      this.full.textContent = open ? "Close" : "Full screen";
    }

    prepareTime() {
      this.time = this.knobs.find((knob) => knob.name === this.play.dataset.plays);
      const allow = () => { this.play.hidden = still.matches; this.stop(); };
      still.addEventListener("change", allow);
      allow();
      this.play.addEventListener("click", () => (this.timer ? this.stop() : this.start()));
      for (const button of this.figure.querySelectorAll(".explore-step")) {
        button.addEventListener("click", () => { this.stop(); this.step(Number(button.dataset.step)); });
      }
    }

    // One step of the knob that plays; whether there is another one after it.
    step(by) {
      const last = this.time.labels.length - 1, place = this.place(this.time) + by;
      this.move(this.time, Math.min(Math.max(place, 0), last));
      this.draw();
      return place < last;
    }

    start() {
      const last = this.time.labels.length - 1;
      if (this.place(this.time) === last) {
        this.move(this.time, 0);
        this.draw();
      }
      const pause = Math.min(Math.max(RUN_MS / last, FASTEST_MS), SLOWEST_MS);
      this.play.textContent = "Pause";
      this.timer = setInterval(() => this.step(1) || this.stop(), pause);
    }

    stop() {
      clearInterval(this.timer);
      this.timer = null;
      if (this.play) this.play.textContent = "Play";
    }

    // Shows the coordinates of the drawn point nearest to the pointer.
    read(event) {
      const svg = this.frame.querySelector("svg[data-axes]");
      if (!svg) return;
      this.marks ||= points(svg);
      const toScreen = svg.getScreenCTM();
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(toScreen.inverse());
      let best = null, nearest = NEAR_PX / toScreen.a;
      for (const mark of this.marks) {
        const distance = Math.hypot(mark.x - at.x, mark.y - at.y);
        if (distance < nearest) [best, nearest] = [mark, distance];
      }
      if (!best) return this.unread();
      if (!this.tip) {
        this.tip = document.createElement("div");
        this.tip.className = "explore-tip";
      }
      const box = this.figure.getBoundingClientRect();
      const place = new DOMPoint(best.x, best.y).matrixTransform(toScreen);
      this.tip.style.left = `${place.x - box.left}px`;
      this.tip.style.top = `${place.y - box.top}px`;
      this.tip.classList.toggle("explore-tip-left", place.x > box.left + box.width / 2);
      this.tip.innerHTML = `<span>${best.words}</span>`;
      this.figure.append(this.tip);
    }

    unread() {
      this.tip?.remove();
    }
  }

  // The vertices of an SVG's lines and its markers, with their coordinates in words.
  function points(svg) {
    const axes = JSON.parse(svg.dataset.axes).reverse(), found = [];
    const add = (x, y) => {
      const inside = ([[left, right, bottom, top]]) =>
        x > left - 1 && x < right + 1 && y > top - 1 && y < bottom + 1;
      const [[left, right, bottom, top], across, up] = axes.find(inside) || [[], [], []];
      const words = [];
      if (across.length) words.push(`x ${number((x - left) / (right - left), across)}`);
      if (up.length) words.push(`y ${number((y - bottom) / (top - bottom), up)}`);
      if (words.length) found.push({ x, y, words: words.join(", ") });
    };
    for (const drawn of svg.querySelectorAll("path[clip-path], g[clip-path] path, g[clip-path] use")) {
      const line = (drawn.getAttribute("d") || "").matchAll(/[ML] (\S+) (\S+)/g);
      if (drawn.tagName === "use") add(Number(drawn.getAttribute("x")), Number(drawn.getAttribute("y")));
      else for (const [, x, y] of line) add(Number(x), Number(y));
    }
    return found;
  }

  // The value at a share of an axis that runs from low to high, in three digits.
  function number(share, [low, high, log]) {
    const place = low + share * (high - low), value = log ? 10 ** place : place;
    const tiny = !log && Math.abs(value) < 1e-3 * Math.abs(high - low);
    const [mantissa, power] = String(tiny ? 0 : Number(value.toPrecision(3))).split("e");
    const raised = power ? `×10<sup>${Number(power)}</sup>` : "";
    return (mantissa + raised).replace(/^(-?)1×/, "$1").replaceAll("-", "−");
  }

  // Brings the figures that a path finds to life, as a kind of Explore.
  function begin(Kind, path) {
    const figures = [...document.querySelectorAll(path)].filter((f) => f.querySelector(".explore-data"));
    const all = figures.map((figure) => new Kind(figure));
    const near = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        all[figures.indexOf(target)].load();
      }
    }, { rootMargin: "100% 0px" });
    figures.forEach((figure) => near.observe(figure));
    for (const words of document.querySelectorAll(".explore-set")) {
      all.find((explore) => `#${explore.figure.id}` === words.hash)?.adopt(words);
    }
    const restore = () => all.forEach((explore) => explore.restore());
    window.addEventListener("hashchange", restore);
    restore();
    // Who moves by keyboard does not pass by controls that are not there yet.
    const everything = (event) => {
      if (event.key === "Escape") all.forEach((explore) => explore.cover(false));
      if (event.key !== "Tab" || everything.done) return;
      everything.done = true;
      all.forEach((explore) => explore.load());
    };
    document.addEventListener("keydown", everything);
    return all;
  }

  const start = () => begin(Explore, ".explore:not(.live)")[0]?.load();
  window.explore = { Explore, begin, still, RUN_MS };
  if (document.readyState === "loading") document.addEventListener("readystatechange", start, { once: true });
  else start();
})();
