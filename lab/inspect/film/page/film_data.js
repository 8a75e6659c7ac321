// A film's data, taken apart: events with their lanes, what they cost, where they stand in time.

const kinds = ['read', 'write', 'atomic', 'sync', 'shuffle', 'ballot', 'all', 'any', 'mma', 'ldmatrix', 'finding'];
const isRequest = (event) => event.kind === 'read' || event.kind === 'write' || event.kind === 'atomic';
const wordsOf = (bytes) => Math.ceil(bytes / 4);

function bitCount(mask) {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) ++count;
  return count;
}
const hasLane = (mask, lane) => ((mask >>> lane) & 1) === 1;

function decodeWords(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Uint32Array(bytes.buffer);
}

function decodeEvent(row, words, at) {
  const [kind, warp, interval, line, lanes, ofLanes, bytes, shared, sectors, idealSectors, passes, idealPasses, finding] = row;
  return {kind: kinds[kind], warp, interval, line, lanes, ofLanes, bytes, shared: shared === 1, sectors, idealSectors, passes,
    idealPasses, finding, words, at};
}

/** What each lane that takes part did: {lane, address, words} of a request, {lane, source, words} of what lanes do together. */
function partsOf(event) {
  const request = isRequest(event);
  const count = request ? wordsOf(event.bytes) : 2;
  const parts = [];
  let at = event.at;
  for (let lane = 0; lane < 32; ++lane) {
    if (!hasLane(event.lanes, lane)) continue;
    const first = event.words[at];
    parts.push({lane, ...(request ? {address: first} : {source: first}), words: event.words.subarray(at + 1, at + 1 + count)});
    at += 1 + count;
  }
  return parts;
}

/**
 * The events in columns of time: a warp's k-th event of an interval stands in the interval's k-th column, so that all warps go
 * on together and meet at the barriers.
 */
function inColumns(film) {
  const lengths = film.intervals.map(() => new Array(film.warps).fill(0));
  for (const event of film.events) event.step = lengths[event.interval][event.warp]++;
  let begin = 0;
  film.intervals.forEach((interval, i) => {
    interval.begin = begin;
    interval.length = Math.max(1, ...lengths[i]);
    begin += interval.length;
  });
  film.columns = begin;
  film.rows = Array.from({length: film.warps}, () => new Array(begin).fill(null));
  for (const event of film.events) {
    event.column = film.intervals[event.interval].begin + event.step;
    film.rows[event.warp][event.column] = event;
  }
}

function decodeFilm(data) {
  const words = decodeWords(data.words);
  let at = 0;
  const events = data.events.map((row) => {
    const event = decodeEvent(row, words, at);
    at += bitCount(event.lanes) * (1 + (isRequest(event) ? wordsOf(event.bytes) : 2));
    return event;
  });
  const threads = data.block[0] * data.block[1] * data.block[2];
  const film = {...data, words, events, warps: Math.ceil(threads / 32)};
  inColumns(film);
  return film;
}

const intervalAt = (film, column) => film.intervals.findLastIndex((interval) => interval.begin <= column);

/** The buffer or variable that holds an address. */
const memoryAt = (film, address, shared) =>
  film.memory.find((each) => each.shared === shared && address >= each.address && address < each.address + each.bytes);

const elementBytes = {f32: 4, f64: 8, i32: 4, u8: 1, bf16: 2, f16: 2};

/** "x[130]", of the operand and its element; "byte 12 of …" where nobody knows what the elements are. */
function placeName(film, address, shared) {
  const memory = memoryAt(film, address, shared);
  if (memory === undefined) return 'unknown memory';
  const size = elementBytes[memory.dtype] ?? 4;
  return `${shortName(memory)}[${Math.floor((address - memory.address) / size)}]`;
}
/** A kernel's name without the namespaces that all of them have. */
const functionName = (name) => name.replaceAll(/vitrine::\w+::/g, '');
const shortName = (memory) => memory.name.replace(/^shared variable /, '');

const asFloat = new Float32Array(1), asWord = new Uint32Array(asFloat.buffer);
const asDouble = new Float64Array(1), asWords = new Uint32Array(asDouble.buffer);

function floatOf(word) {
  asWord[0] = word;
  return asFloat[0];
}
const shortFloat = (value) => (Number.isFinite(value) ? short(value) : String(value));

/** A word as its operand's type has it; where nobody knows it, as the float or the whole number that it more likely is. */
function showWord(word, dtype) {
  if (dtype === 'i32') return String(word | 0);
  if (dtype === 'u8') return String(word & 255);
  const value = floatOf(word);
  if (dtype !== 'f32' && word !== 0 && Math.abs(value) < 1e-30) return String(word | 0);
  return shortFloat(value);
}

function showWords(words, bytes, dtype) {
  if (dtype === 'f64' || (dtype === undefined && bytes === 8 && words[1] >>> 20 > 0x380)) {
    const values = [];
    for (let i = 0; i + 1 < words.length; i += 2) {
      asWords.set([words[i], words[i + 1]]);
      values.push(shortFloat(asDouble[0]));
    }
    return values.join(' ');
  }
  return [...words].map((word) => showWord(word, bytes < 4 && dtype !== 'i32' ? 'u8' : dtype)).join(' ');
}

/** Sums over the events, as the executor's report has them. */
function countsOf(film) {
  const counts = {requests: 0, shared_requests: 0, bytes: 0, sectors: 0, ideal_sectors: 0, passes: 0, ideal_passes: 0, partial: 0,
    barriers: 0, warp_operations: 0, multiply_adds: sum(film.intervals.map((interval) => interval.multiply_adds))};
  counts.barriers = film.intervals.filter((interval) => interval.barrier !== null).length;
  for (const event of film.events) {
    if (event.kind === 'finding') continue;
    if (!isRequest(event)) {
      ++counts.warp_operations;
      continue;
    }
    ++counts[event.shared ? 'shared_requests' : 'requests'];
    if (!event.shared) counts.bytes += bitCount(event.lanes) * event.bytes;
    counts.sectors += event.sectors;
    counts.ideal_sectors += event.idealSectors;
    counts.passes += event.passes;
    counts.ideal_passes += event.idealPasses;
    if (event.lanes !== event.ofLanes) ++counts.partial;
  }
  return counts;
}
