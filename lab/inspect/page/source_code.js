// The reference's loops as they are in the repository, and where the fast ones are.

/** Lines with their numbers; comments stand back. */
function listing(text) {
  const lines = text.replace(/\n$/, '').split('\n');
  return element('pre', {}, element('code', {}, lines.map((line, i) => {
    const comment = /^(.*?)(\/\/.*)$/.exec(line);
    return element('span', {class: 'line', 'data-line': i + 1}, comment ? [comment[1], element('span', {class: 'comment'}, comment[2])] : line || ' ', '\n');
  })));
}

/** Of the two passes, the line where each begins. */
function linesOf(text) {
  const lines = text.split('\n');
  const at = (word) => lines.findIndex((line) => new RegExp(`^(void|T|double|std::\\S+) \\w*${word}\\w*\\(`).test(line)) + 1;
  return [['forward', at('forward')], ['backward', at('backward')]].filter(([, line]) => line > 0).map(([word, line]) => `${word} from line ${line}`).join(', ');
}

function sourceCode(note) {
  if (note.reference.length === 0) return element('p', {class: 'note'}, 'There is no kernel: nothing is computed.');
  const paths = (list) => list.flatMap((path, i) => [i > 0 ? ', ' : '', element('code', {}, path)]);
  return element('div', {class: 'source'}, note.reference.map((path, i) => {
    const text = step.notes.sources[path], lines = linesOf(text);
    return element('details', {open: i === note.reference.length - 1}, element('summary', {}, `${path}${lines ? `: ${lines}` : ''}`),
      scrolling(path, listing(text)));
  }), element('p', {class: 'note'}, 'The same as fast code: ', paths(note.cpu), '; as CUDA kernels: ', paths(note.cuda), '.'));
}
