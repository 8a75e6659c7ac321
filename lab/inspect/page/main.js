// The page: the step as a whole, the chain with one op beside it, the parameters.

const tile = (name, value, more = '') => element('div', {class: 'tile'}, element('dt', {}, name), element('dd', {}, element('span', {class: 'value'}, value), more ? element('span', {class: 'more'}, more) : null));

function head() {
  const forward = sum(step.ops.map((op) => op.forward.seconds)), backward = sum(step.ops.map((op) => op.backward?.seconds ?? 0));
  const flops = sum(step.ops.map((op) => op.forward.flops + (op.backward?.flops ?? 0)));
  const trained = step.parameters.filter((parameter) => parameter.trained);
  const images = step.labels.length;
  document.title = `A training step of ${step.model}`;
  document.getElementById('head').append(element('h1', {}, document.title),
    element('p', {class: 'under'}, `Step ${whole(step.step)}${step.file ? ` of ${step.file}` : ''}, on ${images} images: ${step.images}. ${step.training}. ${
      step.fused ? 'Fused: normalisations and activations happen as the next op reads.' : 'Not fused: each op by itself.'} In ${step.dtype} on ${step.device}.`),
    element('dl', {class: 'tiles'}, tile('Loss', figure(step.loss), `guessing has ${figure(Math.log(step.classes.length))}`), tile('Right', `${step.right} of ${images}`),
      tile('Gradient norm', figure(step.gradient_norm), 'of all parameters'), tile('Time', timeText(forward + backward), `${timeText(forward)} forward, ${timeText(backward)} back, looked on`),
      tile('Arithmetic', flopText(flops), 'forward and backward'), tile('Parameters', whole(sum(trained.map((parameter) => countOf(parameter.shape)))), `in ${trained.length} tensors`)));
}

function walk() {
  const panel = element('div', {class: 'op', role: 'region', 'aria-label': 'The chosen op'});
  const show = (op, chosen = null) => {
    Object.assign(shown, {op, element: chosen});
    shownImage = (chosen && imageOf(chosen)) ?? shownImage;
    imageWatchers.clear();
    chain.select(op);
    panel.replaceChildren(...opPanel(op, choose).filter((part) => part !== null));
    showImage(shownImage);
    const terms = chosen && panel.querySelector('.chosen');
    terms?.focus({preventScroll: true});
    terms?.scrollIntoView({block: 'center'});
  };
  const choose = (op) => {
    history.replaceState(null, '', addressOf(op));
    show(op);
  };
  const chain = new Chain(choose);
  const fromAddress = () => {
    const place = placeInAddress();
    if (place) show(place.op, place.element);
    return place !== null;
  };
  window.addEventListener('hashchange', fromAddress);
  section('ops', 'The chain of ops', element('p', {class: 'note'}, 'Forward goes down the list, backward comes up again. Choose an op with a click or the arrow keys. What is drawn are the step’s own elements: of large tensors a sample, the nearest element in each cell.', served ? ' A click on any cell shows the terms that made it.' : null),
    element('div', {class: 'walk'}, chain.node, panel));
  if (!fromAddress()) show(0);
}

function troubles() {
  const checked = 'Looked for: values that are not finite, channels that are 0 over the whole batch, gradients that vanish or explode on their way back, saturated logits, batch norms of a tiny variance.';
  if (step.troubles.length === 0) return section('troubles', 'What goes wrong here', element('p', {}, 'Nothing that stands out. ', checked));
  const link = (trouble) => element('a', {href: addressOf(trouble.op)}, step.ops[trouble.op].name);
  section('troubles', 'What goes wrong here', table('Where, and what; the same stands at the op', ['op', 'what', 'how'],
    step.troubles.map((trouble) => [link(trouble), trouble.kind, trouble.sentence])), element('p', {class: 'note'}, checked));
}

if (served) document.querySelector('footer').textContent = 'Given out by Vitrine on this machine. Every picture is made of the step’s own tensors, and so are the terms, as they are asked for.';
head();
troubles();
walk();
section('parameters', 'Every parameter', element('p', {class: 'note'}, updateText()), parameterTable());
document.getElementById('head').append(contents());
