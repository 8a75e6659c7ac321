// A map of rows × watched steps: a cell's colour is its value. Colours, and where light and dark swap, are variables of style.css.

const mapLabels = 14; // pixels that a row's name needs
const mapColours = {
  // Of sizes over many powers of ten: viridis, whose lightness rises alone, so that it is read with any colour vision.
  sizes: ['#440154', '#482878', '#3e4a89', '#31688e', '#26828e', '#1f9e89', '#35b779', '#6dcd59', '#b4de2c', '#fde725'],
};

/** [red, green, blue] of a colour as CSS writes it. */
function channelsOf(colour) {
  const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

/** The colour of a share between 0 and 1 of the way along the stops. */
function between(stops, share) {
  const at = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  return stops[low].map((value, i) => Math.round(value + (at - low) * (stops[low + 1][i] - value)));
}

/** Stops of a scale: 'sizes', or names of variables, as they are in this light. */
function stopsOf(colours) {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => (name.startsWith('--') ? style.getPropertyValue(name).trim() : name);
  return (mapColours[colours] ?? colours).map((name) => channelsOf(named(name)));
}

/** Powers of ten that hold the values. */
function mapPowers(values, colours = 'sizes') {
  const logs = values.filter((value) => value > 0).map(Math.log10).sort((a, b) => a - b);
  if (logs.length === 0) return null;
  // The lowest and highest hundredth may be one strange step: it has the last colour.
  const low = Math.floor(logs[Math.floor(0.01 * (logs.length - 1))] + 0.2);
  const high = Math.max(low + 1, Math.ceil(logs[Math.ceil(0.99 * (logs.length - 1))] - 0.2));
  const power = (exponent) => (exponent >= -2 && exponent <= 3 ? String(Number((10 ** exponent).toPrecision(2))) : `1e${exponent}`);
  const middle = Math.round((low + high) / 2);
  return {colours, share: (value) => (Math.log10(value) - low) / (high - low),
    ends: [power(low), middle > low && middle < high ? power(middle) : '', power(high)]};
}

class HeatMap {
  /**
   * spec: title, note, steps: [step], epochs: [epoch], views: [{name, rows: [{name, values: [value or null]}], scale: {colours,
   * share(value), ends: [text]}, tell(value, row, column)}]. A view is what one button shows; the rows are those that have values.
   */
  constructor(spec) {
    this.spec = spec;
    this.view = spec.views[0];
    this.canvas = element('canvas', {tabindex: 0, role: 'img'});
    this.names = element('div', {class: 'map-names', 'aria-hidden': 'true'});
    this.key = element('div', {class: 'map-key'});
    this.cursor = element('div', {class: 'map-cursor', hidden: true});
    this.node = element('figure', {class: 'map'}, element('figcaption', {}, element('h3', {}, spec.title), this.buttons()),
      element('p', {class: 'note'}, spec.note), this.key,
      element('div', {class: 'map-body'}, this.names, element('div', {class: 'map-plot'}, this.canvas, this.cursor, this.axis())));
    this.listen();
    this.draw();
    new ResizeObserver(() => this.nameRows()).observe(this.node);
    for (const query of ['(prefers-color-scheme: dark)', 'print']) matchMedia(query).addEventListener('change', () => this.draw());
  }

  buttons() {
    if (this.spec.views.length < 2) return null;
    const all = this.spec.views.map((view) => button(view.name, {'aria-pressed': String(view === this.view)}, () => {
      this.view = view;
      all.forEach((each) => each.setAttribute('aria-pressed', String(each.textContent === view.name)));
      this.hide();
      this.draw();
    }));
    return element('div', {class: 'map-views'}, all);
  }

  axis() {
    const {steps} = this.spec;
    const places = [...new Set([0, (steps.length - 1) >> 1, steps.length - 1])];
    return element('div', {class: 'map-axis'}, places.map((place) =>
      element('span', {}, `${place === 0 ? 'step ' : ''}${whole(steps[place])}`)));
  }

  draw() {
    const {rows, scale} = this.view, columns = this.spec.steps.length;
    const stops = stopsOf(scale.colours), nothing = stopsOf(['--grid'])[0];
    this.canvas.width = columns;
    this.canvas.height = rows.length;
    const pen = this.canvas.getContext('2d');
    const picture = pen.createImageData(columns, rows.length);
    rows.forEach(({values}, y) => values.forEach((value, x) => {
      const share = isNumber(value) ? scale.share(value) : NaN;
      picture.data.set([...(Number.isNaN(share) ? nothing : between(stops, share)), 255], 4 * (y * columns + x));
    }));
    pen.putImageData(picture, 0, 0);
    this.canvas.style.height = `${Math.round(Math.max(90, Math.min(rows.length * 16, 460)))}px`;
    this.canvas.setAttribute('aria-label', `${this.spec.title}, ${this.view.name}: ${rows.length} rows from ${rows[0].name} to ${
      rows[rows.length - 1].name}, ${columns} steps. Arrow keys show the values.`);
    this.key.replaceChildren(...scale.ends.slice(0, 1), element('span', {class: 'map-scale', 'aria-hidden': 'true',
      style: `background: linear-gradient(to right, ${stops.map((stop) => `rgb(${stop.join(' ')})`).join(', ')})`},
    scale.ends.length > 2 ? element('i', {}) : null), scale.ends[scale.ends.length - 1],
    scale.middle ? element('span', {class: 'map-middle'}, scale.middle) : '');
    this.nameRows();
  }

  /** Names of rows, as many as have room, and briefly: all of a name is under the pointer. */
  nameRows() {
    const {rows} = this.view, height = parseInt(this.canvas.style.height, 10);
    const label = (name) => name.replace(/ .*/, '').replace(/\.weight$/, '');
    const every = Math.max(1, Math.ceil(mapLabels * rows.length / height));
    this.names.style.height = `${height}px`;
    this.names.replaceChildren(...rows.flatMap(({name}, i) => (i % every !== 0 ? []
      : [element('span', {style: `top: ${100 * (i + 0.5) / rows.length}%`}, label(name))])));
  }

  /** Shows the value of a cell. */
  show(x, y) {
    const {rows, tell} = this.view;
    this.x = Math.max(0, Math.min(this.spec.steps.length - 1, x));
    this.y = Math.max(0, Math.min(rows.length - 1, y));
    const row = rows[this.y], value = row.values[this.x], epoch = this.spec.epochs[this.x];
    Object.assign(this.cursor.style, {left: `${100 * this.x / this.spec.steps.length}%`, width: `${100 / this.spec.steps.length}%`,
      top: `${this.y * this.canvas.clientHeight / rows.length}px`, height: `${this.canvas.clientHeight / rows.length}px`});
    this.cursor.hidden = false;
    const box = this.canvas.getBoundingClientRect();
    showTip(box.left + (this.x + 0.5) / this.spec.steps.length * box.width, box.top + (this.y + 0.5) / rows.length * box.height,
      element('strong', {}, row.name), element('span', {}, isNumber(value) ? tell(value, row, this.x) : 'not known'),
      element('small', {class: 'map-when'}, `step ${whole(this.spec.steps[this.x])}${isNumber(epoch) ? `, epoch ${short(epoch)}` : ''}`));
  }

  hide() {
    this.cursor.hidden = true;
    hideTip();
  }

  listen() {
    const follow = (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.show(Math.floor((event.clientX - box.left) / box.width * this.spec.steps.length),
        Math.floor((event.clientY - box.top) / box.height * this.view.rows.length));
    };
    this.canvas.addEventListener('pointermove', follow);
    this.canvas.addEventListener('pointerdown', follow);
    this.canvas.addEventListener('pointerleave', (event) => event.pointerType === 'touch' || this.hide());
    this.canvas.addEventListener('blur', () => this.hide());
    this.canvas.addEventListener('keydown', (event) => this.onKey(event));
    document.addEventListener('pointerdown', (event) => event.target === this.canvas || this.cursor.hidden || this.hide());
  }

  onKey(event) {
    if (event.key === 'Escape') this.hide();
    const move = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1], Home: [-1e9, 0], End: [1e9, 0],
      PageUp: [0, -1e9], PageDown: [0, 1e9]}[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const isFirst = this.x === undefined || this.cursor.hidden;
    this.show((this.x ?? 0) + (isFirst ? 0 : move[0]), (this.y ?? 0) + (isFirst ? 0 : move[1]));
  }
}

/** A map of the views that have rows, or nothing where none has. */
function heatMapOf({views, ...spec}) {
  const filled = views.map((view) => ({...view, rows: view.rows.filter(({values}) => values.some(isNumber))}))
    .filter((view) => view.rows.length > 0 && view.scale !== null);
  return filled.length === 0 ? null : new HeatMap({...spec, views: filled}).node;
}
