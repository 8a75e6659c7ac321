// Every parameter and its update, as a table that sorts by any column.

const normOf = (part) => (part === null ? null : part.norm);
const columns = [
  ['parameter', (p) => p.name, null],
  ['shape', (p) => countOf(p.shape), (p) => shapeText(p.shape)],
  ['|value|', (p) => normOf(p.value), null],
  ['|gradient|', (p) => normOf(p.gradient), null],
  ['|momentum|', (p) => normOf(p.momentum), null],
  ['|decay|', (p) => (p.trained ? p.decay : null), null],
  ['|update|', (p) => (p.trained ? normOf(p.update) : null), null],
  ['|update| / |value|', (p) => (p.trained && p.value.norm > 0 ? p.update.norm / p.value.norm : null), null],
  ['values', null, (p) => spark(p.value)],
  ['gradients', null, (p) => spark(p.gradient, 'back')],
];

function parameterTable() {
  let sorted = -1, down = true;
  const place = element('div', {class: 'card'});
  const cell = (parameter, [, key, show]) => {
    if (show) return show(parameter);
    const value = key(parameter);
    return typeof value === 'string' ? value : value === null ? '–' : figure(value);
  };
  const draw = (focused) => {
    const rows = step.parameters.slice();
    if (sorted >= 0) {
      const key = columns[sorted][1];
      const order = (a, b) => (a === null ? 1 : b === null ? -1 : typeof a === 'string' ? a.localeCompare(b, 'en', {numeric: true}) : a - b);
      rows.sort((a, b) => (key(a) === null || key(b) === null ? order(key(a), key(b)) : (down ? -1 : 1) * order(key(a), key(b))));
    }
    const heads = columns.map(([title, key], i) => (key === null ? title : {node: button(title, {}, () => {
      down = sorted === i ? !down : i > 0;
      sorted = i;
      draw(i);
    }), attributes: {'aria-sort': sorted === i ? (down ? 'descending' : 'ascending') : 'none'}}));
    place.replaceChildren(table('Norms of all parameters; a click on a heading sorts by it', heads, rows.map((parameter) => columns.map((column) => cell(parameter, column))), {class: 'parameters'}));
    if (focused !== undefined) place.querySelectorAll('thead button')[focused]?.focus();
  };
  draw();
  return place;
}

/** What the update was made with. */
const updateText = () => `momentum ← ${figure(step.momentum)} · momentum + gradient + decay; value ← value − ${figure(step.learning_rate)} · momentum. Decay is ${
  figure(step.weight_decay)} times the value, where it pulls at a parameter. Running means and variances are no parameters to train: they have no gradient.`;
