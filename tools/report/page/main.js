// One run in full; or several, compared.

function phasesOf(about) {
  return listOf(about.phases).filter((phase) => isNumber(phase?.first_epoch) && isNumber(phase.epochs))
    .map((phase) => ({name: textOf(phase.name), begin: phase.first_epoch - 1, end: phase.first_epoch - 1 + phase.epochs}));
}

/** A figure's curve step by step, or where those are not written epoch by epoch. */
const rateOf = (run, key) => {
  const points = listOf(objectOf(run.steps)[key]);
  return points.length > 0 ? points : column(run.epochs, key);
};

/** A share in percent: exactly, or with the digits that tell ticks of this step apart. */
const share = (value, exact, step = 0.01) => percent(value, exact ? 2 : digitsOf(100 * step));

/** The figures of single steps: in the background of an epoch's, or alone as long as no epoch has ended. */
function batches(run, key, colour) {
  const alone = listOf(run.epochs).length === 0;
  return {name: 'batches', colour, points: listOf(objectOf(run.steps)[key]),
    ...(alone ? {} : {style: 'faint', faint: true})};
}

/** What the training loss is a mean of and the validation loss is not; or nothing. */
function lossNote(run) {
  const targets = positive(run, 'training.label_smoothing');
  const weighted = listOf(objectOf(run.run).class_weights).length > 0;
  return [targets && `The training loss has targets smoothed by ${targets}, the validation loss has not.`,
    weighted && 'In the training loss each class has its weight, in the validation loss all count alike.']
    .filter((sentence) => sentence).join(' ') || null;
}

function lossChart(run, {epochs}, common) {
  const batch = batches(run, 'loss', 1);
  return chart({title: 'Loss', yTitle: 'cross-entropy', ...common, canLog: true, startsLog: isExploding(batch.points),
    note: lossNote(run), series: [
      {name: 'training', colour: 1, points: column(epochs, 'train_loss')},
      {name: 'validation', colour: 0, points: column(epochs, 'val_loss')},
      {name: `validation, ${averagedWeights}`, colour: 2, style: 'dashed', points: column(epochs, 'ema_val_loss')},
      batch]});
}

function mixingNote(mixing) {
  return mixing === '' ? null : `Training images are mixed (${mixing}): the training accuracy is of mixed images, lower than `
    + 'of whole ones, and says nothing of overfitting.';
}

function accuracyChart(run, {epochs, best}, common) {
  const averaged = `validation, ${averagedWeights}`;
  const mark = best && {x: best.epoch, y: best.value, colour: best.averaged ? 2 : 0, of: best.averaged ? averaged : 'validation',
    text: `best ${percent(best.value)}${best.averaged ? `, ${averagedWeights}` : ''}`};
  return chart({title: 'Accuracy', yTitle: 'share of images', ...common, format: share, mark, note: mixingNote(mixingOf(run)),
    series: [
      {name: 'training', colour: 1, points: column(epochs, 'train_accuracy')},
      {name: 'validation', colour: 0, points: column(epochs, 'val_accuracy')},
      {name: averaged, colour: 2, style: 'dashed', points: column(epochs, 'ema_val_accuracy')}]});
}

/** Of five classes or fewer, the label is always among the five most probable. */
const tellsTop5 = (classes) => classes.length === 0 || classes.length > 5;

function topFiveChart({epochs, classes}, common) {
  return tellsTop5(classes) ? chart({title: 'Top-5 accuracy', yTitle: 'share of images', ...common, format: share, series: [
    {name: 'validation', colour: 3, points: column(epochs, 'val_top5')},
    {name: `validation, ${averagedWeights}`, colour: 4, style: 'dashed', points: column(epochs, 'ema_val_top5')}]}) : null;
}

function gradientChart(run, common) {
  const batch = batches(run, 'gradient_norm', 0);
  const clip = positive(run, 'training.clip_norm');
  return chart({title: 'Gradient norm', yTitle: 'L2, all parameters', ...common, canLog: true, startsLog: isSpiky(batch.points),
    level: clip && {y: clip, text: `clipped to ${clip}`},
    series: [{name: 'mean of the epoch', colour: 0, points: listOf(run.gradient_norms)}, batch]});
}

function curvesSection(run, known) {
  const {about, epochs, failure, state} = known;
  const common = {phases: phasesOf(about), failure: failureMark(known)};
  const exact = (title, key, colour, more = {}) => chart({title, yTitle: 'per step', ...common, exact: true, ...more,
    series: [{name: title.toLowerCase(), colour, points: rateOf(run, key)}]});
  const charts = [lossChart(run, known, common), accuracyChart(run, known, common), topFiveChart(known, common),
    exact('Learning rate', 'learning_rate', 0, {canLog: true}), exact('Momentum', 'momentum', 3),
    gradientChart(run, common)].filter((each) => each !== null);
  const over = failure !== null ? 'The run failed before its first epoch had ended' : state.kind === 'running'
    ? 'The first epoch has not ended yet' : 'The run stopped before its first epoch had ended';
  const note = epochs.length > 0 ? null : element('p', {class: 'note'}, charts.length > 0
    ? `${over}: the curves are those of single steps.` : `${over}: there are no curves.`);
  section('curves', 'Curves', note, charts.length === 0 ? null : [element('div', {class: 'controls'}, smoothingSlider()),
    element('div', {class: 'charts'}, charts)], phasesTable(about));
}

