// Terms that the server is asked for, and what a file has of them: one element, chosen.

/** The explanation of a number, or a sentence why there is none. */
async function askTerms(number) {
  try {
    const response = await fetch(`terms?${new URLSearchParams(number)}`);
    return response.ok ? {why: await response.json()} : {sentence: await response.text()};
  } catch {
    return {sentence: 'The server does not answer. Where it has ended, inspect step --serve starts another.'};
  }
}

/** Of a tensor that is never written: the elements that the convolution computes it from as it reads. */
function madeOf(tensor, index) {
  const op = step.ops.find((each) => each.reads === step.tensors.indexOf(tensor)), channel = index % tensor.shape.at(-1);
  const links = op.inputs.flatMap((input, i) => (input < 0 || (i > 0 && i < 3) ? [] : [' ', elementLink([input, i === 0 ? index : channel, 0])]));
  return element('div', {}, 'Never written. It is computed from', links);
}

/** The part of a card that says all about one element. */
function chosenElement(tensor, view, isGradient, index, byte) {
  const number = numberOf(tensor, index, isGradient), isUpdate = tensor.parameter && !isGradient;
  const known = view.why?.[view.pins.findIndex(([place]) => place === index)];
  const value = element('span', {}, valueText(view, index, byte)), terms = element('div', {}, known ? termsOf(known) : null);
  const node = element('div', {class: 'chosen', role: 'group', tabindex: -1, 'aria-label': 'the chosen element'},
    element('div', {}, element('strong', {}, placeText(tensor, index)), ' is ', value), terms);
  const show = ({why, sentence}) => {
    terms.replaceChildren(why ? termsOf(why) : element('p', {class: 'note'}, sentence));
    if (why) value.replaceChildren(exactly(isUpdate ? why.terms.find(([label]) => label === 'before')[1].at(-1)[1] : why.stored));
    if (why && isUpdate) terms.prepend(element('div', {}, 'The update makes of it:'));
    if (document.activeElement === node) node.scrollIntoView({block: 'nearest'});
  };
  if (served && number) {
    terms.append(element('p', {class: 'note'}, 'Its terms are being added up …'));
    askTerms(number).then(show);
  } else if (served && tensor.never_written) {
    terms.append(madeOf(tensor, index));
  }
  if (number && (served || !isUpdate)) {
    const command = valueCommand(number);
    node.append(element('div', {}, served || known ? 'The same in a terminal:' : 'What made it, to the last digit:',
      element('div', {class: 'command'}, element('code', {}, command), copyButton(command))));
  }
  return node;
}

/** Where an element is named by hand. */
function elementForm(tensor, choose) {
  const last = tensor.shape.map((extent) => extent - 1).join(',');
  const input = element('input', {type: 'text', size: 14, autocomplete: 'off', spellcheck: 'false', placeholder: last}), problem = element('p', {class: 'warning', role: 'alert'});
  const form = element('form', {class: 'element-form'}, element('label', {}, 'Element ', input), element('button', {type: 'submit'}, 'show its terms'), problem);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const index = indexOf(input.value, tensor.shape);
    problem.textContent = index === null ? `${input.value || 'Nothing'} is no element: ${tensor.shape.length} numbers with commas between them, at most ${last}.` : '';
    if (index !== null) choose(index);
  });
  return form;
}
