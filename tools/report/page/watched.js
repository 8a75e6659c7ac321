// A run over time: maps of layers and parameters × the steps that were watched, and what stands out in them.

const usualRatio = 1e-3; // of |update| to |value|, as one looks for it in a healthy run

const known = (values) => listOf(values).filter(isNumber);
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? NaN : sorted[sorted.length >> 1];
}
/** Of the last few steps, so that a single one decides nothing. */
const lately = (values) => median(known(listOf(values).slice(-5)));

const rowsOf = (group, figure) => listOf(group).filter((row) => Array.isArray(row?.[figure]))
  .map((row) => ({name: textOf(row.name), values: row[figure], row}));

/** |update| / |value| of each parameter; where the value is 0 there is none. */
const ratiosOf = (group) => listOf(group).filter((row) => Array.isArray(row?.value) && Array.isArray(row.update)).map((row) => ({row,
  name: textOf(row.name), values: row.value.map((value, i) => (value > 0 && isNumber(row.update[i]) ? row.update[i] / value : null))}));

const allValues = (rows) => rows.flatMap(({values}) => known(values));

/** The names of rows with their values, a few of them: "features.1.conv.0.0.weight (0.021), … and 3 more". */
function namesOf(found) {
  const named = found.slice(0, 4).map(({name, value}) => (value === undefined ? name : `${name} (${value})`));
  return `${named.join(', ')}${found.length > 4 ? ` and ${found.length - 4} more` : ''}`;
}

/** Rows whose figure is wrong, the worst first. */
function ofRows(rows, figure, isWrong, format) {
  return rows.map((row) => ({name: row.name, figure: figure(row)})).filter((each) => isWrong(each.figure))
    .sort((a, b) => b.figure - a.figure).map((each) => ({name: each.name, value: format(each.figure)}));
}

/** What is wrong, in sentences. */
function findings(watched) {
  const layers = listOf(watched.layers), ratios = ratiosOf(watched.weights);
  const usually = ({values}) => median(known(values)), late = ({values}) => lately(values);
  const share = (value) => percent(value, 0), times = (value) => `${short(value)} times`;
  const broken = [...rowsOf(watched.weights, 'gradient'), ...rowsOf(watched.norms_and_biases, 'gradient')]
    .filter(({values}) => !isNumber(values[values.length - 1])).map(({name}) => ({name}));
  const dead = ofRows(rowsOf(layers, 'dead'), late, (value) => value >= 0.1, share);
  const saturated = ofRows(rowsOf(layers, 'saturated'), late, (value) => value >= 0.3, share);
  const flow = rowsOf(layers, 'gradient');
  const exploding = ofRows(flow, (row) => late(row) / usually(row), (growth) => growth >= 30, times);
  const strongest = Math.max(...flow.map(late).filter(isNumber));
  const vanishing = ofRows(flow, late, (norm) => norm < 1e-4 * strongest, short);
  const large = ofRows(ratios, usually, (ratio) => ratio > 10 * usualRatio, short);
  const small = ofRows(ratios, usually, (ratio) => ratio < usualRatio / 10, short);
  const sentence = (found, kind, what) => {
    const one = found.length === 1;
    return found.length === 0 ? null : `${found.length} ${kind}${one ? '' : 's'} ${what(one, one ? 'its' : 'their')}: ${namesOf(found)}.`;
  };
  return [
    sentence(broken, 'parameter', (one) => `${one ? 'has' : 'have'} no finite gradient at the last step that was watched`),
    sentence(dead, 'layer', (one) =>
      `${one ? 'has' : 'have'} dead channels, a tenth or more: 0 for the whole batch, so that nothing is learnt through them`),
    sentence(saturated, 'layer', (one, its) =>
      `${one ? 'has' : 'have'} three tenths or more of ${its} values at 6, where relu6 passes no gradient`),
    sentence(exploding, 'layer', (one) =>
      `${one ? 'has a gradient that explodes' : 'have gradients that explode'}, to 30 times the usual norm or more`),
    sentence(vanishing, 'layer', (one) =>
      `${one ? 'has a gradient that vanishes' : 'have gradients that vanish'}, below a ten-thousandth of the strongest layer’s`),
    sentence(large, 'weight', (one, its) => `${one ? 'moves' : 'move'} by more than a hundredth of ${its} norm in a usual step: the learning rate is high for ${
      one ? 'it' : 'them'}`),
    sentence(small, 'weight', (one, its) => `${one ? 'moves' : 'move'} by less than a ten-thousandth of ${its} norm in a usual step: ${
      one ? 'it hardly learns' : 'they hardly learn'}`),
  ].filter((each) => each !== null);
}

