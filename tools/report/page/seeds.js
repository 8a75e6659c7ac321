// Runs that differ by their seed alone, taken together: mean and range.

/** Settings by place, as the recipe has them; of run.json where there is no recipe. */
function settingsOf(run) {
  const settings = objectOf(run.settings);
  if (Object.keys(settings).length > 0) return settings;
  const others = ['started', 'machine', 'classes', 'image_hashes', 'failure', 'ended', 'threads', 'device', 'device_reason'];
  const plain = Object.entries(objectOf(run.run)).filter(([key]) => !others.includes(key));
  return Object.fromEntries(plain.map(([key, value]) => [key, JSON.stringify(value)]));
}

/** What the names have in common at their start, without what joins it to the rest. */
function commonStart(names) {
  let length = 0;
  while (length < names[0].length && names.every((name) => name[length] === names[0][length])) ++length;
  return names[0].slice(0, length).replace(/[\s\-_.·/=]*(seed)?[\s\-_.·/=]*$/i, '');
}

const manyNames = (names) => `${names.slice(0, 3).join(', ')}${names.length > 3 ? ' …' : ''}`;

/**
 * The runs as lines of a comparison: {name, members, counted, look}, where members and counted are places in `runs`. A
 * line of several members is a group of seeds; those that failed are not counted in its mean.
 */
function linesOf(runs, overviews, images) {
  const groups = new Map();
  runs.forEach((run, i) => {
    const {seed, 'data.path': path, data, ...others} = settingsOf(run);
    const key = seed === undefined ? `run ${i}` : JSON.stringify([images[i], Object.entries(others).sort()]);
    groups.set(key, [...groups.get(key) ?? [], {i, seed}]);
  });
  const lines = [];
  for (const members of groups.values()) {
    const all = members.map(({i}) => i);
    const counted = members.filter(({i}) => overviews[i].state.kind !== 'failed');
    const seeds = new Set(counted.map(({seed}) => seed)).size;
    if (seeds < 2) lines.push(...all.map((i) => ({name: runs[i].name, members: [i], counted: [i]})));
    else {
      const start = commonStart(all.map((i) => runs[i].name));
      const what = seeds === counted.length ? `${seeds} seeds` : `${counted.length} runs of ${seeds} seeds`;
      lines.push({name: start === '' ? manyNames(all.map((i) => runs[i].name)) : start, what, members: all, counted: counted.map(({i}) => i)});
    }
  }
  return lines.sort((a, b) => a.members[0] - b.members[0]).map((line, i) => ({...line, look: looks(i)}));
}

const isGroup = (line) => line.members.length > 1;

/** {mean, low, high} of the numbers among the values; null where there are none. */
function spread(values) {
  const numbers = values.filter(isNumber);
  return numbers.length === 0 ? null
    : {mean: sum(numbers) / numbers.length, low: Math.min(...numbers), high: Math.max(...numbers)};
}

/** The mean and the range [[x, low, high], …] of several curves, where all of them have a point. */
function meanAndRange(curves) {
  const others = curves.slice(1).map((points) => new Map(points));
  const points = [], range = [];
  for (const [x, first] of curves[0]) {
    if (!others.every((curve) => curve.has(x))) continue;
    const values = [first, ...others.map((curve) => curve.get(x))];
    const all = values.includes(null) ? null : spread(values);
    points.push([x, all && all.mean]);
    if (all) range.push([x, all.low, all.high]);
  }
  return {points, range};
}
