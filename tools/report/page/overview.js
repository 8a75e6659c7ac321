// What is said of a run in a line: where it stands, how it ended, and its best epoch.

/** What `ended` of run.json means: how the state looks, what it is called, and why. */
const endings = {
  finished: {kind: 'finished', word: 'finished'},
  'early stopping': {kind: 'finished', word: 'finished', why: 'by early stopping'},
  'max-steps': {kind: 'stopped', word: 'stopped', why: 'by --max-steps'},
  'max-minutes': {kind: 'stopped', word: 'stopped', why: 'by --max-minutes'},
  interrupted: {kind: 'stopped', word: 'interrupted'},
  failed: {kind: 'failed', word: 'failed'},
};

/** Where a run failed and why, as far as run.json says. */
function failureOf(about) {
  const failure = objectOf(about.failure);
  const place = [isNumber(failure.epoch) ? `epoch ${whole(failure.epoch)}` : '',
    isNumber(failure.step) ? `step ${whole(failure.step)}` : ''].filter((part) => part !== '').join(', ');
  return {place, step: isNumber(failure.step) ? failure.step : null,
    sentence: typeof failure.sentence === 'string' ? failure.sentence : ''};
}

/** {kind, word, why}: kind is running, finished, stopped, failed or unfinished. */
function stateOf(about, {over, age, patience}) {
  if (typeof about.ended === 'string' && Object.hasOwn(endings, about.ended)) return endings[about.ended];
  if (failureOf(about).sentence !== '') return endings.failed;
  const kind = over ? 'finished' : age < patience ? 'running' : 'unfinished';
  return {kind, word: kind};
}

/** A figure of the validation images by which epochs are compared: of the averaged weights, where there are some. */
const isAveraged = (line) => isNumber(line.ema_val_accuracy);
const judged = (line, key) => line[isAveraged(line) ? `ema_${key}` : key];

function judgedColumn(epochs, key) {
  return column(epochs.map((line) => ({epoch: line.epoch, judged: judged(line, key)})), 'judged');
}

/** The epoch of the model that is kept as best: the one with the highest judged accuracy, the first of equals. */
function bestOf(epochs) {
  const best = highest(judgedColumn(epochs, 'val_accuracy'));
  return best && {...best, averaged: epochs.some((line) => line.epoch === best.epoch && isAveraged(line))};
}

/** How long a run has taken, and what of it is figured out once. */
function overview(run) {
  const about = objectOf(run.run);
  const epochs = listOf(run.epochs);
  const last = epochs.length === 0 ? {} : epochs[epochs.length - 1];
  const done = epochs.length === 0 ? 0 : last.epoch;
  const planned = isNumber(about.epochs) ? about.epochs : done;
  const timing = listOf(run.timing);
  const time = sum(timing.map(secondsOf));
  const age = Date.now() / 1000 - run.last_written;
  // A run that has written nothing for the time of three epochs is most likely over.
  const patience = Math.max(600, timing.length === 0 ? 0 : 3 * time / timing.length);
  const state = stateOf(about, {over: last.ends_run === true || done > 0 && done >= planned, age, patience});
  return {about, epochs, done, planned, timing, time, age, state, last, best: bestOf(epochs),
    failure: state.kind === 'failed' ? failureOf(about) : null,
    plainBest: epochs.some(isAveraged) ? highest(column(epochs, 'val_accuracy')) : null,
    steps: isNumber(run.last_step) ? Math.max(run.last_step, last.step ?? 0) : last.step,
    speed: mean(column(timing, 'images_per_second')),
    classes: listOf(about.classes).map((name) => (typeof name === 'string' ? name : JSON.stringify(name)))};
}

const averagedWeights = 'averaged weights';
const stateMark = ({kind, word}, why = '') =>
  element('span', {class: `state ${kind}`}, why === '' ? word : `${word} ${why}`);

/** Why a run failed, to be seen before all else. */
function failureBanner({failure}, name) {
  if (failure === null) return null;
  const where = failure.place === '' ? '' : ` in ${failure.place}`;
  return element('div', {class: 'banner', role: 'alert'},
    element('strong', {}, `${name} failed${where}`),
    failure.sentence === '' ? null : element('span', {}, failure.sentence));
}

const unreadableNote = ({unreadable}, what) => (listOf(unreadable).length === 0 ? null
  : element('p', {class: 'warning'}, `${what}: ${unreadable.join('; ')}`));

/** The place in epochs at which a run failed, for its curves. */
function failureMark({about, failure}) {
  if (failure === null || failure.step === null || !(about.steps > 0) || !(about.epochs > 0)) return null;
  const x = failure.step * about.epochs / about.steps;
  return x >= 0 && x <= about.epochs ? {x, text: 'failed'} : null;
}

/** What a recipe says under a place, as a number above 0; or null. */
function positive(run, place) {
  const value = Number(objectOf(run.settings)[place]);
  return value > 0 ? value : null;
}

/** "mixup 0.2, cutmix 1" where a run's batches are mixed, else nothing. */
function mixingOf(run) {
  const described = String(objectOf(objectOf(run.run).transforms).train ?? '');
  return ['mixup', 'cutmix'].map((kind) => [kind, positive(run, `transforms.batch.${kind}`)
    ?? described.match(new RegExp(`${kind}\\(alpha ([\\d.e+-]+)\\)`))?.[1] ?? null])
    .filter(([, alpha]) => alpha !== null).map(([kind, alpha]) => `${kind} ${alpha}`).join(', ');
}