function findingsList(watched) {
  const all = findings(watched);
  if (all.length > 0) return element('ul', {class: 'findings'}, all.map((text) => element('li', {}, text)));
  return element('p', {class: 'findings'}, 'Nothing stands out: no dead channels, no layer whose gradient vanishes or explodes, '
    + 'no update far from a thousandth of its weight.');
}

const shareScale = {colours: ['--map-none', '--map-all'], share: (value) => value, ends: ['0%', '100%']};
const ratioScale = {colours: ['--map-less', '--map-usual', '--map-more'], share: (value) => (Math.log10(value) + 6) / 6,
  ends: ['1e-6', '', '1'], middle: 'the middle, 1e-3, is usual'};

function ratioView(name, group) {
  return {name, rows: ratiosOf(group), scale: ratioScale, tell: (value, {row}, i) =>
    `update / value ${short(value)} (${short(row.update[i])} / ${short(row.value[i])})`};
}

function sizeView(name, rows, tell) {
  return {name, rows, scale: mapPowers(allValues(rows)), tell};
}

/** Only of rows in which there are some. */
function shareView(name, layers, figure, what) {
  return {name, rows: rowsOf(layers, figure).filter(({values}) => known(values).some((value) => value > 0)), scale: shareScale,
    tell: (value) => `${percent(value, 1)} ${what}`};
}

const deviationTold = (value, {row}, i) =>
  `deviation ${short(value)}${isNumber(listOf(row.mean)[i]) ? `, mean ${short(row.mean[i])}` : ''}`;

function watchedMaps(watched, common) {
  const {layers, weights, norms_and_biases: norms} = watched;
  const gradients = (name, group) => sizeView(name, rowsOf(group, 'gradient'), (value) => `gradient ${short(value)}`);
  return [
    {title: 'Update ratio', views: [ratioView('weights', weights), ratioView('norms and biases', norms)],
      note: '|update| / |value| of each parameter in one step. About 1e-3 is usual; far below it hardly anything is learnt, '
        + 'far above it what was learnt is overwritten.'},
    {title: 'Gradient norm',
      views: [gradients('weights', weights), gradients('norms and biases', norms), gradients('outputs', layers)],
      note: 'L2, from the first layer above to the last below: where it fades upwards, gradients vanish on their way back.'},
    {title: 'Deviation of outputs', views: [sizeView('outputs', rowsOf(layers, 'deviation'), deviationTold)],
      note: 'Standard deviation of all values that a layer puts out.'},
    {title: 'Zeros and saturation',
      views: [shareView('zeros', layers, 'zeros', 'of the values are 0'), shareView('at 6', layers, 'saturated', 'of the values are 6'),
        shareView('dead channels', layers, 'dead', 'of the channels are dead')],
      note: 'Shares of a layer’s values: 0, or 6, where relu6 ends; neither passes a gradient. A channel that is 0 for the whole '
        + 'batch is dead.'},
  ].map((map) => heatMapOf({...map, ...common})).filter((map) => map !== null);
}

function watchedSection(run) {
  const watched = objectOf(run.watched), steps = listOf(watched.steps);
  if (steps.length === 0) return;
  const thinned = isNumber(watched.lines) && watched.lines > steps.length
    ? ` ${steps.length} of the ${whole(watched.lines)} watched steps are drawn, evenly spread.` : '';
  section('layers', 'Layer by layer', element('p', {class: 'note'},
    `Rows are layers and parameters, from input to output, columns the steps that were watched (--watch).${thinned}`),
  findingsList(watched), element('div', {class: 'maps'}, watchedMaps(watched, {steps, epochs: listOf(watched.epochs)})));
}
