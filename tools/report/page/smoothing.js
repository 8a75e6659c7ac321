// Curves smoothed exponentially: the mean of a point and those before it, older ones counting less and less.

const smoothing = {weight: 0};

/** Each value is (1 − weight) of itself and weight of what came before, corrected for the beginning; gaps stay. */
function smoothed(points, weight) {
  if (!(weight > 0)) return points;
  let before = 0, share = 0;
  return points.map(([x, value]) => {
    if (value === null) return [x, null];
    before = weight * before + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return [x, before / share];
  });
}

/** [[x, low, high], …], smoothed as the line between them is. */
function smoothedRange(range, weight) {
  const side = (k) => smoothed(range.map((point) => [point[0], point[k]]), weight);
  const low = side(1), high = side(2);
  return low.map(([x, value], i) => [x, value, high[i][1]]);
}

/** A slider for all charts of the page. */
function smoothingSlider() {
  const shown = element('output', {}, 'off');
  const input = element('input', {type: 'range', min: 0, max: 0.99, step: 0.01, value: smoothing.weight,
    'aria-label': 'Smoothing of the curves'});
  input.addEventListener('input', () => {
    smoothing.weight = Number(input.value);
    shown.textContent = smoothing.weight === 0 ? 'off' : smoothing.weight.toFixed(2);
    for (const chart of allCharts) chart.draw();
  });
  return element('label', {class: 'slider'}, element('span', {}, 'smoothing'), input, shown);
}
