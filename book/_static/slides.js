// The deck of a page. Reveal.js turns the slides; each slide's layout is its stylesheet's.
(() => {
  "use strict";
  const SMALLEST = 0.6, STEP = 0.04, TURNS = { PageDown: "next", PageUp: "prev" };

  // A slide with more in it than fits is set smaller.
  function fit(slide) {
    const body = slide.querySelector(".slide-body"), parts = [body, ...body.querySelectorAll(".formula, pre")];
    const full = () => body.scrollHeight > body.clientHeight + 1 || parts.some((p) => p.scrollWidth > p.clientWidth + 1);
    for (let size = 1; size >= SMALLEST; size -= STEP) {
      body.style.zoom = size;
      if (!full()) break;
    }
  }
  const fitAll = () => fit(Reveal.getCurrentSlide());

  // Remote controls send PageDown and PageUp, which must not end in a slider.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.activeElement.blur();
    if (!(event.key in TURNS)) return;
    event.preventDefault();
    event.stopPropagation();
    Reveal[TURNS[event.key]]();
  }, true);
  // After a click the arrow keys turn slides again; who came by Tab keeps the control.
  const leave = (event) => event.target.closest?.(".explore-controls") && event.target.blur();
  document.addEventListener("pointerup", leave);
  document.addEventListener("click", (event) => event.detail && leave(event));
  document.addEventListener("change", (event) => event.target.tagName === "SELECT" && leave(event));
  for (const figure of document.querySelectorAll(".explore")) figure.dataset.preventSwipe = "";

  Reveal.on("ready", () => document.fonts.ready.then(fitAll));
  Reveal.on("slidechanged", () => {
    document.activeElement.blur();
    fitAll();
  });
  window.addEventListener("resize", fitAll);
  Reveal.initialize({
    center: false, controls: false, disableLayout: true, display: "flex", hash: true, overview: false,
    plugins: [RevealNotes], slideNumber: "c/t", transition: "none",
  });
})();
