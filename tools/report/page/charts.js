// A chart as a part of the page: its legend, its buttons, and the values under the pointer, finger or arrow keys.

const allCharts = [];

class Chart {
  /**
   * spec: title, yTitle, xTitle ('epoch'), series: [{name, points: [[x, value or null], …], colour, style, faint,
   * range: [[x, low, high], …]}], format(value, whether exactly, the ticks' step), phases: [{name, begin, end}],
   * mark: {x, y, of, colour, text}, canLog, startsLog, stacked, exact (is never smoothed), failure: {x, text}, level: {y, text}, note.
   * Faint series are shown, but the pointer stops at the others' points.
   */
  constructor(spec) {
    this.log = spec.startsLog === true;
    this.hidden = new Set(); // names of series
    this.svg = svg('svg', {tabindex: 0, role: 'img'});
    this.node = element('figure', {class: 'chart'});
    this.give(spec);
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.node);
    allCharts.push(this);
  }

  /** Other series; the scale and what is hidden stay as the reader has them. */
  give(spec) {
    this.spec = {xTitle: 'epoch', phases: [], format: short, ...spec};
    this.svg.setAttribute('aria-label',
      `${spec.title}: ${spec.series.map((series) => series.name).join(', ')}. Arrow keys show the values.`);
    this.node.replaceChildren(...[element('figcaption', {}, element('h3', {}, spec.title), this.logButton()), this.svg,
      this.legend(), spec.note ? element('p', {class: 'note'}, spec.note) : null].filter((part) => part !== null));
    this.draw();
  }

  logButton() {
    if (!this.spec.canLog) return null;
    return button('log scale', {'aria-pressed': String(this.log)}, (made) => {
      this.log = !this.log;
      made.setAttribute('aria-pressed', String(this.log));
      this.draw();
    });
  }

  legend() {
    if (this.spec.series.length < 2) return null;
    return element('div', {class: 'legend'}, this.spec.series.map((series) => button(element('span', {}, swatch(series),
      series.name), {'aria-pressed': String(!this.hidden.has(series.name)), title: 'show or hide'}, (made) => {
      if (!this.hidden.delete(series.name)) this.hidden.add(series.name);
      made.setAttribute('aria-pressed', String(!this.hidden.has(series.name)));
      this.draw();
    })));
  }

  visible() {
    return this.spec.series.filter((series) => !this.hidden.has(series.name));
  }

  /** What the height has to hold: the highest sum of a stack where the bars are stacked. */
  values() {
    const points = this.visible().flatMap((series) => [...series.points,
      ...listOf(series.range).flatMap(([x, low, high]) => [[x, low], [x, high]])]).filter(([, value]) => value !== null);
    if (!this.spec.stacked) return points.map(([, value]) => value);
    const sums = new Map();
    for (const [x, value] of points) sums.set(x, (sums.get(x) ?? 0) + value);
    return [0, ...sums.values()];
  }

  resize() {
    if (Math.round(this.node.clientWidth) !== this.width) this.draw();
  }

  /** How much the lines are smoothed: schedules and bars are what they are. */
  weight() {
    return this.spec.exact || this.spec.stacked ? 0 : smoothing.weight;
  }

  lines(frame, shown) {
    if (this.spec.stacked) return stackedBars(frame, shown, 1);
    return [...shown].sort((a, b) => (b.faint ?? 0) - (a.faint ?? 0)).map((series) => line(frame, series, this.weight()));
  }

  draw() {
    this.width = Math.round(this.node.clientWidth);
    if (this.width === 0) return;
    const height = this.width < 480 ? 242 : 302;
    const {mark, failure, level, phases, series} = this.spec;
    const lastX = Math.max(...series.map(({points}) => points[points.length - 1]?.[0] ?? 0), failure?.x ?? 0);
    const scale = (this.log ? logScale : linearScale)(this.values(), this.spec.format, this.spec.format === share ? 1 : Infinity);
    const isEpoch = this.spec.xTitle === 'epoch';
    const frame = this.frame = new Frame(this.width, height, lastX > 0 ? lastX : 1, scale);
    const shown = this.visible();
    this.cursor = svg('g', {class: 'cursor', 'aria-hidden': 'true'});
    this.svg.setAttribute('viewBox', `0 0 ${this.width} ${height}`);
    this.svg.replaceChildren(...[
      bands(frame, phases), axes(frame, this.spec.xTitle, this.spec.yTitle, isEpoch && lastX > 1),
      ...this.lines(frame, shown), failure && standingLine(frame, failure), level && levelLine(frame, level),
      mark && shown.some(({name}) => name === mark.of) ? ring(frame, mark) : null,
      this.cursor].filter((part) => part !== null && part !== false && part !== undefined));
  }

  /** The series that the pointer stops at. */
  stops() {
    const shown = this.visible().filter((series) => series.points.length > 0);
    const firm = shown.filter((series) => !series.faint);
    return firm.length > 0 ? firm : shown;
  }

  /** The point's x that is nearest to a value of x. */
  snapped(x) {
    let best = NaN;
    for (const {points} of this.stops()) {
      const candidate = points[nearest(points, x)][0];
      if (!(Math.abs(best - x) <= Math.abs(candidate - x))) best = candidate;
    }
    return best;
  }

  /** [series, value, place] at x; a series without a point there, or with none near it, has no value. */
  at(x) {
    return this.visible().map((series) => {
      const place = nearest(series.points, x), point = series.points[place];
      const near = point !== undefined && Math.abs(point[0] - x) <= (series.faint || !this.spec.stacked ? 0.5 : 0.01);
      return [series, near ? point[1] : null, place];
    }).filter(([, value]) => value !== null);
  }

  /** A value as the box has it, with its range, and what it is once it is smoothed. */
  told([series, value, place]) {
    const format = (each) => this.spec.format(each, true);
    const range = listOf(series.range).find(([x]) => x === series.points[place][0]);
    const smooth = this.weight() > 0 ? smoothed(series.points, this.weight())[place][1] : null;
    return element('b', {}, format(value),
      range ? element('small', {}, ` ${format(range[1])}–${format(range[2])}`) : null,
      smooth === null ? null : element('small', {}, ` smoothed ${format(smooth)}`));
  }

  /** The line through all charts at x, and dots on this one's curves. */
  drawCursor(x) {
    if (!this.frame) return;
    const {frame} = this;
    if (x === null || x > frame.lastX * 1.001) {
      this.cursor.replaceChildren();
      return;
    }
    const pixel = frame.x(this.spec.stacked ? Math.max(0, x - 0.5) : x);
    const dots = this.spec.stacked ? [] : this.at(x).filter(([, value]) => Number.isFinite(frame.y(value)));
    this.cursor.replaceChildren(
      svg('line', {x1: pixel, x2: pixel, y1: margin.top - 2, y2: frame.bottom}),
      ...dots.map(([series, value]) => svg('circle', {class: `s${series.colour}`, cx: pixel, cy: frame.y(value), r: 4})));
  }

  /** Shows the values at the point nearest to x. */
  show(x) {
    this.x = this.snapped(x);
    if (!Number.isFinite(this.x)) return;
    for (const chart of allCharts) chart.drawCursor(chart.spec.xTitle === this.spec.xTitle ? this.x : null);
    const phase = this.spec.phases.find(({begin, end}) => this.x > begin && this.x <= end);
    const heading = `${this.spec.xTitle} ${short(this.x)}${phase ? ` · ${phase.name}` : ''}`;
    const rows = this.at(this.x).map((point) => element('div', {class: 'row'}, swatch(point[0]),
      element('span', {}, point[0].name), this.told(point)));
    const total = this.spec.stacked && rows.length > 1
      ? element('div', {class: 'row total'}, element('span'), element('span', {}, 'together'),
        element('b', {}, this.spec.format(sum(this.at(this.x).map(([, value]) => value)), true))) : '';
    const box = this.svg.getBoundingClientRect();
    showTip(box.left + this.frame.x(this.x) * (box.width / this.width), box.top + margin.top,
      element('strong', {}, heading), ...rows, total);
  }

  hide() {
    for (const chart of allCharts) chart.drawCursor(null);
    hideTip();
  }

  listen() {
    const follow = (event) => {
      const box = this.svg.getBoundingClientRect();
      const x = this.frame.xAt((event.clientX - box.left) * (this.width / box.width));
      this.show(this.spec.stacked ? Math.ceil(x) : x);
    };
    this.svg.addEventListener('pointermove', follow);
    this.svg.addEventListener('pointerdown', follow);
    // What a finger has shown stays until it touches something else.
    this.svg.addEventListener('pointerleave', (event) => event.pointerType === 'touch' || this.hide());
    this.svg.addEventListener('blur', () => this.hide());
    this.svg.addEventListener('keydown', (event) => this.onKey(event));
  }

  onKey(event) {
    const points = [...new Set(this.stops().flatMap((series) => series.points.map(([x]) => x)))].sort((a, b) => a - b);
    const here = this.x === undefined ? -1 : points.indexOf(this.x);
    const next = {ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: points.length - 1}[event.key];
    if (event.key === 'Escape') this.hide();
    if (next === undefined || points.length === 0) return;
    event.preventDefault();
    this.show(points[Math.max(0, Math.min(points.length - 1, next))]);
  }
}

document.addEventListener('pointerdown', (event) => {
  if (!event.target.closest('.chart svg, .heat, .map canvas')) for (const chart of allCharts.slice(0, 1)) chart.hide();
});

/** A chart's spec with the series that have values; nothing where there are none. */
function filled(spec) {
  const series = spec.series.filter(({points}) => points.some(([, value]) => value !== null));
  return series.length === 0 ? null : {...spec, series};
}

/** A chart, or nothing where no series has a value. */
function chart(spec) {
  const given = filled(spec);
  return given && new Chart(given).node;
}
