// Filters the items of a page (atlas, ledger, glossary) by words in any order and by menus. The choice
// lives in the address (#papers?words=kan), so it can be linked; links of that form set the filter.
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  const form = document.querySelector(".filter");
  const main = document.querySelector("main");
  const open = (element) => {
    for (let fold = element; fold; fold = fold.parentElement) if (fold.tagName === "DETAILS") fold.open = true;
  };
  const arrive = () => {
    const target = document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
    if (!target || !main.contains(target) || !target.closest(".filter-group")) return;
    open(target);
    target.scrollIntoView();
  };
  if (!form) return;

  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const split = (text) => plain(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const items = [...document.querySelectorAll(".filter-item")].map((element) => {
    const words = split(`${element.textContent} ${element.dataset.words || ""} ${
      element.closest(".filter-group")?.dataset.words || ""}`);
    return { element, words, text: words.join(" ") };
  });
  const groups = [...document.querySelectorAll(".filter-group")].reverse();
  const folds = groups.filter((group) => group.tagName === "DETAILS");
  const menus = [...form.querySelectorAll("select")];
  const { words } = form.elements;
  const count = form.querySelector("output");
  const none = document.querySelector(".filter-none");
  const all = form.querySelector(".filter-folds");
  const fields = [words, ...menus];

  const found = (item, token) => item.words.some((word) => word.startsWith(token))
    || (token.length > 3 && item.text.includes(token));
  const show = () => {
    const tokens = split(words.value);
    const narrowed = fields.some((field) => field.value);
    let shown = 0;
    for (const item of items) {
      const { dataset } = item.element;
      const fits = menus.every(({ name, value }) => !value || (dataset[name] || "").split("|").includes(value))
        && tokens.every((token) => found(item, token));
      item.element.hidden = !fits;
      shown += fits;
    }
    for (const group of groups) {
      group.hidden = narrowed && !group.querySelector(".filter-item:not([hidden])");
    }
    for (const fold of folds) fold.open = narrowed;
    count.value = `${shown} of ${items.length} ${form.dataset.noun}`;
    none.hidden = shown > 0;
    form.querySelector("[type=reset]").hidden = !narrowed;
    name();
  };
  const keep = () => {
    show();
    const chosen = new URLSearchParams(fields.filter((f) => f.value).map((f) => [f.name, f.value]));
    const { pathname, search } = window.location;
    const address = `${chosen}` ? `#${form.id}?${chosen}` : pathname + search;
    window.history.replaceState(null, "", address);
  };
  const follow = () => {
    const [id, query] = window.location.hash.slice(1).split("?");
    if (id !== form.id || query === undefined) return arrive();
    const chosen = new URLSearchParams(query);
    for (const field of fields) field.value = chosen.get(field.name) || "";
    show();
    form.scrollIntoView();
  };
  const name = () => {
    if (all) all.textContent = folds.every((fold) => fold.open) ? "Close all" : "Open all";
  };

  form.hidden = false;
  form.addEventListener("input", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => window.setTimeout(keep));
  all?.addEventListener("click", () => {
    const opened = !folds.every((fold) => fold.open);
    for (const fold of folds) fold.open = opened;
    name();
  });
  window.addEventListener("hashchange", follow);
  show();
  follow();
});
