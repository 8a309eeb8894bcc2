// Live figures: what the reader moves goes into the figure's program, what comes out moves the marks
// of its SVG. Controls, link, full screen and words in the text are those of recorded figures.
(() => {
  "use strict";
  const { Explore, begin, still, RUN_MS } = window.explore;
  const SVG = "http://www.w3.org/2000/svg";
  const FINGER_PX = 26, NUDGE_PX = 2, FAR_PX = 20, STEPS_AT_ONCE = 60;
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  const short = (v) => Math.round(100 * v) / 100;
  const between = (v, low, high) => Math.max(low, Math.min(high, v));
  const element = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // A number as Python's format writes it with a specification such as ".3f", ".1%" or "d".
  function written(value, specification) {
    const [, sign, comma, digits, kind] = /^([+ ]?)(,?)(?:\.(\d+))?([defg%]?)$/.exec(specification) || [];
    if (!Number.isFinite(value)) return String(value).replace("NaN", "nan").replace("Infinity", "inf");
    const places = Number(digits ?? 6), exponent = (text) => text.replace(/e([+-])(\d)$/, "e$10$2");
    let text;
    if (kind === "f") text = value.toFixed(places);
    else if (kind === "%") text = `${(100 * value).toFixed(places)}%`;
    else if (kind === "e") text = exponent(value.toExponential(places));
    else if (kind === "d" || (!kind && digits === undefined)) text = String(value);
    else {
      const size = value ? Number(value.toExponential(Math.max(places, 1) - 1).split("e")[1]) : 0;
      const inside = size >= -4 && size < Math.max(places, 1);
      text = inside ? String(Number(value.toPrecision(Math.max(places, 1)))) : exponent(String(Number(value.toPrecision(Math.max(places, 1))).toExponential()));
    }
    if (comma) text = text.replace(/^-?\d+/, (whole) => Number(whole).toLocaleString("en"));
    return sign && value >= 0 ? sign + text : text;
  }

  class Live extends Explore {
    // The program is there: the marks find their elements, and the figure its handles.
    arrive(data) {
      super.arrive(data);
      this.program = new window.LiveProgram(data.program);
      this.svg = this.frame.querySelector("svg");
      this.svg.removeAttribute("aria-hidden");
      this.frame.setAttribute("role", "group");
      this.first = Object.entries(data.start).map(([name, packed]) => [name, window.LiveProgram.unpack(packed)]);
      this.free = new Map(); // inputs that can be moved by hand, with how they start
      for (const [name, values] of this.first) this.program.in[name].set(values);
      this.movers = data.marks.map((mark) => KINDS[mark.kind](this, mark));
      this.figure.querySelector(".live-reset").addEventListener("click", () => this.reset());
      this.train = this.figure.querySelector(".live-train");
      this.train?.addEventListener("click", () => this.toggleTraining());
      new ResizeObserver(() => this.fit()).observe(this.svg);
      this.draw();
    }

    show() {
      const { in: inputs } = this.program;
      for (const knob of this.knobs) inputs[knob.name][0] = Number(knob.addresses[this.place(knob)]);
      this.repeat();
    }

    repeat() {
      const out = this.program.run();
      for (const move of this.movers) move(out);
    }

    reset() {
      this.pause();
      this.stop();
      for (const [name, values] of this.first) {
        this.program.in[name].set(values);
        const knob = this.knobs.find((one) => one.name === name);
        if (knob) this.move(knob, knob.addresses.findIndex((address) => Math.abs(Number(address) - values[0]) <= 1e-6 * Math.abs(values[0])));
      }
      this.draw();
    }

    // Carried inputs take their next values, frame after frame.
    advance() {
      const { in: inputs, out } = this.program;
      const next = Object.entries(this.frames.carry).map(([name, i]) => [name, Float64Array.from(out[i])]);
      for (const [name, values] of next) inputs[name].set(values);
      this.program.run();
    }

    toggleTraining() {
      if (this.training) return this.pause();
      if (still.matches) {
        for (let i = 0; i < STEPS_AT_ONCE; i++) this.advance();
        return this.repeat();
      }
      this.train.setAttribute("aria-pressed", "true");
      this.train.textContent = "Pause";
      const frame = () => {
        this.advance();
        for (const move of this.movers) move(this.program.out);
        this.training = requestAnimationFrame(frame);
      };
      this.training = requestAnimationFrame(frame);
    }

    pause() {
      cancelAnimationFrame(this.training);
      this.training = null;
      this.train?.setAttribute("aria-pressed", "false");
      if (this.train) this.train.textContent = "Train";
    }

    // Play moves its knob with every frame of the screen.
    start() {
      const last = this.time.labels.length - 1;
      const from = this.place(this.time) === last ? 0 : this.place(this.time), began = performance.now();
      this.play.textContent = "Pause";
      const frame = (now) => {
        const at = from + Math.round((last * (now - began)) / RUN_MS);
        this.move(this.time, Math.min(at, last));
        this.draw();
        if (at >= last) this.stop();
        else this.timer = requestAnimationFrame(frame);
      };
      this.timer = requestAnimationFrame(frame);
    }

    stop() {
      cancelAnimationFrame(this.timer);
      super.stop();
    }

    // What was moved by hand, for the link: c=0.2_-0.41.
    moved() {
      if (!this.program) return [];
      return [...this.free].filter(([name, start]) => this.program.in[name].some((v, i) => v !== start[i]))
        .map(([name]) => `${name}=${Array.from(this.program.in[name], (v) => Number(v.toPrecision(4))).join("_")}`);
    }

    set(setting) {
      return this.load().then(() => {
        for (const [name, text] of new URLSearchParams(setting)) {
          const values = text.split("_").map(Number), input = this.free.has(name) && this.program.in[name];
          if (input && values.length === input.length && values.every(Number.isFinite)) input.set(values);
        }
        return super.set(setting);
      }, () => {});
    }

    // A place in the SVG, of an event.
    at(event) {
      return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    }

    // Handles stay as large as a fingertip, however small the figure.
    fit() {
      const scale = this.svg.getScreenCTM()?.a || 1;
      for (const handle of this.svg.querySelectorAll(".live-handle")) handle.setAttribute("r", FINGER_PX / 2 / scale);
    }

    // Calls move(event) while a pointer that went down on an element is held.
    grab(target, move) {
      target.style.touchAction = "none";
      target.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
      target.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        target.setPointerCapture(event.pointerId);
        target.focus({ preventScroll: true });
        move(event);
      });
      target.addEventListener("pointermove", (event) => {
        if (target.hasPointerCapture(event.pointerId)) move(event);
      });
    }

    mark(name) {
      return this.svg.querySelector(`[data-mark="${name}"]`);
    }
  }

  // From values to places in the SVG and back.
  function scales([ax, bx, ay, by, logx, logy]) {
    const log = (v) => Math.log10(v), same = (v) => v, raised = (v) => 10 ** v;
    const [fx, fy] = [logx, logy].map((is) => (is ? log : same)), [gx, gy] = [logx, logy].map((is) => (is ? raised : same));
    return {
      x: (v) => ax * fx(v) + bx, y: (v) => ay * fy(v) + by,
      back: ({ x, y }) => [gx((x - bx) / ax), gy((y - by) / ay)],
    };
  }

  const KINDS = {
    path(live, mark) { // lines, areas and points
      const to = scales(mark.axes), groups = mark.names.map((name) => live.mark(name));
      const paths = groups.map((group) => (group.tagName === "path" ? group : group.querySelector(":scope > path")));
      const points = groups.map((group) => [...group.querySelectorAll("use")]);
      const handles = mark.drag ? draggable(live, mark, to) : null;
      return (out) => {
        const xs = out[mark.at.x], ys = out[mark.at.y], n = xs.length / groups.length;
        groups.forEach((_, g) => {
          const x = xs.subarray(g * n, (g + 1) * n), y = ys.subarray(g * n, (g + 1) * n);
          if (paths[g]) paths[g].setAttribute("d", line(x, y, to, mark.closed));
          if (points[g].length) place(points[g], x, y, to);
        });
        handles?.(xs, ys);
      };
    },

    text(live, mark) {
      const text = live.mark(mark.names[0]), inner = text.tagName === "text" ? text : text.querySelector("text");
      return (out) => {
        inner.textContent = mark.words.map((part, i) => (i % 3 === 0 ? part
          : i % 3 === 1 ? written(out[mark.at[(i - 1) / 3]][0], mark.words[i + 1]) : "")).join("");
      };
    },

    image(live, mark) {
      const [rows, columns] = mark.size, [left, right, low, high] = mark.extent, to = scales(mark.axes);
      const [x, y] = [Math.min(to.x(left), to.x(right)), Math.min(to.y(low), to.y(high))];
      const box = { x, y, width: Math.abs(to.x(right) - to.x(left)), height: Math.abs(to.y(high) - to.y(low)) };
      const image = element("image", { ...box, preserveAspectRatio: "none", style: "image-rendering: pixelated" });
      live.mark(mark.names[0]).replaceWith(image);
      const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
      const pen = canvas.getContext("2d"), pixels = pen.createImageData(columns, rows);
      const colours = Uint8Array.from(atob(mark.colours), (letter) => letter.charCodeAt(0)), [dark, light] = mark.range;
      if (mark.drag) paintable(live, mark, image, box);
      return (out) => {
        const z = out[mark.at.z];
        for (let i = 0; i < z.length; i++) {
          const row = Math.floor(i / columns), to = 4 * ((mark.upwards ? rows - 1 - row : row) * columns + (i % columns));
          const colour = 3 * between(Math.floor((256 * (z[i] - dark)) / (light - dark)), 0, 255);
          pixels.data.set([colours[colour], colours[colour + 1], colours[colour + 2], 255], to);
        }
        pen.putImageData(pixels, 0, 0);
        image.setAttribute("href", canvas.toDataURL());
      };
    },
  };

  function line(x, y, to, closed) {
    let d = "", pen = "M";
    for (let i = 0; i < x.length; i++) {
      const px = to.x(x[i]), py = to.y(y[i]);
      if (Number.isFinite(px) && Number.isFinite(py)) {
        d += `${pen}${short(px)} ${short(py)}`;
        pen = "L";
      } else pen = "M";
    }
    return d ? d + (closed ? "z" : "") : "M0 0";
  }

  function place(points, x, y, to) {
    while (points.length < x.length) {
      points.push(points[0].cloneNode());
      points[0].parentNode.append(points.at(-1));
    }
    points.forEach((point, i) => {
      const px = to.x(x[i]), py = to.y(y[i]), there = Number.isFinite(px) && Number.isFinite(py);
      point.style.display = there ? "" : "none";
      if (!there) return;
      point.setAttribute("x", short(px));
      point.setAttribute("y", short(py));
    });
  }

  // Remembers how an input starts, and sets an entry of it: [name, offset, ...strides].
  function writer(live, [name, offset, ...strides]) {
    const input = live.program.in[name];
    live.free.set(name, Float64Array.from(input));
    return (value, ...index) => { input[index.reduce((at, i, d) => at + i * strides[d], offset)] = value; };
  }

  function draggable(live, mark, to) {
    const [left, right, low, high] = mark.box, write = {}, handles = [];
    for (const axis in mark.drag) write[axis] = writer(live, mark.drag[axis]);
    const ways = Object.keys(write).join(" and ");
    const drag = (i, place) => {
      const [x, y] = to.back(place);
      write.x?.(between(x, left, right), i);
      write.y?.(between(y, low, high), i);
      live.draw();
    };
    const make = (i, n) => {
      const handle = element("circle", { class: "live-handle", tabindex: 0, role: "slider", fill: "transparent" });
      handle.setAttribute("aria-label", `Point ${i + 1} of ${n}: arrow keys move its ${ways}`);
      let hold = { x: 0, y: 0 };
      handle.addEventListener("pointerdown", (event) => { // a point does not jump to the pointer
        const { x, y } = live.at(event);
        hold = { x: handle.cx.baseVal.value - x, y: handle.cy.baseVal.value - y };
      });
      live.grab(handle, (event) => {
        const { x, y } = live.at(event);
        drag(i, { x: x + hold.x, y: y + hold.y });
      });
      handle.addEventListener("keydown", (event) => {
        const arrow = ARROWS[event.key], far = event.shiftKey ? FAR_PX : NUDGE_PX;
        if (!arrow) return;
        event.preventDefault();
        drag(i, { x: handle.cx.baseVal.value + far * arrow[0], y: handle.cy.baseVal.value + far * arrow[1] });
      });
      live.svg.append(handle);
      return handle;
    };
    return (x, y) => {
      if (!handles.length) {
        for (let i = 0; i < x.length; i++) handles.push(make(i, x.length));
        live.fit();
      }
      handles.forEach((handle, i) => {
        if (Number.isFinite(to.x(x[i]))) handle.setAttribute("cx", short(to.x(x[i])));
        if (Number.isFinite(to.y(y[i]))) handle.setAttribute("cy", short(to.y(y[i])));
        const said = [`x ${Number(x[i].toPrecision(3))}`, `y ${Number(y[i].toPrecision(3))}`];
        handle.setAttribute("aria-valuenow", Number((write.y ? y[i] : x[i]).toPrecision(3)));
        handle.setAttribute("aria-valuetext", said.join(", "));
      });
    };
  }

  function paintable(live, mark, image, box) {
    const [rows, columns] = mark.size, [dark, light] = mark.range, [name] = mark.drag.z;
    const write = writer(live, mark.drag.z), input = live.program.in[name], [, offset, down, right] = mark.drag.z;
    let row = 0, column = 0;
    const paint = (y, x, erase) => {
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) {
          const ink = Math.exp(-((i - y) ** 2 + (j - x) ** 2) / 0.7), old = input[offset + i * down + j * right];
          const share = ink > 0.15 ? ink : 0;
          write(erase ? old + share * (dark - old) : Math.max(old, dark + share * (light - dark)), i, j);
        }
      live.draw();
    };
    const words = "Drawing area: arrow keys move, the space bar draws, Shift erases, Delete clears";
    for (const [key, value] of Object.entries({ tabindex: 0, role: "application", "aria-label": words })) image.setAttribute(key, value);
    image.classList.add("live-paper");
    live.grab(image, (event) => {
      const { x, y } = live.at(event), across = ((y - box.y) / box.height) * rows - 0.5;
      paint(mark.upwards ? rows - 1 - across : across, ((x - box.x) / box.width) * columns - 0.5, event.shiftKey);
    });
    const clear = () => {
      for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) write(dark, i, j);
      live.draw();
    };
    image.addEventListener("dblclick", clear);
    image.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key];
      if (arrow) [column, row] = [between(column + arrow[0], 0, columns - 1), between(row + arrow[1], 0, rows - 1)];
      else if (event.key === "Delete" || event.key === "Backspace") clear();
      else if (event.key !== " ") return;
      event.preventDefault();
      if (event.key === " ") paint(mark.upwards ? rows - 1 - row : row, column, event.shiftKey);
      live.say(`row ${row + 1}, column ${column + 1}`);
    });
  }

  const begun = () => { window.liveFigures = begin(Live, ".explore.live"); };
  if (document.readyState === "loading") document.addEventListener("readystatechange", begun, { once: true });
  else begun();
})();
