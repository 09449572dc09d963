// The neighbourhood drawn on a canvas. What is drawn is also there as options inside the canvas
// element, so that a screen reader and the keyboard have the same map.
import { layOut } from "./plane.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const palettes = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((query) => matchMedia(query));
const TURN = 420; // milliseconds that a move takes

/**
 * `onPick(item)` when one is chosen; `onLook(item | undefined)` when the pointer or the cursor
 * comes to one. Items are `{ key, label, part, vector, text }`.
 */
export function createMap(canvas, { onPick, onLook }) {
  const context = canvas.getContext("2d");
  let items = [];
  let edges = [];
  let places = new Map(); // key → [x, y] of the layout shown last
  let dots = []; // { item, x, y, from, to, box } in CSS pixels
  let cursor = -1;
  let started = 0;
  let frame = 0;
  let width = 0;
  let height = 0;
  let tones = {};
  let family;

  function readTones() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["paper", "sunk", "ink", "soft", "hair", "here", "noun", "verb", "adj", "adv", "focus"]) {
      tones[name] = style.getPropertyValue(`--${name}`).trim();
    }
    family = style.getPropertyValue("--type");
  }

  function fit() {
    const box = canvas.getBoundingClientRect();
    const ratio = Math.min(devicePixelRatio || 1, 3);
    width = box.width;
    height = box.height;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    target(false);
    draw();
  }

  /** Where each item belongs on the canvas; the layout fills it, its middle in the middle. */
  function target(moving) {
    let [rx, ry] = [1e-6, 1e-6];
    for (const { key } of items) {
      const [x, y] = places.get(key);
      rx = Math.max(rx, Math.abs(x));
      ry = Math.max(ry, Math.abs(y));
    }
    const across = (width / 2 - Math.min(70, width * 0.15)) / rx;
    const down = (height / 2 - 30) / ry;
    const [sx, sy] = [Math.min(across, down * 1.5), Math.min(down, across * 1.5)];
    const old = new Map(dots.map((dot) => [dot.item.key, dot]));
    dots = items.map((item) => {
      const [x, y] = places.get(item.key);
      const to = [width / 2 + x * sx, height / 2 + y * sy];
      const was = old.get(item.key);
      const from = moving && was ? [was.x, was.y] : to;
      return { item, from, to, x: from[0], y: from[1], fresh: moving && !was };
    });
  }

  function mark(x, y, part, size) {
    context.beginPath();
    if (part === "verb") {
      context.moveTo(x, y - size * 1.2);
      context.lineTo(x + size * 1.15, y + size * 0.85);
      context.lineTo(x - size * 1.15, y + size * 0.85);
      context.closePath();
    } else if (part === "adj") {
      context.rect(x - size * 0.88, y - size * 0.88, size * 1.76, size * 1.76);
    } else if (part === "adv") {
      context.moveTo(x, y - size * 1.25);
      context.lineTo(x + size * 1.25, y);
      context.lineTo(x, y + size * 1.25);
      context.lineTo(x - size * 1.25, y);
      context.closePath();
    } else {
      context.arc(x, y, size, 0, 2 * Math.PI);
    }
    context.fill();
  }

  /** A text, cut to what the canvas has room for. */
  function clipped(text) {
    for (let length = text.length, shorter = text; ; shorter = `${text.slice(0, --length).trimEnd()}…`) {
      if (length === 0 || context.measureText(shorter).width < width - 8) return shorter;
    }
  }

  /** Puts labels where they cover no other: nearest concepts first, the rest stay dots. */
  function label(taken) {
    const order = dots.map((_, i) => i);
    if (cursor > 0) order.splice(1, 0, ...order.splice(cursor, 1));
    for (const i of order) {
      const dot = dots[i];
      const size = i === 0 ? 23 : i === cursor ? 17 : Math.max(13.5, 17 - i * 0.12);
      context.font = `${i === 0 ? 500 : i === cursor ? 600 : 400} ${size}px ${family}`;
      // The middle and what is looked at are always named, with as much as there is room for.
      const named = i === 0 || i === cursor;
      const text = named ? clipped(dot.item.label) : dot.item.label;
      const wide = context.measureText(text).width;
      const tall = size * 1.12;
      const gap = i === 0 ? 11 : 7;
      const middle = named ? Math.max(4, Math.min(dot.x - wide / 2, width - 4 - wide)) : dot.x - wide / 2;
      const spots = [
        [dot.x + gap, dot.y - tall / 2],
        [dot.x - gap - wide, dot.y - tall / 2],
        [middle, dot.y - gap - tall],
        [middle, dot.y + gap],
      ];
      const inside = spots.filter(([x, y]) => x > 3 && x + wide < width - 3 && y > 2 && y + tall < height - 2);
      const boxOf = ([x, y]) => [x - 2, y, x + wide + 2, y + tall];
      const apart = (a, b) => a[2] < b[0] || a[0] > b[2] || a[3] < b[1] || a[1] > b[3];
      const free = inside.find((spot) => taken.every((other) => apart(boxOf(spot), other)));
      const spot = free ?? (named ? inside[0] : undefined);
      dot.box = spot && boxOf(spot);
      if (!spot) continue;
      const [x, y] = spot;
      taken.push(dot.box);
      context.globalAlpha = dot.alpha;
      if (!free) {
        context.fillStyle = tones.sunk;
        context.fillRect(x - 4, y - 1, wide + 8, tall + 2);
      }
      context.fillStyle = named ? tones.ink : tones[dot.item.part] || tones.soft;
      context.fillText(text, x, y + size * 0.88);
    }
    context.globalAlpha = 1;
  }

  function draw() {
    cancelAnimationFrame(frame);
    const t = still.matches ? 1 : Math.min(1, (performance.now() - started) / TURN);
    const eased = 1 - (1 - t) ** 3;
    for (const dot of dots) {
      dot.x = dot.from[0] + (dot.to[0] - dot.from[0]) * eased;
      dot.y = dot.from[1] + (dot.to[1] - dot.from[1]) * eased;
      dot.alpha = dot.fresh ? eased : 1;
    }
    context.clearRect(0, 0, width, height);
    context.lineWidth = 1;
    for (const [a, b] of edges) {
      if (!dots[a] || !dots[b]) continue;
      const lit = a === cursor || b === cursor;
      context.globalAlpha = Math.min(dots[a].alpha, dots[b].alpha) * (lit ? 0.9 : 0.35);
      context.strokeStyle = lit ? tones.ink : tones.soft;
      context.beginPath();
      context.moveTo(dots[a].x, dots[a].y);
      context.lineTo(dots[b].x, dots[b].y);
      context.stroke();
    }
    const taken = dots.map(({ x, y }) => [x - 5, y - 5, x + 5, y + 5]);
    dots.forEach((dot, i) => {
      context.globalAlpha = dot.alpha;
      context.fillStyle = i === 0 ? tones.here : tones[dot.item.part] || tones.soft;
      mark(dot.x, dot.y, dot.item.part, i === 0 ? 6.5 : 3.6);
      if (i === cursor) {
        context.strokeStyle = tones.focus;
        context.lineWidth = 2;
        context.beginPath();
        context.arc(dot.x, dot.y, 9, 0, 2 * Math.PI);
        context.stroke();
      }
    });
    taken.forEach((_, i) => i > 0 || (taken[0] = [dots[0].x - 8, dots[0].y - 8, dots[0].x + 8, dots[0].y + 8]));
    label(taken.map((box, i) => Object.assign([...box], { of: i })));
    if (t < 1) frame = requestAnimationFrame(draw);
  }

  function moveTo(next, tell = true) {
    if (next === cursor) return;
    cursor = next;
    if (cursor >= 0) canvas.setAttribute("aria-activedescendant", `map-${cursor}`);
    else canvas.removeAttribute("aria-activedescendant");
    if (tell) onLook(items[cursor]);
    draw();
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = -1;
    let least = 18;
    dots.forEach((dot, i) => {
      const on = dot.box && x >= dot.box[0] && x <= dot.box[2] && y >= dot.box[1] && y <= dot.box[3];
      const far = on ? 3 : Math.hypot(dot.x - x, dot.y - y);
      if (far < least) [best, least] = [i, far];
    });
    return best;
  }

  /** The nearest dot in a direction, sideways steps counting double. */
  function toward(dx, dy) {
    const from = dots[Math.max(cursor, 0)];
    let best = cursor;
    let least = Infinity;
    dots.forEach((dot, i) => {
      const along = (dot.to[0] - from.to[0]) * dx + (dot.to[1] - from.to[1]) * dy;
      const aside = Math.abs((dot.to[0] - from.to[0]) * dy) + Math.abs((dot.to[1] - from.to[1]) * dx);
      if (along > 1 && along + 2 * aside < least) [best, least] = [i, along + 2 * aside];
    });
    return best;
  }

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const on = at(event);
    canvas.classList.toggle("on", on > 0);
    moveTo(on);
  });
  canvas.addEventListener("pointerleave", () => document.activeElement === canvas || moveTo(-1));
  canvas.addEventListener("click", (event) => {
    const on = at(event);
    if (on > 0) onPick(items[on]);
  });
  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && cursor < 0 && items.length && moveTo(0));
  canvas.addEventListener("blur", () => moveTo(-1));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!items.length) return;
    if (step) moveTo(toward(...step));
    else if (event.key === "Home") moveTo(0);
    else if ((event.key === "Enter" || event.key === " ") && cursor > 0) onPick(items[cursor]);
    else return;
    event.preventDefault();
  });

  for (const palette of palettes) palette.addEventListener("change", () => (readTones(), draw()));
  new ResizeObserver(fit).observe(canvas);
  document.fonts?.ready.then(draw);
  readTones();

  return {
    /** Shows items, the first in the middle. Gives how well the plane fits, as `layOut` does. */
    show(next) {
      const { points, edges: lines, fit: fits } = layOut(next.map((item) => item.vector), next.map((item) => item.key), places);
      places = new Map(next.map((item, i) => [item.key, points[i]]));
      items = next;
      edges = lines;
      canvas.replaceChildren(
        ...items.map((item, i) => {
          const option = document.createElement("div");
          option.id = `map-${i}`;
          option.role = "option";
          option.textContent = item.text;
          return option;
        }),
      );
      cursor = document.activeElement === canvas && canvas.matches(":focus-visible") ? 0 : -1;
      if (cursor === 0) canvas.setAttribute("aria-activedescendant", "map-0");
      target(true);
      started = performance.now();
      draw();
      return fits;
    },
    /** Marks an item by its key, as the pointer would; undefined marks none. */
    look(key) {
      moveTo(key === undefined ? -1 : items.findIndex((item) => item.key === key), false);
    },
  };
}
