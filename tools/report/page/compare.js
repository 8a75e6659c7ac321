// Several runs on shared axes: a colour for each, a table of what came out, and where their recipes differ.

const colours = 8;
const styles = ['', 'dashed', 'dotted'];
const looks = (i) => ({colour: i % colours, style: styles[Math.floor(i / colours) % styles.length]});

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

function inHours(run, points) {
  const hours = hoursOf(run);
  return points.map(([epoch, value]) => {
    const before = hours.get(Math.floor(epoch)), after = hours.get(Math.ceil(epoch));
    return before === undefined || after === undefined ? null
      : [before + (after - before) * (epoch - Math.floor(epoch)), value];
  }).filter((point) => point !== null);
}

function comparisonCharts(runs, byTime) {
  const of = (take) => runs.map((run, i) => {
    const points = take(run);
    return {name: run.name, ...looks(i), points: byTime ? inHours(run, points) : points};
  });
  const metric = (key) => of((run) => column(run.epochs, key));
  const share = (value, exact) => percent(value, exact ? 2 : 0);
  const xTitle = byTime ? 'hours' : 'epoch';
  return [
    {title: 'Validation accuracy', yTitle: 'accuracy', series: metric('val_accuracy'), format: share},
    {title: 'Validation loss', yTitle: 'cross-entropy', series: metric('val_loss'), canLog: true},
    {title: 'Training loss', yTitle: 'cross-entropy', series: metric('train_loss'), canLog: true},
    {title: 'Training accuracy', yTitle: 'accuracy', series: metric('train_accuracy'), format: share},
    {title: 'Validation accuracy, averaged weights', yTitle: 'accuracy', series: metric('ema_val_accuracy'), format: share},
    {title: 'Top-5 validation accuracy', yTitle: 'accuracy', series: metric('val_top5'), format: share},
    {title: 'Learning rate', yTitle: 'per step', series: of((run) => rateOf(run, 'learning_rate')), canLog: true},
    {title: 'Speed', yTitle: 'images per second', series: of((run) => column(run.timing, 'images_per_second'))},
  ].map((spec) => chart({...spec, xTitle})).filter((each) => each !== null);
}

function comparisonSection(runs) {
  const holder = element('div', {class: 'charts'});
  const draw = (byTime) => {
    allCharts.length = 0;
    holder.replaceChildren(...comparisonCharts(runs, byTime));
  };
  draw(false);
  const choice = runs.some((run) => listOf(run.timing).length > 0) ? button('over hours, not epochs',
    {'aria-pressed': 'false'}, (made) => {
      const byTime = made.getAttribute('aria-pressed') !== 'true';
      made.setAttribute('aria-pressed', String(byTime));
      draw(byTime);
    }) : null;
  section('curves', 'Curves', choice && element('p', {}, choice), holder.childElementCount === 0
    ? element('p', {class: 'note'}, 'None of the runs has finished an epoch yet.') : holder);
}

function resultsSection(runs) {
  const all = runs.map((run) => overview(run));
  const top = Math.max(...all.map(({best}) => best?.value ?? -1));
  const rows = runs.map((run, i) => {
    const {about, best, bestAverage, done, planned, last, time, speed, state} = all[i];
    const accuracy = best && percent(best.value);
    return [element('span', {class: 'run-name'}, swatch(looks(i)), run.name), String(about.model ?? '–'),
      best && best.value === top ? element('strong', {}, accuracy) : accuracy, best && String(best.epoch),
      bestAverage && percent(bestAverage.value), isNumber(last.val_loss) ? short(last.val_loss) : null,
      `${done} of ${planned}`, state, time > 0 ? duration(time) : null,
      isNumber(speed) ? whole(speed) : null, isNumber(about.parameters) ? whole(about.parameters) : null];
  });
  section('results', 'Results', element('div', {class: 'card'}, table('Runs', ['run', 'model', 'best val accuracy',
    'at epoch', 'best with EMA', 'last val loss', 'epochs', 'state', 'time', 'images/s', 'parameters'], rows)));
}

/** Settings by dotted key: of the recipe, or of run.json where there is none. */
function settingsOf(run) {
  const settings = objectOf(run.settings);
  if (Object.keys(settings).length > 0) return settings;
  const plain = Object.entries(objectOf(run.run)).filter(([key]) => !['started', 'machine', 'classes'].includes(key));
  return Object.fromEntries(plain.map(([key, value]) => [key, JSON.stringify(value)]));
}

function differencesSection(runs) {
  const all = runs.map(settingsOf);
  const keys = [...new Set(all.flatMap((settings) => Object.keys(settings)))]
    .filter((key) => all.some((settings) => settings[key] !== all[0][key]));
  section('differences', 'What differs in the recipes', keys.length === 0
    ? element('p', {class: 'note'}, 'Nothing: the runs have the same settings.')
    : element('div', {class: 'card'}, table('Settings that differ', ['setting',
      ...runs.map((run, i) => element('span', {class: 'run-name'}, swatch(looks(i)), run.name))],
    keys.map((key) => [key, ...all.map((settings) => settings[key] ?? null)]), {class: 'settings'})));
}

function compareRuns(runs) {
  document.title = `${runs.length} runs compared`;
  resultsSection(runs);
  comparisonSection(runs);
  differencesSection(runs);
  document.getElementById('head').append(element('h1', {}, `${runs.length} runs compared`), contents());
}
