// One film with its controls: a moment, a warp, and everything that is shown of them.

const speeds = {slow: 900, usual: 350, fast: 80};

class Player {
  constructor(film, sources, number, name) {
    Object.assign(this, {film, number, column: 0, warp: 0, timer: null, speed: 'usual'});
    this.timeline = new Timeline(film, (column, warp) => this.go(column, warp));
    this.source = new SourceView(film, sources, (file, line) => this.toLine(file, line));
    this.scrub = element('input', {type: 'range', min: 0, max: film.columns - 1, value: 0, 'aria-label': `Moment of ${name}`});
    this.scrub.addEventListener('input', () => this.go(Number(this.scrub.value), this.warp));
    this.playing = button('▶ Play', {class: 'play', 'aria-pressed': 'false'}, () => this.toggle());
    this.moment = element('output', {});
    this.what = element('p', {class: 'what', 'aria-live': 'polite'});
    this.detail = element('div', {class: 'detail'});
    this.shared = element('div', {class: 'shared'});
    this.node = element('section', {class: 'card film', 'aria-label': name}, element('h2', {}, name), this.head(), this.controls(),
      element('div', {class: 'timeline-frame'}, this.timeline.canvas), legendView(), this.findings(), this.what,
      element('div', {class: 'stage'}, element('div', {class: 'scene'}, this.detail, this.shared), this.source.node));
    this.go(0, 0);
  }

  head() {
    const {function: name, grid, block, place, launches, filmed, left_out: leftOut} = this.film;
    const launch = launches.length === 1 ? '' : `, launch ${filmed} of ${launches.length} (from 0)`;
    return element('div', {}, element('p', {class: 'under'}, element('code', {}, functionName(name)), ` block (${place.join(', ')}) of ` +
      `${grid.join(' × ')}, ${block.join(' × ')} threads${launch}`),
    leftOut === 0 ? null : element('p', {class: 'warning'}, `The film is full: ${whole(leftOut)} later accesses are not in it.`));
  }

  controls() {
    const speed = element('select', {'aria-label': 'Speed'}, Object.keys(speeds).map((each) =>
      element('option', {value: each, selected: each === this.speed}, each)));
    speed.addEventListener('change', () => {
      this.speed = speed.value;
    });
    const step = (text, label, action) => button(text, {'aria-label': label, title: label}, action);
    return element('div', {class: 'film-controls'}, element('div', {class: 'buttons'},
      step('⏮', 'To the beginning (Home)', () => this.go(0, this.warp)),
      step('◀', 'A step back (left)', () => this.step(-1)), this.playing,
      step('▶', 'A step on (right)', () => this.step(1)),
      step('⏭', 'To the next interval (Page down)', () => this.interval(1)),
      step('↑', 'The warp above (up)', () => this.go(this.column, this.warp - 1)),
      step('↓', 'The warp below (down)', () => this.go(this.column, this.warp + 1)), speed), this.scrub, this.moment);
  }

  findings() {
    if (this.film.findings.length === 0) return null;
    return element('div', {class: 'banner'}, element('strong', {}, `${this.film.findings.length} finding` +
      `${this.film.findings.length === 1 ? '' : 's'} in this block`), element('ul', {}, this.film.findings.map((finding, i) =>
      element('li', {}, `${finding.kind} at ${finding.where}: thread (${finding.thread.join(', ')}) ${finding.message}` +
        (finding.times > 1 ? ` (seen ${whole(finding.times)} times here) ` : ' '),
      button('Watch it', {}, () => this.toFinding(i))))));
  }

  event() {
    return this.film.rows[this.warp][this.column];
  }

  toEvent(event) {
    if (event !== undefined) this.go(event.column, event.warp);
  }

  toFinding(number) {
    this.toEvent(this.film.events.find((event) => event.kind === 'finding' && event.finding === number));
  }

  /** The next event of this warp at a line; after its last one its first. */
  toLine(file, number) {
    const there = this.film.events.filter((event) => this.film.lines[event.line].file === file &&
      this.film.lines[event.line].number === number);
    const mine = there.filter((event) => event.warp === this.warp);
    this.toEvent(mine.find((event) => event.column > this.column) ?? mine[0] ?? there[0]);
  }

  step(by) {
    this.go(this.column + by, this.warp);
  }

  interval(by) {
    const {intervals, columns} = this.film;
    const next = intervals[intervalAt(this.film, this.column) + by];
    this.go(next ? next.begin : by < 0 ? 0 : columns - 1, this.warp);
  }

  go(column, warp) {
    this.column = Math.max(0, Math.min(this.film.columns - 1, column));
    this.warp = Math.max(0, Math.min(this.film.warps - 1, warp));
    this.show();
  }

  toggle(play = this.timer === null) {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.playing.textContent = play ? '❚❚ Pause' : '▶ Play';
    this.playing.setAttribute('aria-pressed', String(play));
    this.what.setAttribute('aria-live', play ? 'off' : 'polite');
    if (!play) return;
    if (this.column === this.film.columns - 1) this.go(0, this.warp);
    const turn = () => {
      this.step(1);
      if (this.column === this.film.columns - 1) this.toggle(false);
      else this.timer = setTimeout(turn, speeds[this.speed]);
    };
    this.timer = setTimeout(turn, speeds[this.speed]);
  }

  show() {
    const {film, column, warp} = this;
    const event = this.event();
    const interval = intervalAt(film, column);
    this.timeline.show(column, warp);
    this.scrub.value = column;
    const from0 = (count) => (count > 1 ? ` of 0–${count - 1}` : '');
    this.moment.textContent = `moment ${column}${from0(film.columns)}, interval ${interval}${from0(film.intervals.length)}, ` +
      `warp ${warp}${from0(film.warps)}`;
    this.scrub.setAttribute('aria-valuetext', this.moment.textContent);
    const waits = film.intervals[interval].barrier !== null ? `waits at the barrier, ${film.lines[film.intervals[interval].barrier].where}`
      : 'has no more to do';
    this.what.textContent = event === null ? `Warp ${warp} ${waits}.` : sentence(film, event);
    this.what.classList.toggle('found', event?.kind === 'finding');
    this.detail.replaceChildren(...(event === null ? [] : this.scene(event)).flat());
    this.shared.replaceChildren(...sharedMap(film, event, column));
    this.source.show(event === null ? null : film.lines[event.line]);
  }

  scene(event) {
    const before = this.film.rows[event.warp][event.column - 1] ?? null;
    if (event.kind === 'finding') {  // the access that showed it, if one did
      return before !== null && hasLane(before.lanes, Math.log2(event.lanes >>> 0)) && isRequest(before) ? this.scene(before)
        : lanesView(this.film, event);
    }
    const memory = !isRequest(event) ? event.kind === 'shuffle' ? shuffleView(event) : [] : event.shared ? bankView(event)
      : globalView(this.film, event);
    return [...lanesView(this.film, event), ...memory];
  }
}
