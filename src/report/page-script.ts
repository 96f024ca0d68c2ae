/**
 * The script inside the report page: zoom, pan and hover of the large timeline. Without it the page says the same, only still. It writes text by textContent
 * alone, never markup, and asks nothing of the network; the page's policy admits this text by its hash and no other.
 */
export const PAGE_SCRIPT = `
'use strict';
(() => {
  const box = document.getElementById('zoom');
  const svg = box.querySelector('svg.cb');
  const lanes = svg.querySelector('svg.cb-lanes');
  const fine = svg.querySelector('.cb-fine'), coarse = svg.querySelector('.cb-coarse');
  const axis = svg.querySelector('.cb-axis');
  const tip = document.getElementById('tip');
  const where = document.getElementById('where');
  const d = svg.dataset;
  const UNITS = 1e6, gutter = +d.gutter, plot = +d.plot, from = +d.from, span = +d.to - +d.from;
  const lanesTop = +d.lanesTop, pitch = +d.pitch, cores = +d.cores, axisTop = +d.axisTop, lanesHeight = +d.lanesHeight;
  if (!(span > 0)) return;
  const spans = [...svg.querySelectorAll('rect[data-a]')], labels = [...svg.querySelectorAll('text[data-a]')];
  const points = [...svg.querySelectorAll('[data-u]')];
  const leastUnits = Math.max(2, 20000 * UNITS / span);
  let a = 0, b = UNITS;

  // Our own tooltip takes the place of the browser's.
  for (const title of svg.querySelectorAll('path > title, g > title, rect > title')) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }

  const seconds = (ns, decimals) => {
    const whole = Math.floor(ns / 1e9), rest = String(Math.round(ns - whole * 1e9)).padStart(9, '0');
    return decimals === 0 ? String(whole) : whole + '.' + rest.slice(0, decimals);
  };
  const px = (u) => gutter + ((u - a) / (b - a)) * plot;
  const make = (name, attributes, text) => {
    const e = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const key in attributes) e.setAttribute(key, attributes[key]);
    if (text !== undefined) e.textContent = text;
    return e;
  };

  function draw() {
    lanes.setAttribute('viewBox', a + ' 0 ' + (b - a) + ' ' + lanesHeight);
    if (fine) {
      const near = b - a <= +fine.dataset.below;
      fine.style.display = near ? '' : 'none';
      coarse.style.display = near ? 'none' : '';
    }
    for (const e of spans) {
      const x = Math.max(gutter, px(+e.dataset.a)), end = Math.min(gutter + plot, px(+e.dataset.b));
      e.setAttribute('x', x);
      e.setAttribute('width', Math.max(0, end - x));
    }
    for (const e of labels) {
      const x = Math.max(gutter, px(+e.dataset.a)), end = Math.min(gutter + plot, px(+e.dataset.b));
      const fits = end - x >= +e.dataset.need;
      e.style.display = fits ? '' : 'none';
      if (fits) e.setAttribute('x', x + 6);
    }
    for (const e of points) {
      const x = px(+e.dataset.u), inside = x >= gutter - 0.5 && x <= gutter + plot + 0.5;
      e.style.display = inside ? '' : 'none';
      if (inside) e.setAttribute('transform', 'translate(' + x + ' 0)');
    }
    drawAxis();
    where.textContent = seconds(from + a / UNITS * span, 6) + ' s to ' + seconds(from + b / UNITS * span, 6) + ' s';
  }

  function drawAxis() {
    const first = from + a / UNITS * span, last = from + b / UNITS * span, least = (last - first) / (plot / 110);
    let step = 1;
    for (let power = 1; step < least; power *= 10) for (const k of [1, 2, 5]) if (step < least) step = k * power;
    let decimals = 9;
    for (let unit = 10; decimals > 0 && step % unit === 0; unit *= 10) decimals--;
    axis.replaceChildren();
    for (let ns = Math.ceil(first / step) * step; ns <= last; ns += step) {
      const x = px((ns - from) / span * UNITS);
      axis.append(make('line', { class: 'cb-grid', x1: x, x2: x, y1: lanesTop - 4, y2: axisTop + 5 }));
      axis.append(make('text', { class: 'cb-muted', x, y: axisTop + 18, 'text-anchor': 'middle', 'font-size': 11 }, seconds(ns, decimals)));
    }
  }

  function show(na, nb) {
    const size = Math.min(UNITS, Math.max(leastUnits, nb - na)), middle = (na + nb) / 2;
    a = Math.max(0, Math.min(UNITS - size, middle - size / 2));
    b = a + size;
    draw();
  }
  const zoom = (factor, at) => show(at - (at - a) * factor, at + (b - at) * factor);
  const pan = (part) => show(a + (b - a) * part, b + (b - a) * part);
  const unitAt = (event) => {
    const r = svg.getBoundingClientRect();
    return a + ((event.clientX - r.left) * (svg.viewBox.baseVal.width / r.width) - gutter) / plot * (b - a);
  };

  const actions = {
    in: () => zoom(0.5, (a + b) / 2), out: () => zoom(2, (a + b) / 2),
    left: () => pan(-0.25), right: () => pan(0.25), all: () => show(0, UNITS),
  };
  document.getElementById('tools').hidden = false;
  for (const button of document.querySelectorAll('button[data-do]')) button.addEventListener('click', actions[button.dataset.do]);
  for (const button of document.querySelectorAll('button[data-at]')) {
    button.disabled = false;
    button.addEventListener('click', () => {
      const u = (+button.dataset.at - from) / span * UNITS, half = Math.max(leastUnits, +button.dataset.around / span * UNITS) / 2;
      show(u - half, u + half);
      box.scrollIntoView({ block: 'nearest' });
      box.focus({ preventScroll: true });
    });
  }
  box.addEventListener('keydown', (event) => {
    const action = { '+': 'in', '=': 'in', '-': 'out', ArrowLeft: 'left', ArrowRight: 'right', 0: 'all', Home: 'all' }[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[action]();
  });
  box.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    if (event.ctrlKey) zoom(Math.exp(event.deltaY / 300), unitAt(event));
    else pan((event.deltaY || event.deltaX) / 800);
  }, { passive: false });

  let drag;
  box.addEventListener('pointerdown', (event) => { if (event.button === 0) { drag = { x: event.clientX, a, b }; box.setPointerCapture(event.pointerId); } });
  box.addEventListener('pointerup', () => { drag = undefined; });
  box.addEventListener('pointercancel', () => { drag = undefined; });
  box.addEventListener('dblclick', (event) => zoom(0.4, unitAt(event)));
  box.addEventListener('pointerleave', () => { tip.hidden = true; });
  box.addEventListener('pointermove', (event) => {
    const r = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / r.width;
    if (drag) {
      const by = (drag.x - event.clientX) * scale / plot * (drag.b - drag.a);
      if (Math.abs(drag.x - event.clientX) > 2) show(drag.a + by, drag.b + by);
      tip.hidden = true;
      return;
    }
    const u = unitAt(event), y = (event.clientY - r.top) * scale;
    const core = Math.floor((y - lanesTop) / pitch);
    const hit = document.elementFromPoint(event.clientX, event.clientY);
    const owner = hit && hit.closest('[data-tip]');
    const inLanes = core >= 0 && core < cores && u >= a && u <= b;
    if (!owner && !inLanes) { tip.hidden = true; return; }
    const at = seconds(from + u / UNITS * span, 6) + ' s';
    const mark = owner && owner.matches('.cb-m');
    tip.textContent = mark ? owner.dataset.tip : 'core ' + core + ', ' + at + ': ' + (owner ? owner.dataset.tip : 'idle');
    tip.hidden = false;
    const wide = tip.offsetWidth;
    tip.style.left = Math.max(4, Math.min(window.innerWidth - wide - 8, event.clientX + 14)) + 'px';
    tip.style.top = event.clientY + 18 + 'px';
  });
})();
`;
