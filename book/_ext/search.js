// Part of the search page: a query in another form finds its index entry, a result names its section,
// and excerpts hold words instead of TeX. Sphinx appends this to a script that ends without semicolon.
;(() => {
  "use strict";
  if (typeof Search === "undefined") return;
  const simple = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim()
    .replace(/^(the|an?) /, "").replace(/(?<=[^s])s$/, "");
  const perform = Search._performSearch;
  if (perform) {
    Search._performSearch = (query, ...rest) => {
      const wanted = simple(query);
      const entry = Object.keys(Search._index.indexentries).find((name) => simple(name) === wanted);
      return perform(entry || query, ...rest);
    };
  }

  let sections;
  Scorer.score = (result) => {
    const { alltitles, docnames, titles } = Search._index;
    sections ||= new Map(Object.entries(alltitles).flatMap(([title, places]) =>
      places.map(([file, id]) => [`${docnames[file]}#${id}`, title])));
    const [page, title, anchor, , score] = result;
    const section = sections.get(page + anchor);
    if (section && title === titles[docnames.indexOf(page)]) result[1] = `${title} > ${section}`;
    return score;
  };

  const SIGNS = {
    alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", varepsilon: "ε", eta: "η", theta: "θ", vartheta: "ϑ",
    kappa: "κ", lambda: "λ", mu: "μ", nu: "ν", xi: "ξ", pi: "π", rho: "ρ", sigma: "σ", tau: "τ", phi: "φ", varphi: "φ",
    chi: "χ", psi: "ψ", omega: "ω", Theta: "Θ", Sigma: "Σ", Phi: "Φ", Psi: "Ψ", Omega: "Ω", Delta: "Δ", Lambda: "Λ",
    Pi: "Π", Gamma: "Γ", le: "≤", ge: "≥", ne: "≠", in: "∈", to: "→", times: "×", cdot: "·", infty: "∞", approx: "≈",
    pm: "±", sum: "∑", int: "∫", nabla: "∇", partial: "∂", top: "ᵀ", dots: "…", ldots: "…", cdots: "…", langle: "⟨",
    rangle: "⟩", lVert: "‖", rVert: "‖", lfloor: "⌊", rceil: "⌉", propto: "∝", sim: "~", leftarrow: "←", square: "",
  };
  const readable = (tex) => {
    const text = tex.replace(/^\\\(|\\\)$/g, "").replace(/\\[,;:! ]/g, " ").replace(/\\\|/g, "‖")
      .replace(/\\(?:mathbb|mathrm|mathcal|mathbf|operatorname|text|hat|tilde|bar|dot|sqrt|bigl|bigr|Bigl|Bigr|left|right)\b/g, "")
      .replace(/\\([A-Za-z]+)/g, (whole, name) => SIGNS[name] ?? whole)
      .replace(/\^\{?2\}?/g, "²").replace(/\^\{?3\}?/g, "³").replace(/\^\{?ᵀ\}?/g, "ᵀ").replace(/[{}^]/g, "").replace(/\s+/g, " ").trim();
    return text.includes("\\") ? "…" : text;
  };
  const HIDDEN = ".headerlink, script, style, svg, .cell, .filter, annotation, div.math, math[display=block], .solution";
  Search.htmlToText = (page, anchor) => {
    const parsed = new DOMParser().parseFromString(page, "text/html");
    for (const element of parsed.querySelectorAll(HIDDEN)) element.remove();
    for (const formula of parsed.querySelectorAll("span.math")) formula.replaceWith(readable(formula.textContent));
    const place = (anchor && parsed.getElementById(anchor.slice(1)))
      || parsed.querySelector("[role=main] article") || parsed.body;
    place.querySelector("h1, h2, h3, h4")?.remove();
    return place.textContent.replace(/\s+/g, " ").trim();
  };
})();
