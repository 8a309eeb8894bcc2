// One switch for all code of a page; the choice is kept for the reader's next pages.
(() => {
  "use strict";
  const KEPT = "runnable-papers-code";
  const remembered = () => { try { return localStorage.getItem(KEPT); } catch { return null; } };
  const remember = (choice) => { try { localStorage.setItem(KEPT, choice); } catch { /* private */ } };

  document.addEventListener("DOMContentLoaded", () => {
    const folds = [...document.querySelectorAll("details.fold")];
    const bar = document.querySelector(".article-header-buttons");
    if (!folds.length || !bar) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm code-switch";
    const show = (open) => {
      folds.forEach((fold) => { fold.open = open; });
      button.textContent = open ? "Fold code" : "All code";
      button.title = open ? "Fold what only plots, claims and tabulates" : "Open all code of this page";
    };
    button.addEventListener("click", () => {
      const open = button.textContent === "All code";
      show(open);
      remember(open ? "open" : "folded");
    });
    bar.prepend(button);
    show(remembered() === "open");
  });
})();
