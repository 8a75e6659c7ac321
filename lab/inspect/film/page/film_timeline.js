// The whole film at a glance: warps as rows, time as columns, barriers as lines across all warps.

const eventColour = (event) => (event.kind === 'finding' ? '--warm' : !isRequest(event) ? '--c3' : event.kind === 'atomic' ? '--c4'
  : event.shared ? (event.kind === 'read' ? '--c6' : '--c2') : event.kind === 'read' ? '--c0' : '--c1');
const legend = [['read global', '--c0'], ['write global', '--c1'], ['atomic', '--c4'], ['read shared', '--c6'], ['write shared', '--c2'],
  ['shuffle, vote, __syncwarp', '--c3'], ['finding', '--warm']];
const labelRoom = 40, headRoom = 18;

/** Draws the film onto a canvas; look(column, warp) is called where somebody points. */
class Timeline {
  constructor(film, look) {
    this.film = film;
    this.rowHeight = film.warps > 16 ? 9 : film.warps > 4 ? 13 : 20;
    this.height = headRoom + film.warps * this.rowHeight + 4;
    this.canvas = element('canvas', {class: 'timeline', style: `height:${this.height}px`, 'aria-hidden': 'true'});
    const point = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const column = Math.floor((event.clientX - box.left - labelRoom) / (box.width - labelRoom) * film.columns);
      const warp = Math.floor((event.clientY - box.top - headRoom) / this.rowHeight);
      look(Math.max(0, Math.min(film.columns - 1, column)), Math.max(0, Math.min(film.warps - 1, warp)));
    };
    this.canvas.addEventListener('pointerdown', (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      point(event);
    });
    this.canvas.addEventListener('pointermove', (event) => {
      if (event.buttons === 1) point(event);
    });
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.redraw());
  }

  /** What never changes is drawn once for a width and a look. */
  redraw() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    if (this.width === 0) return;
    this.canvas.width = this.width * ratio;
    this.canvas.height = this.height * ratio;
    this.still = element('canvas', {width: this.canvas.width, height: this.canvas.height});
    const context = this.still.getContext('2d');
    context.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    this.colour = (name) => style.getPropertyValue(name);
    this.drawIntervals(context);
    this.drawEvents(context);
    this.show(this.column ?? 0, this.warp ?? 0);
  }

  x(column) {
    return labelRoom + column / this.film.columns * (this.width - labelRoom);
  }

  drawIntervals(context) {
    context.font = '11px system-ui, sans-serif';
    let free = 0;
    this.film.intervals.forEach((interval, i) => {
      const left = this.x(interval.begin), right = this.x(interval.begin + interval.length);
      context.fillStyle = this.colour(i % 2 === 0 ? '--band' : '--band-other');
      context.fillRect(left, headRoom, right - left, this.height - headRoom);
      context.fillStyle = this.colour('--soft');
      if (left >= free) {
        const text = this.film.intervals.length > 1 && i === 0 ? 'interval 0' : String(i);
        if (this.film.intervals.length > 1) context.fillText(text, left + 2, 12);
        free = left + 12 + context.measureText(text).width;
      }
      if (interval.barrier !== null) context.fillRect(right - 0.5, headRoom - 4, 1, this.height);
    });
    const every = Math.ceil(12 / this.rowHeight);
    for (let warp = 0; warp < this.film.warps; warp += every) {
      context.fillText(warp === 0 ? 'warp 0' : String(warp), 0, headRoom + warp * this.rowHeight + Math.min(11, this.rowHeight));
    }
  }

  drawEvents(context) {
    const wide = (this.width - labelRoom) / this.film.columns;
    const gap = wide > 4 ? 1 : 0;
    for (const last of [false, true]) {  // findings above all others
      for (const event of this.film.events) {
        if ((event.kind === 'finding') !== last) continue;
        const share = bitCount(event.lanes) / 32;
        const tall = last ? this.rowHeight - 1 : Math.max(2, (this.rowHeight - 1) * share);
        context.fillStyle = this.colour(eventColour(event));
        context.fillRect(this.x(event.column), headRoom + (event.warp + 1) * this.rowHeight - tall,
          Math.max(last ? 3 : 0.6, wide - gap), tall);
      }
    }
  }

  show(column, warp) {
    this.column = column;
    this.warp = warp;
    if (!this.still) return;
    const context = this.canvas.getContext('2d');
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.still, 0, 0);
    context.save();
    context.scale(this.canvas.width / this.width, this.canvas.height / this.height);
    const left = this.x(column), wide = Math.max(2, this.x(column + 1) - left);
    context.strokeStyle = this.colour('--ink');
    context.globalAlpha = 0.55;
    context.strokeRect(left, headRoom, wide, this.height - headRoom - 3);
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.strokeRect(left - 1, headRoom + warp * this.rowHeight, wide + 2, this.rowHeight);
    context.restore();
  }
}

const legendView = () => element('p', {class: 'film-legend'}, legend.map(([name, colour]) => element('span', {},
  element('i', {style: `background:var(${colour})`}), name)), element('span', {class: 'note'}, 'as tall as the share of lanes that take part'));
