// Results of runs: a frame of a stack moves the cursor of the editor on the same page (without one it is a link and needs
// nothing), and a log that is read at its end stays there while lines of a run arrive.
document.addEventListener('click', (event) => {
  const frame = event.target.closest?.('[data-goto-line]');
  if (!frame) return;
  const { gotoLine, gotoColumn, gotoEditor } = frame.dataset;
  const detail = { line: Number(gotoLine), column: Number(gotoColumn), ...(gotoEditor && { id: gotoEditor }) };
  document.dispatchEvent(new CustomEvent('dastgoh:goto', { detail }));
});

// By id, because a fragment may bring a new element. Who scrolled up to read is left alone.
const readElsewhere = new Set();
const logs = () => document.querySelectorAll('.log[id]');

document.addEventListener('scroll', ({ target }) => {
  if (!target.matches?.('.log[id]')) return;
  const atEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 24;
  readElsewhere[atEnd ? 'delete' : 'add'](target.id);
}, { capture: true, passive: true });

document.addEventListener('htmx:after:swap', () => {
  for (const log of logs()) {
    if (!readElsewhere.has(log.id) && log.closest('[data-status="running"]')) log.scrollTop = log.scrollHeight;
  }
});
