// A tensor as a card: its tiles, its histogram, its figures, some of its elements.

/** The image of the batch that all tiles show. */
let shownImage = 0;
const imageWatchers = new Set();

function showImage(i) {
  shownImage = i;
  for (const watcher of imageWatchers) watcher();
}

new ResizeObserver(() => showImage(shownImage)).observe(document.documentElement);

/** A strip from the lowest to the highest value that the colours tell apart. */
function colourRange(view) {
  const colours = palette(view);
  const stops = [0, 32, 64, 96, 127, 159, 191, 223, 254].map((byte) => `rgb(${colours[byte].join(',')})`);
  return element('div', {class: 'range', 'aria-hidden': 'true'}, element('span', {}, figure(view.shown_low)),
    element('span', {style: `background: linear-gradient(90deg, ${stops.join(',')})`}), element('span', {}, figure(view.shown_high)));
}

function figuresOf(tensor, view, producer) {
  const count = countOf(tensor.shape);
  const pairs = [['mean', figure(view.mean)], ['deviation', figure(view.deviation)], ['norm', figure(view.norm)], ['zeros', percent(view.zeros / count, 1)]];
  if ((producer?.op ?? tensor.never_written) === 'relu6' && view === tensor.value) pairs.push(['at 6', percent(view.sixes / count, 1)]);
  if (view.not_finite > 0) pairs.push(['not finite', whole(view.not_finite)]);
  pairs.push(['bytes', bytes(view.bytes)]);
  return element('dl', {class: 'figures'}, pairs.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))));
}

/** What is seen of it, in words. */
function lookText(tensor, layout) {
  const {image, channel, row, column} = layout;
  const parts = [];
  if (channel.extent > 1) parts.push(channel.shown < channel.extent ? `${channel.shown} of ${channel.extent} channels` : `${channel.extent} channels`);
  if (row.shown < row.extent || column.shown < column.extent) parts.push(`${row.shown} × ${column.shown} of ${row.extent} × ${column.extent} elements each`);
  if (image.extent > 1 && tensor.parameter) parts.push('of the first input channel');
  return parts.join(', ');
}

/** The canvas with its tiles, which answers to pointer and keys. */
function tiles(tensor, view, label, choose) {
  const layout = layoutOf(view), canvas = element('canvas', {class: 'tiles-canvas', tabindex: 0, role: 'img',
    'aria-label': `${label}, ${lookText(tensor, layout) || shapeText(tensor.shape)}; arrow keys go from element to element, Enter chooses one`});
  let grid = null, sheet = null, cursor = null;
  const image = () => (layout.image.axis === 0 && !tensor.parameter ? Math.min(shownImage, layout.image.shown - 1) : 0);
  const draw = () => {
    const width = Math.floor(canvas.parentElement?.clientWidth ?? 0);
    if (sheet === null || width === 0) return;
    grid = gridFor(layout, width);
    canvas.width = Math.min(width, grid.columns * (grid.tileWidth + grid.gap) - grid.gap);
    canvas.height = grid.lines * (grid.tileHeight + grid.gap) - grid.gap;
    canvas.style.width = `${canvas.width}px`;
    drawTiles(canvas, sheet, view, layout, image(), grid);
  };
  const elementOf = (cell) => [indexAt(layout, image(), cell), byteOf(sheet, layout, image(), cell.channel, cell.row, cell.column)];
  const tell = (x, y, cell) => {
    const [index, byte] = elementOf(cell);
    showTip(x, y, element('strong', {}, placeText(tensor, index)), valueText(view, index, byte));
  };
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    return grid && cellAt(layout, grid, ((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height);
  };
  canvas.addEventListener('pointermove', (event) => {
    const cell = under(event);
    if (cell) tell(event.clientX, event.clientY, cell);
    else hideTip();
  });
  canvas.addEventListener('pointerleave', hideTip);
  canvas.addEventListener('blur', hideTip);
  canvas.addEventListener('click', (event) => {
    const cell = under(event);
    if (cell) choose(...elementOf(cell));
  });
  canvas.addEventListener('keydown', (event) => {
    const ways = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]};
    if (grid === null || (!(event.key in ways) && event.key !== 'Enter' && event.key !== 'Escape')) return;
    if (event.key === 'Escape') return hideTip();
    event.preventDefault();
    if (event.key === 'Enter') return cursor && choose(...elementOf(cursor));
    const [right, down] = ways[event.key];
    cursor = cursor === null ? {channel: 0, row: 0, column: 0} : step_(cursor, right, down);
    const box = canvas.getBoundingClientRect(), scale = box.width / canvas.width;
    const left = (cursor.channel % grid.columns) * (grid.tileWidth + grid.gap) + (cursor.column + 0.5) * grid.cell;
    const top = Math.floor(cursor.channel / grid.columns) * (grid.tileHeight + grid.gap) + (cursor.row + 0.5) * grid.tall;
    tell(box.left + left * scale, box.top + top * scale, cursor);
  });
  /** The next cell, in the next tile where this one ends. */
  const step_ = ({channel, row, column}, right, down) => {
    column += right;
    row += down;
    const over = column >= layout.column.shown || row >= layout.row.shown, before = column < 0 || row < 0;
    if (!over && !before) return {channel, row, column};
    const next = channel + (over ? 1 : -1);
    if (next < 0 || next >= layout.channel.shown) return {channel, row: row - down, column: column - right};
    return {channel: next, row: down === 0 ? row : over ? 0 : layout.row.shown - 1, column: right === 0 ? column : over ? 0 : layout.column.shown - 1};
  };
  sheetOf(view).then((decoded) => {
    sheet = decoded;
    draw();
  });
  imageWatchers.add(draw);
  return element('div', {class: 'tiles-view'}, canvas);
}

/** `which`: "value" or "gradient". */
function tensorCard(index, which, title) {
  const tensor = step.tensors[index], view = tensor[which];
  if (view === null) return null;
  const producer = step.ops[tensor.producer];
  const isGradient = which === 'gradient';
  const place = element('div', {'aria-live': 'polite'});
  const open = (element_, byte = null) => place.replaceChildren(chosenElement(tensor, view, isGradient, element_, byte));
  const choose = (element_, byte) => {
    shown.element = {tensor: index, index: element_, isGradient};
    if (served) history.replaceState(null, '', addressOf(shown.op, shown.element));
    open(element_, byte);
  };
  if (isShown(index, which)) open(shown.element.index);
  const heading = isGradient ? `gradient of ${title}` : title;
  return element('figure', {class: `tensor ${which}`, style: 'margin: 0', 'data-tensor': index}, element('h5', {}, heading),
    element('p', {class: 'under'}, [shapeText(tensor.shape), tensor.dtype, lookText(tensor, layoutOf(view))].filter((text) => text).join(' · ')),
    tiles(tensor, view, heading, choose), colourRange(view), histogram(view), figuresOf(tensor, view, producer), pinnedElements(tensor, view, choose), served && !tensor.never_written ? elementForm(tensor, choose) : null, place);
}
