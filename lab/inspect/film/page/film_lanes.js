// The lanes of a warp at one moment: who takes part, with which element and value, and what passes from lane to lane.

const verbs = {read: 'reads', write: 'writes', atomic: 'changes atomically', sync: 'synchronises its lanes', shuffle: 'shuffles',
  ballot: 'votes (ballot)', all: 'votes (all)', any: 'votes (any)', mma: 'multiplies matrices', ldmatrix: 'loads matrices',
  finding: 'is found at fault'};

/** What happens at this moment, in one sentence. */
function sentence(film, event) {
  const who = `Warp ${event.warp} `;
  if (event.kind === 'finding') {
    const finding = film.findings[event.finding];
    return `${finding.kind}: thread (${finding.thread.join(', ')}) ${finding.message}`;
  }
  const taking = bitCount(event.lanes), all = bitCount(event.ofLanes);
  const lanes = taking === all ? `all ${all} lanes` : `${taking} of ${all} lanes`;
  if (!isRequest(event)) return `${who}${verbs[event.kind]}: ${lanes}.`;
  const names = [...new Set(partsOf(event).map((part) => {
    const memory = memoryAt(film, part.address, event.shared);
    return memory === undefined ? 'unknown memory' : shortName(memory);
  }))].join(' and ');
  const cost = event.shared ? `${event.passes} pass${event.passes === 1 ? '' : 'es'} over the banks (${event.idealPasses} at best)`
    : `${event.sectors} sector${event.sectors === 1 ? '' : 's'} (${event.idealSectors} at best)`;
  return `${who}${verbs[event.kind]} ${names}${event.shared ? ' (shared)' : ''}: ${lanes}, ${event.bytes} bytes each, ${cost}.`;
}

function laneCell(film, event, lane, part) {
  if (!hasLane(event.ofLanes, lane)) return element('li', {class: 'lane absent', 'aria-label': `lane ${lane}: there is none`}, '');
  if (part === undefined) {
    return element('li', {class: 'lane idle', 'aria-label': `lane ${lane} does not take part`}, element('b', {}, String(lane)), '–');
  }
  if (event.kind === 'sync' || event.kind === 'finding') {
    return element('li', {class: `lane ${event.kind}`, style: laneColour(lane)}, element('b', {}, String(lane)));
  }
  if (!isRequest(event)) {
    const value = event.kind === 'shuffle' ? showWords(part.words, part.words[1] === 0 ? 4 : 8) : `0x${part.words[0].toString(16)}`;
    return element('li', {class: 'lane', style: laneColour(part.source)}, element('b', {}, String(lane)),
      element('span', {}, event.kind === 'shuffle' ? `from ${part.source}` : ''), element('em', {}, event.kind === 'shuffle' &&
        part.words[1] === 0 ? showWord(part.words[0]) : value));
  }
  const memory = memoryAt(film, part.address, event.shared);
  return element('li', {class: 'lane', style: laneColour(lane)}, element('b', {}, String(lane)),
    element('span', {}, placeName(film, part.address, event.shared)),
    element('em', {title: showWords(part.words, event.bytes, memory?.dtype || undefined)},
      showWords(part.words, event.bytes, memory?.dtype || undefined)));
}

function lanesView(film, event) {
  const parts = new Map(partsOf(event).map((part) => [part.lane, part]));
  return [element('h4', {}, 'Lanes'), element('ol', {class: 'lanes', 'aria-label': 'The 32 lanes of the warp'},
    [...Array(32).keys()].map((lane) => laneCell(film, event, lane, parts.get(lane))))];
}

/** An arrow from each lane that gives a value to the lane that takes it. */
function shuffleView(event) {
  const x = (lane) => 10 + 20 * lane;
  const dots = (y) => [...Array(32).keys()].map((lane) => [
    svg('circle', {cx: x(lane), cy: y, r: 3}), svg('text', {x: x(lane), y: y < 50 ? y - 8 : y + 18, class: 'middle'}, String(lane))]);
  const arrows = partsOf(event).map((part) => svg('line', {x1: x(part.source), y1: 24, x2: x(part.lane), y2: 76,
    class: part.source === part.lane ? 'own' : 'moved'}));
  return [element('h4', {}, 'From lane to lane'), scrolling('From lane to lane', svg('svg', {class: 'shuffle', viewBox: '0 0 640 100',
    role: 'img', 'aria-label': partsOf(event).map((part) => `lane ${part.lane} takes lane ${part.source}'s`).join(', ')},
  arrows, dots(20), dots(80)))];
}
