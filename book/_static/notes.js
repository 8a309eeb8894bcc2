// Notes beside the text: a citation's reference, a term's definition, an equation's formula, shown on
// hover, on focus and on the first tap. Escape closes a note; its link still leads to the whole entry.
(() => {
  "use strict";
  const SHOW_MS = 150, HIDE_MS = 250, EDGE_PX = 8;
  const templates = [...document.querySelectorAll("template.note")];
  const notes = new Map(templates.map((template) => [template.dataset.for, template]));
  const box = document.createElement("div");
  Object.assign(box, { className: "note-box", id: "note-box", role: "tooltip", hidden: true });
  let owner = null, timer = 0, first = false;

  function content(link) {
    const note = notes.get(link.getAttribute("href"));
    if (note) return note.content.cloneNode(true);
    const formula = link.hash.startsWith("#equation-") && link.pathname === location.pathname
      && document.querySelector(`#${CSS.escape(decodeURIComponent(link.hash.slice(1)))} .formula`);
    return formula ? formula.cloneNode(true) : null;
  }

  function show(link) {
    clearTimeout(timer);
    if (owner === link) return;
    hide();
    box.replaceChildren(content(link));
    box.hidden = false;
    owner = link;
    owner.setAttribute("aria-describedby", box.id);
    const at = link.getClientRects()[0], size = box.getBoundingClientRect();
    const room = document.documentElement.clientWidth - size.width - EDGE_PX;
    const below = at.bottom + size.height + EDGE_PX < innerHeight || at.top < size.height + EDGE_PX;
    box.style.left = `${Math.max(EDGE_PX, Math.min(at.left, room)) + scrollX}px`;
    box.style.top = `${(below ? at.bottom : at.top - size.height) + scrollY}px`;
  }

  function hide() {
    clearTimeout(timer);
    owner?.removeAttribute("aria-describedby");
    owner = null;
    box.hidden = true;
  }

  const later = (what, pause) => { clearTimeout(timer); timer = setTimeout(what, pause); };
  const mouse = (event) => event.pointerType === "mouse";

  function adopt(link) {
    link.addEventListener("pointerenter", (e) => mouse(e) && later(() => show(link), SHOW_MS));
    link.addEventListener("pointerleave", (e) => mouse(e) && later(hide, HIDE_MS));
    link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
    link.addEventListener("blur", (e) => box.contains(e.relatedTarget) || hide());
    link.addEventListener("pointerdown", (e) => { first = !mouse(e) && owner !== link; });
    link.addEventListener("click", (e) => {
      if (!first) return;
      e.preventDefault();
      show(link);
      first = false;
    });
  }

  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", (e) => mouse(e) && later(hide, HIDE_MS));
  document.addEventListener("keydown", (e) => e.key === "Escape" && hide());
  document.addEventListener("pointerdown", (e) => {
    if (owner && !owner.contains(e.target) && !box.contains(e.target)) hide();
  });
  document.body.append(box);
  for (const link of document.querySelectorAll("main a.reference.internal, main a.term")) {
    if (content(link)) adopt(link);
  }
})();
