// The page's address: an op, and perhaps an element of one of its tensors: "#op=layer_1.0&tensor=12&at=0,5,7,12&gradient". Links between
// elements are such addresses, so that the browser's own way back leads back.

/** What the page shows: an op by its number, and the element whose terms are open: {tensor, index, isGradient} or null. */
const shown = {op: 0, element: null};

function addressOf(op, chosen = null) {
  const name = `#op=${encodeURIComponent(step.ops[op].name)}`;
  if (chosen === null) return name;
  const at = placesOf(chosen.index, step.tensors[chosen.tensor].shape).join(',');
  return `${name}&tensor=${chosen.tensor}&at=${at}${chosen.isGradient ? '&gradient' : ''}`;
}

/** The index of "0,5,7,12", or nothing where the tensor has no such element. */
function indexOf(text, shape) {
  const places = text.trim() === '' && shape.length === 0 ? [] : text.split(',');
  const right = places.length === shape.length && places.every((place, axis) => /^\s*\d+\s*$/.test(place) && Number(place) < shape[axis]);
  return right ? places.reduce((index, place, axis) => index * shape[axis] + Number(place), 0) : null;
}

/** The op, and the element if there is one, of the address; nothing where that is no op's. */
function placeInAddress() {
  const found = /^#op=([^&]*)(?:&tensor=(\d+)&at=([\d,]*)(&gradient)?)?$/.exec(location.hash);
  const op = found ? step.ops.findIndex((each) => each.name === decodeURIComponent(found[1])) : -1;
  if (op < 0) return null;
  const tensor = step.tensors[found[2]], isGradient = found[4] !== undefined;
  const index = tensor?.[isGradient ? 'gradient' : 'value'] ? indexOf(found[3], tensor.shape) : null;
  return {op, element: index === null ? null : {tensor: Number(found[2]), index, isGradient}};
}

const isShown = (tensor, which) => shown.element?.tensor === tensor && shown.element.isGradient === (which === 'gradient');

/** "gradient of layer_1.0 (mean) [5]" */
function elementName({tensor, index, isGradient}) {
  const {name, producer, shape} = step.tensors[tensor], op = step.ops[producer];
  const output = op ? op.outputs.indexOf(tensor) : 0;
  return `${isGradient ? 'gradient of ' : ''}${name}${output > 0 ? ` (${op.output_names[output]})` : ''} [${placesOf(index, shape).join(', ')}]`;
}

/** A link to an element, on the page of the op that left its tensor, or else of the first that reads it. */
function elementLink([tensor, index, isGradient], text = null) {
  const {producer, readers} = step.tensors[tensor], chosen = {tensor, index, isGradient: isGradient === 1};
  return element('a', {href: addressOf(producer < 0 ? readers[0] : producer, chosen), title: elementName(chosen)}, text ?? elementName(chosen));
}

/** The image of the batch that an element is of, by its number among those that are shown; null: of none. */
function imageOf({tensor, index, isGradient}) {
  const {shape, parameter, [isGradient ? 'gradient' : 'value']: view} = step.tensors[tensor];
  const {image} = layoutOf(view);
  if (parameter || image.axis !== 0) return null;
  const found = Array.from({length: image.shown}, (_, i) => image.place(i)).indexOf(placesOf(index, shape)[0]);
  return found < 0 ? null : found;
}
