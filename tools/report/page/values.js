// Values that may be absent, and numbers as people read them.

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
const listOf = (value) => (Array.isArray(value) ? value : []);
const objectOf = (value) => (value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {});
/** A text or number as text; nothing for what has no business there. */
const textOf = (value, otherwise = '') => (typeof value === 'string' || isNumber(value) ? String(value) : otherwise);
const sum = (values) => values.reduce((total, value) => total + value, 0);

/** The digits behind the point that tell multiples of `step` apart. */
const digitsOf = (step) => Math.max(0, Math.min(12, -Math.floor(Math.log10(step) + 1e-6)));

/** Four significant digits: 0.01234, 12.35, 5,394, 1.2e-5, 1e30; more where a tick differs from the next by less. */
function short(value, exact, step = Infinity) {
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e7 && step < 1e-3 * size)
    return value.toLocaleString('en', {maximumFractionDigits: digitsOf(step)});
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2).replace(/\.?0+e/, 'e').replace('e+', 'e');
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(4)));
}

const percent = (value, digits = 2) => `${(100 * value).toFixed(digits)}%`;
const whole = (value) => Math.round(value).toLocaleString('en');
const seconds = (value) => `${short(value)} s`;
const perSecond = (value) => `${short(value)}/s`;

/** 42 s, 2 min 5 s, 12 min, 3 h 20 min. */
function duration(value) {
  const all = Math.max(0, Math.round(value));
  if (all < 60) return `${value < 10 ? short(Math.max(0, value)) : all} s`;
  if (all < 600) return `${Math.floor(all / 60)} min ${all % 60} s`;
  if (all < 3600) return `${Math.round(all / 60)} min`;
  return `${Math.floor(all / 3600)} h ${Math.floor((all % 3600) / 60)} min`;
}

function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (value >= 1000 && unit + 1 < units.length) {
    value /= 1000;
    ++unit;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

/** A day and a time of this reader's clock, or the text itself where it is none; nothing where it is no text. */
function moment(text) {
  const date = new Date(text);
  if (typeof text !== 'string' || Number.isNaN(date.getTime())) return textOf(text);
  return date.toLocaleString('en', {dateStyle: 'medium', timeStyle: 'short'});
}

/** [epoch, value] of each line that has the epoch; null is where the value was not finite or is not there. */
function column(lines, key) {
  const points = listOf(lines).filter((line) => isNumber(line.epoch))
    .map((line) => [line.epoch, isNumber(line[key]) ? line[key] : null]);
  return points.some(([, value]) => value !== null) ? points : [];
}

const secondsKeys = ['step_seconds', 'data_seconds', 'validation_seconds', 'checkpoint_seconds'];
const secondsOf = (line) => sum(secondsKeys.map((key) => (isNumber(line[key]) ? line[key] : 0)));

function mean(points) {
  const values = points.map(([, value]) => value).filter(isNumber);
  return values.length === 0 ? NaN : sum(values) / values.length;
}

/** Whether a few values would flatten all others on a linear scale. */
function isSpiky(points) {
  const sizes = points.map(([, value]) => value).filter((value) => value > 0).sort((a, b) => a - b);
  return sizes.length > 0 && sizes[sizes.length - 1] > 8 * sizes[(sizes.length - 1) >> 1];
}

/** Whether a curve ends far above its beginning, as where a run diverges. */
function isExploding(points) {
  const values = points.map(([, value]) => value).filter((value) => value > 0);
  return values.length > 0 && Math.max(...values) > 8 * values[0];
}

/** The epoch with the highest value, the first of equals. */
function highest(points) {
  let best = null;
  for (const [epoch, value] of points) {
    if (value !== null && (best === null || value > best.value)) best = {epoch, value};
  }
  return best;
}
