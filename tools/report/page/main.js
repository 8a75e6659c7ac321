// One run in full; or several, compared.

function phasesOf(about) {
  return listOf(about.phases).filter((phase) => isNumber(phase?.first_epoch) && isNumber(phase.epochs))
    .map((phase) => ({name: String(phase.name), begin: phase.first_epoch - 1, end: phase.first_epoch - 1 + phase.epochs}));
}

/** A figure's curve step by step, or where those are not written epoch by epoch. */
const rateOf = (run, key) => {
  const points = listOf(objectOf(run.steps)[key]);
  return points.length > 0 ? points : column(run.epochs, key);
};

function curvesSection(run, {about, epochs, best}) {
  const phases = phasesOf(about);
  const metric = (key) => column(epochs, key);
  const share = (value, exact) => percent(value, exact ? 2 : 0);
  const charts = [
    chart({title: 'Loss', yTitle: 'cross-entropy', phases, canLog: true, series: [
      {name: 'training', colour: 1, points: metric('train_loss')},
      {name: 'validation', colour: 0, points: metric('val_loss')},
      {name: 'validation, EMA', colour: 2, style: 'dashed', points: metric('ema_val_loss')},
      {name: 'batches', colour: 1, style: 'faint', faint: true, points: listOf(objectOf(run.steps).loss)}]}),
    chart({title: 'Accuracy', yTitle: 'share of images', phases, format: share,
      mark: best && {x: best.epoch, y: best.value, colour: 0, text: `best ${percent(best.value)}`}, series: [
        {name: 'training', colour: 1, points: metric('train_accuracy')},
        {name: 'validation', colour: 0, points: metric('val_accuracy')},
        {name: 'validation, EMA', colour: 2, style: 'dashed', points: metric('ema_val_accuracy')},
        {name: 'validation, top 5', colour: 3, style: 'dotted', points: metric('val_top5')},
        {name: 'validation, top 5, EMA', colour: 4, style: 'dotted', points: metric('ema_val_top5')}]}),
    chart({title: 'Learning rate', yTitle: 'per step', phases, canLog: true,
      series: [{name: 'learning rate', colour: 0, points: rateOf(run, 'learning_rate')}]}),
    chart({title: 'Momentum', yTitle: 'per step', phases,
      series: [{name: 'momentum', colour: 3, points: rateOf(run, 'momentum')}]}),
    chart({title: 'Gradient norm', yTitle: 'L2, all parameters', phases, canLog: true,
      series: [{name: 'mean of the epoch', colour: 0, points: listOf(run.gradient_norms)},
        {name: 'batches', colour: 0, style: 'faint', faint: true, points: listOf(objectOf(run.steps).gradient_norm)}]}),
  ].filter((each) => each !== null);
  section('curves', 'Curves', charts.length === 0
    ? element('p', {class: 'note'}, 'The first epoch has not ended yet: curves appear with it.')
    : element('div', {class: 'charts'}, charts), phasesTable(about));
}

function speedSection({about, timing}) {
  const phases = phasesOf(about);
  const names = {step_seconds: 'training steps', data_seconds: 'waiting for images',
    validation_seconds: 'validation', checkpoint_seconds: 'checkpoints'};
  const charts = [
    chart({title: 'Speed', yTitle: 'images per second', phases,
      series: [{name: 'images per second', colour: 0, points: column(timing, 'images_per_second')}]}),
    chart({title: 'Where the time goes', yTitle: 'seconds per epoch', stacked: true, format: (value) => seconds(value),
      series: secondsKeys.map((key, i) => ({name: names[key], colour: [0, 1, 2, 3][i], style: 'solid',
        points: column(timing, key)}))}),
  ].filter((each) => each !== null);
  section('speed', 'Speed', charts.length === 0 ? null : element('div', {class: 'charts'}, charts));
}

const tile = (name, value, more) => element('div', {class: 'tile'}, element('dt', {}, name),
  element('dd', {}, element('span', {class: 'value'}, value), more ? element('span', {class: 'more'}, more) : null));

function tiles({about, best, bestAverage, done, planned, last, time, speed, timing, state}) {
  const left = timing.length > 0 && state !== 'finished' ? (planned - done) * time / timing.length : 0;
  return element('dl', {class: 'tiles'},
    tile('Best accuracy', best ? percent(best.value) : '–', best ? `validation, epoch ${best.epoch}` : 'no epoch yet'),
    bestAverage ? tile('Best with EMA', percent(bestAverage.value), `validation, epoch ${bestAverage.epoch}`) : null,
    tile('Epochs', `${done} of ${planned}`, isNumber(last.step) ? `${whole(last.step)} steps` : ''),
    isNumber(last.val_loss) ? tile('Validation loss', short(last.val_loss),
      isNumber(last.train_loss) ? `training ${short(last.train_loss)}` : '') : null,
    time > 0 ? tile('Time', duration(time), left > 0 ? `about ${duration(left)} left` : `${duration(time / timing.length)} an epoch`) : null,
    isNumber(speed) ? tile('Images per second', whole(speed), about.device === undefined ? '' : `on ${about.device}`) : null);
}

function headOf(run, known) {
  const {about, age, state} = known;
  const title = [about.model, about.dataset].filter((part) => typeof part === 'string').join(' on ') || run.name;
  document.title = known.best ? `${percent(known.best.value)} · ${title}` : title;
  const ago = age >= 0 ? `last written ${duration(age)} ago` : '';
  document.getElementById('head').append(...[
    element('h1', {}, title),
    element('p', {class: 'under'}, element('span', {class: `state ${state}`}, state), ' ', run.name,
      about.started === undefined ? null : ` · started ${moment(about.started)}`, ago === '' || state === 'finished' ? null : ` · ${ago}`),
    listOf(run.unreadable).length === 0 ? null : element('p', {class: 'warning'},
      `Could not be read, and is left out: ${run.unreadable.join('; ')}`),
    tiles(known), contents()].filter((part) => part !== null));
}

function showRun(run) {
  const known = overview(run);
  curvesSection(run, known);
  speedSection(known);
  validationSection(run, known);
  previewSection(run, known);
  recipeSection(run);
  machineSection(run, known);
  numbersSection(run, known);
  headOf(run, known);
}

const {runs} = JSON.parse(document.getElementById('data').textContent);
if (runs.length === 1) showRun(runs[0]);
else compareRuns(runs);
