// What a request does to memory: the sectors of global memory that it lights, and the banks of shared memory.

const sectorBytes = 32, banks = 32;

/** The sectors that a request touches, in order: {sector, owners}, where owners has the lane of each byte, or -1: wasted. */
function sectorsOf(event) {
  const sectors = new Map();
  for (const part of partsOf(event)) {
    for (let i = 0; i < event.bytes; ++i) {
      const sector = Math.floor((part.address + i) / sectorBytes);
      if (!sectors.has(sector)) sectors.set(sector, {sector, owners: new Array(sectorBytes).fill(-1)});
      sectors.get(sector).owners[(part.address + i) % sectorBytes] = part.lane;
    }
  }
  return [...sectors.values()].sort((a, b) => a.sector - b.sector);
}

/** The groups of lanes that are served together, each as a list of the words that each bank must give: {word, lanes}. */
function bankGroups(event) {
  const together = 32 / Math.max(1, Math.floor(event.bytes / 4));
  const groups = [];
  for (const part of partsOf(event)) {
    const number = Math.floor(part.lane / together);
    groups[number] ??= {first: number * together, last: (number + 1) * together - 1, banks: Array.from({length: banks}, () => [])};
    for (let word = Math.floor(part.address / 4); word <= Math.floor((part.address + event.bytes - 1) / 4); ++word) {
      const asked = groups[number].banks[word % banks];
      const known = asked.find((each) => each.word === word);
      if (known) known.lanes.push(part.lane);
      else asked.push({word, lanes: [part.lane]});
    }
  }
  return groups.filter((group) => group !== undefined);
}
const passesOf = (group) => Math.max(...group.banks.map((asked) => asked.length));

const laneColour = (lane) => `--lane:${lane}`;

function sectorRow(film, {sector, owners}) {
  const address = sector * sectorBytes;
  const first = owners.findIndex((lane) => lane >= 0);
  const words = [];
  for (let word = 0; word < 8; ++word) {
    const bytes = owners.slice(4 * word, 4 * word + 4);
    const used = bytes.filter((lane) => lane >= 0);
    const lanes = [...new Set(used)];
    words.push(element('i', {class: used.length === 0 ? 'wasted' : used.length < 4 ? 'partly' : 'used',
      style: used.length === 0 ? null : laneColour(used[0])}, lanes.length > 0 ? String(lanes[0]) : ''));
  }
  const wasted = owners.filter((lane) => lane < 0).length;
  return element('li', {class: 'sector', 'aria-label': `${placeName(film, address + first, false)}: ${32 - wasted} of 32 bytes used`},
    element('span', {class: 'where'}, placeName(film, address + first, false)), element('span', {class: 'words'}, words));
}

function globalView(film, event) {
  const sectors = sectorsOf(event);
  const used = sum(sectors.map(({owners}) => owners.filter((lane) => lane >= 0).length));
  const wasted = sectorBytes * sectors.length - used;
  return [element('h4', {}, 'Sectors of global memory'),
    element('p', {class: 'under'}, `${sectors.length} sector${sectors.length === 1 ? '' : 's'} of 32 bytes, ${event.idealSectors} at best: ${whole(used)} bytes used, ` +
      `${whole(wasted)} wasted. Each square is 4 bytes with the number of a lane that uses them.`),
    element('ul', {class: 'sectors'}, sectors.map((each) => sectorRow(film, each)))];
}

function bankColumn(asked, bank, deepest) {
  const cells = [];
  for (let i = 0; i < deepest; ++i) {
    const lanes = asked[i]?.lanes ?? [];
    cells.push(element('i', {class: lanes.length === 0 ? 'none' : asked.length > 1 ? 'conflict' : 'used',
      style: lanes.length === 0 ? null : laneColour(lanes[0])},
    lanes.length === 0 ? '' : lanes.length === 1 ? String(lanes[0]) : `${lanes[0]}+`));
  }
  return element('span', {class: 'bank', title: `bank ${bank}: ${asked.map(({lanes}) => `lanes ${lanes.join(', ')}`).join('; then ') ||
    'not asked'}`}, element('b', {}, String(bank)), cells);
}

function bankView(event) {
  const groups = bankGroups(event);
  const conflicts = event.passes - event.idealPasses;
  return [element('h4', {}, 'Banks of shared memory'),
    element('p', {class: 'under'}, `${event.passes} pass${event.passes === 1 ? '' : 'es'} over the 32 banks, ${event.idealPasses} without ` +
      `conflicts${conflicts > 0 ? `: ${conflicts} too many, where one bank must give several words` : ''}. ` +
      'Each row is one pass, with the number of a lane that is served (+: and others).'),
    groups.map((group) => scrolling('Banks', element('div', {class: 'banks', role: 'img',
      'aria-label': `Lanes ${group.first} to ${group.last}: ${passesOf(group)} passes`},
    group.banks.map((asked, bank) => bankColumn(asked, bank, passesOf(group))))))];
}

/** Shared memory's words as they are before an event happens: the last value that was written to each, or nothing. */
function sharedBefore(film, column) {
  const written = new Map();
  for (let now = 0; now < column; ++now) {
    for (const row of film.rows) {
      const event = row[now];
      if (event === null || !event.shared || event.kind === 'read') continue;
      for (const part of partsOf(event)) part.words.forEach((word, i) => written.set(Math.floor(part.address / 4) + i, word));
    }
  }
  return written;
}

/** A variable's words, 32 in a row as the banks have them: written or not, and what the request touches. */
function variableView(memory, written, touched) {
  const first = Math.floor(memory.address / 4);
  const count = Math.ceil(memory.bytes / 4);
  const lead = first % banks;
  const rows = Math.ceil((lead + count) / banks);
  const full = [...Array(count).keys()].filter((i) => written.has(first + i)).length;
  const high = rows > 40 ? 3 : 6;
  const canvas = element('canvas', {width: banks * 8, height: rows * high, role: 'img',
    'aria-label': `${shortName(memory)}: ${full} of ${count} words written`});
  const context = canvas.getContext('2d');
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
  for (let i = 0; i < count; ++i) {
    const lit = touched.has(first + i);
    context.fillStyle = colour(lit ? '--c1' : written.has(first + i) ? '--c0' : '--line');
    context.fillRect((lead + i) % banks * 8, Math.floor((lead + i) / banks) * high, 7, high - 1);
  }
  return element('figure', {class: 'variable'}, element('figcaption', {}, shortName(memory),
    element('small', {}, ` ${bytes(memory.bytes)}, ${full} of ${count} words written`)), canvas);
}

function sharedMap(film, event, column) {
  const variables = film.memory.filter((memory) => memory.shared);
  if (variables.length === 0) return [];
  const touched = new Set();
  if (event !== null && isRequest(event) && event.shared) {
    for (const part of partsOf(event)) part.words.forEach((_, i) => touched.add(Math.floor(part.address / 4) + i));
  }
  const written = sharedBefore(film, column);
  return [element('h4', {}, 'Shared memory'), element('p', {class: 'under'},
    '32 words a row, a bank a column: grey before they are written, blue behind that, orange where this request is.'),
  element('div', {class: 'variables', tabindex: 0, role: 'group', 'aria-label': 'Variables'}, variables.map((memory) => variableView(memory, written, touched)))];
}
