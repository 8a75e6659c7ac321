// The page: what is filmed, its counts, the films, and the keys.

const data = JSON.parse(document.getElementById('data').textContent);
const films = data.films.map(decodeFilm);

const countRows = [
  ['requests to global memory', 'requests'], ['sectors of 32 bytes that they touch', 'sectors'],
  ['the fewest sectors that could do', 'ideal_sectors'], ['bytes asked of global memory', 'bytes'],
  ['requests to shared memory', 'shared_requests'], ['passes over its 32 banks', 'passes'],
  ['passes without conflicts', 'ideal_passes'], ['requests without all lanes', 'partial'], ['barriers', 'barriers'],
  ['shuffles, votes, __syncwarp', 'warp_operations'], ['multiply-adds', 'multiply_adds']];

function countsView() {
  const columns = films.flatMap((film) => [[`${film.implementation}: this block`, countsOf(film)],
    [`${film.implementation}: the launch`, film.launch]]);
  return element('section', {class: 'card', id: 'counts', 'aria-label': 'Counts'}, table('What it costs, as the executor counts it',
    ['', ...columns.map(([head]) => head)],
    countRows.map(([name, key]) => [name, ...columns.map(([, counts]) => ({node: whole(counts[key]), attributes: {'data-count': key}}))])));
}

function launchesView(film) {
  if (film.launches.length === 1) return null;
  return element('section', {class: 'card'}, table(`The launches of ${film.implementation}; --launch N films another`,
    ['launch', 'kernel', 'blocks', 'threads', 'bytes accessed', ''], film.launches.map((launch, i) => [String(i), element('code', {},
      functionName(launch.kernel)), launch.grid.join(' × '), launch.block.join(' × '), bytes(launch.accessed), i === film.filmed ? 'filmed' : ''])));
}

const players = films.map((film, i) => new Player(film, data.sources, i, `${film.kernel} ${film.implementation}`));
let active = players[0];
const isPlaying = () => players.some((player) => player.timer !== null);
const keys = {
  ' ': () => {
    const play = !isPlaying();
    for (const player of players) player.toggle(play);
  },
  ArrowRight: () => active.step(1),
  ArrowLeft: () => active.step(-1),
  ArrowUp: () => active.go(active.column, active.warp - 1),
  ArrowDown: () => active.go(active.column, active.warp + 1),
  PageDown: () => active.interval(1),
  PageUp: () => active.interval(-1),
  Home: () => active.go(0, active.warp),
  End: () => active.go(active.film.columns - 1, active.warp),
};

function choose(player) {
  active = player;
  for (const each of players) each.node.classList.toggle('active', players.length > 1 && each === active);
}

for (const player of players) {
  player.node.addEventListener('pointerdown', () => choose(player));
  player.node.addEventListener('focusin', () => choose(player));
}
document.addEventListener('keydown', (event) => {
  const own = event.target.closest?.('input, select, .code, .scroll, .variables');
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
  if (own && !(event.key === ' ' && own.matches('input'))) return;
  if (event.key === ' ' && event.target.closest?.('button')) return;
  event.preventDefault();
  keys[event.key]();
});

document.title = `${films[0].kernel}, filmed`;
document.getElementById('head').append(element('h1', {}, films[0].kernel, ' '), element('p', {}, films[0].shape),
  element('p', {class: 'under'}, 'One block of a CUDA kernel, run and watched on the CPU. Warps are rows, time runs to the right, a barrier is a ' +
    'line that all warps wait at. Space plays; ← → step; ↑ ↓ choose a warp; Page up and Page down go from barrier to barrier.'));
document.getElementById('main').append(
  element('div', {class: films.length > 1 ? 'films two' : 'films'}, players.map((player) => player.node)), countsView(),
  ...films.map(launchesView).filter((node) => node !== null));
choose(active);
for (const player of players) player.show();  // now that everything has its size
// A film with a finding begins there: that is what one came to see.
for (const player of players) if (player.film.findings.length > 0) player.toFinding(0);
