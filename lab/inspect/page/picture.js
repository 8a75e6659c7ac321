// Pictures of tensors: from the gray sheet in the page to colours, on a canvas, a tile for each channel of one image.

const sheets = new Map();

/** The bytes of a sheet, decoded when it is first asked for. */
function sheetOf(view) {
  if (!sheets.has(view)) {
    sheets.set(view, new Promise((done) => {
      const image = new Image();
      image.onload = () => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.width, image.height];
        const context = canvas.getContext('2d', {willReadFrequently: true});
        context.drawImage(image, 0, 0);
        done({width: image.width, bytes: context.getImageData(0, 0, image.width, image.height).data});
      };
      image.src = `data:image/png;base64,${view.picture}`;
    }));
  }
  return sheets.get(view);
}

const axisOf = ([extent, stride, shown, axis]) => ({extent, stride, shown, axis,
  place: (i) => Math.floor(((2 * i + 1) * extent) / (2 * shown))});

/** The axes of a look at a tensor: see tensor_view.h. */
function layoutOf(view) {
  const [image, channel, row, column] = view.layout.map(axisOf);
  return {image, channel, row, column};
}

const byteOf = (sheet, layout, image, channel, row, column) =>
  sheet.bytes[4 * ((image * layout.row.shown + row) * sheet.width + channel * layout.column.shown + column)];

/** What a byte of the picture stands for; NaN: not finite. */
const valueOf = (view, byte) => (byte === 255 ? NaN : view.shown_low + (byte / 254) * (view.shown_high - view.shown_low));

const colourOf = (name) => {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
};

/** From a value to a colour: 0 is neutral, what is below it and above it have a hue each. */
function palette(view) {
  const zero = colourOf('--zero'), negative = colourOf('--negative'), positive = colourOf('--positive');
  const reach = Math.max(Math.abs(view.shown_low), Math.abs(view.shown_high)) || 1;
  return Array.from({length: 256}, (_, byte) => {
    const value = valueOf(view, byte);
    if (Number.isNaN(value)) return [255, 0, 200];
    const share = Math.min(1, Math.abs(value) / reach), end = value < 0 ? negative : positive;
    return zero.map((low, i) => Math.round(low + share * (end[i] - low)));
  });
}

/** Three channels are a picture as it was taken, as far as normalising left it so. */
const isColourImage = (tensor) => tensor.name === 'images';

/** How tiles stand on a canvas of so many pixels: columns, and the width of a cell. */
function gridFor(layout, width) {
  const {channel, row, column} = layout;
  const wide = column.shown, cell = Math.max(1, Math.min(14, Math.floor(width / wide), Math.floor(Math.max(44, 120 / Math.sqrt(channel.shown)) / wide) || 1));
  const gap = channel.shown > 1 ? 4 : 0;
  const columns = Math.max(1, Math.min(channel.shown, Math.floor((width + gap) / (wide * cell + gap))));
  const tall = channel.shown > 1 ? cell : Math.max(cell, Math.min(14, Math.floor(56 / row.shown))); // a matrix of few rows would be but a line
  return {cell, tall, gap, columns, lines: Math.ceil(channel.shown / columns), tileWidth: wide * cell, tileHeight: row.shown * tall};
}

/** Draws the tiles of one image. */
function drawTiles(canvas, sheet, view, layout, image, grid) {
  const context = canvas.getContext('2d');
  const colours = palette(view);
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let channel = 0; channel < layout.channel.shown; ++channel) {
    const left = (channel % grid.columns) * (grid.tileWidth + grid.gap), top = Math.floor(channel / grid.columns) * (grid.tileHeight + grid.gap);
    for (let row = 0; row < layout.row.shown; ++row) {
      for (let column = 0; column < layout.column.shown; ++column) {
        const [r, g, b] = colours[byteOf(sheet, layout, image, channel, row, column)];
        context.fillStyle = `rgb(${r},${g},${b})`;
        context.fillRect(left + column * grid.cell, top + row * grid.tall, grid.cell, grid.tall);
      }
    }
  }
}

/** An image of the batch in its colours, as small as its sheet has it. */
function drawPhotograph(canvas, sheet, layout, image) {
  [canvas.width, canvas.height] = [layout.column.shown, layout.row.shown];
  const context = canvas.getContext('2d'), pixels = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < canvas.width * canvas.height; ++i) {
    for (let channel = 0; channel < 3; ++channel)
      pixels.data[4 * i + channel] = byteOf(sheet, layout, image, channel, Math.floor(i / canvas.width), i % canvas.width);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

/** The cell under a point of the canvas, or nothing between tiles. */
function cellAt(layout, grid, x, y) {
  const wide = grid.tileWidth + grid.gap, high = grid.tileHeight + grid.gap;
  const channel = Math.floor(y / high) * grid.columns + Math.floor(x / wide);
  const column = Math.floor((x % wide) / grid.cell), row = Math.floor((y % high) / grid.tall);
  const inside = x >= 0 && y >= 0 && Math.floor(x / wide) < grid.columns && channel < layout.channel.shown && column < layout.column.shown && row < layout.row.shown;
  return inside ? {channel, row, column} : null;
}

/** Where the element of a cell lies in memory. */
const indexAt = (layout, image, {channel, row, column}) => layout.image.place(image) * layout.image.stride +
  layout.channel.place(channel) * layout.channel.stride + layout.row.place(row) * layout.row.stride + layout.column.place(column) * layout.column.stride;
