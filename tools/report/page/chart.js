// A chart over the epochs, drawn as SVG for its real width: scales, axes, phases, lines and stacked bars.

const margin = {left: 56, right: 16, top: 42, bottom: 40};

/** Round numbers from low to high or a little beyond, about `count` of them. */
function roundTicks(low, high, count, smallest = 0) {
  const rough = Math.max((high - low) / count, smallest, 1e-12);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999);
  const ticks = [];
  for (let i = Math.floor(low / step + 1e-9); i <= Math.ceil(high / step - 1e-9); ++i)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** `most`: what no value can exceed, as 1 for a share. */
function linearScale(values, format, most = Infinity) {
  let low = values.length === 0 ? 0 : Math.min(...values);
  let high = values.length === 0 ? 1 : Math.max(...values);
  if (low >= 0 && low < 0.6 * high) low = 0; // the height then shows the size itself
  if (low === high) [low, high] = low === 0 ? [0, 1] : [low - 0.1 * Math.abs(low), Math.min(high + 0.1 * Math.abs(high), Math.max(high, most))];
  const ticks = roundTicks(low, high, 5);
  const first = ticks[0], last = ticks[ticks.length - 1];
  return {ticks, format, step: ticks[1] - first, share: (value) => (value - first) / (last - first)};
}

function logScale(values, format) {
  const positive = values.filter((value) => value > 0);
  const low = Math.log10(positive.length === 0 ? 0.1 : Math.min(...positive));
  const high = Math.log10(positive.length === 0 ? 1 : Math.max(...positive));
  const first = Math.floor(low * 5) / 5 - 0.02, last = Math.max(Math.ceil(high * 5) / 5, first + 0.2) + 0.02;
  const steps = last - first > 4 ? [1] : last - first > 1.2 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
  const stride = Math.max(1, Math.ceil((last - first) / 8)); // in powers of ten: a loss that exploded spans dozens
  const ticks = [];
  for (let power = Math.floor(first / stride) * stride; power <= last; power += stride)
    ticks.push(...steps.map((step) => Number((step * 10 ** power).toPrecision(3))));
  const share = (value) => (value > 0 ? (Math.log10(value) - first) / (last - first) : NaN);
  return {ticks: ticks.filter((tick) => share(tick) >= 0 && share(tick) <= 1), format, share};
}

/** The index of the point nearest to x; the points are sorted. */
function nearest(points, x) {
  let low = 0, high = points.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < x) low = middle;
    else high = middle;
  }
  return Math.abs(points[high]?.[0] - x) < Math.abs(points[low]?.[0] - x) ? high : low;
}

/** A chart's geometry for one width: from values to pixels. */
class Frame {
  constructor(width, height, lastX, scale) {
    Object.assign(this, {width, height, lastX, scale});
    this.right = width - margin.right;
    this.bottom = height - margin.bottom;
  }

  x(value) {
    return margin.left + (value / this.lastX) * (this.right - margin.left);
  }

  y(value) {
    return this.bottom - this.scale.share(value) * (this.bottom - margin.top);
  }

  /** The epoch under a pixel. */
  xAt(pixel) {
    const value = ((pixel - margin.left) / (this.right - margin.left)) * this.lastX;
    return Math.max(0, Math.min(this.lastX, value));
  }
}

const textAt = (x, y, text, attributes = {}) => svg('text', {x, y, ...attributes}, text);

function axes(frame, xTitle, yTitle, wholeX) {
  const parts = [];
  for (const tick of frame.scale.ticks) {
    const y = frame.y(tick);
    parts.push(svg('line', {class: 'grid', x1: margin.left, x2: frame.right, y1: y, y2: y}),
      textAt(margin.left - 8, y + 4, frame.scale.format(tick, false, frame.scale.step), {class: 'end'}));
  }
  const count = Math.max(2, Math.floor((frame.right - margin.left) / 70));
  for (const tick of roundTicks(0, frame.lastX, count, wholeX ? 1 : 0)) {
    if (tick > frame.lastX * 1.0001) continue;
    const x = frame.x(tick);
    parts.push(svg('line', {class: 'tick', x1: x, x2: x, y1: frame.bottom, y2: frame.bottom + 5}),
      textAt(x, frame.bottom + 18, short(tick), {class: 'middle'}));
  }
  parts.push(svg('line', {class: 'axis', x1: margin.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom}),
    textAt(frame.right, frame.height - 5, xTitle, {class: 'end title'}),
    textAt(4, 12, yTitle, {class: 'title'}));
  return svg('g', {class: 'axes'}, parts);
}

/** Phases as bands with their names, as far as those fit. */
function bands(frame, phases) {
  return svg('g', {class: 'bands', 'aria-hidden': 'true'}, phases.map((phase, i) => {
    const begin = Math.min(frame.x(phase.begin), frame.right), end = Math.min(frame.x(phase.end), frame.right);
    if (end <= begin) return null;
    const letters = Math.floor((end - begin - 10) / 6.6);
    const name = phase.name.length <= letters ? phase.name : `${phase.name.slice(0, Math.max(0, letters - 1))}…`;
    return svg('g', {class: i % 2 === 0 ? 'band' : 'band other'},
      svg('rect', {x: begin, y: margin.top - 20, width: end - begin, height: frame.bottom - margin.top + 20}),
      i === 0 ? null : svg('line', {x1: begin, x2: begin, y1: margin.top - 20, y2: frame.bottom}),
      letters < 3 ? null : textAt(begin + 5, margin.top - 7, name));
  }));
}

