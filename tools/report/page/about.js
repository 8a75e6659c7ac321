// What a run was: its phases and transforms, the augmentation preview, the recipe, the machine, and all numbers.

function phasesTable(about) {
  const phases = listOf(about.phases).filter((phase) => isNumber(phase?.first_epoch) && isNumber(phase.epochs));
  if (phases.length === 0) return null;
  return element('div', {class: 'card'}, table('Phases', ['phase', 'epochs', 'what it does'], phases.map((phase) => [
    textOf(phase.name), phase.epochs === 1 ? String(phase.first_epoch)
      : `${phase.first_epoch}–${phase.first_epoch + phase.epochs - 1}`, textOf(phase.description)])));
}

function transformsCard(about) {
  const transforms = objectOf(about.transforms);
  const parts = [['Training images', transforms.train], ['Validation images', transforms.validation]]
    .filter(([, text]) => typeof text === 'string' && text !== '');
  return parts.length === 0 ? null : element('div', {class: 'pair'}, parts.map(([title, text]) =>
    element('div', {class: 'card'}, element('h3', {}, title),
      element('pre', {class: 'wrap', tabindex: 0}, text))));
}

function previewSection(run, {about}) {
  const image = picture(run.preview, 'Training images, and what the transforms make of them', {class: 'preview'});
  const preview = image && element('div', {class: 'card'},
    element('p', {class: 'note'}, 'Each row is a training image, and what the epochs make of it.'),
    scrolling('Preview', image),
    button('actual size', {'aria-pressed': 'false'}, (made) =>
      made.setAttribute('aria-pressed', String(image.classList.toggle('actual')))));
  section('augmentation', 'Augmentation', preview, transformsCard(about));
}

/** TOML with a little colour: comments, tables, keys, texts, numbers. */
function highlighted(toml) {
  const kinds = ['comment', 'text', 'head', 'key', 'number'];
  const pattern = new RegExp([/(#.*)/, /("(?:[^"\\\n]|\\.)*"|'[^'\n]*')/, /(^[ \t]*\[\[?[\w."-]+\]\]?[ \t]*(?=#|$))/,
    /([\w.-]+(?=[ \t]*=))/, /(\b(?:true|false)\b|[+-]?\b\d[\w.+:-]*)/].map((part) => part.source).join('|'), 'gm');
  const parts = [];
  let end = 0;
  for (const match of toml.matchAll(pattern)) {
    const kind = kinds[match.slice(1).findIndex((group) => group !== undefined)];
    parts.push(toml.slice(end, match.index), element('span', {class: `toml-${kind}`}, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, toml.slice(end)];
}

/** Copies a text; where a page may not write to the clipboard, what is shown gets selected. */
async function copy(text, shown, made) {
  const before = made.textContent;
  try {
    await navigator.clipboard.writeText(text);
    made.textContent = 'copied';
  } catch {
    getSelection().selectAllChildren(shown);
    made.textContent = document.execCommand('copy') ? 'copied' : 'selected: press Ctrl+C';
  }
  setTimeout(() => { made.textContent = before; }, 2000);
}

function recipeSection(run) {
  if (typeof run.recipe !== 'string' || run.recipe === '') return;
  const shown = element('pre', {class: 'recipe'}, element('code', {}, highlighted(run.recipe)));
  section('recipe', 'Recipe', element('div', {class: 'card'}, element('div', {class: 'card-head'},
    element('p', {class: 'note'}, 'recipe.toml, with every setting resolved: train it again with this file.'),
    button('copy', {}, (made) => copy(run.recipe, shown, made))), scrolling('recipe.toml', shown)));
}

/** "0.36 (cat) to 7.1 (lynx)" of a list with a weight for each class; nothing where there is none. */
function weightRange(about, weights) {
  const classes = listOf(about.classes);
  const all = listOf(weights).map((weight, i) => [weight, textOf(classes[i], '–')]).filter(([weight]) => isNumber(weight))
    .sort(([a], [b]) => a - b);
  return all.length === 0 ? null : [all[0], all[all.length - 1]].map(([weight, name]) => `${short(weight)} (${name})`).join(' to ');
}

function machineSection(run, {about}) {
  const machine = objectOf(about.machine);
  const number = (value) => (isNumber(value) ? whole(value) : null);
  const gpu = typeof machine.gpu === 'object' && machine.gpu !== null ? machine.gpu.name : machine.gpu;
  section('machine', 'Run and machine', element('div', {class: 'pair'},
    [facts([['Model', about.model], ['Parameters', number(about.parameters)], ['Data', about.dataset], ['Folder of the data', about.data],
      ['Training images', number(about.training_images)], ['Validation images', number(about.validation_images)],
      ['… that are training images, too', number(about.validation_images_trained_on || null)],
      ['Images that have two classes', number(about.contradictory_images || null)],
      ['Classes', listOf(about.classes).length || null], ['Weights of classes in the loss', weightRange(about, about.class_weights)],
      ['Images drawn by weights of classes', weightRange(about, about.sampling_weights)],
      ['Image size', isNumber(about.image_size) ? `${about.image_size} × ${about.image_size} pixels` : null],
      ['Batch size', number(about.batch_size)], ['Batches an epoch', number(about.batches_per_epoch)],
      ['Steps planned', number(about.steps)]]),
    facts([['Started', moment(about.started)], ['Device', about.device],
      ['Chosen because', about.device_reason], ['Threads', number(about.threads)], ['CPU', machine.cpu],
      ['Cores', number(machine.cores)], ['Memory', isNumber(machine.memory_bytes) ? bytes(machine.memory_bytes) : null],
      ['GPU', gpu], ['Folder', run.name]])]
      .filter((each) => each !== null).map((each) => element('div', {class: 'card'}, each))));
}

/** Every epoch's figures as a table, for those who cannot see curves or want to copy them. */
function numbersSection(run, {epochs}) {
  const columns = [['train loss', 'train_loss', short], ['val loss', 'val_loss', short],
    ['train accuracy', 'train_accuracy', percent], ['val accuracy', 'val_accuracy', percent],
    ['val top-5', 'val_top5', percent], ['val balanced accuracy', 'val_balanced_accuracy', percent], ['averaged val loss', 'ema_val_loss', short],
    ['averaged val accuracy', 'ema_val_accuracy', percent],
    ['averaged val balanced accuracy', 'ema_val_balanced_accuracy', percent], ['learning rate', 'learning_rate', short]]
    .filter(([, key]) => epochs.some((epoch) => isNumber(epoch[key])));
  if (epochs.length === 0) return;
  section('numbers', 'All numbers', element('details', {class: 'card'}, element('summary', {}, 'A row for each epoch'),
    table('Figures of each epoch', ['epoch', 'phase', ...columns.map(([name]) => name)],
      epochs.map((epoch) => [String(epoch.epoch), textOf(epoch.phase),
        ...columns.map(([, key, format]) => (isNumber(epoch[key]) ? format(epoch[key]) : null))]))));
}
