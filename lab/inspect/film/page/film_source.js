// The kernel's source beside its film, with the line that runs.

/** Requests by line of a file, and the first event of each. */
function linesOf(film, file) {
  const known = new Map();
  for (const event of film.events) {
    const line = film.lines[event.line];
    if (line.file !== file) continue;
    if (!known.has(line.number)) known.set(line.number, {count: 0, sectors: 0, passes: 0});
    const sums = known.get(line.number);
    ++sums.count;
    sums.sectors += event.sectors;
    sums.passes += event.passes;
  }
  return known;
}

/** The files that a film's lines are of; look(line) is called for a line that somebody chose. */
class SourceView {
  constructor(film, sources, look) {
    this.film = film;
    this.node = element('div', {class: 'source'});
    this.files = new Map();
    for (const file of new Set(film.lines.map((line) => line.file).filter((name) => name !== ''))) {
      if (typeof sources[file] === 'string') this.files.set(file, this.fileView(file, sources[file], look));
    }
    this.where = element('p', {class: 'under'});
    this.node.append(this.where, ...[...this.files.values()].map(({frame}) => frame));
  }

  fileView(file, text, look) {
    const counts = linesOf(this.film, file);
    const rows = text.replace(/\n$/, '').split('\n').map((content, i) => {
      const sums = counts.get(i + 1);
      const number = sums === undefined ? element('b', {}, String(i + 1))
        : button(String(i + 1), {title: `${sums.count} events of this block` + (sums.sectors ? `, ${sums.sectors} sectors` : '') +
          (sums.passes ? `, ${sums.passes} passes` : ''), 'aria-label': `line ${i + 1}: its next event`}, () => look(file, i + 1));
      return element('div', {class: sums === undefined ? 'line' : 'line busy'}, number, element('span', {}, content || ' '));
    });
    const frame = element('div', {class: 'code', tabindex: 0, role: 'group', 'aria-label': file, hidden: true}, rows);
    return {frame, rows};
  }

  show(line) {
    const {where, file, number} = line ?? {where: '', file: '', number: 0};
    this.where.textContent = where === '' ? 'Nothing runs here.' : where;
    if (this.marked) this.marked.classList.remove('now');
    const view = this.files.get(file);
    for (const other of this.files.values()) other.frame.hidden = other !== (view ?? this.last);
    if (view === undefined) return;
    this.last = view;
    this.marked = view.rows[number - 1];
    if (this.marked === undefined) return;
    this.marked.classList.add('now');
    const top = this.marked.offsetTop;
    const {scrollTop, clientHeight} = view.frame;
    if (top < scrollTop + 20 || top > scrollTop + clientHeight - 50) view.frame.scrollTop = top - clientHeight / 2;
  }
}
