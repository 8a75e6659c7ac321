// What the model gets wrong: the worst classes, what they are taken for, and the images it is surest about.

/** A count whose colour is as strong as `share` says; what it counts is told under the pointer. */
function heatCell(count, share, kind, describe) {
  const strength = Math.round(100 * Math.max(0, Math.min(1, share)));
  const cell = element('td', {class: `heat ${kind}`, style: `--share: ${strength}%`}, count === 0 ? '' : String(count));
  cell.setAttribute('aria-label', describe);
  const show = () => {
    const box = cell.getBoundingClientRect();
    showTip(box.right, box.top, element('span', {}, describe));
  };
  for (const event of ['pointerenter', 'pointerdown']) cell.addEventListener(event, show);
  cell.addEventListener('pointerleave', (event) => event.pointerType === 'touch' || hideTip());
  return cell;
}

function heatMap(validation, nameOf, imagesOf) {
  const confusion = objectOf(validation.confusion);
  const labels = listOf(confusion.labels), counts = listOf(confusion.counts);
  if (labels.length === 0 || counts.length < labels.length) return null;
  const number = (i, j) => (isNumber(listOf(counts[i])[j]) ? counts[i][j] : 0);
  // The commonest mistake has the full colour: a share of all images would leave most of them pale.
  const most = Math.max(1, ...labels.flatMap((_, i) => labels.map((__, j) => (i === j ? 0 : number(i, j)))));
  const rows = labels.map((label, i) => {
    const counted = labels.map((_, j) => number(i, j));
    const images = imagesOf(label) ?? sum(counted);
    return {label, counted, images, elsewhere: Math.max(0, images - sum(counted))};
  });
  const hasOthers = rows.some(({elsewhere}) => elsewhere > 0);
  const cells = ({label, counted, images, elsewhere}, i) => {
    const of = `of ${images} images of ${nameOf(label)}`;
    return [...counted.map((count, j) => (i === j
      ? heatCell(count, images > 0 ? count / images : 0, 'right', `${count} ${of} were recognised`)
      : heatCell(count, count / most, 'wrong', `${count} ${of} were taken for ${nameOf(labels[j])}`))),
    hasOthers ? heatCell(elsewhere, 0, 'others', `${elsewhere} ${of} were taken for other classes`) : null];
  };
  const name = (text) => element('span', {}, text);
  const heads = [...labels.map(nameOf), ...(hasOthers ? ['others'] : [])].map((text) =>
    element('th', {scope: 'col', title: text}, name(text)));
  return scrolling('Confusion', element('table', {class: `confusion ${labels.length <= 6 ? 'few' : ''}`},
    element('thead', {}, element('tr', {}, element('td', {class: 'corner'}, 'is ↓ taken for →'), heads)),
    element('tbody', {}, rows.map((row, i) => element('tr', {},
      element('th', {scope: 'row', title: nameOf(row.label)}, name(nameOf(row.label))), cells(row, i))))));
}

/** Whether more classes were told apart than are listed. */
const hasMore = (validation, listed) => !(isNumber(validation.classes) && validation.classes <= listed);

function worstClasses(validation, nameOf) {
  const worst = listOf(validation.worst_classes).filter((each) => isNumber(each?.accuracy)).slice(0, 12);
  if (worst.length === 0) return null;
  const bar = (share) => ({attributes: {class: 'bar', style: `--share: ${percent(share, 1)}`},
    node: element('span', {}, percent(share, 1))});
  return table(hasMore(validation, worst.length) ? 'Worst classes' : 'Classes, the worst first', ['class', 'accuracy', 'images'],
    worst.map((each) => [nameOf(each.class), bar(each.accuracy), isNumber(each.images) ? whole(each.images) : null]), {class: 'names'});
}

