// Moves the recorded figures of a page: every setting's frame lies in the page as data.
(() => {
  "use strict";
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const STEP_MS = 700;

  class Explore {
    constructor(figure) {
      const data = JSON.parse(figure.querySelector(".explore-data").textContent);
      Object.assign(this, { figure, data, timer: null });
      this.frame = figure.querySelector(".explore-frame");
      this.play = figure.querySelector(".explore-play");
      this.link = figure.querySelector(".explore-link");
      this.caption = figure.querySelector("figcaption").textContent;
      this.controls = data.knobs.map((knob) => figure.querySelector(`[data-knob="${knob.name}"]`));
      for (const control of this.controls) {
        control.addEventListener("input", () => this.draw());
        control.addEventListener("pointerdown", () => this.stop());
        control.addEventListener("keydown", () => this.stop());
      }
      this.link.addEventListener("click", () => this.copyLink());
      if (this.play) {
        this.play.hidden = still.matches;
        still.addEventListener("change", () => { this.play.hidden = still.matches; this.stop(); });
        this.play.addEventListener("click", () => (this.timer ? this.stop() : this.start()));
      }
      figure.querySelector(".explore-controls").hidden = false;
      this.restore();
    }

    position(i) {
      const control = this.controls[i];
      if (control.type === "checkbox") return Number(control.checked);
      return control.tagName === "SELECT" ? control.selectedIndex : Number(control.value);
    }

    moveTo(i, place) {
      const control = this.controls[i];
      if (control.type === "checkbox") control.checked = place === 1;
      else if (control.tagName === "SELECT") control.selectedIndex = place;
      else control.value = place;
    }

    draw() {
      let setting = 0;
      const shown = [], hash = [];
      this.data.knobs.forEach((knob, i) => {
        const place = this.position(i), label = knob.labels[place];
        setting = setting * knob.labels.length + place;
        shown.push(`${knob.name} ${label}`);
        hash.push(`${encodeURIComponent(knob.name)}=${encodeURIComponent(label)}`);
        const control = this.controls[i];
        if (control.type === "range") {
          control.setAttribute("aria-valuetext", label);
          control.nextElementSibling.value = label;
        }
      });
      const lines = this.data.frames[this.data.index[setting]];
      this.frame.innerHTML = lines.map((line) => this.data.lines[line]).join("\n");
      this.frame.setAttribute("aria-label", `${this.caption} Shown: ${shown.join(", ")}.`);
      this.link.hash = `${this.figure.id}?${hash.join("&")}`;
    }

    restore() {
      const [id, state] = window.location.hash.slice(1).split("?");
      if (id !== this.figure.id || !state) return this.draw();
      for (const [name, label] of new URLSearchParams(state)) {
        const i = this.data.knobs.findIndex((knob) => knob.name === name);
        const place = i < 0 ? -1 : this.data.knobs[i].labels.indexOf(label);
        if (place >= 0) this.moveTo(i, place);
      }
      this.draw();
      this.figure.scrollIntoView({ block: "center" });
    }

    copyLink() {
      const words = this.link.textContent;
      if (!navigator.clipboard) return;
      navigator.clipboard.writeText(this.link.href).then(() => {
        this.link.textContent = "Link copied";
        setTimeout(() => { this.link.textContent = words; }, 1500);
      }, () => {});
    }

    start() {
      const i = this.controls.findIndex((control) => control.type === "range");
      const count = this.data.knobs[i].labels.length;
      this.play.setAttribute("aria-pressed", "true");
      this.play.textContent = "Pause";
      this.timer = setInterval(() => {
        this.moveTo(i, (this.position(i) + 1) % count);
        this.draw();
      }, STEP_MS);
    }

    stop() {
      if (!this.timer) return;
      clearInterval(this.timer);
      this.timer = null;
      this.play.setAttribute("aria-pressed", "false");
      this.play.textContent = "Play";
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const figures = [...document.querySelectorAll(".explore")];
    const live = figures.filter((f) => f.querySelector(".explore-data")).map((f) => new Explore(f));
    window.addEventListener("hashchange", () => live.forEach((explore) => explore.restore()));
  });
})();