function speedSection({about, timing}) {
  const names = {step_seconds: 'training steps', data_seconds: 'waiting for images',
    validation_seconds: 'validation', checkpoint_seconds: 'checkpoints'};
  const charts = [
    chart({title: 'Speed', yTitle: 'images per second', phases: phasesOf(about),
      series: [{name: 'images per second', colour: 0, points: column(timing, 'images_per_second')}]}),
    chart({title: 'Where the time goes', yTitle: 'seconds per epoch', stacked: true, format: (value) => seconds(value),
      series: secondsKeys.map((key, i) => ({name: names[key], colour: [0, 1, 2, 3][i], style: 'solid',
        points: column(timing, key)}))}),
  ].filter((each) => each !== null);
  section('speed', 'Speed', charts.length === 0 ? null : element('div', {class: 'charts'}, charts));
}

const tile = (name, value, more) => element('div', {class: 'tile'}, element('dt', {}, name),
  element('dd', {}, element('span', {class: 'value'}, value), more ? element('span', {class: 'more'}, more) : null));

function bestTile({best, plainBest}) {
  if (best === null) return tile('Best accuracy', '–', 'no epoch has ended');
  const epoch = `epoch ${best.epoch}, validation${best.averaged ? `, ${averagedWeights}` : ''}`;
  return tile('Best accuracy', percent(best.value), best.averaged && plainBest
    ? [epoch, element('small', {}, `plain weights: ${percent(plainBest.value)}, epoch ${plainBest.epoch}`)] : epoch);
}

/** What is known of a run without any epoch: its last step. */
function stepTiles(run, {about, epochs, steps}) {
  const loss = listOf(objectOf(run.steps).loss);
  if (epochs.length > 0 || loss.length === 0) return [];
  return [tile('Steps', isNumber(steps) ? whole(steps) : '–', isNumber(about.steps) ? `of ${whole(about.steps)}` : ''),
    tile('Loss of a batch', short(loss[loss.length - 1][1]), loss.length > 1 ? `at the beginning ${short(loss[0][1])}` : '')];
}

function tiles(run, known) {
  const {about, done, planned, last, steps, time, speed, timing, state} = known;
  const left = timing.length > 0 && state.kind === 'running' ? (planned - done) * time / timing.length : 0;
  const loss = judged(last, 'val_loss');
  return element('dl', {class: 'tiles'}, bestTile(known),
    tile('Epochs', `${done} of ${planned}`, done > 0 && isNumber(steps) ? `${whole(steps)} steps` : ''),
    stepTiles(run, known),
    isNumber(loss) ? tile('Validation loss', short(loss), [isAveraged(last) ? averagedWeights : '',
      isNumber(last.train_loss) ? `training ${short(last.train_loss)}` : ''].filter((part) => part !== '').join('; ')) : null,
    time > 0 ? tile('Time', duration(time), left > 0 ? `about ${duration(left)} left` : `${duration(time / timing.length)} an epoch`) : null,
    isNumber(speed) ? tile('Images per second', whole(speed), textOf(about.device) === '' ? '' : `on ${about.device}`) : null);
}

/** "91.24% (averaged weights) · …", "failed · …" */
function windowTitle({best, state}, title) {
  const parts = [state.kind === 'failed' ? 'failed' : null,
    best && `${percent(best.value)}${best.averaged ? ` (${averagedWeights})` : ''}`, title];
  return parts.filter((part) => part !== null).join(' · ');
}

function headOf(run, known) {
  const {about, age, state} = known;
  const title = [about.model, about.dataset].filter((part) => typeof part === 'string').join(' on ') || run.name;
  document.title = windowTitle(known, title);
  const isOpen = state.kind === 'running' || state.kind === 'unfinished';
  document.getElementById('head').append(...[
    element('h1', {}, title),
    element('p', {class: 'under'}, stateMark(state, state.why), ' ', run.name,
      moment(about.started) === '' ? null : ` · started ${moment(about.started)}`,
      isOpen && age >= 0 ? ` · last written ${duration(age)} ago` : null),
    failureBanner(known, 'The run'),
    unreadableNote(run, 'Could not be read, and is left out'),
    tiles(run, known), contents()].filter((part) => part !== null));
}

function showRun(run) {
  const known = overview(run);
  curvesSection(run, known);
  watchedSection(run);
  speedSection(known);
  validationSection(run, known);
  previewSection(run, known);
  recipeSection(run);
  machineSection(run, known);
  numbersSection(run, known);
  headOf(run, known);
}

const {runs, data} = JSON.parse(document.getElementById('data').textContent);
if (runs.length === 1) showRun(runs[0]);
else compareRuns(runs, data);
