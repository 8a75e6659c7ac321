// Histograms: of a tensor in its card, and small ones in the table of parameters.

/** Bars over the width of a box; heights by the square root, so that rare values can be seen beside frequent ones. */
function bars(counts, width, height) {
  const most = Math.sqrt(Math.max(1, ...counts)), wide = width / counts.length;
  return counts.map((count, i) => (count === 0 ? null : svg('rect', {x: (i * wide).toFixed(2), width: Math.max(0.5, wide - 0.5).toFixed(2),
    y: (height - (height * Math.sqrt(count)) / most).toFixed(2), height: ((height * Math.sqrt(count)) / most).toFixed(2)})));
}

function histogram(view) {
  const width = 320, height = 60;
  const at = (value) => (view.high > view.low ? (width * (value - view.low)) / (view.high - view.low) : 0);
  const words = `Histogram from ${figure(view.low)} to ${figure(view.high)}; mean ${figure(view.mean)}, deviation ${figure(view.deviation)}`;
  return element('div', {}, svg('svg', {class: 'histogram', viewBox: `0 0 ${width} ${height + 2}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': words},
    bars(view.histogram, width, height), svg('line', {x1: 0, x2: width, y1: height + 0.5, y2: height + 0.5}),
    view.low < 0 && view.high > 0 ? svg('line', {class: 'at-zero', x1: at(0), x2: at(0), y1: 0, y2: height}) : null),
  element('div', {class: 'ends', 'aria-hidden': 'true'}, element('span', {}, figure(view.low)), element('span', {}, 'how many (√)'),
    element('span', {}, figure(view.high))));
}

const spark = (view, style = '') => (view === null ? '–' : svg('svg', {class: `spark ${style}`, viewBox: '0 0 84 22', preserveAspectRatio: 'none',
  role: 'img', 'aria-label': `from ${figure(view.low)} to ${figure(view.high)}`}, bars(view.histogram, 84, 22)));
