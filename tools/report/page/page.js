// The page's parts: elements, sections, and the box that shows values. Text from the data goes into text nodes only.

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

function button(text, attributes, action) {
  const made = element('button', {type: 'button', ...attributes}, text);
  made.addEventListener('click', () => action(made));
  return made;
}

const sections = [];

/** Adds a section under a heading; nothing where it would be empty. */
function section(id, title, ...children) {
  const content = children.flat().filter((child) => child !== null);
  if (content.length === 0) return;
  sections.push({id, title});
  document.getElementById('main').append(
    element('section', {id, 'aria-labelledby': `${id}-title`}, element('h2', {id: `${id}-title`}, title), content));
}

/** Links to the sections, once they are known. */
const contents = () => element('nav', {'aria-label': 'Sections'},
  sections.map(({id, title}) => element('a', {href: `#${id}`}, title)));

/** A part that scrolls sideways where it has no room, and shows so: by shadows, and in words. */
function scrolling(label, ...children) {
  const inner = element('div', {class: 'scroll', tabindex: 0, role: 'group', 'aria-label': label}, children);
  const hint = element('p', {class: 'hint', 'aria-hidden': 'true'});
  const frame = element('div', {class: 'scroll-frame'}, element('div', {class: 'scroll-view'}, inner), hint);
  const look = () => {
    const hidden = inner.scrollWidth - inner.clientWidth;
    const left = inner.scrollLeft > 1, right = inner.scrollLeft < hidden - 1;
    frame.classList.toggle('wide', hidden > 1);
    frame.classList.toggle('more-left', hidden > 1 && left);
    frame.classList.toggle('more-right', hidden > 1 && right);
    hint.textContent = right ? 'scrolls sideways: more on the right →' : '← more on the left';
  };
  inner.addEventListener('scroll', look, {passive: true});
  const watch = new ResizeObserver(look);
  for (const part of [inner, ...inner.children]) watch.observe(part);
  return frame;
}

/** A table whose first row and first column are headings. Cells are texts, nodes, or {node, attributes}. */
function table(caption, heads, rows, attributes = {}) {
  const cell = (tag, content, more) => (content instanceof Node || typeof content !== 'object' || content === null
    ? element(tag, more, content ?? '–') : element(tag, {...more, ...content.attributes}, content.node));
  return scrolling(caption, element('table', attributes, element('caption', {}, caption),
    element('thead', {}, element('tr', {}, heads.map((head) => cell('th', head, {scope: 'col'})))),
    element('tbody', {}, rows.map(([first, ...others]) => element('tr', {},
      cell('th', first, {scope: 'row'}), others.map((other) => cell('td', other, {})))))));
}

/** Names and what they stand for; those that are not known are left out. */
function facts(pairs) {
  const known = pairs.filter(([, value]) => textOf(value) !== '');
  return known.length === 0 ? null : element('dl', {class: 'facts'},
    known.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))));
}

/** The short line in the look of a series, for legends and values. */
const swatch = (series) => svg('svg', {class: `swatch s${series.colour} ${series.style ?? ''}`, viewBox: '0 0 22 8',
  'aria-hidden': 'true'}, svg('line', {x1: 1, y1: 4, x2: 21, y2: 4}));

const tip = document.getElementById('tip');

/** Shows the box beside a point of the window, inside of it. */
function showTip(x, y, ...content) {
  tip.replaceChildren(...content);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const wide = document.documentElement.clientWidth;
  const right = x + 14 + box.width <= wide - 4;
  tip.style.left = `${Math.max(4, Math.min(right ? x + 14 : x - 14 - box.width, wide - 4 - box.width))}px`;
  tip.style.top = `${Math.max(4, Math.min(y, window.innerHeight - 4 - box.height))}px`;
}

function hideTip() {
  tip.hidden = true;
}

/** A PNG out of base64, or nothing where that is none. */
function picture(base64, alternative, attributes = {}) {
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return null;
  return element('img', {src: `data:image/png;base64,${base64}`, alt: alternative, ...attributes});
}
