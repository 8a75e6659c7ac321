// The step that the page shows, and how its tensors are called.

const step = JSON.parse(document.getElementById('data').textContent);

/** Whether the page comes from a server that answers for any element, inspect step --serve, and not out of a file. */
const served = step.served && location.protocol === 'http:';

const countOf = (shape) => shape.reduce((product, extent) => product * extent, 1);
const shapeText = (shape) => (shape.length === 0 ? 'one number' : shape.join(' × '));

/** A small number of significant digits, with a real minus. */
const figure = (value) => (isNumber(value) ? short(value).replace(/^-/, '−') : 'not finite');

/** All digits of a number as it is stored. */
const exactly = (value) => (isNumber(value) ? String(step.dtype === 'f32' ? shortestSingle(value) : value).replace(/^-/, '−') : 'not finite');

/** The fewest digits that tell a number of 32 bits from its neighbours. */
function shortestSingle(value) {
  for (let digits = 6; digits < 10; ++digits) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return text;
  }
  return value;
}

const timeText = (seconds) => (seconds < 1e-3 ? `${figure(seconds * 1e6)} µs` : seconds < 1 ? `${figure(seconds * 1e3)} ms` : `${figure(seconds)} s`);

/** Multiply-adds and the like: a multiply-add counts as two. */
function flopText(flops) {
  const units = [[1e12, 'TFLOP'], [1e9, 'GFLOP'], [1e6, 'MFLOP'], [1e3, 'kFLOP']];
  const found = units.find(([size]) => flops >= size);
  return found ? `${figure(flops / found[0])} ${found[1]}` : `${flops} FLOP`;
}

/** The places of an element in all axes of its shape, by its index in memory. */
function placesOf(index, shape) {
  const places = [];
  for (let axis = shape.length - 1; axis >= 0; --axis) {
    places.unshift(index % shape[axis]);
    index = Math.floor(index / shape[axis]);
  }
  return places;
}

/** "the mean of y", of each output of each op of which there are several. */
function outputName(op, i) {
  const names = {normalize: ['scale', 'shift']}[op.op] ?? ['y, the output', 'mean of each channel of y', 'Σ(y − mean)² of each channel'];
  return names[i] ?? `output ${i}`;
}

/** What an op calls its inputs, in the order of its record. */
function inputName(op, i) {
  const tensor = step.tensors[op.inputs[i]];
  if (tensor.parameter) return tensor.name.split('.').pop().replace('_', ' ');
  if (tensor.name === 'images') return 'the images';
  const conv = ['x, the input', 'weight', 'bias', 'scale, as it reads x', 'shift, as it reads x'];
  const names = {dense_conv: conv, depthwise_conv: conv, pointwise_conv: conv, global_average_pool: [conv[0], conv[3], conv[4]],
    normalize: ['mean of each channel', 'Σ(y − mean)² of each channel', 'weight', 'bias'],
    resolve: ['a', 'scale of a', 'shift of a', 'b', 'scale of b', 'shift of b'], add: ['a', 'b'],
    batch_norm: ['x, the input', 'weight', 'bias', 'running mean', 'running variance'],
    softmax_cross_entropy: ['logits']}[op.op] ?? ['x, the input'];
  return names[i] ?? `input ${i}`;
}

/** What asks for an element, by the names of inspect value's options; nothing where nothing made it. Of a parameter's value: its update. */
function numberOf(tensor, index, isGradient) {
  const at = {at: placesOf(index, tensor.shape).join(',') || '0', ...(isGradient ? {gradient: ''} : {})};
  if (tensor.parameter) return {parameter: tensor.name, ...at, ...(isGradient ? {} : {update: ''})};
  if (tensor.name === 'images') return isGradient ? null : {op: 'images', ...at};
  const op = step.ops[tensor.producer];
  if (!op) return null;
  const which = op.outputs.indexOf(step.tensors.indexOf(tensor));
  return {op: op.name, ...(which > 0 ? {output: op.output_names[which]} : {}), ...at};
}

/** The command that says the same in a terminal. */
const valueCommand = (number) => [step.command, ...Object.entries(number).map(([name, value]) => `--${name}${value === '' ? '' : ` ${value}`}`)].join(' ');
