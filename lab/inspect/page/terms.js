// One element of a tensor: where it is, what it is to the last digit, the terms that made it.

function copyButton(text) {
  return button('copy', {'aria-label': 'copy the command'}, async (made) => {
    try {
      await navigator.clipboard.writeText(text);
      made.textContent = 'copied';
    } catch {
      made.textContent = 'select it';
    }
    setTimeout(() => { made.textContent = 'copy'; }, 1500);
  });
}

/** "[0, 5, 7, 12]" */
const placeText = (tensor, index) => `[${placesOf(index, tensor.shape).join(', ')}]`;

/** The exact value, if the page has it. */
function knownValue(view, index) {
  if (view.exact) return {value: view.exact[index]};
  const pin = view.pins.find(([place]) => place === index);
  return pin ? {value: pin[1]} : null;
}

/** What can be said of an element: its value, exactly or as its colour has it; of one that has no colour here, nothing yet. */
function valueText(view, index, byte) {
  const known = knownValue(view, index);
  if (known) return exactly(known.value);
  if (byte === null) return '…';
  if (byte === 255) return 'not finite';
  const half = (view.shown_high - view.shown_low) / 508;
  if (byte === 0 && view.shown_low > view.low) return `${figure(view.shown_low)} or less`;
  if (byte === 254 && view.shown_high < view.high) return `${figure(view.shown_high)} or more`;
  return `about ${figure(valueOf(view, byte))}, ± ${figure(half)}`;
}

/** "weight[0,0,12] 0.0345 · a[0,6,8,12] 0.7968", with what a factor is made of: one element is a link, several are links behind it. */
function factorsOf([, factors]) {
  return factors.map(([name, value, detail, operands = []], i) => element('span', {}, i > 0 ? ' · ' : '', operands.length === 1 ? elementLink(operands[0], name) : name,
    ' ', element('strong', {}, figure(value)), detail ? element('small', {}, `${/^(at|drawn) /.test(detail) ? '' : ' ='} ${detail}`) : null,
    operands.length > 1 ? element('small', {}, ' of ', operands.flatMap((operand, k) => [k > 0 ? ', ' : '', elementLink(operand)])) : null));
}

/** An explanation: the terms that made an element, their sum, and what is stored. */
function termsOf(why) {
  const [restCount, restSum] = why.rest;
  const rows = why.terms.map((term) => [term[0] || term[3], {node: element('div', {}, factorsOf(term)), attributes: {class: 'factors'}}, figure(term[2])]);
  if (restCount > 0) rows.push([`${whole(restCount)} smaller ones`, '', figure(restSum)]);
  return element('div', {class: 'why'}, why.formulas.map((formula) => element('div', {class: 'why-formula'}, formula)),
    table(`${whole(why.count)} term${why.count === 1 ? '' : 's'}`, ['from', 'factors', 'term'], rows, {class: 'terms'}),
    why.parts.map(([name, formula, count, total]) => element('div', {class: 'note'}, `${name} = ${formula} = ${figure(total)}, of ${whole(count)} terms`)),
    facts([['their sum, in f64', isNumber(why.sum) ? String(why.sum) : 'not finite'], ['stored', exactly(why.stored)],
      ['apart by', why.ulps === 0 ? 'nothing: the sum rounds to what is stored' : `${whole(why.ulps)} unit${why.ulps === 1 ? '' : 's'} in the last place`]]),
    why.adds_up ? null : element('p', {class: 'warning'}, 'These terms do not add up to what is stored: more than rounding is wrong here.'));
}

/** Some elements with their exact values; `choose` is told which one is clicked. */
function pinnedElements(tensor, view, choose) {
  if (view.pins.length === 0) return null;
  return element('details', {class: 'pins'}, element('summary', {}, 'Some elements, exactly'),
    element('ul', {}, view.pins.map(([index, value, why]) => element('li', {},
      button(`${why} ${placeText(tensor, index)}`, {}, () => choose(index)), element('span', {}, exactly(value))))));
}
