// The curves of several runs on the same axes: a line for each run, and for runs of several seeds their mean and range.

/** How a run's own curve looks: its line's colour, thinner where it is one of several, dotted where it is in no mean. */
function memberLook(line, i) {
  if (!isGroup(line)) return line.look;
  if (!line.counted.includes(i)) return {colour: line.look.colour, style: 'dotted'};
  return {colour: line.look.colour, style: `member ${styles[line.members.indexOf(i) % styles.length]}`};
}

/** The hours that had passed after each epoch, by epoch. */
function hoursOf(run) {
  const hours = new Map([[0, 0]]);
  let passed = 0;
  for (const line of listOf(run.timing)) {
    passed += secondsOf(line) / 3600;
    hours.set(line.epoch, passed);
  }
  return hours;
}

/** The mean of several runs' hours after each epoch that all of them have. */
function meanHours(all) {
  return new Map([...all[0].keys()].filter((epoch) => all.every((hours) => hours.has(epoch)))
    .map((epoch) => [epoch, sum(all.map((hours) => hours.get(epoch))) / all.length]));
}

/** [[epoch, …], …] over hours. */
function inHours(hours, points) {
  return points.map(([epoch, ...values]) => {
    const before = hours.get(Math.floor(epoch)), after = hours.get(Math.ceil(epoch));
    return before === undefined || after === undefined ? null
      : [before + (after - before) * (epoch - Math.floor(epoch)), ...values];
  }).filter((point) => point !== null);
}

/** The series of a chart: of every line, and of the runs of a group where they are asked for or have no mean. */
function seriesOf(runs, lines, {byTime, single}, take) {
  const placed = (members, points) => (byTime ? inHours(meanHours(members.map((i) => hoursOf(runs[i]))), points) : points);
  const own = (line, i) => ({name: runs[i].name, ...memberLook(line, i), points: placed([i], take(runs[i]))});
  return lines.flatMap((line) => {
    if (!isGroup(line)) return [own(line, line.members[0])];
    const curves = line.counted.map((i) => take(runs[i])).filter((points) => points.length > 0);
    const same = curves.every((points) => JSON.stringify(points) === JSON.stringify(curves[0]));
    const {points, range} = curves.length === 0 ? {points: [], range: []} : meanAndRange(curves);
    const group = {name: `${line.name}, ${curves.length < 2 || same ? `${curves.length} alike` : `mean of ${curves.length}`}`,
      ...line.look, points: placed(line.counted, points), range: same ? [] : placed(line.counted, range)};
    const others = line.members.filter((i) => single || points.length === 0 || !line.counted.includes(i));
    return [group, ...others.map((i) => own(line, i))];
  });
}

/** The training loss epoch by epoch, or step by step as long as no epoch has ended. */
const lossSoFar = (run) => (listOf(run.epochs).length > 0 ? column(run.epochs, 'train_loss') : listOf(objectOf(run.steps).loss));
const normSoFar = (run) => (listOf(run.gradient_norms).length > 0 ? run.gradient_norms
  : listOf(run.epochs).length > 0 ? [] : listOf(objectOf(run.steps).gradient_norm));

function comparisonSpecs(runs, lines, overviews, options) {
  const of = (take) => seriesOf(runs, lines, options, take);
  const metric = (key) => of((run) => column(run.epochs, key));
  const judgedMetric = (key) => of((run) => judgedColumn(listOf(run.epochs), key));
  const averaged = runs.filter((run) => listOf(run.epochs).some(isAveraged)).length;
  const judgedNote = averaged === 0 ? null : averaged === runs.length ? 'Of the averaged weights.'
    : 'Of the averaged weights where a run averages them.';
  const plain = averaged === 0 ? [] : [{title: 'Validation accuracy, plain weights', yTitle: 'accuracy',
    series: metric('val_accuracy'), format: share}];
  const mixed = runs.filter((run) => mixingOf(run) !== '').map((run) => `${run.name} (${mixingOf(run)})`);
  const mixedNote = mixed.length === 0 ? null : `Mixed training images, whose accuracy is lower than that of whole ones: ${mixed.join(', ')}.`;
  return [
    {title: 'Validation accuracy', yTitle: 'accuracy', series: judgedMetric('val_accuracy'), format: share, note: judgedNote},
    {title: 'Validation loss', yTitle: 'cross-entropy', series: judgedMetric('val_loss'), canLog: true, note: judgedNote},
    {title: 'Training loss', yTitle: 'cross-entropy', series: of(lossSoFar), canLog: true,
      startsLog: runs.some((run) => isExploding(lossSoFar(run)))},
    {title: 'Training accuracy', yTitle: 'accuracy', series: metric('train_accuracy'), format: share, note: mixedNote},
    ...plain,
    ...(overviews.some(({classes}) => tellsTop5(classes)) ? [{title: 'Top-5 validation accuracy', yTitle: 'accuracy',
      series: judgedMetric('val_top5'), format: share}] : []),
    {title: 'Learning rate', yTitle: 'per step', series: of((run) => rateOf(run, 'learning_rate')), canLog: true, exact: true},
    {title: 'Gradient norm', yTitle: 'L2, all parameters', series: of(normSoFar), canLog: true,
      startsLog: isSpiky(runs.flatMap(normSoFar))},
    {title: 'Speed', yTitle: 'images per second', series: of((run) => column(run.timing, 'images_per_second'))},
  ].map((spec) => filled({...spec, xTitle: options.byTime ? 'hours' : 'epoch'})).filter((spec) => spec !== null);
}

/** Charts that stay what their reader has made of them when they are given other series. */
class ComparisonCharts {
  constructor(runs, lines, overviews) {
    Object.assign(this, {runs, lines, overviews, charts: new Map(), options: {byTime: false, single: false}});
    this.node = element('div', {class: 'charts'});
    this.draw();
  }

  draw() {
    allCharts.length = 0;
    this.node.replaceChildren(...comparisonSpecs(this.runs, this.lines, this.overviews, this.options).map((spec) => {
      const known = this.charts.get(spec.title);
      if (known === undefined) this.charts.set(spec.title, new Chart(spec));
      else {
        known.give(spec);
        allCharts.push(known);
      }
      return this.charts.get(spec.title).node;
    }));
    for (const chart of allCharts) chart.draw();
  }

  /** A button that turns an option on and off. */
  choice(text, option) {
    return button(text, {'aria-pressed': 'false'}, (made) => {
      this.options[option] = !this.options[option];
      made.setAttribute('aria-pressed', String(this.options[option]));
      this.draw();
    });
  }
}

function comparisonSection(runs, lines, overviews) {
  const charts = new ComparisonCharts(runs, lines, overviews);
  const controls = element('div', {class: 'controls'},
    runs.some((run) => listOf(run.timing).length > 0) ? charts.choice('over hours, not epochs', 'byTime') : null,
    lines.some(isGroup) ? charts.choice('each seed, too', 'single') : null, smoothingSlider());
  section('curves', 'Curves', ...(charts.node.childElementCount === 0
    ? [element('p', {class: 'note'}, 'None of the runs has written down a step yet.')] : [controls, charts.node]));
}
