// Several runs: a table of what came out, ranked within the same data, and where their recipes differ.

const colours = 8;
const styles = ['', 'dashed', 'dotted'];
const looks = (i) => ({colour: i % colours, style: styles[Math.floor(i / colours) % styles.length]});

/** A name with the look of its curve. */
const lineName = (name, look, more) => element('span', {class: `run-name ${more ?? ''}`}, swatch(look), element('span', {}, name));

/** What runs were trained on, briefly: of the first of them, with letters where there are several data. */
function dataCell({about}, members, data, withCounts) {
  const places = [...new Set(members.map((i) => data.of[i]))];
  const path = typeof about.data === 'string' ? about.data.replace(/\/+$/, '').split('/').pop() : '';
  const name = path || textOf(about.dataset, '–');
  const counts = [about.training_images, about.validation_images].filter(isNumber).map(whole).join(' + ');
  const classes = listOf(about.classes).length;
  const more = [counts === '' ? '' : `${counts} images`, classes > 0 ? `${classes} classes` : ''].filter((part) => part !== '');
  return {attributes: {title: places.map((place) => data.descriptions[place]).join('\n'), class: 'data'}, node: element('span', {},
    data.letters.length > 1 ? places.flatMap((place) => [element('b', {class: 'letter'}, data.letters[place]), ' ']) : null, name,
    withCounts ? beneath(more.join(', ')) : null)};
}

/** Of each group of equals the best value, where there are two to compare. */
function bestWithin(groups, values) {
  return groups.map((group, i) => {
    const rivals = values.filter((value, j) => groups[j] === group && isNumber(value));
    return rivals.length > 1 && values[i] === Math.max(...rivals);
  });
}

const bold = (text, is) => (is && text !== null ? element('strong', {}, text) : text);

/** "91.24%" over "90.80–91.65%" */
function spreadCell(values, format, is = false) {
  const all = spread(values);
  if (all === null) return null;
  return element('span', {class: 'spread'}, bold(format(all.mean), is),
    element('small', {}, all.low === all.high ? '' : `${format(all.low)}–${format(all.high)}`));
}

/** What is told in small letters beneath a value. */
const beneath = (text) => (text === '' ? null : element('small', {}, text));

/** "8–12", for what has no mean that says anything. */
function rangeText(values) {
  const all = spread(values);
  return all && (all.low === all.high ? String(all.low) : `${all.low}–${all.high}`);
}

/** `isAlone`: whether no row of a group tells the same above it. */
function runCells(known, i, {data, isBest, anyAveraged, isAlone}) {
  const {about, best, done, planned, last, time, speed, state} = known;
  const loss = judged(last, 'val_loss');
  const weights = anyAveraged && best ? `${best.averaged ? 'averaged' : 'plain'} weights` : '';
  return [best && element('span', {}, bold(percent(best.value), isBest), beneath(weights)), best && String(best.epoch),
    element('span', {}, stateMark(state), beneath(state.why ?? '')), dataCell(known, [i], data, isAlone),
    isNumber(loss) ? short(loss) : null, `${done} of ${planned}`, time > 0 ? duration(time) : null,
    isNumber(speed) ? whole(speed) : null, modelCell(about, isAlone)];
}

const modelCell = (about, withCount) => element('span', {}, textOf(about.model, '–'),
  beneath(withCount && isNumber(about.parameters) ? `${whole(about.parameters)} parameters` : ''));

/** "3 finished, 1 failed" */
function stateCounts(states) {
  const words = states.map(({word}) => word);
  return [...new Set(words)].map((word) => `${words.filter((each) => each === word).length} ${word}`).join(', ');
}

/** The row of a group: mean and range of its seeds. */
function groupRow(line, overviews, {data, isBest}) {
  const all = line.counted.map((i) => overviews[i]);
  const first = all[0];
  const of = (take) => all.map(take);
  const name = element('span', {}, line.name, beneath(`mean and range of ${line.what}`));
  return [lineName(name, line.look), spreadCell(of(({best}) => best?.value), percent, isBest),
    rangeText(of(({best}) => best?.epoch)), beneath(stateCounts(line.members.map((i) => overviews[i].state))),
    dataCell(first, line.members, data, true),
    spreadCell(of(({last}) => judged(last, 'val_loss')), short), rangeText(of(({done}) => done)),
    spreadCell(of(({time}) => (time > 0 ? time : null)), duration), spreadCell(of(({speed}) => speed), whole),
    modelCell(first.about, true)];
}

