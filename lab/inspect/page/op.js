// One op: what it computes and costs, its tensors there and back, what it keeps, and its loop in the reference.

const troublesOf = (i) => step.troubles.filter((trouble) => trouble.op === i);

const banner = (trouble) => element('div', {class: 'banner'}, element('strong', {}, trouble.kind), trouble.sentence);

/** The images of the batch, one of which all tiles show. */
function imagePicker() {
  const tensor = step.tensors.find((each) => each.name === 'images');
  if (!tensor) return null;
  const layout = layoutOf(tensor.value);
  return element('fieldset', {class: 'images'}, element('legend', {}, 'The image of the batch that the tiles show'),
    Array.from({length: layout.image.shown}, (_, i) => {
      const name = step.classes[step.labels[i]] ?? String(step.labels[i]);
      const input = element('input', {type: 'radio', name: 'image', value: i, checked: i === shownImage, 'aria-label': `image ${i}, ${name}`}), canvas = element('canvas', {});
      input.addEventListener('change', () => showImage(i));
      sheetOf(tensor.value).then((sheet) => drawPhotograph(canvas, sheet, layout, i));
      return element('label', {title: name}, input, canvas, element('span', {}, name));
    }));
}

const passText = (pass) => (pass === null ? 'none: nothing comes back to it' : `${timeText(pass.seconds)}, ${pass.flops > 0 ? `${flopText(pass.flops)}, ` : ''}reads ${bytes(pass.read)}, writes ${bytes(pass.written)}${
  pass.flops > 0 && pass.seconds > 0 ? `, ${figure(pass.flops / pass.seconds / 1e9)} GFLOP/s` : ''}`);

const kernelsOf = (op) => [...op.forward.kernels, ...(op.backward?.kernels ?? [])];

function factsOf(op) {
  const shape = (index) => shapeText(step.tensors[index].shape);
  const inputs = op.inputs.filter((index) => index >= 0);
  return facts([['shapes', `${shape(inputs[0])} → ${shape(op.outputs[0])}`], ['set to', op.options],
    ['forward', passText(op.forward)], ['backward', passText(op.backward)],
    ['kernels', kernelsOf(op).length === 0 ? 'none' : kernelsOf(op).join(', ')]]);
}

/** Cards of tensors: those with several axes at once, those of one behind a word. */
function cardsOf(entries) {
  const shown = entries.filter(([index, which]) => step.tensors[index][which] !== null);
  const isSmall = ([index]) => step.tensors[index].shape.length < 2;
  const cards = (list) => element('div', {class: 'tensors'}, list.map((entry) => tensorCard(...entry)));
  const large = shown.filter((entry) => !isSmall(entry)), small = shown.filter(isSmall);
  if (shown.length === 0) return [element('p', {class: 'note'}, 'None.')];
  if (small.length === 0) return [cards(large)];
  if (large.length === 0) return [cards(small)];
  const details = element('details', {class: 'small-tensors'}, element('summary', {}, `${small.map(([, , title]) => title).join(', ')}`));
  const open = () => { if (details.children.length === 1) details.append(cards(small)); };
  details.addEventListener('toggle', () => { if (details.open) open(); });
  if (small.some(([index, which]) => isShown(index, which))) {
    details.open = true;
    open();
  }
  return [cards(large), details];
}

function savedTable(op) {
  if (op.backward === null) return element('p', {class: 'note'}, 'Nothing: no gradient comes back to it.');
  if (op.saved.length === 0) return element('p', {class: 'note'}, 'Nothing: its backward pass needs no more than the gradient of its output.');
  const where = (saved) => {
    if (saved.tensor < 0) return 'its own';
    const tensor = step.tensors[saved.tensor];
    return tensor.parameter ? 'a parameter, which is there anyway' : op.outputs.includes(saved.tensor) ? 'its output' : `left by ${tensor.name}`;
  };
  return table(`${bytes(sum(op.saved.map((saved) => saved.bytes)))} in all, from the forward pass until its backward pass`, ['kept', 'bytes', 'which is'],
    op.saved.map((saved) => [saved.what, bytes(saved.bytes), where(saved)]));
}

/** Of an op that normalises and activates as it reads: the tensor that it reads so. */
const readingOf = (op) => (op.reads === undefined ? [] : [[op.reads, 'value', `${step.tensors[op.reads].name}, as it is read: never written`]]);

/** The panel of an op. */
function opPanel(i, choose) {
  const op = step.ops[i], note = step.notes.ops[op.op];
  const inputs = op.inputs.map((index, place) => [index, place]).filter(([index]) => index >= 0);
  const heading = element('h3', {tabindex: -1}, op.name, ' ', element('span', {class: 'kind'}, op.op));
  const go = (text, to) => button(text, {disabled: to < 0 || to >= step.ops.length}, () => choose(to));
  return [element('div', {class: 'op-head'}, heading, element('span', {class: 'controls', style: 'margin: 0'}, element('span', {class: 'note'}, `${i + 1} of ${step.ops.length}`),
    go('↑ before', i - 1), go('↓ next', i + 1))),
  troublesOf(i).map(banner),
  element('div', {class: 'formula'}, element('b', {}, 'forward'), note.forward),
  element('div', {class: 'formula back'}, element('b', {}, 'backward'), note.backward),
  step.fused && note.fusion ? element('p', {class: 'fusion'}, note.fusion) : null,
  factsOf(op), imagePicker(),
  element('h4', {}, '↓ Forward: what it reads and leaves'),
  cardsOf([...inputs.map(([index, place]) => [index, 'value', inputName(op, place)]), ...readingOf(op), ...op.outputs.map((index, place) => [index, 'value', outputName(op, place)])]),
  element('h4', {}, '↑ Backward: gradients that come in, and go on'),
  cardsOf([...op.outputs.map((index, place) => [index, 'gradient', outputName(op, place)]), ...inputs.map(([index, place]) => [index, 'gradient', inputName(op, place)])]),
  element('h4', {}, 'What it keeps for its backward pass'), savedTable(op),
  element('h4', {}, 'Its loop in the reference'), sourceCode(note)].flat();
}
