// The chain of ops, from the images down to the loss; and mirrored beside it the way back. Each has the size of what it
// left, an element of its output on the left and of that output's gradient on the right, on a logarithmic scale.

const rootMeanSquare = (view, shape) => (view === null || view === undefined ? null : view.norm / Math.sqrt(Math.max(1, countOf(shape))));

/** From sizes to shares of a bar: the smallest has a little, the largest all. */
function logShares(sizes) {
  const logs = sizes.filter((size) => size > 0).map(Math.log10);
  const low = Math.min(...logs), high = Math.max(...logs);
  return sizes.map((size) => (!(size > 0) ? 0 : high > low ? 0.08 + (0.92 * (Math.log10(size) - low)) / (high - low) : 1));
}

class Chain {
  /** `choose` is told the number of an op. */
  constructor(choose) {
    this.choose = choose;
    this.selected = -1;
    const outputs = step.ops.map((op) => step.tensors[op.outputs[0]]);
    const forward = outputs.map((tensor) => rootMeanSquare(tensor.value, tensor.shape)), backward = outputs.map((tensor) => rootMeanSquare(tensor.gradient, tensor.shape));
    const [left, right] = [logShares(forward), logShares(backward)];
    const marked = new Set(step.troubles.map((trouble) => trouble.op));
    const bar = (way, share, size) => element('div', {class: `size ${way}`, title: size === null ? 'none' : `${way === 'forward' ? 'output' : 'gradient'}: root mean square ${figure(size)}`},
      element('span', {style: `width: ${(100 * share).toFixed(1)}%`}));
    this.rows = step.ops.map((op, i) => element('li', {id: `op-${i}`, role: 'option', 'aria-selected': 'false', class: marked.has(i) ? 'marked' : '',
      'aria-label': `${op.name}, ${op.op}${marked.has(i) ? ', something is wrong here' : ''}`},
    bar('forward', left[i], forward[i]), element('div', {}, element('div', {class: 'name', title: op.name}, op.name),
      element('span', {class: 'kind'}, `${op.op} · ${shapeText(outputs[i].shape)}`)), bar('backward', right[i], backward[i])));
    this.list = element('ol', {role: 'listbox', tabindex: 0, 'aria-label': 'The ops of the step; arrow keys go from one to the next'}, this.rows);
    this.rows.forEach((row, i) => row.addEventListener('click', () => this.choose(i)));
    this.list.addEventListener('keydown', (event) => this.press(event));
    this.node = element('div', {class: 'chain'}, element('div', {class: 'chain-heads', 'aria-hidden': 'true'}, element('span', {}, '↓ forward: size of the output'),
      element('span', {}, 'from the images to the loss'), element('span', {}, 'size of its gradient: back ↑')), this.list);
  }

  press(event) {
    const last = this.rows.length - 1;
    const to = {ArrowDown: this.selected + 1, ArrowUp: this.selected - 1, Home: 0, End: last, PageDown: this.selected + 10, PageUp: this.selected - 10}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.choose(Math.max(0, Math.min(last, to)));
  }

  select(i) {
    this.rows[this.selected]?.setAttribute('aria-selected', 'false');
    this.selected = i;
    const row = this.rows[i];
    row.setAttribute('aria-selected', 'true');
    this.list.setAttribute('aria-activedescendant', row.id);
    const top = row.offsetTop - this.list.offsetTop;
    if (top < this.list.scrollTop + 30) this.list.scrollTop = top - 30;
    else if (top + row.offsetHeight > this.list.scrollTop + this.list.clientHeight - 30) this.list.scrollTop = top + row.offsetHeight - this.list.clientHeight + 30;
  }
}