function resultsSection(runs, lines, overviews, data) {
  const anyAveraged = overviews.some(({best}) => best?.averaged);
  const best = bestWithin(data.of, overviews.map((known) => known.best?.value));
  const groups = lines.filter(isGroup);
  const bestGroups = bestWithin(groups.map(({counted}) => counted.map((i) => data.of[i]).sort().join()),
    groups.map(({counted}) => spread(counted.map((i) => overviews[i].best?.value))?.mean));
  const rows = lines.flatMap((line) => {
    const members = line.members.map((i) => [lineName(runs[i].name, memberLook(line, i), isGroup(line) ? 'member' : ''),
      ...runCells(overviews[i], i, {data, isBest: best[i], anyAveraged, isAlone: !isGroup(line)})]);
    return isGroup(line)
      ? [groupRow(line, overviews, {data, isBest: bestGroups[groups.indexOf(line)]}), ...members] : members;
  });
  section('results', 'Results',
    data.warning === '' ? null : element('div', {class: 'banner caution'}, element('strong', {},
      new Set(data.images).size === 1 ? 'Different validation or training images' : 'Different data'),
      element('span', {}, `${data.warning}. Where several runs have the same data, the best of them is in bold.`),
      element('ul', {}, data.lists.map((text) => element('li', {}, text)))),
    overviews.map((known, i) => failureBanner(known, runs[i].name)),
    runs.map((run) => unreadableNote(run, `Of ${run.name} could not be read, and is left out`)),
    element('div', {class: 'card'}, table('Runs', ['run', 'best val accuracy', 'at epoch', 'state',
      'data', 'last val loss', 'epochs', 'time', 'images/s', 'model'], rows, {class: 'results'})));
}

/** What differs as a whole where the keys below it differ, so that each name is one that a run can be given. */
function differingPlaces(runs, all) {
  const groups = [...new Set(runs.flatMap((run) => Object.keys(objectOf(run.setting_groups))))].sort();
  const keysBelow = (settings, group) => Object.keys(settings).filter((key) => key.startsWith(`${group}.`)).join();
  const differing = groups.filter((group) => all.some((settings) => keysBelow(settings, group) !== keysBelow(all[0], group)));
  const outermost = differing.filter((group) => !differing.some((other) => group.startsWith(`${other}.`)));
  const keys = [...new Set(all.flatMap((settings) => Object.keys(settings)))]
    .filter((key) => !outermost.some((group) => key.startsWith(`${group}.`)))
    .filter((key) => all.some((settings) => settings[key] !== all[0][key]));
  return [...keys, ...outermost].sort();
}

/** Each value that a line's runs have, once. */
function valuesOf(line, runs, all, place) {
  const values = line.members.map((i) => all[i][place] ?? objectOf(runs[i].setting_groups)[place] ?? null);
  const different = [...new Set(values)].filter((value) => value !== null);
  return different.length === 0 ? null : different.join(', ');
}

function differencesSection(runs, lines) {
  const all = runs.map(settingsOf);
  const places = differingPlaces(runs, all);
  section('differences', 'What differs in the recipes', places.length === 0
    ? element('p', {class: 'note'}, 'Nothing: the runs have the same settings.')
    : [element('p', {class: 'note'}, 'Names and values are those that train takes: ', element('code', {}, '--set NAME=VALUE')),
      element('div', {class: 'card'}, table('Settings that differ', ['setting',
        ...lines.map((line) => lineName(line.name, line.look))],
      places.map((place) => [place, ...lines.map((line) => valuesOf(line, runs, all, place))]), {class: 'settings'}))]);
}

function compareRuns(runs, data) {
  document.title = `${runs.length} runs compared`;
  const overviews = runs.map((run) => overview(run));
  const lines = linesOf(runs, overviews, data.images);
  resultsSection(runs, lines, overviews, data);
  comparisonSection(runs, lines, overviews);
  differencesSection(runs, lines);
  document.getElementById('head').append(element('h1', {}, `${runs.length} runs compared`), contents());
}
