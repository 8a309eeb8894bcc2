// Filters the atlas by words, chapter and state; the choice lives in the address, so it can be linked.
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  const form = document.querySelector(".atlas-filter");
  if (!form) return;
  const rows = [...document.querySelectorAll(".atlas tbody tr")];
  const fields = [...form.elements].filter((field) => field.name);
  const count = form.querySelector("output");
  const params = new URLSearchParams(window.location.hash.slice(1));
  for (const field of fields) if (params.has(field.name)) field.value = params.get(field.name);

  const filter = () => {
    const [words, chapter, state] = fields.map((field) => field.value.toLowerCase());
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(row.textContent.toLowerCase().includes(words)
        && (!chapter || row.dataset.chapter === chapter) && (!state || row.dataset.state === state));
      shown += !row.hidden;
    }
    count.value = `${shown} of ${rows.length} papers`;
    const chosen = new URLSearchParams(fields.filter((f) => f.value).map((f) => [f.name, f.value]));
    window.history.replaceState(null, "", `#${chosen}`);
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
});