/** A coordinate of a path; far outside of the chart where a value is absurd. */
const pixel = (value) => Math.max(-1e5, Math.min(1e5, value)).toFixed(1);

/** A path through the points; it breaks off where a value is missing or cannot be drawn. `alone`: what has no neighbour. */
function pathOf(frame, points) {
  let path = '', before = false;
  const alone = [];
  const drawable = (point) => point !== undefined && point[1] !== null && Number.isFinite(frame.y(point[1]));
  points.forEach((point, i) => {
    if (!drawable(point)) {
      before = false;
      return;
    }
    const x = frame.x(point[0]), y = frame.y(point[1]);
    path += `${before ? 'L' : 'M'}${pixel(x)} ${pixel(y)}`;
    if (!before && !drawable(points[i + 1])) alone.push([x, y]);
    before = true;
  });
  return {path, alone};
}

/** The area between the lowest and the highest values of a series. */
function rangeArea(frame, range) {
  const drawn = range.map(([x, low, high]) => [frame.x(x), frame.y(low), frame.y(high)])
    .filter(([, low, high]) => Number.isFinite(low) && Number.isFinite(high));
  if (drawn.length === 0) return null;
  const corner = (x, y) => `${pixel(x)} ${pixel(y)}`;
  if (drawn.length === 1) {
    const [[x, low, high]] = drawn;
    return svg('path', {class: 'whisker', d: `M${corner(x, low)}L${corner(x, high)}`});
  }
  return svg('path', {class: 'range', d: `M${drawn.map(([x, low]) => corner(x, low)).join('L')}L${
    drawn.reverse().map(([x, , high]) => corner(x, high)).join('L')}Z`});
}

/** A series: its range, its line, and faintly what the line was before it was smoothed. */
function line(frame, series, weight) {
  const dense = series.points.length > 2 * (frame.right - margin.left) ? 'fine' : '';
  const {path, alone} = pathOf(frame, smoothed(series.points, weight));
  return svg('g', {class: `series s${series.colour} ${series.style ?? ''} ${dense} ${weight > 0 ? 'smooth' : ''}`,
    'data-name': series.name}, series.range && rangeArea(frame, smoothedRange(series.range, weight)),
  weight > 0 ? svg('path', {class: 'raw', d: pathOf(frame, series.points).path}) : null,
  svg('path', {class: 'line', d: path}), alone.map(([x, y]) => svg('circle', {cx: x, cy: y, r: 3.5})));
}

/** The series' values on top of each other, a bar for each epoch, which lies before its number. */
function stackedBars(frame, all, wide) {
  const heights = new Map();
  const room = frame.x(wide) - frame.x(0);
  const gap = room < 5 ? 0 : Math.min(2, 0.15 * room);
  return all.map((series) => svg('g', {class: `bars s${series.colour}`, 'data-name': series.name},
    series.points.filter(([, value]) => value !== null).map(([x, value]) => {
      const below = heights.get(x) ?? 0;
      heights.set(x, below + value);
      const left = frame.x(x - wide) + gap / 2;
      return svg('rect', {x: left.toFixed(1), width: Math.max(0.5, frame.x(x) - left - gap / 2).toFixed(1),
        y: frame.y(below + value).toFixed(1), height: Math.max(0, frame.y(below) - frame.y(below + value)).toFixed(1)});
    })));
}

/** A ring round a point that is worth finding, with a word that stays inside of the chart. */
function ring(frame, mark) {
  const x = frame.x(mark.x), y = frame.y(mark.y);
  if (!Number.isFinite(y)) return null;
  const below = y < margin.top + 34;
  const wide = mark.text.length * 7.1;
  const left = Math.max(margin.left + 2, Math.min(x - wide / 2, frame.right - wide));
  return svg('g', {class: `mark s${mark.colour}`}, svg('circle', {cx: x, cy: y, r: 5}),
    textAt(left, below ? y + 22 : y - 11, mark.text));
}

/** A line at one x, as where a run failed. */
function standingLine(frame, {x, text}) {
  const at = frame.x(x), late = at > 0.5 * frame.width;
  return svg('g', {class: 'failure'}, svg('line', {x1: at, x2: at, y1: margin.top, y2: frame.bottom}),
    textAt(at + (late ? -5 : 5), margin.top + 12, text, {class: late ? 'end' : ''}));
}

/** A line at one y with what it stands for, where the curves reach it. */
function levelLine(frame, {y, text}) {
  const at = frame.y(y);
  if (!(at >= margin.top && at <= frame.bottom)) return null;
  return svg('g', {class: 'level'}, svg('line', {x1: margin.left, x2: frame.right, y1: at, y2: at}),
    textAt(frame.right - 2, at - 5, text, {class: 'end'}));
}