/** Precision and recall of every class, for those who want to look one up. */
function everyClass(validation, nameOf) {
  const {images, precision, recall} = objectOf(validation.per_class);
  const rows = listOf(recall).map((own, i) => [nameOf(i), isNumber(listOf(images)[i]) ? whole(images[i]) : null,
    isNumber(listOf(precision)[i]) ? percent(precision[i], 1) : null, isNumber(own) ? percent(own, 1) : null]);
  if (rows.length === 0) return null;
  const mean = isNumber(validation.balanced_accuracy) ? `; balanced accuracy ${percent(validation.balanced_accuracy, 1)}` : '';
  return element('details', {class: 'card'}, element('summary', {}, `Precision and recall of each class${mean}`),
    table('Each class', ['class', 'images', 'precision', 'recall'], rows, {class: 'names'}));
}

function commonestMistakes(validation, nameOf) {
  const mistakes = listOf(validation.confusions).filter((each) => isNumber(each?.count))
    .sort((a, b) => b.count - a.count).slice(0, 12);
  if (mistakes.length === 0) return null;
  return table('Commonest mistakes', ['is', 'taken for', 'times'],
    mistakes.map((each) => [nameOf(each.class), nameOf(each.predicted), whole(each.count)]), {class: 'names'});
}

function mostWrong(validation, nameOf) {
  const all = listOf(validation.most_wrong).map((each) => {
    const image = picture(each?.image, `an image of ${nameOf(each?.class)}`, {loading: 'lazy'});
    if (image === null) return null;
    return element('figure', {}, image, element('figcaption', {},
      element('span', {class: 'truth'}, nameOf(each.class)),
      element('span', {class: 'guess'}, 'taken for ', nameOf(each.predicted)),
      isNumber(each.probability) ? element('span', {class: 'sure'}, `${percent(each.probability, 1)} sure`) : null));
  }).filter((each) => each !== null);
  return all.length === 0 ? null : [element('h3', {}, 'Most wrong images'), element('p', {class: 'note'},
    'Validation images with the highest probability for a wrong class: often a wrong label, or an image of two things.'),
  element('div', {class: 'gallery'}, all)];
}

function validationSection(run, {classes, best}) {
  const validation = objectOf(run.validation);
  const nameOf = (index) => (Number.isInteger(index) ? classes[index] ?? `class ${index}` : 'an unknown class');
  const images = new Map(listOf(validation.worst_classes).map((each) => [each?.class, each?.images]));
  const heat = heatMap(validation, nameOf, (label) => (isNumber(images.get(label)) ? images.get(label) : undefined));
  const tables = [worstClasses(validation, nameOf), commonestMistakes(validation, nameOf)].filter((each) => each !== null);
  const isWhole = !hasMore(validation, listOf(objectOf(validation.confusion).labels).length);
  const content = [
    heat && element('div', {class: 'card'}, element('h3', {}, isWhole ? 'Confusion' : 'Confusion of the worst classes'),
      element('p', {class: 'note'}, 'Rows are what an image is, columns what it was taken for.'), heat),
    tables.length > 0 ? element('div', {class: 'pair'}, tables.map((each) => element('div', {class: 'card'}, each))) : null,
    everyClass(validation, nameOf),
    ...listOf(mostWrong(validation, nameOf)),
  ].filter((each) => each !== null);
  if (content.length === 0) return;
  section('mistakes', 'What it gets wrong', isNumber(validation.epoch)
    ? element('p', {class: 'note'}, whichModel(validation, best)) : null, content);
}

/** "…, after epoch 12, by the averaged weights: the model that is kept as best." */
function whichModel({epoch, weights}, best) {
  const by = weights === 'averaged' ? `, by the ${averagedWeights}` : weights === 'plain' && best?.averaged ? ', by the plain weights' : '';
  const which = best === null ? '.' : epoch === best.epoch ? ': the model that is kept as best.'
    : `. The best epoch was ${best.epoch}.`;
  return `On the validation images, after epoch ${epoch}${by}${which}`;
}
